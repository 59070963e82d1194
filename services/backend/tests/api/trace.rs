//! One trace from a request to whoever hears of its effect, and the ids of a request in what is logged of it.

use crate::house::{HERE, House, say};
use lockdown_bus::{Heard, ListenOptions};
use lockdown_runtime::Config;
use lockdown_runtime::telemetry::{self, Telemetry};
use reqwest::Method;
use serde_json::{Value, json};
use std::io::Write;
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

static LOGGED: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Lines;

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        LOGGED.lock().unwrap().extend_from_slice(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Makes spans in the whole process, which nobody takes, and keeps what is logged.
fn trace() {
    static MADE: OnceLock<Telemetry> = OnceLock::new();
    MADE.get_or_init(|| {
        let config = Config::from_map([
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9"),
            ("RUST_LOG", "lockdown_backend=debug"),
            ("LOCKDOWN_LOG_FORMAT", "json"),
        ]);
        let (subscriber, telemetry) =
            telemetry::build(&config.unwrap(), "backend", "1.2.3", || Lines, false).unwrap();
        tracing::subscriber::set_global_default(subscriber).unwrap();
        telemetry
    });
}

/// What was logged within a request of this id.
fn logged(request: &str) -> Vec<Value> {
    let text = String::from_utf8(LOGGED.lock().unwrap().clone()).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    lines
        .filter(|line: &Value| line["span"]["request.id"] == request)
        .collect()
}

pub(crate) async fn what_is_logged_of_a_request_has_its_ids(house: House) {
    trace();
    // Both sizes may be tried by one process.
    let request = house.ctx.ids.next().to_string();
    let body = json!({ "userId": "666", "reason": "spam, says mallory" });
    let asked = house
        .ask("moderator", Method::POST, &format!("{HERE}/bans"))
        .header("X-Request-Id", &request)
        .header("X-Correlation-Id", "chain-7");
    say(asked.json(&body)).await.is(201);
    let lines = logged(&request);
    let answered = lines.iter().find(|line| line["message"] == "Answered 201");
    let span = &answered.expect("the answer is not logged")["span"];
    assert_eq!(
        (&span["correlation.id"], &span["route"], &span["caller"]),
        (
            &json!("chain-7"),
            &json!("/guilds/{platform}/{guildId}/bans"),
            &json!("moderator")
        )
    );
    // Nothing that somebody wrote is among it, and no token.
    let text = Value::from(lines).to_string();
    assert!(
        !text.contains("mallory") && !text.contains(house.secret("moderator")),
        "{text}"
    );
    // Without ids of its own a request has one id, by which its chain goes as well.
    let said = house.get("viewer", "/me").await;
    let own = said.headers["x-request-id"].to_str().unwrap();
    assert_eq!(logged(own)[0]["span"]["correlation.id"], own);
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
