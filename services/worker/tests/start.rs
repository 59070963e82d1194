//! What holds as soon as the worker has started.

use lockdown_bus::{Bus, BusOptions, EmbeddedEngine, Options};
use lockdown_events::Source;
use lockdown_runtime::{Clock, Config, Context, Ids, Metrics};
use std::sync::Arc;

/// On this runtime no task begins before the test waits, so `run` itself must have made it ready.
#[tokio::test]
async fn it_is_ready_when_its_start_returns() {
    let (clock, _) = Clock::mock("2026-11-20T09:06:00Z".parse().unwrap());
    let config = Config::from_map::<&str, &str>([]).unwrap();
    let ctx = Context::new(
        "worker",
        "1.2.3",
        config,
        clock.clone(),
        Ids::seeded(clock, 1),
        Metrics::local(),
    );
    let data = tempfile::tempdir().unwrap();
    let options = Options::default();
    let engine = EmbeddedEngine::open(&data.path().join("events.db"), &options, ctx.clock.clone()).unwrap();
    let options = BusOptions::new(Source::Worker);
    let bus = Bus::start(Arc::new(engine), options, ctx.clock.clone(), ctx.ids.clone())
        .await
        .unwrap();
    lockdown_worker::run(ctx.clone(), bus).await.unwrap();
    assert!(ctx.health.ready(), "{:?}", ctx.health.report());
    ctx.shutdown.request("test");
    ctx.tasks.all_ended().await;
}
