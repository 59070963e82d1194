//! What happens in the community, scene by scene. Each waits for what must come of it, so that the demo never tells
//! something that was not so.

use super::teller::line;
use super::town::Town;
use anyhow::bail;
use futures_util::future::BoxFuture;
use lockdown_bus::Bus;
use lockdown_events::Platform;
use serde_json::{Value, json};
use std::time::Duration;

pub(super) struct Scene {
    pub(super) title: &'static str,
    pub(super) play: for<'t> fn(&'t Town, &'t Bus, Duration) -> BoxFuture<'t, anyhow::Result<()>>,
}

/// The scenes in their order.
pub(super) const STORY: [Scene; 6] = [
    Scene {
        title: "People talk: nothing follows",
        play: |town, _, pace| Box::pin(talk(town, pace)),
    },
    Scene {
        title: "A stolen account posts a scam on Discord",
        play: |town, _, pace| Box::pin(scam(town, pace)),
    },
    Scene {
        title: "Somebody floods a channel",
        play: |town, _, _| Box::pin(flood(town)),
    },
    Scene {
        title: "A moderator mutes the wrong person, asks why, and takes it back",
        play: |town, _, pace| Box::pin(mistake(town, pace)),
    },
    Scene {
        title: "The owner bans by hand, past every bot",
        play: |town, _, pace| Box::pin(by_hand(town, pace)),
    },
    Scene {
        title: "Spam in disguise on Telegram",
        play: |town, _, pace| Box::pin(disguise(town, pace)),
    },
];

async fn talk(town: &Town, pace: Duration) -> anyhow::Result<()> {
    for (who, name, text) in [
        (town.ana, "ana", "good morning, harbour!"),
        (town.ben, "ben", "morning. anybody seen the tide table?"),
        (town.ana, "ana", "https://discord.com/channels/1/2 has it"),
    ] {
        let said = say(town, town.general, "#general", who, name, text);
        tokio::time::sleep(pace).await;
        if !town.discord.has_message(town.general, said) {
            bail!("“{text}” was deleted, and should not have been");
        }
    }
    Ok(())
}

fn say(town: &Town, channel: u64, place: &str, who: u64, name: &str, text: &str) -> u64 {
    line(place, name, text);
    town.discord.say(who, channel, text)
}

async fn scam(town: &Town, pace: Duration) -> anyhow::Result<()> {
    let text = "free nitro for everybody: https://dlscord.gift/claim";
    let said = say(town, town.general, "#general", town.mallory, "mallory", text);
    town.until("the scam is gone", || {
        !town.discord.has_message(town.general, said)
    })
    .await?;
    line("#general", "Discord", "(the message is gone)");
    town.until("mallory is banned", || {
        town.discord.is_banned(town.guild, town.mallory)
    })
    .await?;
    tokio::time::sleep(pace).await;
    Ok(())
}

async fn flood(town: &Town) -> anyhow::Result<()> {
    let said: Vec<u64> = (1..=7)
        .map(|n| {
            say(
                town,
                town.help,
                "#help",
                town.dave,
                "dave",
                &format!("hello?? is anybody here {n}"),
            )
        })
        .collect();
    town.until("dave is muted", || {
        town.discord.muted_until(town.guild, town.dave).is_some()
    })
    .await?;
    town.until("the flood is gone", || {
        !said
            .iter()
            .take(6)
            .any(|message| town.discord.has_message(town.help, *message))
    })
    .await?;
    line(
        "#help",
        "Discord",
        "(the messages are gone, and dave has a time-out)",
    );
    Ok(())
}

async fn mistake(town: &Town, pace: Duration) -> anyhow::Result<()> {
    let who = json!({ "name": "user", "type": 6, "value": town.ben.to_string() });
    let text = |name: &str, value: &str| json!({ "name": name, "type": 3, "value": value });
    let options = json!([who, text("duration", "1h"), text("reason", "spam")]);
    let answer = command(town, "/mute ben 1h spam", "mute", &options).await?;
    town.until("ben is muted", || {
        town.discord.muted_until(town.guild, town.ben).is_some()
    })
    .await?;
    tokio::time::sleep(pace).await;
    // The number stands in the answer, as a moderator sees it.
    let number = answer
        .split('#')
        .next_back()
        .map(|rest| rest.chars().take_while(char::is_ascii_digit).collect::<String>());
    let number: u64 = number.unwrap_or_default().parse().unwrap_or_default();
    let options = json!([who, text("reason", "it was dave")]);
    let case = json!({ "name": "number", "type": 4, "value": number });
    let explain = json!([{ "name": "explain", "type": 1, "options": [case] }]);
    command(town, &format!("/case explain {number}"), "case", &explain).await?;
    tokio::time::sleep(pace).await;
    command(town, "/unmute ben it was dave", "unmute", &options).await?;
    town.until("ben is free", || {
        town.discord.muted_until(town.guild, town.ben).is_none()
    })
    .await
}

/// Mia gives a command; the answer is what only she sees.
async fn command(town: &Town, typed: &str, name: &str, options: &Value) -> anyhow::Result<String> {
    line("#general", "mia", typed);
    let token = town
        .discord
        .command(town.bot, town.mia, town.general, name, options);
    let told = || {
        let replies = town.discord.replies(&token);
        let reply = replies.iter().find_map(|reply| reply["content"].as_str());
        reply.map(str::to_owned)
    };
    town.until("the command is answered", || told().is_some()).await?;
    let answer = told().unwrap_or_default();
    for part in town.readable(&answer).lines() {
        line("", "→ mia", part);
    }
    if answer.starts_with('❌') {
        bail!("the command was refused: {answer}");
    }
    Ok(answer)
}

async fn by_hand(town: &Town, pace: Duration) -> anyhow::Result<()> {
    line(
        "Discord",
        "olga",
        "(bans eve in Discord's own menu: “told lies about the harbour”)",
    );
    town.discord.ban_by(
        town.olga,
        town.guild,
        town.eve,
        Some("told lies about the harbour"),
    );
    tokio::time::sleep(pace).await;
    Ok(())
}

async fn disguise(town: &Town, pace: Duration) -> anyhow::Result<()> {
    line("Telegram", "Rosa", "hello from the other shore");
    town.telegram
        .say(town.chat, town.rosa, "hello from the other shore");
    tokio::time::sleep(pace).await;
    // Cyrillic letters that look like Latin ones.
    let text = "I will dоublе your соins, write to me";
    line("Telegram", "Vlad", text);
    let said = town.telegram.say(town.chat, town.vlad, text);
    town.until("the spam is gone", || {
        town.telegram.message(town.chat, said).is_none()
    })
    .await?;
    line("Telegram", "Telegram", "(the message is gone)");
    town.until("Vlad is banned", || {
        town.telegram.status(town.chat, town.vlad).is_banned()
    })
    .await
}

/// The cases of both communities, as the record has them.
pub(super) async fn record(town: &Town, bus: &Bus) -> anyhow::Result<()> {
    println!("── What is on record");
    for platform in [Platform::Discord, Platform::Telegram] {
        let answer = town.ask(bus, platform, "listCases", None).await?;
        let body = answer.body.unwrap_or_default();
        let cases = body["cases"].as_array().cloned().unwrap_or_default();
        if cases.is_empty() {
            bail!("there is no case on {platform}");
        }
        let names = town.names();
        for case in cases.iter().rev() {
            let text = |name: &str| case[name].as_str().unwrap_or_default().to_owned();
            let whom = names
                .get(&(platform, text("userId")))
                .copied()
                .unwrap_or("somebody");
            let (action, state, origin) = (text("action"), text("state"), text("origin"));
            let place = format!("{platform} #{}", case["caseNumber"]);
            println!(
                "   {place:<13} {action:<8} {whom:<9} {state:<10} by {origin:<9} {}",
                text("reason")
            );
        }
    }
    Ok(())
}
