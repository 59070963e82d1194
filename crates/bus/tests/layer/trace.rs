//! One trace from the publisher to the handler, and one chain in what handlers log.

use super::bench::{Faulty, left, told, until};
use super::consume::quick;
use crate::conformance::Fixture;
use lockdown_bus::{Bus, BusOptions, GroupName, Handler, Start};
use lockdown_events::{Event, Source};
use lockdown_runtime::{Clock, Config, Ids, telemetry};
use serde_json::Value;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tracing::Instrument;

fn event(number: u32) -> Event {
    left(1, number).0.event().unwrap()
}

/// Where an event said that it came from, and where its handler ran.
type Traced = (Option<String>, Option<String>);

/// What was logged.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The trace that a `traceparent` names, and its span.
fn parts(traceparent: &str) -> (&str, &str) {
    let mut parts = traceparent.split('-').skip(1);
    (parts.next().unwrap(), parts.next().unwrap())
}

pub(crate) async fn a_trace_goes_on_in_the_handler(fixture: &impl Fixture) {
    // Nobody takes the spans; that they are made is enough.
    let config = Config::from_map([
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9"),
        ("RUST_LOG", "info"),
        ("LOCKDOWN_LOG_FORMAT", "json"),
    ])
    .unwrap();
    let lines = Lines::default();
    let out = lines.clone();
    let (subscriber, _telemetry) =
        telemetry::build(&config, "worker", "1.2.3", move || out.clone(), false).unwrap();
    // For this thread, on which everything here runs.
    let _installed = tracing::subscriber::set_default(subscriber);

    let log = Faulty::over(fixture).await;
    let clock = Clock::system();
    let options = BusOptions::new(Source::Worker);
    let bus = Bus::start(log.clone(), options, clock.clone(), Ids::system(clock))
        .await
        .unwrap();
    let seen: Arc<Mutex<Vec<Traced>>> = Arc::default();
    let (telling, answering) = (Arc::clone(&seen), bus.clone());
    let handler = Handler::new("tell", ["user:left"], move |received| {
        let (telling, bus) = (Arc::clone(&telling), answering.clone());
        async move {
            let carried = received
                .envelope
                .traceparent
                .as_ref()
                .map(|of| of.as_str().to_owned());
            telling.lock().unwrap().push((carried, telemetry::traceparent()));
            tracing::info!(chain = %received.envelope.correlation_id, "Told");
            if told(&received.event) == (1, 1) {
                bus.publish_after(&received.envelope, "next", &event(2))
                    .await
                    .unwrap();
            }
            Ok(())
        }
    });
    let group = GroupName::new("test.trace").unwrap();
    bus.consume(group, &Start::Oldest, vec![handler], quick())
        .await
        .unwrap();

    let span = tracing::info_span!("case.close");
    let ours = async {
        bus.publish(&event(1)).await.unwrap();
        telemetry::traceparent().unwrap()
    }
    .instrument(span)
    .await;
    until("both are handled", || async { seen.lock().unwrap().len() == 2 }).await;
    bus.close(Duration::from_secs(10)).await;

    let all = seen.lock().unwrap().clone();
    let [(first_from, first_in), (next_from, next_in)] = &all[..] else {
        panic!("{all:?}")
    };
    let [first_in, next_from, next_in] = [first_in, next_from, next_in].map(|text| text.as_deref().unwrap());
    assert_eq!(first_from.as_deref(), Some(&*ours));
    assert_eq!(
        next_from, first_in,
        "what follows from it was published by its handler"
    );
    let (trace, _) = parts(&ours);
    for inside in [first_in, next_in] {
        assert_eq!(parts(inside).0, trace, "another trace");
    }
    let spans = [&ours, first_in, next_in].map(|text| parts(text).1);
    assert!(
        spans[0] != spans[1] && spans[1] != spans[2],
        "{spans:?}: each has a span of its own"
    );
    // Whatever a handler logs names the chain of its event.
    let logged = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let logged = logged.lines().map(|line| serde_json::from_str(line).unwrap());
    let logged: Vec<Value> = logged.filter(|line: &Value| line["message"] == "Told").collect();
    assert_eq!(logged.len(), 2);
    for line in &logged {
        assert!(line["chain"].is_string(), "{line}");
        assert_eq!(line["span"]["correlation.id"], line["chain"], "{line}");
    }
    assert_eq!(
        logged[0]["chain"], logged[1]["chain"],
        "what follows is of the same chain"
    );
}
