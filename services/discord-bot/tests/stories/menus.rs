//! Menus, forms and what is offered while somebody types.

use crate::commands::{desk, desk_of_routes, reply, text, told, told_to, who};
use crate::sizes;
use crate::town::{Town, until};
use serde_json::{Value, json};

sizes!(
    a_message_is_the_evidence_of_what_its_menu_does,
    a_member_reports_and_a_moderator_acts,
    a_report_needs_a_channel,
    what_is_typed_is_completed,
);

pub(crate) async fn registered(town: &Town) {
    until("the commands", || async {
        !town.discord.commands(town.bot).is_empty()
    })
    .await;
}

/// What an interaction was answered with first.
pub(crate) async fn first(town: &Town, token: &str) -> Value {
    until("an answer", || async { !town.discord.replies(token).is_empty() }).await;
    town.discord.replies(token).remove(0)
}

async fn a_message_is_the_evidence_of_what_its_menu_does(town: Town) {
    let asked = desk(&town).await;
    let wishes = &asked.wishes;
    town.start().await;
    registered(&town).await;
    let message = town.discord.say(town.ana, town.channel, "free nitro");
    let token = town
        .discord
        .message_menu(town.bot, town.owner, town.channel, "Mute", message);
    let form = first(&town, &token).await;
    assert_eq!(form["title"], "Mute");
    let fields = [("duration", "2h"), ("reason", "scam")];
    town.discord
        .fill_in(town.bot, town.owner, town.channel, &token, &fields);
    until("the wish", || async { !wishes.lock().unwrap().is_empty() }).await;
    {
        let wishes = wishes.lock().unwrap();
        let wish = &wishes[0];
        assert_eq!(wish.user_id.as_str(), town.ana.to_string());
        assert_eq!(wish.reason.as_deref(), Some("scam"));
        assert!(wish.expires_at.is_some());
        let kept = &wish.evidence[0];
        assert_eq!(kept.message_id.as_str(), message.to_string());
        assert_eq!(
            kept.channel_id.as_ref().unwrap().as_str(),
            town.channel.to_string()
        );
    }
    // Removed at once, by whoever may.
    let token = town
        .discord
        .message_menu(town.bot, town.ana, town.channel, "Remove message", message);
    let said = reply(&town, &token).await;
    assert!(said.contains("you need the permission Manage Messages"), "{said}");
    let token = town
        .discord
        .message_menu(town.bot, town.owner, town.channel, "Remove message", message);
    assert_eq!(reply(&town, &token).await, "✅ Removed 1 message");
    assert!(town.discord.messages(town.channel).is_empty());
    assert_eq!(town.discord.invalid_requests(), 0);
    town.stop().await;
}

async fn a_member_reports_and_a_moderator_acts(town: Town) {
    let ben = town.discord.person("Ben");
    town.discord.join(town.guild, ben);
    let log = town.discord.channel(town.guild, "mod-logs");
    let asked = desk(&town).await;
    let wishes = &asked.wishes;
    town.start().await;
    registered(&town).await;
    let cid = town.discord.person("Cid");
    town.discord.join(town.guild, cid);
    let said = told_to(&town, cid, "report", json!([who(cid)])).await;
    assert_eq!(said, "❌ Not done: nobody reports themselves");
    let message = town.discord.say(ben, town.channel, "*rude*");
    let token = town
        .discord
        .message_menu(town.bot, cid, town.channel, "Report to moderators", message);
    first(&town, &token).await;
    let sent = town.discord.fill_in(
        town.bot,
        cid,
        town.channel,
        &token,
        &[("reason", "@everyone rude")],
    );
    assert_eq!(reply(&town, &sent).await, "✅ The moderators will look at it");
    let said = told_to(&town, cid, "report", json!([who(ben)])).await;
    assert!(said.contains("wait a moment"), "{said}");
    let shown = town.discord.messages(log).remove(0);
    let fields = shown["embeds"][0]["fields"].as_array().unwrap();
    assert_eq!(fields[3]["value"], "\\@everyone rude");
    assert!(
        fields[4]["value"]
            .as_str()
            .unwrap()
            .ends_with(&format!("/{message})"))
    );
    let id: u64 = shown["id"].as_str().unwrap().parse().unwrap();
    let token = town.discord.press(town.bot, town.owner, log, id, "warn");
    first(&town, &token).await;
    town.discord
        .fill_in(town.bot, town.owner, log, &token, &[("reason", "be kind")]);
    until("the wish", || async { !wishes.lock().unwrap().is_empty() }).await;
    let wish = wishes.lock().unwrap()[0].clone();
    assert_eq!(wish.user_id.as_str(), ben.to_string());
    assert_eq!(wish.evidence[0].message_id.as_str(), message.to_string());
    town.stop().await;
}

async fn a_report_needs_a_channel(town: Town) {
    town.start().await;
    let said = told(&town, "report", json!([who(town.ana), text("reason", "x")])).await;
    assert!(said.contains("no channel for reports"), "{said}");
    town.stop().await;
}

async fn what_is_typed_is_completed(town: Town) {
    let _asked = desk_of_routes(&town, |_| {
        json!({ "cases": [
            { "caseNumber": 17, "userId": "5", "action": "ban", "state": "applied", "origin": "command", "actor": "9",
              "reason": "spam links", "createdAt": "2026-11-20T09:06:00Z" },
            { "caseNumber": 16, "userId": "5", "action": "warn", "state": "applied", "origin": "command", "actor": "9",
              "reason": "rude", "createdAt": "2026-11-20T09:06:00Z" },
        ] })
    })
    .await;
    town.start().await;
    let offered = async |name: &str, option: &str, kind: u8, typed: Value| {
        let option = json!({ "name": option, "type": kind, "value": typed, "focused": true });
        let token = town
            .discord
            .typing(town.bot, town.owner, town.channel, name, &json!([option]));
        first(&town, &token).await["choices"].clone()
    };
    let choices = offered("mute", "duration", 3, json!("1h30m")).await;
    assert_eq!(
        choices,
        json!([{ "name": "1 hour 30 minutes", "value": "1h30m" }])
    );
    assert!(
        offered("mute", "duration", 3, json!(""))
            .await
            .as_array()
            .unwrap()
            .len()
            > 5
    );
    assert_eq!(
        offered("ban", "reason", 3, json!("rud")).await[1]["value"],
        "rude"
    );
    let cases = offered("case", "number", 4, json!("17")).await;
    assert_eq!(
        cases,
        json!([{ "name": "#17 · ban · 5 · spam links", "value": 17 }])
    );
    // Nothing is offered where nobody answers, and the command works all the same.
    assert!(
        told(&town, "kick", json!([who(town.ana)]))
            .await
            .contains("nobody decides")
    );
    town.stop().await;
}
