//! The members of an envelope as they stand in the text.

use crate::error::DecodeError;
use crate::id::{CorrelationId, EventId, StreamId};
use crate::source::Source;
use crate::time::Timestamp;
use compact_str::CompactString;
use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;
use std::fmt;

/// Members found in an envelope. `null` counts as absent.
#[derive(Default)]
pub(crate) struct Members {
    pub(crate) event_id: Option<EventId>,
    pub(crate) event_type: Option<CompactString>,
    pub(crate) timestamp: Option<Timestamp>,
    pub(crate) source: Option<Source>,
    pub(crate) correlation_id: Option<CorrelationId>,
    pub(crate) version: Option<u32>,
    pub(crate) stream_id: Option<StreamId>,
    /// Raw: one that cannot be followed is no reason to refuse the event.
    pub(crate) traceparent: Option<Box<RawValue>>,
    pub(crate) data: Option<Box<RawValue>>,
    /// `type` and `payload`: the older names of `eventType` and `data`. Raw, since beside today's names they are
    /// someone else's members.
    pub(crate) older_type: Option<Box<RawValue>>,
    pub(crate) older_payload: Option<Box<RawValue>>,
    /// What a newer publisher added.
    pub(crate) extra: Vec<(CompactString, Box<RawValue>)>,
}

// === impl Members ===

impl Members {
    pub(crate) fn read(text: &str) -> Result<Self, DecodeError> {
        let (mut members, mut at) = (Self::default(), None);
        let mut reader = serde_json::Deserializer::from_str(text);
        let read = MembersSeed {
            members: &mut members,
            at: &mut at,
        }
        .deserialize(&mut reader);
        match read.and_then(|()| reader.end()) {
            Ok(()) => Ok(members),
            Err(source) => Err(match (at, source.classify()) {
                (Some(field), Category::Data) => DecodeError::Field { field, source },
                _ => DecodeError::NotJson { source },
            }),
        }
    }

    /// Whether reading fills in what today's shape would have said.
    pub(crate) fn lacks_something(&self) -> bool {
        self.event_id.is_none()
            || self.event_type.is_none()
            || self.source.is_none()
            || self.correlation_id.is_none()
            || self.version.is_none()
            || self.data.is_none()
    }
}

/// Reads the members in one pass and leaves the name of the one it is at, for the error.
struct MembersSeed<'a> {
    members: &'a mut Members,
    at: &'a mut Option<&'static str>,
}

impl<'de> DeserializeSeed<'de> for MembersSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

macro_rules! members {
    ($( $text:literal => $place:ident, )+) => {
        /// The name of a member.
        #[expect(non_camel_case_types, reason = "the variants are the names of the fields of `Members`")]
        enum Name { $( $place, )+ other(CompactString) }

        impl Visitor<'_> for NameVisitor {
            type Value = Name;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Name, E> {
                Ok(match name {
                    $( $text => Name::$place, )+
                    other => Name::other(other.into()),
                })
            }
        }

        impl<'de> Visitor<'de> for MembersSeed<'_> {
            type Value = ();

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an envelope")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
                while let Some(name) = map.next_key::<Name>()? {
                    match name {
                        $( Name::$place => {
                            *self.at = Some($text);
                            // Two readers that each take another one of two ids would each handle the event.
                            if self.members.$place.is_some() {
                                return Err(de::Error::custom("it stands twice"));
                            }
                            self.members.$place = map.next_value()?;
                        } )+
                        Name::other(name) => self.members.extra.push((name, map.next_value()?)),
                    }
                    *self.at = None;
                }
                Ok(())
            }
        }
    };
}

members! {
    "eventId" => event_id,
    "eventType" => event_type,
    "timestamp" => timestamp,
    "source" => source,
    "correlationId" => correlation_id,
    "version" => version,
    "streamId" => stream_id,
    "traceparent" => traceparent,
    "data" => data,
    "type" => older_type,
    "payload" => older_payload,
}

struct NameVisitor;

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(NameVisitor)
    }
}

/// Whether the text nests deeper than `limit`. Brackets inside strings do not count: people type them.
pub(crate) fn deeper_than(limit: usize, text: &str) -> bool {
    // Nearly every envelope has fewer brackets than that, wherever they stand.
    if memchr::memchr2_iter(b'{', b'[', text.as_bytes())
        .take(limit + 1)
        .count()
        <= limit
    {
        return false;
    }
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        if escaped {
            escaped = false;
            continue;
        }
        match byte {
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                if depth > limit {
                    return true;
                }
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_is_counted_outside_strings() {
        let nested = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
        assert!(!deeper_than(64, &nested(64)));
        assert!(deeper_than(64, &nested(65)));
        assert!(!deeper_than(
            64,
            &format!("{{\"content\":\"{}\"}}", "[".repeat(1000))
        ));
        assert!(!deeper_than(
            64,
            &format!("{{\"content\":\"\\\"{}\"}}", "{".repeat(1000))
        ));
        assert!(!deeper_than(2, &"[1],".repeat(1000)));
    }
}
