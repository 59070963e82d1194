//! Notices that are told after the act, on their own: platforms want messages to people at a pace at which nobody could
//! keep order, so no decision waits for one.
//!
//! A notice stands on a board of the bus from the moment that the act is done until it is told, so it outlives the
//! process; whoever finds it tells it, once. What came of it is published as another `moderation:log` of the case.

use super::Hands;
use super::carry::{Carried, Order};
use chrono::TimeDelta;
use futures_util::StreamExt as _;
use futures_util::future::select;
use lockdown_bus::{EngineError, HandlerError, Posted, Received};
use lockdown_events::{DirectMessage, Envelope, Event};
use lockdown_runtime::{Shutdown, chain};
use std::sync::Arc;
use std::time::Duration;

const BATCH: usize = 64;
/// Told at the same time; the platform's own pace is kept by whoever calls it.
const AT_ONCE: usize = 8;
/// The longest pause between two looks: another process may have put a notice down.
const LOOK: Duration = Duration::from_millis(500);
/// Before a notice that could not be told is tried again.
const PAUSE: Duration = Duration::from_secs(5);
/// Nobody is helped by a notice that comes later.
const STALE: TimeDelta = TimeDelta::days(1);

// === impl Hands ===

impl Hands {
    fn board(&self) -> String {
        format!("hands.notices.{}", self.platform.limits().platform)
    }

    /// Has somebody told of what was just done.
    pub(super) async fn tell_later(&self, received: &Received) -> Result<(), HandlerError> {
        let item = received.envelope.event_id.to_string();
        let text = received.envelope.encode();
        let posted = self
            .bus
            .engine()
            .post(&self.board(), &item, &text, Duration::ZERO)
            .await;
        posted
            .map(drop)
            .map_err(|error| HandlerError::Again(chain(&error)))
    }

    /// Tells what there is to tell until the process stops.
    pub(super) async fn tell_all(self: Arc<Self>, shutdown: Shutdown) -> anyhow::Result<()> {
        let telling = async {
            loop {
                match self.look().await {
                    // There may be more of them.
                    Ok(told) if told > 0 => {}
                    Ok(_) => self.clock.sleep(LOOK).await,
                    Err(error) => {
                        tracing::warn!("Could not look for notices: {}", chain(&error));
                        self.clock.sleep(PAUSE).await;
                    }
                }
            }
        };
        let (telling, stopping) = (std::pin::pin!(telling), std::pin::pin!(shutdown.soft()));
        select(telling, stopping).await;
        Ok(())
    }

    /// Tells what is due; says how many were.
    async fn look(&self) -> Result<usize, EngineError> {
        let posted = self.bus.engine().posted(&self.board(), BATCH).await?;
        let due = posted.into_iter().filter(|posted| posted.due_in.is_zero());
        let telling = futures_util::stream::iter(due).map(|posted| self.tell(posted));
        let told: Vec<_> = telling.buffer_unordered(AT_ONCE).collect().await;
        let mut count = 0;
        for told in told {
            count += usize::from(told?);
        }
        Ok(count)
    }

    /// Tells one; says whether that is over.
    async fn tell(&self, posted: Posted) -> Result<bool, EngineError> {
        let (engine, board) = (self.bus.engine(), self.board());
        match self.tell_of(&posted.text).await {
            Ok(()) => {
                engine.unpost(&board, &posted.item).await?;
                Ok(true)
            }
            Err(words) => {
                tracing::debug!("A notice waits: {words}");
                engine.post(&board, &posted.item, &posted.text, PAUSE).await?;
                Ok(false)
            }
        }
    }

    async fn tell_of(&self, text: &str) -> Result<(), String> {
        let read = Envelope::decode(text).and_then(|envelope| {
            let event = envelope.event()?;
            Ok((envelope, event))
        });
        let (envelope, event) = match read {
            Ok((envelope, Event::Moderation(event))) => (envelope, event),
            // Of a later release, which tells it itself.
            Ok(_) | Err(_) => return Ok(()),
        };
        let Some(order) = Order::of(&event) else {
            return Ok(());
        };
        let notified = if self.clock.now() - envelope.timestamp > STALE {
            Some(DirectMessage::Failed)
        } else {
            let told = self.notify(&envelope, &order).await;
            told.map_err(|error| error.to_string())?
        };
        if notified.is_none() {
            return Ok(());
        }
        let log = self
            .log(&envelope, "hands/notified", &order, Carried::applied(notified))
            .await;
        log.map_err(|error| error.to_string())
    }
}
