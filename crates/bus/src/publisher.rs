//! Many callers, few calls: what queued while the engine was busy goes out in one batch.
//!
//! No timer collects a batch. A call is made as soon as there is something to say and room for a call, so a lone event
//! goes out at once and a flood goes out in large batches; only where [`PublisherOptions::pace`] says so do calls keep
//! apart. At most one call is under way for each stream, so a batch
//! that fails and is tried again keeps its place before what came after it. With a spool, a batch that was tried for
//! long goes to this machine's disk instead, and what comes after it does so too until the disk is empty again.

use crate::FastHash;
use crate::backoff::Backoff;
use crate::engine::{Append, Appended, Engine, EngineError};
use crate::history::about;
use crate::place::{Key, Stream};
use crate::spool::Spool;
use compact_str::CompactString;
use lockdown_events::{Envelope, TYPES};
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError, mpsc, oneshot, watch};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

/// No batch is made smaller than this to leave something for another call.
const SHARE: usize = 32;

/// How much may wait, and how long we try.
#[derive(Debug, Clone, Copy)]
pub struct PublisherOptions {
    /// Events that may wait for their batch, and their bytes together. Beyond either, `publish` waits.
    pub queue_events: usize,
    pub queue_bytes: usize,
    /// The largest batch.
    pub batch_events: usize,
    pub batch_bytes: usize,
    /// Calls under way at the same time, each for other streams.
    pub calls: usize,
    /// From one call to the next: what comes meanwhile goes out together, and a lone event still goes out at once.
    pub pace: Duration,
    /// The pauses between the tries of a batch that the engine did not answer.
    pub backoff: Backoff,
    /// Tries of one batch before its callers are told that it failed.
    pub attempts: u32,
}

/// What became of an event that was published. It is safe in either case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    /// It lies in its stream, and was said live.
    Appended(Appended),
    /// The bus is away. It lies on this machine's disk, and goes out in its order when the bus is back.
    Spooled,
}

/// Why an event was not published, or not known to be.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PublishError {
    /// The engine took it for wrong: another try would fail the same way.
    #[error("the bus refused the event")]
    Refused(#[source] Arc<EngineError>),
    /// Every try failed; it may have been written all the same.
    #[error("the bus did not answer {attempts} tries to publish the event")]
    Away { attempts: u32, source: Arc<EngineError> },
    /// Only from `try_publish`.
    #[error("too much is waiting to be published")]
    Full,
    #[error("the bus is closed")]
    Closed,
}

/// Publishes through an engine. Cheap to clone; the last clone's drop ends the work once everything is out.
#[derive(Clone)]
pub struct Publisher {
    shared: Arc<Shared>,
}

struct Shared {
    queue: mpsc::UnboundedSender<Queued>,
    /// A permit for each byte that may wait. An event takes its share of them at least, so that no more events wait than
    /// may.
    room: Arc<Semaphore>,
    queued: Arc<AtomicUsize>,
    options: PublisherOptions,
    /// Tells the batcher that no more will come.
    closing: CancellationToken,
    /// Becomes true when everything that was accepted is out.
    drained: watch::Receiver<bool>,
}

struct Queued {
    stream: Stream,
    append: Append,
    waiter: Waiter,
}

/// The caller, who may have gone: an accepted event is published all the same.
struct Waiter {
    answer: oneshot::Sender<Result<Published, PublishError>>,
    _place: Place,
    since: Instant,
}

/// What an event takes of the queue, until its waiter is answered.
struct Place {
    _room: OwnedSemaphorePermit,
    queued: Arc<AtomicUsize>,
}

// === impl PublisherOptions ===

impl Default for PublisherOptions {
    fn default() -> Self {
        Self {
            queue_events: 16_384,
            queue_bytes: 32 << 20,
            batch_events: 256,
            batch_bytes: 256 << 10,
            calls: 4,
            pace: Duration::ZERO,
            backoff: Backoff {
                first: Duration::from_millis(100),
                cap: Duration::from_secs(5),
            },
            attempts: 10,
        }
    }
}

// === impl Publisher ===

impl Publisher {
    /// Starts the batcher on the current runtime.
    pub fn start(engine: Arc<dyn Engine>, options: PublisherOptions) -> Self {
        Self::start_with(engine, options, None)
    }

    /// As [`Publisher::start`], with a spool for the time that the engine is away.
    pub fn start_with(engine: Arc<dyn Engine>, options: PublisherOptions, spool: Option<Arc<Spool>>) -> Self {
        let (queue, waiting) = mpsc::unbounded_channel();
        let (done, drained) = watch::channel(false);
        let closing = CancellationToken::new();
        let batcher = Batcher {
            engine,
            spool,
            options,
            counts: Counts::new(),
            waiting,
            closing: closing.clone(),
            pending: HashMap::default(),
            turn: VecDeque::new(),
            busy: HashSet::new(),
            calls: JoinSet::new(),
            ended: Vec::new(),
            next: Instant::now(),
        };
        tokio::spawn(async move {
            batcher.run().await;
            // Nobody may be left to hear it.
            let _ = done.send(true);
        });
        let shared = Shared {
            queue,
            room: Arc::new(Semaphore::new(options.queue_bytes)),
            queued: Arc::default(),
            options,
            closing,
            drained,
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Publishes an event: waits for room, then for the engine's answer. Once the wait for room is over the event is
    /// published even when this future is dropped.
    pub async fn publish(
        &self,
        envelope: &Envelope,
        key: Key,
        once: bool,
    ) -> Result<Published, PublishError> {
        let append = append(envelope, key, once);
        let weight = self.weight(&append);
        let room = Arc::clone(&self.shared.room)
            .acquire_many_owned(weight)
            .await
            .map_err(|_| PublishError::Closed)?;
        self.enqueue(append, room)?
            .await
            .unwrap_or(Err(PublishError::Closed))
    }

    /// As [`Publisher::publish`], but fails with [`PublishError::Full`] where that would wait for room.
    pub async fn try_publish(
        &self,
        envelope: &Envelope,
        key: Key,
        once: bool,
    ) -> Result<Published, PublishError> {
        let append = append(envelope, key, once);
        let full = |error| match error {
            TryAcquireError::NoPermits => PublishError::Full,
            TryAcquireError::Closed => PublishError::Closed,
        };
        let weight = self.weight(&append);
        let room = Arc::clone(&self.shared.room)
            .try_acquire_many_owned(weight)
            .map_err(full)?;
        self.enqueue(append, room)?
            .await
            .unwrap_or(Err(PublishError::Closed))
    }

    /// Takes nothing more, and returns when everything that was accepted is out or has failed.
    pub async fn close(&self) {
        self.shared.room.close();
        self.shared.closing.cancel();
        let mut drained = self.shared.drained.clone();
        // An error means that the batcher is gone, which is as drained as it gets.
        let _ = drained.wait_for(|drained| *drained).await;
    }

    /// How many events wait or are under way.
    pub fn queued(&self) -> usize {
        self.shared.queued.load(Ordering::Relaxed)
    }

    /// An event larger than the whole queue waits for the queue to be empty.
    fn weight(&self, append: &Append) -> u32 {
        let PublisherOptions {
            queue_events,
            queue_bytes,
            ..
        } = self.shared.options;
        let weight = append.envelope.len().max(queue_bytes / queue_events);
        u32::try_from(weight.min(queue_bytes)).unwrap_or(u32::MAX)
    }

    fn enqueue(
        &self,
        append: Append,
        room: OwnedSemaphorePermit,
    ) -> Result<oneshot::Receiver<Result<Published, PublishError>>, PublishError> {
        let (answer, answered) = oneshot::channel();
        let stream = Stream::of(&append.channel, &append.key);
        let waiter = Waiter {
            answer,
            _place: Place::new(room, &self.shared.queued),
            since: Instant::now(),
        };
        // A place was had, so the queue was open; it may have been closed since.
        if self.shared.room.is_closed() {
            return Err(PublishError::Closed);
        }
        self.shared
            .queue
            .send(Queued {
                stream,
                append,
                waiter,
            })
            .map_err(|_| PublishError::Closed)?;
        Ok(answered)
    }
}

fn append(envelope: &Envelope, key: Key, once: bool) -> Append {
    Append {
        event_id: envelope.event_id,
        channel: CompactString::new(envelope.event_type()),
        key,
        envelope: envelope.encode().into(),
        once,
        quiet: false,
        about: about(envelope),
    }
}

/// The one task that calls the engine.
struct Batcher {
    engine: Arc<dyn Engine>,
    spool: Option<Arc<Spool>>,
    options: PublisherOptions,
    counts: Counts,
    waiting: mpsc::UnboundedReceiver<Queued>,
    closing: CancellationToken,
    /// What waits, by stream, in the order in which it came.
    pending: HashMap<Stream, VecDeque<(Append, Waiter)>, FastHash>,
    /// Streams with something waiting, in the order in which their turn comes.
    turn: VecDeque<Stream>,
    /// Streams with a call under way.
    busy: HashSet<Stream>,
    calls: JoinSet<Sent>,
    /// Calls that ended, whose callers are still to be answered.
    ended: Vec<Sent>,
    /// When the next call may be made.
    next: Instant,
}

// === impl Batcher ===

impl Batcher {
    /// Runs until every sender is gone or the queue is closed, and everything is out.
    async fn run(mut self) {
        let mut open = true;
        loop {
            self.keep_pace().await;
            // First the next call: those who are answered have much to do, and the engine would wait for them.
            self.call_while_there_is_room();
            self.answer();
            tokio::select! {
                Some(ended) = self.calls.join_next() => self.note(ended),
                queued = self.waiting.recv(), if open => match queued {
                    Some(queued) => self.take(queued),
                    None => open = false,
                },
                // What is in the queue by now still comes out of it.
                () = self.closing.cancelled(), if !self.waiting.is_closed() => self.waiting.close(),
                else => return,
            }
            while let Ok(queued) = self.waiting.try_recv() {
                self.take(queued);
            }
        }
    }

    /// Waits until the next call may be made, and is woken by nothing that comes meanwhile.
    async fn keep_pace(&mut self) {
        if self.turn.is_empty() || self.options.pace.is_zero() || self.next <= Instant::now() {
            return;
        }
        self.answer();
        let waited = tokio::time::sleep_until(self.next.into());
        self.closing.run_until_cancelled(waited).await;
        while let Ok(queued) = self.waiting.try_recv() {
            self.take(queued);
        }
        while let Some(ended) = self.calls.try_join_next() {
            self.note(ended);
        }
    }

    fn note(&mut self, ended: Result<Sent, JoinError>) {
        // A call's task only panics when the engine does; its callers then hear that the bus is closed.
        let Ok(sent) = ended else { return };
        for stream in &sent.batch.streams {
            self.busy.remove(stream);
        }
        self.ended.push(sent);
    }

    fn answer(&mut self) {
        for sent in self.ended.drain(..) {
            sent.answer(&self.counts);
        }
    }

    fn take(
        &mut self,
        Queued {
            stream,
            append,
            waiter,
        }: Queued,
    ) {
        let pending = self.pending.entry(stream).or_default();
        if pending.is_empty() {
            self.turn.push_back(stream);
        }
        pending.push_back((append, waiter));
    }

    fn call_while_there_is_room(&mut self) {
        while self.calls.len() < self.options.calls {
            let batch = self.batch();
            if batch.appends.is_empty() {
                return;
            }
            self.busy.extend(&batch.streams);
            self.next = Instant::now() + self.options.pace;
            let engine = Arc::clone(&self.engine);
            self.calls
                .spawn(batch.send(engine, self.spool.clone(), self.options));
        }
    }

    /// What goes out next: of the streams whose turn it is and that have no call under way.
    fn batch(&mut self) -> Batch {
        let waiting: usize = (self.turn.iter().filter(|stream| !self.busy.contains(*stream)))
            .filter_map(|stream| self.pending.get(stream))
            .map(VecDeque::len)
            .sum();
        // A share for each call that is free, so that one is answered while another is made; but not crumbs.
        let share = waiting.div_ceil(self.options.calls - self.calls.len()).max(SHARE);
        let most = share.min(self.options.batch_events);
        let mut batch = Batch::default();
        let mut bytes = 0;
        let mut passed = VecDeque::new();
        while let Some(stream) = self.turn.pop_front() {
            let full = batch.appends.len() >= most || bytes >= self.options.batch_bytes;
            if full || self.busy.contains(&stream) {
                passed.push_back(stream);
                if full {
                    break;
                }
                continue;
            }
            let pending = self.pending.entry(stream).or_default();
            while batch.appends.len() < most && bytes < self.options.batch_bytes {
                let Some((append, waiter)) = pending.pop_front() else {
                    break;
                };
                bytes += append.envelope.len();
                batch.appends.push(append);
                batch.waiters.push(waiter);
            }
            batch.streams.push(stream);
            if !pending.is_empty() {
                passed.push_back(stream);
            }
        }
        passed.append(&mut self.turn);
        self.turn = passed;
        batch
    }
}

#[derive(Default)]
struct Batch {
    streams: Vec<Stream>,
    appends: Vec<Append>,
    waiters: Vec<Waiter>,
}

/// A batch that was sent, and what came of it.
struct Sent {
    batch: Batch,
    outcome: Result<Vec<Result<Published, EngineError>>, PublishError>,
}

// === impl Batch ===

impl Batch {
    /// Appends the batch, as often as it takes.
    async fn send(
        self,
        engine: Arc<dyn Engine>,
        spool: Option<Arc<Spool>>,
        options: PublisherOptions,
    ) -> Sent {
        let begun = Instant::now();
        let mut attempts = 0;
        let outcome = loop {
            attempts += 1;
            let tried = (attempts > 1).then(|| begun.elapsed());
            match self.offer(&*engine, spool.as_deref(), tried).await {
                Ok(results) => break Ok(results),
                Err(EngineError::Closed) => break Err(PublishError::Closed),
                Err(error @ EngineError::Refused(_)) => break Err(PublishError::Refused(Arc::new(error))),
                Err(error) if attempts >= options.attempts => {
                    break Err(PublishError::Away {
                        attempts,
                        source: Arc::new(error),
                    });
                }
                Err(error) => {
                    let pause = options.backoff.pause(attempts);
                    metrics::counter!("lockdown_bus_publish_retries_total").increment(1);
                    tracing::warn!(
                        attempts,
                        events = self.appends.len(),
                        "Could not publish, next try in {pause:?}: {error}"
                    );
                    tokio::select! {
                        () = tokio::time::sleep(pause) => {}
                        () = engine.back() => {}
                    }
                }
            }
        };
        Sent { batch: self, outcome }
    }

    /// One try, with the engine or with the spool.
    async fn offer(
        &self,
        engine: &dyn Engine,
        spool: Option<&Spool>,
        tried: Option<Duration>,
    ) -> Result<Vec<Result<Published, EngineError>>, EngineError> {
        if let Some(spool) = spool {
            let begin = tried.is_some_and(|tried| tried >= spool.after());
            match spool.put(&self.appends, begin).await {
                Ok(true) => return Ok(self.appends.iter().map(|_| Ok(Published::Spooled)).collect()),
                Ok(false) => {}
                // What lies there must not be overtaken, so what has no room there waits.
                Err(error) if spool.in_use() => return Err(EngineError::Away(Box::new(error))),
                Err(error) => tracing::warn!("Could not keep events on disk for the bus: {error}"),
            }
        }
        let results = engine.append(&self.appends).await?;
        Ok(results
            .into_iter()
            .map(|result| result.map(Published::Appended))
            .collect())
    }
}

// === impl Sent ===

impl Sent {
    fn answer(self, counts: &Counts) {
        let Batch { appends, waiters, .. } = self.batch;
        match self.outcome {
            Ok(results) => {
                for ((result, waiter), append) in results.into_iter().zip(waiters).zip(&appends) {
                    if let Ok(Published::Appended(_)) = result {
                        counts.published(&append.channel, waiter.since);
                    }
                    waiter.answer(result.map_err(|error| PublishError::Refused(Arc::new(error))));
                }
            }
            Err(error) => {
                for waiter in waiters {
                    waiter.answer(Err(error.clone()));
                }
            }
        }
    }
}

/// What is counted of each event, looked up once: an event costs no label.
struct Counts {
    by_type: HashMap<&'static str, metrics::Counter, FastHash>,
    /// Of types that are not known: their names are not ours to bound.
    other: metrics::Counter,
    seconds: metrics::Histogram,
}

// === impl Counts ===

impl Counts {
    fn new() -> Self {
        let of =
            |channel: &'static str| metrics::counter!("lockdown_bus_published_total", "channel" => channel);
        Self {
            by_type: TYPES.iter().map(|info| (info.name, of(info.name))).collect(),
            other: of("other"),
            seconds: metrics::histogram!("lockdown_bus_publish_seconds"),
        }
    }

    fn published(&self, channel: &CompactString, since: Instant) {
        self.by_type
            .get(channel.as_str())
            .unwrap_or(&self.other)
            .increment(1);
        self.seconds.record(since.elapsed());
    }
}

// === impl Place ===

impl Place {
    fn new(room: OwnedSemaphorePermit, queued: &Arc<AtomicUsize>) -> Self {
        queued.fetch_add(1, Ordering::Relaxed);
        Self {
            _room: room,
            queued: Arc::clone(queued),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.queued.fetch_sub(1, Ordering::Relaxed);
    }
}

// === impl Waiter ===

impl Waiter {
    fn answer(self, result: Result<Published, PublishError>) {
        // A caller that has gone does not want to know.
        let _ = self.answer.send(result);
    }
}
