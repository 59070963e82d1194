//! The wire: requests in, answers out, long polls that wait, webhooks that call.

use super::faults::Fault;
use super::methods;
use super::params::Params;
use super::refusal::{Answer, Refusal};
use super::updates::Webhook;
use super::world::Request;
use super::{Shared, lock};
use crate::fakes::multipart::{Part, parts};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::Duration;

/// The longest that a poll is held.
const LONGEST_POLL: Duration = Duration::from_secs(50);
/// Between two tries of a webhook that did not take an update.
const WEBHOOK_PAUSE: Duration = Duration::from_millis(50);

pub(super) fn router(state: Shared) -> Router {
    Router::new()
        .route("/{bot}/{method}", post(call).get(call))
        .route("/file/{bot}/{*path}", get(file))
        .with_state(state)
}

/// A file, for bots that know where it is.
async fn file(State(state): State<Shared>, Path((bot, path)): Path<(String, String)>) -> Response {
    let world = lock(&state);
    let token = bot.strip_prefix("bot").unwrap_or_default();
    let file = path.strip_prefix("documents/").and_then(|id| world.files.get(id));
    match file {
        Some(bytes) if world.tokens.contains_key(token) => bytes.clone().into_response(),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn call(
    State(state): State<Shared>,
    Path((bot, method)): Path<(String, String)>,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    // The real server takes methods in any case; the library shouts their first letters.
    let method = method.to_ascii_lowercase();
    let mut files = Vec::new();
    let params = read(query, &headers, &body, &mut files);
    let token = bot.strip_prefix("bot").unwrap_or_default();
    let (account, fault, outcome) = {
        let mut world = lock(&state);
        let now = world.now();
        world.uploads.append(&mut files);
        let account = world.tokens.get(token).copied();
        let (given, mut params) = match params {
            Some(params) => (params.as_value(), Ok(params)),
            None => (Value::Null, Err(Refusal::bad("can't parse the parameters"))),
        };
        let chat = given["chat_id"].as_i64();
        let mut fault = None;
        let outcome = match (account, &mut params) {
            (None, _) => Some(Err(Refusal::unauthorized())),
            (Some(_), Err(refusal)) => Some(Err(refusal.clone())),
            (Some(account), Ok(params)) => match world.faults.admit(&method, chat, now) {
                Err(refusal) => Some(Err(refusal)),
                Ok(()) => {
                    fault = world.faults.next(&method, chat, now);
                    match &fault {
                        Some(Fault::Status(code)) => Some(Err(Refusal::server(*code))),
                        Some(Fault::Refused(words)) => Some(Err(Refusal::bad(words))),
                        Some(Fault::RetryAfter(seconds)) => Some(Err(Refusal::too_many(*seconds))),
                        _ if method == "getupdates" => None,
                        _ => Some(methods::call(&mut world, account, &method, params)),
                    }
                }
            },
        };
        let status = match &outcome {
            Some(Err(refusal)) => refusal.code,
            _ => 200,
        };
        world.requests.push(Request {
            bot: account.unwrap_or(0),
            method: method.clone(),
            params: given,
            at: now,
            status,
        });
        if method == "setwebhook"
            && status == 200
            && let Some(account) = account
        {
            tokio::spawn(call_webhook(Arc::clone(&state), account));
        }
        (account, fault, outcome.ok_or(params))
    };
    let outcome = match (outcome, account) {
        (Ok(outcome), _) => outcome,
        (Err(Ok(params)), Some(account)) => poll(&state, account, params).await,
        (Err(_), _) => Err(Refusal::unauthorized()),
    };
    match fault {
        Some(Fault::Slow(time)) => tokio::time::sleep(time).await,
        Some(Fault::Dropped) => {
            let broken = async { Err::<Bytes, _>(std::io::Error::other("the connection is dropped")) };
            return Body::from_stream(futures_util::stream::once(broken)).into_response();
        }
        Some(Fault::Garbage) => return (StatusCode::OK, "<html>Bad Gateway</html>").into_response(),
        _ => {}
    }
    match outcome {
        Ok(result) => (
            [(header::CONTENT_TYPE, "application/json")],
            json!({ "ok": true, "result": result }).to_string(),
        )
            .into_response(),
        Err(refusal) => (
            StatusCode::from_u16(refusal.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            [(header::CONTENT_TYPE, "application/json")],
            refusal.body().to_string(),
        )
            .into_response(),
    }
}

fn read(
    query: Vec<(String, String)>,
    headers: &HeaderMap,
    body: &[u8],
    files: &mut Vec<(String, Vec<u8>)>,
) -> Option<Params> {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    match kind {
        Some(kind) if kind.starts_with("application/json") && !body.is_empty() => Some(Params::new(
            serde_json::from_slice::<Map<String, Value>>(body).ok()?,
        )),
        Some(kind) if kind.starts_with("multipart/form-data") => {
            Some(Params::from_pairs(form(kind, body, files)?))
        }
        _ => Some(Params::from_pairs(query)),
    }
}

/// The fields of a form. In place of a file that a field attaches stands its size.
fn form(kind: &str, body: &[u8], sent: &mut Vec<(String, Vec<u8>)>) -> Option<Vec<(String, String)>> {
    let (files, fields): (Vec<Part<'_>>, Vec<Part<'_>>) = parts(kind, body)?
        .into_iter()
        .partition(|part| part.file.is_some());
    let named = |part: &Part<'_>| (part.file.unwrap_or_default().to_owned(), part.content.to_vec());
    sent.extend(files.iter().map(named));
    let field = |part: &Part<'_>| {
        let text = std::str::from_utf8(part.content).ok()?;
        let text = match text.strip_prefix("attach://") {
            Some(file) => {
                let file = files.iter().find(|part| part.name == file)?;
                file.content.len().to_string()
            }
            None => text.to_owned(),
        };
        Some((part.name.to_owned(), text))
    };
    fields.iter().map(field).collect()
}

/// Waits until there is something for the bot, or its patience ends.
async fn poll(state: &Shared, bot: i64, mut params: Params) -> Answer {
    let (offset, limit, timeout) = (
        params.integer("offset")?,
        params.integer("limit")?.unwrap_or(100).clamp(1, 100),
        params.integer("timeout")?.unwrap_or(0),
    );
    let allowed = params.texts("allowed_updates")?;
    params.nothing_left()?;
    let limit = usize::try_from(limit).unwrap_or(100);
    let patience = Duration::from_secs(u64::try_from(timeout).unwrap_or(0)).min(LONGEST_POLL);
    let end = tokio::time::Instant::now() + patience;
    let mut turn = None;
    let mut allowed = Some(allowed);
    loop {
        let woken = {
            let mut world = lock(state);
            let Some(queue) = world.queues.get_mut(&bot) else {
                return Err(Refusal::unauthorized());
            };
            if queue.webhook.is_some() {
                return Err(Refusal::conflict(
                    "can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first",
                ));
            }
            match turn {
                None => {
                    queue.turn += 1;
                    turn = Some(queue.turn);
                    queue.woken.notify_waiters();
                }
                Some(turn) if turn != queue.turn => {
                    return Err(Refusal::conflict(
                        "terminated by other getUpdates request; make sure that only one bot instance is running",
                    ));
                }
                Some(_) => {}
            }
            queue.allow(allowed.take().flatten());
            let read = queue.read(offset, limit);
            if !read.is_empty() || tokio::time::Instant::now() >= end {
                return Ok(Value::Array(read));
            }
            // Made under the lock, it misses nothing that comes after it.
            Arc::clone(&queue.woken).notified_owned()
        };
        tokio::select! {
            () = woken => {}
            () = tokio::time::sleep_until(end) => {}
        }
    }
}

/// Calls a webhook with each update, again and again until it takes it, for as long as it is set.
async fn call_webhook(state: Shared, bot: i64) {
    let client = reqwest::Client::new();
    let Some(turn) = lock(&state).queues.get(&bot).map(|queue| queue.turn) else {
        return;
    };
    loop {
        let (next, woken) = {
            let world = lock(&state);
            let queue = &world.queues[&bot];
            let (Some(webhook), true) = (queue.webhook.clone(), queue.turn == turn) else {
                return;
            };
            let next = queue.waiting.front().cloned().map(|update| (webhook, update));
            (next, Arc::clone(&queue.woken).notified_owned())
        };
        let Some((Webhook { url, secret }, (id, update))) = next else {
            woken.await;
            continue;
        };
        let mut request = client.post(&url).json(&update);
        if let Some(secret) = &secret {
            request = request.header("X-Telegram-Bot-Api-Secret-Token", secret);
        }
        let taken = request
            .send()
            .await
            .is_ok_and(|answer| answer.status().is_success());
        if taken {
            let mut world = lock(&state);
            if let Some(queue) = world.queues.get_mut(&bot) {
                queue.waiting.retain(|(waiting, _)| *waiting != id);
            }
        } else {
            tokio::time::sleep(WEBHOOK_PAUSE).await;
        }
    }
}
