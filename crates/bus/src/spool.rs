//! What cannot be published now, on this machine's disk until it can.
//!
//! While the engine is away for longer than a publisher cares to wait, batches go into a journal, an embedded log of its
//! own, and out of it again in their order when the engine is back. As long as the journal holds anything, everything
//! goes through it, so that nothing overtakes. What it gives out twice, because the answer was lost, the engine knows by
//! its event id and takes once. Once the engine takes events again, publishers wait now and then while some go out: so the
//! journal gets empty however much they publish.

use crate::backoff::Backoff;
use crate::embedded::{Durability, EmbeddedEngine, OpenError, Options};
use crate::engine::{
    Append, Appended, DeadReason, Delivery, Engine, EngineError, Failure, Group, Settlement, Start,
};
use crate::history::about;
use crate::place::{Class, ConsumerName, GroupName, Key, Stream};
use lockdown_events::Envelope;
use lockdown_runtime::Clock;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, RwLock};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How many events leave the journal in one call.
const BATCH: usize = 256;
/// What comes out of the journal may come from the disk: beside a service there is no room for much of it in memory.
const NEWEST: usize = 2 << 20;
/// So many calls are made while publishers wait, before they may put more in: together more than they can have waiting.
const CALLS: usize = 8;
const BACKOFF: Backoff = Backoff {
    first: Duration::from_millis(100),
    cap: Duration::from_secs(5),
};

/// How a spool is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpoolOptions {
    /// The journal grows no larger; then publishers wait as they would without it.
    pub most_bytes: u64,
    /// How long a batch is tried before it goes to the journal.
    pub after: Duration,
}

/// A journal between a publisher and its engine.
pub struct Spool {
    shared: Arc<Shared>,
    drainer: Mutex<Option<JoinHandle<()>>>,
    stop: CancellationToken,
}

struct Shared {
    journal: EmbeddedEngine,
    options: SpoolOptions,
    clock: Clock,
    group: Group,
    consumer: ConsumerName,
    /// Whether the journal may hold something. Put to rest under the write lock only, so that nothing is put into a
    /// journal that was found empty a moment ago.
    in_use: AtomicBool,
    gate: RwLock<()>,
    /// Events brought out since it last rested.
    brought: AtomicU64,
    filled: Notify,
}

// === impl SpoolOptions ===

impl Default for SpoolOptions {
    fn default() -> Self {
        Self {
            most_bytes: 1 << 30,
            after: Duration::from_secs(2),
        }
    }
}

// === impl Spool ===

impl Spool {
    /// Opens the journal, or makes it, and begins to bring what an earlier process left there to `engine`.
    pub async fn open(
        path: &Path,
        options: SpoolOptions,
        engine: Arc<dyn Engine>,
        clock: Clock,
    ) -> Result<Self, OpenError> {
        let log = Options {
            durability: Durability::Full,
            most_bytes: Some(options.most_bytes),
            newest_bytes: NEWEST,
        };
        let (path, time) = (path.to_owned(), clock.clone());
        // It blocks while the file is checked.
        let opening = tokio::task::spawn_blocking(move || EmbeddedEngine::open(&path, &log, time));
        let journal = opening.await.map_err(OpenError::Broken)??;
        let group = Group {
            name: GroupName::new("spool").expect("a name"),
            classes: Class::ALL.to_vec(),
        };
        let shared = Arc::new(Shared {
            journal,
            options,
            clock,
            group,
            consumer: ConsumerName::new("drainer").expect("a name"),
            in_use: AtomicBool::new(true),
            gate: RwLock::new(()),
            brought: AtomicU64::new(0),
            filled: Notify::new(),
        });
        let stop = CancellationToken::new();
        let drainer = tokio::spawn(drain(Arc::clone(&shared), engine, stop.clone()));
        Ok(Self {
            shared,
            drainer: Mutex::new(Some(drainer)),
            stop,
        })
    }

    /// How long a batch is tried before it goes to the journal.
    pub(crate) fn after(&self) -> Duration {
        self.shared.options.after
    }

    /// Whether everything has to go through the journal.
    pub fn in_use(&self) -> bool {
        self.shared.in_use.load(Ordering::Acquire)
    }

    /// How many events wait there.
    pub async fn waiting(&self) -> Result<u64, EngineError> {
        let stats = self.shared.journal.stats().await?;
        let group = stats.group(&self.shared.group.name);
        Ok(group.map_or(0, |group| group.lag().unwrap_or(0) + group.pending()))
    }

    /// Writes a batch to the journal if that is in use, or if it is to be from now on; says whether it did.
    pub(crate) async fn put(&self, batch: &[Append], begin: bool) -> Result<bool, EngineError> {
        if !begin && !self.in_use() {
            return Ok(false);
        }
        let _gate = self.shared.gate.read().await;
        if !begin && !self.in_use() {
            return Ok(false);
        }
        for result in self.shared.journal.append(batch).await? {
            result?;
        }
        if !self.shared.in_use.swap(true, Ordering::AcqRel) {
            tracing::warn!("The bus is away: events are kept on this machine's disk until it is back");
        }
        self.shared.filled.notify_one();
        metrics::gauge!("lockdown_bus_spool_in_use").set(1.0);
        metrics::counter!("lockdown_bus_spooled_total").increment(batch.len() as u64);
        Ok(true)
    }

    /// Stops bringing events out, and closes the journal: what it holds goes out after the next start.
    pub async fn close(&self) {
        self.stop.cancel();
        let drainer = self.drainer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(drainer) = drainer {
            // It ends by the token; a panic in it has been told by the runtime.
            let _ = drainer.await;
        }
        self.shared.journal.close().await;
    }
}

// === impl Shared ===

impl Shared {
    async fn take(&self) -> Result<Vec<Delivery>, EngineError> {
        let (group, consumer) = (&self.group, &self.consumer);
        self.journal.read(group, consumer, BATCH, Duration::ZERO).await
    }

    /// Brings out what lies there while publishers wait, and lets them go past the journal when nothing is left in it. Gives
    /// up with what it has in hand when the engine does not take that at once: then nobody is to wait for it.
    async fn catch_up(&self, engine: &dyn Engine) -> Result<Vec<Delivery>, EngineError> {
        let _gate = self.gate.write().await;
        for _ in 0..CALLS {
            let taken = self.take().await?;
            if taken.is_empty() {
                self.rest().await?;
                break;
            }
            match engine.append(&appends(&taken)).await {
                Ok(results) if !some_had_no_room(&results) => self.settle(taken, results).await?,
                Ok(_) | Err(_) => return Ok(taken),
            }
        }
        Ok(Vec::new())
    }

    async fn rest(&self) -> Result<(), EngineError> {
        for stream in Stream::all() {
            self.journal.trim(stream, self.clock.now(), u64::MAX).await?;
        }
        metrics::gauge!("lockdown_bus_spool_in_use").set(0.0);
        let brought = self.brought.swap(0, Ordering::Relaxed);
        if self.in_use.swap(false, Ordering::AcqRel) && brought > 0 {
            tracing::info!(
                events = brought,
                "{brought} events that waited on disk are on the bus"
            );
        }
        Ok(())
    }

    /// Takes off the journal what the engine has answered.
    async fn settle(
        &self,
        taken: Vec<Delivery>,
        results: Vec<Result<Appended, EngineError>>,
    ) -> Result<(), EngineError> {
        let settled = |(delivery, result): (Delivery, Result<Appended, EngineError>)| {
            let settlement = match result {
                Ok(_) => Settlement::Ack,
                // Kept among the journal's dead letters: it cannot go out, and is not to be lost either.
                Err(error) => {
                    tracing::error!(entry = %delivery.entry, "The bus refused an event that waited on disk: {error}");
                    Settlement::Dead {
                        failure: Failure {
                            error: error.to_string(),
                            at: self.clock.now(),
                        },
                        reason: DeadReason::Permanent,
                    }
                }
            };
            (delivery, settlement)
        };
        let settlements: Vec<_> = taken.into_iter().zip(results).map(settled).collect();
        self.journal
            .settle(&self.group, &self.consumer, &settlements)
            .await?;
        let brought = settlements.len() as u64;
        self.brought.fetch_add(brought, Ordering::Relaxed);
        metrics::counter!("lockdown_bus_unspooled_total").increment(brought);
        Ok(())
    }
}

async fn drain(shared: Arc<Shared>, engine: Arc<dyn Engine>, stop: CancellationToken) {
    let bring_out = async {
        shared.journal.open_group(&shared.group, &Start::Oldest).await?;
        loop {
            if !shared.in_use.load(Ordering::Acquire) {
                shared.filled.notified().await;
            }
            // While the engine is away nobody waits for it but we.
            let taken = shared.take().await?;
            bring(&shared, &*engine, taken).await?;
            let left = shared.catch_up(&*engine).await?;
            bring(&shared, &*engine, left).await?;
        }
    };
    let ended: Result<(), EngineError> = tokio::select! {
        ended = bring_out => ended,
        () = stop.cancelled() => return,
    };
    if let Err(error) = ended
        && !matches!(error, EngineError::Closed)
    {
        tracing::error!("What waits on disk for the bus cannot be brought out: {error}");
    }
}

/// Appends a batch to the engine, as often as it takes, and takes it off the journal. Fails when the journal does.
async fn bring(shared: &Shared, engine: &dyn Engine, taken: Vec<Delivery>) -> Result<(), EngineError> {
    if taken.is_empty() {
        return Ok(());
    }
    let results = append_until_known(engine, &appends(&taken)).await?;
    shared.settle(taken, results).await
}

/// Appends events that carry `once`, as often as it takes, until each is there or is refused for good.
pub(crate) async fn append_until_known(
    engine: &dyn Engine,
    batch: &[Append],
) -> Result<Vec<Result<Appended, EngineError>>, EngineError> {
    let mut failures = 0;
    loop {
        match engine.append(batch).await {
            Ok(results) if !some_had_no_room(&results) => return Ok(results),
            Err(EngineError::Closed) => return Err(EngineError::Closed),
            // Again and whole: what is there already is known by its id.
            Ok(_) | Err(_) => {
                failures += 1;
                tokio::time::sleep(BACKOFF.pause(failures)).await;
            }
        }
    }
}

fn some_had_no_room(results: &[Result<Appended, EngineError>]) -> bool {
    let passing = |error| matches!(error, &EngineError::Full(_) | &EngineError::Away(_));
    results.iter().any(|result| result.as_ref().is_err_and(passing))
}

fn appends(deliveries: &[Delivery]) -> Vec<Append> {
    deliveries.iter().map(append).collect()
}

fn append(delivery: &Delivery) -> Append {
    // What was put in was an envelope; of anything else the text alone goes on, for the consumers to put aside.
    let envelope = Envelope::decode(&delivery.envelope).ok();
    Append {
        event_id: envelope.as_ref().map_or_else(
            || lockdown_events::EventId(uuid::Uuid::nil()),
            |envelope| envelope.event_id,
        ),
        channel: delivery.channel.clone(),
        key: envelope.as_ref().map_or_else(Key::none, Key::of),
        envelope: Arc::clone(&delivery.envelope),
        once: envelope.is_some(),
        quiet: false,
        about: envelope.as_ref().map(about).unwrap_or_default(),
    }
}
