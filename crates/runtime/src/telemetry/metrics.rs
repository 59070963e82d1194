//! Metrics in Prometheus' text form, without a listener of their own: `ops` or the backend serves them.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use metrics_process::Collector;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

/// Bounds of histograms, in seconds: half a millisecond to half a minute.
const SECONDS: &[f64] = &[
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];
/// Bounds of histograms whose name ends in `_bytes`.
const BYTES: &[f64] = &[
    256.0,
    1024.0,
    4096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    8_388_608.0,
];
/// Bounds of histograms whose name ends in `_size` or `_count`: how many at once.
const COUNTS: &[f64] = &[1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0];

/// How often histograms are drained, so that they do not grow between two scrapes.
const UPKEEP: Duration = Duration::from_secs(5);

/// The recorder of a process, or of a test. Cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    recorder: Arc<PrometheusRecorder>,
    handle: PrometheusHandle,
    process: Arc<Collector>,
}

// === impl Metrics ===

impl Metrics {
    /// A recorder of its own; what the `metrics` macros record only reaches it inside of [`Metrics::record`].
    pub fn local() -> Self {
        let builder = PrometheusBuilder::new()
            .set_buckets(SECONDS)
            .and_then(|builder| builder.set_buckets_for_metric(Matcher::Suffix("_bytes".into()), BYTES))
            .and_then(|builder| builder.set_buckets_for_metric(Matcher::Suffix("_size".into()), COUNTS))
            .and_then(|builder| builder.set_buckets_for_metric(Matcher::Suffix("_count".into()), COUNTS));
        let recorder = builder.expect("the bounds are not empty").build_recorder();
        let handle = recorder.handle();
        let metrics = Self {
            recorder: Arc::new(recorder),
            handle,
            process: Arc::new(Collector::default()),
        };
        metrics.record(|| {
            metrics.process.describe();
            ::metrics::describe_gauge!("lockdown_build_info", "Always 1; the labels say what runs");
            ::metrics::describe_gauge!(
                "lockdown_component_up",
                "1 while the component works, 0 otherwise"
            );
        });
        metrics
    }

    /// The recorder of this process, behind the `metrics` macros everywhere. Every call gives the same one.
    ///
    /// A process that already records elsewhere (a test binary with a recorder of its own) keeps doing so.
    pub fn global() -> Self {
        static GLOBAL: OnceLock<Metrics> = OnceLock::new();
        let install = || {
            let metrics = Self::local();
            if ::metrics::set_global_recorder(Arc::clone(&metrics.recorder)).is_err() {
                tracing::warn!(
                    "Metrics are already recorded elsewhere in this process; /metrics shows only a part"
                );
            }
            metrics
        };
        GLOBAL.get_or_init(install).clone()
    }

    /// Runs `f` with the `metrics` macros recording here, on this thread.
    pub fn record<T>(&self, f: impl FnOnce() -> T) -> T {
        ::metrics::with_local_recorder(&*self.recorder, f)
    }

    /// Notes that `service` runs in this process, in this version.
    pub fn build_info(&self, service: &str, version: &str) {
        let labels = [("service", service.to_owned()), ("version", version.to_owned())];
        self.record(|| ::metrics::gauge!("lockdown_build_info", &labels).set(1.0));
    }

    /// Everything recorded so far, with the process's memory, CPU and files as they are now.
    pub fn render(&self) -> String {
        self.record(|| self.process.collect());
        self.handle.render()
    }

    /// Moves recorded samples into their histograms.
    pub fn upkeep(&self) {
        self.handle.run_upkeep();
    }

    /// Runs [`Metrics::upkeep`] for as long as the runtime lives.
    pub fn spawn_upkeep(&self, runtime: &Handle) -> JoinHandle<()> {
        let metrics = self.clone();
        runtime.spawn(async move {
            let mut ticks = tokio::time::interval(UPKEEP);
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                metrics.upkeep();
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_recorded_is_rendered() {
        let metrics = Metrics::local();
        metrics.build_info("worker", "1.2.3");
        metrics.record(|| {
            ::metrics::counter!("lockdown_events_total", "type" => "ban:created").increment(3);
            ::metrics::histogram!("lockdown_handle_seconds").record(0.003);
            ::metrics::histogram!("lockdown_body_bytes").record(5000.0);
        });
        let text = metrics.render();
        for line in [
            "lockdown_build_info{service=\"worker\",version=\"1.2.3\"} 1",
            "lockdown_events_total{type=\"ban:created\"} 3",
            "lockdown_handle_seconds_bucket{le=\"0.0025\"} 0",
            "lockdown_handle_seconds_bucket{le=\"0.005\"} 1",
            "lockdown_handle_seconds_count 1",
            "lockdown_body_bytes_bucket{le=\"16384\"} 1",
        ] {
            assert!(
                text.lines().any(|have| have == line),
                "{line} is missing in\n{text}"
            );
        }
        let memory = text
            .lines()
            .find(|line| line.starts_with("process_resident_memory_bytes "))
            .unwrap();
        let bytes: f64 = memory.split(' ').next_back().unwrap().parse().unwrap();
        assert!(bytes > 100_000.0, "{memory}");
    }

    #[test]
    fn two_local_recorders_do_not_mix() {
        let (one, other) = (Metrics::local(), Metrics::local());
        one.record(|| ::metrics::counter!("only_here").increment(1));
        assert!(one.render().contains("only_here"));
        assert!(!other.render().contains("only_here"));
    }

    #[test]
    fn the_global_one_is_the_same_for_every_service() {
        let (one, other) = (Metrics::global(), Metrics::global());
        ::metrics::counter!("lockdown_global_total").increment(2);
        assert!(one.render().contains("lockdown_global_total 2"));
        assert!(other.render().contains("lockdown_global_total 2"));
    }
}
