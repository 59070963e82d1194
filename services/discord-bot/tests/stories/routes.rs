//! What moderators ask of the records, by the routes of the API.

use crate::commands::{desk_of_routes, number, place, reply, text, told, told_to, who};
use crate::sizes;
use crate::town::{Town, until};
use lockdown_events::RequestError;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

sizes!(
    cases_are_looked_at_and_changed,
    somebody_is_looked_up,
    settings_are_shown_and_chosen,
    rules_are_checked,
    rules_are_switched,
    an_attack_is_announced,
);

async fn cases_are_looked_at_and_changed(town: Town) {
    let case = json!({
        "caseNumber": 17, "userId": town.ana.to_string(), "action": "mute", "state": "failed", "origin": "automod",
        "moderatorId": null, "actor": "rule:no_spam", "reason": "*spam*", "expiresAt": null,
        "createdAt": "2026-11-20T09:06:00Z", "error": "they stand above the bot",
        "evidence": [{ "channelId": "3", "messageId": "4" }],
    });
    let answered = case.clone();
    let asked = desk_of_routes(&town, move |question| match question.route.as_str() {
        "listCases" => json!({ "cases": [answered], "nextCursor": "17" }),
        "getCase" | "changeCase" | "voidCase" => answered.clone(),
        "postToThread" => {
            json!({ "id": "1", "by": "5", "own": true, "body": "x", "createdAt": "2026-11-20T09:06:00Z" })
        }
        "undoCase" => json!({ "results": [{
            "caseNumber": 17, "userId": answered["userId"], "action": "unmute", "restoresCaseNumber": null,
            "expiresAt": null, "case": null, "code": "overtaken", "detail": "a *newer* decision stands",
        }], "left": [] }),
        other => panic!("{other}"),
    })
    .await;
    town.start().await;
    let ana = town.ana;
    let said = told(&town, "case view", json!([number("number", 17)])).await;
    assert_eq!(
        said,
        format!(
            "mute of <@{ana}> (Case #17)\n**By**: the rule no\\_spam\n**When**: <t:1795165560:f> (<t:1795165560:R>)\n\
             **Why**: \\*spam\\*\n**State**: Discord did not do it: they stand above the bot\n\
             **Evidence**: [1](https://discord.com/channels/{}/3/4)",
            town.guild
        )
    );
    let said = told(&town, "case list", json!([who(ana), text("type", "mute")])).await;
    assert!(
        said.starts_with("**#17** mute of <@") && said.ends_with("before:17"),
        "{said}"
    );
    let said = told(&town, "history", json!([who(ana)])).await;
    assert!(
        said.starts_with(&format!("What is on record of <@{ana}>\n**#17**")),
        "{said}"
    );
    told(
        &town,
        "case reason",
        json!([number("number", 17), text("reason", "links")]),
    )
    .await;
    told(
        &town,
        "case duration",
        json!([number("number", 17), text("duration", "2h")]),
    )
    .await;
    let link = "https://discord.com/channels/1/8/9";
    told(
        &town,
        "case evidence",
        json!([number("number", 17), text("evidence", link)]),
    )
    .await;
    let said = told(
        &town,
        "case evidence",
        json!([number("number", 17), text("evidence", "there")]),
    )
    .await;
    assert_eq!(said, "❌ Not done: give links or ids of messages");
    let options = json!([number("number", 17), text("text", "seen *twice*")]);
    let said = told(&town, "case note", options).await;
    assert_eq!(said, "✅ Noted for the moderators (Case #17)");
    let said = told(
        &town,
        "case void",
        json!([number("number", 17), text("reason", "wrong")]),
    )
    .await;
    assert!(said.starts_with("✅ Declared a mistake (Case #17)"), "{said}");
    let said = told(&town, "case undo", json!([number("number", 17)])).await;
    assert_eq!(
        said,
        "Undoing case #17:\n❌ Not done: a \\*newer\\* decision stands"
    );
    let questions = asked.questions.lock().unwrap().clone();
    let bodies: Vec<_> = questions.iter().filter_map(|asked| asked.body.clone()).collect();
    assert_eq!(
        bodies,
        [
            json!({ "reason": "links" }),
            json!({ "duration": "2h" }),
            json!({ "evidence": [
                { "channelId": "3", "messageId": "4" }, { "channelId": "8", "messageId": "9" } ] }),
            json!({ "body": "seen *twice*" }),
            json!({ "reason": "wrong" }),
            json!({ "reason": null }),
        ]
    );
    assert_eq!(questions[1].query["userId"], ana.to_string());
    assert_eq!(questions[1].query["type"], "mute");
    town.stop().await;
}

async fn somebody_is_looked_up(town: Town) {
    let ana = town.ana.to_string();
    let _asked = desk_of_routes(&town, move |question| {
        assert_eq!((question.route.as_str(), &question.params["userId"]), ("getMember", &ana));
        json!({
            "userId": ana, "username": "ana_*", "displayName": "Ana", "isBot": false,
            "firstSeen": "2026-11-20T09:06:00Z", "lastSeen": "2026-11-20T09:06:00Z",
            "member": { "userId": ana, "username": null, "displayName": null, "nick": null, "isBot": false,
                "status": "member", "roles": ["5"], "joinedAt": null, "leftAt": null, "lastSeen": "2026-11-20T09:06:00Z" },
            "cases": [], "labels": [], "notes": [{ "body": "**kind**", "pinned": false, "createdAt": "2026-11-20T09:06:00Z" }],
            "activity": [{ "day": "2026-11-20T00:00:00Z", "messages": 7, "edits": 0, "deletes": 0, "reactions": 0,
                "links": 0, "media": 0, "joins": 0, "flagged": 2 }],
        })
    })
    .await;
    town.start().await;
    let said = told(&town, "userinfo", json!([who(town.ana)])).await;
    for part in [
        "**Names**: ana\\_\\*, Ana",
        "**Here**: is a member",
        "**Roles**: <@&5>",
        "**Last 30 days**: 7 messages, 2 of them flagged",
        "**Cases**: none",
        "**Note**: \\*\\*kind\\*\\*",
    ] {
        assert!(said.contains(part), "{said}");
    }
    town.stop().await;
}

async fn settings_are_shown_and_chosen(town: Town) {
    let log = town.discord.channel(town.guild, "staff");
    let owner = town.owner.to_string();
    let asked = desk_of_routes(&town, move |question| {
        if question.moderator_id.as_str() != owner {
            return Err(RequestError {
                code: "forbidden".to_owned(),
                message: "your roles do not let you".to_owned(),
            });
        }
        Ok(json!({ "locale": "en", "timezone": "UTC", "messageDays": 30, "discord": {}, "telegram": {} }))
    })
    .await;
    town.start().await;
    let said = told(&town, "config show", json!([])).await;
    assert!(said.contains("**Days that messages are kept**: 30"), "{said}");
    let options = json!([place_as("log", log), text("language", "pt-BR")]);
    let said = told(&town, "config set", options).await;
    assert!(
        said.starts_with("✅ Chosen:") && said.contains(&format!("<#{log}>")),
        "{said}"
    );
    let said = told(&town, "config set", json!([text("language", "en")])).await;
    assert!(said.starts_with("ℹ️ That is chosen already"), "{said}");
    let said = told_to(&town, town.ana, "config show", json!([])).await;
    assert_eq!(said, "❌ Not done: your roles do not let you");
    let questions = asked.questions.lock().unwrap().clone();
    let put: Vec<_> = questions
        .iter()
        .filter(|asked| asked.route == "putSettings")
        .collect();
    assert_eq!(put.len(), 1);
    let body = put[0].body.clone().unwrap();
    assert_eq!(
        (&body["locale"], &body["logChannel"], &body["messageDays"]),
        (&json!("pt-BR"), &json!(log.to_string()), &json!(30))
    );
    assert_eq!(put[0].if_match.as_deref(), Some("\"4\""));
    town.stop().await;
}

fn place_as(name: &str, channel: u64) -> serde_json::Value {
    let mut option = place(channel);
    option["name"] = json!(name);
    option
}

async fn rules_are_checked(town: Town) {
    let asked = desk_of_routes(&town, |question| {
        assert_eq!(question.route, "checkRules");
        json!({ "good": false, "ruleSetHash": null, "rules": [], "findings": [
            { "severity": "error", "code": "x", "file": "", "line": 3, "column": 1, "length": 1,
              "message": "there is no act `bann`", "hint": "ban" },
        ] })
    })
    .await;
    town.start().await;
    let token = town
        .discord
        .command(town.bot, town.owner, town.channel, "rules check", &json!([]));
    until("the form", || async { !town.discord.replies(&token).is_empty() }).await;
    let fields = [("rules", "rules:\n  - then: [bann]")];
    let sent = town
        .discord
        .fill_in(town.bot, town.owner, town.channel, &token, &fields);
    assert_eq!(
        reply(&town, &sent).await,
        "❌ Not done: these rules have faults\n❌ line 3: there is no act \\`bann\\` (ban)"
    );
    assert_eq!(asked.questions.lock().unwrap().len(), 1);
    town.stop().await;
}

async fn rules_are_switched(town: Town) {
    let asked = desk_of_routes(&town, |question| match question.route.as_str() {
        "listRules" => Ok(json!({ "version": 4, "rules": [
            { "id": "join_raid", "about": null, "mode": "live", "pausedUntil": "2026-11-20T09:06:00Z" },
            { "id": "scam", "about": "links", "mode": "shadow", "pausedUntil": null },
        ] })),
        "setRuleMode" if question.params["ruleId"] == "scam" => Ok(json!({ "version": 5, "changed": true })),
        "resumeRule" if question.params["ruleId"] == "join_raid" => Ok(json!(null)),
        "resumeRule" => Err(RequestError {
            code: "not_paused".to_owned(),
            message: "The rule is not paused.".to_owned(),
        }),
        _ => Err(RequestError {
            code: "unknown_rule".to_owned(),
            message: "There is no such rule.".to_owned(),
        }),
    })
    .await;
    town.start().await;
    let said = told(&town, "rules list", json!([])).await;
    assert_eq!(
        said,
        "2 rules are in force:\n**join\\_raid**: acts, paused since it acted too often, until <t:1795165560:R>\n\
         **scam**: only says what it would do"
    );
    let rule = |id: &str| json!([text("rule", id)]);
    for (command, id, expected) in [
        ("rules enable", "scam", "✅ The rule scam acts from now on"),
        (
            "rules shadow",
            "scam",
            "✅ The rule scam only says what it would do from now on",
        ),
        (
            "rules disable",
            "scam",
            "✅ The rule scam does nothing from now on",
        ),
        ("rules resume", "join_raid", "✅ The rule join\\_raid acts again"),
        ("rules resume", "scam", "ℹ️ The rule scam is not paused"),
    ] {
        assert_eq!(told(&town, command, rule(id)).await, expected, "{command}");
    }
    let said = told(&town, "rules enable", rule("scamm")).await;
    assert!(said.starts_with("❌ Not done: "), "{said}");
    let questions = asked.questions.lock().unwrap().clone();
    let modes: Vec<_> = questions.iter().filter_map(|asked| asked.body.clone()).collect();
    assert_eq!(
        modes[..3],
        [
            json!({ "mode": "live" }),
            json!({ "mode": "shadow" }),
            json!({ "mode": "disabled" })
        ]
    );
    // What is typed is completed with what there is.
    let mut typed = text("rule", "sc");
    typed["focused"] = json!(true);
    let options = json!([{ "name": "shadow", "type": 1, "options": [typed] }]);
    let token = town
        .discord
        .typing(town.bot, town.owner, town.channel, "rules", &options);
    until("offers", || async { !town.discord.replies(&token).is_empty() }).await;
    let offered = &town.discord.replies(&token)[0]["choices"];
    assert_eq!(*offered, json!([{ "name": "scam", "value": "scam" }]));
    town.stop().await;
}

async fn an_attack_is_announced(town: Town) {
    let owner = town.owner.to_string();
    let raised = Arc::new(AtomicBool::new(false));
    let asked = desk_of_routes(&town, move |question| {
        let mode = json!({ "mode": "raid", "raisedBy": owner, "raisedAt": "2026-11-20T09:06:00Z",
            "endsAt": "2026-11-20T09:21:00Z" });
        match question.route.as_str() {
            "raiseMode" => {
                raised.store(true, Ordering::SeqCst);
                Ok(mode)
            }
            "endMode" if raised.swap(false, Ordering::SeqCst) => Ok(json!(null)),
            "endMode" => Err(RequestError {
                code: "not_raised".to_owned(),
                message: "The community is not in this mode.".to_owned(),
            }),
            _ if raised.load(Ordering::SeqCst) => Ok(json!({ "modes": [mode] })),
            _ => Ok(json!({ "modes": [] })),
        }
    })
    .await;
    town.start().await;
    let none = "ℹ️ The server does not count as under attack";
    assert_eq!(told(&town, "raid status", json!([])).await, none);
    let until = "until <t:1795166460:f> (<t:1795166460:R>)";
    assert_eq!(
        told(&town, "raid on", json!([text("duration", "15m")])).await,
        format!("✅ The server counts as under attack {until}: its rules act accordingly")
    );
    assert_eq!(
        told(&town, "raid status", json!([])).await,
        format!(
            "The server counts as under attack {until}: <@{}> said so <t:1795165560:R>",
            town.owner
        )
    );
    assert_eq!(
        told(&town, "raid off", json!([])).await,
        "✅ The server does not count as under attack any more"
    );
    assert_eq!(told(&town, "raid off", json!([])).await, none);
    let questions = asked.questions.lock().unwrap().clone();
    assert_eq!(
        questions[1].body,
        Some(json!({ "mode": "raid", "duration": "15m" }))
    );
    assert_eq!(questions[3].params["mode"], "raid");
    town.stop().await;
}
