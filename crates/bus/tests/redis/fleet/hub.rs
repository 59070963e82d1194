//! The hub, when connections and servers go and come back.

use super::*;
use crate::conformance::hub::{catching_up, in_order, next, said};
use lockdown_bus::{
    EngineError, Heard, Hub, HubOptions, ListenOptions, Position, Said, SubscribeError, Subscription,
};
use lockdown_testkit::servers::{
    Fsync, RedisOptions as Server, RedisServer, redis_private, redis_private_with,
};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio_util::sync::CancellationToken;

const COMMUNITIES: u64 = 6;

fn start(engine: RedisEngine) -> Hub {
    Hub::start(Arc::new(engine), HubOptions::default())
}

/// Publishes until it is stopped, each batch as often as it takes. Returns what was confirmed.
fn publish(
    url: String,
    stop: CancellationToken,
    count: Arc<AtomicUsize>,
) -> tokio::task::JoinHandle<BTreeSet<Position>> {
    tokio::spawn(async move {
        let engine = engine(&url).await;
        let mut confirmed = BTreeSet::new();
        for round in 0.. {
            if stop.is_cancelled() {
                break;
            }
            let batch: Vec<Append> = (0..COMMUNITIES)
                .map(|community| {
                    let mut event = event("ban:created", community, &round.to_string());
                    event.once = true;
                    event
                })
                .collect();
            loop {
                match engine.append(&batch).await {
                    Ok(results) => {
                        count.fetch_add(results.len(), Ordering::Relaxed);
                        confirmed.extend(results.into_iter().map(|result| result.unwrap().position));
                        break;
                    }
                    Err(EngineError::Away(_)) => tokio::time::sleep(Duration::from_millis(5)).await,
                    Err(failed) => panic!("{failed:?}"),
                }
            }
        }
        confirmed
    })
}

/// Hears until it is told the end: what, and how often it was told that it missed something.
fn listen(mut subscription: Subscription) -> tokio::task::JoinHandle<(Vec<Position>, usize)> {
    tokio::spawn(async move {
        let (mut heard, mut gaps) = (Vec::new(), 0);
        loop {
            match subscription.next().await.expect("no end") {
                Heard::Said(Said { channel, .. }) if channel == "kick:executed" => return (heard, gaps),
                Heard::Said(said) => heard.push(said.position.expect("its place")),
                Heard::Missed { count } => {
                    assert_eq!(count, None, "nobody counts what a gap took");
                    gaps += 1;
                }
            }
        }
    })
}

/// What lies in the streams, in their order.
async fn stored(engine: &RedisEngine) -> BTreeSet<Position> {
    let mut positions = BTreeSet::new();
    for stream in Class::Moderation.streams() {
        let entries = engine.range(stream, EntryId::ZERO, EntryId::MAX, 1 << 30).await;
        positions.extend(entries.unwrap().into_iter().map(|stored| stored.position));
    }
    positions
}

/// Publishes while `trouble` happens, then until the end has been heard.
async fn heard_through(
    server: &mut RedisServer,
    mut trouble: impl AsyncFnMut(&mut RedisServer, u32),
) -> [(Vec<Position>, usize); 2] {
    let url = server.url();
    let hub = start(engine(&url).await);
    let patterns = ["ban:*", "ban:created", "kick:*"];
    let healed = hub.subscribe(&patterns, &catching_up()).await.unwrap();
    let plain = hub.subscribe(&patterns, &ListenOptions::default()).await.unwrap();
    let (healed, plain) = (listen(healed), listen(plain));
    let stop = CancellationToken::new();
    let count = Arc::new(AtomicUsize::new(0));
    let publishing = publish(url.clone(), stop.clone(), Arc::clone(&count));
    let load = async || {
        let before = count.load(Ordering::Relaxed);
        let published = async || (count.load(Ordering::Relaxed) >= before + 60).then_some(());
        eventually("the load", published).await;
    };
    for round in 0..4 {
        load().await;
        trouble(server, round).await;
    }
    load().await;
    stop.cancel();
    let confirmed = tokio::time::timeout(LIMIT, publishing).await.unwrap().unwrap();
    let asking = engine(&url).await;
    // Said until both are there to hear it; in no stream, so that it comes after all that is read again.
    let ended = async || {
        asking.say("kick:executed", "the end").await.ok()?;
        tokio::time::sleep(Duration::from_millis(50)).await;
        (healed.is_finished() && plain.is_finished()).then_some(())
    };
    eventually("the end", ended).await;
    let (healed, plain) = (healed.await.unwrap(), plain.await.unwrap());
    let stored = stored(&asking).await;
    assert!(confirmed.is_subset(&stored), "what was confirmed is there");
    in_order(&healed.0);
    let heard: BTreeSet<Position> = healed.0.iter().copied().collect();
    assert_eq!(heard, stored, "{} were confirmed", confirmed.len());
    [healed, plain]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_whose_connection_is_cut_again_and_again_hears_all() {
    let mut server = redis_private();
    let cut = async |server: &mut RedisServer, _| {
        let listeners = || server.command(&["CLIENT", "KILL", "TYPE", "pubsub"]).unwrap();
        eventually("a connection to cut", async || (listeners() == "1").then_some(())).await;
    };
    let [healed, plain] = heard_through(&mut server, cut).await;
    assert_eq!(healed.1, 0, "all was found again");
    // The other is told, and hears only what was said meanwhile.
    assert!((1..=4).contains(&plain.1), "{} gaps of 4 cuts", plain.1);
    in_order(&plain.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_hears_all_though_the_server_is_killed() {
    let mut server = redis_private_with(Server::append_only(Fsync::Always));
    let kill = async |server: &mut RedisServer, round| {
        server.kill9().unwrap();
        tokio::time::sleep(Duration::from_millis(u64::from(round) * 300)).await;
        server.restart().unwrap();
    };
    let [healed, plain] = heard_through(&mut server, kill).await;
    assert_eq!(healed.1, 0, "all was found again");
    assert!(plain.1 > 0, "the other is told");
    in_order(&plain.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_only_said_is_missed_in_a_gap() {
    let server = redis_private();
    let publisher = engine(&server.url()).await;
    let hub = start(engine(&server.url()).await);
    let mut subscription = hub
        .subscribe(&["presence", "ban:*"], &catching_up())
        .await
        .unwrap();
    let first = append(&publisher, &bans(2)).await;
    for id in first {
        assert_eq!(said(&mut subscription).await.position.unwrap().id, id);
    }
    server.command(&["CLIENT", "KILL", "TYPE", "pubsub"]).unwrap();
    let between = append(&publisher, &bans(3)).await;
    for id in between {
        assert_eq!(said(&mut subscription).await.position.unwrap().id, id);
    }
    assert!(matches!(
        next(&mut subscription).await,
        Heard::Missed { count: None }
    ));
    publisher.say("presence", "again").await.unwrap();
    assert_eq!(&*said(&mut subscription).await.text, "again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_replaced_is_read_from_its_beginning() {
    let server = redis_private();
    let publisher = engine(&server.url()).await;
    let hub = start(engine(&server.url()).await);
    let mut subscription = hub.subscribe(&["ban:*"], &catching_up()).await.unwrap();
    append(&publisher, &bans(1)).await;
    said(&mut subscription).await;
    server.command(&["FLUSHALL"]).unwrap();
    // As of a server whose clock is behind.
    let key = format!("lockdown:{{{}}}:ev", stream());
    for id in ["5-1", "5-2"] {
        let added = server
            .command(&["XADD", &key, id, "t", "ban:created", "d", "{}"])
            .unwrap();
        assert_eq!(added, id);
    }
    server.command(&["CLIENT", "KILL", "TYPE", "pubsub"]).unwrap();
    for minor in [1, 2] {
        let id = EntryId { major: 5, minor };
        assert_eq!(said(&mut subscription).await.position.unwrap().id, id);
    }
    assert!(matches!(
        next(&mut subscription).await,
        Heard::Missed { count: None }
    ));
    // Another gap brings what is new in it, and nothing twice.
    server.command(&["CLIENT", "KILL", "TYPE", "pubsub"]).unwrap();
    server
        .command(&["XADD", &key, "5-3", "t", "ban:created", "d", "{}"])
        .unwrap();
    let id = EntryId { major: 5, minor: 3 };
    assert_eq!(said(&mut subscription).await.position.unwrap().id, id);
    let frame = format!(r#"{{"streamId":"{}/5-4","live":true}}"#, stream());
    publisher.say("ban:created", &frame).await.unwrap();
    assert_eq!(*said(&mut subscription).await.text, *frame);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_asked_for_while_the_server_is_away_waits_for_it() {
    let mut server = redis_private();
    let publisher = engine(&server.url()).await;
    let first = start(engine(&server.url()).await);
    let mut heard = first
        .subscribe(&["ban:*"], &ListenOptions::default())
        .await
        .unwrap();
    let second = start(engine(&server.url()).await);
    server.kill9().unwrap();
    let asked: Vec<_> = [
        (&first, catching_up()),
        (&first, ListenOptions::default()),
        (&second, catching_up()),
    ]
    .map(|(hub, options)| {
        let hub = hub.clone();
        tokio::spawn(async move { hub.subscribe(&["kick:*"], &options).await.unwrap() })
    })
    .into();
    // One that is in force already needs no server.
    let options = ListenOptions::default();
    let also = tokio::time::timeout(LIMIT, first.subscribe(&["ban:*"], &options));
    let mut also = also.await.unwrap().unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(asked.iter().all(|asked| !asked.is_finished()));
    server.restart().unwrap();
    let mut came = Vec::new();
    for asked in asked {
        came.push(tokio::time::timeout(LIMIT, asked).await.unwrap().unwrap());
    }
    let kick = event("kick:executed", 1, "heard");
    let appended = eventually("an append", async || {
        publisher.append(std::slice::from_ref(&kick)).await.ok()
    })
    .await;
    assert_eq!(appended[0].as_ref().unwrap().receivers, 2);
    for subscription in &mut came {
        // A gap from before its time is no matter of one that was not there.
        assert_eq!(said(subscription).await.channel, "kick:executed");
    }
    for subscription in [&mut heard, &mut also] {
        assert!(matches!(next(subscription).await, Heard::Missed { count: None }));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_subscription_concerns_its_caller_alone() {
    let server = redis_private();
    let acl = |rule| server.command(&["ACL", "SETUSER", "default", rule]).unwrap();
    acl("resetchannels");
    acl("&ban:*");
    acl("&message:created");
    let publisher = engine(&server.url()).await;
    let hub = start(engine(&server.url()).await);
    let options = ListenOptions::default();
    // All at once, so that they are asked for together.
    let (first, refused, second, both) = tokio::join!(
        hub.subscribe(&["ban:*"], &options),
        hub.subscribe(&["kick:*"], &options),
        hub.subscribe(&["message:created"], &options),
        hub.subscribe(&["ban:*", "kick:executed"], &options),
    );
    for refused in [refused.err(), both.err()] {
        let Some(SubscribeError::Refused(why)) = refused else {
            panic!("{refused:?}");
        };
        assert!(matches!(*why, EngineError::Refused(_)), "{why:?}");
    }
    assert_eq!(hub.subscriptions(), 2);
    publisher.say("ban:created", "a").await.unwrap();
    publisher.say("message:created", "b").await.unwrap();
    assert_eq!(&*said(&mut first.unwrap()).await.text, "a");
    assert_eq!(&*said(&mut second.unwrap()).await.text, "b");
    acl("allchannels");
    let mut again = hub.subscribe(&["kick:*"], &options).await.unwrap();
    publisher.say("kick:executed", "c").await.unwrap();
    assert_eq!(&*said(&mut again).await.text, "c");
}
