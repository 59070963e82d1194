//! The HTTP side: health, metrics, the event contract's document and the status page; the questions that come over
//! the bus, the desk that decides what is wished for, and the relay that publishes what was decided.

mod desk;
mod pages;
mod problem;
mod questions;
mod relay;
mod remember;
mod server;

use anyhow::Context as _;
use lockdown_bus::Bus;
use lockdown_events::Source;
use lockdown_moderation::desk::Facts;
use lockdown_moderation::hands::AskedRanks;
use lockdown_runtime::{Context, ops};
use lockdown_store::Store;
use std::net::SocketAddr;
use std::sync::Arc;

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

/// Answers what is asked over the bus, until the process stops.
pub async fn answer(ctx: &Context, bus: &Bus) -> anyhow::Result<()> {
    let health = questions::answer_health(ctx, bus)
        .await
        .context("could not listen to questions")?;
    let stopping = ctx.shutdown.clone();
    ctx.tasks.spawn("questions", async move {
        stopping.soft().await;
        health.stop().await;
        Ok(())
    });
    Ok(())
}

/// Decides what is wished for over the bus, and keeps what platforms answer, until the process stops. `facts` reads how
/// those concerned stand; what it cannot read refuses what depends on it.
pub async fn decide(ctx: &Context, store: Store, bus: &Bus, facts: Arc<dyn Facts>) -> anyhow::Result<()> {
    desk::start(ctx, store, bus, facts).await
}

/// Remembers which guilds and people there are, and how much goes on there, until the process stops.
pub async fn remember(ctx: &Context, store: Store, bus: &Bus) -> anyhow::Result<()> {
    remember::start(ctx, store, bus).await
}

/// Publishes over the bus what the store decided, until the process stops.
pub fn relay(ctx: &Context, store: Store, bus: Bus) {
    relay::start(ctx, store, bus);
}

/// The backend in a process of its own.
pub async fn run(ctx: Context) -> anyhow::Result<()> {
    // First, so that whoever looks sees what the rest waits for.
    start(ctx.clone()).await?;
    let store = lockdown_store::open(&ctx).await?;
    let bus = lockdown_bus::open(&ctx, Source::Backend).await?;
    answer(&ctx, &bus).await?;
    decide(
        &ctx,
        store.clone(),
        &bus,
        Arc::new(AskedRanks::new(bus.clone(), store.clone(), ctx.clock.clone())),
    )
    .await?;
    remember(&ctx, store.clone(), &bus).await?;
    relay(&ctx, store, bus);
    Ok(())
}
