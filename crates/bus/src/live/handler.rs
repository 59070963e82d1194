//! A function that is called with what is heard.

use super::subscription::{Seat, Subscription};
use super::{Heard, reach};
use crate::consumer::words;
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Keeps a handler listening; dropped, it listens no more. A call that is under way runs to its end.
#[must_use = "dropped, the handler listens no more"]
pub struct Listening {
    seat: Arc<Seat>,
}

// === impl Listening ===

impl Listening {
    pub(super) fn begin<F, Fut>(
        name: &'static str,
        subscription: Subscription,
        patience: Duration,
        handler: F,
    ) -> Self
    where
        F: Fn(Heard) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let seat = Arc::clone(subscription.seat());
        tokio::spawn(run(name, subscription, patience, handler));
        Self { seat }
    }

    /// Ends it: when this returns, no call begins any more and the engine was told, if nobody else listens to a pattern.
    pub async fn unsubscribe(self) {
        self.seat.leave_and_wait().await;
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.seat.leave(None);
    }
}

async fn run<F, Fut>(name: &'static str, mut subscription: Subscription, patience: Duration, handler: F)
where
    F: Fn(Heard) -> Fut,
    Fut: Future<Output = ()>,
{
    while let Some(heard) = subscription.next().await {
        let channel = match &heard {
            Heard::Said(said) => reach::label(&said.channel),
            Heard::Missed { .. } => "missed".to_owned(),
        };
        let since = Instant::now();
        // The call itself may panic, too.
        let call = AssertUnwindSafe(async { handler(heard).await }).catch_unwind();
        let result = match tokio::time::timeout(patience, call).await {
            Ok(Ok(())) => "ok",
            Ok(Err(panic)) => {
                metrics::counter!("lockdown_bus_live_panics_total", "handler" => name).increment(1);
                tracing::error!(
                    handler = name,
                    channel,
                    "The handler {name} panicked: {}",
                    words(&*panic)
                );
                "panicked"
            }
            Err(_) => {
                tracing::error!(
                    handler = name,
                    channel,
                    "The handler {name} took longer than {patience:?} and was given up"
                );
                "late"
            }
        };
        metrics::histogram!(
            "lockdown_bus_live_handle_seconds", "channel" => channel, "handler" => name, "result" => result
        )
        .record(since.elapsed());
    }
}
