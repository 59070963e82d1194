//! Modes raised and ended by hand.

use crate::house::{HERE, House};
use chrono::TimeDelta;
use lockdown_moderation::desk::{Desk, ModeAsk};
use lockdown_moderation::{Actor, GuildRef};
use lockdown_store::modes::Mode;
use reqwest::Method;
use serde_json::{Value, json};

impl House {
    async fn modes(&self) -> Vec<Value> {
        let listed = self.get("moderator", &format!("{HERE}/modes")).await;
        listed.is(200)["modes"].as_array().unwrap().clone()
    }

    async fn acts(&self) -> Vec<Value> {
        let audit = self.get("admin", &format!("{HERE}/audit")).await;
        let entries = audit.is(200)["entries"].as_array().unwrap().iter();
        entries.map(|entry| entry["act"].clone()).collect()
    }
}

pub(crate) async fn a_mode_is_raised_and_ended_by_hand(house: House) {
    assert_eq!(house.modes().await, Vec::<Value>::new());
    let path = format!("{HERE}/modes");
    let said = house
        .post("moderator", &path, &json!({ "mode": "raid", "duration": "15m" }))
        .await;
    let raid = said.is(201).clone();
    assert_eq!(
        (&raid["mode"], &raid["raisedBy"]),
        (&json!("raid"), &json!("token:moderator"))
    );
    assert_eq!(house.modes().await, std::slice::from_ref(&raid));
    // Once more: until the later of the two ends.
    let shorter = json!({ "mode": "raid", "duration": "5m" });
    let again = house.post("moderator", &path, &shorter).await;
    assert_eq!(again.is(200), &raid);
    let longer = json!({ "mode": "raid", "duration": "2h" });
    let again = house.post("moderator", &path, &longer).await;
    assert!(again.is(200)["endsAt"].as_str() > raid["endsAt"].as_str());
    // Another takes its place, and lasts until somebody ends it.
    let closed = house
        .post("moderator", &path, &json!({ "mode": "lockdown" }))
        .await;
    assert_eq!(closed.is(201)["endsAt"], Value::Null);
    house
        .delete("moderator", &format!("{path}/raid"))
        .await
        .is_problem(409, "not_raised");
    // No rule asks for less than a person did, and a person may.
    let desk = Desk::new(
        house.store.clone(),
        house.ctx.clock.clone(),
        house.ctx.ids.clone(),
    );
    let by_rule = ModeAsk {
        by: Actor::Rule("join-raid".into()),
        guild: GuildRef {
            platform: lockdown_events::Platform::Discord,
            id: lockdown_events::GuildId::new("100").unwrap(),
        },
        mode: Mode::Raid,
        lasts: Some(TimeDelta::minutes(15)),
        chain: None,
    };
    assert!(!desk.raise_mode(&by_rule).await.unwrap());
    assert_eq!(house.modes().await[0]["mode"], "lockdown");
    house.post("moderator", &path, &longer).await.is(201);
    house.delete("moderator", &format!("{path}/raid")).await.is(204);
    assert_eq!(house.modes().await, Vec::<Value>::new());
    // Who goes by it is told each time, and each time is written down.
    let acts = ["end", "raise", "raise", "raise", "raise"].map(|act| json!(format!("mode:{act}")));
    assert_eq!(house.acts().await, acts);
    lockdown_backend::relay(&house.ctx, house.store.clone(), house.bus.clone());
    for told in house.told("guild:config", acts.len()).await {
        assert_eq!(told["data"]["changed"], json!(["mode"]));
    }
}

pub(crate) async fn a_mode_that_cannot_be_is_refused(house: House) {
    let path = format!("{HERE}/modes");
    for (body, field) in [
        (json!({ "mode": "party" }), "mode"),
        (json!({ "mode": "raid", "until": "x" }), "until"),
        (json!({ "duration": "1h" }), "none"),
    ] {
        let said = house.post("moderator", &path, &body).await;
        said.is_problem(422, "invalid");
        if field != "none" {
            assert_eq!(said.path(), field, "{}", said.text);
        }
    }
    let past = json!({ "mode": "raid", "expiresAt": "2020-01-01T00:00:00Z" });
    let said = house.post("moderator", &path, &past).await;
    said.is_problem(422, "bad_duration");
    assert_eq!(said.path(), "expiresAt");
    house
        .delete("moderator", &format!("{path}/party"))
        .await
        .is_problem(404, "not_found");
    house
        .delete("moderator", &format!("{path}/raid"))
        .await
        .is_problem(409, "not_raised");
    let viewer = house
        .ask("viewer", Method::POST, &path)
        .json(&json!({ "mode": "raid" }));
    crate::house::say(viewer).await.is_problem(403, "forbidden");
    assert_eq!(house.acts().await, Vec::<Value>::new());
}
