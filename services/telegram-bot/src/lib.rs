//! The Telegram bot: what happens on Telegram becomes events, decisions become effects there.
//!
//! - `updates` reads what Telegram sends and publishes it; `reading` makes events of it.
//! - `speaker` says things, `words` has them; `due` does what has its time.
//! - `client` makes the calls; `platform` is what the domain may ask for, and its hands carry decisions out;
//!   `verdicts` does what the rules want with messages, `commands` what moderators write, `door` looks after
//!   who comes, `log` tells what was decided.
//!
//! To handle another kind of update, see `reading`; to call another method, `client/methods.rs`.

mod account;
mod administrators;
mod ask;
mod client;
mod closing;
mod commands;
mod door;
mod due;
mod log;
mod platform;
mod reading;
mod speaker;
mod sweeper;
mod updates;
mod verdicts;
mod words;

use account::Account;
use administrators::Administrators;
use anyhow::Context as _;
use ask::Asking;
use client::Client;
use closing::Permissions;
use commands::Commands;
use door::Door;
use due::{Due, Task};
use lockdown_bus::Bus;
use lockdown_moderation::{Platform, hands};
use lockdown_runtime::{Clock, Context, Secret, SecretUrl, chain, probe};
use log::Log;
use platform::Telegram;
use speaker::Speaker;
use std::sync::Arc;
use sweeper::Sweeper;
use tokio::sync::{OnceCell, Semaphore};
use updates::{Intake, Memory, Webhook};
use verdicts::Verdicts;

/// What the bot lacks, each with what to do about it, without starting it.
pub async fn doctor(token: &Secret, api_url: Option<&SecretUrl>, clock: &Clock) -> Vec<String> {
    let client = match Client::new(token, api_url, clock.clone()) {
        Ok(client) => client,
        Err(error) => return vec![format!("{error:#}")],
    };
    account::lacking(client.bot()).await
}

/// Starts the bot's tasks in `ctx`; they end when it stops.
pub async fn run(ctx: Context, bus: Bus) -> anyhow::Result<()> {
    let token = ctx
        .config
        .telegram
        .token
        .as_ref()
        .context("TELEGRAM_TOKEN is not set")?;
    let client = Client::new(token, ctx.config.telegram.api_url.as_ref(), ctx.clock.clone())?;
    let component = ctx.health.component("telegram", true);
    let account = Account::new(client.bot().clone());
    let watching = probe::watch(account, component, ctx.clock.clone(), ctx.shutdown.clone());
    ctx.tasks.spawn("account", watching);

    let administrators = Arc::new(Administrators::new(client.clone(), ctx.clock.clone()));
    administrators.hear(&ctx, &bus).await?;
    let sweeper = Arc::new(Sweeper::new(client.clone()));
    let memory = Arc::new(Memory::new(ctx.clock.clone(), Arc::clone(&sweeper)));
    let telegram = Arc::new(Telegram::new(
        client.clone(),
        Arc::clone(&administrators),
        Arc::clone(&sweeper),
        Arc::clone(&memory),
    ));
    hands::start(&ctx, &bus, Arc::clone(&telegram) as Arc<dyn Platform>).await?;
    let due = Due::new(Arc::clone(bus.engine()), ctx.ids.clone());
    let book = hands::SettingsBook::open(&ctx, &bus).await?;
    let permissions = Permissions {
        client: client.clone(),
        due: due.clone(),
    };
    hands::follow_modes(&bus, lockdown_events::Platform::Telegram, Arc::new(permissions)).await?;
    let speaker = Speaker::new(client.clone(), due.clone(), book);
    let asking = Asking::new(bus.clone());
    let log = Arc::new(Log {
        client: client.clone(),
        bus: bus.clone(),
        clock: ctx.clock.clone(),
        memory: Arc::clone(&memory),
        speaker: speaker.clone(),
        due: due.clone(),
        asking: asking.clone(),
    });
    Arc::clone(&log).start().await?;
    let saying = (
        Arc::clone(&telegram) as Arc<dyn Platform>,
        Arc::clone(&log) as Arc<dyn hands::LogChannel>,
    );
    hands::answer_sayings(&ctx, &bus, saying.0, saying.1).await?;
    let verdicts = Verdicts {
        administrators: Arc::clone(&administrators),
        memory: Arc::clone(&memory),
        sweeper: Arc::clone(&sweeper),
        telegram: Arc::clone(&telegram),
        log: Arc::clone(&log),
    };
    verdicts.start(&bus).await?;
    let door = Arc::new(Door {
        client: client.clone(),
        bus: bus.clone(),
        clock: ctx.clock.clone(),
        administrators: Arc::clone(&administrators),
        sweeper: Arc::clone(&sweeper),
        telegram: Arc::clone(&telegram),
        speaker: speaker.clone(),
        due: due.clone(),
        asking: asking.clone(),
    });
    Arc::clone(&door).start().await?;
    let commands = Arc::new(Commands {
        client: client.clone(),
        bus: bus.clone(),
        clock: ctx.clock.clone(),
        administrators: Arc::clone(&administrators),
        memory: Arc::clone(&memory),
        sweeper: Arc::clone(&sweeper),
        telegram,
        speaker,
        due: due.clone(),
        asking,
        log,
        answered: commands::Answered::default(),
        alone: Semaphore::new(commands::ALONE),
        username: OnceCell::new(),
    });
    Arc::clone(&commands).start().await?;
    let doing = due.run(
        move |task| {
            let (sweeper, door) = (Arc::clone(&sweeper), Arc::clone(&door));
            async move {
                match task {
                    Task::Challenge { guild, user, event } => door.time_is_over(&guild, &user, event).await,
                    Task::Delete { guild, message } => {
                        let done = sweeper.delete(&guild, &[message]).await;
                        done.map_err(|error| chain(&error))
                    }
                }
            }
        },
        ctx.shutdown.clone(),
    );
    ctx.tasks.spawn("due", doing);
    let intake = Intake {
        client,
        commands,
        bus,
        clock: ctx.clock.clone(),
        administrators,
        memory,
    };
    let component = ctx.health.component("updates", true);
    match &ctx.config.telegram.webhook_url {
        Some(url) => {
            let webhook = Webhook::new(intake, url, token);
            let addr = ctx.config.telegram.webhook_addr;
            let serving = webhook.serve(addr, component, ctx.shutdown.clone());
            ctx.tasks.spawn("updates", serving);
        }
        None => {
            let reading = updates::poll(intake, component, ctx.shutdown.clone());
            ctx.tasks.spawn("updates", reading);
        }
    }
    Ok(())
}
