//! Doing something once for each event, although the event may come twice.
//!
//! Whoever handles an event sets a mark under the handler's name and the event's id, does it, and makes the mark say that
//! it is done. A second one finds the mark. One thing remains: a process that dies, or is without the bus for as long as
//! its mark lasts, after the effect and before the mark says so. The effect is then done again, by the same [`key`].
//! Where even that must not be, the effect takes the key along: into the same transaction as its rows, as the idempotency
//! key of the call it makes, or, for an event that is published, as its id (`EventId::follow_up`).
//!
//! [`key`]: Turn::key

use crate::backoff::Backoff;
use crate::engine::{Engine, EngineError, Standing};
use lockdown_events::EventId;
use lockdown_runtime::Ids;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

const DONE: &str = "done";
const BACKOFF: Backoff = Backoff {
    first: Duration::from_millis(50),
    cap: Duration::from_secs(1),
};

/// How long is remembered what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnceOptions {
    /// After so long without a word, whoever had begun is taken for dead.
    pub busy: Duration,
    /// For how long it is known that something was done: longer than an event can come again.
    pub keep: Duration,
}

/// Makes effects happen once for each event and handler.
#[derive(Clone)]
pub struct Once {
    engine: Arc<dyn Engine>,
    ids: Ids,
    options: OnceOptions,
}

/// The right to do it now.
#[derive(Debug)]
pub struct Turn {
    /// The same for every attempt at this effect, and for no other.
    pub key: String,
}

/// What became of an effect.
#[derive(Debug, PartialEq, Eq)]
pub enum Did<T> {
    Now(T),
    /// By an earlier attempt.
    Before,
}

#[derive(Debug, thiserror::Error)]
pub enum OnceError<E> {
    /// Another attempt is under way, or died a moment ago: to be tried again.
    #[error("another attempt is under way")]
    Busy,
    /// The effect failed, and may be tried again.
    #[error("{0}")]
    Effect(E),
    #[error("could not tell whether it was done")]
    Engine(#[source] EngineError),
}

// === impl OnceOptions ===

impl Default for OnceOptions {
    fn default() -> Self {
        Self {
            busy: Duration::from_secs(15),
            keep: Duration::from_secs(7 * 24 * 3600),
        }
    }
}

// === impl Once ===

impl Once {
    pub fn new(engine: Arc<dyn Engine>, ids: Ids, options: OnceOptions) -> Self {
        Self { engine, ids, options }
    }

    /// Does it, unless it was done for this event by this handler. The effect may take as long as it likes: the mark
    /// is renewed meanwhile.
    pub async fn run<T, E, Fut>(
        &self,
        handler: &str,
        event: EventId,
        effect: impl FnOnce(Turn) -> Fut,
    ) -> Result<Did<T>, OnceError<E>>
    where
        Fut: Future<Output = Result<T, E>>,
    {
        let key = format!("{handler}/{event}");
        let mark = format!("once/{key}");
        let busy = self.ids.next().to_string();
        let stands = self
            .engine
            .mark(&mark, &busy, self.options.busy, Standing::AbsentOr(&busy))
            .await
            .map_err(OnceError::Engine)?;
        match stands.as_deref() {
            None => {}
            Some(DONE) => return Ok(Did::Before),
            Some(_) => return Err(OnceError::Busy),
        }
        let outcome = {
            let effect = effect(Turn { key });
            tokio::pin!(effect);
            loop {
                tokio::select! {
                    outcome = &mut effect => break outcome,
                    () = tokio::time::sleep(self.options.busy / 3) => {
                        let renewed = self.engine.mark(&mark, &busy, self.options.busy, Standing::Is(&busy)).await;
                        if let Err(error) = renewed {
                            tracing::warn!("Could not renew the mark of {handler}: {error}");
                        }
                    }
                }
            }
        };
        match outcome {
            Ok(value) => {
                self.done(&mark, &busy).await.map_err(OnceError::Engine)?;
                Ok(Did::Now(value))
            }
            Err(error) => {
                // Left standing it ends by itself.
                if let Err(error) = self.engine.unmark(&mark, &busy).await {
                    tracing::debug!("Could not take away the mark of {handler}: {error}");
                }
                Err(OnceError::Effect(error))
            }
        }
    }

    /// The effect has happened: this is tried for as long as nobody else may believe that it has not.
    async fn done(&self, mark: &str, busy: &str) -> Result<(), EngineError> {
        let deadline = tokio::time::Instant::now() + self.options.busy;
        let mut failures = 0;
        loop {
            match self
                .engine
                .mark(mark, DONE, self.options.keep, Standing::AbsentOr(busy))
                .await
            {
                Ok(_) => return Ok(()),
                Err(error) if tokio::time::Instant::now() > deadline => return Err(error),
                Err(error) => {
                    failures += 1;
                    tracing::debug!("Could not note what was done: {error}");
                    tokio::time::sleep(BACKOFF.pause(failures)).await;
                }
            }
        }
    }
}
