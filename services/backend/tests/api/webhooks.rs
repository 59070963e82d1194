//! Events that are sent to others.

use crate::house::{HERE, House};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use ring::hmac;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

const PATIENCE: Duration = Duration::from_secs(60);
const PRIVATE: &str = "LOCKDOWN_WEBHOOKS_PRIVATE";

/// What came, as it came.
struct Came {
    path: String,
    headers: HeaderMap,
    body: String,
}

/// Takes what is sent to it, and answers as it was told to; then with 204.
struct Receiver {
    addr: SocketAddr,
    came: mpsc::UnboundedReceiver<Came>,
    answers: Arc<Mutex<VecDeque<u16>>>,
}

#[derive(Clone)]
struct Inside {
    to: mpsc::UnboundedSender<Came>,
    answers: Arc<Mutex<VecDeque<u16>>>,
}

async fn take(State(inside): State<Inside>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let came = Came {
        path: head.uri.path().to_owned(),
        headers: head.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    };
    // When the test is over, nobody looks any more.
    drop(inside.to.send(came));
    let status = inside.answers.lock().unwrap().pop_front().unwrap_or(204);
    let status = StatusCode::from_u16(status).unwrap();
    (status, [(header::LOCATION, "/elsewhere")]).into_response()
}

// === impl Receiver ===

impl Receiver {
    async fn start(answers: &[u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (to, came) = mpsc::unbounded_channel();
        let answers: Arc<Mutex<VecDeque<u16>>> = Arc::new(Mutex::new(answers.iter().copied().collect()));
        let inside = Inside {
            to,
            answers: Arc::clone(&answers),
        };
        let router: Router = Router::new().fallback(take).with_state(inside);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { addr, came, answers }
    }

    fn url(&self) -> String {
        format!("http://{}/hook", self.addr)
    }

    async fn came(&mut self) -> Came {
        let came = tokio::time::timeout(PATIENCE, self.came.recv()).await;
        came.expect("nothing comes").unwrap()
    }
}

// === impl Came ===

impl Came {
    fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    fn body(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// Whether one of its signatures is of this secret: reckoned here once more.
    fn is_signed(&self, secret: &str) -> bool {
        let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
        let (id, at) = (self.header("webhook-id"), self.header("webhook-timestamp"));
        let tag = hmac::sign(&key, format!("{id}.{at}.{}", self.body).as_bytes());
        let ours = format!("v1,{}", STANDARD.encode(tag));
        self.header("webhook-signature").split(' ').any(|one| one == ours)
    }
}

async fn house(mut house: House) -> House {
    house.again(&[(PRIVATE, Some("true"))]).await;
    open(&house).await;
    house
}

/// Starts what sends, beside the API.
async fn open(house: &House) {
    let (ctx, store, bus) = (&house.ctx, house.store.clone(), house.bus.clone());
    lockdown_backend::relay(ctx, store.clone(), bus.clone());
    lockdown_backend::send_webhooks(ctx, store, &bus).await.unwrap();
}

/// A webhook, and its secret.
async fn make(house: &House, url: &str, topics: &[&str]) -> (String, String) {
    let body = json!({ "url": url, "topics": topics });
    let said = house.post("admin", "/webhooks", &body).await;
    let said = said.is(201);
    let text = |name: &str| said[name].as_str().unwrap().to_owned();
    (text("id"), text("secret"))
}

/// The log, once its newest entry is so.
async fn log(house: &House, webhook: &str, state: &str, attempts: u64) -> Vec<Value> {
    let path = format!("/webhooks/{webhook}/deliveries");
    let look = async {
        loop {
            let said = house.get("admin", &path).await;
            let all = said.is(200)["deliveries"].as_array().unwrap().clone();
            // A try counts from its beginning; what came of it is there with its answer.
            let answered = |one: &Value| !one["status"].is_null() || !one["answer"].is_null();
            if all.first().is_some_and(|first| {
                first["state"] == state && first["attempts"] == attempts && (attempts == 0 || answered(first))
            }) {
                break all;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let found = tokio::time::timeout(PATIENCE, look).await;
    found.unwrap_or_else(|_| panic!("no delivery is {state} after {attempts} tries"))
}

pub(crate) async fn a_webhook_is_sent_what_it_wants(start: House) {
    let house = house(start).await;
    let mut receiver = Receiver::start(&[]).await;
    let (id, secret) = make(&house, &receiver.url(), &["ban:*", "kick:executed"]).await;
    let case = house.ban("601").await;
    let came = receiver.came().await;
    assert_eq!(
        (came.path.as_str(), came.header("content-type")),
        ("/hook", "application/json")
    );
    assert!(came.is_signed(&secret) && came.header("user-agent").starts_with("LOCKDOWN/"));
    let told = house.told("ban:created", 1).await;
    let event = came.body();
    assert_eq!(
        (&event["eventId"], &event["data"]),
        (&told[0]["eventId"], &told[0]["data"])
    );
    assert_eq!(
        (&event["data"]["caseNumber"], &event["eventType"]),
        (&json!(case), &json!("ban:created"))
    );
    assert_eq!(event["eventId"], came.header("webhook-id"));
    let entry = log(&house, &id, "delivered", 1).await.remove(0);
    assert_eq!((&entry["status"], &entry["event"]), (&json!(204), &event));
    assert!(entry["nextAttemptAt"].is_null() && entry["endedAt"].is_string());

    // Once more, by hand; and with both secrets while one follows the other.
    let changed = house
        .post("admin", &format!("/webhooks/{id}/secret"), &Value::Null)
        .await;
    let new = changed.is(201)["secret"].as_str().unwrap().to_owned();
    let delivery = entry["id"].as_str().unwrap();
    let again = format!("/webhooks/{id}/deliveries/{delivery}/redeliver");
    house.post("admin", &again, &Value::Null).await.is(204);
    let once_more = receiver.came().await;
    assert_eq!(once_more.header("webhook-id"), came.header("webhook-id"));
    assert!(once_more.is_signed(&secret) && once_more.is_signed(&new) && !came.is_signed(&new));
    let nobody = again.replace(delivery, &id);
    house
        .post("admin", &nobody, &Value::Null)
        .await
        .is_problem(404, "not_found");

    // Nothing of other types, nor while it is disabled; then what waited first.
    let path = format!("/webhooks/{id}");
    let change = async |state: &str| {
        let request = house.ask("admin", Method::PATCH, &path);
        let said = crate::house::say(request.json(&json!({ "state": state }))).await;
        assert_eq!(said.is(200)["state"], state);
    };
    let warn = json!({ "userId": "601", "reason": "spam" });
    house
        .post("moderator", &format!("{HERE}/warnings"), &warn)
        .await
        .is(201);
    change("disabled").await;
    house.ban("602").await;
    change("active").await;
    house.ban("603").await;
    let user = |came: &Came| came.body()["data"]["userId"].as_str().unwrap().to_owned();
    let next = user(&receiver.came().await);
    // What a disabled one was not to hear is nowhere; unless it was put down before that was known.
    let last = if next == "602" {
        user(&receiver.came().await)
    } else {
        next
    };
    assert_eq!(last, "603");

    house.delete("admin", &path).await.is(204);
    house.get("admin", &path).await.is_problem(404, "not_found");
    house.ban("604").await;
    house.told("ban:created", 4).await;
    assert!(receiver.came.try_recv().is_err());
}

pub(crate) async fn what_is_not_taken_comes_again(start: House) {
    let house = house(start).await;
    let mut receiver = Receiver::start(&[302]).await;
    let (id, secret) = make(&house, &receiver.url(), &["ban:created"]).await;
    house.ban("601").await;
    let first = receiver.came().await;
    // It is tried before what came of it is written down.
    let told = async {
        loop {
            let entry = log(&house, &id, "pending", 1).await.remove(0);
            if !entry["status"].is_null() {
                break entry;
            }
        }
    };
    let entry = tokio::time::timeout(PATIENCE, told)
        .await
        .expect("what came of it");
    assert_eq!(entry["status"], 302);
    assert!(entry["nextAttemptAt"].is_string() && entry["endedAt"].is_null());
    let webhook = house.get("admin", &format!("/webhooks/{id}")).await;
    assert_eq!(webhook.is(200)["failures"], 1);
    let second = receiver.came().await;
    // Not where the answer pointed to.
    assert_eq!(second.path, "/hook");
    assert_eq!(second.header("webhook-id"), first.header("webhook-id"));
    assert!(second.body == first.body && second.is_signed(&secret));
    log(&house, &id, "delivered", 2).await;
    let webhook = house.get("admin", &format!("/webhooks/{id}")).await;
    assert_eq!(
        (&webhook.body["failures"], &webhook.body["failingSince"]),
        (&json!(0), &Value::Null)
    );
}

pub(crate) async fn a_webhook_that_is_gone_is_disabled_and_told(start: House) {
    let house = house(start).await;
    let mut receiver = Receiver::start(&[410]).await;
    let (id, _) = make(&house, &receiver.url(), &["ban:created"]).await;
    house.ban("601").await;
    receiver.came().await;
    let path = format!("/webhooks/{id}");
    let disabled = async {
        loop {
            let said = house.get("admin", &path).await;
            if said.is(200)["state"] == "disabled" {
                break said.body;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let webhook = tokio::time::timeout(PATIENCE, disabled).await.unwrap();
    assert!(
        webhook["disabledWhy"].as_str().unwrap().contains("410"),
        "{webhook}"
    );
    let told = house.get("moderator", "/notifications").await;
    let told = told.is(200)["notifications"].as_array().unwrap().clone();
    let [told] = told.as_slice() else {
        panic!("{told:?}")
    };
    assert_eq!(told["title"], "The webhook to 127.0.0.1 was disabled");
    assert_eq!((&told["guildId"], &told["link"]), (&json!("100"), &json!(path)));
    assert_eq!(house.get("stranger", "/notifications").await.body["unread"], 0);
    // What it did not take is sent when it is enabled.
    let request = house
        .ask("admin", Method::PATCH, &path)
        .json(&json!({ "state": "active" }));
    assert_eq!(
        crate::house::say(request).await.is(200)["disabledAt"],
        Value::Null
    );
    assert_eq!(receiver.came().await.body()["data"]["userId"], "601");
    assert!(receiver.answers.lock().unwrap().is_empty());
}

pub(crate) async fn nothing_is_sent_to_private_addresses(start: House) {
    let mut house = house(start).await;
    let mut receiver = Receiver::start(&[]).await;
    let by_address = make(&house, &receiver.url(), &["ban:created"]).await.0;
    let port = receiver.addr.port();
    let by_name = make(&house, &format!("http://localhost:{port}/"), &["ban:created"])
        .await
        .0;
    house.again(&[(PRIVATE, None)]).await;
    open(&house).await;
    for url in [
        &receiver.url(),
        "http://localhost/",
        "http://10.0.0.1/",
        "http://[::1]/",
        "http://169.254.169.254/latest/meta-data",
        "ftp://example.org",
        "example.org",
        "https://a:b@example.org",
    ] {
        let body = json!({ "url": url, "topics": ["*"] });
        let said = house.post("admin", "/webhooks", &body).await;
        said.is_problem(422, "invalid");
        assert_eq!(said.path(), "url", "{url}");
    }
    // Those that were made while it was allowed are not sent to either, whatever their names stand for by now.
    house.ban("601").await;
    for id in [by_address, by_name] {
        let entry = log(&house, &id, "pending", 1).await.remove(0);
        assert!(entry["status"].is_null());
        assert!(entry["answer"].as_str().unwrap().contains(PRIVATE), "{entry}");
    }
    assert!(receiver.came.try_recv().is_err());
}

pub(crate) async fn webhooks_are_of_their_community(house: House) {
    let url = "https://example.org/hook";
    let make = async |token: &str, body: Value| house.post(token, "/webhooks", &body).await;
    let said = make(
        "admin",
        json!({ "url": url, "topics": ["ban:*"], "community": "town" }),
    )
    .await;
    let ours = said.is(201)["id"].as_str().unwrap().to_owned();
    assert_eq!(said.body["community"], "town");
    let said = make("operator", json!({ "url": url, "topics": ["*"] })).await;
    let all = said.is(201)["id"].as_str().unwrap().to_owned();
    assert_eq!(said.body["community"], Value::Null);
    let said = make(
        "admin",
        json!({ "url": url, "topics": ["*"], "community": "elsewhere" }),
    )
    .await;
    said.is_problem(422, "invalid");
    for topics in [
        json!([]),
        json!([""]),
        json!(["a,b"]),
        json!(["x".repeat(65)]),
        json!(vec!["a"; 21]),
    ] {
        let said = make("admin", json!({ "url": url, "topics": topics })).await;
        said.is_problem(422, "invalid");
        assert_eq!(said.path(), "topics");
    }
    let ids = async |token: &str| -> Vec<String> {
        let said = house.get(token, "/webhooks").await;
        let all = said.is(200)["webhooks"].as_array().unwrap().clone();
        all.iter()
            .map(|one| one["id"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(ids("admin").await.as_slice(), std::slice::from_ref(&ours));
    assert_eq!(ids("operator").await, [ours.clone(), all.clone()]);
    assert!(ids("stranger").await.is_empty());
    for (token, id) in [("stranger", &ours), ("admin", &all)] {
        let path = format!("/webhooks/{id}");
        for (method, path, body) in [
            (Method::GET, path.clone(), Value::Null),
            (Method::PATCH, path.clone(), json!({ "state": "disabled" })),
            (Method::DELETE, path.clone(), Value::Null),
            (Method::POST, format!("{path}/secret"), Value::Null),
            (Method::GET, format!("{path}/deliveries"), Value::Null),
            (
                Method::POST,
                format!("{path}/deliveries/{id}/redeliver"),
                Value::Null,
            ),
        ] {
            let said = crate::house::say(house.ask(token, method, &path).json(&body)).await;
            said.is_problem(404, "not_found");
        }
    }
    // The secret is shown once, also to who asks again with the same key.
    let again = async || {
        let body = json!({ "url": url, "topics": ["kick:*"] });
        let request = house
            .ask("admin", Method::POST, "/webhooks")
            .header("Idempotency-Key", "a");
        crate::house::say(request.json(&body)).await
    };
    assert!(again().await.is(201)["secret"].is_string());
    assert!(again().await.is(201)["secret"].is_null());
    assert_eq!(ids("admin").await.len(), 2);
}
