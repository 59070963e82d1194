//! The HTTP side: reads a request, lets faults and limits have their way, answers.

use super::faults::Fault;
use super::limits::{Standing, Wait};
use super::rest::{self, Answer, Call, Refusal};
use super::world::{Recorded, World};
use super::{Shared, lock, oauth};
use crate::fakes::multipart::parts;
use anyhow::{Context as _, Result};
use chrono::TimeDelta;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::{AbortHandle, JoinSet};

/// Below the address itself.
const AUTHORIZE: &str = "oauth2/authorize";

/// Cut instead of an answer: hyper closes the connection.
#[derive(Debug)]
struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the test wanted the connection cut")
    }
}

impl std::error::Error for Cut {}

/// An answer on its way, perhaps a slow one.
pub(super) struct Sent {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
    delay: Option<Duration>,
    cut: bool,
}

pub(super) async fn serve(world: Shared) -> Result<(SocketAddr, AbortHandle)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .context("could not listen on loopback")?;
    let addr = listener.local_addr().context("could not learn the port")?;
    let serving = tokio::spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            let world = world.clone();
            connections.spawn(async move {
                let service = service_fn(move |request| answer(world.clone(), request));
                let _ = http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
            while connections.try_join_next().is_some() {}
        }
    });
    Ok((addr, serving.abort_handle()))
}

async fn answer(world: Shared, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Cut> {
    let (head, body) = request.into_parts();
    let bytes = body.collect().await.map_err(|_| Cut)?.to_bytes();
    let header = |name: &str| {
        head.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
    };
    if let Some(path) = head.uri.path().strip_prefix("/attachments/") {
        // It is open to everybody, and nobody's token belongs there.
        let found = lock(&world).files.get(path).cloned();
        let status = match (&found, header("authorization")) {
            (Some(_), None) => 200,
            (_, Some(_)) => 400,
            (None, None) => 404,
        };
        let body = Full::new(Bytes::from(found.unwrap_or_default()));
        return Response::builder().status(status).body(body).map_err(|_| Cut);
    }
    let path = head
        .uri
        .path()
        .strip_prefix("/api/v10/")
        // The page that people are sent to is not of the API.
        .or(head
            .uri
            .path()
            .strip_prefix("/")
            .filter(|path| *path == AUTHORIZE))
        .unwrap_or_default()
        .to_owned();
    let call = Call {
        method: head.method.as_str().to_owned(),
        template: template(&path),
        query: query(head.uri.query().unwrap_or_default()),
        form: String::from_utf8_lossy(&bytes).into_owned(),
        body: read_body(header("content-type").as_deref(), &bytes),
        audit: header("x-audit-log-reason").map(|text| decode(&text)),
        token: header("authorization"),
        path,
    };
    let sent = judge(&mut lock(&world), &call);
    if let Some(delay) = sent.delay {
        tokio::time::sleep(delay).await;
    }
    if sent.cut {
        return Err(Cut);
    }
    let mut response = Response::builder().status(sent.status);
    for (name, value) in sent.headers {
        response = response.header(name, value);
    }
    response.body(Full::new(Bytes::from(sent.body))).map_err(|_| Cut)
}

/// The JSON of a body; files that were sent beside it are its member `files`, with their names and sizes.
fn read_body(media: Option<&str>, bytes: &[u8]) -> Value {
    let Some(parts) = media.and_then(|media| parts(media, bytes)) else {
        return serde_json::from_slice(bytes).unwrap_or(Value::Null);
    };
    let (mut body, mut files) = (Value::Null, Vec::new());
    for part in parts {
        match (part.name, part.file) {
            ("payload_json", _) => body = serde_json::from_slice(part.content).unwrap_or_default(),
            (_, Some(file)) => {
                files.push(json!({ "filename": file, "text": String::from_utf8_lossy(part.content) }));
            }
            _ => {}
        }
    }
    body["files"] = json!(files);
    body
}

/// Everything that happens at one moment: no two requests see half of each other.
fn judge(world: &mut World, call: &Call) -> Sent {
    let mut sent = answered(world, call);
    if matches!(sent.status, 401 | 403) {
        world.limits.invalid += 1;
    }
    let status = if sent.cut { 0 } else { sent.status };
    if status == 204 {
        sent.body.clear();
    }
    world.requests.push(Recorded {
        at: world.now(),
        method: call.method.clone(),
        path: call.path.clone(),
        template: call.template.clone(),
        query: call.query.clone(),
        body: call.body.clone(),
        audit: call.audit.clone(),
        status,
    });
    sent
}

fn answered(world: &mut World, call: &Call) -> Sent {
    if let Some(status) = world.faults.outage {
        return html(status);
    }
    let with_token = call.template.starts_with("interactions/") || call.template.starts_with("webhooks/");
    match (call.method.as_str(), call.path.as_str()) {
        ("GET", AUTHORIZE) => return oauth::authorize(world, &call.query),
        ("POST", "oauth2/token") => return said(oauth::token(world, call)),
        ("GET", "users/@me") => {
            if let Some(user) = oauth::who(world, call) {
                let body = Some(world.user_json(user));
                return said(Answer { status: 200, body });
            }
        }
        _ => {}
    }
    let bot = call.token.as_deref().and_then(|value| value.strip_prefix("Bot "));
    let bot = bot.and_then(|token| world.bot_by_token(token)).map(|bot| bot.id);
    if bot.is_none() && !with_token {
        return refused(&Refusal::new(401, 0, "401: Unauthorized"), None);
    }
    let name = format!("{} {}", call.method, call.template);
    let now = world.now();
    let standing = match world.limits.count(&name, call.top(), now) {
        Ok(standing) => standing,
        Err(wait) => return limited(&wait, if wait.global { "global" } else { "user" }),
    };
    let fault = world.faults.take(&call.method, &call.template);
    let within = |duration: Duration| TimeDelta::from_std(duration).unwrap_or_default();
    match fault {
        Some(Fault::Status(status)) => return html(status),
        Some(Fault::Cut) => {
            return Sent {
                cut: true,
                ..html(500)
            };
        }
        Some(Fault::Limited(after)) => {
            let wait = world.limits.wait(within(after), false, Some(standing));
            return limited(&wait, "user");
        }
        Some(Fault::LimitedShared(after)) => {
            let wait = world.limits.wait(within(after), false, Some(standing));
            world.limits.invalid -= 1;
            return limited(&wait, "shared");
        }
        Some(Fault::LimitedGlobally(after)) => {
            world.limits.pause(now + within(after));
            let wait = world.limits.wait(within(after), true, None);
            return limited(&wait, "global");
        }
        Some(Fault::StatusAfter(_) | Fault::EmptyAfter | Fault::CutAfter | Fault::Delay(_)) | None => {}
    }
    let sent = match rest::answer(world, bot.unwrap_or_default(), call) {
        Ok(Answer { status, body }) => Sent {
            status,
            headers: headers(&standing, now),
            body: body.map(|body| body.to_string()).unwrap_or_default(),
            delay: None,
            cut: false,
        },
        Err(refusal) => refused(&refusal, Some((&standing, now))),
    };
    match fault {
        Some(Fault::StatusAfter(status)) => html(status),
        Some(Fault::EmptyAfter) => Sent {
            body: String::new(),
            ..sent
        },
        Some(Fault::CutAfter) => Sent { cut: true, ..sent },
        Some(Fault::Delay(delay)) => Sent {
            delay: Some(delay),
            ..sent
        },
        _ => sent,
    }
}

// === impl Sent ===

impl Sent {
    pub(super) fn page(status: u16) -> Self {
        html(status)
    }

    /// To another address, with the browser.
    pub(super) fn elsewhere(address: String) -> Self {
        Self {
            headers: vec![("location", address)],
            ..html(302)
        }
    }
}

/// An answer without limits.
fn said(answer: Answer) -> Sent {
    Sent {
        status: answer.status,
        headers: vec![("content-type", "application/json".to_owned())],
        body: answer.body.map(|body| body.to_string()).unwrap_or_default(),
        delay: None,
        cut: false,
    }
}

fn html(status: u16) -> Sent {
    Sent {
        status,
        headers: vec![("content-type", "text/html".to_owned())],
        body: format!("<html><head><title>{status}</title></head><body>{status}</body></html>"),
        delay: None,
        cut: false,
    }
}

fn refused(refusal: &Refusal, standing: Option<(&Standing, chrono::DateTime<chrono::Utc>)>) -> Sent {
    let mut body = json!({ "message": refusal.message, "code": refusal.code });
    if let Some(errors) = &refusal.errors {
        body["errors"] = errors.clone();
    }
    let json = ("content-type", "application/json".to_owned());
    Sent {
        status: refusal.status,
        headers: standing.map_or_else(|| vec![json], |(standing, now)| headers(standing, now)),
        body: body.to_string(),
        delay: None,
        cut: false,
    }
}

fn limited(wait: &Wait, scope: &str) -> Sent {
    let seconds = wait.retry_after.as_seconds_f64().max(0.001);
    let mut headers = vec![
        ("content-type", "application/json".to_owned()),
        ("retry-after", format!("{}", seconds.ceil())),
        ("x-ratelimit-scope", scope.to_owned()),
    ];
    if wait.global {
        headers.push(("x-ratelimit-global", "true".to_owned()));
    }
    if let Some(standing) = &wait.standing {
        headers.push(("x-ratelimit-limit", standing.limit.to_string()));
        headers.push((
            "x-ratelimit-remaining",
            if scope == "shared" { "1" } else { "0" }.to_owned(),
        ));
        headers.push(("x-ratelimit-reset-after", format!("{seconds:.3}")));
        headers.push(("x-ratelimit-bucket", standing.bucket.clone()));
    }
    let body = json!({ "message": "You are being rate limited.", "retry_after": seconds, "global": wait.global, "code": 0 });
    Sent {
        status: 429,
        headers,
        body: body.to_string(),
        delay: None,
        cut: false,
    }
}

fn headers(standing: &Standing, now: chrono::DateTime<chrono::Utc>) -> Vec<(&'static str, String)> {
    let left = (standing.reset - now).as_seconds_f64();
    vec![
        ("content-type", "application/json".to_owned()),
        ("x-ratelimit-limit", standing.limit.to_string()),
        ("x-ratelimit-remaining", standing.remaining.to_string()),
        (
            "x-ratelimit-reset",
            format!("{:.3}", standing.reset.timestamp_micros() as f64 / 1e6),
        ),
        ("x-ratelimit-reset-after", format!("{left:.3}")),
        ("x-ratelimit-bucket", standing.bucket.clone()),
    ]
}

/// `guilds/1/bans/2` is `guilds/{}/bans/{}`.
fn template(path: &str) -> String {
    let mut parts: Vec<&str> = path
        .split('/')
        .map(|part| {
            if part.len() > 3 && part.bytes().all(|byte| byte.is_ascii_digit()) {
                "{}"
            } else {
                part
            }
        })
        .collect();
    if matches!(parts.first(), Some(&("interactions" | "webhooks"))) && parts.len() > 2 {
        parts[2] = "{token}";
    }
    parts.join("/")
}

/// Some of the library's query strings begin with `?&`.
pub(super) fn query(text: &str) -> BTreeMap<String, String> {
    text.split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), decode(value)))
        .collect()
}

fn decode(text: &str) -> String {
    let (mut bytes, mut at) = (Vec::with_capacity(text.len()), 0);
    while at < text.len() {
        let code = (text.as_bytes()[at] == b'%')
            .then(|| {
                text.get(at + 1..at + 3)
                    .and_then(|hex| u8::from_str_radix(hex, 16).ok())
            })
            .flatten();
        bytes.push(code.unwrap_or(text.as_bytes()[at]));
        at += if code.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
