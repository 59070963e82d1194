//! One rule: whether it acts, and that it acts again.

use crate::house::{HERE, House, Said, say};
use lockdown_moderation::GuildRef;
use lockdown_moderation::desk::{Desk, PauseAsk};
use lockdown_store::in_read;
use reqwest::Method;
use serde_json::{Value, json};

const RULES: &str = "# Of the town.
version: 1
lists:
  bad: {words: [badword]}   # more to come
rules:
  - id: first   # since May
    events: [message]
    when: [text.has_any(bad)]
    then: [delete]
  - {id: second, about: Long ones, events: [message], when: [text.length > 900], then: [delete], mode: shadow}
";

impl House {
    async fn set_mode(&self, rule: &str, mode: &str, seen: Option<&str>) -> Said {
        let path = format!("{HERE}/rules/{rule}/mode");
        let mut request = self
            .ask("admin", Method::PUT, &path)
            .json(&json!({ "mode": mode }));
        if let Some(seen) = seen {
            request = request.header("If-Match", seen);
        }
        say(request).await
    }

    async fn with_rules(&self, text: &str) {
        let request = self
            .ask("admin", Method::PUT, &format!("{HERE}/rules"))
            .header("Content-Type", "application/yaml");
        say(request.body(text.to_owned())).await.is(200);
    }

    async fn states(&self) -> Vec<Value> {
        let listed = self.get("moderator", &format!("{HERE}/rules/list")).await;
        listed.is(200)["rules"].as_array().unwrap().clone()
    }
}

pub(crate) async fn one_rules_mode_is_changed_in_the_text(house: House) {
    house
        .set_mode("first", "shadow", None)
        .await
        .is_problem(404, "no_rules");
    house.with_rules(RULES).await;
    let state = |id: &str, about: Value, mode: &str| json!({ "id": id, "about": about, "mode": mode, "pausedUntil": null });
    let second = |mode: &str| state("second", json!("Long ones"), mode);
    assert_eq!(
        house.states().await,
        [state("first", Value::Null, "live"), second("shadow")]
    );
    let said = house.set_mode("first", "shadow", Some("\"1\"")).await;
    assert_eq!(
        (&said.is(200)["version"], &said.body["changed"]),
        (&json!(2), &json!(true))
    );
    assert_eq!(said.headers["etag"], "\"2\"");
    let wanted = RULES.replace("# since May\n", "# since May\n    mode: shadow\n");
    let text = house.get("moderator", &format!("{HERE}/rules")).await.text;
    assert_eq!(text, wanted);
    // Who looked at another version is told, and the same again is no change.
    house
        .set_mode("first", "live", Some("\"1\""))
        .await
        .is_problem(412, "stale");
    let again = house.set_mode("first", "shadow", None).await;
    assert_eq!(
        (&again.is(200)["version"], &again.body["changed"]),
        (&json!(2), &json!(false))
    );
    house.set_mode("second", "disabled", None).await.is(200);
    assert_eq!(house.states().await[1], second("disabled"));
    let versions = house.get("moderator", &format!("{HERE}/rules/versions")).await;
    assert_eq!(versions.is(200)["versions"][0]["note"], "second: disabled");
    assert_eq!(versions.body["versions"][0]["by"], "token:admin");

    house
        .set_mode("third", "live", None)
        .await
        .is_problem(404, "unknown_rule");
    let said = house.set_mode("first", "loud", None).await;
    said.is_problem(422, "invalid");
    assert_eq!(said.path(), "mode");
}

/// Of two who change different rules at once, neither undoes what the other did.
pub(crate) async fn two_rules_are_changed_at_once(house: House) {
    house.with_rules(RULES).await;
    let (one, other) = tokio::join!(
        house.set_mode("first", "disabled", None),
        house.set_mode("second", "live", None)
    );
    one.is(200);
    other.is(200);
    let modes: Vec<Value> = house
        .states()
        .await
        .iter()
        .map(|rule| rule["mode"].clone())
        .collect();
    assert_eq!(modes, ["disabled", "live"]);
}

pub(crate) async fn a_paused_rule_is_resumed(house: House) {
    house.with_rules(RULES).await;
    let in_force = in_read!(house.store, |conn| { conn.policies_in_force(house.guild).await }).unwrap();
    let desk = Desk::new(
        house.store.clone(),
        house.ctx.clock.clone(),
        house.ctx.ids.clone(),
    );
    let pause = PauseAsk {
        guild: GuildRef {
            platform: lockdown_events::Platform::Discord,
            id: lockdown_events::GuildId::new("100").unwrap(),
        },
        policy: in_force[0].policy_id,
        version: in_force[0].version,
        rule: "first".to_owned(),
        chain: None,
    };
    let path = format!("{HERE}/rules/first/pause");
    house.delete("admin", &path).await.is_problem(409, "not_paused");
    assert!(desk.pause_rule(&pause).await.unwrap());
    let paused = house.states().await;
    assert!(paused[0]["pausedUntil"].is_string(), "{paused:?}");
    assert_eq!(paused[1]["pausedUntil"], Value::Null);
    house
        .delete("moderator", &path)
        .await
        .is_problem(403, "forbidden");
    house.delete("admin", &path).await.is(204);
    house.delete("admin", &path).await.is_problem(409, "not_paused");
    assert_eq!(house.states().await[0]["pausedUntil"], Value::Null);
    // A worker reads no pause any more, and was told.
    let now = house.ctx.clock.now();
    let pauses = in_read!(house.store, |conn| { conn.paused_rules(house.guild, now).await });
    assert_eq!(pauses.unwrap(), []);
    lockdown_backend::relay(&house.ctx, house.store.clone(), house.bus.clone());
    let told = house.told("guild:config", 3).await;
    assert_eq!(told[2]["data"]["changed"], json!(["rules"]));
    let audit = house.get("admin", &format!("{HERE}/audit")).await;
    let entry = &audit.is(200)["entries"][0];
    assert_eq!(
        (&entry["act"], &entry["subject"], &entry["actor"]),
        (
            &json!("rules:resume"),
            &json!("rule:first"),
            &json!("token:admin")
        )
    );
    // Under another version it is not paused.
    assert!(desk.pause_rule(&pause).await.unwrap());
    house.set_mode("second", "live", None).await.is(200);
    assert_eq!(house.states().await[0]["pausedUntil"], Value::Null);
}
