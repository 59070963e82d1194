//! Presence: which services, bots and moderators are there.

use super::access::Needs;
use super::input::Nothing;
use super::route::{Call, Found, Route};
use crate::problem::Problem;
use axum::http::Method;
use lockdown_events::{Presence, PresenceKind};
use schemars::JsonSchema;
use serde::Serialize;

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PresenceList")]
struct There {
    there: Vec<Presence>,
}

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/presence", "listPresence", Needs::Token, list).says(
            "Show who is there",
            "Services, bots and their shards. Moderators are shown to operators: they may be of any community.",
        ),
    ]
}

async fn list(call: Call, _: Nothing) -> Result<Found<There>, Problem> {
    let mut there = call.api.bus.presence().list().await?;
    there.retain(|one| one.kind != PresenceKind::Moderator || call.powers.operate);
    Ok(Found(There { there }))
}
