//! The word that everything is to stop.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use tokio_util::sync::CancellationToken;

/// Tells a process, or a test, to stop: softly first, then hard. Cheap to clone; clones hear the same.
#[derive(Clone)]
pub struct Shutdown(Arc<Inner>);

struct Inner {
    soft: CancellationToken,
    hard: CancellationToken,
    reason: OnceLock<(String, Instant)>,
}

// === impl Shutdown ===

impl Shutdown {
    pub fn new() -> Self {
        let (soft, hard) = (CancellationToken::new(), CancellationToken::new());
        Self(Arc::new(Inner {
            soft,
            hard,
            reason: OnceLock::new(),
        }))
    }

    /// Asks for a stop. The first reason counts, and is logged.
    pub fn request(&self, reason: impl Into<String>) {
        let reason = reason.into();
        if self.0.reason.set((reason.clone(), Instant::now())).is_ok() {
            tracing::info!(reason, "Stopping: {reason}");
        }
        self.0.soft.cancel();
    }

    /// As [`Shutdown::request`], for an end that is no news.
    pub(super) fn request_quietly(&self, reason: &str) {
        // Set already: then the earlier reason stands.
        let _ = self.0.reason.set((reason.to_owned(), Instant::now()));
        self.0.soft.cancel();
    }

    /// When the stop was asked for.
    pub(super) fn requested_at(&self) -> Option<Instant> {
        self.0.reason.get().map(|(_, at)| *at)
    }

    /// Waits until no new work is to be taken. What runs may end.
    pub async fn soft(&self) {
        self.0.soft.cancelled().await;
    }

    /// Waits until everything is to be dropped: who still runs has about a second.
    pub async fn hard(&self) {
        self.0.hard.cancelled().await;
    }

    pub fn is_requested(&self) -> bool {
        self.0.soft.is_cancelled()
    }

    /// Why the process stops.
    pub fn reason(&self) -> Option<&str> {
        self.0.reason.get().map(|(reason, _)| reason.as_str())
    }

    /// The soft stop as a token, for libraries that take one. Cancelling it stops nothing else.
    pub fn soft_token(&self) -> CancellationToken {
        self.0.soft.child_token()
    }

    /// Ends the time for a soft stop.
    pub(super) fn force(&self) {
        self.0.soft.cancel();
        self.0.hard.cancel();
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_reason_counts() {
        let shutdown = Shutdown::new();
        let token = shutdown.soft_token();
        assert!(!shutdown.is_requested() && shutdown.reason().is_none());
        let clone = shutdown.clone();
        let waiting = tokio::spawn(async move { clone.soft().await });
        shutdown.request("first");
        shutdown.request("second");
        waiting.await.unwrap();
        token.cancelled().await;
        assert_eq!(
            (shutdown.is_requested(), shutdown.reason()),
            (true, Some("first"))
        );
        assert!(!shutdown.0.hard.is_cancelled());
        shutdown.force();
        shutdown.hard().await;
    }

    #[tokio::test]
    async fn a_token_that_a_library_cancels_stops_nothing_else() {
        let shutdown = Shutdown::new();
        shutdown.soft_token().cancel();
        assert!(!shutdown.is_requested());
    }
}
