//! Telemetry from end to end: lines into a buffer, spans to a collector on this machine.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may fail it")]

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use lockdown_runtime::{Clock, Health, Metrics, telemetry};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use prost::Message;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tracing::Instrument;

mod common;

use common::{Lines, config};

/// Only a fault that waits for ever meets it.
const SAFETY: Duration = Duration::from_secs(30);

/// What came to a collector: the path, the content type, the body.
type Received = (String, String, Bytes);

async fn collector() -> (SocketAddr, mpsc::UnboundedReceiver<Received>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let sender = sender.clone();
            let service = service_fn(move |request: Request<Incoming>| {
                let sender = sender.clone();
                async move {
                    let path = request.uri().path().to_owned();
                    let form = request.headers()["content-type"].to_str().unwrap().to_owned();
                    let body = request.into_body().collect().await.unwrap().to_bytes();
                    sender.send((path, form, body)).unwrap();
                    Ok::<_, Infallible>(Response::new(Full::new(Bytes::new())))
                }
            });
            tokio::spawn(
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
            );
        }
    });
    (addr, receiver)
}

fn text(attributes: &[KeyValue], key: &str) -> Option<String> {
    let value = attributes
        .iter()
        .find(|attribute| attribute.key == key)?
        .value
        .as_ref()?;
    match value.value.as_ref()? {
        any_value::Value::StringValue(text) => Some(text.clone()),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spans_reach_the_collector_without_secrets() {
    let (addr, mut received) = collector().await;
    let endpoint = format!("http://{addr}");
    let config = config(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint),
        ("DISCORD_TOKEN", "the-token-of-the-bot"),
    ]);
    let lines = Lines::default();
    let out = lines.clone();
    let (subscriber, telemetry) =
        telemetry::build(&config, "worker", "1.2.3", move || out.clone(), false).unwrap();
    let dispatch = tracing::Dispatch::new(subscriber);
    let traceparent = tracing::dispatcher::with_default(&dispatch, || {
        let span = tracing::info_span!("case.close", case.id = 17, token = "the-token-of-the-bot");
        let _inside = span.enter();
        tracing::info!(token = "the-token-of-the-bot", "Closed with the-token-of-the-bot");
        telemetry::traceparent().unwrap()
    });
    tracing::dispatcher::with_default(&dispatch, || {
        let span = tracing::info_span!("case.told");
        telemetry::follow(&span, &traceparent);
        let ignored = tracing::info_span!("case.ignored");
        telemetry::follow(&ignored, "no traceparent at all");
    });
    tokio::task::spawn_blocking(move || telemetry.shutdown())
        .await
        .unwrap();

    let mut spans = Vec::new();
    while let Ok((path, form, body)) = received.try_recv() {
        assert_eq!(
            (path.as_str(), form.as_str()),
            ("/v1/traces", "application/x-protobuf")
        );
        for resource_spans in ExportTraceServiceRequest::decode(body).unwrap().resource_spans {
            let resource = resource_spans.resource.unwrap();
            assert_eq!(
                text(&resource.attributes, "service.name").as_deref(),
                Some("worker")
            );
            assert_eq!(
                text(&resource.attributes, "service.version").as_deref(),
                Some("1.2.3")
            );
            spans.extend(
                resource_spans
                    .scope_spans
                    .into_iter()
                    .flat_map(|scope| scope.spans),
            );
        }
    }
    let span = |name: &str| {
        spans
            .iter()
            .find(|span| span.name == name)
            .unwrap_or_else(|| panic!("no span {name}"))
    };
    let closed = span("case.close");
    assert_eq!(text(&closed.attributes, "token").as_deref(), Some("[redacted]"));
    assert_eq!(closed.events[0].name, "Closed with [redacted]");
    assert!(!format!("{spans:?}").contains("the-token-of-the-bot"));
    assert_eq!(
        span("case.told").parent_span_id,
        closed.span_id,
        "the trace goes on across processes"
    );
    assert_eq!(span("case.told").trace_id, closed.trace_id);
    assert_ne!(span("case.ignored").trace_id, closed.trace_id);
    assert!(
        lines.text().contains("Closed with [redacted]"),
        "{}",
        lines.text()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_away_costs_one_line_and_no_time() {
    // Bound and not listening: refused, and nobody else can take the port meanwhile.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let addr = socket.local_addr().unwrap();
    let endpoint = format!("http://user:hunter2@{addr}/base/");
    let config = config(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)]);
    let lines = Lines::default();
    let out = lines.clone();
    let (subscriber, telemetry) =
        telemetry::build(&config, "worker", "1.2.3", move || out.clone(), false).unwrap();
    // The exporter logs from its own threads, so this one is for all.
    tracing::subscriber::set_global_default(subscriber).unwrap();
    for _ in 0..5_000 {
        async {}.instrument(tracing::info_span!("work")).await;
    }
    let stopping = tokio::task::spawn_blocking(move || telemetry.shutdown());
    tokio::time::timeout(SAFETY, stopping)
        .await
        .expect("it hangs")
        .unwrap();
    let text = lines.text();
    assert_eq!(text.matches("Traces do not reach").count(), 1, "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(
        text.contains("/base/v1/traces") && !text.contains("hunter2"),
        "{text}"
    );
}

#[test]
fn lines_are_text_or_json_and_never_secret() {
    for format in ["text", "json"] {
        let config = config(&[
            ("LOCKDOWN_LOG_FORMAT", format),
            ("DATABASE_URL", "postgres://app:correct%20horse@db/x"),
            ("TELEGRAM_TOKEN", "42:short"),
        ]);
        let lines = Lines::default();
        let out = lines.clone();
        let (subscriber, telemetry) =
            telemetry::build(&config, "worker", "1.2.3", move || out.clone(), false).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            let _span = tracing::info_span!("work", password = "correct horse").entered();
            tracing::info!(url = "postgres://app:correct%20horse@db/x", token = ?"42:short", "Said \"correct horse\"");
            tracing::debug!("not at this level");
            telemetry
                .scrubber()
                .hide([lockdown_runtime::Secret::new("made just now")]);
            tracing::warn!("made just now");
        });
        let text = lines.text();
        for secret in ["horse", "42:short", "made just now"] {
            assert!(!text.contains(secret), "{text}");
        }
        assert_eq!(text.lines().count(), 2, "{text}");
        if format == "json" {
            let line: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
            assert_eq!(line["message"], "Said \"[redacted]\"");
            assert_eq!(line["level"], "INFO");
            assert_eq!(line["span"]["password"], "[redacted]");
        }
    }
}

#[test]
fn a_change_of_health_is_logged_once() {
    let lines = Lines::default();
    let out = lines.clone();
    let (subscriber, _telemetry) =
        telemetry::build(&config(&[]), "worker", "1.2.3", move || out.clone(), false).unwrap();
    tracing::subscriber::with_default(subscriber, || {
        let health = Health::new("worker", "1.2.3", Clock::system(), Metrics::local());
        let bus = health.component("bus", true);
        bus.up();
        bus.up();
        for attempt in 0..5 {
            bus.down(format!("Redis is away (attempt {attempt}); check REDIS_URL"));
        }
    });
    let text = lines.text();
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(text.contains("bus is up (was starting)"), "{text}");
    assert!(
        text.contains("bus is down (was up): Redis is away (attempt 0); check REDIS_URL"),
        "{text}"
    );
}
