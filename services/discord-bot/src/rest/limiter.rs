//! When a request may go out.
//!
//! Discord counts requests for each route and guild or channel, and all of one bot together. It says in each answer how
//! many are left. A request takes its place before it is sent, so that a hundred at once do not all believe in the last
//! one; of a bucket that is not known yet, one goes ahead and the others wait for what it learns. What matters more goes
//! first. Requests that Discord refuses are counted: too many of them, and it would shut out the whole address.

use super::error::RestError;
use serenity::http::RatelimitingBucket;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// What goes first when not everything can go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Priority {
    Sanction,
    Removal,
    Notice,
}

/// Requests over all routes: Discord allows 50 in a second. Its second is not ours, and what was sent evenly may arrive
/// together.
const GLOBAL: usize = 48;
const SECOND: Duration = Duration::from_millis(1_050);
/// From here on what matters less leaves room for what matters more and waits.
const SCARCE: usize = 38;
/// Notices, which may come in bulk, leave room also for what does not wait yet: for so much, and for as much as went in the last
/// second, a quarter more. So many of them go whatever else does.
const KEPT: usize = 8;
const LEAST: usize = 4;
/// For how long a refused request counts, and how many of them stop what matters less, and everything. Discord's own
/// limit is 10,000.
const COUNTED: Duration = Duration::from_secs(600);
const CAUTION: usize = 1_000;
const BREAK: usize = 5_000;
/// Buckets that nobody used for so long are forgotten.
const FORGET: Duration = Duration::from_secs(900);

/// What a request counts for: its method and route, and the guild, channel or webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct RouteKey {
    pub(crate) method: &'static str,
    pub(crate) route: RatelimitingBucket,
    /// The guild, channel or webhook.
    pub(crate) top: u64,
}

#[derive(Clone, Default)]
pub(crate) struct Limiter {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    /// Of how many parts of the requests over all routes how many are ours; all where nothing is said.
    share: Option<(usize, usize)>,
    /// What Discord calls the bucket of a route: several routes may share one.
    names: HashMap<RouteKey, Arc<str>>,
    buckets: HashMap<BucketKey, Bucket>,
    sent: VecDeque<(Instant, usize)>,
    paused_until: Option<Instant>,
    waiting: [usize; 3],
    refused: VecDeque<Instant>,
    token_refused: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum BucketKey {
    Named(Arc<str>, u64),
    Route(RouteKey),
}

#[derive(Default)]
struct Bucket {
    /// As Discord said it last; 0 as long as nothing is known.
    limit: usize,
    remaining: usize,
    resets: Option<Instant>,
    /// How long the limit has lasted so far: an answer that says nothing of it shall not leave the bucket empty for ever.
    window: Duration,
    in_flight: usize,
    waiting: [usize; 3],
    used: Option<Instant>,
}

/// What an answer said of its bucket.
#[derive(Debug, Clone, Default)]
pub(crate) struct Told {
    pub(crate) bucket: Option<String>,
    pub(crate) limit: Option<usize>,
    pub(crate) remaining: Option<usize>,
    pub(crate) reset_after: Option<Duration>,
}

/// The right to send one request now.
pub(crate) struct Pass {
    shared: Arc<Shared>,
    route: RouteKey,
    bucket: BucketKey,
}

/// Somebody who waits, until they do no more.
struct Waiting<'a> {
    shared: &'a Shared,
    bucket: Option<BucketKey>,
    priority: usize,
}

// === impl Limiter ===

impl Limiter {
    /// Waits until the request may go, but not beyond `patience`.
    pub(crate) async fn admit(
        &self,
        route: RouteKey,
        priority: Priority,
        exempt: bool,
        patience: Duration,
    ) -> Result<Pass, RestError> {
        let deadline = Instant::now() + patience;
        let mut waiting: Option<Waiting<'_>> = None;
        loop {
            let changed = self.shared.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let now = Instant::now();
            let until = {
                let mut state = self.shared.state();
                if state.token_refused {
                    return Err(RestError::Token);
                }
                state.check_breaker(priority, now)?;
                let bucket = state.bucket_of(route);
                // The name of the bucket may have become known meanwhile.
                if waiting
                    .as_ref()
                    .is_some_and(|waiting| waiting.bucket.as_ref() != Some(&bucket))
                {
                    drop(state);
                    waiting = None;
                    state = self.shared.state();
                }
                let registered = waiting.is_some();
                match state.take(&bucket, priority, exempt, registered, now) {
                    Ok(()) => {
                        drop(state);
                        return Ok(Pass {
                            shared: Arc::clone(&self.shared),
                            route,
                            bucket,
                        });
                    }
                    Err(until) => {
                        if !registered {
                            state.waiting[priority as usize] += 1;
                            state.buckets.entry(bucket.clone()).or_default().waiting[priority as usize] += 1;
                            drop(state);
                            waiting = Some(Waiting {
                                shared: &self.shared,
                                bucket: Some(bucket),
                                priority: priority as usize,
                            });
                        }
                        until
                    }
                }
            };
            if until.is_some_and(|until| until > deadline) || now >= deadline {
                let retry_after = until
                    .unwrap_or(now + Duration::from_secs(1))
                    .saturating_duration_since(now);
                return Err(RestError::Limited { retry_after });
            }
            tokio::select! {
                () = changed => {}
                () = tokio::time::sleep_until(until.unwrap_or(deadline).min(deadline)) => {}
            }
        }
    }

    /// Other processes send for the same bot: so many parts of all are ours.
    pub(crate) fn share(&self, own: usize, all: usize) {
        self.shared.state().share = Some((own, all));
    }

    /// Discord knows the token no more: nothing is sent from now on.
    pub(crate) fn refuse_token(&self) {
        self.shared.state().token_refused = true;
        self.shared.changed.notify_waiters();
    }
}

// === impl Shared ===

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl State ===

impl State {
    /// Of so many requests over all routes, those that this process may send.
    fn part_of(&self, requests: usize) -> usize {
        self.share
            .map_or(requests, |(own, all)| (requests * own / all.max(1)).max(2))
    }

    fn bucket_of(&self, route: RouteKey) -> BucketKey {
        match self.names.get(&route) {
            Some(name) => BucketKey::Named(Arc::clone(name), route.top),
            None => BucketKey::Route(route),
        }
    }

    fn check_breaker(&mut self, priority: Priority, now: Instant) -> Result<(), RestError> {
        while self
            .refused
            .front()
            .is_some_and(|at| now.duration_since(*at) > COUNTED)
        {
            self.refused.pop_front();
        }
        let most = if priority == Priority::Sanction {
            BREAK
        } else {
            CAUTION
        };
        if self.refused.len() >= most {
            return Err(RestError::Unavailable(format!(
                "Discord refused {} requests in ten minutes: no more are sent for now, look at the bot's permissions",
                self.refused.len()
            )));
        }
        Ok(())
    }

    /// Takes a place, or says until when to wait; `None` until something changes.
    fn take(
        &mut self,
        key: &BucketKey,
        priority: Priority,
        exempt: bool,
        registered: bool,
        now: Instant,
    ) -> Result<(), Option<Instant>> {
        let level = priority as usize;
        if !exempt {
            if let Some(until) = self.paused_until.filter(|until| *until > now) {
                return Err(Some(until));
            }
            while self
                .sent
                .front()
                .is_some_and(|(at, _)| now.duration_since(*at) >= SECOND)
            {
                self.sent.pop_front();
            }
            if !self.has_room(level) {
                return Err(self.sent.front().map(|(at, _)| *at + SECOND));
            }
        }
        if self.buckets.len() > 1_024 {
            let old = |bucket: &Bucket| bucket.used.is_some_and(|at| now.duration_since(at) > FORGET);
            self.buckets.retain(|_, bucket| bucket.is_busy() || !old(bucket));
        }
        let bucket = self.buckets.entry(key.clone()).or_default();
        if bucket.resets.is_some_and(|at| at <= now) {
            bucket.resets = None;
            bucket.remaining = bucket.limit.saturating_sub(bucket.in_flight);
        }
        let own = usize::from(registered);
        let before = bucket.waiting[..level].iter().any(|waiting| *waiting > 0);
        let beside = bucket.waiting[level] > own && !registered;
        let free = if bucket.limit == 0 {
            bucket.in_flight == 0
        } else {
            bucket.remaining > 0
        };
        if !free {
            return Err(bucket.resets);
        }
        if before || beside {
            return Err(None);
        }
        bucket.in_flight += 1;
        bucket.remaining = bucket.remaining.saturating_sub(1);
        if bucket.limit > 0 && bucket.resets.is_none() {
            bucket.resets = Some(now + bucket.window.max(Duration::from_secs(1)));
        }
        bucket.used = Some(now);
        if !exempt {
            self.sent.push_back((now, level));
        }
        Ok(())
    }

    /// Whether one more of this priority fits into the last second.
    fn has_room(&self, level: usize) -> bool {
        let waits = self.waiting[..level].iter().any(|waiting| *waiting > 0);
        let all = self.part_of(if waits { SCARCE } else { GLOBAL });
        if self.sent.len() >= all || level != Priority::Notice as usize {
            return self.sent.len() < all;
        }
        let notices = self.sent.iter().filter(|(_, of)| *of == level).count();
        let urgent = self.sent.len() - notices;
        notices < self.part_of(LEAST) || notices + self.part_of(KEPT) + urgent * 5 / 4 < all
    }
}

// === impl Bucket ===

impl Bucket {
    fn is_busy(&self) -> bool {
        self.in_flight > 0 || self.waiting.iter().any(|waiting| *waiting > 0)
    }
}

// === impl Pass ===

impl Pass {
    /// What the answer said.
    pub(crate) fn told(&self, told: &Told) {
        let now = Instant::now();
        let mut state = self.shared.state();
        let key = match &told.bucket {
            Some(name) => {
                let name: Arc<str> = name.as_str().into();
                let named = BucketKey::Named(Arc::clone(&name), self.route.top);
                state.names.insert(self.route, name);
                named
            }
            None => self.bucket.clone(),
        };
        let bucket = state.buckets.entry(key.clone()).or_default();
        let others = bucket.in_flight.saturating_sub(usize::from(key == self.bucket));
        if let (Some(limit), Some(remaining)) = (told.limit, told.remaining) {
            bucket.limit = limit.max(1);
            bucket.remaining = remaining.saturating_sub(others);
        }
        if let Some(after) = told.reset_after {
            bucket.window = bucket.window.max(after);
            bucket.resets = Some(now + after);
        }
        bucket.used = Some(now);
    }

    /// The answer was 429.
    pub(crate) fn limited(&self, retry_after: Duration, global: bool, shared: bool) {
        let until = Instant::now() + retry_after;
        let mut state = self.shared.state();
        if !shared {
            state.refused.push_back(Instant::now());
        }
        if global {
            state.paused_until = state.paused_until.max(Some(until));
        } else {
            let key = state.bucket_of(self.route);
            let bucket = state.buckets.entry(key).or_default();
            bucket.limit = bucket.limit.max(1);
            bucket.remaining = 0;
            bucket.resets = Some(until);
        }
        metrics::counter!("lockdown_discord_limited_total", "global" => if global { "yes" } else { "no" })
            .increment(1);
    }

    /// The answer was 401 or 403.
    pub(crate) fn refused(&self) {
        self.shared.state().refused.push_back(Instant::now());
        metrics::counter!("lockdown_discord_refused_total").increment(1);
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        if let Some(bucket) = state.buckets.get_mut(&self.bucket) {
            bucket.in_flight = bucket.in_flight.saturating_sub(1);
        }
        drop(state);
        self.shared.changed.notify_waiters();
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.waiting[self.priority] -= 1;
        let bucket = self.bucket.as_ref().and_then(|key| state.buckets.get_mut(key));
        if let Some(bucket) = bucket {
            bucket.waiting[self.priority] -= 1;
        }
        drop(state);
        self.shared.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serenity::http::Route;

    /// How many of so many go at once, each in a bucket of its own, from this number on.
    async fn admitted(limiter: &Limiter, priority: Priority, many: u64, from: u64) -> usize {
        let mut admitted = 0;
        for top in from..from + many {
            let guild_id = top.into();
            let key = RouteKey {
                method: "GET",
                route: Route::Guild { guild_id }.ratelimiting_bucket(),
                top,
            };
            let pass = limiter.admit(key, priority, false, Duration::ZERO).await;
            admitted += usize::from(pass.is_ok());
        }
        admitted
    }

    #[tokio::test]
    async fn notices_in_bulk_leave_room_for_what_is_urgent() {
        let limiter = Limiter::default();
        assert_eq!(admitted(&limiter, Priority::Notice, 100, 1).await, GLOBAL - KEPT);
        assert_eq!(admitted(&limiter, Priority::Removal, 100, 200).await, KEPT);
        // As much as was urgent a moment ago may come again.
        let limiter = Limiter::default();
        assert_eq!(admitted(&limiter, Priority::Removal, 16, 1).await, 16);
        assert_eq!(admitted(&limiter, Priority::Notice, 100, 200).await, 20);
        assert_eq!(admitted(&limiter, Priority::Sanction, 100, 400).await, 12);
        let limiter = Limiter::default();
        assert_eq!(admitted(&limiter, Priority::Removal, 40, 1).await, 40);
        assert_eq!(admitted(&limiter, Priority::Notice, 100, 200).await, LEAST);
        assert_eq!(admitted(&limiter, Priority::Removal, 100, 400).await, 4);
    }
}
