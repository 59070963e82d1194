//! The plain way of an event, and of one that fails.

use super::*;
use lockdown_bus::{DeadFilter, DeadReason, EngineError, Start};
use lockdown_testkit::servers::{self, Fsync, redis_private, redis_private_with};

#[tokio::test(flavor = "multi_thread")]
async fn events_are_appended_read_and_settled_in_order() {
    let server = redis_private();
    goes_the_plain_way(engine(&server.url()).await).await;
}

/// Here the crate connects and reads replies by itself.
#[tokio::test(flavor = "multi_thread")]
async fn the_same_over_a_socket_of_the_system() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("redis.sock").display().to_string();
    let mut options = servers::RedisOptions::append_only(Fsync::Always);
    options.settings.push(("unixsocket".into(), socket.clone()));
    let server = redis_private_with(options);
    let engine = engine(&format!("redis+unix://{socket}")).await;
    // A script that the server forgot is told again.
    server.command(&["SCRIPT", "FLUSH"]).unwrap();
    goes_the_plain_way(engine).await;
}

async fn goes_the_plain_way(engine: RedisEngine) {
    let (group, me) = (readers(), consumer("a"));
    engine.open_group(&group, &Start::Oldest).await.unwrap();
    let batch = bans(300);
    let ids = append(&engine, &batch).await;
    assert!(ids.is_sorted());

    let found = read_all(&engine, &group, &me, 300).await;
    assert_eq!(contents(&found), envelopes(&batch));
    assert!(
        found
            .iter()
            .all(|delivery| delivery.channel == "ban:created" && delivery.deliveries == 1)
    );
    assert!(
        acknowledge(&engine, &group, &me, &found)
            .await
            .iter()
            .all(|ours| *ours)
    );
    // A second time there is nothing to settle.
    assert!(
        acknowledge(&engine, &group, &me, &found)
            .await
            .iter()
            .all(|ours| !ours)
    );
    assert!(engine.read(&group, &me, 10, SHORT).await.unwrap().is_empty());

    let stored = engine.range(stream(), ids[9], ids[19], 100).await.unwrap();
    let places: Vec<EntryId> = stored.iter().map(|entry| entry.position.id).collect();
    assert_eq!(places, ids[10..=19]);
    assert_eq!(engine.last(stream()).await.unwrap(), ids[299]);
    assert!(
        engine
            .range(stream(), EntryId::MAX, EntryId::MAX, 1)
            .await
            .unwrap()
            .is_empty()
    );
    engine.ping().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_brings_no_more_than_asked_for_and_loses_nothing() {
    let server = redis_private();
    let engine = engine(&server.url()).await;
    let (group, me) = (group("all", &Class::ALL), consumer("a"));
    engine.open_group(&group, &Start::Oldest).await.unwrap();
    let mut batch = Vec::new();
    for community in 0..40 {
        for channel in ["message:created", "ban:created", "user:joined"] {
            batch.extend((0..5).map(|number| event(channel, community, &number.to_string())));
        }
    }
    append(&engine, &batch).await;
    let mut found = Vec::new();
    for max in [1, 2, 3, 31, 32, 33, 100].into_iter().cycle() {
        let more = engine.read(&group, &me, max, SHORT).await.unwrap();
        assert!(more.len() <= max);
        if more.is_empty() {
            break;
        }
        found.extend(more);
    }
    let mut left = contents(&found);
    left.sort();
    let mut all = envelopes(&batch);
    all.sort();
    assert_eq!(left, all);
    for stream in Stream::all() {
        let of_stream: Vec<_> = found
            .iter()
            .filter(|delivery| delivery.entry.stream == stream)
            .collect();
        assert!(
            of_stream.is_sorted_by_key(|delivery| delivery.entry.id),
            "{stream}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn once_is_once() {
    let server = redis_private();
    let engine = engine(&server.url()).await;
    let mut batch = bans(3);
    for event in &mut batch {
        event.once = true;
    }
    let first = engine.append(&batch).await.unwrap();
    let again = engine.append(&batch).await.unwrap();
    for (first, again) in first.iter().zip(&again) {
        let (first, again) = (first.as_ref().unwrap(), again.as_ref().unwrap());
        assert!(!first.already && again.already);
        assert_eq!(first.position, again.position);
    }
    let stored = engine
        .range(stream(), EntryId::ZERO, EntryId::MAX, 10)
        .await
        .unwrap();
    assert_eq!(stored.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_event_does_not_hold_up_its_neighbours() {
    let server = redis_private();
    let engine = engine(&server.url()).await;
    let spoiled = Stream::of("message:created", &community(1));
    server
        .command(&["SET", &format!("lockdown:{{{spoiled}}}:ev"), "no stream"])
        .unwrap();
    let batch = [
        event("ban:created", 1, "a"),
        event("message:created", 1, "b"),
        event("ban:created", 1, "c"),
    ];
    let results = engine.append(&batch).await.unwrap();
    assert!(results[0].is_ok() && results[2].is_ok());
    assert!(
        matches!(results[1], Err(EngineError::Refused(_))),
        "{:?}",
        results[1]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_recorded_and_ends_among_the_dead() {
    let server = redis_private();
    let engine = engine(&server.url()).await;
    let (group, me, other) = (readers(), consumer("a"), consumer("b"));
    engine.open_group(&group, &Start::Oldest).await.unwrap();
    append(&engine, &bans(1)).await;
    let held = read_all(&engine, &group, &me, 1).await;
    for second in [1, 2, 2] {
        let retry = Settlement::Retry {
            failure: failure("it broke\nbadly", second),
            due: time(second + 10),
        };
        assert_eq!(settle(&engine, &group, &me, &held, retry).await, [true]);
    }
    let taken = engine
        .take_over(&group, &other, Duration::ZERO, 10)
        .await
        .unwrap();
    let record = taken[0].retry.clone().unwrap();
    // The last one was told twice.
    assert_eq!(
        (record.attempts, record.first_failure, record.last_failure),
        (2, time(1), time(2))
    );
    assert_eq!((record.due, record.error.as_str()), (time(12), "it broke\nbadly"));
    assert_eq!((taken[0].deliveries, &taken[0].envelope), (2, &held[0].envelope));

    // The former holder changes nothing any more.
    let dead = |error: &str| Settlement::Dead {
        failure: failure(error, 3),
        reason: DeadReason::Exhausted,
    };
    let retry = Settlement::Retry {
        failure: failure("late", 9),
        due: time(99),
    };
    for late in [dead("late"), retry, Settlement::Renew, Settlement::Release] {
        assert_eq!(settle(&engine, &group, &me, &held, late).await, [false]);
    }
    assert!(
        engine
            .dead_letters(&DeadFilter::default(), None, 10)
            .await
            .unwrap()
            .is_empty()
    );

    assert_eq!(
        settle(&engine, &group, &other, &taken, dead(&"é".repeat(2000))).await,
        [true]
    );
    let letters = engine
        .dead_letters(&DeadFilter::default(), None, 10)
        .await
        .unwrap();
    let letter = &letters[0];
    assert_eq!(
        (letter.attempts, letter.first_failure, letter.last_failure),
        (3, time(1), time(3))
    );
    assert_eq!(
        (letter.entry, &letter.envelope),
        (taken[0].entry, &taken[0].envelope)
    );
    assert_eq!(
        (&letter.group, &letter.consumer, letter.reason),
        (&group.name, &other, DeadReason::Exhausted)
    );
    assert_eq!(letter.error.len(), 2048);
    assert!(
        engine
            .take_over(&group, &me, Duration::ZERO, 10)
            .await
            .unwrap()
            .is_empty()
    );

    // Replayed once, however often it is asked for.
    assert!(engine.replay_dead(&letter.id).await.unwrap());
    assert!(!engine.replay_dead(&letter.id).await.unwrap());
    let replayed = read_all(&engine, &group, &me, 1).await;
    assert!(replayed[0].inbox && replayed[0].retry.is_none());
    assert_eq!(replayed[0].envelope, taken[0].envelope);
    assert_eq!(acknowledge(&engine, &group, &me, &replayed).await, [true]);
    assert!(engine.read(&group, &me, 10, SHORT).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_of_other_publishers_come_as_events_or_as_what_they_are() {
    let server = redis_private();
    let engine = engine(&server.url()).await;
    let (group, me) = (readers(), consumer("a"));
    engine.open_group(&group, &Start::Oldest).await.unwrap();
    let key = format!("lockdown:{{{}}}:ev", stream());
    let add = |fields: &[&str]| server.command(&[&["XADD", &key, "*"], fields].concat()).unwrap();
    add(&[
        "type",
        "MODERATION_ACTION",
        "payload",
        "{\"userId\":\"7\"}",
        "timestamp",
        "1763629560123",
        "source",
        "bot",
    ]);
    add(&[
        "event",
        "{\"type\":\"ban:created\",\"payload\":{},\"timestamp\":1763629560123,\"source\":\"x\"}",
    ]);
    add(&["colour", "red"]);
    append(&engine, &bans(1)).await;
    let found = read_all(&engine, &group, &me, 4).await;
    let channels: Vec<&str> = found.iter().map(|delivery| delivery.channel.as_str()).collect();
    assert_eq!(channels, ["moderation:action", "ban:created", "", "ban:created"]);
    let first = lockdown_events::Envelope::decode(&found[0].envelope).unwrap();
    assert_eq!(first.data().get(), "{\"userId\":\"7\"}");
    assert_eq!(&*found[2].envelope, "{\"colour\":\"red\"}");
    // What is no event can be put aside like any other.
    let dead = Settlement::Dead {
        failure: failure("no event", 1),
        reason: DeadReason::Undecodable,
    };
    assert_eq!(settle(&engine, &group, &me, &found[2..3], dead).await, [true]);
    let letters = engine
        .dead_letters(&DeadFilter::default(), None, 10)
        .await
        .unwrap();
    assert_eq!(&*letters[0].envelope, "{\"colour\":\"red\"}");
}

#[tokio::test(flavor = "multi_thread")]
async fn removing_a_consumer_that_comes_back_at_that_moment_loses_nothing() {
    let server = redis_private();
    let engine = engine(&server.url()).await;
    let (group, me, other) = (readers(), consumer("a"), consumer("b"));
    engine.open_group(&group, &Start::Oldest).await.unwrap();
    let batch = bans(1000);
    for event in &batch {
        append(&engine, std::slice::from_ref(event)).await;
        let (read, removed) = tokio::join!(
            engine.read(&group, &me, 1, Duration::ZERO),
            engine.remove_consumer(&group, &me),
        );
        let held = read.unwrap();
        removed.unwrap();
        // Whatever came first: what was read is pending, and so it can be settled or taken over.
        for delivery in held {
            let taken = engine
                .take_over(&group, &other, Duration::ZERO, 10)
                .await
                .unwrap();
            assert_eq!(taken[0].entry, delivery.entry);
            acknowledge(&engine, &group, &other, &taken).await;
        }
    }
    let stored = engine
        .range(stream(), EntryId::ZERO, EntryId::MAX, 2000)
        .await
        .unwrap();
    assert_eq!(stored.len(), batch.len());
    assert!(engine.read(&group, &other, 1000, SHORT).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_prefixes_on_one_server_are_two_logs() {
    let server = redis_private();
    let here = engine(&server.url()).await;
    let options = RedisOptions {
        prefix: "other".into(),
        ..RedisOptions::default()
    };
    let there = engine_with(&server.url(), options).await;
    append(&here, &bans(1)).await;
    assert_eq!(there.last(stream()).await.unwrap(), EntryId::ZERO);
    let wrong = RedisOptions {
        prefix: "no{tag}".into(),
        ..RedisOptions::default()
    };
    let refused = RedisEngine::connect(&url(&server.url()), wrong, &Clock::system()).await;
    assert!(refused.is_err());
}
