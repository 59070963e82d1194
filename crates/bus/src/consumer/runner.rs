//! Everything in hand: whose turn it is, what came of it, what is told to the engine.

use super::fetch::Fetched;
use super::lanes::Lanes;
use super::settler::{Settled, Settler};
use super::work::{Begun, Ended, Finished, NotShown, Outcome, Took, Wanted, run};
use super::{Handler, HandlerError, Order, Seat};
use crate::FastHash;
use crate::engine::{DeadReason, Delivery, Failure, Settlement};
use crate::place::{Named, Position};
use chrono::{DateTime, Utc};
use futures_util::future::join_all;
use lockdown_events::Envelope;
use lockdown_runtime::chain;
use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

/// An entry that is replayed lies in the inbox, where places are counted anew.
pub(super) type Entry = (Position, bool);

/// So many events at most share a task: a task for each would cost more than a small handler does.
const TOGETHER: usize = 8;
/// So much oftener than one that was begun each time an event is handed out before it is taken for poison all the same: it may
/// kill its process before anything of it can be begun.
const UNBEGUN: u64 = 20;
/// Events that wait for another try cost no credit up to this many: those that fail hold up none that would not.
const RETRYING: usize = 10_000;

/// What keeps an order. Two that are the same by chance wait for each other, which does no harm.
type Lane = u64;

pub(super) struct Runner {
    seat: Arc<Seat>,
    handlers: Arc<[Handler]>,
    settler: Settler,
    settled: mpsc::UnboundedReceiver<Settled>,
    hand: HashMap<Entry, InHand, FastHash>,
    lanes: Lanes<Lane, Entry>,
    /// Makes lanes.
    spread: FastHash,
    /// What waits for another try, by the time at which it is due.
    due: BTreeMap<(DateTime<Utc>, Entry), ()>,
    /// How old events are when they are handled: from when they happened, which is about when they were published.
    age: metrics::Histogram,
    /// The tasks that run handlers, and how many events those have in work.
    tasks: JoinSet<()>,
    running: usize,
    finish: mpsc::UnboundedSender<Finished>,
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
}

struct Work {
    event_type: &'static str,
    lane: Lane,
    /// Which try is next, from 1.
    attempt: u32,
    /// The handlers that are not through with it.
    wanted: Wanted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Running,
    /// Its settlement is on the way.
    Settling,
    Retrying(DateTime<Utc>),
}

// === impl Runner ===

impl Runner {
    pub(super) fn new(
        seat: Arc<Seat>,
        handlers: Vec<Handler>,
        settler: Settler,
        settled: mpsc::UnboundedReceiver<Settled>,
    ) -> Self {
        let group = seat.group.name.to_string();
        let (finish, finished) = mpsc::unbounded_channel();
        Self {
            age: metrics::histogram!("lockdown_bus_age_seconds", "group" => group),
            seat,
            handlers: handlers.into(),
            settler,
            settled,
            hand: HashMap::default(),
            lanes: Lanes::new(),
            spread: FastHash::default(),
            due: BTreeMap::new(),
            tasks: JoinSet::new(),
            running: 0,
            finish,
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
                end.as_mut().reset(tokio::time::Instant::now() + *grace.borrow());
            }
            self.start_what_may_run();
            let next_due = self.due.first_key_value().map(|((due, _), ())| *due);
            let clock = &self.seat.clock;
            tokio::select! {
                fetched = arriving.recv(), if open => match fetched {
                    Some((deliveries, credits)) => self.take(deliveries, credits),
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
        while let Some(ended) = self.tasks.try_join_next() {
            // Handlers' panics are caught inside; what is left is our own end of the grace.
            debug_assert!(ended.is_ok() || self.stopping, "a task broke");
        }
    }

    fn take(&mut self, deliveries: Vec<Delivery>, mut credits: OwnedSemaphorePermit) {
        for delivery in deliveries {
            let credit = credits.split(1);
            let entry = (delivery.entry, delivery.inbox);
            // Handed out to us although we hold it: what is under way settles it.
            if self.hand.contains_key(&entry) {
                continue;
            }
            let judged = if self.stopping {
                Err(Settlement::Release)
            } else {
                self.judge(&delivery)
            };
            let due = delivery.retry.as_ref().map(|retry| retry.due);
            let (work, settlement) = match judged {
                Ok(work) => (Some(work), None),
                Err(settlement) => (None, Some(settlement)),
            };
            self.hand.insert(
                entry,
                InHand {
                    delivery,
                    work,
                    state: State::Settling,
                    credit,
                },
            );
            match (settlement, due) {
                (Some(settlement), _) => self.settle(entry, settlement),
                (None, Some(due)) if due > self.seat.clock.now() => self.wait_until(entry, due),
                (None, _) => self.queue(entry),
            }
        }
    }

    /// What is to be done with a new delivery, or how it is settled without that. It is only looked into here: whoever
    /// handles it decodes it, beside others.
    fn judge(&self, delivery: &Delivery) -> Result<Work, Settlement> {
        let looked = Named::look(&delivery.envelope);
        let known = looked.and_then(|(name, named)| Some((self.wanted(name)?, named)));
        let ((event_type, wanted), named) = match known {
            Some(known) => known,
            None => self.look_closely(delivery)?,
        };
        let failed = delivery.retry.as_ref().map_or(0, |retry| retry.attempts);
        let unanswered = unanswered(delivery);
        if unanswered >= self.seat.options.poison.saturating_mul(UNBEGUN) {
            let error = format!("handed out {unanswered} times without an answer");
            return Err(self.dead(DeadReason::Poison, error));
        }
        let orders = wanted.of(&self.handlers).map(|(_, handler)| handler.order);
        let lane = match (orders.min().unwrap_or(Order::Community), named.person()) {
            (Order::Person, Some(person)) => self.spread.hash_one((named.guild(), person)),
            (Order::Community | Order::Person, _) => self.spread.hash_one(named.guild()),
            (Order::None, _) => self.spread.hash_one((delivery.entry, delivery.inbox)),
        };
        Ok(Work {
            event_type,
            lane,
            attempt: failed + 1,
            wanted,
        })
    }

    /// The type by its own name, and who wants it; nothing where nobody does.
    fn wanted(&self, name: &str) -> Option<(&'static str, Wanted)> {
        let event_type = self.handlers.iter().find_map(|handler| handler.types.get(name))?;
        Some((event_type, Wanted::by(&self.handlers, event_type)))
    }

    /// Of what is older, foreign or faulty.
    fn look_closely(&self, delivery: &Delivery) -> Result<((&'static str, Wanted), Named), Settlement> {
        // Also a version from the future of what is wanted here: a newer process can be given it again.
        let undecodable = |error| self.dead(DeadReason::Undecodable, chain(&error));
        let envelope = Envelope::decode(&delivery.envelope).map_err(undecodable)?;
        let Some(wanted) = self.wanted(envelope.event_type()) else {
            return Err(Settlement::Ack);
        };
        let event = envelope.event().map_err(undecodable)?;
        let named = Named::of(&envelope).unwrap_or_else(|| Named::nobody(event.platform(), event.guild_id()));
        Ok((wanted, named))
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
        while !self.stopping && self.running < self.seat.options.concurrency {
            let Some((lane, entry)) = self.lanes.next() else {
                break;
            };
            match self.hand.get_mut(&entry) {
                Some(InHand {
                    delivery,
                    work: Some(work),
                    state,
                    ..
                }) if *state == State::Waiting => {
                    *state = State::Running;
                    begun.push(Begun {
                        entry,
                        envelope: Arc::clone(&delivery.envelope),
                        attempt: work.attempt,
                        again: work.attempt > 1 || delivery.deliveries > 1,
                        suspect: unanswered(delivery) > 1,
                        wanted: work.wanted,
                    });
                    self.running += 1;
                }
                // Lost to another consumer while it waited.
                _ => self.lanes.done(&lane),
            }
        }
        // Few are spread, so that each has a core; many share tasks.
        let together = begun.len().div_ceil(TOGETHER).clamp(1, TOGETHER);
        let mut begun = begun.into_iter();
        while begun.len() > 0 {
            let group: Vec<Begun> = begun.by_ref().take(together).collect();
            let (handlers, finish) = (Arc::clone(&self.handlers), self.finish.clone());
            let seat = Arc::clone(&self.seat);
            self.tasks.spawn(async move {
                let each = group.into_iter().map(|begun| {
                    let (seat, handlers, finish) = (&seat, &handlers, &finish);
                    async move {
                        // Nobody is left to hear it when the engine is closed.
                        let _ = finish.send(run(seat, handlers, begun).await);
                    }
                });
                join_all(each).await;
            });
        }
    }

    fn finished(&mut self, Finished { entry, ended }: Finished) {
        self.running = self.running.saturating_sub(1);
        let Some(InHand { work: Some(work), .. }) = self.hand.get_mut(&entry) else {
            return;
        };
        let Ended { happened, outcomes } = match ended {
            Ok(ended) => ended,
            Err(why) => {
                self.lanes.done(&work.lane);
                let dead = match why {
                    NotShown::Undecodable(error) => self.dead(DeadReason::Undecodable, chain(&error)),
                    NotShown::Poison(times) => self.dead(
                        DeadReason::Poison,
                        format!("begun {times} times without an answer"),
                    ),
                };
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
                let held = self.hand.get(&entry).map(|held| held.state);
                if let Some(State::Retrying(due)) = held {
                    self.due.remove(&(due, entry));
                }
                if matches!(held, Some(State::Retrying(_) | State::Waiting)) {
                    self.hand.remove(&entry);
                }
            }
            Settlement::Renew => {}
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
        let idle = |held: &InHand| matches!(held.state, State::Waiting | State::Retrying(_));
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
        self.tasks.abort_all();
        self.running = 0;
        let all = self.hand.len();
        self.hand.retain(|_, held| held.state != State::Running);
        if self.hand.len() < all {
            tracing::warn!(group = %self.seat.group.name, "{} handlers did not end in time", all - self.hand.len());
        }
    }
}

/// How often it was handed out without an answer, this time included.
fn unanswered(delivery: &Delivery) -> u64 {
    let failed = delivery.retry.as_ref().map_or(0, |retry| retry.attempts);
    delivery.deliveries.saturating_sub(u64::from(failed))
}
