//! What is measured, in a process of its own.

use anyhow::Context as _;
use lockdown_events::Source;
use lockdown_moderation::desk::Facts;
use lockdown_moderation::hands::AskedRanks;
use lockdown_runtime::{Clock, Config, Context, Ids, Metrics};
use lockdown_testkit::servers;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

pub(crate) const TOKEN: &str = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0";

/// A process that runs until this is dropped.
pub(crate) struct Served(Child);

// === impl Served ===

impl Served {
    pub(crate) fn start(words: &[&str]) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("could not find ourselves")?;
        let child = Command::new(program).args(words).stdin(Stdio::piped()).spawn();
        Ok(Self(child.context("could not start the bot")?))
    }

    /// Its memory, in KiB.
    pub(crate) fn memory(&self) -> anyhow::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id()))
            .context("could not look at the bot's memory")?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = resident.and_then(|text| text.trim().trim_end_matches(" kB").parse().ok());
        kib.context("the system does not tell the bot's memory")
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It has ended, or is ended by this.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Everything in one process, as `lockdown` is.
pub(crate) async fn whole(url: &str) -> anyhow::Result<()> {
    let folder = tempfile::tempdir_in(servers::directory()).context("could not make a folder")?;
    let ctx = context(url, &folder)?;
    let store = lockdown_store::open(&ctx).await?;
    let bus = lockdown_bus::open(&ctx, Source::Backend).await?;
    let ranks: Arc<dyn Facts> = Arc::new(AskedRanks::new(bus.clone(), store.clone()));
    let backend = ctx.service("backend");
    lockdown_backend::decide(&backend, store.clone(), &bus, Arc::clone(&ranks)).await?;
    lockdown_backend::remember(&backend, store.clone(), &bus).await?;
    lockdown_backend::relay(&backend, store.clone(), bus.clone());
    let worker = ctx.service("worker");
    lockdown_worker::judge(&worker, store.clone(), &bus.of(Source::Worker)).await?;
    lockdown_worker::expire(&worker, store, ranks);
    lockdown_telegram_bot::run(ctx.service("telegram-bot"), bus.of(Source::TelegramBot)).await?;
    left_alone().await;
    Ok(())
}

/// The bot, and the bus that it cannot be without.
pub(crate) async fn bot(url: &str) -> anyhow::Result<()> {
    let folder = tempfile::tempdir_in(servers::directory()).context("could not make a folder")?;
    let ctx = context(url, &folder)?;
    let bus = lockdown_bus::open(&ctx, Source::TelegramBot).await?;
    lockdown_telegram_bot::run(ctx, bus).await?;
    left_alone().await;
    Ok(())
}

fn context(url: &str, folder: &tempfile::TempDir) -> anyhow::Result<Context> {
    let config = Config::from_map([
        ("LOCKDOWN_DATA_DIR", folder.path().display().to_string()),
        ("TELEGRAM_TOKEN", TOKEN.to_owned()),
        ("TELEGRAM_API_URL", url.to_owned()),
    ])
    .context("the configuration is wrong")?;
    let clock = Clock::system();
    let ids = Ids::system(clock.clone());
    Ok(Context::new(
        "lockdown",
        "bench",
        config,
        clock,
        ids,
        Metrics::local(),
    ))
}

/// Waits until whoever started this process has gone, and its input has ended with them.
async fn left_alone() {
    let reading = tokio::task::spawn_blocking(|| {
        let mut nothing = String::new();
        while matches!(std::io::stdin().read_line(&mut nothing), Ok(1..)) {}
    });
    // However it ends, nobody is there.
    drop(reading.await);
}
