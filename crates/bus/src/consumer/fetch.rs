//! Getting events in hand: new ones, and those of consumers that died.

use super::Seat;
use super::judge::{Judge, Verdict, Work};
use crate::backoff::Backoff;
use crate::engine::{Delivery, EngineError};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Events that came together.
pub(super) struct Fetched {
    pub(super) judged: Vec<Judged>,
    /// One for each.
    pub(super) credits: OwnedSemaphorePermit,
    pub(super) ours_until: Instant,
}
/// An event, and what there is to do with it.
pub(super) type Judged = (Delivery, Result<Work, Verdict>);

/// How long one read waits for something new: a stop is noticed that late at the latest. And no longer than this part of the
/// time for which what comes is ours, since that counts from when it was asked for.
const WAIT: Duration = Duration::from_millis(500);
const WAIT_PART: u32 = 4;
/// From so many events a second on, reads are a moment apart; looked at so often.
const STRONG: u128 = 25_000;
const TOGETHER: Duration = Duration::from_millis(1);
/// They wait so much longer, at most, until a part of the credits is free: a read for a few costs as much as for hundreds.
const ROOM: Duration = Duration::from_millis(5);
const PART: usize = 4;
const LOOK: Duration = Duration::from_millis(10);
/// The pauses while the engine does not answer.
const BACKOFF: Backoff = Backoff {
    first: Duration::from_millis(50),
    cap: Duration::from_secs(5),
};
/// How often the dead are looked for; drawn from the range, so that many do not look at the same moment.
const ROUNDS: std::ops::Range<u64> = 2_000..5_000;
pub(super) const TAKE_OVER_AT_ONCE: usize = 100;

/// Reads as much as there is room for, until told to stop.
pub(super) async fn read(
    seat: Arc<Seat>,
    judge: Arc<Judge>,
    fetched: mpsc::UnboundedSender<Fetched>,
    stop: CancellationToken,
) {
    let wait = WAIT.min(seat.options.visibility / WAIT_PART);
    let mut failures = 0;
    let mut flow = Flow::new();
    while !stop.is_cancelled() {
        if flow.is_strong() {
            gather(&seat).await;
        }
        let Some(room) = room(&seat.credits, usize::MAX, &stop).await else {
            return;
        };
        let ours_until = seat.ours_until();
        // Never dropped half way: what the engine handed out would be lost until it is taken over.
        match seat
            .engine
            .read(&seat.group, &seat.name, room.num_permits(), wait)
            .await
        {
            Ok(deliveries) => {
                failures = 0;
                flow.note(deliveries.len());
                hand_over((deliveries, ours_until), room, &judge, &fetched);
            }
            Err(error) => {
                failures += 1;
                if !pause(&seat, "read", failures, &error, &stop).await {
                    return;
                }
            }
        }
    }
}

/// Lets events and credits gather.
async fn gather(seat: &Seat) {
    tokio::time::sleep(TOGETHER).await;
    let part = u32::try_from(seat.options.in_hand / PART).unwrap_or(u32::MAX);
    // Not kept, and nothing is lost where it takes too long.
    let _ = tokio::time::timeout(ROOM, seat.credits.acquire_many(part)).await;
}

/// How much comes. A read costs the same for one event as for a hundred, so that where much comes it is worth a moment
/// to let it gather; where little comes, nobody waits.
struct Flow {
    since: Instant,
    events: usize,
    strong: bool,
}

// === impl Flow ===

impl Flow {
    fn new() -> Self {
        Self {
            since: Instant::now(),
            events: 0,
            strong: false,
        }
    }

    fn note(&mut self, events: usize) {
        self.events += events;
        let passed = self.since.elapsed();
        if passed >= LOOK {
            self.strong = self.events as u128 * 1_000_000 > STRONG * passed.as_micros();
            self.since = Instant::now();
            self.events = 0;
        }
    }

    fn is_strong(&self) -> bool {
        self.strong
    }
}

/// Looks for what the dead left, until told to stop.
pub(super) async fn take_over(
    seat: Arc<Seat>,
    judge: Arc<Judge>,
    fetched: mpsc::UnboundedSender<Fetched>,
    stop: CancellationToken,
) {
    let mut failures = 0;
    // A dead consumer leaves as much as it had in hand, which is more than one look takes over.
    let mut more = false;
    loop {
        let round = if more {
            Duration::ZERO
        } else {
            Duration::from_millis(fastrand::u64(ROUNDS)).min(seat.options.visibility)
        };
        tokio::select! {
            () = tokio::time::sleep(round) => {}
            () = stop.cancelled() => return,
        }
        let Some(room) = room(&seat.inherited, TAKE_OVER_AT_ONCE, &stop).await else {
            return;
        };
        let most = room.num_permits();
        let ours_until = seat.ours_until();
        match seat
            .engine
            .take_over(&seat.group, &seat.name, seat.options.visibility, most)
            .await
        {
            Ok(deliveries) => {
                failures = 0;
                more = deliveries.len() == most;
                if !deliveries.is_empty() {
                    metrics::counter!("lockdown_bus_taken_over_total", "group" => seat.group.name.to_string())
                        .increment(deliveries.len() as u64);
                    tracing::warn!(group = %seat.group.name, "Took over {} events of a dead consumer", deliveries.len());
                }
                hand_over((deliveries, ours_until), room, &judge, &fetched);
            }
            Err(error) => {
                failures += 1;
                more = false;
                if !pause(&seat, "take over", failures, &error, &stop).await {
                    return;
                }
            }
        }
    }
}

/// Waits for a credit and takes as many more as there are, up to `most`.
async fn room(
    credits: &Arc<Semaphore>,
    most: usize,
    stop: &CancellationToken,
) -> Option<OwnedSemaphorePermit> {
    let mut room = tokio::select! {
        credit = Arc::clone(credits).acquire_owned() => credit.ok()?,
        () = stop.cancelled() => return None,
    };
    let more = credits.available_permits().min(most - 1);
    if let Ok(more) = Arc::clone(credits).try_acquire_many_owned(u32::try_from(more).unwrap_or(u32::MAX)) {
        room.merge(more);
    }
    Some(room)
}

/// Keeps the credits of what came, gives back the others. Nobody may be left to take it: then it is taken over later.
fn hand_over(
    (deliveries, ours_until): (Vec<Delivery>, Instant),
    mut room: OwnedSemaphorePermit,
    judge: &Judge,
    fetched: &mpsc::UnboundedSender<Fetched>,
) {
    if deliveries.is_empty() {
        return;
    }
    let credits = room.split(deliveries.len()).unwrap_or_else(|| {
        // More than was asked for: the engine broke its word, and the surplus goes without credit.
        room.split(room.num_permits())
            .expect("all of a permit can be split off")
    });
    drop(room);
    let judged = deliveries.into_iter().map(|delivery| {
        let judged = judge.judge(&delivery);
        (delivery, judged)
    });
    // The runner outlives both fetchers but for a panic, after which the events are taken over.
    let _ = fetched.send(Fetched {
        judged: judged.collect(),
        credits,
        ours_until,
    });
}

/// Waits before the next try; `false` when there is none.
async fn pause(
    seat: &Seat,
    what: &str,
    failures: u32,
    error: &EngineError,
    stop: &CancellationToken,
) -> bool {
    if matches!(error, EngineError::Closed) {
        return false;
    }
    let pause = BACKOFF.pause(failures);
    tracing::warn!(group = %seat.group.name, failures, "Could not {what} events, next try in {pause:?}: {error}");
    tokio::select! {
        () = tokio::time::sleep(pause) => true,
        () = seat.engine.back() => true,
        () = stop.cancelled() => false,
    }
}
