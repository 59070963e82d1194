//! Servers that come back without what they had confirmed. `SAVE` decides what one that keeps no log still has.

use super::proxy::Between;
use super::*;
use lockdown_bus::Start;
use lockdown_bus::redis::{Connection, Warning};
use lockdown_testkit::servers::{
    Fsync, RedisOptions as Server, RedisServer, redis_private, redis_private_with,
};
use std::collections::BTreeMap;

const COMMUNITIES: u64 = 6;

/// Some of everything that can be appended, of several communities.
fn mixed(round: &str) -> Vec<Append> {
    (0..30_u64)
        .map(|number| {
            let mut event = event("ban:created", number % COMMUNITIES, &format!("{round}/{number}"));
            event.once = number % 3 == 0;
            event.quiet = number % 5 == 0;
            event.about = vec!["user.1".into()];
            event
        })
        .collect()
}

/// Puts another run of the server in the place of this one, and waits until the engine has found it.
async fn crash(server: &mut RedisServer, engine: &RedisEngine) {
    server.kill9().unwrap();
    server.restart().unwrap();
    back(engine).await;
}

async fn back(engine: &RedisEngine) {
    eventually("the way back to Redis", async || engine.ping().await.ok()).await;
}

async fn all_there(engine: &RedisEngine) -> Vec<String> {
    let mut found = Vec::new();
    for stream in Class::Moderation.streams() {
        let stored = engine.range(stream, EntryId::ZERO, EntryId::MAX, 1000).await;
        found.extend(
            stored
                .unwrap()
                .into_iter()
                .map(|stored| stored.envelope.to_string()),
        );
    }
    found
}

fn by_community<'a>(envelopes: impl IntoIterator<Item = &'a str>) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for envelope in envelopes {
        let read: serde_json::Value = serde_json::from_str(envelope).unwrap();
        let community = read["data"]["guildId"].to_string();
        found.entry(community).or_default().push(envelope.to_owned());
    }
    found
}

fn hold_the_same(found: &[String], appended: &[Append]) {
    let found = by_community(found.iter().map(String::as_str));
    assert_eq!(found, by_community(envelopes(appended)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_confirmed_and_lost_is_there_again() {
    let mut server = redis_private();
    let engine = engine(&server.url()).await;
    let (group, me) = (readers(), consumer("a"));
    engine.open_group(&group, &Start::Oldest).await.unwrap();
    let mut all = mixed("kept");
    append(&engine, &all).await;
    server.command(&["SAVE"]).unwrap();
    for round in ["lost", "lost too"] {
        let batch = mixed(round);
        append(&engine, &batch).await;
        all.extend(batch);
    }
    crash(&mut server, &engine).await;
    hold_the_same(&all_there(&engine).await, &all);
    assert_eq!(engine.counts().put_back, 60);
    // What came back can be lost again, and where it is now it is looked for.
    crash(&mut server, &engine).await;
    server.command(&["SAVE"]).unwrap();
    crash(&mut server, &engine).await;
    hold_the_same(&all_there(&engine).await, &all);
    assert_eq!(engine.counts().put_back, 120);
    let found = read_all(&engine, &group, &me, all.len()).await;
    let found: Vec<String> = contents(&found).into_iter().map(str::to_owned).collect();
    hold_the_same(&found, &all);
    let mut about = 0;
    for stream in Class::Moderation.streams() {
        let known = engine.about(stream, "user.1", EntryId::ZERO, 1000).await;
        about += known.unwrap().len();
    }
    assert_eq!(about, all.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_connection_puts_nothing_back() {
    let server = redis_private();
    let engine = engine(&server.url()).await;
    append(&engine, &bans(5)).await;
    // The server lives, so whoever emptied it meant it.
    server.command(&["FLUSHALL"]).unwrap();
    for _ in 0..3 {
        server.command(&["CLIENT", "KILL", "TYPE", "normal"]).unwrap();
        back(&engine).await;
    }
    assert_eq!((all_there(&engine).await.len(), engine.counts().put_back), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_trimmed_does_not_come_back() {
    let mut server = redis_private_with(Server::append_only(Fsync::Always));
    let engine = engine(&server.url()).await;
    for kept in [4, 0] {
        append(&engine, &bans(10)).await;
        engine.trim(stream(), time(0), kept).await.unwrap();
        crash(&mut server, &engine).await;
        let stored = all_there(&engine).await.len();
        assert_eq!((stored as u64, engine.counts().put_back), (kept, 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn others_who_are_sooner_do_not_hide_a_loss() {
    let mut server = redis_private();
    let (between, url) = Between::start(server.port()).await;
    let slow = engine(&url).await;
    let lost = bans(5);
    append(&slow, &lost).await;
    between.stall(true);
    server.kill9().unwrap();
    server.restart().unwrap();
    let other = engine(&server.url()).await;
    let sooner = bans(1);
    append(&other, &sooner).await;
    between.stall(false);
    back(&slow).await;
    let expected: Vec<Append> = sooner.into_iter().chain(lost).collect();
    assert_eq!(all_there(&slow).await, envelopes(&expected));
    assert_eq!((slow.counts().put_back, other.counts().put_back), (5, 0));
}

/// The server's append-only file, as it is when a kill came while the last transaction was written.
fn tear(server: &RedisServer, inside: &str) {
    let folder = server.directory().join("appendonlydir");
    let files = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path());
    let log = files
        .filter(|path| path.to_str().unwrap().ends_with(".incr.aof"))
        .max()
        .unwrap();
    let text = std::fs::read(&log).unwrap();
    let begins = text
        .windows(inside.len())
        .rposition(|window| window == inside.as_bytes())
        .unwrap();
    std::fs::write(&log, &text[..begins + 2]).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_follows_a_transaction_that_was_half_written_is_kept() {
    let mut server = redis_private_with(Server::append_only(Fsync::Always));
    let first = engine(&server.url()).await;
    let mut torn = bans(1);
    torn[0].once = true;
    append(&first, &torn).await;
    first.close().await;
    server.kill9().unwrap();
    tear(&server, "once");
    server.restart().unwrap();
    let second = engine(&server.url()).await;
    // Each of them a single write.
    let later = bans(3);
    for event in &later {
        append(&second, std::slice::from_ref(event)).await;
    }
    second.close().await;
    server.kill9().unwrap();
    server.restart().unwrap();
    let third = engine(&server.url()).await;
    let found = all_there(&third).await;
    // It was never whole, so nobody minds whether it is there.
    let found: Vec<&str> = found.iter().map(String::as_str).collect();
    assert!(found.ends_with(&envelopes(&later)), "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_takes_nothing_yet_is_waited_for() {
    let mut server = redis_private();
    let (between, url) = Between::start(server.port()).await;
    let engine = engine(&url).await;
    let lost = bans(300);
    append(&engine, &lost).await;
    between.stall(true);
    server.kill9().unwrap();
    server.restart().unwrap();
    server.command(&["REPLICAOF", "127.0.0.1", "1"]).unwrap();
    // It can be connected to, and is warned of.
    let warned = super::engine(&server.url()).await;
    assert!(warned.warnings().contains(&Warning::Replica));
    between.stall(false);
    let mut states = engine.connection();
    let refused =
        |state: &Connection| matches!(state, Connection::Down { reason } if reason.contains("read only"));
    let waiting = async {
        // A call finds out that the connection is gone.
        let _ = engine.ping().await;
        states.wait_for(refused).await.unwrap();
    };
    tokio::time::timeout(LIMIT, waiting).await.unwrap();
    // Nothing may be appended before what was lost.
    let later = bans(1);
    assert!(engine.append(&later).await.is_err());
    // The answer to the first half of it is lost on the way.
    between.cut(b"ban:created");
    server.command(&["REPLICAOF", "NO", "ONE"]).unwrap();
    back(&engine).await;
    append(&engine, &later).await;
    let expected: Vec<Append> = lost.into_iter().chain(later).collect();
    assert_eq!(all_there(&engine).await, envelopes(&expected));
    assert_eq!((engine.counts().put_back, between.cuts()), (300, 1));
}
