//! The servers, and workers in processes of their own.

use crate::town;
use anyhow::{Context as _, bail, ensure};
use lockdown_events::Source;
use lockdown_runtime::{Clock, Config, Context, Ids, Metrics};
use lockdown_testkit::servers::{self, PostgresServer, RedisServer};
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

const READY: &str = "ready";

/// Redis and Postgres of this run, with the communities.
pub(crate) struct Place {
    pub(crate) ctx: Context,
    redis: RedisServer,
    postgres: PostgresServer,
}

/// A worker that runs until this is dropped.
pub(crate) struct Worker {
    child: Child,
}

// === impl Place ===

impl Place {
    pub(crate) async fn make() -> anyhow::Result<Self> {
        let postgres = servers::postgres_private();
        let redis = servers::redis_private();
        let ctx = context(&redis.url(), &postgres.url())?;
        let store = lockdown_store::open(&ctx).await?;
        town::found(&ctx, &store).await?;
        store.close().await;
        Ok(Self { ctx, redis, postgres })
    }
}

fn context(redis: &str, database: &str) -> anyhow::Result<Context> {
    let folder = servers::directory().join(format!("data-{}", std::process::id()));
    let config = Config::from_map([
        ("REDIS_URL", redis),
        ("DATABASE_URL", database),
        ("LOCKDOWN_DATA_DIR", &folder.to_string_lossy()),
    ])
    .context("the configuration is wrong")?;
    let clock = Clock::system();
    let ids = Ids::system(clock.clone());
    let ctx = Context::new("worker", "bench", config, clock, ids, Metrics::global());
    ctx.metrics.spawn_upkeep(&tokio::runtime::Handle::current());
    Ok(ctx)
}

// === impl Worker ===

impl Worker {
    pub(crate) fn start(place: &Place) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("could not find ourselves")?;
        let mut child = Command::new(program)
            .args(["work", &place.redis.url(), &place.postgres.url()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("could not start a worker")?;
        let said = child.stdout.take().context("the worker says nothing")?;
        let mut line = String::new();
        BufReader::new(said)
            .read_line(&mut line)
            .context("could not read what the worker says")?;
        let worker = Self { child };
        if line.trim() != READY {
            bail!("the worker did not start");
        }
        Ok(worker)
    }

    /// Keeps it from doing anything, or lets it go on.
    pub(crate) fn stop(&self, stop: bool) -> anyhow::Result<()> {
        let signal = if stop { "-STOP" } else { "-CONT" };
        let sent = Command::new("kill")
            .args([signal, &self.child.id().to_string()])
            .status();
        ensure!(
            sent.context("could not send a signal")?.success(),
            "the worker is gone"
        );
        Ok(())
    }

    /// Its memory, in KiB.
    pub(crate) fn memory(&self) -> anyhow::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))
            .context("could not look at the worker's memory")?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = resident.and_then(|text| text.trim().trim_end_matches(" kB").parse().ok());
        kib.context("the system does not tell the worker's memory")
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It has ended, or is ended by this.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A worker over these servers, until whoever started this process has gone.
pub(crate) async fn work(redis: String, database: String) -> anyhow::Result<()> {
    let ctx = context(&redis, &database)?;
    let store = lockdown_store::open(&ctx).await?;
    let bus = lockdown_bus::open(&ctx, Source::Worker).await?;
    lockdown_worker::judge(&ctx, store, &bus).await?;
    println!("{READY}");
    let reading = tokio::task::spawn_blocking(|| {
        let mut nothing = String::new();
        while matches!(std::io::stdin().read_line(&mut nothing), Ok(1..)) {}
    });
    // However it ends, nobody is there.
    drop(reading.await);
    Ok(())
}
