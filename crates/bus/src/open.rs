//! The bus that the configuration names: Redis where there is a `REDIS_URL`, else a log in the data directory.

use crate::backoff::Backoff;
use crate::bus::{Bus, BusOptions, StartError};
use crate::embedded::{EmbeddedEngine, OpenError, Options};
use crate::engine::Engine;
use crate::health;
use crate::live::SubscribeError;
use crate::redis::{ConnectError, Intake, RedisEngine, RedisOptions};
use crate::spool::SpoolOptions;
use lockdown_events::{PresenceKind, Source};
use lockdown_runtime::health::Component;
use lockdown_runtime::{Context, SecretUrl, chain};
use std::sync::Arc;
use std::time::Duration;

/// What running handlers get when the process stops: less than the process itself gets.
const GRACE: Duration = Duration::from_secs(2);
/// How often it is tried to say that this process is there.
const AGAIN: Duration = Duration::from_secs(2);
const BACKOFF: Backoff = Backoff {
    first: Duration::from_millis(250),
    cap: Duration::from_secs(5),
};
/// Processes of one service that may share a data directory.
const SPOOLS: u32 = 16;

/// Why there is no bus.
#[derive(Debug, thiserror::Error)]
pub enum OpenBusError {
    #[error("could not open the event log")]
    Log(#[source] OpenError),
    #[error("could not use the Redis that REDIS_URL names")]
    Redis(#[source] ConnectError),
    #[error("could not start the bus")]
    Start(#[source] StartError),
    #[error("could not listen to what other programs publish")]
    Intake(#[source] SubscribeError),
    #[error("the process was stopped while Redis could not be reached")]
    Stopped,
}

// === impl OpenBusError ===

impl OpenBusError {
    /// Whether another process has the event log open, so that there is nothing wrong with it.
    pub fn is_in_use(&self) -> bool {
        matches!(self, Self::Log(OpenError::InUse { .. }))
    }
}

/// Opens the bus for a process: as the component `bus` of its health, closed when it stops. Waits for a Redis that
/// cannot be reached yet, and says so meanwhile.
pub async fn open(ctx: &Context, source: Source) -> Result<Bus, OpenBusError> {
    let component = ctx.health.component("bus", true);
    let options = BusOptions::new(source);
    let bus = match &ctx.config.bus.url {
        None => {
            let engine = Arc::new(open_log(ctx).await?);
            start(ctx, engine, options).await.map_err(OpenBusError::Start)?
        }
        Some(url) => {
            let engine = Arc::new(connect(ctx, url, &component).await?);
            let bus = start_with_spool(ctx, &engine, options).await?;
            let intake = Intake::start(engine, bus.live(), bus.name().clone())
                .await
                .map_err(OpenBusError::Intake)?;
            let stopping = ctx.shutdown.clone();
            ctx.tasks.spawn("intake", async move {
                stopping.soft().await;
                intake.stop().await;
                Ok(())
            });
            bus
        }
    };
    component.up();
    let (surroundings, kept) = (ctx.clone(), bus.clone());
    ctx.tasks.spawn("bus", async move {
        keep(&surroundings, &kept, component).await;
        Ok(())
    });
    Ok(bus)
}

/// Opens the engine for a command, which does not wait: what cannot be reached is said at once. Whoever opened it closes
/// it.
pub async fn open_once(ctx: &Context) -> Result<Arc<dyn Engine>, OpenBusError> {
    match &ctx.config.bus.url {
        None => Ok(Arc::new(open_log(ctx).await?)),
        Some(url) => {
            let engine = RedisEngine::connect(url, RedisOptions::default(), &ctx.clock).await;
            Ok(Arc::new(engine.map_err(OpenBusError::Redis)?))
        }
    }
}

async fn open_log(ctx: &Context) -> Result<EmbeddedEngine, OpenBusError> {
    let (path, clock) = (ctx.config.data_dir.join("events.db"), ctx.clock.clone());
    tokio::task::spawn_blocking(move || EmbeddedEngine::open(&path, &Options::default(), clock))
        .await
        .unwrap_or_else(|broken| Err(OpenError::Broken(broken)))
        .map_err(OpenBusError::Log)
}

/// Connects, as often as it takes; what no waiting mends is an error.
async fn connect(ctx: &Context, url: &SecretUrl, component: &Component) -> Result<RedisEngine, OpenBusError> {
    let mut failures = 0;
    loop {
        match RedisEngine::connect(url, RedisOptions::default(), &ctx.clock).await {
            Ok(engine) => return Ok(engine),
            Err(error) if error.is_for_good() => return Err(OpenBusError::Redis(error)),
            Err(error) => {
                failures += 1;
                component.down(format!(
                    "{}; it is tried again until it works: is Redis running, and REDIS_URL right?",
                    chain(&error)
                ));
                tokio::select! {
                    () = ctx.clock.sleep(BACKOFF.pause(failures)) => {}
                    () = ctx.shutdown.soft() => return Err(OpenBusError::Stopped),
                }
            }
        }
    }
}

/// Starts the bus with the first journal that no other process has. One that another left behind is emptied by the way.
async fn start_with_spool(
    ctx: &Context,
    engine: &Arc<RedisEngine>,
    options: BusOptions,
) -> Result<Bus, OpenBusError> {
    let mut number = 1;
    loop {
        let name = format!(
            "spool-{}-{number}.db",
            options.source.to_string().replace(':', "-")
        );
        let spool = (ctx.config.data_dir.join(name), SpoolOptions::default());
        let options = BusOptions {
            spool: Some(spool),
            ..options.clone()
        };
        let engine: Arc<dyn Engine> = engine.clone();
        match start(ctx, engine, options).await {
            Err(StartError::Spool(OpenError::InUse { .. })) if number < SPOOLS => number += 1,
            started => return started.map_err(OpenBusError::Start),
        }
    }
}

async fn start(ctx: &Context, engine: Arc<dyn Engine>, options: BusOptions) -> Result<Bus, StartError> {
    Bus::start(engine, options, ctx.clock.clone(), ctx.ids.clone()).await
}

/// Says how the bus is, and that this process is there, until the process stops; then closes it.
async fn keep(ctx: &Context, bus: &Bus, component: Component) {
    let well = health::watch(Arc::clone(bus.engine()), component);
    let mut online = None;
    let there = async {
        while online.is_none() {
            let version = Some(format!("{} {}", ctx.name(), ctx.version()));
            let id = bus.name().as_str();
            online = bus
                .presence()
                .online(PresenceKind::Service, id, version)
                .await
                .ok();
            ctx.clock.sleep(AGAIN).await;
        }
    };
    tokio::select! {
        _ = async { tokio::join!(well, there) } => {}
        () = ctx.shutdown.soft() => {}
    }
    if let Some(online) = online
        && let Err(error) = online.leave().await
    {
        tracing::debug!("Could not say goodbye: {}", chain(&error));
    }
    bus.close(GRACE).await;
    bus.engine().close().await;
}
