//! What others tell us.

use crate::house::{HERE, House, Said, say};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::RequestBuilder;
use ring::hmac;
use serde_json::{Value, json};

/// A hook of this type, and its secret.
async fn make(house: &House, name: &str, event_type: &str) -> String {
    let body = json!({ "name": name, "eventType": event_type });
    let said = house.post("admin", &format!("{HERE}/hooks"), &body).await;
    let said = said.is(201);
    assert_eq!(said["path"], format!("/api/v1/hooks/{name}"));
    said["secret"].as_str().unwrap().to_owned()
}

/// Reckoned here once more.
fn sign(secret: &str, id: &str, at: i64, body: &str) -> String {
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    let tag = hmac::sign(&key, format!("{id}.{at}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(tag))
}

fn request(house: &House, name: &str, id: &str, at: i64, signature: &str, body: &str) -> RequestBuilder {
    let client = reqwest::Client::new();
    client
        .post(format!("http://{}/api/v1/hooks/{name}", house.addr))
        .header("webhook-id", id)
        .header("webhook-timestamp", at.to_string())
        .header("webhook-signature", signature)
        .header("content-type", "application/json")
        .body(body.to_owned())
}

async fn tell(house: &House, name: &str, secret: &str, id: &str, body: &Value) -> Said {
    let (at, body) = (house.ctx.clock.now().timestamp(), body.to_string());
    let signature = sign(secret, id, at, &body);
    say(request(house, name, id, at, &signature, &body)).await
}

pub(crate) async fn what_is_signed_becomes_an_event(house: House) {
    lockdown_backend::relay(&house.ctx, house.store.clone(), house.bus.clone());
    let secret = make(&house, "ci", "deploy:done").await;
    let said = tell(&house, "ci", &secret, "msg_1", &json!({ "commit": "1f3a" })).await;
    let id = said.is(202)["eventId"].clone();
    let told = house.told("deploy:done", 1).await.remove(0);
    assert_eq!((&told["eventId"], &told["source"]), (&id, &json!("webhook:ci")));
    let data = json!({ "commit": "1f3a", "platform": "discord", "guildId": "100" });
    assert_eq!(told["data"], data);
    // The same once more, signed anew or not, is taken no second time; another is.
    let again = tell(&house, "ci", &secret, "msg_1", &json!({ "commit": "1f3a" })).await;
    again.is_problem(409, "replayed");
    let other = tell(&house, "ci", &secret, "msg_2", &json!({ "commit": "2e5b" })).await;
    other.is(202);
    let all = house.told("deploy:done", 2).await;
    assert_eq!(all[1]["data"]["commit"], "2e5b");

    // A wish, whoever it says it comes from.
    let secret = make(&house, "reports", "moderation:action").await;
    let wish = json!({ "action": "warn", "userId": "666", "moderatorId": "9", "reason": "spam", "origin": "native" });
    tell(&house, "reports", &secret, "msg_1", &wish).await.is(202);
    let told = house.told("moderation:action", 1).await.remove(0);
    assert_eq!(
        (&told["data"]["origin"], &told["data"]["guildId"]),
        (&json!("outside"), &json!("100"))
    );
    let no_wish = tell(&house, "reports", &secret, "msg_2", &json!({ "action": "dance" })).await;
    no_wish.is_problem(422, "invalid");
}

pub(crate) async fn what_is_not_signed_rightly_is_not_taken(house: House) {
    let secret = make(&house, "ci", "deploy:done").await;
    let other = make(&house, "other", "deploy:done").await;
    let now = house.ctx.clock.now().timestamp();
    let (id, body) = ("msg_1", "{}");
    let right = sign(&secret, id, now, body);
    let refused = async |request: RequestBuilder| {
        let said = say(request).await;
        said.is_problem(401, "unauthorized");
        said.body["detail"].clone()
    };
    let details = [
        refused(request(&house, "ci", id, now, "v1,AAAA", body)).await,
        refused(request(&house, "ci", id, now, "", body)).await,
        refused(request(&house, "ci", id, now, &sign(&other, id, now, body), body)).await,
        refused(request(&house, "ci", "msg_2", now, &right, body)).await,
        refused(request(&house, "ci", id, now + 1, &right, body)).await,
        refused(request(&house, "ci", id, now, &right, r#"{"a":1}"#)).await,
        refused(request(&house, "other", id, now, &right, body)).await,
        // Who knows the secret, too early or too late.
        refused(request(
            &house,
            "ci",
            id,
            now - 400,
            &sign(&secret, id, now - 400, body),
            body,
        ))
        .await,
        refused(request(
            &house,
            "ci",
            id,
            now + 400,
            &sign(&secret, id, now + 400, body),
            body,
        ))
        .await,
        // And what is not there at all, told the same.
        refused(request(&house, "nothing", id, now, &right, body)).await,
    ];
    assert!(details.iter().all(|detail| *detail == details[0]), "{details:?}");
    let url = format!("http://{}/api/v1/hooks/ci", house.addr);
    say(reqwest::Client::new()
        .post(url)
        .bearer_auth(house.secret("owner")))
    .await
    .is_problem(401, "unauthorized");
    say(request(&house, "ci", id, now, &right, body)).await.is(202);
    // What is signed rightly, and still no object.
    for (body, status, code) in [
        ("[]", 422, "invalid"),
        ("{", 400, "malformed"),
        ("", 400, "malformed"),
    ] {
        let signature = sign(&secret, "msg_3", now, body);
        say(request(&house, "ci", "msg_3", now, &signature, body))
            .await
            .is_problem(status, code);
    }
    let much = json!({ "text": "x".repeat(70_000) });
    tell(&house, "ci", &secret, "msg_4", &much)
        .await
        .is_problem(413, "too_large");
}

pub(crate) async fn a_hook_tells_of_its_guild_alone(house: House) {
    let hooks = format!("{HERE}/hooks");
    let secret = make(&house, "ci", "deploy:done").await;
    let elsewhere = tell(&house, "ci", &secret, "msg_1", &json!({ "guildId": "200" })).await;
    elsewhere.is_problem(422, "invalid");
    assert_eq!(elsewhere.path(), "guildId");
    let listed = house.get("admin", &hooks).await;
    let listed = listed.is(200)["hooks"].as_array().unwrap();
    assert_eq!((listed.len(), &listed[0]["name"]), (1, &json!("ci")));
    assert!(listed[0].get("secret").is_none());
    let theirs = house.get("stranger", "/guilds/discord/200/hooks").await;
    assert_eq!(theirs.is(200)["hooks"], json!([]));
    for (body, status, code, path) in [
        (
            json!({ "name": "ci", "eventType": "deploy:done" }),
            409,
            "conflict",
            "name",
        ),
        (
            json!({ "name": "a b", "eventType": "deploy:done" }),
            422,
            "invalid",
            "name",
        ),
        (
            json!({ "name": "", "eventType": "deploy:done" }),
            422,
            "invalid",
            "name",
        ),
        (
            json!({ "name": "a", "eventType": "ban:created" }),
            422,
            "invalid",
            "eventType",
        ),
        (
            json!({ "name": "a", "eventType": "ban:mine" }),
            422,
            "invalid",
            "eventType",
        ),
    ] {
        let said = house.post("admin", &hooks, &body).await;
        said.is_problem(status, code);
        assert_eq!(said.path(), path, "{body}");
    }
    house
        .delete("stranger", "/guilds/discord/200/hooks/ci")
        .await
        .is_problem(404, "not_found");
    house.delete("admin", &format!("{hooks}/ci")).await.is(204);
    tell(&house, "ci", &secret, "msg_2", &json!({}))
        .await
        .is_problem(401, "unauthorized");
}
