//! Memory: which guilds and people there are, and how much goes on there, from what the bots see.
//!
//! A commit costs as much for one event as for hundreds, so what waits meanwhile is written together, and each event has
//! its effect once: its id is noted in the same transaction. An event that cannot be written fails alone.

mod book;
mod effect;

use anyhow::Context as _;
use book::Book;
use lockdown_bus::{Backoff, Bus, ConsumerOptions, GroupName, Handler, HandlerError, Received, Start};
use lockdown_runtime::{Context, chain};
use lockdown_store::{Store, StoreError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// The group by which every backend shares these events.
const GROUP: &str = "memory";

/// Nobody waits for it, so an outage of the store is waited for, as the desk does.
const OPTIONS: ConsumerOptions = ConsumerOptions {
    in_hand: 4_096,
    concurrency: 512,
    visibility: Duration::from_secs(10),
    patience: Duration::from_secs(60),
    backoff: Backoff {
        first: Duration::from_millis(200),
        cap: Duration::from_secs(60),
    },
    attempts: 1_000,
    poison: 5,
};

type Answer = oneshot::Sender<Result<(), HandlerError>>;

/// Whoever has the book writes down what all have put before it.
struct Memory {
    waiting: Mutex<Vec<(Arc<Received>, Answer)>>,
    book: tokio::sync::Mutex<Book>,
}

/// Remembers what comes over the bus until the process stops.
pub(crate) async fn start(ctx: &Context, store: Store, bus: &Bus) -> anyhow::Result<()> {
    let group = GroupName::new(GROUP).context("the group has no name")?;
    let memory = Arc::new(Memory {
        waiting: Mutex::default(),
        book: Book::new(store, ctx.clock.clone(), ctx.ids.clone()).into(),
    });
    let handler = |name, types: &[&'static str]| {
        let memory = Arc::clone(&memory);
        Handler::new(name, types.iter().copied(), move |received| {
            let memory = Arc::clone(&memory);
            async move { memory.take(received).await }
        })
    };
    let handlers = vec![
        handler("remember", &effect::IN_ORDER),
        handler("count", &effect::IN_ANY_ORDER).side_by_side(),
    ];
    bus.consume(group, &Start::Oldest, handlers, OPTIONS)
        .await
        .context("could not consume what the bots see")
}

// === impl Memory ===

impl Memory {
    async fn take(&self, received: Arc<Received>) -> Result<(), HandlerError> {
        let (answer, mut answered) = oneshot::channel();
        self.waiting().push((received, answer));
        tokio::select! {
            biased;
            answered = &mut answered => return answered.unwrap_or_else(|_| Err(interrupted())),
            mut book = self.book.lock() => {
                let waiting = std::mem::take(&mut *self.waiting());
                write(&mut book, waiting).await;
            }
        }
        // Ours was among them, or among those of whoever had the book before.
        answered.await.unwrap_or_else(|_| Err(interrupted()))
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<(Arc<Received>, Answer)>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn write(book: &mut Book, waiting: Vec<(Arc<Received>, Answer)>) {
    let batch: Vec<Arc<Received>> = waiting.iter().map(|(event, _)| Arc::clone(event)).collect();
    if batch.is_empty() {
        return;
    }
    // An answer that nobody waits for is no loss: the event comes again, and has its effect already.
    match book.write(&batch).await {
        Ok(()) => {
            for (_, answer) in waiting {
                drop(answer.send(Ok(())));
            }
        }
        Err(error) if error.is_passing() => {
            for (_, answer) in waiting {
                drop(answer.send(Err(told(&error))));
            }
        }
        // One of them cannot be written, or another backend came first with the same: each by itself says which.
        Err(_) => {
            for (event, answer) in waiting {
                let written = book.write(&[event]).await;
                drop(answer.send(written.map_err(|error| told(&error))));
            }
        }
    }
}

/// Whoever wrote it down was stopped before it was done.
fn interrupted() -> HandlerError {
    HandlerError::Again("the writing was interrupted".to_owned())
}

fn told(error: &StoreError) -> HandlerError {
    if error.is_passing() {
        HandlerError::Again(chain(error))
    } else {
        HandlerError::Never(chain(error))
    }
}
