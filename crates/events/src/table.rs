//! The one table of types. A row is a channel, a body, a version, its publishers and a line of meaning.

use crate::error::DecodeError;
use crate::guild::{GuildConfig, GuildUpdate};
use crate::id::GuildId;
use crate::message::{ButtonPressed, Message, MessageDeleted, MessageFlagged, MessagesBulkDeleted, Reaction};
use crate::moderation::{AuditLogged, Decision, ModerationAction, ModerationDeed, ModerationLog, Verdict};
use crate::schema::{self, SchemaFn};
use crate::source::Platform;
use crate::user::{BanObserved, UserJoinRequested, UserJoined, UserLeft, UserUpdated};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use std::fmt;

/// A row of the table.
pub struct TypeInfo {
    /// The event type, which is also the channel.
    pub name: &'static str,
    pub family: Family,
    /// The latest shape of the body that this code understands.
    pub version: u32,
    /// Who says it.
    pub publishers: &'static [&'static str],
    pub summary: &'static str,
    pub(crate) schema: SchemaFn,
}

macro_rules! contract {
    ($(
        $(#[$family_doc:meta])*
        $family:ident: $events:ident {
            $( $variant:ident($body:ty) = $name:literal, version $version:literal, from [$($publisher:literal),+], $summary:literal; )+
        }
    )+) => {
        /// A family of types, one enum each.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Family { $( $(#[$family_doc])* $family, )+ }

        impl Family {
            /// The enum that holds its events.
            pub fn enum_name(self) -> &'static str {
                match self { $( Self::$family => stringify!($events), )+ }
            }
        }

        $(
            $(#[$family_doc])*
            #[derive(Debug, Clone, PartialEq)]
            pub enum $events { $( #[doc = $summary] $variant($body), )+ }

            impl From<$events> for Event {
                fn from(event: $events) -> Self {
                    Self::$family(event)
                }
            }
        )+

        /// Any event of the contract, decoded.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Event { $( $family($events), )+ }

        impl Event {
            /// The type, which is also the channel.
            pub fn event_type(&self) -> &'static str {
                match self { $( $( Self::$family($events::$variant(_)) => $name, )+ )+ }
            }

            /// The version of the body's shape.
            pub fn version(&self) -> u32 {
                match self { $( $( Self::$family($events::$variant(_)) => $version, )+ )+ }
            }

            pub fn platform(&self) -> Platform {
                match self { $( $( Self::$family($events::$variant(body)) => body.platform, )+ )+ }
            }

            pub fn guild_id(&self) -> &GuildId {
                match self { $( $( Self::$family($events::$variant(body)) => &body.guild_id, )+ )+ }
            }

            pub(crate) fn decode(event_type: &str, version: u32, data: &RawValue) -> Result<Self, DecodeError> {
                match event_type {
                    $( $( $name => {
                        known_version(event_type, version, $version)?;
                        body(event_type, data).map(|body| Self::$family($events::$variant(body)))
                    } )+ )+
                    other => Err(DecodeError::UnknownType { event_type: other.into() }),
                }
            }

            pub(crate) fn write_body(&self) -> serde_json::Result<Box<RawValue>> {
                match self { $( $( Self::$family($events::$variant(body)) => serde_json::value::to_raw_value(body), )+ )+ }
            }
        }

        /// Every type of the contract.
        pub static TYPES: &[TypeInfo] = &[ $( $( TypeInfo {
            name: $name,
            family: Family::$family,
            version: $version,
            publishers: &[$( $publisher ),+],
            summary: $summary,
            schema: schema::of::<$body>,
        }, )+ )+ ];
    };
}

contract! {
    /// Wishes, decisions, their outcomes, verdicts and the audit.
    Moderation: ModerationEvent {
        Action(ModerationAction) = "moderation:action", version 1, from ["discord-bot", "telegram-bot", "backend", "worker", "outside"],
            "Someone or something wishes an act, or a bot observed one.";
        BanCreated(Decision) = "ban:created", version 1, from ["backend"], "A ban was decided and recorded.";
        BanRemoved(Decision) = "ban:removed", version 1, from ["backend"], "The end of a ban was decided and recorded.";
        KickExecuted(Decision) = "kick:executed", version 1, from ["backend"], "A kick was decided and recorded.";
        MuteApplied(Decision) = "mute:applied", version 1, from ["backend"], "A mute was decided and recorded.";
        MuteRemoved(Decision) = "mute:removed", version 1, from ["backend"], "The end of a mute was decided and recorded.";
        WarningAdded(Decision) = "warning:added", version 1, from ["backend"], "A warning was recorded.";
        WarningRemoved(Decision) = "warning:removed", version 1, from ["backend"], "A warning was taken back.";
        NoteAdded(Decision) = "note:added", version 1, from ["backend"], "A note about a person was recorded.";
        Log(ModerationLog) = "moderation:log", version 1, from ["discord-bot", "telegram-bot"],
            "What came of a decision on the platform.";
        Deed(ModerationDeed) = "moderation:deed", version 1, from ["discord-bot", "telegram-bot"],
            "A moderator did something that is nobody's case: cleared messages, slowed or locked a channel, gave a role.";
        Automod(Verdict) = "moderation:automod", version 1, from ["worker"], "The rules' verdict on a message, edit, join or name.";
        AuditLogged(AuditLogged) = "audit:logged", version 1, from ["backend"], "An entry was added to a community's audit chain.";
    }

    /// People coming, going and changing.
    User: UserEvent {
        Joined(UserJoined) = "user:joined", version 1, from ["discord-bot", "telegram-bot"], "A person joined.";
        JoinRequested(UserJoinRequested) = "user:join_requested", version 1, from ["discord-bot", "telegram-bot"],
            "A person asks to be let in.";
        Left(UserLeft) = "user:left", version 1, from ["discord-bot", "telegram-bot"], "A person left or was removed.";
        Updated(UserUpdated) = "user:updated", version 1, from ["discord-bot", "telegram-bot"], "A person's names, roles or rights changed.";
        Banned(BanObserved) = "user:banned", version 1, from ["discord-bot", "telegram-bot"], "The platform shows a person as banned.";
        Unbanned(BanObserved) = "user:unbanned", version 1, from ["discord-bot", "telegram-bot"], "The platform shows a ban as ended.";
    }

    /// What is said, changed and taken back.
    Message: MessageEvent {
        Created(Box<Message>) = "message:created", version 1, from ["discord-bot", "telegram-bot"], "A message was posted.";
        Edited(Box<Message>) = "message:edited", version 1, from ["discord-bot", "telegram-bot"], "A message changed; its new state.";
        Deleted(MessageDeleted) = "message:deleted", version 1, from ["discord-bot", "telegram-bot"], "A message was deleted.";
        BulkDeleted(MessagesBulkDeleted) = "message:bulk_deleted", version 1, from ["discord-bot", "telegram-bot"], "Many messages were deleted at once.";
        Flagged(MessageFlagged) = "message:flagged", version 1, from ["discord-bot"],
            "The platform's own AutoMod acted on what somebody said or wanted to say.";
        ReactionAdded(Reaction) = "reaction:added", version 1, from ["discord-bot", "telegram-bot"], "A reaction was put under a message.";
        ReactionRemoved(Reaction) = "reaction:removed", version 1, from ["discord-bot", "telegram-bot"], "A reaction was taken away.";
        ButtonPressed(ButtonPressed) = "button:pressed", version 1, from ["telegram-bot"], "Somebody pressed a button under a message of the bot's.";
    }

    /// Communities and their configuration.
    Guild: GuildEvent {
        Config(GuildConfig) = "guild:config", version 1, from ["backend"], "A new version of a community's configuration is in force.";
        Update(GuildUpdate) = "guild:update", version 1, from ["discord-bot", "telegram-bot"], "The platform shows a change of the community itself.";
    }
}

// === impl TypeInfo ===

impl TypeInfo {
    pub fn find(name: &str) -> Option<&'static Self> {
        TYPES.iter().find(|info| info.name == name)
    }
}

impl fmt::Debug for TypeInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TypeInfo({})", self.name)
    }
}

pub(crate) fn known_version(event_type: &str, version: u32, known: u32) -> Result<(), DecodeError> {
    if version <= known {
        return Ok(());
    }
    Err(DecodeError::UnknownVersion {
        event_type: event_type.into(),
        version,
        known,
    })
}

/// Reads a body; only when that fails is it read again with its path followed, which costs more.
pub(crate) fn body<T: DeserializeOwned>(event_type: &str, data: &RawValue) -> Result<T, DecodeError> {
    serde_json::from_str(data.get()).map_err(|first| {
        let mut reader = serde_json::Deserializer::from_str(data.get());
        let (path, source) = match serde_path_to_error::deserialize::<_, T>(&mut reader) {
            Err(traced) => (traced.path().to_string(), traced.into_inner()),
            Ok(_) => (".".to_owned(), first),
        };
        DecodeError::Body {
            event_type: event_type.into(),
            path,
            source,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_name_is_a_channel_of_its_own() {
        let names: HashSet<&str> = TYPES.iter().map(|info| info.name).collect();
        assert_eq!(names.len(), TYPES.len());
        for info in TYPES {
            let (family, kind) = info.name.split_once(':').unwrap();
            assert!(
                family
                    .chars()
                    .chain(kind.chars())
                    .all(|c| c.is_ascii_lowercase() || c == '_'),
                "{}",
                info.name
            );
            assert!(
                info.version >= 1 && !info.publishers.is_empty() && info.summary.ends_with('.'),
                "{}",
                info.name
            );
        }
    }
}
