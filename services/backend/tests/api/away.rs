//! When something is not there yet, or no more.

use crate::house::{HERE, House, say};
use chrono::TimeDelta;
use lockdown_store::in_tx;
use lockdown_testkit::servers;
use reqwest::Method;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

const PATIENCE: Duration = Duration::from_secs(30);

/// The process that did it ended before it could keep its answer: the desk knows the key as well.
pub(crate) async fn an_effect_whose_answer_was_lost_is_found(house: House) {
    let body = json!({ "userId": "666", "reason": "spam" });
    let warn = || {
        let request = house.ask("moderator", Method::POST, &format!("{HERE}/warnings"));
        say(request.header("Idempotency-Key", "a").json(&body))
    };
    house.ban("666").await;
    let first = warn().await;
    first.is(201);
    let later = house.ctx.clock.now() + TimeDelta::days(2);
    let forgotten = in_tx!(house.store, |tx| { tx.forget_requests(later, 10).await }).unwrap();
    assert_eq!(forgotten, 1);
    assert_eq!(warn().await.is(201)["caseNumber"], first.body["caseNumber"]);
    let page = house.get("viewer", &format!("{HERE}/cases?type=warn")).await;
    assert_eq!(page.is(200)["cases"].as_array().unwrap().len(), 1);
}

pub(crate) async fn what_starts_says_so(mut house: House) {
    house.serve_closed().await;
    let said = house.get("viewer", "/me").await;
    said.is_problem(503, "starting");
    assert_eq!(said.headers["retry-after"], "1");
    assert_eq!(house.page("/health/live").await.status, 200);
}

/// Those who hold all places, with bodies that do not come, keep others out: these are told so at once.
pub(crate) async fn what_is_too_much_is_told_so(house: House) {
    let head = format!(
        "POST /api/v1{HERE}/bans HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: 2\r\n\r\n",
        house.secret("moderator")
    );
    let mut holders = Vec::new();
    for _ in 0..300 {
        let mut stream = TcpStream::connect(house.addr).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        holders.push(stream);
    }
    let refused = async {
        loop {
            let said = house.get("viewer", "/me").await;
            if said.status != 200 {
                return said;
            }
        }
    };
    let refused = tokio::time::timeout(PATIENCE, refused)
        .await
        .expect("nobody is refused");
    refused.is_problem(503, "overloaded");
    drop(holders);
    let answered = async { while house.get("viewer", "/me").await.status != 200 {} };
    tokio::time::timeout(PATIENCE, answered)
        .await
        .expect("the places stay taken");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fleet_a_database_that_is_away_is_unavailable_and_comes_back() {
    let mut server = servers::postgres_private();
    let house = House::over(&server.url()).await;
    house.ban("601").await;
    server.kill9().unwrap();
    let body = json!({ "userId": "602", "reason": "spam" });
    let ban = || {
        let request = house.ask("moderator", Method::POST, &format!("{HERE}/bans"));
        say(request.header("Idempotency-Key", "b").json(&body))
    };
    let away = ban().await;
    away.is_problem(503, "unavailable");
    assert!(away.headers.contains_key("retry-after"));
    assert!(
        !away.text.contains("postgres") && !away.text.contains("sqlx"),
        "{}",
        away.text
    );
    server.restart().unwrap();
    let back = async {
        loop {
            let said = ban().await;
            if said.status == 201 {
                return said;
            }
            said.is_problem(503, "unavailable");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let said = tokio::time::timeout(PATIENCE, back)
        .await
        .expect("it did not come back");
    assert_eq!(said.body["caseNumber"], 2);
    assert_eq!(ban().await.text, said.text);
}

/// Many ask while the database goes and comes back: each is told that it is away, asks again, and is done once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fleet_nothing_accepted_is_lost_when_the_database_goes_under_load() {
    const CALLERS: usize = 8;
    const EACH: usize = 15;
    let mut server = servers::postgres_private();
    let house = House::over(&server.url()).await;
    let (accepted, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let ban = async |user: String| loop {
        let request = house.ask("moderator", Method::POST, &format!("{HERE}/bans"));
        let body = json!({ "userId": user, "reason": "spam" });
        let said = say(request.header("Idempotency-Key", &user).json(&body)).await;
        if said.status == 201 {
            accepted.fetch_add(1, Ordering::Relaxed);
            return (user, said.body["caseNumber"].as_u64().unwrap());
        }
        let code = said.body["code"].as_str().unwrap_or_default();
        assert!(
            matches!(code, "unavailable" | "timeout" | "in_flight"),
            "{}",
            said.text
        );
        refused.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let callers = (0..CALLERS).map(|caller| {
        let ban = &ban;
        async move {
            let mut made = Vec::new();
            for number in 0..EACH {
                made.push(ban(format!("{}", 1_000 + caller * 100 + number)).await);
            }
            made
        }
    });
    let until = async |count: &AtomicUsize, least: usize| {
        while count.load(Ordering::Relaxed) < least {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let outage = async {
        until(&accepted, CALLERS * EACH / 4).await;
        server.kill9().unwrap();
        until(&refused, CALLERS).await;
        server.restart().unwrap();
    };
    let all = async { tokio::join!(futures_util::future::join_all(callers), outage) };
    let (made, ()) = tokio::time::timeout(4 * PATIENCE, all)
        .await
        .expect("it did not come back");
    let made: BTreeMap<String, u64> = made.into_iter().flatten().collect();
    let mut found = BTreeMap::new();
    let mut path = format!("{HERE}/cases?limit=200");
    loop {
        let page = house.get("viewer", &path).await;
        for case in page.is(200)["cases"].as_array().unwrap() {
            let user = case["userId"].as_str().unwrap().to_owned();
            let twice = found.insert(user, case["caseNumber"].as_u64().unwrap());
            assert_eq!(twice, None, "{case}");
        }
        match page.body["nextCursor"].as_str() {
            Some(next) => path = format!("{HERE}/cases?limit=200&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(found, made);
    assert_eq!(made.len(), CALLERS * EACH);
}
