//! What the bot lacks, and how it says so.

use crate::commands::{told, told_to};
use crate::sizes;
use crate::town::{Town, until};
use lockdown_runtime::Clock;
use lockdown_runtime::health::Status;
use serde_json::json;

sizes!(
    what_is_lacking_is_named_with_what_to_do,
    without_an_intent_it_says_so
);

const VIEW_CHANNEL: u64 = 1 << 10;
const SEND_MESSAGES: u64 = 1 << 11;
const MANAGE_MESSAGES: u64 = 1 << 13;
const READ_MESSAGE_HISTORY: u64 = 1 << 16;
const ADMINISTRATOR: u64 = 1 << 3;
const GUILD_MEMBERS: u64 = 1 << 1;

fn without(guild: u64, deny: u64) -> Vec<serde_json::Value> {
    vec![json!({ "id": guild.to_string(), "type": 0, "allow": "0", "deny": deny.to_string() })]
}

async fn what_is_lacking_is_named_with_what_to_do(mut town: Town) {
    // Another guild, which lets the bot do little.
    let discord = &town.discord;
    town.guild = discord.guild("Village", town.owner);
    town.channel = discord.channel(town.guild, "general");
    let (hidden, closed) = (
        discord.channel(town.guild, "hidden"),
        discord.channel(town.guild, "closed"),
    );
    discord.overwrite(hidden, without(town.guild, VIEW_CHANNEL | MANAGE_MESSAGES));
    discord.overwrite(closed, without(town.guild, MANAGE_MESSAGES));
    let log = discord.channel(town.guild, "mod-logs");
    let held = VIEW_CHANNEL | SEND_MESSAGES | READ_MESSAGE_HISTORY | MANAGE_MESSAGES;
    discord.invite_with(town.guild, town.bot, held, 5);
    discord.join(town.guild, town.ana);
    let admins = discord.role(town.guild, "Admins", 9, ADMINISTRATOR);
    town.start().await;
    let said = told(&town, "doctor", json!([])).await;
    for part in [
        "• Give the bot's role the permission Ban Members: without it, nobody is banned or unbanned".to_owned(),
        "• Give the bot's role the permission View Audit Log: without it, what moderators do by hand is not seen".to_owned(),
        format!("• Move the bot's role up: it can do nothing to those who have <@&{admins}>"),
        format!("• In <#{hidden}> the bot lacks View Channel"),
        format!("• In <#{closed}> the bot lacks Manage Messages"),
        format!("• Give the bot in <#{log}>, where the moderators' log is, Embed Links"),
    ] {
        assert!(said.contains(&part), "{part}\n{said}");
    }
    assert!(!said.contains("Intent"), "{said}");
    let said = told_to(&town, town.ana, "doctor", json!([])).await;
    assert!(said.contains("you need the permission Manage Server"), "{said}");
    assert_eq!(town.discord.invalid_requests(), 0);

    // The same for an operator, who has no gateway and reads names.
    let config = &town.ctx.config.discord;
    let api_url = config.api_url.as_ref();
    let report =
        lockdown_discord_bot::doctor(config.token.as_ref().unwrap(), api_url, &Clock::system()).await;
    let report = report.unwrap();
    assert!(report.intents.is_empty(), "{:?}", report.intents);
    let village = report
        .guilds
        .iter()
        .find(|guild| guild.name == "Village")
        .unwrap();
    let line = "In #closed the bot lacks Manage Messages: give it there";
    assert!(
        village.lacking.iter().any(|lacking| lacking == line),
        "{:?}",
        village.lacking
    );
    assert_eq!(report.guilds.len(), 2);
    town.stop().await;
}

async fn without_an_intent_it_says_so(town: Town) {
    town.discord.channel(town.guild, "mod-logs");
    town.discord.grant_intents(town.bot, GUILD_MEMBERS);
    town.start_bot().await;
    town.is("gateway", Status::Degraded).await;
    until("the commands", || async {
        !town.discord.commands(town.bot).is_empty()
    })
    .await;
    let said = told(&town, "doctor", json!([])).await;
    assert!(
        said.contains("• Switch on the Message Content Intent on the Bot page of the developer portal"),
        "{said}"
    );
    town.stop().await;
}
