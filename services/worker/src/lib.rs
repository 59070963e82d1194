//! The background half: judging, ending, remembering, cleaning up.

mod archive;
mod dead;
mod digest;
mod expiry;
mod judging;
mod leader;
mod modes;
mod notify;
mod reconcile;
mod retention;

pub use reconcile::Pace;

use lockdown_bus::{Archive, Bus, FileArchive, Janitor, JanitorOptions};
use lockdown_moderation::StoreArchive;
use lockdown_moderation::desk::Facts;
use lockdown_runtime::Context;
use lockdown_store::Store;
use std::sync::Arc;

/// Starts the worker's tasks in `ctx`; they end when it stops.
pub async fn run(ctx: Context, store: Store, bus: Bus) -> anyhow::Result<()> {
    let component = ctx.health.component("worker", true);
    let store = StoreArchive::new(store);
    let archive: Arc<dyn Archive> = match &ctx.config.bus.archive_dir {
        None => Arc::new(store),
        Some(directory) => {
            let other = Arc::new(FileArchive::new(directory));
            Arc::new(archive::Both { store, other })
        }
    };
    let janitor = Janitor::new(
        Arc::clone(bus.engine()),
        bus.name().clone(),
        JanitorOptions::default(),
        ctx.clock.clone(),
    )
    .with_archive(archive);
    let stopping = ctx.shutdown.soft_token();
    ctx.tasks.spawn("janitor", async move {
        stopping.run_until_cancelled(janitor.keep_house()).await;
        Ok(())
    });
    component.up();
    Ok(())
}

/// Does what one worker does for all whenever this one leads, until the process stops: it keeps history, looks after dead
/// letters, removes from the store what is older than it is kept, and tells moderators what they want to be told, and
/// communities what went on.
pub fn lead(ctx: &Context, store: Store, bus: &Bus) {
    let (own, bus) = (ctx.clone(), bus.clone());
    leader::start(ctx, store.clone(), move || {
        let retention = retention::run(own.clone(), store.clone());
        let archive = archive::run(own.clone(), store.clone(), Arc::clone(bus.engine()));
        let dead = dead::run(own.clone(), store.clone(), bus.clone());
        let notify = notify::run(own.clone(), store.clone(), bus.clone());
        let digest = digest::run(own.clone(), store.clone(), bus.clone());
        async move {
            tokio::join!(retention, archive, dead, notify, digest);
        }
    });
}

/// Ends what was decided for a time, sanctions and modes of communities, until the process stops. `ranks` tells what the
/// bots may do where a platform refused an end before.
pub fn expire(ctx: &Context, store: Store, ranks: Arc<dyn Facts>) {
    modes::start(ctx, store.clone());
    expiry::start(ctx, store, ranks);
}

/// Compares what holds with what the platforms show, until the process stops.
pub async fn reconcile(ctx: &Context, store: Store, bus: &Bus, pace: Pace) -> anyhow::Result<()> {
    reconcile::start(ctx, store, bus, pace).await
}

/// Judges what is said and who comes by the rules of each community, until the process stops.
pub async fn judge(ctx: &Context, store: Store, bus: &Bus) -> anyhow::Result<()> {
    judging::start(ctx, store, bus).await
}
