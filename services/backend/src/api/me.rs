//! Who asks.

use super::access::Needs;
use super::input::Nothing;
use super::route::{Call, Found, Route};
use crate::problem::Problem;
use axum::http::Method;
use chrono::{DateTime, Utc};
use lockdown_store::in_read;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Me {
    /// Of the token; `null` for the one of the configuration.
    token_id: Option<String>,
    name: String,
    /// The address of its community; `null`: of every one.
    community: Option<String>,
    /// What it may in every guild of its community. In one of them, roles may give it more.
    scopes: Vec<&'static str>,
    expires_at: Option<DateTime<Utc>>,
}

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/me", "getMe", Needs::Token, show)
            .says("Show who asks", "The token, and what it may.")
            .answer(json!({ "tokenId": "0199c2d4-0000-7000-8000-000000000001", "name": "trust", "community": "town",
                "scopes": ["ban", "kick"], "expiresAt": null })),
    ]
}

async fn show(call: Call, _: Nothing) -> Result<Found<Me>, Problem> {
    let community = match call.caller.community() {
        Some(id) => in_read!(call.api.store, |conn| { conn.community(id).await })?,
        None => None,
    };
    Ok(Found(Me {
        token_id: call.caller.id().map(|id| id.to_string()),
        name: call.caller.name().to_owned(),
        community: community.map(|community| community.slug),
        scopes: call.powers.words(),
        expires_at: call.caller.token().and_then(|token| token.expires_at),
    }))
}
