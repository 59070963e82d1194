//! Listening: one connection for the process, and everybody who wants to hear something.
//!
//! The *dispatcher* owns the engine's live connection and puts each frame into the *mailbox* of every subscription that it
//! concerns. A mailbox is bounded: who does not keep up loses the oldest and is told how many, and nobody waits for it.
//! The *table* says who listens to what; the engine is asked for a pattern when the first comes and given it back when the
//! last goes. A subscription that catches up reads from the streams what it did not hear, by itself and at its own pace.

mod dispatcher;
pub(crate) mod frame;
mod handler;
mod mailbox;
mod reach;
mod recovery;
mod subscription;
mod table;
#[cfg(test)]
mod tests;

pub use handler::Listening;
pub use subscription::Subscription;

use crate::backoff::Backoff;
use crate::engine::{Engine, EngineError};
use crate::place::{EntryId, Position, Stream};
use compact_str::CompactString;
use dispatcher::{Dispatcher, Wish};
use lockdown_events::{DecodeError, Envelope};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use table::Table;
use tokio::sync::mpsc;

/// How the hub behaves towards its engine.
#[derive(Debug, Clone, Copy)]
pub struct HubOptions {
    /// The pauses between tries while the engine cannot be reached.
    pub backoff: Backoff,
}

/// How one subscription listens.
#[derive(Debug, Clone)]
pub struct ListenOptions {
    /// How much may wait for it, in frames and in bytes. Beyond either the oldest is dropped.
    pub frames: usize,
    pub bytes: usize,
    pub catch_up: CatchUp,
    /// How long one call of a handler may take before it is given up.
    pub patience: Duration,
}

/// Whether events that were not heard, because the connection had a gap or the mailbox was full, are read again from
/// their streams. Who catches up is given each stream in its order and without doubles.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum CatchUp {
    #[default]
    No,
    /// From the moment of the subscription on.
    FromNow,
    /// Beginning with what came after these entries; streams that are not named begin with the oldest.
    After(BTreeMap<Stream, EntryId>),
}

/// What a subscription hears.
#[derive(Debug, Clone)]
pub enum Heard {
    Said(Said),
    /// Something was not heard, and will not be: so many frames, or nobody knows whether and how many.
    Missed {
        count: Option<u64>,
    },
}

/// Something that was published.
#[derive(Debug, Clone)]
pub struct Said {
    pub channel: CompactString,
    /// The envelope, with `streamId` first when it lies in a stream.
    pub text: Arc<str>,
    /// Where it lies; nothing for what was only said.
    pub position: Option<Position>,
}

/// Why there is no subscription.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SubscribeError {
    #[error("the bus refused the subscription")]
    Refused(#[source] Arc<EngineError>),
    #[error("the bus is closed")]
    Closed,
}

/// Listens through an engine, for the whole process. Cheap to clone; the connection goes with the last clone and the last
/// subscription.
#[derive(Clone)]
pub struct Hub {
    shared: Arc<Shared>,
}

struct Shared {
    engine: Arc<dyn Engine>,
    table: Arc<Mutex<Table>>,
    wishes: mpsc::UnboundedSender<Wish>,
    options: HubOptions,
}

// === impl HubOptions ===

impl Default for HubOptions {
    fn default() -> Self {
        Self {
            backoff: Backoff {
                first: Duration::from_millis(50),
                cap: Duration::from_secs(5),
            },
        }
    }
}

// === impl ListenOptions ===

impl Default for ListenOptions {
    fn default() -> Self {
        Self {
            frames: 8 * 1024,
            bytes: 8 << 20,
            catch_up: CatchUp::No,
            patience: Duration::from_secs(60),
        }
    }
}

// === impl Said ===

impl Said {
    pub fn envelope(&self) -> Result<Envelope, DecodeError> {
        Envelope::decode(&self.text)
    }
}

// === impl Hub ===

impl Hub {
    /// Starts the dispatcher on the current runtime. The engine's connection is opened for the first subscription.
    pub fn start(engine: Arc<dyn Engine>, options: HubOptions) -> Self {
        let (wishes, to_come) = mpsc::unbounded_channel();
        let table = Arc::<Mutex<Table>>::default();
        let dispatcher = Dispatcher::new(Arc::clone(&engine), Arc::clone(&table), options, to_come);
        tokio::spawn(dispatcher.run());
        let shared = Shared {
            engine,
            table,
            wishes,
            options,
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Listens to channels that match any of these patterns, which are Redis' (a name is a pattern, too). Returns when the
    /// subscription is in force: what is published from then on is heard. While the engine is away, that is when it is
    /// back.
    pub async fn subscribe(
        &self,
        patterns: &[&str],
        options: &ListenOptions,
    ) -> Result<Subscription, SubscribeError> {
        Subscription::begin(&self.shared, patterns, options).await
    }

    /// As [`Hub::subscribe`], and calls `handler` with everything that is heard, one after the other. Each handler runs in
    /// a task of its own: one that panics, hangs or does not keep up concerns no other, and goes on with the next.
    pub async fn on<F, Fut>(
        &self,
        name: &'static str,
        patterns: &[&str],
        options: &ListenOptions,
        handler: F,
    ) -> Result<Listening, SubscribeError>
    where
        F: Fn(Heard) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let subscription = self.subscribe(patterns, options).await?;
        Ok(Listening::begin(name, subscription, options.patience, handler))
    }

    /// How many subscriptions there are in this process.
    pub fn subscriptions(&self) -> usize {
        lock(&self.shared.table).len()
    }

    /// Ends all subscriptions: they hear what waits for them, then nothing. A second call does no harm.
    pub fn close(&self) {
        // An error means that the end has come already.
        let _ = self.shared.wishes.send(Wish::Close);
    }
}

/// A panic elsewhere leaves it whole: nothing in it calls what is not ours.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
