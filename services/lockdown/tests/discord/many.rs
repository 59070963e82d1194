//! Many people at once: a few calls, one case each, one message in the log.

use crate::town::{Town, number, text};
use lockdown_testkit::fakes::discord::Fault;
use lockdown_testkit::fakes::discord::permissions::{BOT, MANAGE_GUILD};
use serde_json::{Value, json};
use std::time::Duration;

crate::town::sizes!(
    many_are_banned_by_few_calls_and_shown_in_one_message,
    without_the_right_to_ban_many_each_is_banned_alone,
);

const BAN: u64 = 22;

/// People who are members, and as one would paste them.
fn crowd(town: &Town, size: usize) -> (Vec<u64>, String) {
    let person = |n| {
        let id = town.discord.person(&format!("R{n}"));
        town.discord.join(town.guild, id);
        id
    };
    let people: Vec<u64> = (0..size).map(person).collect();
    let ids: Vec<String> = people.iter().map(u64::to_string).collect();
    (people, ids.join(" "))
}

fn description(message: &Value) -> &str {
    message["embeds"][0]["description"].as_str().unwrap_or_default()
}

async fn many_are_banned_by_few_calls_and_shown_in_one_message(town: Town) {
    let (discord, owner) = (&town.discord, town.owner);
    let log = discord.channel(town.guild, "mod-logs");
    let (people, ids) = crowd(&town, 150);
    let chief = discord.person("Chief");
    discord.join(town.guild, chief);
    discord.give(town.guild, chief, discord.role(town.guild, "chief", 60, 0));
    // What is decided while a call is under way goes with the next.
    let slow = || Fault::Delay(Duration::from_millis(500));
    discord.fail("PUT", "guilds/{}/bans/{}", 150, slow());
    discord.fail("POST", "guilds/{}/bulk-ban", 150, slow());
    let options = json!([text("ids", &format!("{ids} {chief}")), text("reason", "raid")]);
    let token = discord.command(town.bot, owner, town.channel, "massban", &options);
    let chief = chief.to_string();
    // It takes more than one message.
    town.until("the whole answer", || async {
        let replies = discord.replies(&token);
        replies.iter().any(|reply| {
            reply["content"]
                .as_str()
                .is_some_and(|said| said.contains(&chief))
        })
    })
    .await;
    let said = town.reply(&token).await;
    assert!(
        said.starts_with("✅ Banned 150 of 151 people\nCases #1–#150"),
        "{said}"
    );
    assert!(said.contains(&format!("`{chief}`: ❌ Not done: ")), "{said}");
    assert!(people.iter().all(|person| discord.is_banned(town.guild, *person)));
    let (alone, together) = (
        discord.requests_to("PUT guilds/{}/bans/{}").len(),
        discord.requests_to("POST guilds/{}/bulk-ban").len(),
    );
    assert!(
        together >= 1 && alone + together <= 75,
        "{alone} alone, {together} together"
    );
    let audit = discord.audit(town.guild);
    let bans = audit.iter().filter(|entry| entry["action_type"] == BAN);
    let reasons: Vec<&str> = bans.map(|entry| entry["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons.len(), 150);
    let begins = format!("{owner}: raid [case");
    assert!(
        reasons.iter().all(|reason| reason.starts_with(&begins)),
        "{reasons:?}"
    );
    assert!(
        people
            .iter()
            .all(|person| discord.direct_messages(*person).is_empty())
    );

    town.until("the log tells of all", || async {
        let told = discord.messages(log);
        told.len() == 1 && description(&told[0]).contains("**150: until somebody ends it**")
    })
    .await;
    let told = discord.messages(log);
    assert_eq!(told[0]["embeds"][0]["title"], "Ban of 150 people · Cases #1-150");
    assert!(told[0]["embeds"][0].to_string().contains("raid"));
    // One of them was a mistake.
    discord.fail_no_more();
    let said = town.told(owner, "case undo", json!([number("number", 5)])).await;
    assert!(said.contains("✅ Unbanned"), "{said}");
    town.until("the log tells of that", || async {
        let told = discord.messages(log);
        told.len() == 2
            && description(&told[0]).contains("**1: over by case #151**")
            && description(&told[0]).contains("**149: ")
    })
    .await;
    assert_eq!(discord.invalid_requests(), 0);
    town.stop().await;
}

async fn without_the_right_to_ban_many_each_is_banned_alone(town: Town) {
    let (discord, owner) = (&town.discord, town.owner);
    let (people, ids) = crowd(&town, 20);
    for role in discord.roles(town.guild, town.bot) {
        discord.permit(town.guild, role, BOT & !MANAGE_GUILD);
    }
    discord.fail(
        "PUT",
        "guilds/{}/bans/{}",
        1,
        Fault::Delay(Duration::from_secs(1)),
    );
    let options = json!([text("ids", &ids), text("reason", "raid")]);
    let said = town.told(owner, "massban", options).await;
    assert!(said.starts_with("✅ Banned 20 of 20 people"), "{said}");
    assert!(people.iter().all(|person| discord.is_banned(town.guild, *person)));
    assert_eq!(discord.requests_to("PUT guilds/{}/bans/{}").len(), 20);
    assert_eq!(discord.requests_to("POST guilds/{}/bulk-ban").len(), 0);
    assert_eq!(discord.invalid_requests(), 0);
    town.stop().await;
}
