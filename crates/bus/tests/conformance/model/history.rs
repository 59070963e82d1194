//! One random history.

use super::super::{Fixture, LIMIT, TYPE, append, consumer, event, failure, group};
use super::reference::{Letter, Model, State};
use chrono::{DateTime, TimeDelta, Utc};
use fastrand::Rng;
use lockdown_bus::{Append, ConsumerName, DeadReason, Delivery, Engine, Group, Settlement, Start, Stream};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

const STEPS: usize = 70;
const COMMUNITIES: u64 = 5;
const GROUPS: [&str; 3] = ["test.one", "test.two", "test.late"];
/// A read that waits may be given up at the moment in which something is handed to it; none here does.
const WAIT: Duration = Duration::ZERO;

pub(super) struct History<'a, F> {
    pub(super) dice: Rng,
    pub(super) fixture: &'a F,
    pub(super) engine: Option<Arc<dyn Engine>>,
    pub(super) groups: Vec<Seats>,
    /// What lies in the streams, in order.
    pub(super) stored: BTreeMap<Stream, Vec<Append>>,
    pub(super) letters: Vec<Letter>,
    pub(super) numbers: u32,
    pub(super) least_read: usize,
    pub(super) told: Vec<String>,
}

/// A group, what the model knows of it, and who reads it.
pub(super) struct Seats {
    pub(super) group: Group,
    pub(super) model: Model,
    pub(super) consumers: Vec<ConsumerName>,
    /// What consumers hold, or held and do not know to be lost.
    pub(super) hands: Vec<(ConsumerName, Delivery)>,
}

// === impl History ===

impl<'a, F: Fixture> History<'a, F> {
    pub(super) fn new(seed: u64, fixture: &'a F, least_read: usize) -> Self {
        Self {
            dice: Rng::with_seed(seed),
            fixture,
            engine: None,
            groups: Vec::new(),
            stored: BTreeMap::new(),
            letters: Vec::new(),
            numbers: 0,
            least_read,
            told: Vec::new(),
        }
    }

    pub(super) fn told(&self) -> &[String] {
        &self.told
    }

    pub(super) async fn run(&mut self) {
        self.engine = Some(self.fixture.engine().await);
        self.open_group().await;
        self.open_group().await;
        for _ in 0..STEPS {
            self.step().await;
        }
        self.settle_everything().await;
    }

    pub(super) fn engine(&self) -> Arc<dyn Engine> {
        Arc::clone(self.engine.as_ref().expect("it was opened"))
    }

    pub(super) fn tell(&mut self, line: String) {
        self.told.push(line);
    }

    async fn step(&mut self) {
        let at = self.dice.usize(..self.groups.len());
        match self.dice.u8(..100) {
            0..22 => self.append().await,
            22..46 => self.read(at).await,
            46..52 => {
                let idles = [Duration::ZERO, self.fixture.silence(), Duration::from_hours(1)];
                let idle = idles[self.dice.usize(..3)];
                self.take_over(at, idle).await;
            }
            52..80 => self.settle(at).await,
            80..83 => self.late_ack(at).await,
            83..85 => self.forget_consumer(at),
            85..87 => self.remove_consumer(at).await,
            87..89 => self.advance().await,
            89..92 => self.trim().await,
            92..94 => self.replay_history(at).await,
            94..97 => self.bring_back_or_drop().await,
            97 => self.restart().await,
            98 => self.open_group().await,
            _ => self.check_letters().await,
        }
    }

    async fn open_group(&mut self) {
        let Some(name) = GROUPS.get(self.groups.len()) else {
            return;
        };
        let group = group(name);
        self.engine().open_group(&group, &Start::Oldest).await.unwrap();
        let mut model = Model::default();
        for (stream, appends) in &self.stored {
            for append in appends {
                model.add(*stream, false, &append.envelope);
            }
        }
        self.tell(format!("open {name}"));
        self.groups.push(Seats {
            group,
            model,
            consumers: Vec::new(),
            hands: Vec::new(),
        });
    }

    async fn append(&mut self) {
        let mut batch = Vec::new();
        for _ in 0..self.dice.usize(1..6) {
            let mut one = event(TYPE, self.dice.u64(..COMMUNITIES), &self.numbers.to_string());
            one.once = self.dice.u8(..3) == 0;
            self.numbers += 1;
            batch.push(one);
        }
        self.tell(format!("append {}", batch.len()));
        let engine = self.engine();
        let appended = append(&engine, &batch).await;
        if self.dice.u8(..4) == 0 {
            // The answer was lost, and it is appended once more.
            let again: Vec<_> = batch.iter().filter(|one| one.once).cloned().collect();
            let known: Vec<_> = batch.iter().zip(&appended).filter(|(one, _)| one.once).collect();
            for (second, (_, first)) in append(&engine, &again).await.into_iter().zip(known) {
                assert_eq!((second.position, second.already), (first.position, true));
            }
        }
        for (one, appended) in batch.into_iter().zip(appended) {
            let stream = appended.position.stream;
            assert_eq!(stream, Stream::of(TYPE, &one.key));
            for seats in &mut self.groups {
                seats.model.add(stream, false, &one.envelope);
            }
            self.stored.entry(stream).or_default().push(one);
        }
    }

    /// A consumer of the group: one of two, or a new one.
    fn who(&mut self, at: usize) -> ConsumerName {
        self.numbers += 1;
        let seats = &mut self.groups[at];
        if seats.consumers.len() < 2 {
            seats.consumers.push(consumer(&format!("c{}", self.numbers)));
        }
        let chosen = self.dice.usize(..seats.consumers.len());
        seats.consumers[chosen].clone()
    }

    async fn read(&mut self, at: usize) {
        let (me, max) = (self.who(at), self.least_read + self.dice.usize(..8));
        let group = self.groups[at].group.clone();
        let asked = self.fixture.now();
        let read = self.engine().read(&group, &me, max, WAIT).await.unwrap();
        self.tell(format!("{me} of {} reads {} of {max}", group.name, read.len()));
        assert!(read.len() <= max, "more than was asked for");
        for delivery in read {
            self.take(at, &me, delivery, None, asked);
        }
    }

    async fn take_over(&mut self, at: usize, idle: Duration) {
        let (me, max) = (self.who(at), self.dice.usize(1..8));
        let group = self.groups[at].group.clone();
        let asked = self.fixture.now();
        let taken = self.engine().take_over(&group, &me, idle, max).await.unwrap();
        self.tell(format!(
            "{me} of {} takes over {} of {max}, silent for {idle:?}",
            group.name,
            taken.len()
        ));
        assert!(taken.len() <= max, "more than was asked for");
        for delivery in taken {
            self.take(at, &me, delivery, Some(idle), asked);
        }
    }

    /// A delivery must be one that the model allows: the next new one, or a free one, or one whose holder fell silent.
    fn take(
        &mut self,
        at: usize,
        me: &ConsumerName,
        delivery: Delivery,
        idle: Option<Duration>,
        asked: DateTime<Utc>,
    ) {
        let now = self.fixture.now();
        self.tell(format!(
            "  gets {} inbox {} for the {}. time",
            number(&delivery.envelope),
            delivery.inbox,
            delivery.deliveries
        ));
        let seats = &mut self.groups[at];
        let silent = |since: DateTime<Utc>, idle: Duration| {
            // As fine as the engines count.
            now - since >= TimeDelta::from_std(idle).unwrap() - TimeDelta::milliseconds(1)
        };
        let allowed = |state: &State| match (state, idle) {
            // What was put into the inbox is nobody's, so a takeover may find it too.
            (State::Unread, idle) => delivery.inbox || idle.is_none(),
            (State::Free, _) => true,
            (State::Held { by, since: (from, _) }, Some(idle)) => by != me && silent(*from, idle),
            _ => false,
        };
        let fits = |at: &usize| {
            let item = &seats.model.items[*at];
            allowed(&item.state) && item.deliveries + 1 == delivery.deliveries
        };
        let Some(found) = seats.model.find(&delivery).filter(fits) else {
            let like = seats
                .model
                .items
                .iter()
                .filter(|item| item.envelope == delivery.envelope);
            let like: Vec<_> = like
                .map(|item| (item.entry, item.deliveries, &item.state))
                .collect();
            panic!("{me} was handed what it must not have: {delivery:?}, known as {like:?}");
        };
        if seats.model.items[found].state == State::Unread {
            assert!(
                seats.model.is_next(found),
                "not in order: {}",
                number(&delivery.envelope)
            );
        }
        let item = &mut seats.model.items[found];
        assert_eq!(delivery.entry.stream, item.stream);
        assert_eq!(
            delivery.retry.as_ref().map_or(0, |retry| retry.attempts),
            item.attempts
        );
        item.deliveries = delivery.deliveries;
        item.entry = Some(delivery.entry);
        item.state = State::Held {
            by: me.clone(),
            since: (asked, now),
        };
        seats.hands.push((me.clone(), delivery));
    }

    /// Says something about a few of those that were handed out, whoever holds them now.
    async fn settle(&mut self, at: usize) {
        for _ in 0..self.dice.usize(1..4) {
            if self.groups[at].hands.is_empty() {
                return;
            }
            let chosen = self.dice.usize(..self.groups[at].hands.len());
            let (me, delivery) = self.groups[at].hands[chosen].clone();
            self.numbers += 1;
            let mut failure = failure(self.fixture, "so");
            // No two failures are the same.
            failure.at += TimeDelta::microseconds(i64::from(self.numbers));
            let settlement = match self.dice.u8(..10) {
                0..4 => Settlement::Ack,
                4..6 => Settlement::Retry {
                    due: failure.at,
                    failure,
                },
                6 => Settlement::Dead {
                    failure,
                    reason: DeadReason::Permanent,
                },
                7 => Settlement::Release,
                _ => Settlement::Renew,
            };
            self.settle_one(at, chosen, &me, delivery, settlement).await;
        }
    }

    async fn settle_one(
        &mut self,
        at: usize,
        chosen: usize,
        me: &ConsumerName,
        delivery: Delivery,
        settlement: Settlement,
    ) {
        let group = self.groups[at].group.clone();
        let asked = self.fixture.now();
        let answer = self
            .engine()
            .settle(&group, me, &[(delivery.clone(), settlement.clone())])
            .await
            .unwrap();
        let kind = match &settlement {
            Settlement::Ack => "ack",
            Settlement::Retry { .. } => "retry",
            Settlement::Dead { .. } => "dead",
            Settlement::Renew => "renew",
            Settlement::Release => "release",
        };
        self.tell(format!(
            "{me} of {}: {kind} {} inbox {}, {answer:?}",
            group.name,
            number(&delivery.envelope),
            delivery.inbox
        ));
        let now = self.fixture.now();
        let seats = &mut self.groups[at];
        let found = seats.of_hand(&delivery);
        let item = &mut seats.model.items[found];
        let mine = item.state.is_held_by(me);
        if item.state == State::Trimmed {
            // Nothing is left to settle; what an engine still knows of it is its own business, but for the dead.
            if answer == [true] && kind == "dead" {
                self.letters.push(letter(&group, &delivery, item.attempts + 1));
            }
            seats.hands.remove(chosen);
            return;
        }
        let expected = match settlement {
            Settlement::Ack => item.state.is_open(),
            _ => mine,
        };
        assert_eq!(answer, [expected], "{kind} by {me} of what is {:?}", item.state);
        if !expected {
            // Now it knows.
            seats.hands.remove(chosen);
            return;
        }
        let since = (asked, now);
        match settlement {
            Settlement::Ack => item.state = State::Acked,
            Settlement::Dead { .. } => {
                item.state = State::Dead;
                self.letters.push(letter(&group, &delivery, item.attempts + 1));
            }
            Settlement::Release => {
                item.state = State::Free;
                item.deliveries -= 1;
                // It forgets what it has given back, however often it was handed it.
                let entry = (delivery.entry, delivery.inbox);
                seats
                    .hands
                    .retain(|(who, held)| who != me || (held.entry, held.inbox) != entry);
                return;
            }
            Settlement::Retry { .. } => {
                item.attempts += 1;
                item.state = State::Held {
                    by: me.clone(),
                    since,
                };
            }
            Settlement::Renew => {
                item.state = State::Held {
                    by: me.clone(),
                    since,
                };
            }
        }
        if !seats.model.items[found].state.is_held_by(me) {
            seats.hands.remove(chosen);
        }
    }

    /// The acknowledgement of one who may have lost it counts all the same.
    async fn late_ack(&mut self, at: usize) {
        let seats = &self.groups[at];
        let lost = |(me, delivery): &(ConsumerName, Delivery)| {
            !seats.model.items[seats.of_hand(delivery)].state.is_held_by(me)
        };
        if let Some(chosen) = seats.hands.iter().position(lost) {
            let (me, delivery) = seats.hands[chosen].clone();
            self.settle_one(at, chosen, &me, delivery, Settlement::Ack).await;
        }
    }

    /// A consumer's process dies: its name never comes again.
    fn forget_consumer(&mut self, at: usize) {
        if let Some(gone) = self.groups[at].consumers.pop() {
            self.tell(format!("{gone} dies"));
            self.groups[at].hands.retain(|(name, _)| *name != gone);
        }
    }

    async fn remove_consumer(&mut self, at: usize) {
        let me = self.who(at);
        let seats = &self.groups[at];
        let holds = seats.model.items.iter().any(|item| item.state.is_held_by(&me));
        let removed = self.engine().remove_consumer(&seats.group, &me).await.unwrap();
        assert!(!(removed && holds), "{me} was removed with all it holds");
        self.tell(format!("remove {me}: {removed}"));
    }

    async fn advance(&mut self) {
        self.tell("time passes".to_owned());
        self.fixture.advance(self.fixture.silence() * 2).await;
    }

    /// Hands everything that is open to new consumers until nothing comes any more: then nothing may be open.
    async fn settle_everything(&mut self) {
        self.tell("settle everything".to_owned());
        for at in 0..self.groups.len() {
            let (group, begun) = (self.groups[at].group.clone(), Instant::now());
            let me = consumer("last");
            let mut quiet = 0;
            while quiet < 2 {
                assert!(begun.elapsed() < LIMIT, "{:?}", self.groups[at].model.count());
                let (engine, asked) = (self.engine(), self.fixture.now());
                let read = engine.read(&group, &me, 50, WAIT).await.unwrap();
                let taken = engine.take_over(&group, &me, Duration::ZERO, 50).await.unwrap();
                quiet = if read.is_empty() && taken.is_empty() {
                    quiet + 1
                } else {
                    0
                };
                for (deliveries, idle) in [(read, None), (taken, Some(Duration::ZERO))] {
                    let settlements: Vec<_> = deliveries
                        .iter()
                        .map(|delivery| (delivery.clone(), Settlement::Ack))
                        .collect();
                    for delivery in deliveries {
                        self.take(at, &me, delivery, idle, asked);
                    }
                    let answers = engine.settle(&group, &me, &settlements).await.unwrap();
                    assert!(answers.iter().all(|mine| *mine));
                    for (delivery, _) in settlements {
                        let seats = &mut self.groups[at];
                        let found = seats.of_hand(&delivery);
                        seats.model.items[found].state = State::Acked;
                    }
                }
            }
            let seats = &self.groups[at];
            let open = seats.model.items.iter().filter(|item| item.state.is_open());
            let open: BTreeSet<_> = open.map(|item| (item.inbox, number(&item.envelope))).collect();
            assert_eq!(seats.model.open(), 0, "{} never got {open:?}", group.name);
            assert!(self.engine().remove_consumer(&group, &me).await.unwrap());
        }
        self.check_letters().await;
    }
}

// === impl Seats ===

impl Seats {
    /// The item of a delivery that was taken.
    fn of_hand(&self, delivery: &Delivery) -> usize {
        self.model.find(delivery).expect("what was handed out is known")
    }
}

fn letter(group: &Group, delivery: &Delivery, attempts: u32) -> Letter {
    Letter {
        group: group.name.clone(),
        envelope: Arc::clone(&delivery.envelope),
        reason: DeadReason::Permanent,
        attempts,
    }
}

/// The number that an event carries as its text.
pub(super) fn number(envelope: &str) -> &str {
    let from = envelope.find(r#""text":""#).map_or(0, |at| at + 8);
    envelope[from..].split('"').next().unwrap_or(envelope)
}
