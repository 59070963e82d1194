//! Keeping house: what goes, and what the counters and gauges say.

use super::bench::{Faulty, SAFETY, left, until};
use super::consume::{Seen, consumer, publish, quick};
use crate::conformance::{self, Fixture};
use lockdown_bus::{
    Class, ConsumerName, DeadFilter, Engine, Group, GroupName, Handler, HandlerError, Janitor,
    JanitorOptions, Publisher, PublisherOptions, Retention, Settlement, Start, health,
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
        let told = super::bench::told(&received.event);
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
