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

/// What was read is kept for a moment; that somebody may read it no more, or that it changed, counts at once.
pub(crate) async fn what_was_read_is_told_no_longer_than_it_is_true(mut house: House) {
    house.ban("666").await;
    let one = format!("{HERE}/cases/1");
    for (number, reason) in ["first", "second", "third"].into_iter().enumerate() {
        let body = json!({ "reason": reason });
        say(house.ask("admin", Method::PATCH, &one).json(&body))
            .await
            .is(200);
        for _ in 0..2 {
            assert_eq!(house.get("viewer", &one).await.is(200)["reason"], reason);
            let history = house.get("viewer", &format!("{one}/history")).await;
            let entries = history.is(200)["entries"].as_array().unwrap();
            assert_eq!(entries.len(), 2 + number);
        }
        // Neither to somebody else.
        house.get("nobody", &one).await.is_problem(401, "unauthorized");
        house.get("stranger", &one).await.is_problem(404, "unknown_guild");
    }
    let made = house
        .post(
            "owner",
            "/tokens",
            &json!({ "name": "short", "scopes": ["warn"] }),
        )
        .await;
    let (secret, id) = (
        made.is(201)["token"].as_str().unwrap().to_owned(),
        made.body["id"].as_str().unwrap().to_owned(),
    );
    for _ in 0..2 {
        assert_eq!(house.get(&secret, &one).await.is(200)["reason"], "third");
    }
    house.delete("owner", &format!("/tokens/{id}")).await.is(204);
    house.get(&secret, &one).await.is_problem(401, "unauthorized");
    // What is kept counts like what is read.
    house.again(&[("LOCKDOWN_API_RATE", Some("1"))]).await;
    let mut asked = 0;
    while house.get("viewer", &one).await.status != 429 {
        asked += 1;
        assert!(asked < 200, "nobody is told to wait");
    }
}
