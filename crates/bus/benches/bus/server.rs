//! The Redis of this run.

use anyhow::{Context as _, ensure};
use lockdown_bus::redis::{RedisEngine, RedisOptions};
use lockdown_bus::{Class, GroupName};
use lockdown_runtime::{Clock, SecretUrl};
use lockdown_testkit::servers;
use redis::aio::MultiplexedConnection;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub(crate) struct Server {
    server: servers::RedisServer,
}

// === impl Server ===

impl Server {
    pub(crate) fn start() -> anyhow::Result<Self> {
        let mut options = servers::RedisOptions::append_only(servers::Fsync::EverySecond);
        // Rewriting the log in the middle of one round and not of the next would compare nothing. `clean` does it.
        options
            .settings
            .push(("auto-aof-rewrite-percentage".into(), "0".into()));
        options
            .settings
            .push(("maxmemory-policy".into(), "noeviction".into()));
        let server = servers::redis_private_with(options);
        ensure!(
            server.command(&["PING"])?.contains("PONG"),
            "Redis does not answer"
        );
        Ok(Self { server })
    }

    pub(crate) async fn engine(&self) -> anyhow::Result<Arc<RedisEngine>> {
        engine(&self.url()).await
    }

    pub(crate) fn url(&self) -> String {
        self.server.url()
    }

    pub(crate) fn port(&self) -> u16 {
        self.server.port()
    }

    pub(crate) fn id(&self) -> anyhow::Result<u32> {
        self.server.id().context("Redis does not run")
    }

    pub(crate) fn fsync(&self, when: &str) -> anyhow::Result<()> {
        self.server.command(&["CONFIG", "SET", "appendfsync", when])?;
        Ok(())
    }

    /// Bytes that Redis has in use.
    pub(crate) fn memory(&self) -> anyhow::Result<f64> {
        let info = self.server.command(&["INFO", "memory"])?;
        member(&info, "used_memory")?
            .parse()
            .context("used_memory is no number")
    }

    pub(crate) fn forget_calls(&self) -> anyhow::Result<()> {
        self.server.command(&["CONFIG", "RESETSTAT"])?;
        Ok(())
    }

    /// What Redis did since: each command, how often, and the microseconds it took; a script's with those of the
    /// commands in it.
    pub(crate) fn calls(&self) -> anyhow::Result<Vec<(String, f64, f64)>> {
        let info = self.server.command(&["INFO", "commandstats"])?;
        let mut calls = Vec::new();
        for line in info.lines() {
            let Some((call, told)) = line
                .strip_prefix("cmdstat_")
                .and_then(|line| line.split_once(':'))
            else {
                continue;
            };
            let number = |name: &str| {
                let value = told
                    .split(',')
                    .find_map(|one| one.strip_prefix(name)?.strip_prefix('='));
                value.and_then(|value| value.parse::<f64>().ok())
            };
            let (times, us) = number("calls")
                .zip(number("usec"))
                .context("INFO tells no times")?;
            calls.push((call.to_owned(), times, us));
        }
        calls.sort_by(|one, other| other.2.total_cmp(&one.2));
        calls.truncate(8);
        Ok(calls)
    }

    /// Removes everything, from the log on the disk, too: what one round wrote is no burden for the next.
    pub(crate) fn clean(&self) -> anyhow::Result<()> {
        self.server.command(&["FLUSHALL", "SYNC"])?;
        self.server.command(&["BGREWRITEAOF"])?;
        loop {
            let info = self.server.command(&["INFO", "persistence"])?;
            let at_rest = ["aof_rewrite_in_progress", "aof_rewrite_scheduled"]
                .into_iter()
                .map(|name| Ok(member(&info, name)? == "0"))
                .collect::<anyhow::Result<Vec<_>>>()?;
            if at_rest.into_iter().all(|at_rest| at_rest) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The benchmark that came with this server.
    pub(crate) fn benchmark(&self) -> PathBuf {
        let server = servers::redis_binary();
        let name = server.file_name().unwrap_or_default().to_string_lossy();
        let name = name.replace("-server", "-benchmark");
        let beside = server.with_file_name(&name);
        if beside.exists() { beside } else { name.into() }
    }
}

pub(crate) async fn engine(url: &str) -> anyhow::Result<Arc<RedisEngine>> {
    let url = SecretUrl::new(url.parse().context("no URL")?);
    let engine = RedisEngine::connect(&url, RedisOptions::default(), &Clock::system()).await?;
    Ok(Arc::new(engine))
}

/// A connection as our engine's: without delay, and with as many commands under way.
pub(crate) async fn connection(url: &str) -> anyhow::Result<MultiplexedConnection> {
    use redis::IntoConnectionInfo as _;
    let info = url.into_connection_info()?;
    let tcp = info.tcp_settings().clone().set_nodelay(true);
    let config = redis::AsyncConnectionConfig::new()
        .set_response_timeout(Some(Duration::from_secs(60)))
        .set_pipeline_buffer_size(1024);
    let client = redis::Client::open(info.set_tcp_settings(tcp))?;
    Ok(client
        .get_multiplexed_async_connection_with_config(&config)
        .await?)
}

/// Entries of messages that the group was handed and has not settled.
pub(crate) async fn pending(url: &str, group: &GroupName) -> anyhow::Result<usize> {
    let mut connection = connection(url).await?;
    let mut all = 0;
    for stream in Class::Message.streams() {
        let mut question = redis::cmd("XPENDING");
        question
            .arg(format!("lockdown:{{{stream}}}:ev"))
            .arg(group.as_str());
        let (count, ..): (usize, redis::Value, redis::Value, redis::Value) =
            question.query_async(&mut connection).await?;
        all += count;
    }
    Ok(all)
}

/// The value of a line of `INFO`.
fn member<'a>(info: &'a str, name: &str) -> anyhow::Result<&'a str> {
    info.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
        .map(str::trim)
        .with_context(|| format!("INFO names no {name}"))
}
