//! Everything in hand: whose turn it is, what came of it, what is told to the engine.

use super::crew::Crew;
use super::fetch::Fetched;
use super::judge::{Lane, Verdict, Work, unanswered};
use super::lanes::Lanes;
use super::settler::{Settled, Settler};
use super::work::{Begun, Ended, Finished, NotShown, Outcome, Took};
use super::{Handler, HandlerError, Seat};
use crate::FastHash;
use crate::engine::{DeadReason, Delivery, Failure, Settlement};
use crate::place::Position;
use chrono::{DateTime, Utc};
use lockdown_runtime::chain;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

/// An entry that is replayed lies in the inbox, where places are counted anew.
pub(super) type Entry = (Position, bool);

/// Events that wait for another try cost no credit up to this many: those that fail hold up none that would not.
const RETRYING: usize = 10_000;

pub(super) struct Runner {
    seat: Arc<Seat>,
    handlers: Arc<[Handler]>,
    settler: Settler,
    settled: mpsc::UnboundedReceiver<Settled>,
    hand: HashMap<Entry, InHand, FastHash>,
    lanes: Lanes<Lane, Entry>,
    /// What waits for another try, by the time at which it is due.
    due: BTreeMap<(DateTime<Utc>, Entry), ()>,
    /// How old events are when they are handled: from when they happened, which is about when they were published.
    age: metrics::Histogram,
    /// Those who run handlers, and how many events are with them.
    crew: Crew,
    running: usize,
    finished: mpsc::UnboundedReceiver<Finished>,
    took: Took,
    /// Nothing new is begun.
    stopping: bool,
    /// Nothing new comes.
    fetched_all: bool,
}

struct InHand {
    delivery: Delivery,
    /// What there is to do with it; nothing when it only waits for its settlement.
    work: Option<Work>,
    state: State,
    credit: Option<OwnedSemaphorePermit>,
    ours_until: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Running,
    /// It was to run, and keeps its lane until it is known whether it still is ours.
    Asking,
    /// Its settlement is on the way.
    Settling,
    Retrying(DateTime<Utc>),
}

// === impl InHand ===

impl InHand {
    fn begin(&mut self, entry: Entry) -> Option<Begun> {
        let work = self.work.as_ref()?;
        self.state = State::Running;
        Some(Begun {
            entry,
            envelope: Arc::clone(&self.delivery.envelope),
            attempt: work.attempt,
            again: work.attempt > 1 || self.delivery.deliveries > 1,
            suspect: unanswered(&self.delivery) > 1,
            wanted: work.wanted,
            ours_until: self.ours_until,
        })
    }
}

// === impl Runner ===

impl Runner {
    pub(super) fn new(
        seat: Arc<Seat>,
        handlers: Arc<[Handler]>,
        settler: Settler,
        settled: mpsc::UnboundedReceiver<Settled>,
    ) -> Self {
        let group = seat.group.name.to_string();
        let (finish, finished) = mpsc::unbounded_channel();
        Self {
            age: metrics::histogram!("lockdown_bus_age_seconds", "group" => group),
            crew: Crew::new(Arc::clone(&seat), Arc::clone(&handlers), finish),
            seat,
            handlers,
            settler,
            settled,
            hand: HashMap::default(),
            lanes: Lanes::new(),
            due: BTreeMap::new(),
            running: 0,
            finished,
            took: Took::default(),
            stopping: false,
            fetched_all: false,
        }
    }

    /// Runs until stopped and nothing is in hand any more.
    pub(super) async fn run(
        mut self,
        mut arriving: mpsc::UnboundedReceiver<Fetched>,
        stop: CancellationToken,
        grace: watch::Receiver<Duration>,
    ) {
        let mut renewal = tokio::time::interval(self.seat.options.visibility / 3);
        renewal.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut open = true;
        let end = tokio::time::sleep(Duration::MAX);
        tokio::pin!(end);
        while open || !self.hand.is_empty() {
            // Looked at first, so that nothing begins once the stop was asked for.
            if stop.is_cancelled() && !self.stopping {
                self.stopping = true;
                self.take_back();
                end.as_mut().reset(Instant::now() + *grace.borrow());
            }
            self.start_what_may_run();
            let next_due = self.due.first_key_value().map(|((due, _), ())| *due);
            let clock = &self.seat.clock;
            tokio::select! {
                fetched = arriving.recv(), if open => match fetched {
                    Some(fetched) => self.take(fetched),
                    None => {
                        open = false;
                        self.hand_back();
                    }
                },
                Some(finished) = self.finished.recv() => self.finished(finished),
                settled = self.settled.recv() => match settled {
                    Some(settled) => self.settled(settled),
                    // The engine is closed: nothing can be told any more.
                    None => return,
                },
                () = async { clock.sleep_until(next_due.unwrap_or_default()).await }, if next_due.is_some() => self.wake(),
                _ = renewal.tick() => self.renew(),
                () = stop.cancelled(), if !self.stopping => {}
                () = &mut end, if self.stopping && self.running > 0 => self.abort(),
            }
            self.catch_up();
        }
    }

    /// What else has come by now: one turn for all of it is cheaper than one for each.
    fn catch_up(&mut self) {
        while let Ok(finished) = self.finished.try_recv() {
            self.finished(finished);
        }
        while let Ok(settled) = self.settled.try_recv() {
            self.settled(settled);
        }
    }

    fn take(
        &mut self,
        Fetched {
            judged,
            mut credits,
            ours_until,
        }: Fetched,
    ) {
        for (delivery, judged) in judged {
            let credit = credits.split(1);
            let entry = (delivery.entry, delivery.inbox);
            // Handed out to us although we hold it: what is under way settles it.
            if let Some(held) = self.hand.get_mut(&entry) {
                held.ours_until = ours_until;
                continue;
            }
            let (work, settlement) = match judged {
                _ if self.stopping => (None, Some(Settlement::Release)),
                Ok(work) => (Some(work), None),
                Err(Verdict::Unwanted) => (None, Some(Settlement::Ack)),
                Err(Verdict::Dead(reason, error)) => (None, Some(self.dead(reason, error))),
            };
            let due = delivery.retry.as_ref().map(|retry| retry.due);
            self.hand.insert(
                entry,
                InHand {
                    delivery,
                    work,
                    state: State::Settling,
                    credit,
                    ours_until,
                },
            );
            match (settlement, due) {
                (Some(settlement), _) => self.settle(entry, settlement),
                (None, Some(due)) if due > self.seat.clock.now() => self.wait_until(entry, due),
                (None, _) => self.queue(entry),
            }
        }
    }

    fn queue(&mut self, entry: Entry) {
        let Some(held) = self.hand.get_mut(&entry) else {
            return;
        };
        let Some(work) = &held.work else { return };
        held.state = State::Waiting;
        self.lanes.push(&work.lane, entry);
    }

    fn wait_until(&mut self, entry: Entry, due: DateTime<Utc>) {
        let waiting = self.due.len();
        let Some(held) = self.hand.get_mut(&entry) else {
            return;
        };
        held.state = State::Retrying(due);
        if waiting < RETRYING {
            held.credit = None;
        }
        self.due.insert((due, entry), ());
    }

    /// Queues what is due.
    fn wake(&mut self) {
        let now = self.seat.clock.now();
        while let Some(((due, entry), ())) = self.due.pop_first() {
            if due > now {
                self.due.insert((due, entry), ());
                return;
            }
            self.queue(entry);
        }
    }

    fn start_what_may_run(&mut self) {
        let mut begun = Vec::new();
        while !self.stopping
            && let Some((lane, entry)) = self.lanes.next()
        {
            match self.hand.get_mut(&entry) {
                Some(held) if held.state == State::Waiting => begun.extend(held.begin(entry)),
                // Lost to another consumer while it waited.
                _ => self.lanes.done(&lane),
            }
        }
        self.running += begun.len();
        self.crew.give(begun);
    }

    /// What was handed to the crew and is not begun waits again.
    fn take_back(&mut self) {
        for entry in self.crew.take_back() {
            self.running -= 1;
            if let Some(held) = self.hand.get_mut(&entry) {
                held.state = State::Waiting;
            }
        }
    }

    fn finished(&mut self, Finished { entry, ended }: Finished) {
        self.running = self.running.saturating_sub(1);
        let Some(InHand { work: Some(work), .. }) = self.hand.get_mut(&entry) else {
            return;
        };
        let ended = match ended {
            Ok(ended) => Ok(ended),
            Err(NotShown::Unsure) => return self.make_sure(entry),
            Err(NotShown::Undecodable(error)) => Err((DeadReason::Undecodable, chain(&error))),
            Err(NotShown::Poison(times)) => Err((
                DeadReason::Poison,
                format!("begun {times} times without an answer"),
            )),
        };
        let Ended { happened, outcomes } = match ended {
            Ok(ended) => ended,
            Err((reason, error)) => {
                self.lanes.done(&work.lane);
                let dead = self.dead(reason, error);
                return self.settle(entry, dead);
            }
        };
        let (mut again, mut never) = (Vec::new(), Vec::new());
        for Outcome {
            handler,
            result,
            took,
        } in outcomes
        {
            let name = self.handlers[handler].name;
            self.took
                .note((handler, work.event_type, result.is_ok()), name, took);
            match result {
                Ok(()) => work.wanted.remove(handler),
                Err(HandlerError::Again(error)) => again.push(format!("{name}: {error}")),
                Err(HandlerError::Never(error)) => never.push(format!("{name}: {error}")),
            }
        }
        let attempt = work.attempt;
        let age = self.seat.clock.now() - happened;
        self.lanes.done(&work.lane);
        let failed = !again.is_empty();
        if !failed {
            self.age.record(age.to_std().unwrap_or_default());
            if never.is_empty() {
                return self.settle(entry, Settlement::Ack);
            }
        }
        let error = again.into_iter().chain(never).collect::<Vec<_>>().join("; ");
        let settlement = if failed && attempt >= self.seat.options.attempts {
            self.dead(DeadReason::Exhausted, error)
        } else if failed {
            let pause = self.seat.options.backoff.pause(attempt);
            let at = self.seat.clock.now();
            metrics::counter!("lockdown_bus_retries_total", "group" => self.seat.group.name.to_string())
                .increment(1);
            Settlement::Retry {
                failure: Failure { error, at },
                due: at + pause,
            }
        } else {
            self.dead(DeadReason::Permanent, error)
        };
        self.settle(entry, settlement);
    }

    /// It is begun once it is known that no other has it.
    fn make_sure(&mut self, entry: Entry) {
        let Some(held) = self.hand.get_mut(&entry) else {
            return;
        };
        if self.stopping {
            held.state = State::Waiting;
            if self.fetched_all {
                self.hand_back();
            }
        } else if held.ours_until > Instant::now() {
            // Known since it was handed to the crew.
            self.begin_again(entry);
        } else {
            held.state = State::Asking;
            let _ = self.settler.send((held.delivery.clone(), Settlement::Renew));
        }
    }

    /// Before all others: it had its turn.
    fn begin_again(&mut self, entry: Entry) {
        let begun = self.hand.get_mut(&entry).and_then(|held| held.begin(entry));
        self.running += usize::from(begun.is_some());
        self.crew.give_first(begun);
    }

    fn dead(&self, reason: DeadReason, error: String) -> Settlement {
        metrics::counter!("lockdown_bus_dead_total", "group" => self.seat.group.name.to_string())
            .increment(1);
        tracing::error!(group = %self.seat.group.name, ?reason, "An event went to the dead letters: {error}");
        Settlement::Dead {
            failure: Failure {
                error,
                at: self.seat.clock.now(),
            },
            reason,
        }
    }

    fn settle(&mut self, entry: Entry, settlement: Settlement) {
        let Some(held) = self.hand.get_mut(&entry) else {
            return;
        };
        held.state = State::Settling;
        // The settler ends only with the engine; then nothing can be told any more.
        let _ = self.settler.send((held.delivery.clone(), settlement));
    }

    fn settled(
        &mut self,
        Settled {
            delivery,
            settlement,
            ours,
            ours_until,
        }: Settled,
    ) {
        let entry = (delivery.entry, delivery.inbox);
        match settlement {
            Settlement::Ack | Settlement::Dead { .. } | Settlement::Release => {
                self.hand.remove(&entry);
            }
            Settlement::Retry { .. } if !ours => {
                self.hand.remove(&entry);
            }
            Settlement::Retry { due, .. } => self.retry(entry, due),
            // Another took it over: it is not begun here. What runs may end, and its acknowledgement counts.
            Settlement::Renew if !ours => {
                let begun = match self.hand.get(&entry).map(|held| held.state) {
                    Some(State::Retrying(due)) => {
                        self.due.remove(&(due, entry));
                        false
                    }
                    Some(State::Running) => !self.crew.take_one_back(entry),
                    state => !matches!(state, Some(State::Waiting | State::Asking)),
                };
                if !begun {
                    self.forget(entry);
                }
            }
            Settlement::Renew => {
                let Some(held) = self.hand.get_mut(&entry) else {
                    return;
                };
                held.ours_until = ours_until;
                if held.state == State::Asking {
                    self.make_sure(entry);
                }
            }
        }
    }

    /// Another has it now.
    fn forget(&mut self, entry: Entry) {
        let Some(held) = self.hand.remove(&entry) else {
            return;
        };
        if let (State::Running | State::Asking, Some(work)) = (held.state, held.work) {
            self.running -= usize::from(held.state == State::Running);
            self.lanes.done(&work.lane);
        }
    }

    /// The failure is recorded: the next try waits for its time, or for whoever is there after us.
    fn retry(&mut self, entry: Entry, due: DateTime<Utc>) {
        let Some(held) = self.hand.get_mut(&entry) else {
            return;
        };
        if let Some(work) = &mut held.work {
            work.attempt += 1;
        }
        self.wait_until(entry, due);
        if self.fetched_all {
            self.hand_back();
        }
    }

    /// Tells the engine of all that is still in hand, so that nobody takes it for a dead consumer's.
    fn renew(&mut self) {
        for held in self.hand.values().filter(|held| held.state != State::Settling) {
            let _ = self.settler.send((held.delivery.clone(), Settlement::Renew));
        }
    }

    /// Hands back all that has not begun. Only once nothing more is fetched: a read of ours that still waits would
    /// take it straight back.
    fn hand_back(&mut self) {
        self.fetched_all = true;
        self.due.clear();
        self.lanes.drain();
        let idle = |held: &InHand| matches!(held.state, State::Waiting | State::Asking | State::Retrying(_));
        let entries: Vec<Entry> = self
            .hand
            .iter()
            .filter(|(_, held)| idle(held))
            .map(|(entry, _)| *entry)
            .collect();
        for entry in entries {
            self.settle(entry, Settlement::Release);
        }
    }

    /// Ends what still runs after the grace. It had begun, so it is not handed back like what had not: others take it
    /// over once it is silent, and count it.
    fn abort(&mut self) {
        self.crew.abort();
        self.running = 0;
        let all = self.hand.len();
        self.hand.retain(|_, held| held.state != State::Running);
        if self.hand.len() < all {
            tracing::warn!(group = %self.seat.group.name, "{} handlers did not end in time", all - self.hand.len());
        }
    }
}
