//! An event on the wire: who, when, which chain, and a body that is decoded on demand.

use crate::error::{DecodeError, EncodeError};
use crate::id::{CorrelationId, EventId, StreamId, Traceparent};
use crate::live::{LIVE_VERSION, Live};
use crate::older;
use crate::source::Source;
use crate::table::Event;
use crate::time::Timestamp;
use crate::wire::{self, Members};
use chrono::{DateTime, Utc};
use compact_str::{CompactString, ToCompactString};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;

/// The largest envelope that is read or written. Twice the longest message a platform allows (4,000 characters
/// with its embeds, again in a forward, all of four bytes) fits.
pub const MAX_BYTES: usize = 256 * 1024;

/// How deep an envelope may nest: our own bodies need eight levels, and many JSON readers stop at 128.
pub const MAX_DEPTH: usize = 64;

/// An event with its body still raw, so that a type or member from the future is kept and relayed whole.
#[derive(Debug, Clone)]
pub struct Envelope {
    /// The same on every redelivery. Consumers deduplicate on it.
    pub event_id: EventId,
    /// When it happened on the platform, not when we heard of it.
    pub timestamp: DateTime<Utc>,
    pub source: Source,
    /// The event or command that began the chain; the event itself where none was named.
    pub correlation_id: CorrelationId,
    /// The place in the durable stream, on a live frame. The bus puts it there; it is never written back.
    pub stream_id: Option<StreamId>,
    /// The span that it was published from, so that one trace shows the whole way. Absent where nobody traces; one
    /// that cannot be followed counts as absent.
    pub traceparent: Option<Traceparent>,
    event_type: CompactString,
    version: u32,
    data: Box<RawValue>,
    extra: Vec<(CompactString, Box<RawValue>)>,
}

// === impl Envelope ===

impl Envelope {
    /// Wraps an event. Without a `correlation_id` the event begins a chain of its own.
    pub fn new(
        event_id: EventId,
        timestamp: DateTime<Utc>,
        source: Source,
        correlation_id: Option<CorrelationId>,
        event: &Event,
    ) -> Result<Self, EncodeError> {
        let data = event
            .write_body()
            .map_err(|source| EncodeError::Body { source })?;
        let head = Head {
            event_type: event.event_type().into(),
            version: event.version(),
            event_id,
            timestamp,
            source,
        };
        Self::wrap(head, correlation_id, data)
    }

    /// Wraps what is said on a live-only channel.
    pub fn new_live(
        event_id: EventId,
        timestamp: DateTime<Utc>,
        source: Source,
        live: &Live,
    ) -> Result<Self, EncodeError> {
        let data = live.write_body().map_err(|source| EncodeError::Body { source })?;
        let head = Head {
            event_type: live.channel(),
            version: LIVE_VERSION,
            event_id,
            timestamp,
            source,
        };
        Self::wrap(head, None, data)
    }

    fn wrap(
        head: Head,
        correlation_id: Option<CorrelationId>,
        data: Box<RawValue>,
    ) -> Result<Self, EncodeError> {
        let Head {
            event_type,
            version,
            event_id,
            timestamp,
            source,
        } = head;
        // The members beside the body are short: an event that fits by this measure fits on the wire.
        let bytes = data.get().len() + HEAD_BYTES;
        if bytes > MAX_BYTES {
            return Err(EncodeError::TooLarge {
                bytes,
                limit: MAX_BYTES,
            });
        }
        Ok(Self {
            correlation_id: correlation_id.unwrap_or_else(|| own_chain(event_id)),
            event_id,
            timestamp,
            source,
            stream_id: None,
            traceparent: None,
            event_type,
            version,
            data,
            extra: Vec::new(),
        })
    }

    /// Reads an envelope of this or an older shape. The body is checked to be JSON, not yet to fit its type.
    pub fn decode(text: &str) -> Result<Self, DecodeError> {
        if text.len() > MAX_BYTES {
            return Err(DecodeError::TooLarge {
                bytes: text.len(),
                limit: MAX_BYTES,
            });
        }
        if wire::deeper_than(MAX_DEPTH, text) {
            return Err(DecodeError::TooDeep { limit: MAX_DEPTH });
        }
        Self::from_members(Members::read(text)?, text.len())
    }

    /// As [`Envelope::decode`], for bytes that may not be text at all.
    pub fn decode_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.len() > MAX_BYTES {
            return Err(DecodeError::TooLarge {
                bytes: bytes.len(),
                limit: MAX_BYTES,
            });
        }
        let text = std::str::from_utf8(bytes).map_err(|error| DecodeError::NotUtf8 {
            at: error.valid_up_to(),
        })?;
        Self::decode(text)
    }

    fn from_members(members: Members, bytes: usize) -> Result<Self, DecodeError> {
        // Written back in today's shape, what is filled in here makes it longer; it must still be readable then.
        // Only numbers of milliseconds grow besides, and an envelope with one is an older one.
        if members.lacks_something() && bytes + HEAD_BYTES > MAX_BYTES {
            return Err(DecodeError::TooLarge {
                bytes,
                limit: MAX_BYTES - HEAD_BYTES,
            });
        }
        let mut extra = members.extra;
        let mut spare =
            |name: &str, raw: Option<Box<RawValue>>| extra.extend(raw.map(|raw| (name.into(), raw)));
        // `type` beside `eventType` is not the older shape but a member of someone else's: it is kept.
        let event_type = match (members.event_type, members.older_type) {
            (Some(name), other) => {
                spare("type", other);
                name
            }
            (None, Some(older)) => older::type_name(&older)?,
            (None, None) => return Err(DecodeError::Missing { field: "eventType" }),
        };
        let data = match (members.data, members.older_payload) {
            (Some(data), other) => {
                spare("payload", other);
                data
            }
            (None, Some(older)) => older,
            (None, None) => return Err(DecodeError::Missing { field: "data" }),
        };
        let Timestamp(timestamp) = members
            .timestamp
            .ok_or(DecodeError::Missing { field: "timestamp" })?;
        let source = members
            .source
            .unwrap_or_else(|| Source::Outside("unknown".into()));
        let event_id = members
            .event_id
            .unwrap_or_else(|| older::derived_id(&event_type, timestamp, &source, &data));
        Ok(Self {
            event_id,
            timestamp,
            source,
            correlation_id: members.correlation_id.unwrap_or_else(|| own_chain(event_id)),
            stream_id: members.stream_id,
            traceparent: members
                .traceparent
                .and_then(|raw| Traceparent::new(serde_json::from_str(raw.get()).ok()?)),
            event_type,
            version: members.version.unwrap_or(1),
            data,
            extra,
        })
    }

    /// The body, decoded to its type.
    pub fn event(&self) -> Result<Event, DecodeError> {
        Event::decode(&self.event_type, self.version, &self.data)
    }

    /// What was said, when it was said on a live-only channel.
    pub fn live(&self) -> Result<Live, DecodeError> {
        Live::decode(&self.event_type, self.version, &self.data)
    }

    /// The type, which is also the channel. It need not be one of [`crate::TYPES`].
    pub fn event_type(&self) -> &str {
        &self.event_type
    }

    /// The version of the body's shape.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// The body as it stands on the wire.
    pub fn data(&self) -> &RawValue {
        &self.data
    }

    /// The envelope as JSON text, in today's shape whatever shape it came in.
    pub fn encode(&self) -> String {
        let mut text = Vec::with_capacity(self.data.get().len() + HEAD_BYTES);
        serde_json::to_writer(&mut text, self).expect("every member is a text, a number or already JSON");
        String::from_utf8(text).expect("serde_json writes UTF-8")
    }
}

impl Serialize for Envelope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("eventId", &self.event_id)?;
        map.serialize_entry("eventType", self.event_type.as_str())?;
        map.serialize_entry("timestamp", &Timestamp(self.timestamp))?;
        map.serialize_entry("source", &self.source)?;
        map.serialize_entry("correlationId", &self.correlation_id)?;
        map.serialize_entry("version", &self.version)?;
        if let Some(traceparent) = &self.traceparent {
            map.serialize_entry("traceparent", traceparent)?;
        }
        map.serialize_entry("data", &self.data)?;
        for (name, value) in &self.extra {
            map.serialize_entry(name.as_str(), value)?;
        }
        map.end()
    }
}

/// What `wrap` is told of an event beside its body.
struct Head {
    event_type: CompactString,
    version: u32,
    event_id: EventId,
    timestamp: DateTime<Utc>,
    source: Source,
}

/// Room for the members beside the body.
const HEAD_BYTES: usize = 512;

fn own_chain(event_id: EventId) -> CorrelationId {
    CorrelationId::new(&event_id.to_compact_string()).expect("a UUID is a valid id")
}
