//! What holds as soon as the worker has started.

use chrono::TimeDelta;
use lockdown_bus::{Bus, BusOptions, EmbeddedEngine, Options};
use lockdown_events::{EventId, Source};
use lockdown_runtime::{Clock, Config, Context, Ids, Metrics};
use lockdown_store::{in_read, in_tx};
use std::sync::Arc;
use std::time::Duration;

/// On this runtime no task begins before the test waits, so `run` itself must have made it ready.
#[tokio::test]
async fn it_is_ready_when_its_start_returns() {
    let (clock, _) = Clock::mock("2026-11-20T09:06:00Z".parse().unwrap());
    let data = tempfile::tempdir().unwrap();
    let config = Config::from_map([("LOCKDOWN_DATA_DIR", data.path())]).unwrap();
    let ctx = Context::new(
        "worker",
        "1.2.3",
        config,
        clock.clone(),
        Ids::seeded(clock, 1),
        Metrics::local(),
    );
    let store = lockdown_store::open(&ctx).await.unwrap();
    let options = Options::default();
    let engine = EmbeddedEngine::open(&data.path().join("events.db"), &options, ctx.clock.clone()).unwrap();
    let options = BusOptions::new(Source::Worker);
    let bus = Bus::start(Arc::new(engine), options, ctx.clock.clone(), ctx.ids.clone())
        .await
        .unwrap();
    lockdown_worker::run(ctx.clone(), store, bus).await.unwrap();
    assert!(ctx.health.ready(), "{:?}", ctx.health.report());
    ctx.shutdown.request("test");
    ctx.tasks.all_ended().await;
}

/// When it leads, and again every hour.
#[tokio::test]
async fn what_is_old_is_removed_again_and_again() {
    let (clock, time) = Clock::mock("2026-11-20T09:06:00Z".parse().unwrap());
    let data = tempfile::tempdir().unwrap();
    let config = Config::from_map([("LOCKDOWN_DATA_DIR", data.path())]).unwrap();
    let ctx = Context::new(
        "worker",
        "1.2.3",
        config,
        clock.clone(),
        Ids::seeded(clock.clone(), 1),
        Metrics::local(),
    );
    let store = lockdown_store::open(&ctx).await.unwrap();
    let (first, second) = (EventId(ctx.ids.next()), EventId(ctx.ids.next()));
    let process = async |event| {
        let long_ago = clock.now() - TimeDelta::days(63);
        in_tx!(store, |tx| { tx.process_once("rules", event, long_ago).await }).unwrap();
    };
    let gone = async |event| {
        while in_read!(store, |conn| { conn.is_processed("rules", event).await }).unwrap() {
            tokio::task::yield_now().await;
        }
    };
    process(first).await;
    let bus = lockdown_bus::open(&ctx, Source::Worker).await.unwrap();
    lockdown_worker::lead(&ctx, store.clone(), &bus);
    gone(first).await;
    process(second).await;
    while in_read!(store, |conn| { conn.is_processed("rules", second).await }).unwrap() {
        time.advance(TimeDelta::hours(1));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    bus.close(Duration::from_secs(5)).await;
    ctx.shutdown.request("test");
    ctx.tasks.all_ended().await;
}
