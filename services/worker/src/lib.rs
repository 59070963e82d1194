//! The background half: judging, ending, remembering.

use lockdown_runtime::Context;

/// Starts the worker's tasks in `ctx`; they end when it stops.
pub async fn run(ctx: Context) -> anyhow::Result<()> {
    let component = ctx.health.component("worker", true);
    let shutdown = ctx.shutdown.clone();
    component.up();
    ctx.tasks.spawn("worker", async move {
        shutdown.soft().await;
        Ok(())
    });
    Ok(())
}
