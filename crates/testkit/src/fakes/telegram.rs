//! Telegram's Bot API.

use super::Server;
use anyhow::Result;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A Telegram that knows some bots.
pub struct FakeTelegram {
    server: Server,
    state: Shared,
}

type Shared = Arc<Mutex<World>>;

#[derive(Default)]
struct World {
    /// User names of bots by their tokens.
    bots: HashMap<String, String>,
    requests: usize,
}

// === impl FakeTelegram ===

impl FakeTelegram {
    pub async fn start() -> Result<Self> {
        let state = Shared::default();
        let router = Router::new()
            .route("/{bot}/{method}", post(call).get(call))
            .with_state(Arc::clone(&state));
        Ok(Self {
            server: Server::start(router).await?,
            state,
        })
    }

    /// The address for `TELEGRAM_API_URL`.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Makes a bot account with this token.
    pub fn add_bot(&self, token: &str, name: &str) {
        lock(&self.state).bots.insert(token.to_owned(), name.to_owned());
    }

    /// How many requests have come.
    pub fn requests(&self) -> usize {
        lock(&self.state).requests
    }
}

fn lock(state: &Shared) -> MutexGuard<'_, World> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn call(State(state): State<Shared>, Path((bot, method)): Path<(String, String)>) -> Response {
    let mut world = lock(&state);
    world.requests += 1;
    let Some((token, name)) = bot
        .strip_prefix("bot")
        .and_then(|token| world.bots.get_key_value(token))
    else {
        return refusal(StatusCode::UNAUTHORIZED, "Unauthorized");
    };
    let id: Option<u64> = token.split(':').next().and_then(|id| id.parse().ok());
    // The real server takes methods in any case; the library shouts their first letters.
    match method.to_ascii_lowercase().as_str() {
        "getme" => answer(&json!({
            "id": id, "is_bot": true, "first_name": name, "username": name,
            "can_join_groups": true, "can_read_all_group_messages": true, "supports_inline_queries": false,
            "can_connect_to_business": false, "has_main_web_app": false,
        })),
        _ => refusal(StatusCode::NOT_FOUND, "Not Found"),
    }
}

fn answer(result: &Value) -> Response {
    Json(json!({ "ok": true, "result": result })).into_response()
}

fn refusal(status: StatusCode, description: &str) -> Response {
    let body = json!({ "ok": false, "error_code": status.as_u16(), "description": description });
    (status, Json(body)).into_response()
}
