//! `lockdown doctor`: what is lacking, and what to do about it, before anything is started.

use anyhow::bail;
use lockdown_runtime::lifecycle::Process;
use lockdown_runtime::{Context, chain};
use serde::Serialize;
use serde_json::json;
use std::process::ExitCode;

/// Something that was looked at.
#[derive(Serialize)]
struct Part {
    name: String,
    /// Each with what to do about it; empty: it is well.
    lacking: Vec<String>,
}

pub(crate) fn run(as_json: bool) -> ExitCode {
    Process::command("lockdown", env!("CARGO_PKG_VERSION")).run(move |ctx| async move {
        let parts = look(&ctx).await;
        let lacking: usize = parts.iter().map(|part| part.lacking.len()).sum();
        if as_json {
            println!("{}", json!({ "well": lacking == 0, "parts": parts }));
        } else {
            for part in &parts {
                let mark = if part.lacking.is_empty() { "well" } else { "look" };
                println!("{mark}  {}", part.name);
                for lack in &part.lacking {
                    println!("      - {lack}");
                }
            }
        }
        match lacking {
            0 => Ok(()),
            1 => bail!("there is one thing to do"),
            count => bail!("there are {count} things to do"),
        }
    })
}

async fn look(ctx: &Context) -> Vec<Part> {
    let mut parts = vec![store(ctx).await, bus(ctx).await];
    parts.extend(discord(ctx).await);
    parts.extend(telegram(ctx).await);
    parts
}

/// That the schema can be brought up to date is shown by doing it, as every start does.
async fn store(ctx: &Context) -> Part {
    let name = match ctx.config.store.url {
        Some(_) => "the store: Postgres, by DATABASE_URL",
        None => "the store: a file in the data directory",
    };
    let outcome = lockdown_store::migrate(ctx).await;
    part(name, outcome.err().map(|error| chain(&error)))
}

async fn bus(ctx: &Context) -> Part {
    let name = match ctx.config.bus.url {
        Some(_) => "the bus: Redis, by REDIS_URL",
        None => "the bus: a file in the data directory",
    };
    match lockdown_bus::open_once(ctx).await {
        Ok(engine) => {
            engine.close().await;
            part(name, None)
        }
        // A running `lockdown up` holds it: then it is well.
        Err(error) if error.is_in_use() => part(&format!("{name}, in use by a running lockdown"), None),
        Err(error) => part(name, Some(chain(&error))),
    }
}

async fn discord(ctx: &Context) -> Vec<Part> {
    let config = &ctx.config.discord;
    let Some(token) = &config.token else {
        return Vec::new();
    };
    let report = match lockdown_discord_bot::doctor(token, config.api_url.as_ref(), &ctx.clock).await {
        Ok(report) => report,
        Err(error) => return vec![part("Discord", Some(format!("{error:#}")))],
    };
    let application = Part {
        name: "Discord: the application".to_owned(),
        lacking: report.intents,
    };
    let guilds = report.guilds.into_iter().map(|guild| Part {
        name: format!("Discord: {} ({})", guild.name, guild.id),
        lacking: guild.lacking,
    });
    std::iter::once(application).chain(guilds).collect()
}

async fn telegram(ctx: &Context) -> Option<Part> {
    let config = &ctx.config.telegram;
    let token = config.token.as_ref()?;
    let lacking = lockdown_telegram_bot::doctor(token, config.api_url.as_ref(), &ctx.clock).await;
    Some(Part {
        name: "Telegram: the bot".to_owned(),
        lacking,
    })
}

fn part(name: &str, lack: Option<String>) -> Part {
    Part {
        name: name.to_owned(),
        lacking: lack.into_iter().collect(),
    }
}
