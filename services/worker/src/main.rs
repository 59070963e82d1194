use lockdown_events::Source;
use lockdown_moderation::hands::AskedRanks;
use lockdown_runtime::lifecycle::{self, Http};
use std::process::ExitCode;
use std::sync::Arc;

fn main() -> ExitCode {
    lifecycle::alone(
        "worker",
        env!("CARGO_PKG_VERSION"),
        &["REDIS_URL", "DATABASE_URL"],
        Http::Ops,
        |ctx| async move {
            let bus = lockdown_bus::open(&ctx, Source::Worker).await?;
            let store = lockdown_store::open(&ctx).await?;
            lockdown_worker::lead(&ctx, store.clone(), &bus);
            let ranks = Arc::new(AskedRanks::new(bus.clone(), store.clone()));
            lockdown_worker::expire(&ctx, store.clone(), ranks);
            lockdown_worker::judge(&ctx, store.clone(), &bus).await?;
            lockdown_worker::reconcile(&ctx, store.clone(), &bus, lockdown_worker::Pace::default()).await?;
            lockdown_worker::run(ctx, store, bus).await
        },
    )
}
