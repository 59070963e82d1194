//! A process that begins while the server is away.

use super::{LIMIT, engine};
use lockdown_bus::{Bus, BusOptions};
use lockdown_events::Source;
use lockdown_runtime::{Clock, Ids};
use lockdown_testkit::servers::redis_private;
use std::sync::Arc;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_kept_is_read_when_the_server_is_back() {
    let mut server = redis_private();
    let clock = Clock::system();
    let ids = Ids::system(clock.clone());
    let log = Arc::new(engine(&server.url()).await);
    let bus = Bus::start(log, BusOptions::new(Source::DiscordBot), clock, ids);
    let bus = bus.await.unwrap();
    let posted = bus.engine().post("kept", "a lock", "{}", LIMIT).await;
    assert!(posted.unwrap());
    server.command(&["SAVE"]).unwrap();
    server.kill9().unwrap();
    let reading = tokio::spawn({
        let bus = bus.clone();
        async move { bus.board("kept", 10).await }
    });
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!reading.is_finished());
    server.restart().unwrap();
    let kept = tokio::time::timeout(LIMIT, reading)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert_eq!(
        kept.iter().map(|kept| &*kept.item).collect::<Vec<_>>(),
        ["a lock"]
    );
}
