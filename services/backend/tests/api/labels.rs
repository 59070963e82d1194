//! Labels put on people by hand.

use crate::house::{HERE, House, say};
use reqwest::Method;
use serde_json::{Value, json};

pub(crate) async fn labels_are_put_on_people_by_hand(house: House) {
    let (path, all) = (
        format!("{HERE}/members/666/labels/approved"),
        format!("{HERE}/labels/approved"),
    );
    let bearers = async || {
        let listed = house.get("moderator", &all).await;
        listed.is(200)["bearers"].as_array().unwrap().clone()
    };
    let put =
        async |path: &str, body: &Value| say(house.ask("moderator", Method::PUT, path).json(body)).await;
    assert_eq!(bearers().await, Vec::<Value>::new());
    let friend = json!({ "reason": "a friend" });
    put(&path, &friend).await.is(204);
    let listed = bearers().await;
    assert_eq!(
        (
            &listed[0]["userId"],
            &listed[0]["reason"],
            &listed[0]["expiresAt"]
        ),
        (&json!("666"), &json!("a friend"), &Value::Null)
    );
    // Once more: as it says now.
    let for_a_week = json!({ "duration": "7d" });
    put(&path, &for_a_week).await.is(204);
    let listed = bearers().await;
    assert_eq!((listed.len(), &listed[0]["reason"]), (1, &Value::Null));
    assert!(listed[0]["expiresAt"].is_string());
    for (path, body, code) in [
        (path.clone(), json!({ "duration": "soon" }), "bad_duration"),
        (path.clone(), json!({ "reason": "x".repeat(501) }), "invalid"),
        (format!("{HERE}/members/666/labels/a%20b"), json!({}), "not_found"),
    ] {
        let said = put(&path, &body).await;
        assert_eq!(said.body["code"], code, "{}", said.text);
    }
    house.delete("moderator", &path).await.is(204);
    house
        .delete("moderator", &path)
        .await
        .is_problem(404, "not_found");
    assert_eq!(bearers().await, Vec::<Value>::new());
    let audit = house.get("admin", &format!("{HERE}/audit")).await;
    let acts = audit.is(200)["entries"].as_array().unwrap().iter();
    let acts: Vec<&Value> = acts.map(|entry| &entry["act"]).collect();
    for act in ["label:set", "label:remove"] {
        assert!(acts.contains(&&json!(act)), "{act} is not in {acts:?}");
    }
}
