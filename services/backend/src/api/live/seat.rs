//! One client that listens: who it is, what it may, and its end.

use super::mailbox::Behind;
use super::places::Place;
use super::scope::{Only, Scope};
use crate::api::access::Caller;
use crate::api::route::Cut;
use axum::extract::ws::{CloseCode, close_code};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// How long somebody may be behind before they are dropped.
const PATIENCE: Duration = Duration::from_secs(10);
/// For a client to take what is said last; then its connection is cut.
const GRACE: Duration = Duration::from_secs(2);

/// Why a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It did not keep up.
    Slow,
    /// It said too much.
    Flood,
    /// Its token was revoked or is over, or opens other communities than it did. Whoever still may comes again.
    Rights,
    /// This process stops.
    Stopping,
    /// There is nothing to hear any more: the bus went away.
    Gone,
}

pub(super) struct Seat {
    pub(super) caller: Caller,
    /// To what the client limited itself, and what it may hear of that.
    pub(super) only: Option<Only>,
    pub(super) scope: Scope,
    behind: Arc<dyn Behind>,
    end: OnceLock<End>,
    ending: CancellationToken,
    ended_at: Mutex<Option<Instant>>,
    cut: Cut,
    /// Of those that there are; given back with the seat.
    _place: Place,
}

// === impl End ===

impl End {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Slow => "slow",
            Self::Flood => "flood",
            Self::Rights => "rights",
            Self::Stopping => "stopping",
            Self::Gone => "gone",
        }
    }

    pub(super) fn close_code(self) -> CloseCode {
        match self {
            Self::Flood | Self::Rights => close_code::POLICY,
            Self::Stopping => close_code::AWAY,
            Self::Slow | Self::Gone => close_code::AGAIN,
        }
    }
}

// === impl Seat ===

impl Seat {
    pub(super) fn new(
        caller: Caller,
        only: Option<Only>,
        scope: Scope,
        behind: Arc<dyn Behind>,
        cut: Cut,
        place: Place,
    ) -> Self {
        metrics::gauge!("lockdown_live_clients").increment(1);
        Self {
            caller,
            only,
            scope,
            behind,
            end: OnceLock::new(),
            ending: CancellationToken::new(),
            ended_at: Mutex::default(),
            cut,
            _place: place,
        }
    }

    /// Ends it; the first reason counts, and is answered.
    pub(super) fn end(&self, end: End) -> End {
        let end = *self.end.get_or_init(|| {
            metrics::counter!("lockdown_live_ended_total", "reason" => end.as_str()).increment(1);
            *self.ended_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
            end
        });
        self.ending.cancel();
        end
    }

    /// Waits for the end.
    pub(super) async fn ended(&self) -> End {
        self.ending.cancelled().await;
        self.end.get().copied().unwrap_or(End::Gone)
    }

    pub(super) fn cut(&self) -> &CancellationToken {
        &self.cut.0
    }

    /// Drops who does not keep up, and the connection of who does not go.
    pub(super) fn look(&self, now: Instant) {
        let since = |at: Instant| now.saturating_duration_since(at);
        let ended_at = *self.ended_at.lock().unwrap_or_else(PoisonError::into_inner);
        if ended_at.is_some_and(|at| since(at) >= GRACE) {
            self.cut.0.cancel();
        } else if self.behind.behind_since().is_some_and(|at| since(at) >= PATIENCE) {
            self.end(End::Slow);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        metrics::gauge!("lockdown_live_clients").decrement(1);
    }
}
