//! What a hub leaves behind, and what it says of itself.

use super::*;
use crate::embedded::{EmbeddedEngine, Options};
use futures_util::FutureExt;
use lockdown_runtime::Clock;
use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};
use std::collections::BTreeMap;

fn engine() -> (Arc<dyn Engine>, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("events.db");
    let engine = EmbeddedEngine::open(&path, &Options::default(), Clock::system()).unwrap();
    (Arc::new(engine), directory)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_who_came_and_went_leave_nothing_behind() {
    let (engine, _directory) = engine();
    let hub = Hub::start(Arc::clone(&engine), HubOptions::default());
    let options = ListenOptions::default();
    for number in 0..10_000 {
        let own = format!("notifications:{number}");
        let patterns = [own.as_str(), "presence", "ban:*"];
        let subscription = hub.subscribe(&patterns, &options).await.unwrap();
        match number % 4 {
            0 => subscription.unsubscribe().await,
            1 => drop(subscription),
            2 => {
                // Given up while it waits.
                let _ = hub.subscribe(&["kick:*", &own], &options).now_or_never();
            }
            _ => {
                let busy = hub.on("test", &["mute:*"], &options, async |_| ()).await;
                drop(busy.unwrap());
            }
        }
    }
    // The dispatcher has dealt with all of it when it has dealt with this.
    let last = hub.subscribe(&["last"], &options).await.unwrap();
    last.unsubscribe().await;
    assert!(lock(&hub.shared.table).is_empty());
    for channel in [
        "notifications:1",
        "presence",
        "ban:created",
        "kick:x",
        "mute:x",
        "last",
    ] {
        assert_eq!(engine.say(channel, "nobody").await.unwrap(), 0, "{channel}");
    }
    // The dispatcher goes with the hub, and the connection with it.
    let table = Arc::downgrade(&hub.shared.table);
    drop(hub);
    let gone = async {
        while table.strong_count() > 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gone)
        .await
        .expect("the dispatcher ends");
}

/// Every metric by name and labels.
#[derive(Default)]
struct Seen(Mutex<BTreeMap<String, f64>>);

struct Line(Arc<Seen>, String);

impl Line {
    fn add(&self, value: f64) {
        *lock(&self.0.0).entry(self.1.clone()).or_default() += value;
    }
}

impl CounterFn for Line {
    fn increment(&self, value: u64) {
        self.add(f64::from(u32::try_from(value).unwrap()));
    }
    fn absolute(&self, _: u64) {
        unreachable!("nothing is counted so");
    }
}

impl GaugeFn for Line {
    fn increment(&self, value: f64) {
        self.add(value);
    }
    fn decrement(&self, value: f64) {
        self.add(-value);
    }
    fn set(&self, _: f64) {
        unreachable!("nothing is set");
    }
}

impl HistogramFn for Line {
    fn record(&self, _: f64) {
        self.add(1.0);
    }
}

struct Watch(Arc<Seen>);

impl Watch {
    fn line(&self, key: &Key) -> Arc<Line> {
        let labels: Vec<String> = key.labels().map(|label| label.value().to_owned()).collect();
        let name = key.name().trim_start_matches("lockdown_bus_");
        Arc::new(Line(
            Arc::clone(&self.0),
            format!("{name} {}", labels.join(" ")).trim().to_owned(),
        ))
    }
}

impl Recorder for Watch {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.line(key))
    }
    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.line(key))
    }
    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.line(key))
    }
}

/// On one thread, which is the one that is watched.
#[tokio::test]
async fn the_metrics_count_what_happened_and_name_no_one() {
    let seen = Arc::<Seen>::default();
    let watch = Watch(Arc::clone(&seen));
    let _watching = metrics::set_default_local_recorder(&watch);
    let (engine, _directory) = engine();
    let hub = Hub::start(Arc::clone(&engine), HubOptions::default());
    let small = ListenOptions {
        frames: 10,
        ..ListenOptions::default()
    };
    let mut slow = hub
        .subscribe(&["notifications:7", "notifications:8"], &small)
        .await
        .unwrap();
    let (calls, mut called) = mpsc::unbounded_channel();
    let handler = move |heard| {
        let calls = calls.clone();
        async move {
            calls.send(()).unwrap();
            assert!(
                matches!(heard, Heard::Said(said) if &*said.text != "7"),
                "as the test asked"
            );
        }
    };
    let listening = hub
        .on("bell", &["*"], &ListenOptions::default(), handler)
        .await
        .unwrap();
    for number in 0..25 {
        let channel = format!("notifications:{}", 7 + number % 2);
        engine.say(&channel, &number.to_string()).await.unwrap();
        called.recv().await.unwrap();
    }
    engine.say("ban:created", "{}").await.unwrap();
    called.recv().await.unwrap();
    assert!(matches!(
        slow.next().await,
        Some(Heard::Missed { count: Some(15) })
    ));
    let subscribers = |now: [f64; 2]| {
        let seen = lock(&seen.0);
        assert_eq!(seen["subscribers notifications:*"], now[0]);
        assert_eq!(seen["subscribers *"], now[1]);
    };
    subscribers([2.0, 1.0]);
    listening.unsubscribe().await;
    drop(slow);
    subscribers([0.0, 0.0]);
    // The handler's last call is measured when it has returned.
    assert_eq!(called.recv().await, None);
    let seen: Vec<String> = lock(&seen.0)
        .iter()
        .filter(|(line, _)| line.starts_with("live") || line.starts_with("subscribers"))
        .map(|(line, value)| format!("{line} {value}"))
        .collect();
    assert_eq!(
        seen,
        [
            "live_handle_seconds ban:created bell ok 1",
            "live_handle_seconds notifications:* bell ok 24",
            "live_handle_seconds notifications:* bell panicked 1",
            "live_missed_total notifications:* 15",
            "live_panics_total bell 1",
            "subscribers * 0",
            "subscribers notifications:* 0",
        ]
    );
}
