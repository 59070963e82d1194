//! The Discord bot: what happens on Discord becomes events, decisions become effects there.
//!
//! `gateway` hears, `read` understands, `intake` publishes; `effects` acts, `commands` answers moderators, `modlog` keeps
//! their log, `checkup` says what the bot lacks, `automod` gives Discord's own AutoMod what that can do, and every request
//! goes out through `rest`. No type of the library leaves this crate. To hear one more kind of event: an arm in `intake/events.rs`. To do one more thing on Discord: a method
//! beside its like in `effects`.

mod account;
mod automod;
mod case;
mod checkup;
mod commands;
mod effects;
mod gateway;
mod intake;
mod modlog;
mod read;
mod rest;
mod words;

pub use effects::Discord;

use account::Account;
use anyhow::Context as _;
use automod::AutoMod;
use commands::Commands;
use effects::{Holds, Orders, Removals};
use gateway::Shards;
use intake::{Guilds, Intake, Places, Recent};
use lockdown_bus::Bus;
use lockdown_moderation::hands::{self, SettingsBook};
use lockdown_runtime::health::Component;
use lockdown_runtime::{Clock, Context, Secret, SecretUrl, probe};
use modlog::ModLog;
use rest::{Ask, Rest};
use serde::Serialize;
use serenity::http::Route;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

/// Events that the gateway may be ahead of their publication.
const AHEAD: usize = 4_096;
/// Commands that may wait.
const REQUESTS: usize = 1_024;

/// What the bot lacks.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// What the owner of the application has to switch on.
    pub intents: Vec<String>,
    pub guilds: Vec<GuildReport>,
}

/// What the bot lacks in one guild.
#[derive(Debug, Clone, Serialize)]
pub struct GuildReport {
    pub id: String,
    pub name: String,
    /// Each with what to do about it.
    pub lacking: Vec<String>,
}

/// Looks at everything that the bot needs, without starting it.
pub async fn doctor(token: &Secret, api_url: Option<&SecretUrl>, clock: &Clock) -> anyhow::Result<Report> {
    let discord = Discord::connect(token, api_url, clock.clone()).await?;
    let (rest, guilds) = (&discord.rest, &discord.guilds);
    let english = words::WORDS.tongue(None);
    let missing = gateway::missing_intents(rest)
        .await
        .context("could not learn which intents the application has")?;
    let missing: Vec<&str> = missing.iter().map(|(_, name)| *name).collect();
    let mut report = Report {
        intents: checkup::intents(english, &missing),
        guilds: Vec::new(),
    };
    let mut after = 0;
    loop {
        let ask = Ask::get(Route::UserMeGuilds, 0)
            .param("limit", 200)
            .param("after", after);
        let page = rest.call(ask).await.context("could not learn where the bot is")?;
        let ids: Vec<u64> = page
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|guild| read::id(&guild["id"]))
            .collect();
        for id in &ids {
            let learned = checkup::learn(rest, guilds, *id).await;
            let name = guilds.get(*id).map(|guild| guild.name).unwrap_or_default();
            let lacking = match learned {
                Ok(()) => {
                    let log = modlog::usual(guilds, *id);
                    checkup::guild(english, guilds, *id, checkup::Naming::Names, log)
                }
                Err(error) => vec![format!("it could not be looked at: {error}")],
            };
            let id = id.to_string();
            report.guilds.push(GuildReport { id, name, lacking });
        }
        match ids.iter().max() {
            Some(last) if ids.len() == 200 => after = *last,
            _ => return Ok(report),
        }
    }
}

/// Starts the bot's tasks in `ctx`; they end when it stops.
pub async fn run(ctx: Context, bus: Bus) -> anyhow::Result<()> {
    let token = ctx
        .config
        .discord
        .token
        .clone()
        .context("DISCORD_TOKEN is not set")?;
    let rest = Arc::new(Rest::new(&token, ctx.config.discord.api_url.as_ref())?);
    let (known, own) = watch::channel(None);
    let account = Account::new(Arc::clone(&rest), known);
    let reachable = ctx.health.component("discord", true);
    let watching = probe::watch(account, reachable, ctx.clock.clone(), ctx.shutdown.clone());
    ctx.tasks.spawn("account", watching);
    let component = ctx.health.component("gateway", true);
    let surroundings = ctx.clone();
    ctx.tasks.spawn("bot", async move {
        let ctx = surroundings;
        match first(own, &ctx).await {
            Some(own) => begin(&ctx, bus, rest, (token, component), own).await?,
            None => return Ok(()),
        }
        ctx.shutdown.soft().await;
        Ok(())
    });
    Ok(())
}

/// Who we are, once Discord has said it; `None` when the process stops before.
async fn first(mut own: watch::Receiver<Option<u64>>, ctx: &Context) -> Option<u64> {
    let stopping = ctx.shutdown.soft_token();
    let known = stopping
        .run_until_cancelled(own.wait_for(Option::is_some))
        .await?;
    let known = known.map(|known| *known);
    match known {
        Ok(known) => known,
        // The account is not asked any more: there is nothing to begin.
        Err(_) => {
            ctx.shutdown.soft().await;
            None
        }
    }
}

/// Begins to hear and to act, now that Discord knows us.
async fn begin(
    ctx: &Context,
    bus: Bus,
    rest: Arc<Rest>,
    (token, component): (Secret, Component),
    own: u64,
) -> anyhow::Result<()> {
    let guilds = Arc::new(Guilds::new(own));
    let places = Places::open(bus.clone(), own, ctx.clock.clone());
    let places = Arc::new(places.await.context("could not learn how far Discord was read")?);
    let book = SettingsBook::open(ctx, &bus).await?;
    let holds = Holds::new(bus.clone(), book.clone());
    let discord = Discord::new(Arc::clone(&rest), Arc::clone(&guilds), ctx.clock.clone()).with(holds);
    hands::start(ctx, &bus, Arc::new(discord.clone())).await?;
    let (events, heard) = mpsc::channel(AHEAD);
    let (requests, asked) = mpsc::channel(REQUESTS);
    let log = ModLog::start(bus.clone(), discord.clone(), book.clone()).await?;
    log.tell_of_stopped(ctx, &bus).await?;
    log.tell_together(ctx);
    let saying = Arc::new(log.clone());
    hands::answer_sayings(ctx, &bus, Arc::new(discord.clone()), saying).await?;
    let recent = Arc::new(Recent::default());
    Removals::start(
        ctx,
        bus.clone(),
        discord.clone(),
        Arc::clone(&recent),
        log.clone(),
    )
    .await
    .context("could not consume verdicts")?;
    effects::follow_held(&bus, &discord)
        .await
        .context("could not consume who comes back")?;
    let automod = AutoMod::start(ctx, bus.clone(), discord.clone(), book.clone()).await?;
    let commands = Commands::start(
        bus.clone(),
        discord.clone(),
        ctx.clock.clone(),
        log,
        book,
        automod.clone(),
    )
    .await?;
    Orders::start(ctx, bus.clone(), discord.clone(), commands.locks())
        .await
        .context("could not consume what rules want")?;
    ctx.tasks.spawn("commands", commands.run(asked, ctx.clone()));
    let shards = Shards {
        rest: Arc::clone(&rest),
        token,
        guilds: Arc::clone(&guilds),
        component,
        clock: ctx.clock.clone(),
        shutdown: ctx.shutdown.clone(),
        bus: bus.clone(),
        chosen: ctx.config.discord.shards,
        events,
    };
    let intake = Intake {
        bus,
        rest,
        discord,
        guilds,
        places: Arc::clone(&places),
        recent,
        flagged: Arc::default(),
        automod,
        clock: ctx.clock.clone(),
        tasks: ctx.tasks.clone(),
        stopping: ctx.shutdown.soft_token(),
        requests,
    };
    ctx.tasks.spawn("intake", intake.run(heard));
    let shutdown = ctx.shutdown.clone();
    ctx.tasks.spawn("places", async move {
        places.keep_writing(&shutdown).await;
        Ok(())
    });
    ctx.tasks.spawn("gateway", shards.keep());
    Ok(())
}
