//! `lockdown up`: every service in this process.

use lockdown_bus::Bus;
use lockdown_events::Source;
use lockdown_moderation::desk::Facts;
use lockdown_moderation::hands::AskedRanks;
use lockdown_runtime::{Context, lifecycle};
use std::process::ExitCode;
use std::sync::Arc;

pub(crate) fn run() -> ExitCode {
    lifecycle::main("lockdown", env!("CARGO_PKG_VERSION"), |ctx| async {
        up(ctx).await.map(drop)
    })
}

/// Starts every service, and says where they are.
pub(crate) async fn up(ctx: Context) -> anyhow::Result<Bus> {
    // What has begun answers already while the rest does not: it is ready when all of it has.
    let start = ctx.health.component("start", true);
    let front = lockdown_backend::start(ctx.service("backend")).await?;
    let store = lockdown_store::open(&ctx).await?;
    let bus = lockdown_bus::open(&ctx, Source::Backend).await?;
    let backend = ctx.service("backend");
    lockdown_backend::answer(&backend, &bus).await?;
    let ranks = AskedRanks::new(bus.clone(), store.clone());
    let facts: Arc<dyn Facts> = Arc::new(ranks);
    lockdown_backend::decide(&backend, store.clone(), &bus, Arc::clone(&facts)).await?;
    lockdown_backend::remember(&backend, store.clone(), &bus).await?;
    lockdown_backend::send_webhooks(&backend, store.clone(), &bus).await?;
    let first_token = front
        .open(&backend, store.clone(), bus.clone(), Arc::clone(&facts))
        .await?;
    lockdown_backend::relay(&backend, store.clone(), bus.clone());
    let worker = ctx.service("worker");
    lockdown_worker::expire(&worker, store.clone(), facts);
    let judges = bus.of(Source::Worker);
    lockdown_worker::lead(&worker, store.clone(), &judges);
    lockdown_worker::judge(&worker, store.clone(), &judges).await?;
    lockdown_worker::reconcile(&worker, store.clone(), &judges, lockdown_worker::Pace::default()).await?;
    lockdown_worker::run(worker, store, judges).await?;
    let (discord, telegram) = (
        ctx.config.discord.token.is_some(),
        ctx.config.telegram.token.is_some(),
    );
    if discord {
        lockdown_discord_bot::run(ctx.service("discord-bot"), bus.of(Source::DiscordBot)).await?;
    }
    if telegram {
        lockdown_telegram_bot::run(ctx.service("telegram-bot"), bus.of(Source::TelegramBot)).await?;
    }
    start.up();
    // For the person at the terminal; the log, on stderr, is for whoever keeps it.
    println!("LOCKDOWN {} is up: http://{}/", ctx.version(), front.addr);
    if let Some(token) = first_token {
        println!("{token}");
    }
    if !discord && !telegram {
        println!(
            "No bot runs yet: set DISCORD_TOKEN or TELEGRAM_TOKEN (.env.example tells where to find them). \
             `lockdown demo` shows it all with a made-up community."
        );
    }
    println!("Ctrl-C stops it.");
    Ok(bus)
}
