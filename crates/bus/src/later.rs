//! Events that are published at a time to come.
//!
//! They stand on a board of the engine until they are due. Every process looks; who finds one publishes it, by its id
//! once, and takes it off. So it outlives the process that wished for it, and is not early by any clock.

use crate::backoff::Backoff;
use crate::engine::{Engine, EngineError};
use crate::place::Key;
use crate::publisher::{PublishError, Publisher};
use chrono::{DateTime, Utc};
use lockdown_events::{Envelope, EventId};
use lockdown_runtime::Clock;
use std::sync::Arc;
use std::time::Duration;

const BOARD: &str = "later";
const BATCH: usize = 256;
/// The longest pause between two looks: another process may have wished for something meanwhile.
const LOOK: Duration = Duration::from_millis(150);
const BACKOFF: Backoff = Backoff {
    first: Duration::from_millis(100),
    cap: Duration::from_secs(5),
};

/// Publishes at a time to come. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Later {
    engine: Arc<dyn Engine>,
    publisher: Publisher,
    clock: Clock,
}

// === impl Later ===

impl Later {
    pub(crate) fn new(engine: Arc<dyn Engine>, publisher: Publisher, clock: Clock) -> Self {
        Self {
            engine,
            publisher,
            clock,
        }
    }

    /// Has the event published at this time or a moment after it, whatever becomes of this process. One with the same
    /// id that waits already is put off or brought forward.
    pub(crate) async fn publish(&self, envelope: &Envelope, at: DateTime<Utc>) -> Result<(), EngineError> {
        // A time that is over is now.
        let due_in = (at - self.clock.now()).to_std().unwrap_or_default();
        self.engine
            .post(BOARD, &envelope.event_id.to_string(), &envelope.encode(), due_in)
            .await
            .map(drop)
    }

    /// Takes the wish back; says whether it was there still.
    pub(crate) async fn cancel(&self, event: EventId) -> Result<bool, EngineError> {
        Ok(self.engine.unpost(BOARD, &event.to_string()).await?.is_some())
    }

    /// Publishes what is due; returns when the next look is worth it.
    pub(crate) async fn publish_due(&self) -> Result<Duration, LaterError> {
        let posted = self.engine.posted(BOARD, BATCH).await.map_err(LaterError::Look)?;
        let next = posted
            .iter()
            .find(|posted| !posted.due_in.is_zero())
            .map_or(LOOK, |posted| posted.due_in.min(LOOK));
        for posted in posted.iter().take_while(|posted| posted.due_in.is_zero()) {
            match Envelope::decode(&posted.text) {
                Ok(envelope) => {
                    self.publisher
                        .publish(&envelope, Key::of(&envelope), true)
                        .await
                        .map_err(LaterError::Publish)?;
                }
                Err(error) => {
                    tracing::error!(
                        event = posted.item,
                        "An event that was due cannot be read: {error}"
                    );
                }
            }
            self.engine
                .unpost(BOARD, &posted.item)
                .await
                .map_err(LaterError::Look)?;
        }
        Ok(next)
    }

    /// Publishes what becomes due, for ever.
    pub(crate) async fn keep_publishing(self) {
        let mut failures = 0;
        loop {
            let pause = match self.publish_due().await {
                Ok(next) => {
                    failures = 0;
                    next
                }
                Err(error) => {
                    failures += 1;
                    tracing::debug!("Could not publish what is due: {error}");
                    BACKOFF.pause(failures)
                }
            };
            self.clock.sleep(pause).await;
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum LaterError {
    #[error("could not look for what is due")]
    Look(#[source] EngineError),
    #[error("could not publish what is due")]
    Publish(#[source] PublishError),
}
