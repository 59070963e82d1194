//! The Telegram bot: what happens on Telegram becomes events, decisions become effects there.

mod account;

use account::Account;
use anyhow::Context as _;
use lockdown_runtime::{Context, probe};

/// Starts the bot's tasks in `ctx`; they end when it stops.
pub async fn run(ctx: Context) -> anyhow::Result<()> {
    let token = ctx
        .config
        .telegram
        .token
        .as_ref()
        .context("TELEGRAM_TOKEN is not set")?;
    let account = Account::new(token, ctx.config.telegram.api_url.as_ref())?;
    let component = ctx.health.component("telegram", true);
    let watching = probe::watch(account, component, ctx.clock.clone(), ctx.shutdown.clone());
    ctx.tasks.spawn("account", watching);
    Ok(())
}
