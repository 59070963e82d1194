//! Tells those who drain the outbox that there is something in it.

use std::sync::Arc;
use tokio::sync::Notify;

/// Rung after a commit that published something. Ringing twice is ringing once.
#[derive(Clone, Default)]
pub(crate) struct Wake {
    here: Arc<Notify>,
    /// Taken by the task that tells other processes.
    elsewhere: Arc<Notify>,
}

// === impl Wake ===

impl Wake {
    pub(crate) fn wake(&self) {
        self.here.notify_one();
        self.elsewhere.notify_one();
    }

    /// Another process rang.
    pub(crate) fn wake_here(&self) {
        self.here.notify_one();
    }

    pub(crate) async fn woken(&self) {
        self.here.notified().await;
    }

    pub(crate) async fn elsewhere(&self) {
        self.elsewhere.notified().await;
    }
}
