//! What the tests stand on: a log, and a hand on its lever.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use lockdown_bus::{
    Append, Appended, ConsumerName, DeadFilter, DeadId, DeadLetter, Delivery, Durability, EmbeddedEngine,
    Engine, EngineError, EntryId, Group, Key, Live, Options, Posted, Settlement, Standing, Start, Stored,
    Stream, Trimmed,
};
use lockdown_events::{Envelope, Event, EventId, GuildId, Platform, Source, UserEvent, UserId, UserLeft};
use lockdown_runtime::Clock;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{Mutex, Semaphore};

/// Only a fault that waits for ever meets it.
pub(crate) const SAFETY: Duration = Duration::from_secs(30);

/// A real log behind faults that a test asks for.
pub(crate) struct Faulty {
    log: EmbeddedEngine,
    /// How many appends still fail before they reach the log, and after they did.
    pub(crate) fail_before: AtomicUsize,
    pub(crate) fail_after: AtomicUsize,
    /// How many calls of `settle` still fail.
    pub(crate) fail_settle: AtomicUsize,
    /// Closed, appends wait at it.
    pub(crate) gate: Semaphore,
    /// The sizes of the batches that reached the log.
    pub(crate) batches: Mutex<Vec<usize>>,
}

impl Faulty {
    pub(crate) fn new() -> (Arc<Self>, tempfile::TempDir) {
        let directory = tempfile::tempdir().unwrap();
        let options = Options {
            durability: Durability::Normal,
            ..Options::default()
        };
        let log =
            EmbeddedEngine::open(&directory.path().join("events.db"), &options, Clock::system()).unwrap();
        let faulty = Self {
            log,
            fail_before: AtomicUsize::new(0),
            fail_after: AtomicUsize::new(0),
            fail_settle: AtomicUsize::new(0),
            gate: Semaphore::new(1_000_000),
            batches: Mutex::default(),
        };
        (Arc::new(faulty), directory)
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

#[async_trait]
impl Engine for Faulty {
    async fn append(&self, batch: &[Append]) -> Result<Vec<Result<Appended, EngineError>>, EngineError> {
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
    ) -> Result<Vec<bool>, EngineError> {
        if takes_one(&self.fail_settle) {
            return Err(fault());
        }
        self.log.settle(group, consumer, settlements).await
    }

    async fn say(&self, channel: &str, text: &str) -> Result<u64, EngineError> {
        self.log.say(channel, text).await
    }

    async fn open_group(&self, group: &Group, start: &Start) -> Result<(), EngineError> {
        self.log.open_group(group, start).await
    }

    async fn read(
        &self,
        group: &Group,
        consumer: &ConsumerName,
        max: usize,
        wait: Duration,
    ) -> Result<Vec<Delivery>, EngineError> {
        self.log.read(group, consumer, max, wait).await
    }

    async fn take_over(
        &self,
        group: &Group,
        consumer: &ConsumerName,
        idle: Duration,
        max: usize,
    ) -> Result<Vec<Delivery>, EngineError> {
        self.log.take_over(group, consumer, idle, max).await
    }

    async fn remove_consumer(&self, group: &Group, consumer: &ConsumerName) -> Result<bool, EngineError> {
        self.log.remove_consumer(group, consumer).await
    }

    async fn range(
        &self,
        stream: Stream,
        after: EntryId,
        until: EntryId,
        max: usize,
    ) -> Result<Vec<Stored>, EngineError> {
        self.log.range(stream, after, until, max).await
    }

    async fn place_at(&self, stream: Stream, at: DateTime<Utc>) -> Result<EntryId, EngineError> {
        self.log.place_at(stream, at).await
    }

    async fn last(&self, stream: Stream) -> Result<EntryId, EngineError> {
        self.log.last(stream).await
    }

    async fn dead_letters(
        &self,
        filter: &DeadFilter,
        after: Option<&DeadId>,
        max: usize,
    ) -> Result<Vec<DeadLetter>, EngineError> {
        self.log.dead_letters(filter, after, max).await
    }

    async fn replay_dead(&self, id: &DeadId) -> Result<bool, EngineError> {
        self.log.replay_dead(id).await
    }

    async fn drop_dead(&self, id: &DeadId) -> Result<bool, EngineError> {
        self.log.drop_dead(id).await
    }

    async fn replay(&self, group: &Group, entries: &[Stored]) -> Result<(), EngineError> {
        self.log.replay(group, entries).await
    }

    async fn trim(&self, stream: Stream, before: DateTime<Utc>, most: u64) -> Result<Trimmed, EngineError> {
        self.log.trim(stream, before, most).await
    }

    async fn mark(
        &self,
        name: &str,
        value: &str,
        lasts: Duration,
        standing: Standing<'_>,
    ) -> Result<Option<String>, EngineError> {
        self.log.mark(name, value, lasts, standing).await
    }

    async fn unmark(&self, name: &str, value: &str) -> Result<bool, EngineError> {
        self.log.unmark(name, value).await
    }

    async fn post(&self, board: &str, item: &str, text: &str, due_in: Duration) -> Result<bool, EngineError> {
        self.log.post(board, item, text, due_in).await
    }

    async fn posted(&self, board: &str, max: usize) -> Result<Vec<Posted>, EngineError> {
        self.log.posted(board, max).await
    }

    async fn take_due(&self, board: &str, max: usize) -> Result<Vec<Posted>, EngineError> {
        self.log.take_due(board, max).await
    }

    async fn unpost(&self, board: &str, item: &str) -> Result<Option<String>, EngineError> {
        self.log.unpost(board, item).await
    }

    async fn live(&self) -> Result<Box<dyn Live>, EngineError> {
        self.log.live().await
    }

    async fn ping(&self) -> Result<Duration, EngineError> {
        self.log.ping().await
    }

    async fn close(&self) {
        self.log.close().await;
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
