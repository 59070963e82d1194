//! `Idempotency-Key`.

use crate::house::{HERE, House, Said, say};
use reqwest::Method;
use serde_json::{Value, json};

async fn ban(house: &House, token: &str, key: &str, body: &Value) -> Said {
    let request = house.ask(token, Method::POST, &format!("{HERE}/bans"));
    say(request.header("Idempotency-Key", key).json(body)).await
}

async fn cases(house: &House) -> usize {
    let page = house.get("viewer", &format!("{HERE}/cases")).await;
    page.is(200)["cases"].as_array().unwrap().len()
}

pub(crate) async fn the_same_request_again_has_the_same_answer(house: House) {
    let body = json!({ "userId": "666", "reason": "spam" });
    let first = ban(&house, "moderator", "a", &body).await;
    first.is(201);
    let again = ban(&house, "moderator", "a", &body).await;
    assert_eq!((again.status, &again.text), (201, &first.text));
    let other = json!({ "userId": "667", "reason": "spam" });
    ban(&house, "moderator", "a", &other)
        .await
        .is_problem(409, "key_reused");
    // Another route with the key is another request, and another caller has keys of their own.
    let kick = house.ask("moderator", Method::POST, &format!("{HERE}/kicks"));
    say(kick.header("Idempotency-Key", "a").json(&body))
        .await
        .is_problem(409, "key_reused");
    ban(&house, "admin", "a", &other).await.is(201);
    assert_eq!(cases(&house).await, 2);
    let bad = house.ask("moderator", Method::POST, &format!("{HERE}/bans"));
    say(bad.header("Idempotency-Key", "a b").json(&body))
        .await
        .is_problem(400, "bad_key");
}

pub(crate) async fn of_a_race_there_is_one_case(house: House) {
    let body = json!({ "userId": "666", "reason": "spam", "duration": "1h" });
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let request = house.ask("moderator", Method::POST, &format!("{HERE}/bans"));
        running.spawn(say(request.header("Idempotency-Key", "race").json(&body)));
    }
    let answers = running.join_all().await;
    for answer in &answers {
        assert_eq!((answer.status, &answer.text), (201, &answers[0].text));
    }
    assert_eq!(cases(&house).await, 1);
}

pub(crate) async fn a_restart_forgets_no_key(mut house: House) {
    let body = json!({ "userId": "666", "reason": "spam" });
    let first = ban(&house, "moderator", "a", &body).await;
    first.is(201);
    house.again(&[]).await;
    let again = ban(&house, "moderator", "a", &body).await;
    assert_eq!((again.status, &again.text), (201, &first.text));
    assert_eq!(cases(&house).await, 1);
}

pub(crate) async fn what_was_refused_can_be_tried_again(house: House) {
    let wrong = json!({ "userId": "666", "reason": "spam", "duration": "soon" });
    ban(&house, "moderator", "a", &wrong)
        .await
        .is_problem(422, "bad_duration");
    let right = json!({ "userId": "666", "reason": "spam", "duration": "1h" });
    ban(&house, "moderator", "a", &right).await.is(201);
    assert_eq!(cases(&house).await, 1);
}
