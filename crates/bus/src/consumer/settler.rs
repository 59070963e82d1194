//! Telling the engine what became of events, in batches, until it has heard.

use super::Seat;
use crate::backoff::Backoff;
use crate::engine::{Delivery, EngineError, Settlement};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// The largest batch; with how many one goes out, and what else is there by then with it; how long the first waits for
/// company.
const BATCH: usize = 1_024;
const ENOUGH: usize = 128;
const COMPANY: Duration = Duration::from_millis(5);
const BACKOFF: Backoff = Backoff {
    first: Duration::from_millis(50),
    cap: Duration::from_secs(5),
};

/// What the runner is told of a settlement: whether the delivery still was ours.
pub(super) struct Settled {
    pub(super) delivery: Delivery,
    pub(super) settlement: Settlement,
    pub(super) ours: bool,
    /// Until when, where it was prolonged.
    pub(super) ours_until: Instant,
}

pub(super) type Settler = mpsc::UnboundedSender<(Delivery, Settlement)>;

/// Starts the settler; it ends when its sender is gone and everything is told. Both channels are bounded by the
/// credits: nothing is settled that was not in hand.
pub(super) fn start(seat: Arc<Seat>) -> (Settler, mpsc::UnboundedReceiver<Settled>) {
    let (settler, settlements) = mpsc::unbounded_channel();
    let (told, settled) = mpsc::unbounded_channel();
    tokio::spawn(run(seat, settlements, told));
    (settler, settled)
}

async fn run(
    seat: Arc<Seat>,
    mut settlements: mpsc::UnboundedReceiver<(Delivery, Settlement)>,
    told: mpsc::UnboundedSender<Settled>,
) {
    let mut open = true;
    while open {
        let mut batch = Vec::new();
        match settlements.recv().await {
            Some(first) => batch.push(first),
            None => return,
        }
        let company = tokio::time::sleep(COMPANY);
        tokio::pin!(company);
        while batch.len() < ENOUGH {
            tokio::select! {
                biased;
                next = settlements.recv() => match next {
                    Some(next) => batch.push(next),
                    None => {
                        open = false;
                        break;
                    }
                },
                () = &mut company => break,
            }
        }
        while batch.len() < BATCH
            && let Ok(next) = settlements.try_recv()
        {
            batch.push(next);
        }
        let Some((ours, ours_until)) = settle(&seat, &batch).await else {
            return;
        };
        for ((delivery, settlement), ours) in batch.into_iter().zip(ours) {
            // The runner may be gone; then nobody waits for it.
            let _ = told.send(Settled {
                delivery,
                settlement,
                ours,
                ours_until,
            });
        }
    }
}

/// Settles a batch, as often as it takes; `None` when the engine is closed.
async fn settle(seat: &Seat, batch: &[(Delivery, Settlement)]) -> Option<(Vec<bool>, Instant)> {
    let mut failures = 0;
    loop {
        let ours_until = seat.ours_until();
        match seat.engine.settle(&seat.group, &seat.name, batch).await {
            Ok(ours) => return Some((ours, ours_until)),
            Err(EngineError::Closed) => return None,
            Err(error) => {
                failures += 1;
                let pause = BACKOFF.pause(failures);
                tracing::warn!(
                    group = %seat.group.name,
                    failures,
                    "Could not settle {} events, next try in {pause:?}: {error}",
                    batch.len()
                );
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = seat.engine.back() => {}
                }
            }
        }
    }
}
