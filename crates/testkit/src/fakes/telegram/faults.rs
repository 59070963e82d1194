//! What goes wrong on demand, and how often one may call.

use super::refusal::Refusal;
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::{HashMap, VecDeque};
use std::time::Duration;

/// Something that goes wrong.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// This status, without any effect.
    Status(u16),
    /// 400 with these words, without any effect.
    Refused(String),
    /// 429, and until then again for the same method and chat.
    RetryAfter(u64),
    /// The answer takes so long; the effect is there at once.
    Slow(Duration),
    /// It is done, but the connection is dropped before the answer.
    Dropped,
    /// It is done, but the answer is no JSON.
    Garbage,
}

/// Whom a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    Chat,
    Global,
}

/// So many calls of methods that begin like this, within so long.
#[derive(Debug, Clone)]
pub struct Limit {
    pub methods: &'static str,
    pub scope: Scope,
    pub calls: usize,
    pub within: TimeDelta,
}

struct Planned {
    method: String,
    chat: Option<i64>,
    left: usize,
    fault: Fault,
}

#[derive(Default)]
pub(super) struct Faults {
    planned: Vec<Planned>,
    limits: Vec<Limit>,
    /// When the calls were made that a limit counts, by its place and chat.
    made: HashMap<(usize, i64), VecDeque<DateTime<Utc>>>,
    /// Until when a method is refused in a chat.
    blocked: HashMap<(String, i64), DateTime<Utc>>,
    /// Calls that came although they had been told to wait.
    pub(super) impatient: usize,
}

// === impl Limit ===

impl Limit {
    /// What the FAQ says of sending: a message a second in a chat, twenty a minute in a group, thirty a second overall.
    pub fn sends() -> Vec<Self> {
        let limit = |scope, calls, within| Self {
            methods: "send",
            scope,
            calls,
            within,
        };
        vec![
            limit(Scope::Chat, 20, TimeDelta::minutes(1)),
            limit(Scope::Global, 30, TimeDelta::seconds(1)),
        ]
    }
}

// === impl Faults ===

impl Faults {
    pub(super) fn plan(&mut self, method: &str, chat: Option<i64>, times: usize, fault: Fault) {
        self.planned.push(Planned {
            method: method.to_ascii_lowercase(),
            chat,
            left: times,
            fault,
        });
    }

    pub(super) fn limit(&mut self, limits: Vec<Limit>) {
        self.limits = limits;
        self.made.clear();
    }

    /// What is planned for this call.
    pub(super) fn next(&mut self, method: &str, chat: Option<i64>, now: DateTime<Utc>) -> Option<Fault> {
        let at = self.planned.iter().position(|planned| {
            planned.method == method && (planned.chat.is_none() || planned.chat == chat)
        })?;
        self.planned[at].left -= 1;
        let fault = self.planned[at].fault.clone();
        if self.planned[at].left == 0 {
            self.planned.remove(at);
        }
        if let Fault::RetryAfter(seconds) = fault {
            self.block(method, chat, now, seconds);
        }
        Some(fault)
    }

    /// Whether the call comes too early, or too often.
    pub(super) fn admit(
        &mut self,
        method: &str,
        chat: Option<i64>,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let place = chat.unwrap_or(0);
        if let Some(until) = self.blocked.get(&(method.to_owned(), place))
            && now < *until
        {
            self.impatient += 1;
            return Err(Refusal::too_many(seconds_up(*until - now)));
        }
        for (number, limit) in self.limits.iter().enumerate() {
            if !method.starts_with(limit.methods) {
                continue;
            }
            let of = match limit.scope {
                Scope::Chat => place,
                Scope::Global => 0,
            };
            let made = self.made.entry((number, of)).or_default();
            while made.front().is_some_and(|at| now - *at >= limit.within) {
                made.pop_front();
            }
            if made.len() >= limit.calls {
                let free = made[0] + limit.within;
                let wait = seconds_up(free - now);
                self.block(method, chat, now, wait);
                return Err(Refusal::too_many(wait));
            }
        }
        for (number, limit) in self.limits.iter().enumerate() {
            if method.starts_with(limit.methods) {
                let of = match limit.scope {
                    Scope::Chat => place,
                    Scope::Global => 0,
                };
                self.made.entry((number, of)).or_default().push_back(now);
            }
        }
        Ok(())
    }

    fn block(&mut self, method: &str, chat: Option<i64>, now: DateTime<Utc>, seconds: u64) {
        let until = now + Duration::from_secs(seconds);
        self.blocked.insert((method.to_owned(), chat.unwrap_or(0)), until);
    }
}

fn seconds_up(wait: TimeDelta) -> u64 {
    u64::try_from((wait.num_milliseconds() + 999) / 1000)
        .unwrap_or(1)
        .max(1)
}
