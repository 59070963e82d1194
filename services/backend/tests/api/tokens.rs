//! Tokens given out through the API.

use crate::house::{HERE, House, say};
use reqwest::Method;
use serde_json::{Value, json};

pub(crate) async fn a_token_is_given_used_and_revoked(house: House) {
    let body = json!({ "name": "trust", "role": "moderator", "duration": "30d" });
    let post = || {
        let request = house.ask("owner", Method::POST, "/tokens");
        say(request.header("Idempotency-Key", "t").json(&body))
    };
    let made = post().await;
    let secret = made.is(201)["token"].as_str().unwrap().to_owned();
    assert_eq!(
        (&made.body["community"], &made.body["state"]),
        (&json!("town"), &json!("live"))
    );
    assert!(secret.starts_with(made.body["prefix"].as_str().unwrap()));
    // Repeated, it is the same token, which is not kept and not shown again.
    let again = post().await;
    assert_eq!(
        (&again.is(201)["id"], &again.body["token"]),
        (&made.body["id"], &Value::Null)
    );
    let listed = house.get("owner", "/tokens").await;
    assert!(!listed.text.contains(&secret));
    house
        .post("owner", "/tokens", &body)
        .await
        .is_problem(409, "conflict");

    let me = house.get(&secret, "/me").await;
    assert_eq!(
        (&me.is(200)["name"], &me.body["community"]),
        (&json!("trust"), &json!("town"))
    );
    let ban = json!({ "userId": "666", "reason": "spam" });
    let case = house.post(&secret, &format!("{HERE}/bans"), &ban).await;
    assert_eq!(case.is(201)["actor"], "token:trust");
    let path = format!("/tokens/{}", made.body["id"].as_str().unwrap());
    house.delete("stranger", &path).await.is_problem(404, "not_found");
    house.get(&secret, "/me").await.is(200);
    house.delete("owner", &path).await.is(204);
    house.get(&secret, "/me").await.is_problem(401, "unauthorized");
    house
        .delete("owner", "/tokens/not-an-id")
        .await
        .is_problem(404, "not_found");
}

pub(crate) async fn nobody_gives_more_than_they_have(house: House) {
    for (body, status, code, path) in [
        (
            json!({ "name": "a", "role": "operator" }),
            403,
            "forbidden",
            "none",
        ),
        (
            json!({ "name": "a", "scopes": ["operate"] }),
            403,
            "forbidden",
            "none",
        ),
        (
            json!({ "name": "a", "scopes": ["everything"] }),
            422,
            "invalid",
            "scopes",
        ),
        (
            json!({ "name": "a", "role": "viewer", "scopes": [] }),
            422,
            "invalid",
            "scopes",
        ),
        (
            json!({ "name": "a", "community": "elsewhere" }),
            422,
            "invalid",
            "community",
        ),
        (
            json!({ "name": "a", "community": "nowhere" }),
            422,
            "invalid",
            "community",
        ),
        (json!({ "name": " a" }), 422, "invalid", "name"),
        (json!({ "name": "" }), 422, "invalid", "name"),
        (
            json!({ "name": "a", "duration": "-1d" }),
            422,
            "bad_duration",
            "duration",
        ),
    ] {
        let said = house.post("owner", "/tokens", &body).await;
        said.is_problem(status, code);
        assert_eq!(said.path(), path, "{body}");
    }
    let body = json!({ "name": "a", "community": "town", "role": "operator" });
    house
        .post("operator", "/tokens", &body)
        .await
        .is_problem(422, "invalid");
    let body = json!({ "name": "a", "role": "operator" });
    let made = house.post("operator", "/tokens", &body).await;
    assert_eq!(made.is(201)["community"], Value::Null);
    let secret = made.body["token"].as_str().unwrap();
    house.get(secret, "/dead-letters").await.is(200);
}
