//! How often we call. Sanctions have places of their own, so that neither deletions nor notices hold them up; a wait that
//! Telegram asks for holds for its method and chat alone; and what is only said keeps to the pace that Telegram publishes.

use super::error::CallError;
use chrono::{DateTime, TimeDelta, Utc};
use lockdown_runtime::Clock;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What a call is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// Bans, mutes, their ends, and what has to be known for them.
    Sanction,
    /// Deletions.
    Delete,
    /// What is said to people.
    Notice,
}

/// Calls under way at the same time.
const SANCTIONS: usize = 64;
const DELETES: usize = 24;
const NOTICES: usize = 8;

/// What is said: so often in a group, to a person, and overall.
const IN_GROUP: Pace = Pace {
    calls: 20,
    within: TimeDelta::seconds(60),
};
const TO_PERSON: Pace = Pace {
    calls: 3,
    within: TimeDelta::seconds(3),
};
const OVERALL: Pace = Pace {
    calls: 30,
    within: TimeDelta::seconds(1),
};

#[derive(Debug, Clone, Copy)]
struct Pace {
    calls: usize,
    within: TimeDelta,
}

pub(crate) struct Limiter {
    clock: Clock,
    sanctions: Arc<Semaphore>,
    deletes: Arc<Semaphore>,
    notices: Arc<Semaphore>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Until when a method is not called in a chat.
    blocked: HashMap<(&'static str, i64), DateTime<Utc>>,
    /// When something was said last, by chat; 0 is all of them together.
    said: HashMap<i64, VecDeque<DateTime<Utc>>>,
}

/// A place among the calls under way.
pub(crate) struct Pass {
    _place: OwnedSemaphorePermit,
}

// === impl Limiter ===

impl Limiter {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            clock,
            sanctions: Arc::new(Semaphore::new(SANCTIONS)),
            deletes: Arc::new(Semaphore::new(DELETES)),
            notices: Arc::new(Semaphore::new(NOTICES)),
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere leaves it whole: every change is one call.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the turn of a call. Where that takes longer than `longest`, the caller is told how long.
    pub(crate) async fn enter(
        &self,
        class: Class,
        method: &'static str,
        chat: i64,
        longest: Duration,
    ) -> Result<Pass, CallError> {
        let places = match class {
            Class::Sanction => &self.sanctions,
            Class::Delete => &self.deletes,
            Class::Notice => &self.notices,
        };
        loop {
            let wait = self.state().wait(class, method, chat, self.clock.now());
            if !wait.is_zero() {
                if wait > longest {
                    return Err(CallError::Limited(wait));
                }
                self.clock.sleep(wait).await;
                continue;
            }
            let place = Arc::clone(places).acquire_owned().await;
            let pass = Pass {
                _place: place.expect("the semaphores are never closed"),
            };
            // While it waited for a place, others may have been told to wait.
            let now = self.clock.now();
            let mut state = self.state();
            if state.wait(class, method, chat, now).is_zero() {
                if class == Class::Notice {
                    state.note(chat, now);
                }
                return Ok(pass);
            }
        }
    }

    /// Telegram wants no call of this method in this chat for so long.
    pub(crate) fn block(&self, method: &'static str, chat: i64, wait: Duration) {
        let until = self.clock.now() + wait;
        let mut state = self.state();
        let now = self.clock.now();
        state.blocked.retain(|_, until| *until > now);
        state.blocked.insert((method, chat), until);
    }
}

// === impl State ===

impl State {
    fn wait(&mut self, class: Class, method: &'static str, chat: i64, now: DateTime<Utc>) -> Duration {
        let mut free = self.blocked.get(&(method, chat)).copied();
        if class == Class::Notice {
            let pace = if chat < 0 { IN_GROUP } else { TO_PERSON };
            for (of, pace) in [(chat, pace), (0, OVERALL)] {
                free = free.max(self.free(of, pace, now));
            }
        }
        free.and_then(|free| (free - now).to_std().ok())
            .unwrap_or_default()
    }

    /// When something may be said again.
    fn free(&mut self, of: i64, pace: Pace, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let said = self.said.get_mut(&of)?;
        while said.front().is_some_and(|at| now - *at >= pace.within) {
            said.pop_front();
        }
        if said.is_empty() {
            self.said.remove(&of);
            return None;
        }
        (said.len() >= pace.calls).then(|| said[said.len() - pace.calls] + pace.within)
    }

    fn note(&mut self, chat: i64, now: DateTime<Utc>) {
        for of in [chat, 0] {
            self.said.entry(of).or_default().push_back(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn said_at(limiter: &Limiter, clock: &Clock, chat: i64) -> DateTime<Utc> {
        let long = Duration::from_secs(600);
        let pass = limiter.enter(Class::Notice, "SendMessage", chat, long).await;
        assert!(pass.is_ok());
        clock.now()
    }

    #[tokio::test]
    async fn what_is_said_keeps_its_pace_and_sanctions_do_not_wait_for_it() {
        let (clock, mock) = Clock::mock("2026-11-20T09:06:00Z".parse().unwrap());
        let limiter = Limiter::new(clock.clone());
        let start = mock.now();
        for _ in 0..20 {
            assert_eq!(said_at(&limiter, &clock, -7).await, start);
        }
        let next = said_at(&limiter, &clock, -7);
        tokio::pin!(next);
        let waits = futures_util::poll!(&mut next);
        assert!(waits.is_pending());
        assert_eq!(mock.next_due(), Some(start + TimeDelta::seconds(60)));
        let sanction = limiter
            .enter(Class::Sanction, "BanChatMember", -7, Duration::ZERO)
            .await;
        assert!(sanction.is_ok(), "a sanction overtakes what is said");
        mock.advance(TimeDelta::seconds(60));
        assert_eq!(next.await, start + TimeDelta::seconds(60));
    }

    #[tokio::test]
    async fn a_wait_holds_for_its_method_and_chat_and_not_a_moment_longer() {
        let (clock, mock) = Clock::mock("2026-11-20T09:06:00Z".parse().unwrap());
        let limiter = Limiter::new(clock);
        limiter.block("BanChatMember", -7, Duration::from_secs(3));
        let enter = |method, chat| limiter.enter(Class::Sanction, method, chat, Duration::ZERO);
        assert!(
            matches!(enter("BanChatMember", -7).await, Err(CallError::Limited(wait)) if wait == Duration::from_secs(3))
        );
        assert!(enter("BanChatMember", -8).await.is_ok());
        assert!(enter("DeleteMessages", -7).await.is_ok());
        mock.advance(TimeDelta::milliseconds(2_999));
        assert!(enter("BanChatMember", -7).await.is_err());
        mock.advance(TimeDelta::milliseconds(1));
        assert!(enter("BanChatMember", -7).await.is_ok());
    }
}
