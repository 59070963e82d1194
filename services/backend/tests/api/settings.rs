//! Settings: shown, chosen, refused, told.

use crate::house::{HERE, House, Said, say};
use reqwest::Method;
use serde_json::{Value, json};

impl House {
    async fn choose(&self, settings: &Value, if_match: Option<&str>) -> Said {
        let mut request = self.ask("admin", Method::PUT, &format!("{HERE}/settings"));
        if let Some(version) = if_match {
            request = request.header("If-Match", version);
        }
        say(request.json(settings)).await
    }
}

pub(crate) async fn settings_are_chosen_and_told(house: House) {
    let of_none = house.get("moderator", &format!("{HERE}/settings")).await;
    assert_eq!(
        (&of_none.is(200)["locale"], &of_none.body["ladder"]),
        (&json!("en"), &Value::Null)
    );
    let seen = of_none.headers["etag"].to_str().unwrap().to_owned();
    let ladder =
        json!({ "steps": [{ "points": 1, "action": "mute", "lasts": "1h", "needsApproval": false }] });
    let chosen = json!({ "locale": "pt-BR", "timezone": "America/Sao_Paulo", "messageDays": 14, "ladder": ladder,
        "logChannel": "4711" });
    let put = house.choose(&chosen, Some(&seen)).await;
    put.is(200);
    assert_ne!(put.headers["etag"].to_str().unwrap(), seen);
    let found = house.get("moderator", &format!("{HERE}/settings")).await;
    for (name, value) in chosen.as_object().unwrap() {
        assert_eq!(&found.is(200)[name], value, "{name}");
    }
    assert_eq!(found.headers["etag"], put.headers["etag"]);
    // The same again changes nothing, and who looked before it is told.
    let again = house.choose(&chosen, None).await;
    again.is(200);
    assert_eq!(again.headers["etag"], put.headers["etag"]);
    house
        .choose(&json!({}), Some(&seen))
        .await
        .is_problem(412, "stale");
    // The ladder is climbed from now on.
    let warned = house
        .post(
            "moderator",
            &format!("{HERE}/warnings"),
            &json!({ "userId": "531122", "reason": "spam" }),
        )
        .await;
    assert_eq!(warned.is(201)["step"]["action"], "mute");

    lockdown_backend::relay(&house.ctx, house.store.clone(), house.bus.clone());
    let told = house.told("guild:config", 1).await;
    assert_eq!(told[0]["data"]["changed"], json!(["settings"]));
    let audit = house.get("admin", &format!("{HERE}/audit")).await;
    let entries = audit.is(200)["entries"].as_array().unwrap().clone();
    let changes: Vec<&Value> = entries
        .iter()
        .filter(|entry| entry["act"] == "settings:change")
        .collect();
    assert_eq!(changes.len(), 1, "{entries:?}");
    assert_eq!(
        changes[0]["body"]["changed"],
        json!(["ladder", "locale", "logChannel", "messageDays", "timezone"])
    );
    // What is left out is as if nobody had chosen it.
    house.choose(&json!({}), None).await.is(200);
    let none = house.get("moderator", &format!("{HERE}/settings")).await;
    assert_eq!(none.is(200)["ladder"], Value::Null);
    assert_eq!(none.body["locale"], "en");
}

pub(crate) async fn settings_that_cannot_be_are_named(house: House) {
    for (sent, path) in [
        (json!({ "localle": "en" }), "localle"),
        (json!({ "telegram": { "captchas": true } }), "telegram.captchas"),
        (json!({ "messageDays": "ten" }), "messageDays"),
        (
            json!({ "ladder": { "steps": [{ "points": 1, "action": "unban" }] } }),
            "ladder",
        ),
        (json!({ "logChannel": "" }), "logChannel"),
    ] {
        let said = house.choose(&sent, None).await;
        let problem = said.is_problem(422, "bad_settings");
        assert_eq!(problem["errors"][0]["path"], path, "{sent}");
    }
    house.choose(&json!([1]), None).await.is_problem(422, "invalid");
}

pub(crate) async fn dates_are_by_the_communitys_clock(house: House) {
    let ends = async |user: &str| {
        let body = json!({ "userId": user, "duration": "2031-07-01" });
        let said = house.post("moderator", &format!("{HERE}/bans"), &body).await;
        said.is(201)["expiresAt"].as_str().unwrap().to_owned()
    };
    assert_eq!(ends("661").await, "2031-07-01T00:00:00Z");
    house
        .choose(&json!({ "timezone": "Europe/Berlin" }), None)
        .await
        .is(200);
    assert_eq!(ends("662").await, "2031-06-30T22:00:00Z", "in summer");
    let case = house.get("moderator", &format!("{HERE}/cases?userId=662")).await;
    let path = format!("{HERE}/cases/{}", case.is(200)["cases"][0]["caseNumber"]);
    let winter = json!({ "duration": "2031-12-01" });
    let changed = say(house.ask("moderator", Method::PATCH, &path).json(&winter)).await;
    assert_eq!(changed.is(200)["expiresAt"], "2031-11-30T23:00:00Z");
    // A duration is as long everywhere, and an end as a time says its own.
    let body = json!({ "userId": "663", "expiresAt": "2031-07-01T00:00:00Z" });
    let said = house.post("moderator", &format!("{HERE}/bans"), &body).await;
    assert_eq!(said.is(201)["expiresAt"], "2031-07-01T00:00:00Z");
    for wrong in ["Europe/Atlantis", "", "CET+1 ", "../etc"] {
        let said = house.choose(&json!({ "timezone": wrong }), None).await;
        said.is_problem(422, "bad_settings");
        assert_eq!(said.path(), "timezone", "{wrong}");
    }
}
