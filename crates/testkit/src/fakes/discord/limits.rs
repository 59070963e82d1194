//! Rate limits: buckets, the global one, and the count of requests that should not have been made.

use chrono::{DateTime, TimeDelta, Utc};
use std::collections::BTreeMap;
use std::time::Duration;

/// So many requests in so many seconds, where nothing else is set.
const USUAL: (u32, i64) = (50, 1);
/// Requests in a second over all routes.
const GLOBAL: u32 = 50;

pub(super) struct Limits {
    rules: Vec<(String, u32, TimeDelta)>,
    windows: BTreeMap<String, Window>,
    global: Option<(DateTime<Utc>, u32)>,
    /// Until when every route answers 429.
    paused: Option<DateTime<Utc>>,
    pub(super) global_limit: u32,
    /// 401, 403 and 429 that were not shared.
    pub(super) invalid: usize,
    /// Answers with 429 of any kind.
    pub(super) limited: usize,
    /// Requests that came although everything was to wait.
    pub(super) during_pause: usize,
}

struct Window {
    ends: DateTime<Utc>,
    used: u32,
}

/// What the headers of an answer say.
#[derive(Clone)]
pub(super) struct Standing {
    pub(super) limit: u32,
    pub(super) remaining: u32,
    pub(super) reset: DateTime<Utc>,
    pub(super) bucket: String,
}

/// Why a request has to wait.
pub(super) struct Wait {
    pub(super) retry_after: TimeDelta,
    pub(super) global: bool,
    pub(super) standing: Option<Standing>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            rules: Vec::new(),
            windows: BTreeMap::new(),
            global: None,
            paused: None,
            global_limit: GLOBAL,
            invalid: 0,
            limited: 0,
            during_pause: 0,
        }
    }
}

// === impl Limits ===

impl Limits {
    pub(super) fn rule(&mut self, call: &str, limit: u32, per: Duration) {
        let per = TimeDelta::from_std(per).unwrap_or_default();
        self.rules.retain(|(known, ..)| known != call);
        self.rules.push((call.to_owned(), limit, per));
        self.windows.clear();
    }

    pub(super) fn pause(&mut self, until: DateTime<Utc>) {
        self.paused = Some(until);
    }

    /// Counts a request; `call` is its method and template, `top` the guild, channel or webhook it concerns.
    pub(super) fn count(&mut self, call: &str, top: &str, now: DateTime<Utc>) -> Result<Standing, Wait> {
        let exempt = call.contains("interactions/") || call.contains("webhooks/");
        if let Some(until) = self.paused.filter(|until| *until > now && !exempt) {
            self.during_pause += 1;
            return Err(self.wait(until - now, true, None));
        }
        if !exempt {
            let (ends, used) = self
                .global
                .filter(|(ends, _)| *ends > now)
                .unwrap_or((now + TimeDelta::seconds(1), 0));
            if used >= self.global_limit {
                return Err(self.wait(ends - now, true, None));
            }
            self.global = Some((ends, used + 1));
        }
        let rule = self
            .rules
            .iter()
            .find(|(known, ..)| call.contains(known.as_str()));
        let (limit, per) = rule.map_or((USUAL.0, TimeDelta::seconds(USUAL.1)), |(_, limit, per)| {
            (*limit, *per)
        });
        let window = self.windows.entry(format!("{call} {top}")).or_insert(Window {
            ends: now + per,
            used: 0,
        });
        if window.ends <= now {
            *window = Window {
                ends: now + per,
                used: 0,
            };
        }
        let full = window.used >= limit;
        if !full {
            window.used += 1;
        }
        let standing = Standing {
            limit,
            remaining: limit - window.used,
            reset: window.ends,
            bucket: opaque(call),
        };
        if full {
            return Err(self.wait(standing.reset - now, false, Some(standing)));
        }
        Ok(standing)
    }

    pub(super) fn wait(&mut self, retry_after: TimeDelta, global: bool, standing: Option<Standing>) -> Wait {
        self.limited += 1;
        self.invalid += 1;
        Wait {
            retry_after,
            global,
            standing,
        }
    }
}

/// A name that says nothing.
fn opaque(call: &str) -> String {
    let sum = call.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    });
    format!("{sum:016x}")
}
