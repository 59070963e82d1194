//! `Idempotency-Key`: the same request again has no second effect, and gets the same answer, in whichever process it
//! arrives, at once or after a restart.
//!
//! The answer is kept in the store for a day. What was refused is not: it can be tried again. A process that dies between
//! the effect and the keeping of its answer is why handlers pass [`Call::key`](super::route::Call) on to the desk, which
//! knows the case that it became.

use super::Api;
use super::route::Answer;
use crate::problem::{Code, Problem};
use axum::http::{HeaderMap, StatusCode};
use chrono::TimeDelta;
use lockdown_runtime::chain;
use lockdown_store::idempotency::{self, Begun, Mark, Request};
use lockdown_store::{StoreError, in_tx};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use std::time::Duration;

pub(crate) const HEADER: &str = "idempotency-key";
const LONGEST: usize = 255;
/// Longer than any answer takes: then whoever worked at it is gone.
const LEASE: TimeDelta = TimeDelta::seconds(40);
const KEPT: TimeDelta = TimeDelta::hours(24);
/// How long a repetition waits for the answer to the first, and how often it looks.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(50);
/// Between two tries to keep what became of a request while the store is away.
const SETTLE: Duration = Duration::from_millis(250);
const NO_BODY: &str = "";

/// A request that came with a key.
pub(crate) struct Keyed {
    caller: String,
    pub(crate) key: String,
    route: String,
    body_hash: Vec<u8>,
    by: String,
}

/// The key of a request, if it has one.
pub(crate) fn key(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut values = headers.get_all(HEADER).iter();
    let (Some(value), rest) = (values.next(), values.next()) else {
        return Ok(None);
    };
    let text = value.to_str().ok().filter(|text| {
        rest.is_none() && (1..=LONGEST).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_graphic())
    });
    let message = format!("One key of 1 to {LONGEST} visible characters of ASCII.");
    let refused = || Problem::new(Code::BadKey, message.clone()).at("Idempotency-Key", message);
    text.map(Some).ok_or_else(refused)
}

// === impl Keyed ===

impl Keyed {
    pub(crate) fn new(api: &Api, caller: &str, key: &str, route: String, query: &str, body: &[u8]) -> Self {
        let digest = Sha256::new()
            .chain_update(query.len().to_be_bytes())
            .chain_update(query)
            .chain_update(body);
        Self {
            caller: caller.to_owned(),
            key: key.to_owned(),
            route,
            body_hash: digest.finalize().to_vec(),
            by: api.ctx.ids.next().to_string(),
        }
    }

    fn request(&self) -> Request<'_> {
        Request {
            caller: &self.caller,
            key: &self.key,
            route: &self.route,
            body_hash: &self.body_hash,
        }
    }

    /// The answer that was given before; `None` when this one shall be worked at.
    pub(crate) async fn begin(&self, api: &Api) -> Result<Option<Answer>, Problem> {
        let clock = &api.ctx.clock;
        let until = tokio::time::Instant::now() + PATIENCE;
        loop {
            let now = clock.now();
            let mark = Mark {
                by: &self.by,
                now,
                lease_until: now + LEASE,
                expires_at: now + KEPT,
            };
            let begun = in_tx!(api.store, |tx| { tx.begin_request(self.request(), mark).await })?;
            match begun {
                Begun::First => return Ok(None),
                Begun::Answered(answer) => return Ok(Some(again(answer))),
                Begun::Differs => return Err(Problem::of(Code::KeyReused)),
                Begun::InFlight { .. } if tokio::time::Instant::now() < until => {
                    tokio::time::sleep(LOOK).await;
                }
                Begun::InFlight { until } => {
                    let seconds = (until - now).num_seconds().clamp(1, LEASE.num_seconds());
                    let problem = Problem::of(Code::InFlight);
                    return Err(problem.retry_after(seconds.unsigned_abs()));
                }
            }
        }
    }

    /// Keeps an answer, or lets the key go where there was no effect.
    pub(crate) async fn end(self, api: &Arc<Api>, outcome: &Result<Answer, Problem>) {
        let kept = outcome.as_ref().ok().map(|answer| {
            let body = answer.kept.as_ref().or(answer.body.as_ref());
            idempotency::Answer {
                status: answer.status.as_u16().into(),
                content_type: body.map(|_| "application/json".to_owned()),
                answer: body.map_or_else(|| NO_BODY.to_owned(), Clone::clone),
            }
        });
        // What was done is done; asked again, the desk knows it by the same key.
        let Err(error) = self.settle(api, kept.as_ref()).await else {
            return;
        };
        tracing::warn!("Could not keep what became of a request: {}", chain(&error));
        if error.is_passing() {
            let (api, stopping) = (Arc::clone(api), api.ctx.shutdown.soft_token());
            tokio::spawn(stopping.run_until_cancelled_owned(async move {
                self.settle_later(&api, kept.as_ref()).await;
            }));
        }
    }

    async fn settle(&self, api: &Api, kept: Option<&idempotency::Answer>) -> Result<bool, StoreError> {
        in_tx!(api.store, |tx| {
            match kept {
                Some(kept) => tx.finish_request(self.request(), &self.by, kept).await,
                None => tx.abandon_request(self.request(), &self.by).await,
            }
        })
    }

    /// As soon as the store is back, so that whoever asks again need not wait for the end of the lease.
    async fn settle_later(&self, api: &Api, kept: Option<&idempotency::Answer>) {
        let end = tokio::time::Instant::now() + LEASE.to_std().unwrap_or_default();
        while tokio::time::Instant::now() < end {
            tokio::time::sleep(SETTLE).await;
            match self.settle(api, kept).await {
                Err(error) if error.is_passing() => {}
                Ok(_) | Err(_) => return,
            }
        }
    }
}

fn again(kept: idempotency::Answer) -> Answer {
    let status = u16::try_from(kept.status).ok();
    let status = status.and_then(|status| StatusCode::from_u16(status).ok());
    Answer {
        body: kept.content_type.is_some().then_some(kept.answer),
        ..Answer::empty(status.unwrap_or(StatusCode::OK))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_one_visible_word() {
        let with = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(HEADER, value.parse().unwrap());
            }
            key(&headers)
                .map(|key| key.map(str::to_owned))
                .map_err(|problem| problem.code)
        };
        assert_eq!(with(&[]), Ok(None));
        assert_eq!(with(&["a-1"]), Ok(Some("a-1".to_owned())));
        for bad in [&["a", "b"][..], &[""], &["a b"], &[&"x".repeat(256)]] {
            assert_eq!(with(bad), Err(Code::BadKey), "{bad:?}");
        }
    }
}
