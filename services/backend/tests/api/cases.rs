//! Sanctions, cases, members and the audit.

use crate::house::{HERE, House, say};
use lockdown_events::{Action, Event, EventId, GuildId, ModerationEvent, Origin, Platform, TraceId, UserId};
use lockdown_moderation::desk::{Acted, Ask, Desk, Ranks};
use lockdown_moderation::{Actor, GuildRef, Rank, UserRef};
use reqwest::Method;
use serde_json::{Value, json};

pub(crate) async fn a_ban_is_a_case_that_can_be_read_changed_and_lifted(house: House) {
    let bans = format!("{HERE}/bans");
    let body = json!({ "userId": "666", "reason": "spam", "duration": "7d", "deleteMessageSeconds": 86400,
        "evidence": [{ "channelId": "5", "messageId": "6" }] });
    let said = house.post("moderator", &bans, &body).await;
    let case = said.is(201).clone();
    assert_eq!(case["caseNumber"], 1);
    assert_eq!(
        (&case["action"], &case["state"], &case["origin"]),
        (&json!("ban"), &json!("requested"), &json!("api"))
    );
    assert_eq!(
        (&case["actor"], &case["moderatorId"]),
        (&json!("token:moderator"), &Value::Null)
    );
    assert_eq!(case["evidence"], json!([{ "channelId": "5", "messageId": "6" }]));
    assert!(case["expiresAt"].is_string());
    // The same again is no second case.
    let again = house.post("moderator", &bans, &body).await;
    assert_eq!(again.is(200)["caseNumber"], 1);

    let one = format!("{HERE}/cases/1");
    assert_eq!(house.get("viewer", &one).await.is(200)["reason"], "spam");
    let change = json!({ "reason": "spam, third time", "duration": "14d" });
    let patch = |token: &str, body: &Value| say(house.ask(token, Method::PATCH, &one).json(body));
    let changed = patch("moderator", &change).await;
    assert_eq!(changed.is(200)["reason"], "spam, third time");
    assert_ne!(changed.body["expiresAt"], case["expiresAt"]);
    let forever = patch("moderator", &json!({ "expiresAt": null, "reason": null })).await;
    assert_eq!(
        (&forever.is(200)["expiresAt"], &forever.body["reason"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(
        patch("moderator", &json!({})).await.is_problem(422, "invalid")["code"],
        "invalid"
    );
    let history = house.get("viewer", &format!("{one}/history")).await;
    let kinds: Vec<&str> = history.is(200)["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["opened", "edited", "edited", "edited", "edited"]);
    let explained = house.get("viewer", &format!("{one}/explanation")).await;
    let text = explained.is(200)["explanation"].as_str().unwrap();
    assert!(text.contains("It came through the API."), "{text}");

    let lifted = house
        .delete("moderator", &format!("{bans}/666?reason=sorry"))
        .await;
    assert_eq!(
        (&lifted.is(201)["action"], &lifted.body["liftsCaseNumber"]),
        (&json!("unban"), &json!(1))
    );
    assert_eq!(house.get("viewer", &one).await.is(200)["endedByCaseNumber"], 2);
    house
        .get("viewer", &format!("{HERE}/cases/99"))
        .await
        .is_problem(404, "unknown_case");
}

pub(crate) async fn what_a_rule_saw_is_told_with_its_case(house: House) {
    let (message, hash) = (EventId(house.ctx.ids.next()), "abc");
    let trace = TraceId::of(message, hash);
    let verdict = json!({
        "platform": "discord", "guildId": "100", "subject": "message", "eventId": message, "userId": "666", "mode": "live",
        "rules": [{ "rule": "scam" }], "actions": [{ "act": "ban" }], "ruleSetHash": hash, "traceId": trace,
        "explanation": { "rules": [{ "rule": "scam", "outcome": "acts", "value": "free nitro" }] },
    });
    // Another one's verdict is not taken for it.
    let mut other = verdict.clone();
    other["traceId"] = json!(TraceId::of(message, "other"));
    for verdict in [&other, &verdict] {
        let verdict = serde_json::from_value(verdict.clone()).unwrap();
        let event = Event::Moderation(ModerationEvent::Automod(verdict));
        house.bus.publish(&event).await.unwrap();
    }
    let person = |id: &str| UserRef::new(Platform::Discord, UserId::new(id).unwrap());
    let guild = GuildRef {
        platform: Platform::Discord,
        id: GuildId::new("100").unwrap(),
    };
    let now = house.ctx.clock.now();
    let ask = Ask {
        trace: Some(trace),
        rule_set_hash: Some(hash.to_owned()),
        ..Ask::new(
            Actor::Rule("scam".into()),
            guild,
            person("666"),
            Action::Ban,
            Origin::Automod,
            now,
        )
    };
    let ranks = Ranks {
        subject: Rank::PLAIN,
        bot: Some(person("99")),
        bot_rank: Rank::Owner,
        ..Ranks::UNKNOWN
    };
    let desk = Desk::new(
        house.store.clone(),
        house.ctx.clock.clone(),
        house.ctx.ids.clone(),
    );
    let Acted::Recorded(case) = desk.act(&ask, &ranks).await.unwrap() else {
        panic!("nothing is recorded")
    };
    let path = format!("{HERE}/cases/{}/explanation", case.number.0);
    let told = house.get("moderator", &path).await;
    assert_eq!(told.is(200)["traceId"], json!(trace));
    assert_eq!(told.body["verdict"]["explanation"], verdict["explanation"]);
    assert_eq!(told.body["verdict"]["traceId"], json!(trace));
    // What people wrote is not for everybody.
    let told = house.get("viewer", &path).await;
    assert_eq!(told.is(200)["verdict"], Value::Null);
    assert_eq!(told.body["ruleSetHash"], hash);
}

pub(crate) async fn lists_are_filtered_and_go_on_where_they_ended(house: House) {
    for user in ["601", "602", "603", "604", "605"] {
        house.ban(user).await;
    }
    let kick = json!({ "userId": "606", "reason": "Shouting at 100%" });
    house
        .post("moderator", &format!("{HERE}/kicks"), &kick)
        .await
        .is(201);
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = house
            .get("viewer", &format!("{HERE}/cases?limit=4{cursor}"))
            .await;
        let numbers = page.is(200)["cases"].as_array().unwrap().iter();
        seen.extend(numbers.map(|case| case["caseNumber"].as_u64().unwrap()));
        match page.body["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, [6, 5, 4, 3, 2, 1]);
    for (filter, count) in [
        ("userId=603", 1),
        ("userId=999", 0),
        ("type=kick", 1),
        ("type=ban&state=requested", 5),
        ("state=applied", 0),
        ("origin=api", 6),
        ("origin=automod", 0),
        ("q=SHOUTING", 1),
        ("q=100%25", 1),
        ("q=_", 0),
        ("moderatorId=11", 0),
        ("from=2020-01-01T00:00:00Z&to=2999-01-01T00:00:00Z", 6),
        ("to=2020-01-01T00:00:00Z", 0),
        ("cursor=99999999999999999999", 400),
        ("cursor=18446744073709551615", 6),
    ] {
        let page = house.get("viewer", &format!("{HERE}/cases?{filter}")).await;
        if count == 400 {
            page.is_problem(400, "bad_query");
            continue;
        }
        assert_eq!(page.is(200)["cases"].as_array().unwrap().len(), count, "{filter}");
    }
}

pub(crate) async fn warnings_notes_and_voids(house: House) {
    house.ban("666").await;
    let warn = json!({ "userId": "666", "reason": "off topic", "points": 2 });
    let warning = house.post("moderator", &format!("{HERE}/warnings"), &warn).await;
    let number = warning.is(201)["caseNumber"].as_u64().unwrap();
    let note = json!({ "userId": "666", "reason": "promised to behave" });
    house
        .post("moderator", &format!("{HERE}/notes"), &note)
        .await
        .is(201);
    house
        .post("moderator", &format!("{HERE}/notes"), &json!({ "userId": "666" }))
        .await
        .is_problem(422, "bad_reason");
    let back = format!("{HERE}/warnings/{number}");
    assert_eq!(house.delete("moderator", &back).await.is(201)["action"], "unwarn");
    // It is so already, by this case.
    assert_eq!(
        house.delete("moderator", &back).await.is(200)["caseNumber"],
        number
    );
    house
        .delete("moderator", &format!("{HERE}/warnings/1"))
        .await
        .is_problem(409, "no_warning");
    let void = format!("{HERE}/cases/{number}/void");
    house
        .post("moderator", &void, &json!({ "reason": "wrong person" }))
        .await
        .is_problem(403, "forbidden");
    let voided = house
        .post("admin", &void, &json!({ "reason": "wrong person" }))
        .await;
    assert_eq!(voided.is(200)["state"], "voided");
}

pub(crate) async fn a_record_tells_of_a_person_and_of_nobody_unknown(house: House) {
    house.ban("666").await;
    let note = json!({ "userId": "666", "reason": "was here before" });
    house
        .post("moderator", &format!("{HERE}/notes"), &note)
        .await
        .is(201);
    let record = house.get("viewer", &format!("{HERE}/members/666")).await;
    assert_eq!(record.is(200)["userId"], "666");
    assert_eq!(record.body["cases"].as_array().unwrap().len(), 2);
    assert_eq!(record.body["notes"][0]["body"], "was here before");
    house
        .get("viewer", &format!("{HERE}/members/667"))
        .await
        .is_problem(404, "not_found");
    // Known in one community is unknown in another.
    let elsewhere = "/guilds/discord/200/members/666";
    house
        .get("stranger", elsewhere)
        .await
        .is_problem(404, "not_found");
    let members = house
        .get("viewer", &format!("{HERE}/members?q=nobody&limit=1"))
        .await;
    assert_eq!(members.is(200)["members"], json!([]));
    let stats = house.get("viewer", &format!("{HERE}/stats")).await;
    assert_eq!(
        (&stats.is(200)["auditEntries"], &stats.body["reportsWaiting"]),
        (&json!(2), &json!(0))
    );
}

pub(crate) async fn the_audit_is_listed_and_holds(house: House) {
    // Too long to stand in a time or a hash by chance.
    let people = ["813847887657120601", "813847887657120602", "813847887657120603"];
    for user in people {
        house.ban(user).await;
    }
    let page = house.get("admin", &format!("{HERE}/audit?limit=2")).await;
    let entries = page.is(200)["entries"].as_array().unwrap().clone();
    assert_eq!(
        (&entries[0]["sequence"], &entries[0]["act"]),
        (&json!(3), &json!("case:open"))
    );
    assert_eq!(
        (&entries[1]["actor"], &entries[1]["actorKind"]),
        (&json!("token:moderator"), &json!("token"))
    );
    // Whom it is about is personal, and kept apart.
    assert!(
        !people.iter().any(|user| page.text.contains(user)),
        "{}",
        page.text
    );
    let next = page.body["nextCursor"].as_str().unwrap();
    let rest = house
        .get("admin", &format!("{HERE}/audit?limit=2&cursor={next}"))
        .await;
    assert_eq!(rest.is(200)["entries"].as_array().unwrap().len(), 1);
    let verified = house.get("admin", &format!("{HERE}/audit/verify")).await;
    assert_eq!(
        (&verified.is(200)["holds"], &verified.body["entries"]),
        (&json!(true), &json!(3))
    );
    assert_eq!(verified.body["hash"], entries[0]["hash"]);
}
