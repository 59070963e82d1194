//! The processes of the fleet.

use anyhow::{Context as _, bail};
use chrono::Utc;
use lockdown_bus::Bus;
use lockdown_events::{GuildId, Platform, Source};
use lockdown_moderation::desk::Facts;
use lockdown_moderation::hands::AskedRanks;
use lockdown_runtime::health::Status;
use lockdown_runtime::{Clock, Config, Context, Ids, Metrics};
use lockdown_store::dbx::Json;
use lockdown_store::guilds::{Community, CommunityId, Guild, GuildKey};
use lockdown_store::{Store, StoreError, in_tx};
use lockdown_testkit::servers;
use serde_json::json;
use std::process::Stdio;
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};

pub(crate) const TOKEN: &str = "MTE3NjUyMzM0MjEyMzQ1Njc4OQ.Gabcde.a-token-of-the-form-that-discord-gives-out";
const READY: &str = "ready";
/// Of the system's clock for processes, in a second: the same on every Linux.
const TICKS: f64 = 100.0;

/// A process that runs until this is dropped.
pub(crate) struct Part {
    child: Child,
}

// === impl Part ===

impl Part {
    pub(crate) async fn start(words: &[&str]) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("could not find ourselves")?;
        let mut child = Command::new(program)
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("could not start a part of the fleet")?;
        let said = child.stdout.take().context("the part says nothing")?;
        let line = BufReader::new(said).lines().next_line().await;
        match line.context("could not read what the part says")? {
            Some(line) if line == READY => Ok(Self { child }),
            _ => bail!("`{}` did not start", words.first().copied().unwrap_or_default()),
        }
    }

    fn proc(&self, file: &str) -> anyhow::Result<String> {
        let pid = self.child.id().context("the part has ended")?;
        let path = format!("/proc/{pid}/{file}");
        std::fs::read_to_string(&path).with_context(|| format!("could not read {path}"))
    }

    /// Its memory, in KiB.
    pub(crate) fn memory(&self) -> anyhow::Result<f64> {
        let status = self.proc("status")?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = resident.and_then(|text| text.trim().trim_end_matches(" kB").parse().ok());
        kib.context("the system does not tell a process's memory")
    }

    /// Its time on the processor, in seconds.
    pub(crate) fn seconds(&self) -> anyhow::Result<f64> {
        let stat = self.proc("stat")?;
        // The name before them may hold anything, but ends with the last bracket.
        let rest = stat.rsplit_once(')').context("the system tells no times")?.1;
        let fields: Vec<f64> = rest
            .split_whitespace()
            .map(|field| field.parse().unwrap_or(0.0))
            .collect();
        match fields[..] {
            [_, _, _, _, _, _, _, _, _, _, _, user, system, ..] => Ok((user + system) / TICKS),
            _ => bail!("the system tells no times"),
        }
    }
}

/// Waits until whoever started this process has gone, and its input has ended with them.
async fn left_alone() {
    let mut nothing = Vec::new();
    // However it ends, nobody is there.
    drop(tokio::io::stdin().read_to_end(&mut nothing).await);
}

fn context(name: &'static str, settings: &[(&'static str, &str)]) -> anyhow::Result<Context> {
    let folder = servers::directory().join(format!("data-{}", std::process::id()));
    let folder = ("LOCKDOWN_DATA_DIR", folder.to_string_lossy().into_owned());
    let settings = settings.iter().map(|(name, value)| (*name, (*value).to_owned()));
    let config = Config::from_map(settings.chain([folder]));
    let clock = Clock::system();
    let ids = Ids::system(clock.clone());
    let config = config.context("the configuration is wrong")?;
    let ctx = Context::new(name, "bench", config, clock, ids, Metrics::global());
    ctx.metrics.spawn_upkeep(&tokio::runtime::Handle::current());
    Ok(ctx)
}

pub(crate) async fn bot(redis: &str, discord: &str) -> anyhow::Result<()> {
    let settings = [
        ("REDIS_URL", redis),
        ("DISCORD_TOKEN", TOKEN),
        ("DISCORD_API_URL", discord),
    ];
    let ctx = context("discord-bot", &settings)?;
    let bus = lockdown_bus::open(&ctx, Source::DiscordBot).await?;
    lockdown_discord_bot::run(ctx.clone(), bus).await?;
    let mut reports = ctx.health.watch();
    reports
        .wait_for(|report| {
            let gateway = report.components.iter().find(|part| part.name == "gateway");
            gateway.is_some_and(|part| part.status == Status::Up)
        })
        .await
        .context("the bot ended")?;
    println!("{READY}");
    left_alone().await;
    Ok(())
}

/// The desk and the worker that judges, over the embedded store.
pub(crate) async fn behind(redis: &str, guilds: &[&str]) -> anyhow::Result<()> {
    let folder = tempfile::tempdir_in(servers::directory()).context("could not make a folder")?;
    let folder = folder.path().display().to_string();
    let ctx = context(
        "lockdown",
        &[("REDIS_URL", redis), ("LOCKDOWN_DATA_DIR", &folder)],
    )?;
    let store = lockdown_store::open(&ctx).await?;
    let bus: Bus = lockdown_bus::open(&ctx, Source::Backend).await?;
    for guild in guilds {
        found(&ctx, &store, guild).await?;
    }
    let facts: Arc<dyn Facts> = Arc::new(AskedRanks::new(bus.clone(), store.clone()));
    let backend = ctx.service("backend");
    lockdown_backend::decide(&backend, store.clone(), &bus, facts).await?;
    lockdown_backend::relay(&backend, store.clone(), bus.clone());
    lockdown_worker::judge(&ctx.service("worker"), store, &bus.of(Source::Worker)).await?;
    println!("{READY}");
    left_alone().await;
    Ok(())
}

async fn found(ctx: &Context, store: &Store, guild: &str) -> anyhow::Result<()> {
    let now: chrono::DateTime<Utc> = ctx.clock.now();
    let community = Community {
        id: CommunityId(ctx.ids.next()),
        slug: format!("town-{guild}"),
        name: "Town".to_owned(),
        settings: Json(json!({})),
        created_at: now,
        updated_at: now,
        deleted_at: None,
    };
    let guild = Guild {
        id: GuildKey(ctx.ids.next()),
        community_id: community.id,
        platform: Platform::Discord,
        native_id: GuildId::new(guild).context("an id")?,
        title: "Town".to_owned(),
        joined_at: now,
        left_at: None,
    };
    in_tx!(store, |tx| {
        tx.insert_community(&community).await?;
        tx.save_guild(&guild).await?;
        Ok::<_, StoreError>(())
    })?;
    Ok(())
}
