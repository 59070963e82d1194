//! Ids as types, so that a channel is never passed for a person.

use chrono::{DateTime, Utc};
use compact_str::{CompactString, format_compact};
use serde::{Deserialize, Deserializer, Serialize, de};
use sha2::{Digest, Sha256};
use std::fmt;
use uuid::{Builder, Uuid};

/// Why a text cannot be an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    #[error("an id is not empty")]
    Empty,
    #[error("an id has at most {MAX_ID} characters, not {0}")]
    TooLong(usize),
    #[error("an id has no spaces or control characters")]
    Character,
}

/// Longer than any platform's id, and than the ids that outside publishers choose for their chains.
const MAX_ID: usize = 128;

fn validated(text: &str) -> Result<CompactString, IdError> {
    if text.is_empty() {
        return Err(IdError::Empty);
    }
    if text.len() > MAX_ID {
        return Err(IdError::TooLong(text.chars().count()));
    }
    let usual = text.bytes().all(|byte| byte.is_ascii_graphic());
    if !usual && text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(IdError::Character);
    }
    Ok(CompactString::new(text))
}

/// Reads a text or a whole number: Telegram's own ids are numbers, and a publisher that passes one on unchanged
/// is understood. Fractions are refused, since a platform id that went through a float is not that id any more.
struct IdVisitor;

impl de::Visitor<'_> for IdVisitor {
    type Value = CompactString;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an id as text")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<CompactString, E> {
        validated(text).map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<CompactString, E> {
        Ok(format_compact!("{number}"))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<CompactString, E> {
        Ok(format_compact!("{number}"))
    }
}

macro_rules! text_ids {
    ($( $(#[$doc:meta])* $name:ident; )*) => { $(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        #[serde(transparent)]
        pub struct $name(CompactString);

        impl $name {
            pub fn new(text: &str) -> Result<Self, IdError> {
                validated(text).map(Self)
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                // Self-describing formats only: the wire is JSON.
                deserializer.deserialize_any(IdVisitor).map(Self)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "minLength": 1, "maxLength": MAX_ID, "pattern": "^\\S+$" })
            }
        }
    )* };
}

text_ids! {
    /// A person (or bot) on one platform. Text on the wire: Discord's ids do not survive JavaScript numbers.
    UserId;
    /// A Discord guild or a Telegram chat (negative there).
    GuildId;
    /// A channel, thread or forum topic.
    ChannelId;
    /// A message; on Telegram unique only within its chat.
    MessageId;
    /// A role of a guild.
    RoleId;
    /// The event or command that began a chain: an event id of ours, or whatever an outside publisher chose.
    CorrelationId;
    /// The place of an event in its durable stream.
    StreamId;
}

/// The span that an event was published from, as W3C Trace Context writes it: `00-<trace>-<span>-<flags>`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Traceparent(CompactString);

// === impl Traceparent ===

impl Traceparent {
    /// `None` for what no collector would take: whoever traces then begins anew, as the standard asks.
    pub fn new(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split('-').collect();
        let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
        let hex = parts
            .iter()
            .flat_map(|part| part.bytes())
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let names = |part: &str| part.bytes().any(|byte| byte != b'0');
        let known =
            lengths == [2, 32, 16, 2] && hex && parts[0] == "00" && names(parts[1]) && names(parts[2]);
        known.then(|| Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

macro_rules! uuid_ids {
    ($( $(#[$doc:meta])* $name:ident; )*) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "format": "uuid" })
            }
        }
    )* };
}

uuid_ids! {
    /// The same on every redelivery; consumers deduplicate on it.
    EventId;
    /// A case, across its whole life. Its number is what people use.
    CaseId;
    /// What was asked for in one go, about many people.
    BatchId;
    /// A word to a moderator, shown once wherever it is heard.
    NotificationId;
    /// The stored explanation of one verdict.
    TraceId;
}

// === impl TraceId ===

impl TraceId {
    /// The trace of what these rules made of an event: the same whenever they judge it.
    pub fn of(event: EventId, rule_set_hash: &str) -> Self {
        Self(event.follow_up(&format!("trace/{rule_set_hash}")).0)
    }
}

// === impl EventId ===

impl EventId {
    /// The id of an event that `by` publishes because of this one: the same whenever this one is handled, so that what
    /// is published a second time after a crash is known for the same. It sorts with this one, by its time.
    #[must_use]
    pub fn follow_up(self, by: &str) -> Self {
        let digest = Sha256::new()
            .chain_update(self.0.as_bytes())
            .chain_update(by.as_bytes())
            .finalize();
        let mut bytes = *self.0.as_bytes();
        bytes[6..].copy_from_slice(&digest[..10]);
        Self(Builder::from_custom_bytes(bytes).into_uuid())
    }

    /// The id of something that was observed at this time and may be told again: the same each time it is told, and
    /// another for whatever differs in time or in `what`. It sorts by time as our own do, and is a UUID of version 8
    /// ("custom") since its other bits are not random.
    #[must_use]
    pub fn observed(at: DateTime<Utc>, what: &[&str]) -> Self {
        let mut hash = Sha256::new();
        for part in what {
            // Lengths keep the parts apart: no text of one can pass for the start of the next.
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        let digest = hash.finalize();
        let mut bytes = [0_u8; 16];
        bytes[..6].copy_from_slice(&at.timestamp_millis().max(0).to_be_bytes()[2..]);
        bytes[6..].copy_from_slice(&digest[..10]);
        Self(Builder::from_custom_bytes(bytes).into_uuid())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_follow_up_is_the_same_each_time_and_another_for_each_purpose() {
        let first = EventId("0199c2d4-0000-7000-8000-000000000001".parse().unwrap());
        let second = EventId("0199c2d4-0000-7000-8000-000000000002".parse().unwrap());
        let follow_up = first.follow_up("worker.rules/verdict");
        assert_eq!(follow_up, first.follow_up("worker.rules/verdict"));
        // Pinned: another value would let a release publish once more what the one before it published.
        assert_eq!(follow_up.to_string(), "0199c2d4-0000-8b0d-a0e7-dba89f83e0ab");
        assert_ne!(follow_up, second.follow_up("worker.rules/verdict"));
        assert_ne!(follow_up, first.follow_up("worker.rules/act"));
        assert_ne!(follow_up, first);
        assert_eq!(follow_up.0.as_bytes()[..6], first.0.as_bytes()[..6]);
    }

    #[test]
    fn what_is_told_again_has_the_same_id() {
        let at = "2026-11-20T09:06:00Z".parse().unwrap();
        let id = EventId::observed(at, &["telegram", "110201543", "7"]);
        // Pinned: another value would let a release publish once more what the one before it published.
        assert_eq!(id.to_string(), "01a1f834-9cc0-860d-bf1a-cc961092005e");
        assert_ne!(id, EventId::observed(at, &["telegram", "1102015437", ""]));
        let later = EventId::observed(
            at + chrono::TimeDelta::milliseconds(1),
            &["telegram", "110201543", "7"],
        );
        assert!(id < later, "it sorts by time");
    }

    #[test]
    fn an_id_is_text_or_a_whole_number() {
        assert_eq!(
            serde_json::from_str::<GuildId>("\"81384788765712384\"")
                .unwrap()
                .as_str(),
            "81384788765712384"
        );
        assert_eq!(
            serde_json::from_str::<GuildId>("-1001234567890")
                .unwrap()
                .as_str(),
            "-1001234567890"
        );
        assert_eq!(
            serde_json::from_str::<UserId>("18446744073709551615")
                .unwrap()
                .as_str(),
            "18446744073709551615"
        );
        for refused in [
            "\"\"",
            "\"a b\"",
            "\"a\\u0000\"",
            "1.5",
            "1e30",
            "null",
            "true",
            "[1]",
        ] {
            assert!(
                serde_json::from_str::<UserId>(refused).is_err(),
                "{refused} was taken for an id"
            );
        }
        assert_eq!(UserId::new(&"1".repeat(129)), Err(IdError::TooLong(129)));
    }
}
