//! Bans that a platform takes together: what is decided while a call is under way goes with the next. Nobody waits for a
//! timer, and a lone ban is a call of its own.

use super::carry::done_before;
use crate::duration::{Span, Term};
use crate::named::Named;
use crate::platform::{Fault, Platform, PlatformError};
use crate::reason::Reason;
use crate::who::{Actor, CaseNumber};
use lockdown_events::{Action, GuildId, UserId};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// As much of a line in the audit log is left to the numbers of cases, in characters.
const NAMED: usize = 200;

/// What the bans of one call share.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Alike {
    pub(super) guild: GuildId,
    pub(super) delete: Option<Span>,
    pub(super) by: Actor,
    pub(super) reason: Option<Reason>,
}

/// One of them.
pub(super) struct Banned {
    pub(super) user: UserId,
    pub(super) case: CaseNumber,
    /// The platform may have been asked before, without us hearing the answer.
    pub(super) again: bool,
}

struct Waiting {
    banned: Banned,
    done: oneshot::Sender<Result<(), PlatformError>>,
}

pub(super) struct Together {
    platform: Arc<dyn Platform>,
    /// Who waits for the call that is under way; where none is, there is no entry.
    waiting: Mutex<HashMap<Alike, Vec<Waiting>>>,
}

/// A call that is under way. What waits for one that never ends well is told so.
struct Calling<'a>(&'a Together, &'a Alike);

// === impl Alike ===

impl Alike {
    /// The line for the audit log, of no more than so many characters.
    pub(super) fn audit_line(&self, cases: &Named, most: usize) -> String {
        Reason::audit_line(self.reason.as_ref(), &self.by, cases, most)
    }
}

// === impl Together ===

impl Together {
    pub(super) fn new(platform: Arc<dyn Platform>) -> Arc<Self> {
        Arc::new(Self {
            platform,
            waiting: Mutex::default(),
        })
    }

    /// Bans for ever, as a platform does that has no timer.
    pub(super) async fn ban(self: &Arc<Self>, alike: Alike, banned: Banned) -> Result<(), PlatformError> {
        let (done, answer) = oneshot::channel();
        let mut first = Some(Waiting { banned, done });
        match self.waiting().entry(alike.clone()) {
            Entry::Occupied(mut calling) => calling.get_mut().extend(first.take()),
            Entry::Vacant(idle) => {
                idle.insert(Vec::new());
            }
        }
        if let Some(first) = first {
            let this = Arc::clone(self);
            tokio::spawn(async move {
                let _calling = Calling(&this, &alike);
                let mut batch = vec![first];
                while !batch.is_empty() {
                    this.call(&alike, batch).await;
                    batch = this.next(&alike);
                }
            });
        }
        let ended = |_| {
            Err(PlatformError::Unavailable(Fault(
                "the call did not end".to_owned(),
            )))
        };
        answer.await.unwrap_or_else(ended)
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<Alike, Vec<Waiting>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who goes with the next call; without anybody there is none.
    fn next(&self, alike: &Alike) -> Vec<Waiting> {
        let mut waiting = self.waiting();
        let Some(queue) = waiting.get_mut(alike) else {
            return Vec::new();
        };
        let mut many = queue.len().min(self.platform.limits().ban_bulk);
        let named = |many: usize| Named::of(queue[..many].iter().map(|one| one.banned.case));
        while many > 1 && named(many).to_string().len() > NAMED {
            many -= many.div_ceil(4);
        }
        let batch: Vec<Waiting> = queue.drain(..many).collect();
        if batch.is_empty() {
            waiting.remove(alike);
        }
        batch
    }

    async fn call(&self, alike: &Alike, batch: Vec<Waiting>) {
        let again = batch.iter().map(|one| &one.banned).filter(|banned| banned.again);
        let again: Vec<(UserId, CaseNumber)> =
            again.map(|banned| (banned.user.clone(), banned.case)).collect();
        let done = done_before(&*self.platform, &alike.guild, Action::Ban, &again).await;
        let mut left = Vec::with_capacity(batch.len());
        for one in batch {
            match &done {
                Ok(done) if !done.contains(&one.banned.user) => left.push(one),
                Err(_) if !one.banned.again => left.push(one),
                known => one.tell(known.as_ref().map(drop).map_err(Clone::clone)),
            }
        }
        let limits = self.platform.limits();
        let cases = Named::of(left.iter().map(|one| one.banned.case));
        let audit = alike.audit_line(&cases, limits.audit_reason.unwrap_or(Reason::LONGEST));
        if left.len() == 1 {
            for one in left {
                let (guild, user) = (&alike.guild, &one.banned.user);
                let ban = self
                    .platform
                    .ban(guild, user, Term::Forever, alike.delete, &audit);
                let banned = ban.await;
                one.tell(banned);
            }
            return;
        }
        if left.is_empty() {
            return;
        }
        let users: Vec<UserId> = left.iter().map(|one| one.banned.user.clone()).collect();
        let came = self
            .platform
            .ban_many(&alike.guild, &users, alike.delete, &audit)
            .await;
        let mut results: HashMap<UserId, Result<(), PlatformError>> = came.results.into_iter().collect();
        let untried = came.stopped_by.unwrap_or_else(|| {
            PlatformError::Unavailable(Fault("nothing was said of this person".to_owned()))
        });
        for one in left {
            let result = results.remove(&one.banned.user);
            one.tell(result.unwrap_or_else(|| Err(untried.clone())));
        }
    }
}

// === impl Waiting ===

impl Waiting {
    fn tell(self, result: Result<(), PlatformError>) {
        // Who asked may have stopped.
        let _ = self.done.send(result);
    }
}

// === impl Calling ===

impl Drop for Calling<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.waiting().remove(self.1);
        }
    }
}
