//! The thread of a case.

use crate::browser::Browser;
use crate::house::{HERE, House, say};
use lockdown_bus::{Heard, ListenOptions};
use lockdown_events::{Event, ModerationEvent};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) async fn moderators_talk_about_a_case(house: House) {
    let case = house.ban("666").await;
    let path = format!("{HERE}/cases/{case}/thread");
    let heard = house
        .bus
        .live()
        .subscribe(&["audit:logged"], &ListenOptions::default())
        .await;
    let mut heard = heard.unwrap();
    lockdown_backend::relay(&house.ctx, house.store.clone(), house.bus.clone());

    let body = json!({ "body": "Seen on the other\nserver too. " });
    let post = || {
        say(house
            .ask("moderator", Method::POST, &path)
            .header("Idempotency-Key", "m")
            .json(&body))
    };
    let said = post().await;
    let id = said.is(201)["id"].as_str().unwrap().to_owned();
    assert_eq!(
        (&said.body["by"], &said.body["own"], &said.body["body"]),
        (
            &json!("token:moderator"),
            &json!(true),
            &json!("Seen on the other\nserver too.")
        )
    );
    assert_eq!(
        post().await.is(201)["id"],
        id.as_str(),
        "the same request is the same message"
    );
    // Whoever looks at the case hears that there is something new, and nothing of its words.
    let told = loop {
        let told = tokio::time::timeout(PATIENCE, heard.next())
            .await
            .unwrap()
            .unwrap();
        let Heard::Said(told) = told else { continue };
        let Event::Moderation(ModerationEvent::AuditLogged(logged)) =
            told.envelope().unwrap().event().unwrap()
        else {
            panic!("{}", told.text)
        };
        if logged.act.starts_with("thread:") {
            assert!(!told.text.contains("server"), "{}", told.text);
            break logged;
        }
    };
    assert_eq!(
        (
            told.act.as_str(),
            told.subject,
            told.actor.as_str(),
            told.guild_id.as_str()
        ),
        ("thread:post", format!("case:{case}"), "token:moderator", "100")
    );

    let mut admin = Browser::signed_in(&house, "admin").await;
    let other = admin
        .change_with(Method::POST, &path, &json!({ "body": "Then let us wait." }))
        .await;
    assert!(
        other.is(201)["by"]
            .as_str()
            .unwrap()
            .starts_with("token:account:admin")
    );
    let read = house.get("admin", &path).await;
    let messages = read.is(200)["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 2);
    assert!(
        messages.iter().all(|message| message["own"] == false),
        "{}",
        read.text
    );
    let first = house.get("moderator", &format!("{path}?limit=1")).await;
    let cursor = first.is(200)["nextCursor"].as_str().unwrap();
    let second = house.get("moderator", &format!("{path}?cursor={cursor}")).await;
    assert_eq!(second.is(200)["messages"][0]["id"], other.body["id"]);

    // Words are one's own: the highest role changes nobody else's.
    let one = format!("{path}/{id}");
    let change = json!({ "body": "Seen on two." });
    for role in ["owner", "operator"] {
        say(house.ask(role, Method::PATCH, &one).json(&change))
            .await
            .is_problem(403, "denied");
        house.delete(role, &one).await.is_problem(403, "denied");
    }
    let edited = say(house.ask("moderator", Method::PATCH, &one).json(&change)).await;
    assert_eq!(edited.is(200)["body"], "Seen on two.");
    assert!(edited.body["editedAt"].is_string());
    house.delete("moderator", &one).await.is(204);
    house.delete("moderator", &one).await.is_problem(404, "not_found");
    say(house.ask("moderator", Method::PATCH, &one).json(&change))
        .await
        .is_problem(404, "not_found");
    let read = house.get("moderator", &path).await;
    assert_eq!(read.body["messages"][0]["body"], "");
    assert!(read.body["messages"][0]["deletedAt"].is_string());
    let kept = house.get("admin", &format!("{one}/history")).await;
    let texts: Vec<&Value> = kept.is(200)["edits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|edit| &edit["body"])
        .collect();
    assert_eq!(
        texts,
        [&json!("Seen on the other\nserver too."), &json!("Seen on two.")]
    );
    // Every one of these acts is in the audit, and the chain holds.
    let audit = house.get("admin", &format!("{HERE}/audit")).await;
    for act in ["thread:post", "thread:edit", "thread:delete"] {
        assert!(audit.text.contains(act), "{act}");
    }
    assert_eq!(
        house.get("admin", &format!("{HERE}/audit/verify")).await.is(200)["holds"],
        true
    );
}

pub(crate) async fn a_thread_refuses_what_is_no_message(house: House) {
    let case = house.ban("666").await;
    let path = format!("{HERE}/cases/{case}/thread");
    for body in ["", " \n ", "a\u{0}b", "a\u{1b}[2Jb", &"x".repeat(4001)] {
        let said = house.post("moderator", &path, &json!({ "body": body })).await;
        said.is_problem(422, "invalid");
        assert_eq!(said.path(), "body");
    }
    let said = house
        .post("moderator", &path, &json!({ "body": "a", "colour": "red" }))
        .await;
    said.is_problem(422, "invalid");
    for missing in ["9", "0", "x", "18446744073709551615"] {
        let path = format!("{HERE}/cases/{missing}/thread");
        house
            .get("moderator", &path)
            .await
            .is_problem(404, "unknown_case");
        house
            .post("moderator", &path, &json!({ "body": "a" }))
            .await
            .is_problem(404, "unknown_case");
    }
    house
        .delete("moderator", &format!("{path}/not-an-id"))
        .await
        .is_problem(404, "not_found");
    // A message of one case is none of another's.
    let other = house.ban("667").await;
    let made = house.post("moderator", &path, &json!({ "body": "a" })).await;
    let id = made.is(201)["id"].as_str().unwrap();
    house
        .delete("moderator", &format!("{HERE}/cases/{other}/thread/{id}"))
        .await
        .is_problem(404, "not_found");
    assert_eq!(
        house.get("moderator", &path).await.is(200)["messages"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}
