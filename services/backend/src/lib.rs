//! The HTTP side: the API, its documents, health, metrics and the status page; the questions that come over
//! the bus, the desk that decides what is wished for, and the relay that publishes what was decided.
//!
//! To add a route to the API: see `api/mod.rs`.

mod api;
mod desk;
mod federated;
mod pages;
mod problem;
mod questions;
mod relay;
mod remember;
mod server;
mod sign_in;
mod webhooks;

pub use api::access::{Role, Scope};
pub use api::person::ACCOUNT;
pub use api::roles::usual_role;
pub use api::tokens::log_token;
pub use sign_in::link as sign_in_link;

use anyhow::Context as _;
use api::Door;
use lockdown_bus::Bus;
use lockdown_events::Source;
use lockdown_moderation::desk::Facts;
use lockdown_moderation::hands::AskedRanks;
use lockdown_runtime::{Context, ops};
use lockdown_store::{Bearer, Store};
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

/// The HTTP side, from the moment at which it listens. Until it is [opened](Front::open), the API says that it starts.
pub struct Front {
    pub addr: SocketAddr,
    door: Door,
}

/// The first token for the API, shown this once.
pub struct FirstToken(Bearer);

// === impl Front ===

impl Front {
    /// Opens the API. Answers the first token, where the configuration has none and it was made now. `facts` reads how those
    /// concerned stand; what it cannot read refuses what depends on it.
    pub async fn open(
        &self,
        ctx: &Context,
        store: Store,
        bus: Bus,
        facts: Arc<dyn Facts>,
    ) -> anyhow::Result<Option<FirstToken>> {
        let made = self.door.open(ctx, store, bus, facts).await?;
        Ok(made.map(FirstToken))
    }
}

// === impl FirstToken ===

impl fmt::Display for FirstToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let token = self.0.expose();
        write!(
            f,
            "The first token for the API, shown this once (LOCKDOWN_ADMIN_TOKEN sets one of your own): {token}"
        )
    }
}

/// Starts the backend's tasks in `ctx`; they end when it stops.
pub async fn start(ctx: Context) -> anyhow::Result<Front> {
    let listener = ops::bind(ctx.config.http.addr)
        .await
        .context("could not start the HTTP side")?;
    let addr = listener.local_addr().context("could not learn the address")?;
    let component = ctx.health.component("http", true);
    let door = Door::closed(ctx.ids.clone());
    ctx.tasks.spawn(
        "http",
        server::serve(
            listener,
            ctx.health.clone(),
            ctx.metrics.clone(),
            door.clone(),
            ctx.shutdown.clone(),
        ),
    );
    component.up();
    tracing::info!(%addr, "HTTP on http://{addr}");
    Ok(Front { addr, door })
}

/// The OpenAPI document of the API.
pub fn openapi() -> serde_json::Value {
    api::openapi::document()
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

/// Decides what is wished for over the bus, keeps what platforms answer, and answers what moderators ask through bots,
/// until the process stops. `facts` reads how
/// those concerned stand; what it cannot read refuses what depends on it.
pub async fn decide(ctx: &Context, store: Store, bus: &Bus, facts: Arc<dyn Facts>) -> anyhow::Result<()> {
    desk::start(ctx, store.clone(), bus, Arc::clone(&facts)).await?;
    let questions = api::questions::answer(ctx, store, bus, facts).await?;
    let stopping = ctx.shutdown.clone();
    ctx.tasks.spawn("asked-routes", async move {
        stopping.soft().await;
        for question in questions {
            question.stop().await;
        }
        Ok(())
    });
    Ok(())
}

/// Remembers which guilds and people there are, and how much goes on there, until the process stops.
pub async fn remember(ctx: &Context, store: Store, bus: &Bus) -> anyhow::Result<()> {
    remember::start(ctx, store, bus).await
}

/// Sends events to the webhooks that want them, until the process stops.
pub async fn send_webhooks(ctx: &Context, store: Store, bus: &Bus) -> anyhow::Result<()> {
    webhooks::start(ctx, store, bus).await
}

/// Publishes over the bus what the store decided, until the process stops.
pub fn relay(ctx: &Context, store: Store, bus: Bus) {
    relay::start(ctx, store, bus);
}

/// The backend in a process of its own.
pub async fn run(ctx: Context) -> anyhow::Result<()> {
    // First, so that whoever looks sees what the rest waits for.
    let front = start(ctx.clone()).await?;
    let store = lockdown_store::open(&ctx).await?;
    let bus = lockdown_bus::open(&ctx, Source::Backend).await?;
    answer(&ctx, &bus).await?;
    let ranks = AskedRanks::new(bus.clone(), store.clone());
    let facts: Arc<dyn Facts> = Arc::new(ranks);
    decide(&ctx, store.clone(), &bus, Arc::clone(&facts)).await?;
    remember(&ctx, store.clone(), &bus).await?;
    send_webhooks(&ctx, store.clone(), &bus).await?;
    if let Some(token) = front.open(&ctx, store.clone(), bus.clone(), facts).await? {
        // For the person at the terminal, and never for the log.
        println!("{token}");
    }
    relay(&ctx, store, bus);
    Ok(())
}
