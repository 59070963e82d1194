//! The moderators' log: a message for each case, which always says how it stands, and whose buttons work.

use crate::commands::{desk_of_routes, reply};
use crate::hands::decision;
use crate::judge::judge;
use crate::sizes;
use crate::town::{Town, until};
use lockdown_bus::{Answering, Asked};
use lockdown_events::{
    Action, AuditLogged, BatchId, CaseRequest, Decision, ModerationEvent, Outcome, Platform, RequestError,
    VerdictMode,
};
use lockdown_testkit::fakes::discord::Fault;
use lockdown_testkit::fakes::discord::permissions::ATTACH_FILES;
use serde_json::{Value, json};
use std::slice;
use std::sync::{Arc, Mutex};
use uuid::Uuid;

sizes!(
    a_case_has_one_message_that_says_how_it_stands,
    what_was_said_unanswered_is_written_anew,
    what_is_told_before_the_gateway_speaks_is_shown,
    what_a_process_left_unwritten_is_shown_before_the_gateway_speaks,
    its_buttons_work_in_a_new_process,
    without_a_channel_nothing_is_written,
    what_the_rules_take_away_is_shown_as_it_was,
    where_no_files_may_be_attached_the_rest_is_shown,
);

type Records = Arc<Mutex<Vec<Value>>>;

fn record(decision: &Decision) -> Value {
    json!({
        "id": decision.id, "caseNumber": decision.case_number, "userId": decision.user_id, "action": decision.action,
        "state": "requested", "origin": "command", "moderatorId": decision.moderator_id, "actor": decision.moderator_id,
        "reason": "@everyone <@1> *spam*", "expiresAt": null, "createdAt": "2026-11-20T09:06:00Z", "evidence": [],
        "lastWord": true,
    })
}

/// A backend that has these records.
async fn backend(town: &Town, decisions: &[Decision]) -> (Answering, Records) {
    let records: Records = Arc::new(Mutex::new(decisions.iter().map(record).collect()));
    let known = Arc::clone(&records);
    let answering = town
        .bus
        .requests()
        .answer("case", move |asked: Asked<CaseRequest>| {
            let number = asked.data.case_number;
            let found = known
                .lock()
                .unwrap()
                .iter()
                .find(|case| case["caseNumber"] == number)
                .cloned();
            async move {
                found.ok_or_else(|| RequestError {
                    code: "unknown_case".to_owned(),
                    message: "no such case".to_owned(),
                })
            }
        });
    (answering.await.unwrap(), records)
}

/// The only message in the log, when it has one that satisfies this.
async fn shown(town: &Town, log: u64, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
    until(what, || async {
        town.discord.messages(log).first().is_some_and(&holds)
    })
    .await;
    let messages = town.discord.messages(log);
    assert_eq!(messages.len(), 1, "{what}");
    messages[0].clone()
}

fn field(message: &Value, name: &str) -> Option<String> {
    let mut fields = message["embeds"][0]["fields"].as_array().into_iter().flatten();
    let found = fields.find(|field| field["name"] == name)?;
    found["value"].as_str().map(str::to_owned)
}

fn edited(town: &Town, case: u64) -> ModerationEvent {
    ModerationEvent::AuditLogged(AuditLogged {
        platform: Platform::Discord,
        guild_id: town.guild.to_string().parse().unwrap(),
        sequence: 1,
        actor: town.owner.to_string(),
        actor_id: None,
        act: "case:edit".to_owned(),
        subject: format!("case:{case}"),
        hash: "0".repeat(64),
    })
}

async fn a_case_has_one_message_that_says_how_it_stands(town: Town) {
    let log = town.discord.channel(town.guild, "mod-logs");
    let ban = decision(&town, 17, town.ana, Action::Ban);
    let (_answering, records) = backend(&town, slice::from_ref(&ban)).await;
    town.start().await;
    town.bus
        .publish(&ModerationEvent::BanCreated(ban).into())
        .await
        .unwrap();
    // What Discord said is shown, although the record does not tell it yet.
    let message = shown(&town, log, "the outcome", |message| {
        field(message, "State").as_deref() == Some("until somebody ends it")
    })
    .await;
    assert_eq!(message["embeds"][0]["title"], "Ban · Case #17");
    assert_eq!(field(&message, "By").unwrap(), format!("<@{}>", town.owner));
    assert_eq!(field(&message, "Told").as_deref(), Some("was told"));
    let reason = field(&message, "Why").unwrap();
    assert_eq!(reason, "\\@everyone \\<\\@1\\> \\*spam\\*");
    assert_eq!(message["allowed_mentions"], json!({ "parse": [] }));

    records.lock().unwrap()[0]["reason"] = json!("spam, twice");
    records.lock().unwrap()[0]["state"] = json!("voided");
    town.bus.publish(&edited(&town, 17).into()).await.unwrap();
    // A case that has no message gets none by being changed.
    town.bus.publish(&edited(&town, 16).into()).await.unwrap();
    let message = shown(&town, log, "the change", |message| {
        field(message, "Why").as_deref() == Some("spam, twice")
    })
    .await;
    assert_eq!(field(&message, "State").as_deref(), Some("declared a mistake"));
    assert_eq!(message["components"][0]["components"][0]["disabled"], true);
    assert_eq!(town.discord.invalid_requests(), 0);
    town.stop().await;
}

async fn what_was_said_unanswered_is_written_anew(town: Town) {
    let log = town.discord.channel(town.guild, "mod-logs");
    let batch = BatchId(Uuid::from_u128(7));
    let ben = town.discord.person("Ben");
    let [first, second] = [(17, town.ana), (18, ben)].map(|(case, user)| Decision {
        batch_id: Some(batch),
        ..decision(&town, case, user, Action::Ban)
    });
    let (_answering, _) = backend(&town, &[first.clone(), second.clone()]).await;
    town.discord
        .fail("POST", "channels/{}/messages", usize::MAX, Fault::CutAfter);
    town.start().await;
    town.bus
        .publish(&ModerationEvent::BanCreated(first).into())
        .await
        .unwrap();
    shown(&town, log, "the first of them", |message| {
        message["embeds"][0]["title"] == "Ban of 1 person · Case #17"
    })
    .await;
    town.bus
        .publish(&ModerationEvent::BanCreated(second).into())
        .await
        .unwrap();
    town.heard("moderation:log", 2).await;
    town.discord.fail_no_more();
    shown(&town, log, "both of them", |message| {
        let said = message["embeds"][0]["description"].as_str();
        said.is_some_and(|said| said.contains("#17") && said.contains("#18"))
    })
    .await;
    town.stop().await;
}

async fn what_is_told_before_the_gateway_speaks_is_shown(town: Town) {
    let log = town.discord.channel(town.guild, "mod-logs");
    let ban = decision(&town, 17, town.ana, Action::Ban);
    let (_answering, _) = backend(&town, slice::from_ref(&ban)).await;
    town.discord.refuse_gateway(true);
    town.start_bot().await;
    town.bus
        .publish(&ModerationEvent::BanCreated(ban).into())
        .await
        .unwrap();
    shown(&town, log, "the outcome", |message| {
        field(message, "State").as_deref() == Some("until somebody ends it")
    })
    .await;
    town.stop().await;
}

async fn what_a_process_left_unwritten_is_shown_before_the_gateway_speaks(mut town: Town) {
    let log = town.discord.channel(town.guild, "mod-logs");
    let ban = Decision {
        batch_id: Some(BatchId(Uuid::from_u128(7))),
        ..decision(&town, 17, town.ana, Action::Ban)
    };
    let (answering, _) = backend(&town, slice::from_ref(&ban)).await;
    town.discord
        .fail("POST", "channels/{}/messages", usize::MAX, Fault::Status(503));
    town.start().await;
    town.bus
        .publish(&ModerationEvent::BanCreated(ban.clone()).into())
        .await
        .unwrap();
    town.heard("moderation:log", 1).await;
    answering.stop().await;
    town.stop().await;
    assert!(town.discord.messages(log).is_empty());

    town.reopen().await;
    let (_cases, _) = backend(&town, &[ban]).await;
    town.discord.fail_no_more();
    town.discord.refuse_gateway(true);
    town.start_bot().await;
    shown(&town, log, "the message", |message| {
        message["embeds"][0]["title"] == "Ban of 1 person · Case #17"
    })
    .await;
    town.stop().await;
}

async fn its_buttons_work_in_a_new_process(mut town: Town) {
    let log = town.discord.channel(town.guild, "mod-logs");
    let ban = decision(&town, 17, town.ana, Action::Ban);
    let (answering, _) = backend(&town, slice::from_ref(&ban)).await;
    town.start().await;
    town.bus
        .publish(&ModerationEvent::BanCreated(ban.clone()).into())
        .await
        .unwrap();
    let message = shown(&town, log, "the message", |message| {
        field(message, "Told").is_some()
    })
    .await;
    let id: u64 = message["id"].as_str().unwrap().parse().unwrap();
    answering.stop().await;
    town.stop().await;

    town.reopen().await;
    let (_cases, records) = backend(&town, &[ban]).await;
    let asked = desk_of_routes(&town, move |question| match question.route.as_str() {
        "explainCase" => json!({
            "case": records.lock().unwrap()[0], "explanation": "", "ruleSetHash": null, "traceId": null,
            "followsCaseNumber": null, "endedCaseNumbers": [3],
        }),
        "undoCase" => json!({ "results": [], "left": [
            { "caseNumber": 17, "why": "over", "byCaseNumber": null },
        ] }),
        other => panic!("{other}"),
    })
    .await;
    town.start().await;
    let token = town.discord.press(town.bot, town.owner, log, id, "case explain");
    let said = reply(&town, &token).await;
    assert!(
        said.starts_with(&format!("ban of <@{}> (Case #17)\n", town.ana)),
        "{said}"
    );
    assert!(
        said.contains("**How**: by a command") && said.contains("**Took the place of**: #3"),
        "{said}"
    );

    let token = town.discord.press(town.bot, town.owner, log, id, "case undo");
    until("the form", || async { !town.discord.replies(&token).is_empty() }).await;
    let sent = town.discord.fill_in(
        town.bot,
        town.owner,
        log,
        &token,
        &[("reason", "the wrong person")],
    );
    let said = reply(&town, &sent).await;
    assert_eq!(
        said,
        "ℹ️ There is nothing of case #17 to undo\nCase #17 stays as it is: it is over"
    );
    let questions = asked.questions.lock().unwrap().clone();
    let undo = questions.last().unwrap();
    assert_eq!(undo.params["caseNumber"], "17");
    assert_eq!(undo.body, Some(json!({ "reason": "the wrong person" })));
    assert_eq!(undo.moderator_id.as_str(), town.owner.to_string());
    town.stop().await;
}

async fn without_a_channel_nothing_is_written(town: Town) {
    let ban = decision(&town, 17, town.ana, Action::Ban);
    let (_answering, _) = backend(&town, slice::from_ref(&ban)).await;
    town.start().await;
    town.bus
        .publish(&ModerationEvent::BanCreated(ban).into())
        .await
        .unwrap();
    let logs = town.heard("moderation:log", 1).await;
    assert!(matches!(
        &logs[0],
        lockdown_events::Event::Moderation(ModerationEvent::Log(log)) if log.outcome == Outcome::Applied
    ));
    assert!(town.discord.messages(town.channel).is_empty());
    assert_eq!(town.discord.invalid_requests(), 0);
    town.stop().await;
}

async fn what_the_rules_take_away_is_shown_as_it_was(town: Town) {
    let log = town.discord.channel(town.guild, "mod-logs");
    judge(&town.bus, VerdictMode::Live).await;
    town.start().await;
    let elsewhere =
        json!({ "id": "1", "filename": "other.png", "size": 17, "url": "http://127.0.0.1:9/other.png" });
    let file = town.discord.upload("free nitro.txt", b"come and get it");
    let attached = json!({ "attachments": [file, elsewhere] });
    let said = town
        .discord
        .say_with(town.ana, town.channel, "bad @everyone *nitro*", &attached);
    until("the archive", || async { town.discord.messages(log).len() == 1 }).await;
    assert!(!town.discord.has_message(town.channel, said));
    let archive = town.discord.messages(log).remove(0);
    let embed = &archive["embeds"][0];
    assert_eq!(embed["title"], "1 message was removed");
    let text = embed["description"].as_str().unwrap();
    assert!(text.starts_with(&format!("<@{}> <t:", town.ana)), "{text}");
    let hash = "9fb21335387665fc670ecadde25b24fc43a3fa2dca1f7d90fae6a57437776e5c";
    for part in [
        "bad \\@everyone \\*nitro\\*",
        &format!("📎 free nitro.txt (15 B) sha256 `{hash}`\n📎 other.png (17 B)\n"),
    ] {
        assert!(text.contains(part), "{text}");
    }
    // Its bytes are kept; an address of somebody else's is not asked.
    let files = json!([{ "filename": "SPOILER_free_nitro.txt", "text": "come and get it" }]);
    assert_eq!(archive["files"], files);
    assert_eq!(embed["fields"][0]["value"], format!("<#{}>", town.channel));
    assert_eq!(embed["fields"][1]["value"], "rules:\u{200b} no-bad-words");
    assert_eq!(archive["allowed_mentions"], json!({ "parse": [] }));
    town.stop().await;
}

async fn where_no_files_may_be_attached_the_rest_is_shown(town: Town) {
    let log = town.discord.channel(town.guild, "mod-logs");
    let deny =
        json!({ "id": town.bot.to_string(), "type": 1, "allow": "0", "deny": ATTACH_FILES.to_string() });
    town.discord.overwrite(log, vec![deny]);
    judge(&town.bus, VerdictMode::Live).await;
    town.start().await;
    let attached = json!({ "attachments": [town.discord.upload("nitro.txt", b"come and get it")] });
    town.discord
        .say_with(town.ana, town.channel, "bad nitro", &attached);
    until("the archive", || async { town.discord.messages(log).len() == 1 }).await;
    let archive = town.discord.messages(log).remove(0);
    assert!(archive["files"].is_null(), "{archive}");
    let text = archive["embeds"][0]["description"].as_str().unwrap();
    assert!(
        text.contains("bad nitro\n📎 nitro.txt (15 B) sha256 `9fb2"),
        "{text}"
    );
    assert_eq!(town.discord.invalid_requests(), 0);
    town.stop().await;
}
