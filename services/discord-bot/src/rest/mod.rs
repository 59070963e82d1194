//! Discord's HTTP side: every request of this process goes out here, through one limiter.
//!
//! Routes and requests are serenity's; they are sent by a client of our own, since the library hides what Discord says
//! of its limits when it refuses, and retries nothing that it should.

mod error;
mod files;
mod limiter;

pub(crate) use error::RestError;
pub(crate) use files::File;
pub(crate) use limiter::Priority;

use anyhow::Context as _;
use limiter::{Limiter, Pass, RouteKey, Told};
use lockdown_runtime::config::Shards;
use lockdown_runtime::probe::innermost;
use lockdown_runtime::{Secret, SecretUrl};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use serenity::http::{LightMethod, Request, Route};
use std::fmt::Write as _;
use std::time::Duration;
use tokio::time::Instant;

/// Discord answers within seconds or not at all.
const PATIENCE: Duration = Duration::from_secs(10);
/// For how long one question is asked again, waits for its turn included.
const PERSIST: Duration = Duration::from_secs(30);
/// How often a question that got no answer is asked.
const TRIES: u32 = 4;

/// The way to Discord.
pub(crate) struct Rest {
    client: reqwest::Client,
    token: String,
    proxy: Option<String>,
    limiter: Limiter,
}

/// One question.
pub(crate) struct Ask<'a> {
    route: Route<'a>,
    method: LightMethod,
    /// The guild or channel whose limits it uses up.
    top: u64,
    body: Option<Vec<u8>>,
    /// What the body is, when it is not JSON.
    media: Option<HeaderValue>,
    params: Vec<(&'static str, String)>,
    audit: Option<&'a str>,
    priority: Priority,
    exempt: bool,
    persist: Duration,
}

// === impl Ask ===

impl<'a> Ask<'a> {
    fn new(method: LightMethod, route: Route<'a>, top: u64) -> Self {
        Self {
            route,
            method,
            top,
            body: None,
            media: None,
            params: Vec::new(),
            audit: None,
            priority: Priority::Notice,
            exempt: false,
            persist: PERSIST,
        }
    }

    pub(crate) fn get(route: Route<'a>, top: u64) -> Self {
        Self::new(LightMethod::Get, route, top)
    }

    pub(crate) fn put(route: Route<'a>, top: u64) -> Self {
        Self::new(LightMethod::Put, route, top)
    }

    pub(crate) fn post(route: Route<'a>, top: u64) -> Self {
        Self::new(LightMethod::Post, route, top)
    }

    pub(crate) fn patch(route: Route<'a>, top: u64) -> Self {
        Self::new(LightMethod::Patch, route, top)
    }

    pub(crate) fn delete(route: Route<'a>, top: u64) -> Self {
        Self::new(LightMethod::Delete, route, top)
    }

    pub(crate) fn body(mut self, body: &Value) -> Self {
        self.body = Some(body.to_string().into_bytes());
        self
    }

    pub(crate) fn param(mut self, name: &'static str, value: u64) -> Self {
        self.params.push((name, value.to_string()));
        self
    }

    /// The line for the audit log.
    pub(crate) fn audit(mut self, reason: &'a str) -> Self {
        self.audit = Some(reason);
        self
    }

    pub(crate) fn priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// Of an interaction: outside of the limit for the whole bot.
    pub(crate) fn exempt(mut self) -> Self {
        self.exempt = true;
        self
    }

    /// For how long it is tried, when not as long as usual.
    pub(crate) fn within(mut self, persist: Duration) -> Self {
        self.persist = persist;
        self
    }

    fn key(&self) -> RouteKey {
        RouteKey {
            method: match self.method {
                LightMethod::Delete => "DELETE",
                LightMethod::Get => "GET",
                LightMethod::Patch => "PATCH",
                LightMethod::Post => "POST",
                LightMethod::Put => "PUT",
            },
            route: self.route.ratelimiting_bucket(),
            top: self.top,
        }
    }
}

// === impl Rest ===

impl Rest {
    pub(crate) fn new(token: &Secret, api_url: Option<&SecretUrl>) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder()
            .timeout(PATIENCE)
            .tcp_nodelay(true)
            .build()
            .context("could not make an HTTP client")?;
        Ok(Self {
            client,
            token: format!("Bot {}", token.expose()),
            proxy: api_url.map(|url| url.expose().trim_end_matches('/').to_owned()),
            limiter: Limiter::default(),
        })
    }

    /// Other processes of the same bot send too: each keeps to its share of what is allowed over all routes.
    pub(crate) fn share(&self, part: Shards) {
        self.limiter.share(part.len(), part.of as usize);
    }

    /// Asks, again where that may help, and waits where Discord wants it.
    pub(crate) async fn call(&self, ask: Ask<'_>) -> Result<Value, RestError> {
        let (key, deadline) = (ask.key(), Instant::now() + ask.persist);
        let mut tries = 0;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let pass = self.limiter.admit(key, ask.priority, ask.exempt, left).await?;
            tries += 1;
            let failed = match self.send(&ask).await {
                Ok((status, headers, body)) => match self.judge(&pass, status, &headers, &body) {
                    Ok(answer) => return Ok(answer),
                    Err(error @ RestError::Unavailable(_)) => error,
                    Err(RestError::Limited { retry_after }) if Instant::now() + retry_after < deadline => {
                        continue;
                    }
                    Err(error) => return Err(error),
                },
                Err(error @ RestError::Unavailable(_)) => error,
                Err(error) => return Err(error),
            };
            drop(pass);
            let pause = Duration::from_millis(150 * (1 << tries.min(6)) + fastrand::u64(0..150));
            if tries >= TRIES || Instant::now() + pause >= deadline {
                return Err(failed);
            }
            tracing::debug!("Asking Discord again in {pause:?}: {failed}");
            tokio::time::sleep(pause).await;
        }
    }

    async fn send(&self, ask: &Ask<'_>) -> Result<(u16, HeaderMap, Vec<u8>), RestError> {
        let mut headers = HeaderMap::new();
        if let Some(reason) = ask.audit.filter(|reason| !reason.is_empty()) {
            let value = HeaderValue::from_str(&percent(reason))
                .map_err(|error| RestError::Wrong(error.to_string()))?;
            headers.insert(HeaderName::from_static("x-audit-log-reason"), value);
        }
        let request = Request::new(ask.route, ask.method)
            .body(ask.body.clone())
            .headers(Some(headers))
            .params((!ask.params.is_empty()).then(|| ask.params.clone()))
            .build(&self.client, &self.token, self.proxy.as_deref())
            .map_err(|error| RestError::Wrong(error.to_string()))?;
        let request = match &ask.media {
            Some(media) => request.headers(HeaderMap::from_iter([(CONTENT_TYPE, media.clone())])),
            None => request,
        };
        let away = |error: reqwest::Error| {
            RestError::Unavailable(format!("Discord cannot be reached: {}", innermost(&error)))
        };
        let response = request.send().await.map_err(away)?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await.map_err(away)?;
        Ok((status, headers, body.to_vec()))
    }

    fn judge(&self, pass: &Pass, status: u16, headers: &HeaderMap, body: &[u8]) -> Result<Value, RestError> {
        let told = told(headers);
        let value: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        if status != 429 {
            pass.told(&told);
        }
        match status {
            200..=299 => Ok(value),
            429 => {
                let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
                let header = || text("retry-after").and_then(|text| text.parse().ok());
                let seconds: f64 = value["retry_after"].as_f64().or_else(header).unwrap_or(1.0);
                let retry_after =
                    Duration::try_from_secs_f64(seconds.clamp(0.0, 86_400.0)).unwrap_or_default();
                let global = value["global"] == true || text("x-ratelimit-global").is_some();
                pass.limited(retry_after, global, text("x-ratelimit-scope") == Some("shared"));
                Err(RestError::Limited { retry_after })
            }
            500..=599 => Err(RestError::Unavailable(format!("Discord answers {status}"))),
            _ => {
                let refusal = RestError::Refused {
                    status,
                    code: value["code"]
                        .as_u64()
                        .and_then(|code| code.try_into().ok())
                        .unwrap_or(0),
                    message: value["message"].as_str().unwrap_or("no reason given").to_owned(),
                };
                if matches!(status, 401 | 403) {
                    pass.refused();
                }
                // A token of an interaction may be refused too: that is not ours.
                if status == 401 && refusal.code() == 0 {
                    self.limiter.refuse_token();
                    return Err(RestError::Token);
                }
                Err(refusal)
            }
        }
    }
}

fn told(headers: &HeaderMap) -> Told {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    Told {
        bucket: text("x-ratelimit-bucket").map(str::to_owned),
        limit: text("x-ratelimit-limit").and_then(|text| text.parse().ok()),
        remaining: text("x-ratelimit-remaining").and_then(|text| text.parse().ok()),
        reset_after: text("x-ratelimit-reset-after")
            .and_then(|text| text.parse().ok())
            .and_then(|seconds: f64| Duration::try_from_secs_f64(seconds.clamp(0.0, 86_400.0)).ok()),
    }
}

/// For a header, which carries no other letters.
fn percent(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                encoded.push(char::from(byte));
            }
            other => {
                let _ = write!(encoded, "%{other:02X}");
            }
        }
    }
    encoded
}
