//! What concerns every community, and the way in.

use crate::house::{ADMIN, HERE, House, Said, say};
use lockdown_bus::{ConsumerOptions, GroupName, Handler, HandlerError, ListenOptions, Start};
use lockdown_events::{Event, PresenceKind, UserEvent};
use lockdown_store::dead_letters::{DeadLetterState, DeadReason, NewDeadLetter};
use lockdown_store::{in_read, in_tx};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);

/// Looks until the condition holds.
async fn until(house: &House, path: &str, holds: impl Fn(&Said) -> bool) -> Said {
    let looking = async {
        loop {
            let said = house.get("operator", path).await;
            if holds(&said) {
                return said;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, looking)
        .await
        .expect("it never came to be so")
}

/// What became of a dead letter, by the store, and by whom.
async fn fate(house: &House, id: &str) -> (DeadLetterState, Option<String>) {
    let id = id.replace('~', "/");
    let noted = in_read!(house.store, |conn| { conn.dead_letter(&id).await });
    let noted = noted.unwrap().unwrap();
    (noted.state, noted.settled_by)
}

/// As a worker notes it.
async fn note(house: &House, letter: &Value) {
    let text = |name: &str| letter[name].as_str().unwrap().to_owned();
    let row = NewDeadLetter {
        id: text("id").replace('~', "/"),
        group: text("group"),
        consumer: text("consumer"),
        position: text("streamId"),
        topic: text("eventType"),
        envelope: letter["envelope"].to_string(),
        reason: DeadReason::Permanent,
        attempts: 1,
        first_failure: text("firstFailure").parse().unwrap(),
        last_failure: text("lastFailure").parse().unwrap(),
        error: text("error"),
    };
    let new = in_tx!(house.store, |tx| {
        tx.add_dead_letters(std::slice::from_ref(&row)).await
    });
    assert_eq!(new.unwrap(), 1);
}

pub(crate) async fn dead_letters_are_listed_replayed_and_dropped(house: House) {
    let handler = Handler::new("refuse", ["user:left"], |_| async {
        Err(HandlerError::Never("it is of no use".to_owned()))
    });
    let group = GroupName::new("test").unwrap();
    let options = ConsumerOptions::default();
    house
        .bus
        .consume(group, &Start::Oldest, vec![handler], options)
        .await
        .unwrap();
    let left =
        serde_json::from_value(json!({ "platform": "discord", "guildId": "100", "userId": "5" })).unwrap();
    house
        .bus
        .publish(&Event::User(UserEvent::Left(left)))
        .await
        .unwrap();

    let filter = "/dead-letters?group=test&type=user:left&reason=permanent";
    let there = |said: &Said| {
        said.body["deadLetters"]
            .as_array()
            .is_some_and(|all| all.len() == 1)
    };
    let listed = until(&house, filter, there).await;
    let letter = &listed.body["deadLetters"][0];
    assert_eq!(
        (&letter["error"], &letter["envelope"]["data"]["userId"]),
        (&json!("refuse: it is of no use"), &json!("5"))
    );
    let id = letter["id"].as_str().unwrap().to_owned();
    let one = format!("/dead-letters/{id}");
    assert_eq!(house.get("operator", &one).await.is(200)["id"], id.as_str());
    house.get("operator", "/dead-letters?group=other").await.is(200);
    house
        .get("operator", "/dead-letters?reason=bored")
        .await
        .is_problem(400, "bad_query");

    note(&house, letter).await;

    // It dies again, as another one.
    let replay = house.ask("operator", Method::POST, &format!("{one}/replay"));
    say(replay).await.is(204);
    let by = Some("token:operator".to_owned());
    assert_eq!(fate(&house, &id).await, (DeadLetterState::Replayed, by.clone()));
    let other = |said: &Said| there(said) && said.body["deadLetters"][0]["id"] != id.as_str();
    let again = until(&house, filter, other).await;
    say(house.ask("operator", Method::POST, &format!("{one}/replay")))
        .await
        .is_problem(404, "not_found");
    note(&house, &again.body["deadLetters"][0]).await;
    let id = again.body["deadLetters"][0]["id"].as_str().unwrap();
    let one = format!("/dead-letters/{id}");
    house.delete("operator", &one).await.is(204);
    assert_eq!(fate(&house, id).await, (DeadLetterState::Dropped, by));
    house.delete("operator", &one).await.is_problem(404, "not_found");
    house.get("operator", &one).await.is_problem(404, "not_found");
    house
        .delete("operator", "/dead-letters/no%20such")
        .await
        .is_problem(404, "not_found");
}

pub(crate) async fn the_first_token_is_made_once(mut house: House) {
    assert!(house.first_token.is_none());
    let me = house.get(ADMIN, "/me").await;
    assert_eq!(
        (&me.is(200)["name"], &me.body["community"]),
        (&json!("bootstrap"), &json!(null))
    );
    assert!(me.body["scopes"].as_array().unwrap().contains(&json!("operate")));
    house.again(&[("LOCKDOWN_ADMIN_TOKEN", None)]).await;
    house.get(ADMIN, "/me").await.is_problem(401, "unauthorized");
    let shown = house.first_token.clone().unwrap();
    let token = shown.rsplit(' ').next().unwrap();
    assert_eq!(house.get(token, "/me").await.is(200)["name"], "first");
    house.get(token, "/dead-letters").await.is(200);
    house.again(&[("LOCKDOWN_ADMIN_TOKEN", None)]).await;
    assert!(house.first_token.is_none(), "it is shown once");
    house.get(token, "/me").await.is(200);
}

pub(crate) async fn ids_are_kept_and_the_chain_goes_on(house: House) {
    let heard = house
        .bus
        .live()
        .subscribe(&["ban:created"], &ListenOptions::default())
        .await;
    let mut heard = heard.unwrap();
    lockdown_backend::relay(&house.ctx, house.store.clone(), house.bus.clone());
    let body = json!({ "userId": "666", "reason": "spam" });
    let request = house
        .ask("moderator", Method::POST, &format!("{HERE}/bans"))
        .json(&body);
    let said = say(request
        .header("X-Request-Id", "mine-1")
        .header("X-Correlation-Id", "chain-1"))
    .await;
    said.is(201);
    assert_eq!(said.headers["x-request-id"], "mine-1");
    let told = tokio::time::timeout(PATIENCE, heard.next()).await.unwrap();
    let Some(lockdown_bus::Heard::Said(told)) = told else {
        panic!("the event was missed")
    };
    assert_eq!(told.envelope().unwrap().correlation_id.as_str(), "chain-1");
    let other = house.get("viewer", "/nothing-here").await;
    other.is_problem(404, "not_found");
    let made = house.get("viewer", &format!("{HERE}/cases/9")).await;
    assert_eq!(
        made.headers["x-request-id"],
        made.body["requestId"].as_str().unwrap()
    );
    for path in ["/docs", "/openapi.json", "/"] {
        let page = house.page(path).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(!page.text.contains("<script"));
    }
    let there = house
        .bus
        .presence()
        .online(PresenceKind::Moderator, "11", None)
        .await
        .unwrap();
    let seen = |token: &'static str| house.get(token, "/presence");
    assert!(!seen("viewer").await.text.contains("moderator"));
    assert!(seen("operator").await.text.contains("moderator"));
    there.leave().await.unwrap();
}
