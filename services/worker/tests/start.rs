//! What holds as soon as the worker has started.

use lockdown_runtime::{Clock, Config, Context, Ids, Metrics};

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
    lockdown_worker::run(ctx.clone()).await.unwrap();
    assert!(ctx.health.ready(), "{:?}", ctx.health.report());
    ctx.shutdown.request("test");
    ctx.tasks.all_ended().await;
}
