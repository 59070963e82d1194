//! The Discord bot: what happens on Discord becomes events, decisions become effects there.

mod account;

use account::Account;
use anyhow::Context as _;
use lockdown_runtime::{Context, probe};

/// Starts the bot's tasks in `ctx`; they end when it stops.
pub async fn run(ctx: Context) -> anyhow::Result<()> {
    let token = ctx
        .config
        .discord
        .token
        .as_ref()
        .context("DISCORD_TOKEN is not set")?;
    let account = Account::new(token, ctx.config.discord.api_url.as_ref())?;
    let component = ctx.health.component("discord", true);
    let watching = probe::watch(account, component, ctx.clock.clone(), ctx.shutdown.clone());
    ctx.tasks.spawn("account", watching);
    Ok(())
}
