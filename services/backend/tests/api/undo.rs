//! Undo and review.

use crate::house::{HERE, House, say};
use reqwest::Method;
use serde_json::{Value, json};

pub(crate) async fn a_case_is_undone_as_it_was_shown(house: House) {
    house.ban("666").await;
    // A shorter one in its place.
    let shorter = json!({ "userId": "666", "reason": "less", "duration": "1h" });
    let said = house.post("moderator", &format!("{HERE}/bans"), &shorter).await;
    assert_eq!(said.is(201)["caseNumber"], 2);
    let undo = format!("{HERE}/cases/2/undo");
    house.get("moderator", &undo).await.is_problem(403, "forbidden");
    let shown = house.get("admin", &undo).await;
    let step = json!({ "caseNumber": 2, "userId": "666", "action": "ban", "restoresCaseNumber": 1, "expiresAt": null });
    assert_eq!(shown.is(200)["steps"], json!([step]));
    assert_eq!(
        (&shown.body["left"], &shown.body["summary"]),
        (&json!([]), &json!("1 × ban again"))
    );

    let bad = json!({ "reason": "x".repeat(1001) });
    house
        .post("admin", &undo, &bad)
        .await
        .is_problem(422, "bad_reason");
    let why = json!({ "reason": "it was right before" });
    let request = || {
        house
            .ask("admin", Method::POST, &undo)
            .header("Idempotency-Key", "undo-1")
    };
    let done = say(request().json(&why)).await;
    let result: Value = done.is(200)["results"][0].clone();
    assert_eq!(
        (
            &result["case"]["caseNumber"],
            &result["case"]["action"],
            &result["case"]["expiresAt"]
        ),
        (&json!(3), &json!("ban"), &Value::Null)
    );
    assert_eq!(
        (
            &result["case"]["origin"],
            &result["case"]["actor"],
            &result["case"]["reason"]
        ),
        (
            &json!("api"),
            &json!("token:admin"),
            &json!("it was right before")
        )
    );
    assert_eq!(say(request().json(&why)).await.is(200), &done.body, "asked again");
    let after = house.get("admin", &undo).await;
    assert_eq!(
        (&after.is(200)["steps"], &after.body["left"]),
        (
            &json!([]),
            &json!([{ "caseNumber": 2, "why": "superseded", "byCaseNumber": 3 }])
        )
    );
    let last = house.get("admin", &format!("{HERE}/cases/3/undo")).await;
    assert_eq!(last.is(200)["steps"][0]["caseNumber"], 3);
    let cases = house.get("viewer", &format!("{HERE}/cases")).await;
    assert_eq!(cases.is(200)["cases"].as_array().unwrap().len(), 3);
    for method in [Method::GET, Method::POST] {
        let request = house.ask("admin", method, &format!("{HERE}/cases/99/undo"));
        say(request.json(&json!({})))
            .await
            .is_problem(404, "unknown_case");
    }
}

pub(crate) async fn a_decision_is_reviewed(house: House) {
    house.ban("666").await;
    let path = format!("{HERE}/cases/1/review");
    let review = |token: &'static str, body: Value| {
        let request = house.ask(token, Method::PUT, &path);
        say(request.json(&body))
    };
    let mistaken = json!({ "verdict": "mistaken", "reason": "a quote" });
    review("moderator", mistaken.clone())
        .await
        .is_problem(403, "forbidden");
    assert_eq!(review("admin", mistaken.clone()).await.is(200)["changed"], true);
    assert_eq!(review("admin", mistaken).await.is(200)["changed"], false);
    let history = house.get("viewer", &format!("{HERE}/cases/1/history")).await;
    let entries = history.is(200)["entries"].as_array().unwrap().clone();
    let last = entries.last().unwrap();
    assert_eq!(
        (&last["kind"], &last["by"], &last["body"]["verdict"]),
        (&json!("reviewed"), &json!("token:admin"), &json!("mistaken"))
    );
    review("admin", json!({ "verdict": "fine" }))
        .await
        .is_problem(422, "invalid");
}
