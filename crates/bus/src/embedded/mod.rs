//! The embedded engine: the whole bus in one SQLite file of its own, for one process.
//!
//! One thread writes. It takes what callers have queued, makes one transaction of it, and answers when that is on the
//! disk (`writer.rs`). What groups have open is in memory (`lane.rs`); the file knows how far each has come, so that an
//! acknowledgement costs no row. Entries are handed out from memory where the reader keeps up (`ring.rs`), and live
//! listeners are told from memory after the commit (`hub.rs`).
//!
//! The file belongs to one process (`claim.rs`). So every consumer of an earlier process is gone when it is opened, and
//! what they held is free at once; a takeover concerns consumers of this process that went silent.

mod append;
mod board;
mod checkpoint;
mod claim;
mod error;
mod file;
mod hand;
mod handed;
mod hub;
mod lane;
mod load;
mod log;
mod look;
mod ranges;
mod replay;
mod ring;
mod settle;
mod stats;
mod tally;
mod trim;
mod writer;

pub use error::OpenError;
pub use file::Durability;

use crate::engine::{
    Append, Appended, BoardLook, DeadFilter, DeadId, DeadLetter, Delivery, Engine, EngineError, Group, Live,
    Posted, Settlement, Standing, Start, Stored, Tallied, Tally, Trimmed,
};
use crate::place::{ConsumerName, EntryId, GroupName, Stream};
use crate::stats::{Listeners, Removal, Stats};
use async_trait::async_trait;
use checkpoint::Checkpoints;
use chrono::{DateTime, Utc};
use compact_str::CompactString;
use error::LogError;
use file::Place;
use handed::{Handed, TakeOver, Waiter};
use hub::Hub;
use lockdown_runtime::{Clock, Ids};
use log::Log;
use look::{Look, Readers, Seen};
use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use writer::{AppendCall, Call, Heads, Op, Queued, Writer};

/// What waits for the writer at most; then callers wait.
const MOST_OPERATIONS: usize = 4096;
const MOST_BYTES: usize = 64 << 20;

/// How a log is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    pub durability: Durability,
    /// The file grows no larger; appends then fail with [`EngineError::Full`] as on a full disk. Trimmed room is used
    /// again.
    pub most_bytes: Option<u64>,
    /// So much of the newest entries is kept in memory, and handed out of there.
    pub newest_bytes: usize,
}

/// A handle on an embedded log. [`EmbeddedEngine::handle`] makes another on the same log, which is closed with the last.
pub struct EmbeddedEngine {
    shared: Arc<Shared>,
    /// This handle's end; the log's end is one too.
    closed: CancellationToken,
}

/// What all handles on one log share.
struct Shared {
    queue: mpsc::Sender<Queued>,
    /// The queue's room in bytes.
    room: Arc<Semaphore>,
    hub: Arc<Hub>,
    heads: Arc<Heads>,
    /// None for a log in memory, which only its own connection sees.
    readers: Option<Arc<Readers>>,
    /// The handles that are not closed.
    handles: Mutex<usize>,
    ended: CancellationToken,
    done: CancellationToken,
}

// === impl Options ===

impl Default for Options {
    fn default() -> Self {
        Self {
            durability: Durability::Full,
            most_bytes: None,
            newest_bytes: 32 << 20,
        }
    }
}

// === impl EmbeddedEngine ===

impl EmbeddedEngine {
    /// Opens the log, or makes it where there is none. Blocks while the file is checked.
    pub fn open(path: &Path, options: &Options, clock: Clock) -> Result<Self, OpenError> {
        let place = Place::new(path, options);
        let identity = Ids::system(clock.clone()).next().to_string();
        let (connection, claim) = place.open(&identity)?;
        let log = Log::load(connection, clock, &place)?;
        let checkpoints = if place.in_memory() {
            None
        } else {
            Some(Checkpoints::start(&place)?)
        };
        let (queue, queued) = mpsc::channel(MOST_OPERATIONS);
        let (ended, done) = (CancellationToken::new(), CancellationToken::new());
        let shared = Shared {
            queue,
            room: Arc::new(Semaphore::new(MOST_BYTES)),
            hub: Arc::new(Hub::default()),
            heads: Arc::new(Heads::new(&log.heads)),
            readers: (!place.in_memory()).then(|| Arc::new(Readers::new(place))),
            handles: Mutex::new(1),
            ended: ended.clone(),
            done: done.clone(),
        };
        let writer = Writer {
            log,
            queue: queued,
            hub: Arc::clone(&shared.hub),
            heads: Arc::clone(&shared.heads),
            checkpoints,
            claim,
            waiters: VecDeque::new(),
            failing: false,
            ended,
            done,
        };
        std::thread::Builder::new()
            .name("event-log".to_owned())
            .spawn(move || writer.run())
            .map_err(OpenError::Thread)?;
        Ok(Self {
            closed: shared.ended.child_token(),
            shared: Arc::new(shared),
        })
    }

    /// Another handle on the same log, with a life of its own.
    pub fn handle(&self) -> Self {
        let mut handles = self.shared.handles();
        let closed = self.shared.ended.child_token();
        // One made of a closed handle is closed too: it must not bring back what was let go.
        if self.closed.is_cancelled() {
            closed.cancel();
        } else {
            *handles += 1;
        }
        drop(handles);
        Self {
            shared: Arc::clone(&self.shared),
            closed,
        }
    }

    /// Closes this handle; says whether the log ends with it.
    fn leave(&self) -> bool {
        // Of many closers at once only one finds it open, since they take turns: the handle counts once.
        let mut handles = self.shared.handles();
        if self.closed.is_cancelled() {
            return false;
        }
        self.closed.cancel();
        *handles -= 1;
        *handles == 0
    }

    fn open_still(&self) -> Result<(), EngineError> {
        if self.closed.is_cancelled() {
            return Err(EngineError::Closed);
        }
        Ok(())
    }

    /// Queues an operation, waiting for room.
    async fn send(&self, op: Op, bytes: usize) -> Result<(), EngineError> {
        self.open_still()?;
        let bytes = u32::try_from(bytes.min(MOST_BYTES)).expect("less than the whole room");
        let room = match bytes {
            0 => None,
            bytes => {
                let room = Arc::clone(&self.shared.room).acquire_many_owned(bytes);
                tokio::select! {
                    room = room => Some(room.map_err(|_| EngineError::Closed)?),
                    () = self.closed.cancelled() => return Err(EngineError::Closed),
                }
            }
        };
        self.shared
            .queue
            .send(Queued { op, room })
            .await
            .map_err(|_| EngineError::Closed)
    }

    /// Has the writer do something and waits for its answer.
    async fn call<T, F>(&self, bytes: usize, run: F) -> Result<T, EngineError>
    where
        T: Send + 'static,
        F: FnMut(&mut Log) -> Result<T, LogError> + Send + 'static,
    {
        let (op, answered) = Call::op(run);
        self.send(op, bytes).await?;
        received(answered.await)
    }

    async fn look(&self, look: Look) -> Result<Seen, EngineError> {
        self.open_still()?;
        let Some(readers) = &self.shared.readers else {
            return self.call(0, move |log| look.at(&log.connection)).await;
        };
        let readers = Arc::clone(readers);
        tokio::task::spawn_blocking(move || readers.look(&look))
            .await
            .map_err(|panic| EngineError::Away(Box::new(panic)))?
    }
}

/// Without an answer the writer has ended.
fn received<T>(answer: Result<Result<T, EngineError>, oneshot::error::RecvError>) -> Result<T, EngineError> {
    answer.unwrap_or(Err(EngineError::Closed))
}

#[async_trait]
impl Engine for EmbeddedEngine {
    async fn append(&self, batch: &[Append]) -> Result<Vec<Result<Appended, EngineError>>, EngineError> {
        let (op, answered) = AppendCall::op(batch.to_vec());
        self.send(op, Op::weight(batch)).await?;
        received(answered.await)
    }

    async fn say(&self, channel: &str, text: &str) -> Result<u64, EngineError> {
        self.open_still()?;
        Ok(self.shared.hub.say(channel, text))
    }

    async fn open_group(&self, group: &Group, start: &Start) -> Result<(), EngineError> {
        let (group, start) = (group.clone(), start.clone());
        self.call(0, move |log| log.group(&group, &start).map(drop)).await
    }

    /// The wait is the caller's patience: real time, whatever the log's clock shows.
    async fn read(
        &self,
        group: &Group,
        consumer: &ConsumerName,
        max: usize,
        wait: Duration,
    ) -> Result<Vec<Delivery>, EngineError> {
        let (answer, mut answered) = oneshot::channel();
        let patient = !wait.is_zero() && max > 0;
        let waiter = Waiter {
            group: group.clone(),
            consumer: consumer.clone(),
            max,
            patient,
            returns: self.shared.queue.downgrade(),
            answer,
        };
        self.send(Op::Read(waiter), 0).await?;
        tokio::select! {
            biased;
            handed = &mut answered => received(handed).map(Handed::take),
            () = self.closed.cancelled() => Err(EngineError::Closed),
            () = tokio::time::sleep(wait), if patient => {
                // What was handed out in this very moment is not left lying.
                answered.close();
                match answered.try_recv() {
                    Ok(handed) => handed.map(Handed::take),
                    Err(_) => Ok(Vec::new()),
                }
            }
        }
    }

    async fn take_over(
        &self,
        group: &Group,
        consumer: &ConsumerName,
        idle: Duration,
        max: usize,
    ) -> Result<Vec<Delivery>, EngineError> {
        let returns = self.shared.queue.downgrade();
        let (op, answered) = TakeOver::op(group.clone(), consumer.clone(), idle, max, returns);
        self.send(op, 0).await?;
        received(answered.await).map(Handed::take)
    }

    async fn settle(
        &self,
        group: &Group,
        consumer: &ConsumerName,
        settlements: &[(Delivery, Settlement)],
    ) -> Result<Vec<bool>, EngineError> {
        let (group, consumer, settlements) = (group.clone(), consumer.clone(), settlements.to_vec());
        self.call(0, move |log| log.settle(&group, &consumer, &settlements))
            .await
    }

    async fn remove_consumer(&self, group: &Group, consumer: &ConsumerName) -> Result<bool, EngineError> {
        let (group, consumer) = (group.clone(), consumer.clone());
        self.call(0, move |log| log.holds_nothing(&group, &consumer))
            .await
    }

    async fn range(
        &self,
        stream: Stream,
        after: EntryId,
        until: EntryId,
        max: usize,
    ) -> Result<Vec<Stored>, EngineError> {
        // What is trimmed is gone, also where its rows are still there.
        let (first, _) = self.shared.heads.of(log::stream_index(stream));
        let look = Look::Range {
            stream,
            after: after.major.max(first - 1),
            until: until.major,
            max,
        };
        match self.look(look).await? {
            Seen::Entries(entries) => Ok(entries),
            _ => Ok(Vec::new()),
        }
    }

    async fn place_at(&self, stream: Stream, at: DateTime<Utc>) -> Result<EntryId, EngineError> {
        let (first, last) = self.shared.heads.of(log::stream_index(stream));
        let look = Look::PlaceAt {
            stream,
            first,
            last,
            at,
        };
        match self.look(look).await? {
            Seen::Place(major) => Ok(EntryId { major, minor: 0 }),
            _ => Ok(EntryId::ZERO),
        }
    }

    async fn last(&self, stream: Stream) -> Result<EntryId, EngineError> {
        self.open_still()?;
        let (_, major) = self.shared.heads.of(log::stream_index(stream));
        Ok(EntryId { major, minor: 0 })
    }

    async fn dead_letters(
        &self,
        filter: &DeadFilter,
        after: Option<&DeadId>,
        max: usize,
    ) -> Result<Vec<DeadLetter>, EngineError> {
        let look = Look::Dead {
            filter: filter.clone(),
            after: after.cloned(),
            max,
        };
        match self.look(look).await? {
            Seen::Letters(letters) => Ok(letters),
            _ => Ok(Vec::new()),
        }
    }

    async fn replay_dead(&self, id: &DeadId) -> Result<bool, EngineError> {
        let id = id.clone();
        self.call(0, move |log| log.replay_dead(&id)).await
    }

    async fn drop_dead(&self, id: &DeadId) -> Result<bool, EngineError> {
        let id = id.clone();
        self.call(0, move |log| log.drop_dead(&id)).await
    }

    async fn replay(&self, group: &Group, entries: &[Stored]) -> Result<(), EngineError> {
        let bytes = entries.iter().map(|entry| entry.envelope.len() + 256).sum();
        let (group, entries) = (group.clone(), entries.to_vec());
        self.call(bytes, move |log| log.replay(&group, &entries)).await
    }

    async fn length(&self, stream: Stream) -> Result<u64, EngineError> {
        self.open_still()?;
        let (first, last) = self.shared.heads.of(log::stream_index(stream));
        Ok((last + 1).saturating_sub(first))
    }

    async fn about(
        &self,
        stream: Stream,
        name: &str,
        after: EntryId,
        max: usize,
    ) -> Result<Vec<Stored>, EngineError> {
        let (first, _) = self.shared.heads.of(log::stream_index(stream));
        let look = Look::About {
            stream,
            name: name.to_owned(),
            after: after.major.max(first - 1),
            max,
        };
        match self.look(look).await? {
            Seen::Entries(entries) => Ok(entries),
            _ => Ok(Vec::new()),
        }
    }

    async fn trim_until(
        &self,
        stream: Stream,
        before: DateTime<Utc>,
        most: u64,
        until: EntryId,
    ) -> Result<Trimmed, EngineError> {
        self.call(0, move |log| log.trim(stream, before, most, until))
            .await
    }

    async fn stats(&self) -> Result<Stats, EngineError> {
        self.call(0, |log| log.stats()).await
    }

    async fn listeners(&self, channels: &[CompactString]) -> Result<Listeners, EngineError> {
        self.open_still()?;
        Ok(self.shared.hub.count(channels))
    }

    async fn remove_group(&self, group: &GroupName, force: bool) -> Result<Removal, EngineError> {
        let group = group.clone();
        self.call(0, move |log| log.remove_group(&group, force)).await
    }

    async fn expire_dead(&self, before: DateTime<Utc>, most: u64) -> Result<u64, EngineError> {
        self.call(0, move |log| log.expire_dead(before, most)).await
    }

    async fn mark(
        &self,
        name: &str,
        value: &str,
        lasts: Duration,
        standing: Standing<'_>,
    ) -> Result<Option<String>, EngineError> {
        let (name, value) = (name.to_owned(), value.to_owned());
        let (absent, is) = match standing {
            Standing::Absent => (true, None),
            Standing::Is(value) => (false, Some(value.to_owned())),
            Standing::AbsentOr(value) => (true, Some(value.to_owned())),
        };
        self.call(0, move |log| {
            let standing = match (absent, is.as_deref()) {
                (true, None) => Standing::Absent,
                (true, Some(value)) => Standing::AbsentOr(value),
                (false, value) => Standing::Is(value.unwrap_or_default()),
            };
            log.mark(&name, &value, lasts, standing)
        })
        .await
    }

    async fn unmark(&self, name: &str, value: &str) -> Result<bool, EngineError> {
        let (name, value) = (name.to_owned(), value.to_owned());
        self.call(0, move |log| log.unmark(&name, &value)).await
    }

    async fn post(&self, board: &str, item: &str, text: &str, due_in: Duration) -> Result<bool, EngineError> {
        let (board, item, text) = (board.to_owned(), item.to_owned(), text.to_owned());
        self.call(text.len(), move |log| log.post(&board, &item, &text, due_in))
            .await
    }

    async fn posted(&self, board: &str, max: usize) -> Result<Vec<Posted>, EngineError> {
        let board = board.to_owned();
        self.call(0, move |log| log.posted(&board, BoardLook::All, max))
            .await
    }

    async fn take_due(&self, board: &str, max: usize) -> Result<Vec<Posted>, EngineError> {
        let board = board.to_owned();
        self.call(0, move |log| log.posted(&board, BoardLook::TakeDue, max))
            .await
    }

    async fn put_off_due(&self, board: &str, by: Duration, max: usize) -> Result<Vec<Posted>, EngineError> {
        let board = board.to_owned();
        self.call(0, move |log| log.posted(&board, BoardLook::PutOffDue(by), max))
            .await
    }

    async fn unpost(&self, board: &str, item: &str) -> Result<Option<String>, EngineError> {
        let (board, item) = (board.to_owned(), item.to_owned());
        self.call(0, move |log| log.unpost(&board, &item)).await
    }

    async fn tally(&self, things: &[Tally]) -> Result<Vec<Vec<Tallied>>, EngineError> {
        let bytes = things.iter().map(|thing| thing.text.len() + 64).sum();
        let things = things.to_vec();
        self.call(bytes, move |log| {
            things.iter().map(|thing| log.tally(thing)).collect()
        })
        .await
    }

    async fn live(&self) -> Result<Box<dyn Live>, EngineError> {
        self.open_still()?;
        Ok(Box::new(self.shared.hub.listen(self.closed.clone())))
    }

    async fn ping(&self) -> Result<Duration, EngineError> {
        let begun = Instant::now();
        self.call(0, |_| Ok(())).await?;
        Ok(begun.elapsed())
    }

    async fn close(&self) {
        if self.leave() {
            if let Some(readers) = &self.shared.readers {
                readers.close();
            }
            // Where the queue is gone, the writer is too.
            let _ = self
                .shared
                .queue
                .send(Queued {
                    op: Op::Stop,
                    room: None,
                })
                .await;
        }
        let last = *self.shared.handles() == 0;
        if last {
            self.shared.done.cancelled().await;
        }
    }
}

impl Drop for EmbeddedEngine {
    fn drop(&mut self) {
        if !self.leave() {
            return;
        }
        let stop = Queued {
            op: Op::Stop,
            room: None,
        };
        // A full queue has no place for it; then the writer sees the end by itself.
        if self.shared.queue.try_send(stop).is_err() {
            self.shared.ended.cancel();
        }
    }
}

// === impl Shared ===

impl Shared {
    fn handles(&self) -> MutexGuard<'_, usize> {
        self.handles.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
