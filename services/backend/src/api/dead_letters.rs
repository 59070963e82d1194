//! Dead letters: what a group of the bus gave up, handed to it again or dropped.

use super::access::Needs;
use super::input::{Nothing, Query, bad_query, bounded};
use super::route::{Call, Done, Found, Route};
use crate::problem::{Code, Problem};
use axum::http::Method;
use chrono::{DateTime, Utc};
use compact_str::CompactString;
use lockdown_bus::{DeadFilter, DeadId, DeadLetter, DeadReason, EngineError, GroupName};
use lockdown_runtime::chain;
use lockdown_store::dead_letters::DeadLetterState;
use lockdown_store::in_tx;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Read at once in search of one.
const PAGE: usize = 500;

/// Why an event is dead.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "DeadReason")]
enum Reason {
    /// Failed as often as it may.
    Exhausted,
    /// The handler said that another try is useless.
    Permanent,
    /// Its envelope cannot be read.
    Undecodable,
    /// It seems to kill its handler's process.
    Poison,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Which {
    /// Given up by this group.
    group: Option<String>,
    /// Of this type.
    #[serde(rename = "type")]
    event_type: Option<String>,
    reason: Option<Reason>,
    /// `nextCursor` of the page before.
    cursor: Option<String>,
    /// How many at most: 1 to 200, 50 when it is absent.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u64>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "DeadLetterPage")]
struct Page {
    /// Oldest first.
    dead_letters: Vec<Letter>,
    /// For the page after this one; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "DeadLetter")]
struct Letter {
    id: String,
    group: String,
    consumer: String,
    /// Where it lay in the log.
    stream_id: String,
    event_type: String,
    reason: Reason,
    attempts: u32,
    first_failure: DateTime<Utc>,
    last_failure: DateTime<Utc>,
    error: String,
    /// The event; text, where it is no JSON.
    envelope: Value,
}

pub(super) fn routes() -> Vec<Route> {
    let letter = json!({ "id": "12", "group": "desk", "consumer": "backend:7f3c", "streamId": "d3-1763629560123-0",
        "eventType": "moderation:action", "reason": "permanent", "attempts": 1, "firstFailure": "2026-11-20T09:06:00Z",
        "lastFailure": "2026-11-20T09:06:00Z", "error": "the store did not do its part", "envelope": {} });
    vec![
        Route::new(
            Method::GET,
            "/dead-letters",
            "listDeadLetters",
            Needs::Operate,
            list,
        )
        .says("List dead letters", "Oldest first, a page at a time.")
        .answer(json!({ "deadLetters": [letter] })),
        Route::new(
            Method::GET,
            "/dead-letters/{id}",
            "getDeadLetter",
            Needs::Operate,
            show,
        )
        .says("Show a dead letter", "")
        .refuses(&[Code::NotFound])
        .answer(letter),
        Route::new(
            Method::POST,
            "/dead-letters/{id}/replay",
            "replayDeadLetter",
            Needs::Operate,
            replay,
        )
        .says(
            "Replay a dead letter",
            "Hands it to its group again, and to no other, without its failures.",
        )
        .refuses(&[Code::NotFound]),
        Route::new(
            Method::DELETE,
            "/dead-letters/{id}",
            "dropDeadLetter",
            Needs::Operate,
            drop_letter,
        )
        .says("Drop a dead letter", "For good.")
        .refuses(&[Code::NotFound]),
    ]
}

// === impl Reason ===

impl From<DeadReason> for Reason {
    fn from(reason: DeadReason) -> Self {
        match reason {
            DeadReason::Exhausted => Self::Exhausted,
            DeadReason::Permanent => Self::Permanent,
            DeadReason::Undecodable => Self::Undecodable,
            DeadReason::Poison => Self::Poison,
        }
    }
}

impl From<Reason> for DeadReason {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::Exhausted => Self::Exhausted,
            Reason::Permanent => Self::Permanent,
            Reason::Undecodable => Self::Undecodable,
            Reason::Poison => Self::Poison,
        }
    }
}

// === impl Letter ===

impl From<DeadLetter> for Letter {
    fn from(letter: DeadLetter) -> Self {
        let text = &*letter.envelope;
        let envelope = serde_json::from_str(text).unwrap_or_else(|_| Value::from(text));
        Self {
            id: shown(&letter.id),
            group: letter.group.to_string(),
            consumer: letter.consumer.to_string(),
            stream_id: letter.entry.to_string(),
            event_type: letter.channel.to_string(),
            reason: letter.reason.into(),
            attempts: letter.attempts,
            first_failure: letter.first_failure,
            last_failure: letter.last_failure,
            error: letter.error,
            envelope,
        }
    }
}

async fn list(call: Call, Query(which): Query<Which>) -> Result<Found<Page>, Problem> {
    let limit = bounded(which.limit)?;
    let group = which.group.as_deref().map(GroupName::new).transpose();
    let filter = DeadFilter {
        group: group.map_err(|error| bad_query("group", error.to_string()))?,
        channel: which.event_type.map(CompactString::from),
        reason: which.reason.map(Into::into),
        before: None,
    };
    let after = which.cursor.map(|text| meant(&text));
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    let engine = call.api.bus.engine();
    let found = engine.dead_letters(&filter, after.as_ref(), most + 1).await;
    let mut letters = found.map_err(|error| match error {
        EngineError::Refused(_) if after.is_some() => bad_query(
            "cursor",
            "This is no cursor of ours: take `nextCursor` as it is.".into(),
        ),
        error => error.into(),
    })?;
    let more = letters.len() > most;
    letters.truncate(most);
    let last = letters.last().filter(|_| more);
    Ok(Found(Page {
        next_cursor: last.map(|letter| shown(&letter.id)),
        dead_letters: letters.into_iter().map(Letter::from).collect(),
    }))
}

async fn show(call: Call, _: Nothing) -> Result<Found<Letter>, Problem> {
    let (id, engine) = (id(&call)?, call.api.bus.engine());
    let mut after = None;
    loop {
        let page = engine
            .dead_letters(&DeadFilter::default(), after.as_ref(), PAGE)
            .await?;
        let full = page.len() == PAGE;
        after = page.last().map(|letter| letter.id.clone());
        if let Some(letter) = page.into_iter().find(|letter| letter.id == id) {
            return Ok(Found(letter.into()));
        }
        if !full {
            return Err(no_letter());
        }
    }
}

async fn replay(call: Call, _: Nothing) -> Result<Done, Problem> {
    let id = id(&call)?;
    let was_there = call.api.bus.engine().replay_dead(&id).await;
    done(&call, was_there, &id, DeadLetterState::Replayed).await
}

async fn drop_letter(call: Call, _: Nothing) -> Result<Done, Problem> {
    let id = id(&call)?;
    let was_there = call.api.bus.engine().drop_dead(&id).await;
    done(&call, was_there, &id, DeadLetterState::Dropped).await
}

async fn done(
    call: &Call,
    was_there: Result<bool, EngineError>,
    id: &DeadId,
    state: DeadLetterState,
) -> Result<Done, Problem> {
    match was_there {
        Ok(true) => {}
        // What cannot be an id of this bus names no letter of it.
        Ok(false) | Err(EngineError::Refused(_)) => return Err(no_letter()),
        Err(error) => return Err(error.into()),
    }
    let (by, now) = (call.actor().to_string(), call.api.ctx.clock.now());
    tracing::info!(dead_letter = %id.0, by, "A dead letter was {}", state.as_str());
    // It is done. One that no worker has noted yet is nothing that the store knows of.
    let noted = in_tx!(call.api.store, |tx| {
        tx.settle_dead_letter(&id.0, state, now, &by).await
    });
    if let Err(error) = noted {
        tracing::warn!(dead_letter = %id.0, "It is not noted what became of a dead letter: {}", chain(&error));
    }
    Ok(Done)
}

fn id(call: &Call) -> Result<DeadId, Problem> {
    call.param("id").map(|text: String| meant(&text))
}

/// The bus's ids may have a slash, which is no part of a path's part.
fn shown(id: &DeadId) -> String {
    id.0.replace('/', "~")
}

fn meant(text: &str) -> DeadId {
    DeadId(text.replace('~', "/").into())
}

fn no_letter() -> Problem {
    Problem::new(Code::NotFound, "There is no such dead letter, or no longer.")
}
