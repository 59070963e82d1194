//! What happens to servers and connections.

use super::*;
use lockdown_bus::health;
use lockdown_bus::redis::{Connection, Warning};
use lockdown_bus::{
    Backoff, Consumer, ConsumerOptions, DeadReason, EngineError, Frame, Handler, Live, Publisher,
    PublisherOptions, Start,
};
use lockdown_events::Envelope;
use lockdown_runtime::health::Status;
use lockdown_runtime::{Health, Metrics};
use lockdown_testkit::servers::{
    Fsync, RedisOptions as Server, RedisServer, redis_private, redis_private_with,
};
use std::collections::{BTreeMap, BTreeSet};

async fn ready(engine: &RedisEngine) {
    eventually("the way back to Redis", async || engine.ping().await.ok()).await;
}

async fn said(live: &mut Box<dyn Live>) -> String {
    match tokio::time::timeout(LIMIT, live.next())
        .await
        .expect("something to hear")
        .unwrap()
    {
        Frame::Said { text, .. } => text.to_string(),
        Frame::Gap => "gap".to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_begins_while_the_server_is_away_waits_for_it() {
    let mut server = redis_private();
    let engine: Arc<dyn Engine> = Arc::new(engine(&server.url()).await);
    server.kill9().unwrap();
    let beginning = Arc::clone(&engine);
    let begun = tokio::spawn(async move {
        let handler = Handler::new("see", ["ban:created"], |_| async { Ok(()) });
        Consumer::start(
            beginning,
            readers().name,
            ConsumerName::new("one").unwrap(),
            &Start::Oldest,
            vec![handler],
            ConsumerOptions::default(),
            Clock::system(),
        )
        .await
    });
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert!(!begun.is_finished());
    server.restart().unwrap();
    let consumer = tokio::time::timeout(LIMIT, begun)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert!(engine.stats().await.unwrap().group(&readers().name).is_some());
    consumer.stop(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_by_kills_under_load() {
    killed_under_load(Fsync::Always).await;
}

/// With `everysec` Redis answers before it writes while an fsync is under way: what its kill loses then is put back.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_by_kills_before_it_was_written() {
    killed_under_load(Fsync::EverySecond).await;
}

/// Has the append-only file written anew. Redis 7.0 leaves the beginning of a transaction at its end that was being
/// written at the kill, and the start after the next one takes it for whole: what was tried again is there twice then.
async fn heal(server: &RedisServer) {
    server.command(&["BGREWRITEAOF"]).unwrap();
    let done = async || {
        let facts = server.command(&["INFO", "persistence"]).unwrap();
        ["aof_rewrite_in_progress:0", "aof_rewrite_scheduled:0"]
            .iter()
            .all(|fact| facts.contains(fact))
            .then_some(())
    };
    eventually("a whole append-only file", done).await;
}

async fn killed_under_load(fsync: Fsync) {
    let mut server = redis_private_with(Server::append_only(fsync));
    let engine = Arc::new(engine(&server.url()).await);
    let (group, me) = (readers(), consumer("a"));
    engine.open_group(&group, &Start::Oldest).await.unwrap();
    let stop = tokio_util::sync::CancellationToken::new();
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..8_u64 {
        let (engine, stop) = (Arc::clone(&engine), stop.clone());
        writers.spawn(async move {
            let (mut appended, mut tried) = (Vec::new(), Vec::new());
            for round in 0.. {
                if stop.is_cancelled() {
                    break;
                }
                let batch: Vec<Append> = (0..10)
                    .map(|number| {
                        let mut event = event("ban:created", writer, &format!("{round}/{number}"));
                        event.once = true;
                        event
                    })
                    .collect();
                tried.extend(envelopes(&batch).into_iter().map(str::to_owned));
                // As the layer above does: the same batch again until its outcome is known.
                loop {
                    match engine.append(&batch).await {
                        Ok(results) => {
                            assert!(results.iter().all(Result::is_ok), "{results:?}");
                            appended.extend(envelopes(&batch).into_iter().map(str::to_owned));
                            break;
                        }
                        Err(EngineError::Away(_)) if stop.is_cancelled() => break,
                        Err(EngineError::Away(_)) => tokio::time::sleep(Duration::from_millis(5)).await,
                        Err(failed) => panic!("{failed:?}"),
                    }
                }
            }
            (appended, tried)
        });
    }
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(300)).await;
        server.kill9().unwrap();
        server.restart().unwrap();
        ready(&engine).await;
        heal(&server).await;
    }
    stop.cancel();
    let (mut appended, mut tried) = (BTreeSet::new(), BTreeSet::new());
    for (more, more_tried) in writers.join_all().await {
        appended.extend(more);
        tried.extend(more_tried);
    }
    ready(&engine).await;
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for stream in Class::Moderation.streams() {
        for stored in engine
            .range(stream, EntryId::ZERO, EntryId::MAX, usize::MAX >> 1)
            .await
            .unwrap()
        {
            *times.entry(stored.envelope.to_string()).or_default() += 1;
        }
    }
    assert!(appended.len() > 100, "the load was no load: {}", appended.len());
    for (envelope, times) in &times {
        assert!(
            *times == 1 && tried.contains(envelope),
            "{envelope} is there {times} times"
        );
    }
    // The group gets them all, and each once.
    let found = read_all(&engine, &group, &me, times.len()).await;
    assert_eq!(found.len(), times.len());
    for envelope in &appended {
        assert!(times.contains_key(envelope), "{envelope} was acknowledged");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ping_passes_a_read_that_waits() {
    let server = redis_private();
    let engine = Arc::new(engine(&server.url()).await);
    let (group, me) = (readers(), consumer("a"));
    engine.open_group(&group, &Start::Oldest).await.unwrap();
    let reading = {
        let (engine, group) = (Arc::clone(&engine), group.clone());
        tokio::spawn(async move { engine.read(&group, &consumer("a"), 10, LIMIT).await })
    };
    let clients = async || {
        let blocked = server.command(&["INFO", "clients"]).unwrap();
        blocked.contains("blocked_clients:1").then_some(())
    };
    eventually("a waiting reader", clients).await;
    for _ in 0..100 {
        engine.ping().await.unwrap();
    }
    assert!(!reading.is_finished());
    append(&engine, &bans(1)).await;
    let found = tokio::time::timeout(LIMIT, reading)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert_eq!(acknowledge(&engine, &group, &me, &found).await, [true]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_server_says_so_and_writes_nothing() {
    let server = redis_private_with(Server {
        max_memory: Some(8 << 20),
        settings: vec![("maxmemory-policy".to_owned(), "noeviction".to_owned())],
        ..Server::default()
    });
    let engine = engine(&server.url()).await;
    let (group, me) = (readers(), consumer("a"));
    engine.open_group(&group, &Start::Oldest).await.unwrap();
    let filler = event("ban:created", 1, &"x".repeat(100_000));
    let mut written = 0;
    loop {
        let result = engine
            .append(std::slice::from_ref(&filler))
            .await
            .unwrap()
            .pop()
            .unwrap();
        match result {
            Ok(_) => written += 1,
            Err(EngineError::Full(_)) => break,
            Err(failed) => panic!("{failed:?}"),
        }
        assert!(written < 1000, "it never was full");
    }
    let stored = engine
        .range(stream(), EntryId::ZERO, EntryId::MAX, 1000)
        .await
        .unwrap();
    assert_eq!(stored.len(), written);
    // What is there can be read and settled, which makes room.
    let found = read_all(&engine, &group, &me, 1).await;
    let dead = Settlement::Dead {
        failure: failure("no", 1),
        reason: DeadReason::Permanent,
    };
    let settled = engine.settle(&group, &me, &[(found[0].clone(), dead)]).await;
    assert!(matches!(settled, Err(EngineError::Full(_))), "{settled:?}");
    assert_eq!(acknowledge(&engine, &group, &me, &found[..1]).await, [true]);
    let more = read_all(&engine, &group, &me, written - found.len()).await;
    acknowledge(&engine, &group, &me, &found).await;
    acknowledge(&engine, &group, &me, &more).await;
    let trimmed = engine
        .trim(stream(), time(1_000_000_000), u64::MAX)
        .await
        .unwrap();
    assert_eq!(
        (trimmed.entries, trimmed.unsettled),
        (u64::try_from(written).unwrap(), 0)
    );
    append(&engine, &bans(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_come_back_after_all_data_was_lost() {
    let server = redis_private();
    let engine = engine(&server.url()).await;
    let (group, me) = (readers(), consumer("a"));
    engine.open_group(&group, &Start::Oldest).await.unwrap();
    append(&engine, &bans(5)).await;
    let held = read_all(&engine, &group, &me, 5).await;
    acknowledge(&engine, &group, &me, &held[..3]).await;
    server.command(&["FLUSHALL"]).unwrap();
    server.command(&["SCRIPT", "FLUSH"]).unwrap();
    let after = bans(4);
    append(&engine, &after).await;
    // Nothing of what is gone can be settled, and that is no error.
    assert_eq!(acknowledge(&engine, &group, &me, &held[3..4]).await, [false]);
    assert_eq!(
        settle(&engine, &group, &me, &held[4..], Settlement::Renew).await,
        [false]
    );
    assert!(
        engine
            .take_over(&group, &me, Duration::ZERO, 10)
            .await
            .unwrap()
            .is_empty()
    );
    let found = read_all(&engine, &group, &me, 4).await;
    assert_eq!(contents(&found), envelopes(&after));
    assert_eq!(engine.counts().groups_made_again, 8);
    assert!(
        acknowledge(&engine, &group, &me, &found)
            .await
            .iter()
            .all(|ours| *ours)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_group_goes_on_after_what_was_acknowledged() {
    let server = redis_private();
    let engine = engine(&server.url()).await;
    let (group, me) = (readers(), consumer("a"));
    engine.open_group(&group, &Start::Oldest).await.unwrap();
    let batch = bans(6);
    append(&engine, &batch).await;
    let held = read_all(&engine, &group, &me, 6).await;
    // The third is still being handled when the fourth is done.
    acknowledge(
        &engine,
        &group,
        &me,
        &[held[0].clone(), held[1].clone(), held[3].clone()],
    )
    .await;
    server
        .command(&[
            "XGROUP",
            "DESTROY",
            &format!("lockdown:{{{}}}:ev", stream()),
            group.name.as_str(),
        ])
        .unwrap();
    let found = read_all(&engine, &group, &me, 4).await;
    assert_eq!(contents(&found), envelopes(&batch)[2..]);
    assert_eq!(engine.counts().groups_made_again, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_whose_connection_was_cut_is_told_of_the_gap() {
    let server = redis_private();
    let engine = engine(&server.url()).await;
    let mut live = engine.live().await.unwrap();
    live.subscribe(&["ban:*".into(), "user:joined".into()])
        .await
        .unwrap();
    for round in 0..3 {
        let killed = server.command(&["CLIENT", "KILL", "TYPE", "pubsub"]).unwrap();
        assert_eq!(killed, "1");
        assert_eq!(said(&mut live).await, "gap");
        engine.say("ban:created", "a").await.unwrap();
        engine.say("user:joined", "b").await.unwrap();
        assert_eq!(
            (said(&mut live).await, said(&mut live).await),
            ("a".to_owned(), "b".to_owned())
        );
        assert_eq!(engine.counts().gaps, round + 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_listener_comes_back_after_a_long_time_without_server() {
    let mut server = redis_private();
    let engine = engine(&server.url()).await;
    let mut live = engine.live().await.unwrap();
    live.subscribe(&["ban:*".into()]).await.unwrap();
    let mut states = engine.connection();
    assert_eq!(*states.borrow_and_update(), Connection::Up);
    server.kill9().unwrap();
    tokio::time::timeout(
        LIMIT,
        states.wait_for(|state| matches!(state, Connection::Down { .. })),
    )
    .await
    .unwrap()
    .unwrap();
    let away = engine.append(&bans(1)).await;
    assert!(matches!(away, Err(EngineError::Away(_))), "{away:?}");
    // Longer than the crate's own subscription survives.
    tokio::time::sleep(Duration::from_secs(13)).await;
    server.restart().unwrap();
    assert_eq!(said(&mut live).await, "gap");
    ready(&engine).await;
    assert_eq!(*engine.connection().borrow(), Connection::Up);
    assert_eq!(engine.say("ban:created", "back").await.unwrap(), 1);
    assert_eq!(said(&mut live).await, "back");
    // A subscription asked for while away is in force when it returns.
    server.kill9().unwrap();
    let asked = tokio::spawn(async move {
        live.subscribe(&["kick:*".into()]).await.unwrap();
        live
    });
    server.restart().unwrap();
    let mut live = tokio::time::timeout(LIMIT, asked).await.unwrap().unwrap();
    ready(&engine).await;
    assert_eq!(engine.say("kick:executed", "heard").await.unwrap(), 1);
    eventually("the word", async || Some(())).await;
    loop {
        match said(&mut live).await.as_str() {
            "gap" => {}
            other => break assert_eq!(other, "heard"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_that_were_trimmed_away_vanish_from_those_who_held_them() {
    let server = redis_private();
    let engine = engine(&server.url()).await;
    let (group, me, other) = (readers(), consumer("a"), consumer("b"));
    engine.open_group(&group, &Start::Oldest).await.unwrap();
    append(&engine, &bans(20)).await;
    let held = read_all(&engine, &group, &me, 20).await;
    let trimmed = engine.trim(stream(), time(0), 4).await.unwrap();
    assert_eq!((trimmed.entries, trimmed.unsettled), (16, 16));
    let taken = engine
        .take_over(&group, &other, Duration::ZERO, 100)
        .await
        .unwrap();
    assert_eq!(contents(&taken), contents(&held[16..]));
    assert_eq!(engine.counts().ghosts, 16);
    acknowledge(&engine, &group, &other, &taken).await;
    assert!(
        engine.remove_consumer(&group, &me).await.unwrap(),
        "nothing is pending"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_holds_something_is_not_removed() {
    let server = redis_private();
    let engine = engine(&server.url()).await;
    let (group, me) = (readers(), consumer("a"));
    engine.open_group(&group, &Start::Oldest).await.unwrap();
    append(&engine, &bans(1)).await;
    let held = read_all(&engine, &group, &me, 1).await;
    assert!(!engine.remove_consumer(&group, &me).await.unwrap());
    acknowledge(&engine, &group, &me, &held).await;
    assert!(engine.remove_consumer(&group, &me).await.unwrap());
    assert!(engine.remove_consumer(&group, &me).await.unwrap());
    let key = format!("lockdown:{{{}}}:ev", stream());
    let script = "return #redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])";
    let left = server
        .command(&["EVAL", script, "1", &key, group.name.as_str()])
        .unwrap();
    assert_eq!(left, "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_of_one_node_does_all() {
    let server = redis_private_with(Server {
        settings: vec![("cluster-enabled".to_owned(), "yes".to_owned())],
        ..Server::default()
    });
    server
        .command(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"])
        .unwrap();
    let up = async || {
        let info = server.command(&["CLUSTER", "INFO"]).unwrap();
        info.contains("cluster_state:ok").then_some(())
    };
    eventually("the cluster", up).await;
    let engine = engine(&server.url()).await;
    let (group, me, other) = (group("all", &Class::ALL), consumer("a"), consumer("b"));
    engine.open_group(&group, &Start::Oldest).await.unwrap();
    let mut live = engine.live().await.unwrap();
    live.subscribe(&["*".into()]).await.unwrap();
    let mut batch = Vec::new();
    for community in 0..20 {
        for channel in ["message:created", "ban:created", "user:joined"] {
            let mut event = event(channel, community, "x");
            event.once = community % 2 == 0;
            batch.push(event);
        }
    }
    append(&engine, &batch).await;
    for _ in &batch {
        said(&mut live).await;
    }
    let found = read_all(&engine, &group, &me, batch.len()).await;
    let dead = Settlement::Dead {
        failure: failure("no", 1),
        reason: DeadReason::Permanent,
    };
    let retry = Settlement::Retry {
        failure: failure("not yet", 1),
        due: time(2),
    };
    assert!(
        settle(&engine, &group, &me, &found[..20], dead)
            .await
            .iter()
            .all(|ours| *ours)
    );
    assert!(
        settle(&engine, &group, &me, &found[20..40], retry)
            .await
            .iter()
            .all(|ours| *ours)
    );
    assert!(
        settle(&engine, &group, &me, &found[40..50], Settlement::Release)
            .await
            .iter()
            .all(|ours| *ours)
    );
    assert!(
        acknowledge(&engine, &group, &me, &found[50..])
            .await
            .iter()
            .all(|ours| *ours)
    );
    let taken = engine
        .take_over(&group, &other, Duration::ZERO, 100)
        .await
        .unwrap();
    assert_eq!(taken.len(), 30);
    assert_eq!(
        taken.iter().filter(|delivery| delivery.retry.is_some()).count(),
        20
    );
    acknowledge(&engine, &group, &other, &taken).await;
    let letters = engine.dead_letters(&Default::default(), None, 100).await.unwrap();
    assert_eq!(letters.len(), 20);
    for letter in &letters {
        assert!(engine.replay_dead(&letter.id).await.unwrap());
    }
    let replayed = read_all(&engine, &group, &me, 20).await;
    acknowledge(&engine, &group, &me, &replayed).await;
    for stream in Stream::all() {
        engine.trim(stream, time(1_000_000_000), 0).await.unwrap();
        engine.last(stream).await.unwrap();
        engine.place_at(stream, time(1_000_000_000)).await.unwrap();
    }
    assert!(engine.remove_consumer(&group, &me).await.unwrap());
    // A waiting reader is woken here too.
    let engine = Arc::new(engine);
    let reading = {
        let (engine, group) = (Arc::clone(&engine), group.clone());
        tokio::spawn(async move { engine.read(&group, &consumer("c"), 10, LIMIT).await })
    };
    append(&engine, &bans(1)).await;
    assert_eq!(
        tokio::time::timeout(LIMIT, reading)
            .await
            .unwrap()
            .unwrap()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_set_up_badly_is_warned_of() {
    let server = redis_private_with(Server {
        settings: vec![("maxmemory-policy".to_owned(), "allkeys-lru".to_owned())],
        ..Server::default()
    });
    let bad = engine(&server.url()).await;
    let expected = [
        Warning::Eviction("allkeys-lru".to_owned()),
        Warning::NoAppendOnlyFile,
    ];
    assert_eq!(bad.warnings(), expected);
    let server = redis_private_with(Server::append_only(Fsync::EverySecond));
    let risky = engine(&server.url()).await;
    assert_eq!(risky.warnings(), [Warning::LateSync("everysec".to_owned())]);
    let server = redis_private_with(Server::append_only(Fsync::Always));
    let good = engine(&server.url()).await;
    assert_eq!(good.warnings(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn health_turns_red_while_the_server_is_away_and_green_again() {
    let mut server = redis_private_with(Server::append_only(Fsync::Always));
    let engine: Arc<dyn Engine> = Arc::new(engine(&server.url()).await);
    let health = Health::new("worker", "1.2.3", Clock::system(), Metrics::local());
    let watched = health::watch(Arc::clone(&engine), health.component("bus", true));
    let watching = tokio::spawn(watched);
    let reaches = async |status: Status| {
        let mut report = health.watch();
        let reached = report.wait_for(|report| report.status == status);
        tokio::time::timeout(LIMIT, reached)
            .await
            .unwrap()
            .unwrap()
            .clone()
    };
    reaches(Status::Up).await;
    server.kill9().unwrap();
    let report = reaches(Status::Down).await;
    assert!(
        report.components[0]
            .detail
            .as_deref()
            .unwrap()
            .contains("check the server")
    );
    server.restart().unwrap();
    reaches(Status::Up).await;
    engine.close().await;
    reaches(Status::Down).await;
    watching.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publisher_does_not_wait_out_its_pause_when_the_server_is_back() {
    let mut server = redis_private();
    let engine = Arc::new(engine(&server.url()).await);
    let hour = Duration::from_secs(3600);
    let options = PublisherOptions {
        backoff: Backoff {
            first: hour,
            cap: hour,
        },
        ..PublisherOptions::default()
    };
    let publisher = Publisher::start(Arc::clone(&engine) as Arc<dyn Engine>, options);
    server.kill9().unwrap();
    let away = async || engine.ping().await.is_err().then_some(());
    eventually("the loss of the server", away).await;
    let publishing = tokio::spawn(async move {
        let envelope = Envelope::decode(&bans(1)[0].envelope).unwrap();
        publisher.publish(&envelope, community(1), true).await
    });
    // It has tried, and waits.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!publishing.is_finished());
    server.restart().unwrap();
    let published = tokio::time::timeout(LIMIT, publishing).await;
    published.expect("an event that is out").unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_that_is_missing_says_nothing_against_an_event() {
    let server = redis_private();
    let engine = engine(&server.url()).await;
    let acl = |rule: &str| server.command(&["ACL", "SETUSER", "default", rule]).unwrap();
    for command in ["evalsha", "xadd"] {
        acl(&format!("-{command}"));
        let refused = match engine.append(&bans(1)).await {
            Err(error) => error,
            Ok(results) => results.into_iter().next().unwrap().unwrap_err(),
        };
        assert!(
            matches!(refused, EngineError::Away(_)),
            "without {command}: {refused:?}"
        );
        acl(&format!("+{command}"));
        assert!(engine.append(&bans(1)).await.unwrap()[0].is_ok());
    }
}
