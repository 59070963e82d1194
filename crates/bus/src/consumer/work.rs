//! Running the handlers of an event.

use super::runner::Entry;
use super::{Handler, HandlerError, Received};
use futures_util::FutureExt;
use futures_util::future::join_all;
use lockdown_runtime::telemetry;
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tracing::Instrument;

/// What a run of an event's handlers came to.
pub(super) struct Finished {
    pub(super) entry: Entry,
    pub(super) outcomes: Vec<Outcome>,
}

/// What one handler made of an event.
pub(super) struct Outcome {
    pub(super) handler: usize,
    pub(super) result: Result<(), HandlerError>,
    pub(super) took: Duration,
}

/// An event that is handed to handlers, by their places.
pub(super) struct Begun {
    pub(super) entry: Entry,
    pub(super) received: Arc<Received>,
    pub(super) wanted: Vec<usize>,
}

/// How long handlers take, each with its own labels: looked up once, not for every event.
#[derive(Default)]
pub(super) struct Took(BTreeMap<(usize, &'static str, bool), metrics::Histogram>);

// === impl Took ===

impl Took {
    pub(super) fn note(&mut self, labels: (usize, &'static str, bool), name: &'static str, took: Duration) {
        let (_, channel, ok) = labels;
        let histogram = self.0.entry(labels).or_insert_with(|| {
            let result = if ok { "ok" } else { "failed" };
            metrics::histogram!(
                "lockdown_bus_handle_seconds", "channel" => channel, "handler" => name, "result" => result
            )
        });
        histogram.record(took);
    }
}

/// Runs an event's handlers side by side. One that panics or takes too long is none of the others' business.
pub(super) async fn run(handlers: &[Handler], begun: Begun, patience: Duration) -> Finished {
    let Begun {
        entry,
        received,
        wanted,
    } = begun;
    let outcomes = match wanted[..] {
        [only] => vec![one(handlers, only, received, patience).await],
        _ => {
            let each = wanted
                .into_iter()
                .map(|at| one(handlers, at, Arc::clone(&received), patience));
            join_all(each).await
        }
    };
    Finished { entry, outcomes }
}

async fn one(handlers: &[Handler], at: usize, received: Arc<Received>, patience: Duration) -> Outcome {
    let since = Instant::now();
    // The call itself may panic, too.
    let span = tracing::info_span!(
        "bus.handle",
        channel = received.event.event_type(),
        handler = handlers[at].name,
        event = %received.envelope.event_id,
        attempt = received.attempt,
        correlation.id = %received.envelope.correlation_id,
    );
    if let Some(traceparent) = &received.envelope.traceparent {
        telemetry::follow(&span, traceparent.as_str());
    }
    let call = async { (handlers[at].run)(received).await }.instrument(span);
    let result = match tokio::time::timeout(patience, AssertUnwindSafe(call).catch_unwind()).await {
        Ok(Ok(result)) => result,
        Ok(Err(panic)) => Err(HandlerError::Again(format!("it panicked: {}", words(&*panic)))),
        Err(_) => Err(HandlerError::Again(format!("it took longer than {patience:?}"))),
    };
    Outcome {
        handler: at,
        result,
        took: since.elapsed(),
    }
}

/// What a panic said.
pub(crate) fn words(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a word")
}
