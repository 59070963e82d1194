//! The browsers that somebody is signed in with. A token has none.

use super::access::Needs;
use super::input::Nothing;
use super::route::{Call, Done, Found, Route};
use crate::problem::{Code, Problem};
use crate::sign_in::end_session;
use axum::http::Method;
use chrono::{DateTime, Utc};
use lockdown_store::sessions::SessionId;
use lockdown_store::{StoreError, in_read, in_tx};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Session")]
struct Body {
    id: String,
    /// The one that asks.
    current: bool,
    created_at: DateTime<Utc>,
    /// To the minute.
    last_seen_at: DateTime<Utc>,
    /// When it ends if it is not used.
    expires_at: DateTime<Utc>,
    /// Where it was begun.
    address: Option<String>,
    user_agent: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SessionList")]
struct Sessions {
    /// The last seen first.
    sessions: Vec<Body>,
}

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/sessions", "listSessions", Needs::Token, list)
            .says(
                "List your sessions",
                "The browsers that you are signed in with. A token has none.",
            )
            .answer(
                json!({ "sessions": [{ "id": "0199c2d4-0000-7000-8000-000000000001", "current": true,
                "createdAt": "2026-11-20T09:06:00Z", "lastSeenAt": "2026-11-20T09:06:00Z",
                "expiresAt": "2026-11-21T09:06:00Z", "address": "192.0.2.1", "userAgent": "a browser" }] }),
            ),
        Route::new(
            Method::DELETE,
            "/sessions",
            "endOtherSessions",
            Needs::Token,
            end_others,
        )
        .says(
            "End your other sessions",
            "Every browser but the one that asks is signed out.",
        ),
        Route::new(Method::DELETE, "/sessions/{id}", "endSession", Needs::Token, end).says(
            "End a session of yours",
            "The browser is signed out, also when it is the one that asks.",
        ),
    ]
}

async fn list(call: Call, _: Nothing) -> Result<Found<Sessions>, Problem> {
    let Some(person) = call.caller.person() else {
        return Ok(Found(Sessions { sessions: Vec::new() }));
    };
    let (id, now) = (person.account.id, call.now());
    let sessions = in_read!(call.api.store, |conn| { conn.sessions_of(id, now).await })?;
    let sessions = sessions.into_iter().map(|session| Body {
        id: session.id.to_string(),
        current: session.id == person.session.id,
        created_at: session.created_at,
        last_seen_at: session.last_seen_at,
        expires_at: session.expires_at,
        address: session.address,
        user_agent: session.user_agent,
    });
    Ok(Found(Sessions {
        sessions: sessions.collect(),
    }))
}

async fn end(call: Call, _: Nothing) -> Result<Done, Problem> {
    let unknown = || Problem::new(Code::NotFound, "You have no such session.");
    let session = SessionId(call.param("id").map_err(|_| unknown())?);
    let person = call.caller.person().ok_or_else(unknown)?;
    let (account, now) = (person.account.id, call.now());
    let ended = in_tx!(call.api.store, |tx| {
        end_session(tx, account, session, "owner", now).await
    });
    if ended? { Ok(Done) } else { Err(unknown()) }
}

async fn end_others(call: Call, _: Nothing) -> Result<Done, Problem> {
    let Some(person) = call.caller.person() else {
        return Ok(Done);
    };
    let (account, own, now) = (person.account.id, person.session.id, call.now());
    in_tx!(call.api.store, |tx| {
        for session in tx.sessions_of(account, now).await? {
            if session.id != own {
                end_session(tx, account, session.id, "owner", now).await?;
            }
        }
        Ok::<_, StoreError>(())
    })?;
    Ok(Done)
}
