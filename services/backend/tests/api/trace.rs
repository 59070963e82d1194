//! One trace from a request to whoever hears of its effect.

use crate::house::{HERE, House, say};
use lockdown_bus::{Heard, ListenOptions};
use lockdown_runtime::Config;
use lockdown_runtime::telemetry::{self, Telemetry};
use reqwest::Method;
use serde_json::json;
use std::sync::OnceLock;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

/// Makes spans in the whole process; nobody takes them.
fn trace() {
    static MADE: OnceLock<Telemetry> = OnceLock::new();
    MADE.get_or_init(|| {
        let config = Config::from_map([
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9"),
            ("RUST_LOG", "off"),
        ]);
        let (subscriber, telemetry) =
            telemetry::build(&config.unwrap(), "backend", "1.2.3", std::io::sink, false).unwrap();
        tracing::subscriber::set_global_default(subscriber).unwrap();
        telemetry
    });
}

pub(crate) async fn a_trace_goes_on_from_a_request_to_its_event(house: House) {
    trace();
    let heard = house
        .bus
        .live()
        .subscribe(&["ban:created"], &ListenOptions::default())
        .await;
    let mut heard = heard.unwrap();
    lockdown_backend::relay(&house.ctx, house.store.clone(), house.bus.clone());
    let path = format!("{HERE}/bans");
    // A text that is no trace changes nothing.
    for (number, traceparent) in [
        (1, format!("00-{TRACE}-{SPAN}-01")),
        (2, "00-nonsense-01".to_owned()),
    ] {
        let request = house
            .ask("moderator", Method::POST, &path)
            .header("traceparent", traceparent);
        let said = say(request.json(&json!({ "userId": format!("66{number}"), "reason": "spam" }))).await;
        said.is(201);
        let told = tokio::time::timeout(PATIENCE, heard.next()).await.unwrap();
        let Some(Heard::Said(told)) = told else {
            panic!("the event was missed")
        };
        let carried = told.envelope().unwrap().traceparent.unwrap();
        let parts: Vec<&str> = carried.as_str().split('-').collect();
        assert_eq!(parts[1] == TRACE, number == 1, "{carried:?}");
        assert!(
            parts[1].len() == 32 && parts[2] != SPAN,
            "a span of ours below it: {carried:?}"
        );
    }
}
