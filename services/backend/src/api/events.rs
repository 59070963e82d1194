//! Events: what happened in a community, as it was published.

use super::access::Needs;
use super::input::{Query, bad_query, bounded, cursor};
use super::route::{Found, InGuild, Route};
use crate::problem::Problem;
use axum::http::Method;
use chrono::{DateTime, Utc};
use lockdown_bus::{Cursor, Glob, Key, Query as Asked, Stored};
use lockdown_events::{Envelope, StreamId};
use lockdown_moderation::StoreArchive;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::borrow::Cow;

/// Bounds of what one question can ask to be compared.
const MOST_TYPES: usize = 20;
const LONGEST_TYPE: usize = 64;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Which {
    /// Of these types: names or patterns such as `ban:created` or `moderation:*`, with commas between them, at most 20.
    #[serde(rename = "type")]
    types: Option<String>,
    /// Published at this time or later.
    from: Option<DateTime<Utc>>,
    /// Published before.
    to: Option<DateTime<Utc>>,
    /// `nextCursor` of the page before, or the `endCursor` of an earlier look, for what came since.
    cursor: Option<String>,
    /// How many at most: 1 to 200, 50 when it is absent.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u64>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "EventPage")]
struct Page {
    /// By the time of their publication, oldest first. A page can have fewer than there are, or none, and go on.
    events: Vec<Body>,
    /// For the page after this one; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    /// How far this page came, also on the last one.
    end_cursor: String,
}

/// An event, with its place.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Body {
    stream_id: StreamId,
    #[serde(flatten)]
    pub(super) envelope: Envelope,
}

pub(super) fn routes() -> Vec<Route> {
    let event = json!({
        "eventId": "0199c2d4-0000-7000-8000-000000000001", "eventType": "ban:created",
        "timestamp": "2026-11-20T09:06:00.123Z", "source": "backend",
        "correlationId": "0199c2d3-0000-7000-8000-000000000001", "version": 1, "streamId": "mod.2/1763629560123-0",
        "data": { "platform": "discord", "guildId": "81384788765712384", "caseNumber": 17, "userId": "531122" },
    });
    vec![
        Route::of_guild(Method::GET, "/events", "listEvents", Needs::AnyRight, list)
            .says(
                "List events",
                "Oldest first, a page at a time, for as long as the archive keeps them; messages are in it only while the \
                 bus has them. They hold what people wrote.",
            )
            .answer(json!({ "events": [event], "endCursor": "h1~mod.2~1763629560123-0" })),
    ]
}

// === impl Body ===

impl JsonSchema for Body {
    fn schema_name() -> Cow<'static, str> {
        "Event".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "description": "As `/asyncapi.json` has it, by its type.",
            "required": ["eventId", "eventType", "timestamp", "source", "correlationId", "version", "streamId", "data"],
            "properties": {
                "eventId": { "type": "string", "description": "The same on every redelivery." },
                "eventType": { "type": "string" },
                "timestamp": { "type": "string", "format": "date-time" },
                "source": { "type": "string" },
                "correlationId": { "type": "string" },
                "version": { "type": "integer" },
                "streamId": { "type": "string", "description": "Its place in the durable stream." },
                "data": {},
            },
        })
    }
}

async fn list(asked: InGuild, Query(which): Query<Which>) -> Result<Found<Page>, Problem> {
    let limit = usize::try_from(bounded(which.limit)?).unwrap_or(usize::MAX);
    let after: Option<Cursor> = cursor(which.cursor.as_deref())?;
    let query = Asked {
        from: which.from,
        to: which.to,
        types: types(which.types.as_deref())?,
        key: Some(Key::community(asked.guild.platform, &asked.guild.native_id)),
        classes: Vec::new(),
    };
    let history = asked.call.api.bus.history();
    let archive = StoreArchive::new(asked.call.api.store.clone());
    let page = history
        .page_of_all(&archive, &query, after.as_ref(), limit)
        .await?;
    Ok(Found(Page {
        events: page.entries.iter().filter_map(body).collect(),
        next_cursor: page.next.map(|next| next.to_string()),
        end_cursor: page.end.to_string(),
    }))
}

/// Each name or pattern; none asks for all.
pub(super) fn types(text: Option<&str>) -> Result<Vec<Glob>, Problem> {
    let Some(text) = text else { return Ok(Vec::new()) };
    let patterns: Vec<&str> = text.split(',').map(str::trim).collect();
    let bad = |pattern: &&str| pattern.is_empty() || pattern.len() > LONGEST_TYPE;
    if patterns.len() > MOST_TYPES || patterns.iter().any(bad) {
        let message = format!(
            "Up to {MOST_TYPES} types, each of 1 to {LONGEST_TYPE} characters, with commas between them."
        );
        return Err(bad_query("type", message));
    }
    Ok(patterns.into_iter().map(Glob::new).collect())
}

/// What names its community can be read, or it would not have been found under it.
pub(super) fn body(stored: &Stored) -> Option<Body> {
    Some(Body {
        stream_id: stored.position.stream_id(),
        envelope: Envelope::decode(&stored.envelope).ok()?,
    })
}
