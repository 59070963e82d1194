//! Keeping house: what goes, and what the counters and gauges say.

use super::bench::{Faulty, SAFETY, left, told, until};
use super::consume::{Seen, consumer, publish, quick};
use crate::conformance::{self, Fixture};
use lockdown_bus::{
    Archive, Class, ConsumerName, DeadFilter, Engine, EntryId, FileArchive, Group, GroupName, Handler,
    HandlerError, Janitor, JanitorOptions, Publisher, PublisherOptions, Retention, Settlement, Start, Stored,
    Stream, health,
};
use lockdown_events::Envelope;
use lockdown_runtime::health::Status;
use lockdown_runtime::{Clock, Health, Metrics};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

fn janitor(log: &Arc<Faulty>, name: &str, options: JanitorOptions) -> Janitor {
    let name = ConsumerName::new(name).unwrap();
    Janitor::new(log.clone(), name, options, Clock::system())
}

/// What a metric with these labels says; 0 where it is not there.
fn value(metrics: &Metrics, name: &str) -> f64 {
    let text = metrics.render();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map_or(0.0, |value| value.parse().unwrap())
}

pub(crate) async fn one_cleans_up_at_a_time(fixture: &impl Fixture) {
    let log = Faulty::over(fixture).await;
    publish(&log, 1, 0..50).await;
    let none = Retention {
        keep: Duration::from_secs(60),
        most: 10,
    };
    let options = JanitorOptions {
        system: none,
        dead: Retention {
            keep: Duration::from_secs(60),
            most: 0,
        },
        ..JanitorOptions::default()
    };
    let (mut one, mut other) = (janitor(&log, "one", options), janitor(&log, "other", options));
    let never = Handler::new("never", ["user:left"], |_| async {
        Err(HandlerError::Never("no".to_owned()))
    });
    let dying = consumer(&log, vec![never], quick()).await;
    until("all are dead", || async { log.dead().await.len() == 50 }).await;
    dying.stop(Duration::from_secs(10)).await;
    assert!(one.round().await.unwrap());
    assert_eq!(log.stored().await.len(), 10);
    assert!(
        log.dead_letters(&DeadFilter::default(), None, 1)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(!other.round().await.unwrap(), "the other has the lease");
    assert!(one.round().await.unwrap(), "and keeps it");
}

pub(crate) async fn a_group_that_nobody_reads_for_is_reported_once_a_day(fixture: &impl Fixture) {
    let log = Faulty::over(fixture).await;
    let metrics = Metrics::global();
    let groups = ["test.forgotten", "test.idle"].map(|name| Group {
        name: GroupName::new(name).unwrap(),
        classes: vec![Class::System],
    });
    for group in &groups {
        log.open_group(group, &Start::Oldest).await.unwrap();
    }
    let options = JanitorOptions {
        silent: Duration::ZERO,
        ..JanitorOptions::default()
    };
    let mut janitor = janitor(&log, "me", options);
    let reported = || {
        let count = |name| {
            value(
                &metrics,
                &format!(r#"lockdown_bus_silent_groups_total{{group="test.{name}"}}"#),
            )
        };
        [count("forgotten"), count("idle")]
    };
    assert!(janitor.round().await.unwrap());
    assert_eq!(reported(), [0.0, 0.0], "nothing waits for them");
    publish(&log, 1, 0..5).await;
    let (engine, me): (Arc<dyn Engine>, _) = (log.clone(), conformance::consumer("me"));
    let held = conformance::take(&engine, &groups[1], &me, 5).await;
    conformance::settle(&engine, &groups[1], &me, &held, &Settlement::Ack).await;
    for _ in 0..3 {
        assert!(janitor.round().await.unwrap());
        assert_eq!(reported(), [1.0, 0.0]);
    }
}

/// The stream of the events that [`publish`] makes for a community.
fn stream_of(guild: u32) -> Stream {
    Stream::of("user:left", &left(guild, 0).1)
}

fn system(keep: Duration, most: u64) -> JanitorOptions {
    JanitorOptions {
        system: Retention { keep, most },
        ..JanitorOptions::default()
    }
}

/// The numbers that some entries tell.
fn numbers<'a>(entries: impl IntoIterator<Item = &'a Stored>) -> Vec<u32> {
    let number = |entry: &Stored| told(&Envelope::decode(&entry.envelope).unwrap().event().unwrap()).1;
    entries.into_iter().map(number).collect()
}

pub(crate) async fn a_bounded_stream_keeps_to_its_cap_and_its_loss_is_counted(fixture: &impl Fixture) {
    const CAP: u64 = 100;
    const STEP: u32 = 40;
    let log = Faulty::over(fixture).await;
    let engine: Arc<dyn Engine> = log.clone();
    let metrics = Metrics::global();
    let stream = stream_of(7);
    let counter = format!(r#"lockdown_bus_trimmed_unread_total{{stream="{stream}"}}"#);
    let before = value(&metrics, &counter);
    let lost = || value(&metrics, &counter) - before;
    let group = Group {
        name: GroupName::new("test.bounded").unwrap(),
        classes: vec![Class::System],
    };
    engine.open_group(&group, &Start::Oldest).await.unwrap();
    let (slow, late) = (conformance::consumer("slow"), conformance::consumer("late"));
    let mut janitor = janitor(&log, "me", system(Duration::ZERO, CAP));
    let mut acknowledged = 0;
    for step in 0..10 {
        publish(&log, 7, step * STEP..(step + 1) * STEP).await;
        // It is slower than they come, and never ends some of them.
        let held = conformance::take(&engine, &group, &slow, 15).await;
        conformance::settle(&engine, &group, &slow, &held[..10], &Settlement::Ack).await;
        acknowledged += 10;
        assert!(engine.length(stream).await.unwrap() <= CAP + u64::from(STEP));
        assert!(janitor.round().await.unwrap());
        assert!(engine.length(stream).await.unwrap() <= CAP);
        let published = (step + 1) * STEP;
        if u64::from(published) <= CAP {
            assert_eq!(lost(), 0.0, "what is not settled stays below the cap");
        }
    }
    // What is still there can be handled; the rest was counted.
    loop {
        let mut held = engine
            .take_over(&group, &late, Duration::ZERO, 500)
            .await
            .unwrap();
        held.extend(engine.read(&group, &late, 500, conformance::QUIET).await.unwrap());
        if held.is_empty() {
            break;
        }
        acknowledged += held.len();
        conformance::settle(&engine, &group, &late, &held, &Settlement::Ack).await;
    }
    assert!(lost() > 0.0);
    assert_eq!(lost(), (10 * STEP as usize - acknowledged) as f64);
    let stats = engine.stats().await.unwrap();
    let group = stats.group(&group.name).unwrap();
    assert_eq!((group.pending(), group.lag()), (0, Some(0)));
}

pub(crate) async fn what_is_let_go_is_in_the_archive(fixture: &impl Fixture) {
    let log = Faulty::over(fixture).await;
    let directory = tempfile::tempdir().unwrap();
    let archive: Arc<dyn Archive> = Arc::new(FileArchive::new(directory.path().join("archive")));
    let options = JanitorOptions {
        messages: Retention {
            keep: Duration::ZERO,
            most: 0,
        },
        ..system(Duration::ZERO, 10)
    };
    let mut janitor = janitor(&log, "me", options).with_archive(Arc::clone(&archive));
    let stream = stream_of(1);
    for step in 0..3 {
        publish(&log, 1, step * 50..(step + 1) * 50).await;
        let message = conformance::event("message:created", 1, "what somebody wrote");
        log.append(std::slice::from_ref(&message)).await.unwrap();
        tokio::time::sleep(Duration::from_millis(2)).await;
        assert!(janitor.round().await.unwrap());
    }
    let gone = archive.page(stream, EntryId::ZERO, 1000).await.unwrap();
    let stored = log.stored().await;
    assert!(gone.len() >= 140, "{} are archived", gone.len());
    let mut all = numbers(&gone);
    let last = gone.last().unwrap().position.id;
    // Cut off between the two, an entry lies in both.
    all.extend(numbers(stored.iter().filter(|entry| entry.position.id > last)));
    assert_eq!(all, (0..150).collect::<Vec<u32>>());
    // What people write is not kept longer than is said.
    for stream in Class::Message.streams() {
        assert!(archive.page(stream, EntryId::ZERO, 10).await.unwrap().is_empty());
        assert_eq!(log.length(stream).await.unwrap(), 0);
    }
}

pub(crate) async fn an_archive_that_cannot_be_used_keeps_what_is_old_but_not_too_much(
    fixture: &impl Fixture,
) {
    let log = Faulty::over(fixture).await;
    let metrics = Metrics::global();
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("archive");
    std::fs::write(&place, "no directory").unwrap();
    let archive: Arc<dyn Archive> = Arc::new(FileArchive::new(&place));
    let stream = stream_of(1);
    let counted = || {
        ["failures", "missing"].map(|what| {
            value(
                &metrics,
                &format!(r#"lockdown_bus_archive_{what}_total{{stream="{stream}"}}"#),
            )
        })
    };
    let before = counted();
    let mut janitor = janitor(&log, "me", system(Duration::ZERO, 60)).with_archive(Arc::clone(&archive));
    publish(&log, 1, 0..50).await;
    tokio::time::sleep(Duration::from_millis(2)).await;
    assert!(janitor.round().await.unwrap());
    assert_eq!(log.length(stream).await.unwrap(), 50, "it is old, and waits");
    publish(&log, 1, 50..100).await;
    assert!(janitor.round().await.unwrap());
    assert_eq!(log.length(stream).await.unwrap(), 60, "but the cap holds");
    let after = counted();
    assert_eq!([after[0] - before[0], after[1] - before[1]], [2.0, 40.0]);
    // It goes on by itself when the archive can be used.
    std::fs::remove_file(&place).unwrap();
    tokio::time::sleep(Duration::from_millis(2)).await;
    assert!(janitor.round().await.unwrap());
    let gone = archive.page(stream, EntryId::ZERO, 1000).await.unwrap();
    assert_eq!(numbers(&gone), (40..100).collect::<Vec<u32>>());
}

/// The recorder is the process's, so what is counted here has labels that nobody else uses.
pub(crate) async fn metrics_say_what_happened(fixture: &impl Fixture) {
    let metrics = Metrics::global();
    let log = Faulty::over(fixture).await;
    let other = r#"lockdown_bus_published_total{channel="other"}"#;
    let before = value(&metrics, other);
    let publisher = Publisher::start(log.clone(), PublisherOptions::default());
    for number in 0..7 {
        let (envelope, key) = left(1, number);
        let invented = envelope.encode().replace("user:left", "user:invented");
        let envelope = Envelope::decode(&invented).unwrap();
        publisher.publish(&envelope, key, false).await.unwrap();
    }
    assert_eq!(value(&metrics, other) - before, 7.0);
    assert!(!metrics.render().contains("user:invented"));

    publish(&log, 2, 0..20).await;
    let seen = Seen::default();
    let counting = seen.clone();
    let handler = Handler::new("picky", ["user:left"], move |received| {
        let told = told(&received.event);
        let outcome = match told.1 % 10 {
            3 if received.attempt < 3 => Err(HandlerError::Again("later".to_owned())),
            4 => Err(HandlerError::Never("no".to_owned())),
            _ => Ok(()),
        };
        if outcome.is_ok() {
            counting.note(told);
        }
        async { outcome }
    });
    let of = |name: &str| format!(r#"{name}{{group="test.layer"}}"#);
    let names = [
        of("lockdown_bus_retries_total"),
        of("lockdown_bus_dead_total"),
        of("lockdown_bus_age_seconds_count"),
    ];
    let before = names.clone().map(|name| value(&metrics, &name));
    let consumer = consumer(&log, vec![handler], quick()).await;
    until("all are handled or dead", || async {
        seen.count() == 18 && log.dead().await.len() == 2
    })
    .await;
    consumer.stop(Duration::from_secs(10)).await;
    metrics.upkeep();
    let after = names.map(|name| value(&metrics, &name));
    let counted: Vec<f64> = after
        .iter()
        .zip(before)
        .map(|(after, before)| after - before)
        .collect();
    assert_eq!(counted, [4.0, 2.0, 20.0]);

    assert!(
        janitor(&log, "me", JanitorOptions::default())
            .round()
            .await
            .unwrap()
    );
    let gauge = |name: &str| value(&metrics, &of(name));
    assert_eq!(gauge("lockdown_bus_group_lag"), 0.0);
    assert_eq!(gauge("lockdown_bus_group_pending"), 0.0);
    assert_eq!(gauge("lockdown_bus_group_dead"), 2.0);
    let stats = log.stats().await.unwrap();
    let group = stats.group(&GroupName::new("test.layer").unwrap()).unwrap();
    assert_eq!(
        (group.dead, group.consumers.len()),
        (2, 0),
        "who stopped is no consumer any more"
    );
    publisher.close().await;
}

pub(crate) async fn health_is_as_the_engine_is(fixture: &impl Fixture) {
    let log = Faulty::over(fixture).await;
    let health = Health::new("worker", "1.2.3", Clock::system(), Metrics::local());
    let watching = tokio::spawn(health::watch(log.clone(), health.component("bus", true)));
    let reaches = async |status: Status| {
        let mut report = health.watch();
        let reached = report.wait_for(|report| report.status == status);
        tokio::time::timeout(SAFETY, reached).await.unwrap().unwrap();
    };
    reaches(Status::Up).await;
    log.away.store(true, Ordering::SeqCst);
    reaches(Status::Down).await;
    log.away.store(false, Ordering::SeqCst);
    reaches(Status::Up).await;
    log.close().await;
    reaches(Status::Down).await;
    watching.await.unwrap();
}
