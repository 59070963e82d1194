//! Running the handlers of an event.

use super::runner::Entry;
use super::suspect::Suspect;
use super::{Handler, HandlerError, Received, Seat};
use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use futures_util::future::join_all;
use lockdown_events::{DecodeError, Envelope};
use lockdown_runtime::telemetry;
use std::collections::BTreeMap;
use std::iter::Chain;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use std::{option, vec};
use tokio::time::Instant;
use tracing::Instrument;

/// Some of a group's handlers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted(u64);

/// What a run of an event's handlers came to.
pub(super) struct Finished {
    pub(super) entry: Entry,
    pub(super) ended: Result<Ended, NotShown>,
}

/// Why an event was shown to no handler.
pub(super) enum NotShown {
    Undecodable(DecodeError),
    /// Begun so often, it never ended.
    Poison(u64),
    /// It may be another's by now.
    Unsure,
}

pub(super) struct Ended {
    /// When what the event tells of happened.
    pub(super) happened: DateTime<Utc>,
    pub(super) outcomes: Outcomes,
}

/// Mostly of one.
pub(super) type Outcomes = Chain<option::IntoIter<Outcome>, vec::IntoIter<Outcome>>;

/// What one handler made of an event.
pub(super) struct Outcome {
    pub(super) handler: usize,
    pub(super) result: Result<(), HandlerError>,
    pub(super) took: Duration,
}

/// An event that is handed to handlers.
pub(super) struct Begun {
    pub(super) entry: Entry,
    pub(super) envelope: Arc<str>,
    pub(super) attempt: u32,
    /// It may have been shown to a handler before.
    pub(super) again: bool,
    /// It was handed out before without an answer.
    pub(super) suspect: bool,
    pub(super) wanted: Wanted,
    pub(super) ours_until: Instant,
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

// === impl Wanted ===

impl Wanted {
    /// More than any service has.
    pub(super) const MOST: usize = 64;

    pub(super) fn by(handlers: &[Handler], event_type: &str) -> Self {
        let each = handlers.iter().enumerate();
        let wanting = each.filter(|(_, handler)| handler.wants(event_type));
        Self(wanting.fold(0, |all, (at, _)| all | 1 << at))
    }

    pub(super) fn of(self, handlers: &[Handler]) -> impl Iterator<Item = (usize, &Handler)> {
        let each = handlers.iter().enumerate();
        each.filter(move |(at, _)| self.0 & 1 << at != 0)
    }

    pub(super) fn remove(&mut self, at: usize) {
        self.0 &= !(1 << at);
    }
}

/// Runs an event's handlers, under observation where it is suspected of killing the process.
pub(super) async fn run(seat: &Seat, handlers: &[Handler], begun: Begun) -> Finished {
    let entry = begun.entry;
    if Instant::now() >= begun.ours_until {
        return Finished {
            entry,
            ended: Err(NotShown::Unsure),
        };
    }
    if !begun.suspect {
        let ended = show(handlers, begun, seat.options.patience).await;
        return Finished { entry, ended };
    }
    let ended = match Suspect::begin(seat, entry).await {
        Ok(suspect) => {
            let ended = show(handlers, begun, seat.options.patience).await;
            suspect.end(seat).await;
            ended
        }
        Err(times) => Err(NotShown::Poison(times)),
    };
    Finished { entry, ended }
}

/// Decodes an event and runs its handlers side by side. One that panics or takes too long is none of the others' business.
async fn show(handlers: &[Handler], begun: Begun, patience: Duration) -> Result<Ended, NotShown> {
    let received = Arc::new(receive(&begun).map_err(NotShown::Undecodable)?);
    let happened = received.envelope.timestamp;
    let mut wanted = begun.wanted.of(handlers);
    let first = wanted.next().map(|(at, _)| at);
    let more: Vec<usize> = wanted.map(|(at, _)| at).collect();
    let run = |at| one(handlers, at, Arc::clone(&received), patience);
    let outcomes = match first {
        Some(only) if more.is_empty() => Some(run(only).await).into_iter().chain(Vec::new()),
        first => None
            .into_iter()
            .chain(join_all(first.into_iter().chain(more).map(run)).await),
    };
    Ok(Ended { happened, outcomes })
}

fn receive(begun: &Begun) -> Result<Received, DecodeError> {
    let envelope = Envelope::decode(&begun.envelope)?;
    Ok(Received {
        event: envelope.event()?,
        envelope,
        position: begun.entry.0,
        attempt: begun.attempt,
        again: begun.again,
    })
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
