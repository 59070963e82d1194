//! From a decision to the bus, as a backend does it, while cases come at a steady rate.

use crate::server::Server;
use crate::town::Town;
use anyhow::{Context as _, ensure};
use lockdown_events::Source;
use lockdown_runtime::{Clock, Config, Context, Ids, Metrics};
use lockdown_store::in_read;
use lockdown_testkit::servers::{self, Fsync, RedisOptions};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

const PER_SECOND: u32 = 500;
/// Until every connection is open and every statement prepared.
const WARM: Duration = Duration::from_secs(1);
/// Nothing here takes as long unless it is broken.
const SAFETY: Duration = Duration::from_secs(30);

/// From the decision, before its transaction began, until the bus had its event, in milliseconds.
pub(crate) struct Waited {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

pub(crate) async fn waited(server: &Server, town: &Town, time: Duration) -> anyhow::Result<Waited> {
    // What other rounds left is not for this one.
    server.run("TRUNCATE outbox;")?;
    let redis = servers::redis_private_with(RedisOptions::append_only(Fsync::EverySecond));
    let data = tempfile::tempdir().context("could not make a folder")?;
    let config = Config::from_map([
        ("LOCKDOWN_DATA_DIR", data.path().display().to_string()),
        ("DATABASE_URL", server.url()),
        ("REDIS_URL", redis.url()),
    ])?;
    let clock = Clock::system();
    let ids = Ids::system(clock.clone());
    let ctx = Context::new("backend", "0.0.0", config, clock, ids, Metrics::global());
    let store = lockdown_store::open(&ctx).await?;
    let bus = lockdown_bus::open(&ctx, Source::Backend).await?;
    lockdown_backend::relay(&ctx, store.clone(), bus);

    let offered = async {
        let mut running = JoinSet::new();
        let begun = Instant::now();
        let count = PER_SECOND * u32::try_from((WARM + time).as_secs())?;
        for number in 0..count {
            tokio::time::sleep_until(begun + Duration::from_secs(1) / PER_SECOND * number).await;
            let (store, town) = (store.clone(), town.clone());
            running.spawn(async move { town.ban(&store).await });
        }
        while let Some(ended) = running.join_next().await {
            ended??;
        }
        while in_read!(store, |conn| { conn.outbox_waiting().await })? > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        anyhow::Ok(count)
    };
    let count = tokio::time::timeout(time + SAFETY, offered)
        .await
        .context("the outbox was not drained")??;
    ctx.shutdown.request("the round is over");
    ctx.tasks.all_ended().await;

    let told = server.run(&format!(
        "SELECT COUNT(*), percentile_disc(ARRAY[0.5, 0.99]) WITHIN GROUP \
                (ORDER BY 1000 * EXTRACT(EPOCH FROM published_at - created_at)) FROM outbox \
            WHERE created_at > (SELECT MIN(created_at) FROM outbox) + interval '{} s';",
        WARM.as_secs()
    ))?;
    let numbers: Vec<f64> = told
        .trim()
        .split(['|', '{', ',', '}'])
        .filter(|text| !text.is_empty())
        .map(|text| text.parse().with_context(|| format!("psql said `{told}`")))
        .collect::<anyhow::Result<_>>()?;
    let [all, p50, p99] = numbers[..] else {
        anyhow::bail!("psql said `{told}`");
    };
    let least = f64::from(count - 2 * PER_SECOND * u32::try_from(WARM.as_secs())?);
    ensure!(all > least, "{all} of {count} events came after the first second");
    Ok(Waited { p50, p99 })
}
