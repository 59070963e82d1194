//! The end of a handle.

use super::*;
use lockdown_bus::{DeadFilter, DeadId, EngineError, LiveError};

fn closed<T: std::fmt::Debug>(result: &Result<T, EngineError>) {
    assert!(matches!(result, Err(EngineError::Closed)), "{result:?}");
}

pub(crate) async fn close_is_final_and_harmless_twice(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let group = open(&engine, "test.reader").await;
    append(&engine, &events(1)).await;
    let me = consumer("me");
    let held = take(&engine, &group, &me, 1).await;
    let live = engine.live().await.unwrap();
    live.subscribe(&globs(&["*"])).await.unwrap();
    engine.close().await;
    engine.close().await;

    closed(&engine.append(&events(1)).await);
    closed(&engine.say("presence", "x").await);
    closed(&engine.open_group(&group, &Start::Now).await);
    closed(&engine.read(&group, &me, 1, LIMIT).await);
    closed(&engine.take_over(&group, &me, Duration::ZERO, 1).await);
    closed(
        &engine
            .settle(&group, &me, &[(held[0].clone(), Settlement::Ack)])
            .await,
    );
    closed(&engine.remove_consumer(&group, &me).await);
    closed(&engine.range(stream(), EntryId::ZERO, EntryId::MAX, 1).await);
    closed(&engine.place_at(stream(), fixture.now()).await);
    closed(&engine.last(stream()).await);
    closed(&engine.dead_letters(&DeadFilter::default(), None, 1).await);
    closed(&engine.replay_dead(&DeadId("1".into())).await);
    closed(&engine.drop_dead(&DeadId("1".into())).await);
    closed(&engine.replay(&group, &[]).await);
    closed(&engine.trim(stream(), fixture.now(), 0).await);
    closed(&engine.live().await.map(|_| ()));
    closed(&engine.ping().await);
    let heard = tokio::time::timeout(LIMIT, live.next())
        .await
        .expect("no waiting on a closed bus");
    assert!(matches!(heard, Err(LiveError::Closed)), "{heard:?}");

    // What it wrote is there for the next.
    fixture.restart().await;
    let engine = fixture.engine().await;
    assert_eq!(history(&engine, stream(), 10).await.len(), 1);
    engine.ping().await.unwrap();
}

pub(crate) async fn close_ends_a_waiting_reader(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let group = open(&engine, "test.reader").await;
    let reader = {
        let engine = Arc::clone(&engine);
        tokio::spawn(async move { engine.read(&group, &consumer("me"), 1, LIMIT * 10).await })
    };
    tokio::time::sleep(QUIET).await;
    engine.close().await;
    let read = tokio::time::timeout(LIMIT, reader)
        .await
        .expect("not until its wait is over");
    closed(&read.unwrap());
}

pub(crate) async fn closing_one_handle_leaves_the_others(fixture: &impl Fixture) {
    let (engine, other) = (fixture.engine().await, fixture.engine().await);
    let group = open(&engine, "test.reader").await;
    let live = other.live().await.unwrap();
    live.subscribe(&globs(&["*"])).await.unwrap();
    engine.close().await;
    drop(engine);
    let all = events(3);
    append(&other, &all).await;
    let held = take(&other, &group, &consumer("me"), 3).await;
    assert_eq!(contents(&held), envelopes(&all));
    tokio::time::timeout(LIMIT, live.next())
        .await
        .expect("heard")
        .unwrap();
}

pub(crate) async fn many_close_at_once_under_load(fixture: &impl Fixture) {
    let watcher = fixture.engine().await;
    let engine = fixture.engine().await;
    let mut publishers = tokio::task::JoinSet::new();
    for publisher in 0..4 {
        let engine = Arc::clone(&engine);
        publishers.spawn(async move {
            let mut accepted = Vec::new();
            for n in 0..100_000 {
                let one = event(TYPE, 1, &format!("{publisher}/{n}"));
                match engine.append(std::slice::from_ref(&one)).await {
                    Ok(results) => {
                        assert!(results.iter().all(Result::is_ok));
                        accepted.push(one.envelope);
                    }
                    Err(EngineError::Closed | EngineError::Away(_)) => break,
                    Err(error) => panic!("{error}"),
                }
            }
            accepted
        });
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    let mut closers = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let engine = Arc::clone(&engine);
        closers.spawn(async move { engine.close().await });
    }
    tokio::time::timeout(LIMIT, closers.join_all())
        .await
        .expect("no deadlock");
    let accepted = tokio::time::timeout(LIMIT, publishers.join_all())
        .await
        .expect("all have heard of it");
    let stored = history(&watcher, stream(), 5000).await;
    let stored: std::collections::BTreeSet<_> = stored.iter().map(|stored| &stored.envelope).collect();
    for envelope in accepted.iter().flatten() {
        assert!(stored.contains(envelope), "an accepted event is lost");
    }
}
