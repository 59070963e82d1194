//! Communities under attack or closed are as always again when the time of that is up.

use chrono::{DateTime, TimeDelta, Utc};
use lockdown_moderation::desk::{Desk, DeskError};
use lockdown_runtime::{Clock, Context, chain};
use lockdown_store::Store;

const AT_ONCE: u64 = 16;
/// What is raised elsewhere meanwhile may end before all that we know of.
const EVERY: TimeDelta = TimeDelta::seconds(2);
const LEAST: TimeDelta = TimeDelta::milliseconds(50);

/// Ends what is over now and whenever something is, until the process stops. Others may do the same at the same time.
pub(crate) fn start(ctx: &Context, store: Store) {
    let desk = Desk::new(store, ctx.clock.clone(), ctx.ids.clone());
    let (clock, stopping) = (ctx.clock.clone(), ctx.shutdown.soft_token());
    ctx.tasks.spawn("modes", async move {
        stopping.run_until_cancelled(run(&desk, &clock)).await;
        Ok(())
    });
}

async fn run(desk: &Desk, clock: &Clock) {
    loop {
        let wake = match round(desk, clock).await {
            Ok(wake) => wake,
            Err(error) => {
                tracing::warn!(
                    "Could not end the modes that are over, and tries again: {}",
                    chain(&error)
                );
                clock.now() + EVERY
            }
        };
        clock.sleep_until(wake).await;
    }
}

/// When to look again.
async fn round(desk: &Desk, clock: &Clock) -> Result<DateTime<Utc>, DeskError> {
    for (guild, mode) in desk.end_modes(AT_ONCE).await? {
        metrics::counter!("lockdown_modes_ended_total").increment(1);
        tracing::info!(%guild, "The mode {} of {guild} is over", mode.as_str());
    }
    let now = clock.now();
    let next = desk.next_mode_end().await?;
    Ok(next.map_or(now + EVERY, |next| next.clamp(now + LEAST, now + EVERY)))
}
