//! What is asked of the server at the start.

use super::calls::{Call, Calls, unwrapped};
use super::reply;
use crate::engine::EngineError;
use ::redis::cmd;
use chrono::{DateTime, TimeDelta};
use lockdown_runtime::Clock;
use std::collections::HashMap;
use std::fmt;

/// The first Redis whose streams do what is asked of them here: pending entries that were trimmed away are dropped.
const OLDEST: u64 = 7;
/// Entries get the server's time, retries are due by ours.
const SKEW: TimeDelta = TimeDelta::seconds(2);

/// Something about the server that endangers what the bus promises.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warning {
    Version(String),
    /// Under this policy a full server throws keys away.
    Eviction(String),
    NoAppendOnlyFile,
    /// When it forces its append-only file to the disk, which is not before it answers.
    LateSync(String),
    /// Its clock and ours differ by this much.
    Skew(TimeDelta),
    /// It is a replica, which takes no writes.
    Replica,
}

pub(super) struct Found {
    pub(super) cluster: bool,
    /// Of the Cluster, that hold data.
    pub(super) nodes: u64,
    pub(super) warnings: Vec<Warning>,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(version) => {
                write!(f, "Redis {version} is older than {OLDEST}: events may be lost, update it")
            }
            Self::Eviction(policy) => write!(
                f,
                "Redis may throw events away when it is full: set `maxmemory-policy` to `noeviction`, it is `{policy}`"
            ),
            Self::NoAppendOnlyFile => f.write_str(
                "Redis keeps no append-only file, so events are lost when it stops: set `appendonly` to `yes`",
            ),
            Self::LateSync(when) => write!(
                f,
                "Redis answers before its append-only file is safe, so a crash can lose the last two seconds: set \
                 `appendfsync` to `always`, it is `{when}`"
            ),
            Self::Skew(by) => write!(
                f,
                "the clock of Redis and ours differ by {} ms: let both follow a time server",
                by.num_milliseconds().abs()
            ),
            Self::Replica => f.write_str("Redis is a replica, which takes no writes: give its primary's address"),
        }
    }
}

/// A server that does not let us ask is taken for a single one that is set up well.
pub(super) async fn ask(calls: &Calls, clock: &Clock) -> Result<Found, EngineError> {
    let sections = ["server", "memory", "persistence", "replication", "cluster"];
    let mut questions: Vec<Call> = Vec::new();
    for section in sections {
        let mut command = cmd("INFO");
        command.arg(section);
        questions.push(command.into());
    }
    let mut command = cmd("CONFIG");
    command.arg("GET").arg("appendfsync");
    questions.push(command.into());
    questions.push(cmd("TIME").into());
    let mut answers = calls.many(questions).await?;
    let time = answers.pop().unwrap_or_default();
    let now = clock.now();
    let sync = answers.pop().unwrap_or_default();
    let mut facts = HashMap::new();
    for answer in answers {
        let Ok(answer) = unwrapped(answer) else { continue };
        let text = reply::text(&answer).unwrap_or_default();
        for (name, value) in text.lines().filter_map(|line| line.split_once(':')) {
            facts.insert(name.to_owned(), value.trim().to_owned());
        }
    }
    let fact = |name: &str| facts.get(name).map(String::as_str);
    let mut warnings = Vec::new();
    if let Some(version) = fact("redis_version") {
        let major: u64 = version
            .split('.')
            .next()
            .and_then(|major| major.parse().ok())
            .unwrap_or(OLDEST);
        if major < OLDEST {
            warnings.push(Warning::Version(version.to_owned()));
        }
    }
    if let Some(policy) = fact("maxmemory_policy").filter(|policy| *policy != "noeviction") {
        warnings.push(Warning::Eviction(policy.to_owned()));
    }
    if fact("aof_enabled") == Some("0") {
        warnings.push(Warning::NoAppendOnlyFile);
    } else if let Some(when) = reply::member(&sync, "appendfsync").and_then(reply::text)
        && when != "always"
    {
        warnings.push(Warning::LateSync(when.into_owned()));
    }
    if fact("role").is_some_and(|role| role == "slave" || role == "replica") {
        warnings.push(Warning::Replica);
    }
    let parts = reply::array(time, "TIME").unwrap_or_default();
    let mut numbers = parts
        .iter()
        .filter_map(|part| reply::text(part)?.parse::<i64>().ok());
    if let (Some(seconds), Some(micros)) = (numbers.next(), numbers.next())
        && let Some(theirs) = DateTime::from_timestamp_micros(seconds * 1_000_000 + micros)
        && (theirs - now).abs() > SKEW
    {
        warnings.push(Warning::Skew(theirs - now));
    }
    let cluster = fact("cluster_enabled") == Some("1");
    let mut nodes = 1;
    if cluster {
        let mut command = cmd("CLUSTER");
        command.arg("INFO");
        let answer = calls.one(command.into()).await?;
        let text = reply::text(&answer).unwrap_or_default();
        let size = text.lines().find_map(|line| line.strip_prefix("cluster_size:"));
        nodes = size.and_then(|size| size.trim().parse().ok()).unwrap_or(1);
    }
    Ok(Found {
        cluster,
        nodes,
        warnings,
    })
}
