//! Discord's HTTP side.

use super::Server;
use anyhow::Result;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A Discord that knows some bots.
pub struct FakeDiscord {
    server: Server,
    state: Shared,
}

type Shared = Arc<Mutex<World>>;

#[derive(Default)]
struct World {
    /// Bots by their tokens.
    bots: HashMap<String, Bot>,
    outage: Option<StatusCode>,
    requests: usize,
}

struct Bot {
    id: u64,
    name: String,
}

// === impl FakeDiscord ===

impl FakeDiscord {
    pub async fn start() -> Result<Self> {
        let state = Shared::default();
        let router = Router::new()
            .route("/api/v10/users/@me", get(me))
            .with_state(Arc::clone(&state));
        Ok(Self {
            server: Server::start(router).await?,
            state,
        })
    }

    /// The address for `DISCORD_API_URL`.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Makes a bot account with this token.
    pub fn add_bot(&self, token: &str, name: &str) {
        let mut world = lock(&self.state);
        let id = 1_176_523_342_000_000_000 + world.bots.len() as u64;
        world.bots.insert(
            token.to_owned(),
            Bot {
                id,
                name: name.to_owned(),
            },
        );
    }

    /// Answers everything with this status, until told `None`.
    pub fn outage(&self, status: Option<u16>) {
        lock(&self.state).outage = status.and_then(|status| StatusCode::from_u16(status).ok());
    }

    /// How many requests have come.
    pub fn requests(&self) -> usize {
        lock(&self.state).requests
    }
}

fn lock(state: &Shared) -> MutexGuard<'_, World> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn me(State(state): State<Shared>, headers: HeaderMap) -> Response {
    let mut world = lock(&state);
    world.requests += 1;
    if let Some(status) = world.outage {
        return status.into_response();
    }
    let token = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.strip_prefix("Bot "));
    match token.and_then(|token| world.bots.get(token)) {
        Some(bot) => Json(json!({
            "id": bot.id.to_string(), "username": bot.name, "discriminator": "0000", "global_name": null,
            "avatar": null, "bot": true, "flags": 0, "public_flags": 0, "mfa_enabled": true, "verified": true,
        }))
        .into_response(),
        None => (
            StatusCode::UNAUTHORIZED,
            Json(json!({ "message": "401: Unauthorized", "code": 0 })),
        )
            .into_response(),
    }
}
