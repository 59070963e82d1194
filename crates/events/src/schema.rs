//! How a body's JSON Schema is reached from the tables. The generators are `cargo xtask generate`'s.

use crate::envelope::Envelope;
use crate::table::TypeInfo;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;
use std::fmt;

pub(crate) type SchemaFn = fn(&mut SchemaGenerator) -> Schema;

pub(crate) fn of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// A channel beside the events: live-only, or a request.
pub struct ChannelInfo {
    pub channel: &'static str,
    pub summary: &'static str,
    schema: SchemaFn,
}

// === impl ChannelInfo ===

impl ChannelInfo {
    pub(crate) const fn of<T: JsonSchema>(channel: &'static str, summary: &'static str) -> Self {
        Self {
            channel,
            summary,
            schema: of::<T>,
        }
    }

    /// The schema of what is published on the channel (for a request: of its `data`).
    pub fn schema(&self, generator: &mut SchemaGenerator) -> Schema {
        (self.schema)(generator)
    }
}

impl fmt::Debug for ChannelInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChannelInfo({})", self.channel)
    }
}

// === impl TypeInfo ===

impl TypeInfo {
    /// The schema of the body.
    pub fn schema(&self, generator: &mut SchemaGenerator) -> Schema {
        (self.schema)(generator)
    }
}

// === impl Envelope ===

impl JsonSchema for Envelope {
    fn schema_name() -> Cow<'static, str> {
        "Envelope".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "What every event is wrapped in.",
            "type": "object",
            "required": ["eventId", "eventType", "timestamp", "source", "correlationId", "version", "data"],
            "properties": {
                "eventId": {
                    "type": "string", "format": "uuid",
                    "description": "UUIDv7, the same on every redelivery. Consumers deduplicate on it.",
                },
                "eventType": { "type": "string", "description": "The type, which is also the channel." },
                "timestamp": {
                    "type": "string", "format": "date-time",
                    "description": "When it happened on the platform, in UTC.",
                },
                "source": {
                    "type": "string",
                    "description": "`backend`, `worker`, `discord-bot`, `telegram-bot`, `webhook:<name>` or an outside publisher's own name.",
                },
                "correlationId": {
                    "type": "string", "minLength": 1, "maxLength": 128,
                    "description": "The event or command that began the chain.",
                },
                "version": {
                    "type": "integer", "minimum": 1,
                    "description": "The version of the body's shape. Fields are only ever added to a shape.",
                },
                "traceparent": {
                    "type": "string", "pattern": "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$",
                    "description": "Where the event is traced: the span that it was published from (W3C Trace Context).",
                },
                "streamId": {
                    "type": "string",
                    "description": "On a live frame: the event's place in the durable stream.",
                },
                "data": { "description": "The body, by its type." },
            },
        })
    }
}
