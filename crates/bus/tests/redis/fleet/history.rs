//! What looking back and following mean to the server.

use super::*;
use lockdown_bus::{Aggregate, Follow, Glob, History, Query, Start, Stored};
use lockdown_events::{GuildId, Platform, UserId};
use lockdown_testkit::servers::{
    Fsync, RedisOptions as Server, RedisServer, redis_private, redis_private_with,
};
use std::collections::BTreeSet;

async fn next(follow: &mut Follow) -> Stored {
    tokio::time::timeout(LIMIT, follow.next())
        .await
        .expect("something to follow")
        .unwrap()
}

/// How often the server ran a command, by itself or from a script.
fn calls(server: &RedisServer, command: &str) -> u64 {
    let stats = server.command(&["INFO", "commandstats"]).unwrap();
    let line = format!("cmdstat_{command}:calls=");
    let found = stats.lines().find_map(|found| found.strip_prefix(line.as_str()));
    found.map_or(0, |rest| rest.split(',').next().unwrap().parse().unwrap())
}

/// Connections that listen.
fn listeners(server: &RedisServer) -> usize {
    let clients = server.command(&["CLIENT", "LIST", "TYPE", "pubsub"]).unwrap();
    clients.lines().filter(|line| line.contains("id=")).count()
}

fn member(number: u64) -> Aggregate {
    Aggregate::Member {
        platform: Platform::Discord,
        guild: GuildId::new("1").unwrap(),
        user: UserId::new(&number.to_string()).unwrap(),
    }
}

fn about(mut event: Append, number: u64) -> Append {
    event.about = vec![format!("member:discord:1:{number}").into()];
    event
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follow_survives_the_servers_deaths_under_load() {
    let mut server = redis_private_with(Server::append_only(Fsync::Always));
    let engine = Arc::new(engine(&server.url()).await);
    let history = History::new(Arc::<RedisEngine>::clone(&engine));
    let query = Query {
        types: vec![Glob::new("ban:*")],
        ..Query::default()
    };
    let mut follow = history.follow(&query, Start::Oldest).await.unwrap();
    let stop = tokio_util::sync::CancellationToken::new();
    let writer = {
        let (engine, stop) = (Arc::clone(&engine), stop.clone());
        tokio::spawn(async move {
            let mut written = Vec::new();
            while !stop.is_cancelled() {
                let batch: Vec<Append> = (0..10)
                    .map(|number| {
                        let mut event = event("ban:created", number, &written.len().to_string());
                        event.once = true;
                        event
                    })
                    .collect();
                while engine.append(&batch).await.is_err() {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                written.extend(batch.into_iter().map(|event| event.envelope.to_string()));
            }
            written
        })
    };
    let (tell, mut told) = tokio::sync::oneshot::channel();
    let follower = tokio::spawn(async move {
        let (mut found, mut expected) = (Vec::new(), usize::MAX);
        while found.len() < expected {
            tokio::select! {
                stored = next(&mut follow) => found.push(stored),
                count = &mut told, if expected == usize::MAX => expected = count.unwrap(),
            }
        }
        let more = tokio::time::timeout(SHORT, follow.next()).await;
        assert!(more.is_err(), "{more:?}");
        found
    });
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(300)).await;
        server.kill9().unwrap();
        server.restart().unwrap();
    }
    stop.cancel();
    let written = writer.await.unwrap();
    assert!(written.len() > 100, "the load was no load: {}", written.len());
    let all: Vec<Stored> = eventually("the streams at rest", async || {
        let mut all = Vec::new();
        for stream in Class::Moderation.streams() {
            all.extend(
                engine
                    .range(stream, EntryId::ZERO, EntryId::MAX, 1_000_000)
                    .await
                    .ok()?,
            );
        }
        Some(all)
    })
    .await;
    tell.send(all.len()).unwrap();
    let found = follower.await.unwrap();
    let distinct: BTreeSet<_> = found.iter().map(|stored| stored.position).collect();
    assert_eq!(distinct.len(), found.len(), "something came twice");
    assert_eq!(distinct, all.iter().map(|stored| stored.position).collect());
    for stream in Class::Moderation.streams() {
        let here = found.iter().filter(|stored| stored.position.stream == stream);
        assert!(here.is_sorted_by_key(|stored| stored.position.id));
    }
    let texts: BTreeSet<_> = found.iter().map(|stored| stored.envelope.to_string()).collect();
    assert!(written.iter().all(|envelope| texts.contains(envelope)));
}

#[tokio::test(flavor = "multi_thread")]
async fn hundreds_follow_over_one_connection() {
    let server = redis_private();
    let engine = Arc::new(engine(&server.url()).await);
    let history = History::new(Arc::<RedisEngine>::clone(&engine));
    let mut follows = Vec::new();
    for number in 1..=300 {
        let query = Query {
            types: vec![Glob::new("ban:*"), Glob::new("kick:executed")],
            key: Some(community(number)),
            ..Query::default()
        };
        follows.push(history.clone().follow(&query, Start::Now).await.unwrap());
    }
    let ban = |number| event("ban:created", number, "");
    // Each is woken by what concerns it.
    for (number, follow) in (1..).zip(&mut follows) {
        let one = ban(number);
        append(&engine, std::slice::from_ref(&one)).await;
        assert_eq!(next(follow).await.envelope, one.envelope);
    }
    assert_eq!(listeners(&server), 1);
    // It listens to what is asked for only, and to nothing for nobody.
    assert_eq!(engine.say("message:created", "x").await.unwrap(), 0);
    assert_eq!(engine.say("kick:executed", "x").await.unwrap(), 1);
    follows.truncate(1);
    assert_eq!(listeners(&server), 1);
    follows.clear();
    eventually("the end of the connection", async || {
        (listeners(&server) == 0).then_some(())
    })
    .await;
    // And again for the next one.
    let mut follow = history.follow(&Query::default(), Start::Now).await.unwrap();
    let one = ban(7);
    append(&engine, std::slice::from_ref(&one)).await;
    assert_eq!(next(&mut follow).await.envelope, one.envelope);
    // The connection is made beside the first look, which may find the event before.
    eventually("a connection", async || (listeners(&server) == 1).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_about_a_member_is_found_without_reading_the_rest() {
    let server = redis_private();
    let engine = Arc::new(engine(&server.url()).await);
    let history = History::new(Arc::<RedisEngine>::clone(&engine));
    let mut expected = Vec::new();
    for round in 0..10_u64 {
        let mut batch: Vec<_> = bans(300)
            .into_iter()
            .map(|event| about(event, 1000 + round))
            .collect();
        let mine = about(event("ban:created", 1, "mine"), 5);
        expected.push(mine.envelope.clone());
        batch.insert(usize::try_from(round * 20).unwrap(), mine);
        append(&engine, &batch).await;
    }
    let before = calls(&server, "xrange");
    let page = history.of(&member(5), None, 100).await.unwrap();
    let found: Vec<_> = page
        .entries
        .iter()
        .map(|stored| stored.envelope.clone())
        .collect();
    assert_eq!((found, page.next), (expected, None));
    // One for each entry, and one in each of the two streams for its beginning.
    assert_eq!(calls(&server, "xrange") - before, 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_events_are_about_takes_bounded_room_and_none_for_nothing() {
    let server = redis_private();
    let engine = Arc::new(engine(&server.url()).await);
    append(&engine, &bans(100)).await;
    assert_eq!((calls(&server, "rpush"), calls(&server, "pexpire")), (0, 0));
    for _ in 0..11 {
        let batch: Vec<_> = bans(1000).into_iter().map(|event| about(event, 5)).collect();
        append(&engine, &batch).await;
    }
    let list = format!("lockdown:{{{}}}:about:member:discord:1:5", stream());
    assert_eq!(server.command(&["LLEN", &list]).unwrap(), "10000");
    let lasts: u64 = server.command(&["TTL", &list]).unwrap().parse().unwrap();
    assert!(lasts > 80 * 24 * 3600, "{lasts} seconds");
    let all = engine
        .range(stream(), EntryId::ZERO, EntryId::MAX, 20_000)
        .await
        .unwrap();
    let found = engine
        .about(stream(), "member:discord:1:5", EntryId::ZERO, 20_000)
        .await
        .unwrap();
    let places = |stored: &[Stored]| -> Vec<_> { stored.iter().map(|stored| stored.position).collect() };
    assert_eq!(places(&found), places(&all[1100..]));
    // What was trimmed away leaves the list at the next look.
    engine.trim(stream(), time(-1_000_000_000), 300).await.unwrap();
    let last = found[9990].position.id;
    let rest = engine
        .about(stream(), "member:discord:1:5", last, 4)
        .await
        .unwrap();
    assert_eq!(places(&rest), places(&found[9991..9995]));
    assert_eq!(server.command(&["LLEN", &list]).unwrap(), "300");
    assert!(
        engine
            .about(stream(), "member:discord:1:5", EntryId::MAX, 4)
            .await
            .unwrap()
            .is_empty()
    );
}
