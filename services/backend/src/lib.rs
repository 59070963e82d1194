//! The HTTP side: health, metrics, the event contract's document and the status page.

mod pages;
mod problem;
mod server;

use anyhow::Context as _;
use lockdown_runtime::{Context, ops};
use std::net::SocketAddr;

/// Starts the backend's tasks in `ctx`; they end when it stops. Returns the address on which it listens.
pub async fn start(ctx: Context) -> anyhow::Result<SocketAddr> {
    let listener = ops::bind(ctx.config.http.addr)
        .await
        .context("could not start the HTTP side")?;
    let addr = listener.local_addr().context("could not learn the address")?;
    let component = ctx.health.component("http", true);
    ctx.tasks.spawn(
        "http",
        server::serve(
            listener,
            ctx.health.clone(),
            ctx.metrics.clone(),
            ctx.shutdown.clone(),
        ),
    );
    component.up();
    tracing::info!(%addr, "HTTP on http://{addr}");
    Ok(addr)
}

/// As [`start`], for a process that has nothing to say about the address.
pub async fn run(ctx: Context) -> anyhow::Result<()> {
    start(ctx).await.map(|_| ())
}
