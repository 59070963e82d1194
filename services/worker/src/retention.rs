//! What is older than it is kept goes, and erasures that had to wait go on.

use lockdown_runtime::{Context, chain};
use lockdown_store::privacy::{Eraser, RetentionOptions, Sweeper};
use lockdown_store::{Store, StoreError};
use std::time::Duration;

const EVERY: Duration = Duration::from_secs(60 * 60);

/// Sweeps now and every hour, for ever.
pub(crate) async fn run(ctx: Context, store: Store) {
    let sweeper = Sweeper::new(
        store.clone(),
        ctx.clock.clone(),
        RetentionOptions::of(&ctx.config),
    );
    let eraser = Eraser::new(store, ctx.clock.clone(), ctx.ids.clone());
    loop {
        if let Err(error) = round(&sweeper, &eraser).await {
            // The next round takes it up where this one was.
            tracing::warn!(
                "Could not remove what is older than it is kept: {}",
                chain(&error)
            );
        }
        ctx.clock.sleep(EVERY).await;
    }
}

async fn round(sweeper: &Sweeper, eraser: &Eraser) -> Result<(), StoreError> {
    let counts = sweeper.sweep().await?;
    let removed: u64 = counts.values().sum();
    if removed > 0 {
        let kinds: Vec<String> = counts
            .iter()
            .filter(|(_, count)| **count > 0)
            .map(|(kind, count)| format!("{count} {kind}"))
            .collect();
        tracing::info!(
            removed,
            "Removed what is older than it is kept: {}",
            kinds.join(", ")
        );
    }
    let open = eraser.resume().await?;
    if open > 0 {
        tracing::info!(
            open,
            "{open} erasures wait for a sanction to end or an event to go out"
        );
    }
    Ok(())
}
