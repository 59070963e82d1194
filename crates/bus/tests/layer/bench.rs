//! What the tests stand on: a log, and a hand on its lever.

use crate::conformance::Fixture;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use compact_str::CompactString;
use lockdown_bus::{
    Append, Appended, ConsumerName, DeadFilter, DeadId, DeadLetter, Delivery, Engine, EngineError, EntryId,
    Group, GroupName, Key, Listeners, Live, Posted, Removal, Settlement, Standing, Start, Stats, Stored,
    Stream, Tallied, Tally, Trimmed,
};
use lockdown_events::{Envelope, Event, EventId, GuildId, Platform, Source, UserEvent, UserId, UserLeft};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{Mutex, Semaphore};

/// Only a fault that waits for ever meets it.
pub(crate) const SAFETY: Duration = Duration::from_secs(30);

/// An event that was put off.
#[derive(Debug, Clone)]
pub(crate) struct Put {
    pub(crate) envelope: Arc<str>,
    pub(crate) failed: DateTime<Utc>,
    pub(crate) due: DateTime<Utc>,
}

/// A real log behind faults that a test asks for.
pub(crate) struct Faulty {
    log: Arc<dyn Engine>,
    /// How many appends still fail before they reach the log, and after they did.
    pub(crate) fail_before: AtomicUsize,
    pub(crate) fail_after: AtomicUsize,
    /// How many calls of `settle` still fail before they reach the log, and after they did.
    pub(crate) fail_settle: AtomicUsize,
    pub(crate) lose_settle: AtomicUsize,
    /// Whether pings fail.
    pub(crate) away: AtomicBool,
    /// The retries that the log was told of.
    pub(crate) retries: Mutex<Vec<Put>>,
    /// Closed, appends wait at it.
    pub(crate) gate: Semaphore,
    /// The sizes of the batches that reached the log.
    pub(crate) batches: Mutex<Vec<usize>>,
}

impl Faulty {
    pub(crate) async fn over(fixture: &impl Fixture) -> Arc<Self> {
        Arc::new(Self {
            log: fixture.engine().await,
            fail_before: AtomicUsize::new(0),
            fail_after: AtomicUsize::new(0),
            fail_settle: AtomicUsize::new(0),
            lose_settle: AtomicUsize::new(0),
            away: AtomicBool::new(false),
            retries: Mutex::default(),
            gate: Semaphore::new(1_000_000),
            batches: Mutex::default(),
        })
    }

    /// Everything in the streams of one class, in order within each stream.
    pub(crate) async fn stored(&self) -> Vec<Stored> {
        let mut all = Vec::new();
        for stream in Stream::all() {
            all.extend(
                self.log
                    .range(stream, EntryId::ZERO, EntryId::MAX, 100_000)
                    .await
                    .unwrap(),
            );
        }
        all
    }

    pub(crate) async fn dead(&self) -> Vec<DeadLetter> {
        self.log
            .dead_letters(&DeadFilter::default(), None, 1000)
            .await
            .unwrap()
    }
}

fn takes_one(counter: &AtomicUsize) -> bool {
    counter
        .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
        .is_ok()
}

fn fault() -> EngineError {
    EngineError::Away("a fault that the test asked for".into())
}

/// An engine that meddles with the calls written out and hands on the others, of which a line says the signature.
macro_rules! engine {
    ($engine:ty { $($own:item)* } hands on { $($name:ident($($argument:ident: $type:ty),*) -> $out:ty;)* }) => {
        #[async_trait]
        impl Engine for $engine {
            $($own)*
            $(async fn $name(&self, $($argument: $type),*) -> $out {
                self.log.$name($($argument),*).await
            })*
        }
    };
}

type Outcome<T> = Result<T, EngineError>;

engine! {
    Faulty {
        async fn append(&self, batch: &[Append]) -> Outcome<Vec<Outcome<Appended>>> {
            self.gate.acquire().await.unwrap().forget();
            if takes_one(&self.fail_before) {
                return Err(fault());
            }
            self.batches.lock().await.push(batch.len());
            let results = self.log.append(batch).await?;
            if takes_one(&self.fail_after) {
                return Err(fault());
            }
            Ok(results)
        }

        async fn settle(
            &self,
            group: &Group,
            consumer: &ConsumerName,
            settlements: &[(Delivery, Settlement)],
        ) -> Outcome<Vec<bool>> {
            if takes_one(&self.fail_settle) {
                return Err(fault());
            }
            let results = self.log.settle(group, consumer, settlements).await?;
            for (delivery, settlement) in settlements {
                if let Settlement::Retry { failure, due } = settlement {
                    self.retries.lock().await.push(Put {
                        envelope: Arc::clone(&delivery.envelope),
                        failed: failure.at,
                        due: *due,
                    });
                }
            }
            if takes_one(&self.lose_settle) {
                return Err(fault());
            }
            Ok(results)
        }

        async fn ping(&self) -> Outcome<Duration> {
            if self.away.load(Ordering::SeqCst) {
                return Err(fault());
            }
            self.log.ping().await
        }
    }
    hands on {
        say(channel: &str, text: &str) -> Outcome<u64>;
        open_group(group: &Group, start: &Start) -> Outcome<()>;
        read(group: &Group, consumer: &ConsumerName, max: usize, wait: Duration) -> Outcome<Vec<Delivery>>;
        take_over(group: &Group, consumer: &ConsumerName, idle: Duration, max: usize) -> Outcome<Vec<Delivery>>;
        remove_consumer(group: &Group, consumer: &ConsumerName) -> Outcome<bool>;
        range(stream: Stream, after: EntryId, until: EntryId, max: usize) -> Outcome<Vec<Stored>>;
        place_at(stream: Stream, at: DateTime<Utc>) -> Outcome<EntryId>;
        last(stream: Stream) -> Outcome<EntryId>;
        dead_letters(filter: &DeadFilter, after: Option<&DeadId>, max: usize) -> Outcome<Vec<DeadLetter>>;
        replay_dead(id: &DeadId) -> Outcome<bool>;
        drop_dead(id: &DeadId) -> Outcome<bool>;
        replay(group: &Group, entries: &[Stored]) -> Outcome<()>;
        length(stream: Stream) -> Outcome<u64>;
        about(stream: Stream, name: &str, after: EntryId, max: usize) -> Outcome<Vec<Stored>>;
        trim_until(stream: Stream, before: DateTime<Utc>, most: u64, until: EntryId) -> Outcome<Trimmed>;
        trim(stream: Stream, before: DateTime<Utc>, most: u64) -> Outcome<Trimmed>;
        stats() -> Outcome<Stats>;
        listeners(channels: &[CompactString]) -> Outcome<Listeners>;
        remove_group(group: &GroupName, force: bool) -> Outcome<Removal>;
        expire_dead(before: DateTime<Utc>, most: u64) -> Outcome<u64>;
        mark(name: &str, value: &str, lasts: Duration, standing: Standing<'_>) -> Outcome<Option<String>>;
        unmark(name: &str, value: &str) -> Outcome<bool>;
        post(board: &str, item: &str, text: &str, due_in: Duration) -> Outcome<bool>;
        posted(board: &str, max: usize) -> Outcome<Vec<Posted>>;
        take_due(board: &str, max: usize) -> Outcome<Vec<Posted>>;
        put_off_due(board: &str, by: Duration, max: usize) -> Outcome<Vec<Posted>>;
        unpost(board: &str, item: &str) -> Outcome<Option<String>>;
        tally(things: &[Tally]) -> Outcome<Vec<Vec<Tallied>>>;
        live() -> Outcome<Box<dyn Live>>;
        close() -> ();
    }
}

/// The `number`th event of a community: a person of that number left.
pub(crate) fn left(guild: u32, number: u32) -> (Envelope, Key) {
    let guild_id = GuildId::new(&guild.to_string()).unwrap();
    let key = Key::community(Platform::Discord, &guild_id);
    let event = Event::from(UserEvent::Left(UserLeft {
        platform: Platform::Discord,
        guild_id,
        user_id: UserId::new(&number.to_string()).unwrap(),
        names: lockdown_events::Names::default(),
    }));
    let mut id = [0_u8; 16];
    id[..4].copy_from_slice(&guild.to_be_bytes());
    id[12..].copy_from_slice(&number.to_be_bytes());
    let id = EventId(uuid::Uuid::from_bytes(id));
    (
        Envelope::new(id, DateTime::UNIX_EPOCH, Source::DiscordBot, None, &event).unwrap(),
        key,
    )
}

/// Guild and number of such an event.
pub(crate) fn told(event: &Event) -> (u32, u32) {
    let Event::User(UserEvent::Left(left)) = event else {
        panic!("another event: {event:?}")
    };
    (
        left.guild_id.as_str().parse().unwrap(),
        left.user_id.as_str().parse().unwrap(),
    )
}

/// Waits until it holds.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, holds: impl Fn() -> F) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(SAFETY, waiting)
        .await
        .unwrap_or_else(|_| panic!("waited in vain until {what}"));
}
