//! Rules: put, checked, told to the workers, and taken back.

use crate::house::{HERE, House, Said, say};
use lockdown_events::{Event, Message, MessageEvent};
use reqwest::Method;
use serde_json::{Value, json};

const YAML: &str = "application/yaml";

fn rules(id: &str) -> String {
    format!(
        "version: 1\nlists:\n  bad: {{words: [badword]}}\nrules:\n  - id: {id}\n    policy: spam\n    \
         events: [message]\n    when: [text.has_any(bad)]\n    then: [delete, ban]\n"
    )
}

impl House {
    async fn put_rules(&self, text: &str, headers: &[(&str, &str)]) -> Said {
        let mut request = self
            .ask("admin", Method::PUT, &format!("{HERE}/rules"))
            .header("Content-Type", YAML)
            .body(text.to_owned());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        say(request).await
    }

    /// Somebody says something there.
    async fn says(&self, number: usize, author: &str, text: &str) {
        let message = json!({
            "platform": "discord", "guildId": "100", "channelId": "7", "messageId": (1_000 + number).to_string(),
            "authorId": author, "content": text,
        });
        let message: Message = serde_json::from_value(message).unwrap();
        let event = Event::Message(MessageEvent::Created(Box::new(message)));
        self.bus.publish(&event).await.unwrap();
    }

    async fn rules_now(&self) -> Said {
        self.get("moderator", &format!("{HERE}/rules")).await
    }
}

pub(crate) async fn rules_are_put_in_force_and_told(house: House) {
    house.rules_now().await.is_problem(404, "no_rules");
    let text = rules("first");
    let put = house
        .put_rules(&text, &[("If-None-Match", "*"), ("X-Correlation-Id", "change-1")])
        .await;
    assert_eq!(put.is(200)["version"], 1);
    assert_eq!(
        (&put.body["changed"], &put.body["rules"]),
        (&json!(true), &json!(["first"]))
    );
    // What is probably not meant is told, and taken.
    let warning = &put.body["warnings"][0];
    assert_eq!(
        (&warning["severity"], &warning["code"], &warning["line"]),
        (&json!("warning"), &json!("ban_without_limit"), &json!(9))
    );
    assert_eq!(put.headers["etag"], "\"1\"");
    let found = house.rules_now().await;
    assert_eq!((found.status, found.text.as_str()), (200, text.as_str()));
    assert_eq!(
        (&found.headers["content-type"], &found.headers["etag"]),
        (&YAML.parse().unwrap(), &"\"1\"".parse().unwrap())
    );
    // The same again is no change, and nobody is told.
    let again = house.put_rules(&text, &[]).await;
    assert_eq!(
        (&again.is(200)["changed"], &again.body["version"]),
        (&json!(false), &json!(1))
    );
    house
        .put_rules(&rules("second"), &[("If-Match", "\"1\"")])
        .await
        .is(200);
    lockdown_backend::relay(&house.ctx, house.store.clone(), house.bus.clone());
    let told = house.told("guild:config", 2).await;
    assert_eq!(told[0]["correlationId"], "change-1");
    assert_eq!(told[0]["data"]["ruleSetHash"], put.body["ruleSetHash"]);
    assert_eq!(told[0]["data"]["changed"], json!(["rules"]));
    let versions: Vec<u64> = told
        .iter()
        .map(|event| event["data"]["version"].as_u64().unwrap())
        .collect();
    assert!(versions[0] < versions[1], "{versions:?}");
    let audit = house.get("admin", &format!("{HERE}/audit")).await;
    let entries = audit.is(200)["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 2);
    assert_eq!(
        (&entries[0]["act"], &entries[0]["subject"], &entries[0]["actor"]),
        (&json!("rules:change"), &json!("rules:2"), &json!("token:admin"))
    );
    // They judge in this guild: what the workers read.
    let in_force =
        lockdown_store::in_read!(house.store, |conn| { conn.policies_in_force(house.guild).await });
    let in_force = in_force.unwrap();
    assert_eq!(in_force.len(), 1);
    assert_eq!(in_force[0].version, 2);
}

pub(crate) async fn who_looked_before_a_change_is_told(house: House) {
    for headers in [&[("If-Match", "\"1\"")][..], &[("If-Match", "*")]] {
        house
            .put_rules(&rules("a"), headers)
            .await
            .is_problem(412, "stale");
    }
    house.put_rules(&rules("a"), &[]).await.is(200);
    house.put_rules(&rules("b"), &[("If-Match", "*")]).await.is(200);
    for header in [
        ("If-Match", "\"1\""),
        ("If-Match", "\"x\""),
        ("If-Match", "W/\"2\""),
        ("If-Match", "2"),
        ("If-None-Match", "*"),
    ] {
        let said = house.put_rules(&rules("c"), &[header]).await;
        assert_eq!(said.is_problem(412, "stale")["status"], 412, "{header:?}");
    }
    let (one, other) = (rules("d"), rules("e"));
    let condition = [("If-Match", "\"1\", \"2\"")];
    let (any, exact) = tokio::join!(house.put_rules(&one, &[]), house.put_rules(&other, &condition));
    any.is(200);
    let made = exact.status == 200;
    assert!(made || exact.status == 412, "{}", exact.text);
    let versions = house.get("moderator", &format!("{HERE}/rules/versions")).await;
    let count = versions.is(200)["versions"].as_array().unwrap().len();
    assert_eq!(count, 3 + usize::from(made));
}

pub(crate) async fn faulty_rules_are_refused_with_every_fault(house: House) {
    let faulty = "version: 1\nrules:\n  - id: a\n    policy: spam\n    events: [mesage]\n    \
        when: [text.has_any(nothing)]\n    then: [delete]\n";
    let said = house.put_rules(faulty, &[]).await;
    let faults = said.is_problem(422, "bad_rules")["errors"]
        .as_array()
        .unwrap()
        .clone();
    assert!(faults.len() >= 2, "{}", said.text);
    assert_eq!(faults[0]["file"], "rules.yaml");
    assert_eq!(
        (&faults[0]["line"], &faults[0]["severity"]),
        (&json!(5), &json!("error"))
    );
    assert!(faults[0]["column"].as_u64().unwrap() > 1);
    assert!(
        faults[0]["hint"].as_str().unwrap().contains("message"),
        "{}",
        said.text
    );
    assert_eq!(faults[0]["path"], format!("rules.yaml:5:{}", faults[0]["column"]));
    let check = |text: String| {
        let request = house.ask("moderator", Method::POST, &format!("{HERE}/rules/check"));
        say(request.header("Content-Type", YAML).body(text))
    };
    let checked = check(faulty.to_owned()).await;
    assert_eq!(checked.is(200)["good"], false);
    let places = |list: &Value| -> Vec<(Value, Value)> {
        let one = |found: &Value| (found["line"].clone(), found["code"].clone());
        list.as_array().unwrap().iter().map(one).collect()
    };
    assert_eq!(places(&checked.body["findings"]), places(&said.body["errors"]));
    let good = check(rules("a")).await;
    assert_eq!(
        (&good.is(200)["good"], &good.body["rules"]),
        (&json!(true), &json!(["a"]))
    );
    house.rules_now().await.is_problem(404, "no_rules");

    let put = |kind: &'static str, body: Vec<u8>| {
        let request = house.ask("admin", Method::PUT, &format!("{HERE}/rules"));
        say(request.header("Content-Type", kind).body(body))
    };
    for kind in [
        "application/json",
        "text/plain",
        "application/yaml; charset=latin1",
    ] {
        put(kind, rules("a").into_bytes())
            .await
            .is_problem(415, "unsupported_media_type");
    }
    for body in [&b""[..], b"version: 1\n\xff", b"version: 1\n\0"] {
        put(YAML, body.to_vec()).await.is_problem(400, "malformed");
    }
    put(YAML, vec![b'#'; 300 * 1024])
        .await
        .is_problem(413, "too_large");
    put(YAML, "[".repeat(100_000).into_bytes())
        .await
        .is_problem(422, "bad_rules");
    let long = format!("{HERE}/rules?note={}", "x".repeat(501));
    let request = house.ask("admin", Method::PUT, &long);
    say(request.header("Content-Type", YAML).body(rules("a")))
        .await
        .is_problem(400, "bad_query");
}

pub(crate) async fn an_older_version_comes_back(house: House) {
    for id in ["one", "two", "three"] {
        house.put_rules(&rules(id), &[]).await.is(200);
    }
    let back = format!("{HERE}/rules/rollback");
    let wanted = json!({ "version": 1, "note": "two hits everybody" });
    let request = house.ask("admin", Method::POST, &back).json(&wanted);
    let said = say(request.header("Idempotency-Key", "back-1")).await;
    assert_eq!(
        (&said.is(200)["version"], &said.body["rules"]),
        (&json!(4), &json!(["one"]))
    );
    let request = house.ask("admin", Method::POST, &back).json(&wanted);
    let again = say(request.header("Idempotency-Key", "back-1")).await;
    assert_eq!(again.is(200), &said.body);
    assert_eq!(house.rules_now().await.text, rules("one"));
    let old = house.get("moderator", &format!("{HERE}/rules?version=2")).await;
    assert_eq!(
        (old.text.as_str(), &old.headers["etag"]),
        (rules("two").as_str(), &"\"2\"".parse().unwrap())
    );
    let page = house
        .get("moderator", &format!("{HERE}/rules/versions?limit=2"))
        .await;
    let versions = page.is(200)["versions"].as_array().unwrap().clone();
    assert_eq!(versions.len(), 2);
    assert_eq!(
        (&versions[0]["restores"], &versions[0]["by"], &versions[0]["note"]),
        (&json!(1), &json!("token:admin"), &json!("two hits everybody"))
    );
    let next = page.body["nextCursor"].as_str().unwrap();
    let rest = house
        .get("moderator", &format!("{HERE}/rules/versions?cursor={next}"))
        .await;
    let rest = rest.is(200)["versions"].as_array().unwrap().clone();
    assert_eq!(rest.len(), 2);
    assert_eq!(rest[1]["sha256"], versions[0]["sha256"], "the same text");
    for missing in [
        json!({ "version": 9 }),
        json!({ "version": u64::MAX }),
        json!({ "version": 0 }),
    ] {
        house
            .post("admin", &back, &missing)
            .await
            .is_problem(404, "no_rules");
    }
    for version in ["0", "9", "18446744073709551615"] {
        let path = format!("{HERE}/rules?version={version}");
        house.get("moderator", &path).await.is_problem(404, "no_rules");
    }
}

pub(crate) async fn rules_are_tried_on_the_past(house: House) {
    let path = format!("{HERE}/rules/replay");
    let replay = async |query: &str, text: &str| {
        let path = format!("{path}{query}");
        let request = house.ask("moderator", Method::POST, &path);
        say(request.header("Content-Type", YAML).body(text.to_owned())).await
    };
    for (number, (author, text)) in [
        ("1", "hello there"),
        ("1", "a badword"),
        ("2", "a badword again"),
        ("2", "an oddword"),
    ]
    .into_iter()
    .enumerate()
    {
        house.says(number, author, text).await;
    }
    let tried = rules("other").replace("badword", "oddword");
    // Nothing is in force yet.
    let told = replay("", &tried).await;
    let told = told.is(200);
    assert_eq!(
        (&told["whole"], &told["events"], &told["hits"], &told["people"]),
        (&json!(true), &json!(4), &json!(1), &json!(1)),
        "{told}"
    );
    assert!(told.get("comparedWith").is_none());
    house.put_rules(&rules("other"), &[]).await.is(200);
    let both = tried.replace("[oddword]", "[badword, oddword]");
    let told = replay("", &both).await;
    let rule = &told.is(200)["rules"][0];
    assert_eq!(
        rule["againstLive"],
        json!({ "both": 2, "added": 1, "removed": 0 })
    );
    assert_eq!(rule["acts"], json!({ "ban": 3, "delete": 3 }));
    assert_eq!(rule["mostHit"][0], json!(["2", 2]));
    // Only some of it, and nothing of what was before it began.
    let some = replay("?limit=2", &both).await;
    let some = some.is(200);
    assert_eq!((&some["whole"], &some["events"]), (&json!(false), &json!(2)));
    let early = replay("?to=2020-01-01T00:00:00Z", &both).await;
    assert_eq!(early.is(200)["events"], 0);
    // Nothing was changed by any of it.
    assert_eq!(house.rules_now().await.text, rules("other"));
    replay("?limit=0", &both).await.is_problem(400, "bad_query");
    replay("", "version: 1\nrules: 3\n")
        .await
        .is_problem(422, "bad_rules");
}

pub(crate) async fn a_message_is_judged_and_every_rule_says_why(house: House) {
    let path = format!("{HERE}/rules/judge");
    let judge = async |message: &Value| house.post("moderator", &path, message).await;
    let bad = json!({ "content": "a badword", "authorId": "531122" });
    judge(&bad).await.is_problem(404, "no_rules");
    let many = "count: {of: [author], within: 1m, at_least: 3}";
    let both = format!(
        "{}  - {{id: many, events: [message], when: [text.has_any(bad)], {many}, then: [ban]}}\n",
        rules("here")
    );
    house.put_rules(&both, &[]).await.is(200);
    let told = judge(&bad).await;
    let told = told.is(200);
    assert_eq!(
        (&told["caught"], &told["event"]),
        (&json!(true), &json!("message")),
        "{told}"
    );
    let [first, many] = &told["rules"].as_array().unwrap()[..] else {
        panic!("{told}")
    };
    assert_eq!((&first["hit"], &many["hit"]), (&json!(true), &json!(false)));
    let deletes = json!({ "act": "delete", "by": "rule here", "approval": 0 });
    let acts = told["acts"].as_array().unwrap();
    assert!(acts.contains(&deletes), "{told}");
    // Alone it is the first of its kind.
    assert_eq!(many["counter"]["value"], 1, "{many}");
    let told = judge(&json!({ "content": "a word" })).await;
    let told = told.is(200);
    assert_eq!((&told["caught"], &told["acts"]), (&json!(false), &json!([])));
    let rule = &told["rules"][0];
    assert_eq!(rule["conditions"][0]["truth"], "false", "{rule}");
    assert!(!rule["because"].as_str().unwrap().is_empty());
    judge(&json!({ "content": 3 })).await.is_problem(422, "invalid");
    judge(&json!({ "embeds": [], "platform": "telegram", "guildId": "9" }))
        .await
        .is(200);
    // One that was said, by its id alone.
    house.says(7, "531122", "that badword").await;
    let told = judge(&json!({ "messageId": "1007" })).await;
    assert_eq!(told.is(200)["caught"], true);
    judge(&json!({ "messageId": "9999" }))
        .await
        .is_problem(404, "unknown_message");
    assert_eq!(house.rules_now().await.text, both);
}
