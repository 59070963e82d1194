//! The embedded engine's file: crashes, damage, strangers, a full disk.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "shared/log.rs"]
mod log;

use chrono::TimeDelta;
use lockdown_bus::{
    Append, AskError, Asked, Bus, BusOptions, ConsumerName, Delivery, Durability, EmbeddedEngine, Engine,
    EngineError, EntryId, Group, OpenError, Options, Settlement, Start, Stored, Stream,
};
use lockdown_events::{RequestError, Source};
use lockdown_runtime::{Clock, Ids};
use lockdown_testkit::programs::example;
use log::{TYPE, event, group, me, open};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(20);

async fn history(engine: &EmbeddedEngine) -> Vec<Stored> {
    let mut all = Vec::new();
    for stream in Stream::all() {
        all.extend(
            engine
                .range(stream, EntryId::ZERO, EntryId::MAX, usize::MAX)
                .await
                .unwrap(),
        );
    }
    all
}

async fn read_all(engine: &EmbeddedEngine, group: &Group) -> Vec<Delivery> {
    let mut all = Vec::new();
    loop {
        let more = engine
            .read(group, &me(), 1000, Duration::from_millis(50))
            .await
            .unwrap();
        if more.is_empty() {
            return all;
        }
        all.extend(more);
    }
}

/// The process that is killed. The log's path goes in by its standard input.
fn child(path: &Path) -> Child {
    let mut child = Command::new(example("embedded_child"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    writeln!(child.stdin.as_mut().unwrap(), "{}", path.display()).unwrap();
    child
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_process_loses_nothing_that_it_was_told() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("events.db");
    let (mut kept, mut done) = (BTreeSet::new(), BTreeSet::new());
    for round in 0..4 {
        let mut child = child(&path);
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut heard = 0;
        for line in lines {
            let Ok(line) = line else { break };
            // Only a whole line counts: the last may be cut off.
            match line.split_once(' ') {
                Some(("kept", id)) if id.len() == 36 => drop(kept.insert(id.to_owned())),
                Some(("done", place)) => drop(done.insert(place.to_owned())),
                _ => {}
            }
            heard += 1;
            if heard == 3000 * (round + 1) {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(heard >= 3000, "the child ran");
    }
    assert!(kept.len() > 1000 && done.len() > 1000, "they did both");
    let engine = open(&path, Durability::Full).unwrap();
    let stored: BTreeSet<_> = history(&engine)
        .await
        .iter()
        .map(|stored| stored.envelope[12..48].to_owned())
        .collect();
    let lost: Vec<_> = kept.difference(&stored).collect();
    assert!(lost.is_empty(), "lost {} of {}", lost.len(), kept.len());
    // The group that never read gets everything; the other all but what it acknowledged, which never comes again.
    let all = read_all(&engine, &group("two")).await;
    assert_eq!(all.len(), stored.len());
    assert!(all.iter().all(|delivery| delivery.deliveries == 1));
    let rest: BTreeSet<_> = read_all(&engine, &group("one"))
        .await
        .iter()
        .map(|delivery| delivery.entry.to_string())
        .collect();
    let places: BTreeSet<_> = all.iter().map(|delivery| delivery.entry.to_string()).collect();
    // The last line of a killed child may name half a place.
    let again: Vec<_> = done.intersection(&rest).collect();
    assert!(again.len() <= 4, "{} came again", again.len());
    let settled = places.difference(&rest).count();
    assert!(settled + 4 >= done.len(), "{settled} of {} settled", done.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_process_is_refused_and_told_whom_to_stop() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("events.db");
    let mut child = child(&path);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines
        .find(|line| line.as_ref().is_ok_and(|line| line.starts_with("kept")))
        .expect("it runs")
        .unwrap();
    let refused = open(&path, Durability::Full).err().expect("it is in use");
    let text = refused.to_string();
    assert!(matches!(refused, OpenError::InUse { .. }), "{text}");
    assert!(text.contains(&child.id().to_string()), "{text}");
    child.kill().unwrap();
    child.wait().unwrap();
    // The dead hold no locks.
    open(&path, Durability::Full).unwrap().close().await;
    // Nor is it a matter of processes: one open log, one writer.
    let first = open(&path, Durability::Full).unwrap();
    assert!(matches!(
        open(&path, Durability::Full).err(),
        Some(OpenError::InUse { .. })
    ));
    drop(first.handle());
    first.append(&[]).await.unwrap();
}

#[tokio::test]
async fn a_dropped_handle_lets_go_of_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("new/events.db");
    let ids = Ids::system(Clock::system());
    for n in 1..=5 {
        let engine = open(&path, Durability::Full).unwrap();
        engine.append(&[event(&ids, 1, "kept")]).await.unwrap()[0]
            .as_ref()
            .unwrap();
        assert_eq!(history(&engine).await.len(), n);
        let closer = engine.handle();
        drop(engine);
        closer.close().await;
    }
    // Dropped without a close, the writer ends by itself.
    drop(open(&path, Durability::Full).unwrap());
    let begun = std::time::Instant::now();
    while let Err(error) = open(&path, Durability::Full) {
        assert!(matches!(error, OpenError::InUse { .. }), "{error}");
        assert!(begun.elapsed() < Duration::from_secs(20), "{error}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[tokio::test]
async fn a_log_in_memory_ends_with_its_handles() {
    let path = Path::new("/nowhere/at/all.db");
    let ids = Ids::system(Clock::system());
    let engine = open(path, Durability::Memory).unwrap();
    let other = engine.handle();
    engine.open_group(&group("g"), &Start::Oldest).await.unwrap();
    engine
        .append(&[event(&ids, 1, "a"), event(&ids, 2, "b")])
        .await
        .unwrap();
    assert_eq!(history(&other).await.len(), 2);
    assert_eq!(read_all(&other, &group("g")).await.len(), 2);
    engine.close().await;
    assert_eq!(history(&other).await.len(), 2);
    other.close().await;
    assert!(history(&open(path, Durability::Memory).unwrap()).await.is_empty());
}

#[tokio::test]
async fn a_damaged_file_is_refused_and_left_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("events.db");
    let ids = Ids::system(Clock::system());
    let engine = open(&path, Durability::Full).unwrap();
    let batch: Vec<_> = (0..2000).map(|n| event(&ids, n, "something to damage")).collect();
    engine.append(&batch).await.unwrap();
    engine.close().await;
    let whole = std::fs::read(&path).unwrap();
    assert!(whole.len() > 100_000);

    let mut torn = whole.clone();
    torn.truncate(whole.len() / 2);
    let mut overwritten = whole.clone();
    overwritten[40_960..49_152].fill(0xa5);
    let mut newer = whole.clone();
    newer[60..64].copy_from_slice(&99_u32.to_be_bytes());
    let cases: [(&str, Vec<u8>, &str); 6] = [
        ("cut off", torn, "damaged"),
        ("overwritten", overwritten, "damaged"),
        ("empty", Vec::new(), "gone or empty"),
        (
            "no database",
            b"not a database, but long enough to be read as one".repeat(100),
            "not an event log",
        ),
        ("zeros", vec![0; whole.len()], "not an event log"),
        ("newer", newer, "newer LOCKDOWN"),
    ];
    for (name, bytes, message) in cases {
        std::fs::write(&path, &bytes).unwrap();
        let error = open(&path, Durability::Full).err().expect(name).to_string();
        assert!(error.contains(message), "{name}: {error}");
        assert!(error.contains("events.db"), "{name}: {error}");
        assert_eq!(std::fs::read(&path).unwrap(), bytes, "{name}: left as it is");
    }
    std::fs::remove_file(&path).unwrap();
    let error = open(&path, Durability::Full).err().expect("gone").to_string();
    assert!(
        error.contains("gone or empty") && error.contains("events.db.lock"),
        "{error}"
    );

    // Another log in its place is not taken for it.
    let elsewhere = directory.path().join("other.db");
    open(&elsewhere, Durability::Full).unwrap().close().await;
    std::fs::copy(&elsewhere, &path).unwrap();
    let error = open(&path, Durability::Full).err().expect("another");
    assert!(matches!(error, OpenError::Replaced { .. }), "{error}");

    std::fs::write(&path, &whole).unwrap();
    let engine = open(&path, Durability::Full).unwrap();
    assert_eq!(history(&engine).await.len(), 2000);
}

#[tokio::test]
async fn a_file_of_an_older_format_is_brought_up() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("events.db");
    let ids = Ids::system(Clock::system());
    let engine = open(&path, Durability::Full).unwrap();
    engine.open_group(&group("g"), &Start::Oldest).await.unwrap();
    let batch: Vec<_> = (0..100).map(|n| event(&ids, n, "from before")).collect();
    engine.append(&batch).await.unwrap();
    let held = engine.read(&group("g"), &me(), 40, Duration::ZERO).await.unwrap();
    let settlements: Vec<_> = held.into_iter().map(|it| (it, Settlement::Ack)).collect();
    engine.settle(&group("g"), &me(), &settlements).await.unwrap();
    engine.close().await;
    // As the first format was.
    let older = rusqlite::Connection::open(&path).unwrap();
    older
        .execute_batch("DROP TABLE about; DROP TABLE marks; DROP TABLE boards; DROP TABLE tallies; PRAGMA user_version = 1;")
        .unwrap();
    drop(older);

    for _ in 0..2 {
        let engine = open(&path, Durability::Full).unwrap();
        assert_eq!(history(&engine).await.len(), 100);
        assert_eq!(read_all(&engine, &group("g")).await.len(), 60);
        engine
            .post("presence", "me", "here", Duration::from_secs(60))
            .await
            .unwrap();
        assert_eq!(engine.posted("presence", 10).await.unwrap().len(), 1);
        engine.close().await;
    }
    let format = rusqlite::Connection::open(&path)
        .unwrap()
        .pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0));
    assert_eq!(format.unwrap(), 3);
}

/// The tables and indexes of a new log. Where this fails, the format is another one: name the number, say what it added
/// and see that an older file gets it.
#[tokio::test]
async fn a_format_has_these_tables() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("events.db");
    open(&path, Durability::Full).unwrap().close().await;
    let file = rusqlite::Connection::open(&path).unwrap();
    let mut query = file
        .prepare(
            "SELECT name || ' ' || (SELECT group_concat(name, ',') FROM pragma_table_info(sqlite_schema.name)) FROM \
             sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'log_%' ORDER BY 1",
        )
        .unwrap();
    let tables: Vec<String> = query
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(
        tables,
        [
            "about name,stream,seq",
            "boards board,item,text,due",
            "dead id,grp,consumer,stream,seq,channel,envelope,reason,attempts,first_failure,last_failure,error",
            "groups id,name",
            "inbox id,grp,stream,seq,channel,envelope",
            "lanes grp,stream,floor,handed,settled",
            "marks name,value,ends",
            "meta identity",
            "once n,event_id,stream,seq,at",
            "pending grp,lane,seq,deliveries,attempts,first_failure,last_failure,error,due",
            "streams stream,first,last",
            "tallies name,seq,at,text,ends",
        ]
    );
}

#[tokio::test]
async fn a_full_disk_refuses_appends_and_breaks_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("events.db");
    let options = Options {
        durability: Durability::Normal,
        most_bytes: Some(1 << 20),
        ..Options::default()
    };
    let ids = Ids::system(Clock::system());
    let engine = EmbeddedEngine::open(&path, &options, Clock::system()).unwrap();
    engine.open_group(&group("g"), &Start::Oldest).await.unwrap();
    let live = engine.live().await.unwrap();
    live.subscribe(&["*".into()]).await.unwrap();
    let mut accepted = 0;
    let text = "x".repeat(400);
    let full = loop {
        let batch: Vec<_> = (0..50).map(|n| event(&ids, n, &text)).collect();
        match engine.append(&batch).await {
            Ok(results) => accepted += results.into_iter().map(Result::unwrap).count(),
            Err(error) => break error,
        }
        assert!(accepted < 10_000);
    };
    assert!(matches!(full, EngineError::Full(_)), "{full}");
    assert!(accepted > 500);
    assert_eq!(history(&engine).await.len(), accepted, "no half batch");
    // Reading and acknowledging go on, also beside appends that fail.
    let held = read_all(&engine, &group("g")).await;
    assert_eq!(held.len(), accepted);
    let settlements: Vec<_> = held.into_iter().map(|one| (one, Settlement::Ack)).collect();
    let group = group("g");
    let more = event(&ids, 1, &"y".repeat(100_000));
    let me = me();
    let (settled, refused) = tokio::join!(
        engine.settle(&group, &me, &settlements),
        engine.append(std::slice::from_ref(&more))
    );
    assert!(settled.unwrap().iter().all(|settled| *settled));
    assert!(matches!(refused, Err(EngineError::Full(_))));
    // What is trimmed makes room again.
    for stream in Stream::all() {
        engine.trim(stream, Clock::system().now(), 0).await.unwrap();
    }
    let begun = std::time::Instant::now();
    while engine.append(std::slice::from_ref(&more)).await.is_err() {
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "no room after the trim"
        );
    }
    assert_eq!(read_all(&engine, &group).await.len(), 1);
    let mut heard = 0;
    while heard <= accepted {
        live.next().await.unwrap();
        heard += 1;
    }
    let silent = tokio::time::timeout(Duration::from_millis(30), live.next()).await;
    assert!(silent.is_err(), "what was refused was never said");
}

#[tokio::test]
async fn a_clock_set_back_reorders_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("events.db");
    let (clock, mock) = Clock::mock("2026-11-20T09:06:00Z".parse().unwrap());
    let ids = Ids::system(clock.clone());
    let engine = EmbeddedEngine::open(&path, &Options::default(), clock.clone()).unwrap();
    let mut places = Vec::new();
    for hours in [0, -5, 9, -9, 1] {
        mock.advance(TimeDelta::hours(hours));
        let appended = engine.append(&[event(&ids, 1, "when?")]).await.unwrap();
        places.push(appended[0].as_ref().unwrap().position);
    }
    assert!(places.is_sorted_by(|a, b| a.id < b.id));
    let stored = history(&engine).await;
    assert_eq!(
        stored.iter().map(|stored| stored.position).collect::<Vec<_>>(),
        places
    );
    // Times never fall: whoever asks for what came later misses nothing.
    let stream = places[0].stream;
    let marks = ["09:06:00", "09:06:01", "13:06:00", "13:06:01"];
    let mut found = Vec::new();
    for mark in marks {
        let at = format!("2026-11-20T{mark}Z").parse().unwrap();
        found.push(engine.place_at(stream, at).await.unwrap());
    }
    assert_eq!(found, [EntryId::ZERO, places[1].id, places[1].id, places[4].id]);
    engine.close().await;
    mock.advance(TimeDelta::days(-30));
    let engine = EmbeddedEngine::open(&path, &Options::default(), clock).unwrap();
    let appended = engine.append(&[event(&ids, 1, "long ago")]).await.unwrap();
    assert!(appended[0].as_ref().unwrap().position.id > places[4].id);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_answers_in_the_process_is_there_after_a_jump_of_the_clock() {
    let (clock, mock) = Clock::mock("2026-11-20T09:06:00Z".parse().unwrap());
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("events.db");
    let engine = EmbeddedEngine::open(&path, &Options::default(), clock.clone()).unwrap();
    let options = BusOptions::new(Source::Worker);
    let bus = Bus::start(Arc::new(engine), options, clock.clone(), Ids::system(clock))
        .await
        .unwrap();
    let requests = bus.requests();
    let answer = async |number: Asked<u64>| Ok::<_, RequestError>(number.data * 2);
    let answering = requests.answer("double", answer).await.unwrap();
    for hours in [2, -3] {
        mock.advance(TimeDelta::hours(hours));
        let double: u64 = requests.ask("double", &21, LIMIT).await.unwrap();
        assert_eq!(double, 42);
    }
    answering.stop().await;
    let after = requests.ask::<_, u64>("double", &21, LIMIT).await;
    assert!(matches!(after, Err(AskError::NoResponder(_))), "{after:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_reader_never_took_is_not_left_lying() {
    let engine = open(Path::new(""), Durability::Memory).unwrap();
    let ids = Ids::system(Clock::system());
    let group = group("g");
    engine.open_group(&group, &Start::Oldest).await.unwrap();
    for n in 0..300_u64 {
        let waiting = {
            let (engine, group) = (engine.handle(), group.clone());
            tokio::spawn(async move {
                let gone = ConsumerName::new("gone").unwrap();
                engine
                    .read(&group, &gone, 10, Duration::from_secs(60))
                    .await
                    .map(|held| held.len())
            })
        };
        if n % 2 == 0 {
            tokio::task::yield_now().await;
        }
        let appending = {
            let (engine, one) = (engine.handle(), event(&ids, n, "wanted"));
            tokio::spawn(async move { engine.append(&[one]).await.map(|_| ()) })
        };
        waiting.abort();
        appending.await.unwrap().unwrap();
        // It reached the reader, or it comes to the next; it is not held by one who is gone.
        let taken = waiting.await.map_or(0, Result::unwrap);
        if taken == 0 {
            let held = engine
                .read(&group, &me(), 10, Duration::from_secs(20))
                .await
                .unwrap();
            assert_eq!(held.len(), 1, "round {n}");
        }
    }
}

#[tokio::test]
async fn what_entries_are_about_goes_with_them() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("events.db");
    let engine = open(&path, Durability::Normal).unwrap();
    let ids = Ids::system(Clock::system());
    let batch: Vec<Append> = (0..100)
        .map(|n| {
            let mut event = event(&ids, 1, &n.to_string());
            event.about = vec!["member:discord:1:5".into(), format!("case:discord:1:{n}").into()];
            event
        })
        .collect();
    engine.append(&batch).await.unwrap();
    let stream = Stream::of(TYPE, &batch[0].key);
    engine
        .trim(stream, chrono::DateTime::UNIX_EPOCH, 10)
        .await
        .unwrap();
    let found = engine
        .about(stream, "member:discord:1:5", EntryId::ZERO, 1000)
        .await
        .unwrap();
    assert_eq!(found.len(), 10);
    assert!(
        engine
            .about(stream, "case:discord:1:5", EntryId::ZERO, 9)
            .await
            .unwrap()
            .is_empty()
    );
    engine.close().await;
    let rows = rusqlite::Connection::open(&path).unwrap();
    let kept: u32 = rows
        .query_row("SELECT count(*) FROM about", [], |row| row.get(0))
        .unwrap();
    assert_eq!(kept, 20);
}
