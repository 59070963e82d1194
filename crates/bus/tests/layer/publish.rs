//! The publisher: batches, order, faults, room.

use super::bench::{Faulty, SAFETY, left, told, until};
use crate::conformance::Fixture;
use lockdown_bus::{Backoff, Engine, Frame, PublishError, Published, Publisher, PublisherOptions};
use lockdown_events::{Envelope, EventId};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

pub(super) fn quick() -> PublisherOptions {
    let backoff = Backoff {
        first: Duration::from_millis(1),
        cap: Duration::from_millis(5),
    };
    PublisherOptions {
        backoff,
        attempts: 5,
        ..PublisherOptions::default()
    }
}

/// Publishes numbers 0 to `count` for each guild without waiting between, as one caller would.
pub(super) async fn flood(publisher: &Publisher, guilds: u32, count: u32) {
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..count {
        for guild in 0..guilds {
            let (envelope, key) = left(guild, number);
            let publisher = publisher.clone();
            calls.spawn(async move { publisher.publish(&envelope, key, false).await.unwrap() });
            // The call has taken its place in the queue before the next one does.
            tokio::task::yield_now().await;
        }
    }
    while let Some(done) = calls.join_next().await {
        done.unwrap();
    }
}

pub(super) async fn order(log: &Faulty, guild: u32) -> Vec<u32> {
    let events = log.stored().await;
    let events = events
        .iter()
        .map(|stored| told(&Envelope::decode(&stored.envelope).unwrap().event().unwrap()));
    events
        .filter(|(of, _)| *of == guild)
        .map(|(_, number)| number)
        .collect()
}

pub(crate) async fn what_queues_meanwhile_goes_out_together_and_in_order(fixture: &impl Fixture) {
    let log = Faulty::over(fixture).await;
    log.gate.forget_permits(usize::MAX >> 3);
    let publisher = Publisher::start(log.clone(), quick());
    let flooding = {
        let publisher = publisher.clone();
        tokio::spawn(async move { flood(&publisher, 7, 300).await })
    };
    until("all of them wait", || async { publisher.queued() == 2100 }).await;
    log.gate.add_permits(1000);
    flooding.await.unwrap();
    for guild in 0..7 {
        assert_eq!(order(&log, guild).await, (0..300).collect::<Vec<u32>>());
    }
    let batches = log.batches.lock().await;
    assert_eq!(batches.iter().sum::<usize>(), 2100);
    // At most four calls began with the first events; the rest fits nine full batches, or one a stream more.
    assert!(batches.len() < 30, "{} calls for 2,100 events", batches.len());
    assert!(batches.iter().all(|size| *size <= 256), "{batches:?}");
}

pub(crate) async fn calls_keep_their_pace_and_a_lone_event_goes_at_once(fixture: &impl Fixture) {
    let log = Faulty::over(fixture).await;
    let options = PublisherOptions {
        pace: Duration::from_secs(3_600),
        ..quick()
    };
    let publisher = Publisher::start(log.clone(), options);
    flood(&publisher, 1, 1).await;
    let flooding = {
        let publisher = publisher.clone();
        tokio::spawn(async move { flood(&publisher, 2, 10).await })
    };
    until("all of them wait", || async { publisher.queued() == 20 }).await;
    assert_eq!(*log.batches.lock().await, [1]);
    // Nobody waits an hour for the end.
    publisher.close().await;
    flooding.await.unwrap();
    assert_eq!(*log.batches.lock().await, [1, 20]);
}

pub(crate) async fn order_survives_batches_that_fail(fixture: &impl Fixture) {
    let log = Faulty::over(fixture).await;
    // One batch may meet all of the faults.
    let publisher = Publisher::start(
        log.clone(),
        PublisherOptions {
            attempts: 100,
            ..quick()
        },
    );
    let faults = Arc::clone(&log);
    let saboteur = tokio::spawn(async move {
        for _ in 0..40 {
            faults.fail_before.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    flood(&publisher, 5, 200).await;
    saboteur.await.unwrap();
    for guild in 0..5 {
        assert_eq!(order(&log, guild).await, (0..200).collect::<Vec<u32>>());
    }
}

pub(crate) async fn an_answer_that_was_lost_makes_no_second_entry_of_an_event_published_once(
    fixture: &impl Fixture,
) {
    let log = Faulty::over(fixture).await;
    let publisher = Publisher::start(log.clone(), quick());
    log.fail_after.store(2, Ordering::SeqCst);
    let (envelope, key) = left(1, 1);
    let published = publisher.publish(&envelope, key, true).await.unwrap();
    assert!(
        matches!(published, Published::Appended(appended) if appended.already),
        "the last try found what the first had written: {published:?}"
    );
    assert_eq!(log.stored().await.len(), 1);
}

pub(crate) async fn a_log_that_stays_away_is_told_and_what_comes_later_goes_on(fixture: &impl Fixture) {
    let log = Faulty::over(fixture).await;
    let publisher = Publisher::start(log.clone(), quick());
    log.fail_before.store(5, Ordering::SeqCst);
    let (envelope, key) = left(1, 1);
    let error = publisher.publish(&envelope, key, false).await.unwrap_err();
    assert!(
        matches!(error, PublishError::Away { attempts: 5, .. }),
        "{error:?}"
    );
    let (envelope, key) = left(1, 2);
    publisher.publish(&envelope, key, false).await.unwrap();
    assert_eq!(order(&log, 1).await, [2]);
}

pub(crate) async fn a_full_queue_makes_callers_wait_and_says_full_to_those_who_will_not(
    fixture: &impl Fixture,
) {
    let log = Faulty::over(fixture).await;
    log.gate.forget_permits(usize::MAX >> 3);
    let options = PublisherOptions {
        queue_events: 10,
        ..quick()
    };
    let publisher = Publisher::start(log.clone(), options);
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..25 {
        let (publisher, (envelope, key)) = (publisher.clone(), left(1, number));
        calls.spawn(async move { publisher.publish(&envelope, key, false).await.unwrap() });
        tokio::task::yield_now().await;
    }
    until("the queue is full", || async { publisher.queued() == 10 }).await;
    let (envelope, key) = left(1, 99);
    assert!(matches!(
        publisher.try_publish(&envelope, key, false).await,
        Err(PublishError::Full)
    ));

    log.gate.add_permits(1000);
    while let Some(done) = calls.join_next().await {
        done.unwrap();
    }
    assert_eq!(order(&log, 1).await, (0..25).collect::<Vec<u32>>());
    assert_eq!(publisher.queued(), 0);
}

pub(crate) async fn the_queue_is_bounded_in_bytes_too(fixture: &impl Fixture) {
    let log = Faulty::over(fixture).await;
    log.gate.forget_permits(usize::MAX >> 3);
    let bytes = left(1, 10).0.encode().len();
    let options = PublisherOptions {
        queue_bytes: bytes * 10 + bytes / 2,
        ..quick()
    };
    let publisher = Publisher::start(log.clone(), options);
    let mut calls = tokio::task::JoinSet::new();
    for number in 10..60 {
        let (publisher, (envelope, key)) = (publisher.clone(), left(1, number));
        calls.spawn(async move { publisher.publish(&envelope, key, false).await.unwrap() });
        tokio::task::yield_now().await;
    }
    until("there is no more room", || async { publisher.queued() == 10 }).await;
    let (envelope, key) = left(1, 99);
    assert!(matches!(
        publisher.try_publish(&envelope, key, false).await,
        Err(PublishError::Full)
    ));
    // Those that wait for room have not been accepted: when their callers go, nothing is left of them.
    calls.shutdown().await;
    log.gate.add_permits(1000);
    publisher.close().await;
    assert_eq!(order(&log, 1).await, (10..20).collect::<Vec<u32>>());
}

pub(crate) async fn an_accepted_event_is_published_though_nobody_waits(fixture: &impl Fixture) {
    let log = Faulty::over(fixture).await;
    log.gate.forget_permits(usize::MAX >> 3);
    let publisher = Publisher::start(log.clone(), quick());
    let (envelope, key) = left(1, 1);
    let called = publisher.clone();
    let call = tokio::spawn(async move { called.publish(&envelope, key, false).await });
    until("it is in the queue", || async { publisher.queued() == 1 }).await;
    call.abort();
    log.gate.add_permits(10);
    publisher.close().await;
    assert_eq!(order(&log, 1).await, [1]);
}

pub(crate) async fn an_abandoned_event_is_published_whole_or_not_at_all(fixture: &impl Fixture) {
    const EVENTS: u32 = 300;
    let log = Faulty::over(fixture).await;
    let live = log.live().await.unwrap();
    live.subscribe(&["user:left".into()]).await.unwrap();
    let options = PublisherOptions {
        queue_events: 8,
        ..quick()
    };
    let publisher = Publisher::start(log.clone(), options);
    let mut calls = Vec::new();
    for number in 0..EVENTS {
        let (publisher, (envelope, key)) = (publisher.clone(), left(number % 5, number));
        calls.push(tokio::spawn(async move {
            publisher.publish(&envelope, key, false).await.unwrap();
        }));
        // Some have not begun by then, some wait for room or for their answer, some are through.
        for _ in 0..number % 4 {
            tokio::task::yield_now().await;
        }
        calls[(number - number % 3) as usize / 2].abort();
    }
    for call in calls {
        // Whether it was in time is not asked.
        let _ = call.await;
    }
    publisher.close().await;
    let stored: BTreeSet<EventId> = log
        .stored()
        .await
        .iter()
        .map(|stored| Envelope::decode(&stored.envelope).unwrap().event_id)
        .collect();
    assert!(stored.len() < EVENTS as usize, "none was abandoned");
    let mut said = BTreeSet::new();
    while said.len() < stored.len() {
        match tokio::time::timeout(SAFETY, live.next()).await.unwrap().unwrap() {
            Frame::Said { text, .. } => {
                assert!(
                    said.insert(Envelope::decode(&text).unwrap().event_id),
                    "said twice: {text}"
                );
            }
            Frame::Gap => panic!("a gap"),
        }
    }
    assert_eq!(said, stored);
    // Nothing more is said.
    log.say("user:left", "the end").await.unwrap();
    let last = tokio::time::timeout(SAFETY, live.next()).await.unwrap().unwrap();
    assert!(
        matches!(&last, Frame::Said { text, .. } if &**text == "the end"),
        "{last:?}"
    );
}

pub(crate) async fn closing_lets_out_what_was_accepted_and_takes_no_more(fixture: &impl Fixture) {
    let log = Faulty::over(fixture).await;
    let publisher = Publisher::start(log.clone(), quick());
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..500 {
        let (publisher, (envelope, key)) = (publisher.clone(), left(number % 9, number));
        calls.spawn(async move { publisher.publish(&envelope, key, false).await });
    }
    tokio::task::yield_now().await;
    // From several sides at once, and again.
    tokio::join!(publisher.close(), publisher.close());
    publisher.close().await;
    let mut published = 0;
    while let Some(done) = calls.join_next().await {
        match done.unwrap() {
            Ok(_) => published += 1,
            Err(error) => assert!(matches!(error, PublishError::Closed), "{error:?}"),
        }
    }
    assert_eq!(log.stored().await.len(), published);
    let (envelope, key) = left(1, 1);
    assert!(matches!(
        publisher.publish(&envelope, key, false).await,
        Err(PublishError::Closed)
    ));
}
