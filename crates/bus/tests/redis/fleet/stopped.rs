//! A process that stands still, is taken for dead, and wakes up; and one that is dead.

use super::{LIMIT, engine, eventually};
use lockdown_bus::{
    Append, Consumer, ConsumerName, ConsumerOptions, DeadFilter, Engine, GroupName, GroupStats, Handler, Key,
    Start,
};
use lockdown_events::{
    Envelope, Event, EventId, GuildId, Names, Platform, Source, UserEvent, UserId, UserLeft,
};
use lockdown_runtime::{Clock, Ids};
use lockdown_testkit::programs::example;
use lockdown_testkit::servers::{Fsync, RedisOptions, redis_private_with};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};

const GROUP: &str = "test.stopped";

/// A process that consumes. It ends with this.
struct Stopped(Child);

// === impl Stopped ===

impl Stopped {
    fn start(url: &str, notes: &Path) -> Self {
        let task = serde_json::json!({
            "engine": { "redis": url }, "parts": [{ "consume": { "group": GROUP, "name": "sleeper" } }],
            "notes": notes, "run": 1, "trouble": false,
        });
        Self(
            Command::new(example("chaos_child"))
                .arg(task.to_string())
                .spawn()
                .unwrap(),
        )
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([name, &self.0.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn left(ids: &Ids, number: usize) -> Append {
    let guild_id = GuildId::new(&(number % 50).to_string()).unwrap();
    let key = Key::community(Platform::Discord, &guild_id);
    let event = Event::from(UserEvent::Left(UserLeft {
        platform: Platform::Discord,
        guild_id,
        user_id: UserId::new(&number.to_string()).unwrap(),
        names: Names::default(),
    }));
    let id = EventId(ids.next());
    let envelope = Envelope::new(id, Clock::system().now(), Source::DiscordBot, None, &event).unwrap();
    Append {
        event_id: id,
        channel: envelope.event_type().into(),
        key,
        envelope: envelope.encode().into(),
        once: false,
        quiet: false,
        about: Vec::new(),
    }
}

/// How often the process noted that it handled something.
fn noted(notes: &Path) -> usize {
    let text = std::fs::read_to_string(notes.join(format!("{GROUP}.sleeper.1"))).unwrap_or_default();
    text.lines().filter(|line| line.starts_with("h ")).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_stopped_process_held_goes_to_another_and_its_late_word_harms_nobody() {
    taken_over("-STOP").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_process_held_goes_to_another() {
    taken_over("-KILL").await;
}

/// A process with something in hand gets this signal; another does its work.
async fn taken_over(signal: &str) {
    let server = redis_private_with(RedisOptions::append_only(Fsync::EverySecond));
    let engine: Arc<dyn Engine> = Arc::new(engine(&server.url()).await);
    let (notes, ids) = (tempfile::tempdir().unwrap(), Ids::system(Clock::system()));
    let mut stopped = Stopped::start(&server.url(), notes.path());
    let group = GroupName::new(GROUP).unwrap();
    let holds = async || {
        let stats = engine.stats().await.unwrap();
        stats.group(&group).map_or(0, GroupStats::pending)
    };
    let mut published = BTreeSet::new();
    let mut publish = async |count: usize| {
        let batch: Vec<Append> = (0..count).map(|number| left(&ids, number)).collect();
        published.extend(batch.iter().map(|event| event.event_id));
        for result in engine.append(&batch).await.unwrap() {
            result.unwrap();
        }
    };
    // With something in hand: tried until the signal meets it so.
    for round in 0.. {
        assert!(round < 100, "a signal never met it in the middle of its work");
        publish(400).await;
        let before = noted(notes.path());
        eventually("it works", async || (noted(notes.path()) > before).then_some(())).await;
        stopped.signal(signal);
        if holds().await > 0 {
            break;
        }
        if signal == "-KILL" {
            stopped = Stopped::start(&server.url(), notes.path());
        } else {
            stopped.signal("-CONT");
        }
    }

    let seen: Arc<Mutex<BTreeSet<EventId>>> = Arc::default();
    let seeing = Arc::clone(&seen);
    let handler = Handler::new("see", ["user:left"], move |received| {
        seeing.lock().unwrap().insert(received.envelope.event_id);
        async { Ok(()) }
    });
    let options = ConsumerOptions {
        visibility: std::time::Duration::from_secs(2),
        ..ConsumerOptions::default()
    };
    let name = ConsumerName::new("awake").unwrap();
    let other = Consumer::start(
        Arc::clone(&engine),
        group.clone(),
        name,
        &Start::Oldest,
        vec![handler],
        options,
        Clock::system(),
    )
    .await
    .unwrap();
    let settled = async || {
        let stats = engine.stats().await.unwrap();
        let group = stats.group(&group).unwrap();
        (group.pending() == 0 && group.lag() == Some(0)).then_some(())
    };
    eventually("the other has taken over and handled it", settled).await;
    assert!(!seen.lock().unwrap().is_empty());

    if signal == "-STOP" {
        // It wakes up with what it held then, says so, and goes on like nothing happened.
        let before = noted(notes.path());
        stopped.signal("-CONT");
        other.stop(LIMIT).await;
        publish(100).await;
        eventually("it works again", async || {
            (noted(notes.path()) > before).then_some(())
        })
        .await;
        eventually("everything is settled", settled).await;
    }
    let dead = engine
        .dead_letters(&DeadFilter::default(), None, 10)
        .await
        .unwrap();
    assert!(dead.is_empty(), "{dead:?}");
    let mut handled = seen.lock().unwrap().clone();
    let text = std::fs::read_to_string(notes.path().join(format!("{GROUP}.sleeper.1"))).unwrap();
    handled.extend(text.lines().filter_map(|line| {
        let id = line.strip_prefix("h ")?.split(' ').next()?;
        Some(EventId(id.parse().unwrap()))
    }));
    assert_eq!(handled, published);
}
