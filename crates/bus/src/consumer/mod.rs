//! A group's part in this process: reads, hands to handlers, settles.
//!
//! The parts, each a task: the *reader* fetches as much as there is room for; the *keeper* takes over what a dead
//! consumer held; the *runner* owns everything in hand, keeps a community's events in order and decides what becomes
//! of a failure; the *settler* tells the engine in batches. Room is counted in credits: one for each event in hand,
//! given back when the engine has taken the settlement.
//!
//! What is in hand is ours for a time, which every sign of life prolongs. A process that stood still for longer may have lost
//! it to another, and asks before it begins it.

mod crew;
mod fetch;
mod judge;
mod lanes;
mod runner;
mod settler;
mod suspect;
mod work;

pub(crate) use work::words;

use crate::backoff::Backoff;
use crate::beginning::patiently;
use crate::engine::{Engine, EngineError, Group, Start};
use crate::place::{Class, ConsumerName, Position};
use futures_util::future::BoxFuture;
use lockdown_events::{Envelope, Event};
use lockdown_runtime::Clock;
use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How a group is consumed.
#[derive(Debug, Clone, Copy)]
pub struct ConsumerOptions {
    /// Events in hand at most: running, waiting for their turn, or waiting for another try.
    pub in_hand: usize,
    /// Handlers that run at the same time, each for another community.
    pub concurrency: usize,
    /// A consumer that says nothing for so long is taken for dead.
    pub visibility: Duration,
    /// How long a handler may take before it counts as failed.
    pub patience: Duration,
    pub backoff: Backoff,
    /// Tries of one event before it is dead.
    pub attempts: u32,
    /// Handed out so often, and begun each time without an answer, an event is taken for one that kills its process.
    pub poison: u64,
}

/// What a handler is given.
#[derive(Debug)]
pub struct Received {
    pub envelope: Envelope,
    pub event: Event,
    /// Where it lies.
    pub position: Position,
    /// Which try this is, from 1; tries that ended with their process are not counted.
    pub attempt: u32,
    /// Somebody was given it before: what they did of it, and whether they said so, is not known.
    pub again: bool,
}

/// Why a handler did not handle an event.
#[derive(Debug, thiserror::Error)]
pub enum HandlerError {
    /// Another try may succeed.
    #[error("{0}")]
    Again(String),
    /// No other try can succeed: the event goes to the dead letters at once.
    #[error("{0}")]
    Never(String),
}

type HandlerFn = dyn Fn(Arc<Received>) -> BoxFuture<'static, Result<(), HandlerError>> + Send + Sync;

/// Something that is done with events of some types.
#[derive(Clone)]
pub struct Handler {
    name: &'static str,
    types: BTreeSet<&'static str>,
    order: Order,
    run: Arc<HandlerFn>,
}

/// What waits for what, in one process: the later ones are the less strict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Order {
    Community,
    Person,
    None,
}

/// A group's part in this process. Dropped, it stops in haste: what was not settled is handed out again.
pub struct Consumer {
    stop: CancellationToken,
    /// How long the running handlers get, set by `stop`.
    grace: watch::Sender<Duration>,
    running: Option<JoinHandle<()>>,
}

// === impl ConsumerOptions ===

impl Default for ConsumerOptions {
    fn default() -> Self {
        Self {
            in_hand: 4_096,
            concurrency: 64,
            visibility: Duration::from_secs(10),
            patience: Duration::from_secs(60),
            backoff: Backoff {
                first: Duration::from_millis(200),
                cap: Duration::from_secs(300),
            },
            attempts: 8,
            poison: 5,
        }
    }
}

// === impl Handler ===

impl Handler {
    /// `types` are names of [`lockdown_events::TYPES`].
    pub fn new<F, Fut>(name: &'static str, types: impl IntoIterator<Item = &'static str>, run: F) -> Self
    where
        F: Fn(Arc<Received>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), HandlerError>> + Send + 'static,
    {
        let types = types.into_iter().collect();
        Self {
            name,
            types,
            order: Order::Community,
            run: Arc::new(move |received| Box::pin(run(received))),
        }
    }

    /// For what may be done in any order: the events of one community do not wait for each other, unless another handler
    /// of the group wants them in order.
    #[must_use]
    pub fn side_by_side(mut self) -> Self {
        self.order = Order::None;
        self
    }

    /// For what concerns one person each: only the events about the same one wait for each other, unless another handler of
    /// the group wants those of the community in order. Events about nobody keep the order of their community.
    #[must_use]
    pub fn by_person(mut self) -> Self {
        self.order = Order::Person;
        self
    }

    fn wants(&self, event_type: &str) -> bool {
        self.types.contains(event_type)
    }
}

// === impl Consumer ===

impl Consumer {
    /// Joins the group, makes it if it does not exist, and begins to consume; an engine that is away is waited for. The
    /// group reads the classes of the types that the handlers want.
    pub async fn start(
        engine: Arc<dyn Engine>,
        group: crate::place::GroupName,
        name: ConsumerName,
        start: &Start,
        handlers: Vec<Handler>,
        options: ConsumerOptions,
        clock: Clock,
    ) -> Result<Self, EngineError> {
        assert!(
            handlers.len() <= work::Wanted::MOST,
            "a group has too many handlers"
        );
        let classes: BTreeSet<Class> = handlers
            .iter()
            .flat_map(|handler| &handler.types)
            .map(|name| Class::of(name))
            .collect();
        let group = Group {
            name: group,
            classes: classes.into_iter().collect(),
        };
        let what = format!("join the group {}", group.name);
        patiently(&*engine, &what, || engine.open_group(&group, start)).await?;

        let stop = CancellationToken::new();
        let (grace, granted) = watch::channel(Duration::ZERO);
        let reserve = (options.in_hand / 5).min(fetch::TAKE_OVER_AT_ONCE);
        let credits = Arc::new(Semaphore::new(options.in_hand - reserve));
        let seat = Arc::new(Seat {
            engine,
            group,
            name,
            inherited: if reserve == 0 {
                Arc::clone(&credits)
            } else {
                Arc::new(Semaphore::new(reserve))
            },
            credits,
            options,
            clock,
        });
        let (fetched, arriving) = mpsc::unbounded_channel();
        let (settler, settled) = settler::start(Arc::clone(&seat));
        let handlers: Arc<[Handler]> = handlers.into();
        let judge = Arc::new(judge::Judge::new(Arc::clone(&handlers), options.poison));
        let reading = fetch::read(
            Arc::clone(&seat),
            Arc::clone(&judge),
            fetched.clone(),
            stop.clone(),
        );
        let taking_over = fetch::take_over(Arc::clone(&seat), judge, fetched, stop.clone());
        let (reader, keeper) = (tokio::spawn(reading), tokio::spawn(taking_over));
        let runner = runner::Runner::new(Arc::clone(&seat), handlers, settler, settled);
        let stopping = stop.clone();
        let running = tokio::spawn(async move {
            runner.run(arriving, stopping, granted).await;
            // They end by the same token; what they still fetched has been released by then.
            for task in [reader, keeper] {
                if let Err(error) = task.await {
                    tracing::error!("A task of the consumer broke: {error}");
                }
            }
            match seat.engine.remove_consumer(&seat.group, &seat.name).await {
                Ok(_) | Err(EngineError::Closed) => {}
                Err(error) => tracing::debug!("Could not take the consumer off its group: {error}"),
            }
        });
        Ok(Self {
            stop,
            grace,
            running: Some(running),
        })
    }

    /// Reads no more, lets the running handlers end within `grace`, settles them and hands back the rest.
    pub async fn stop(mut self, grace: Duration) {
        self.grace.send_replace(grace);
        self.stop.cancel();
        if let Some(running) = self.running.take()
            && let Err(error) = running.await
        {
            tracing::error!("The consumer broke while it stopped: {error}");
        }
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// What the tasks of one consumer share.
struct Seat {
    engine: Arc<dyn Engine>,
    group: Group,
    name: ConsumerName,
    /// One for each event that may still be taken in hand.
    credits: Arc<Semaphore>,
    /// Those kept for what the dead left: a read that waits for something new holds all of the others meanwhile.
    inherited: Arc<Semaphore>,
    options: ConsumerOptions,
    clock: Clock,
}

// === impl Seat ===

impl Seat {
    /// For so long nobody takes over what the engine is asked for now.
    fn ours_until(&self) -> Instant {
        Instant::now() + self.options.visibility
    }
}
