//! In a process of its own: the exporter logs from its own threads, so the subscriber is the whole process's.

mod common;

use common::{Lines, config};
use lockdown_runtime::telemetry;
use std::time::Duration;
use tokio::net::TcpListener;
use tracing::Instrument;

/// Only a fault that waits for ever meets it.
const SAFETY: Duration = Duration::from_secs(30);

/// A collector that takes a batch and never answers. Its own limit is longer than the two seconds of a stop: the line that
/// it is away must not have come when the stop is over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_never_answers_does_not_hold_a_stop() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let config = config(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)]);
    let lines = Lines::default();
    let out = lines.clone();
    let (subscriber, telemetry) =
        telemetry::build(&config, "worker", "1.2.3", move || out.clone(), false).unwrap();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    async {}.instrument(tracing::info_span!("work")).await;
    let stopping = tokio::task::spawn_blocking(move || telemetry.shutdown());
    let (_held_open, _) = tokio::time::timeout(SAFETY, listener.accept())
        .await
        .expect("no batch came")
        .unwrap();
    tokio::time::timeout(SAFETY, stopping)
        .await
        .expect("it hangs")
        .unwrap();
    assert_eq!(lines.text(), "");
}
