//! How much lies where, in a few round trips over keys that are known.
//!
//! The groups are those that the streams themselves name. Every command touches one key.

use super::RedisEngine;
use super::calls::{Call, ScriptName, unwrapped};
use super::keys::Lane;
use super::{error, reply};
use crate::engine::EngineError;
use crate::place::{ConsumerName, EntryId, GroupName, Stream};
use crate::stats::{ConsumerStats, GroupStats, LaneStats, Listeners, Stats, StreamStats};
use ::redis::{Value, cmd};
use compact_str::CompactString;
use std::collections::BTreeMap;
use std::time::Duration;

/// Where counting stops that has to look at each entry.
pub(super) const MOST_COUNTED: u64 = 10_000;
/// Dead letters looked at in one call.
const LETTERS: u64 = 1000;

/// A group in a stream, as the first round trip finds it.
struct Found {
    name: GroupName,
    stream: Stream,
    place: EntryId,
    pending: u64,
    lag: Option<u64>,
    /// What Redis takes for the lag. It counts entries that were trimmed unread among those to come, for good.
    claimed: Option<u64>,
}

/// Groups by name.
struct Groups(BTreeMap<GroupName, GroupStats>);

impl RedisEngine {
    pub(super) async fn count_all(&self) -> Result<Stats, EngineError> {
        let (streams, mut found, now) = self.count_streams().await?;
        self.count_unread(&mut found).await?;
        let mut groups = Groups(BTreeMap::new());
        self.count_groups(&found, now, &mut groups).await?;
        self.count_dead(&streams, &mut groups).await?;
        Ok(Stats {
            streams,
            groups: groups.0.into_values().collect(),
        })
    }

    /// How much a group has open everywhere.
    pub(super) async fn stats_of_group(&self, group: &GroupName) -> Result<u64, EngineError> {
        let (_, mut found, _) = self.count_streams().await?;
        found.retain(|found| found.name == *group);
        self.count_unread(&mut found).await?;
        let inboxes = Stream::all().map(|stream| length(&self.keys.inbox(stream, group)));
        let mut open = 0;
        for value in self.calls.many(inboxes.collect()).await? {
            open += reply::count(&value, "XLEN")?;
        }
        let lanes = found
            .iter()
            .map(|found| found.pending + found.lag.unwrap_or(MOST_COUNTED));
        Ok(open + lanes.sum::<u64>())
    }

    /// The streams, the groups in them, and the server's time in milliseconds.
    async fn count_streams(&self) -> Result<(Vec<StreamStats>, Vec<Found>, u64), EngineError> {
        let mut calls: Vec<Call> = vec![cmd("TIME").into()];
        for stream in Stream::all() {
            let key = self.keys.events(stream);
            calls.push(info("STREAM", &key, None));
            calls.push(info("GROUPS", &key, None));
            let mut memory = cmd("MEMORY");
            memory.arg("USAGE").arg(key.as_str());
            calls.push(memory.into());
            calls.push(length(&self.keys.dead(stream)));
        }
        let mut answers = self.calls.many(calls).await?.into_iter();
        let mut next = || answers.next().unwrap_or_default();
        let now = millis(next())?;
        let (mut streams, mut found) = (Vec::new(), Vec::new());
        for stream in Stream::all() {
            let (info, groups, bytes, dead) = (next(), next(), next(), next());
            let stats = StreamStats {
                // A server may forbid the question, and a stream that is not there takes nothing.
                bytes: reply::count(&bytes, "MEMORY USAGE").ok(),
                dead: reply::count(&dead, "XLEN")?,
                ..stream_stats(stream, info)?
            };
            for group in known(groups, "XINFO GROUPS")? {
                found.extend(found_group(&stats, &group)?);
            }
            streams.push(stats);
        }
        Ok((streams, found, now))
    }

    /// Counts where Redis may have lost count, as far as that is little.
    async fn count_unread(&self, found: &mut [Found]) -> Result<(), EngineError> {
        let uncounted = || found.iter().filter(|found| found.lag.is_none());
        let calls = uncounted().map(|found| {
            let key = self.keys.events(found.stream);
            let mut call = self.calls.script(ScriptName::Unread, &[&key]);
            call.arg(found.place.to_string()).arg(MOST_COUNTED);
            call
        });
        let counts = self.calls.many(calls.collect()).await?;
        let uncounted = found.iter_mut().filter(|found| found.lag.is_none());
        for (found, count) in uncounted.zip(counts) {
            let counted = u64::try_from(reply::integer(&count, "unread.lua")?).ok();
            found.lag = counted.or(found.claimed);
        }
        Ok(())
    }

    async fn count_groups(&self, found: &[Found], now: u64, groups: &mut Groups) -> Result<(), EngineError> {
        let mut calls: Vec<Call> = Vec::new();
        for Found { name, stream, .. } in found {
            let stream = *stream;
            let [events, inbox] = [false, true].map(|inbox| self.keys.lane(Lane { stream, inbox }, name));
            let mut oldest = cmd("XPENDING");
            oldest.arg(events.as_str()).arg(name.as_str());
            let mut retrying = cmd("HLEN");
            retrying.arg(self.keys.attempts(stream, name).as_str());
            calls.extend([
                oldest.into(),
                info("CONSUMERS", &events, Some(name)),
                info("CONSUMERS", &inbox, Some(name)),
                length(&inbox),
                retrying.into(),
            ]);
        }
        let mut answers = self.calls.many(calls).await?.into_iter();
        let mut next = || answers.next().unwrap_or_default();
        for found in found {
            let group = groups.of(&found.name);
            // How many, the first, the last, and how many each consumer holds.
            let summary = known(next(), "XPENDING")?;
            let first = summary.get(1).and_then(|first| reply::id(first, "XPENDING").ok());
            group.lanes.push(LaneStats {
                stream: found.stream,
                place: found.place,
                lag: found.lag,
                pending: found.pending,
                oldest: first.map(|first| Duration::from_millis(now.saturating_sub(first.major))),
            });
            for _ in 0..2 {
                for consumer in known(next(), "XINFO CONSUMERS")? {
                    consumer_stats(&mut group.consumers, &consumer)?;
                }
            }
            group.inbox += reply::count(&next(), "XLEN")?;
            group.retrying += reply::count(&next(), "HLEN")?;
        }
        Ok(())
    }

    async fn count_dead(&self, streams: &[StreamStats], groups: &mut Groups) -> Result<(), EngineError> {
        const WHAT: &str = "count_dead.lua";
        for stream in streams.iter().filter(|stream| stream.dead > 0) {
            let key = self.keys.dead(stream.stream);
            let mut from = CompactString::const_new("-");
            loop {
                let mut call = self.calls.script(ScriptName::CountDead, &[&key]);
                call.arg(from.as_str()).arg(LETTERS);
                let answer = reply::array(self.calls.one(call).await?, WHAT)?;
                let Some((next, counts)) = answer.split_first() else {
                    return Err(error::shape(WHAT));
                };
                for pair in counts.chunks_exact(2) {
                    let name = reply::text(&pair[0]).and_then(|name| GroupName::new(&name).ok());
                    let name = name.ok_or_else(|| error::shape(WHAT))?;
                    groups.of(&name).dead += reply::count(&pair[1], WHAT)?;
                }
                from = reply::text(next)
                    .ok_or_else(|| error::shape(WHAT))?
                    .as_ref()
                    .into();
                if from == "-" {
                    break;
                }
            }
        }
        Ok(())
    }

    pub(super) async fn count_listeners(&self, channels: &[CompactString]) -> Result<Listeners, EngineError> {
        const WHAT: &str = "PUBSUB";
        let (mut channel, mut patterns) = (cmd("PUBSUB"), cmd("PUBSUB"));
        channel.arg("NUMSUB");
        for name in channels {
            channel.arg(name.as_str());
        }
        patterns.arg("NUMPAT");
        let answers = self.calls.many(vec![channel.into(), patterns.into()]).await?;
        let [counts, patterns] = answers.as_slice() else {
            return Err(error::shape(WHAT));
        };
        let counts = unwrapped(counts.clone())?;
        let count = |name: &CompactString| {
            reply::member(&counts, name).map_or(Ok(0), |count| reply::count(count, WHAT))
        };
        Ok(Listeners {
            channels: channels.iter().map(count).collect::<Result<_, _>>()?,
            patterns: reply::count(patterns, WHAT)?,
        })
    }
}

// === impl Groups ===

impl Groups {
    fn of(&mut self, name: &GroupName) -> &mut GroupStats {
        self.0
            .entry(name.clone())
            .or_insert_with(|| GroupStats::new(name.clone()))
    }
}

fn info(what: &str, key: &str, group: Option<&GroupName>) -> Call {
    let mut command = cmd("XINFO");
    command.arg(what).arg(key);
    if let Some(group) = group {
        command.arg(group.as_str());
    }
    command.into()
}

fn length(key: &str) -> Call {
    let mut command = cmd("XLEN");
    command.arg(key);
    command.into()
}

/// Seconds and microseconds.
fn millis(time: Value) -> Result<u64, EngineError> {
    let parts = reply::array(time, "TIME")?;
    let part = |at: usize| parts.get(at).and_then(reply::text)?.parse::<u64>().ok();
    match (part(0), part(1)) {
        (Some(seconds), Some(micros)) => Ok(seconds * 1000 + micros / 1000),
        _ => Err(error::shape("TIME")),
    }
}

/// A list; an empty one where the key or the group is not there.
fn known(value: Value, what: &'static str) -> Result<Vec<Value>, EngineError> {
    match value {
        Value::ServerError(refused) if error::is_absent(&refused) => Ok(Vec::new()),
        value => reply::array(value, what),
    }
}

fn stream_stats(stream: Stream, info: Value) -> Result<StreamStats, EngineError> {
    const WHAT: &str = "XINFO STREAM";
    let mut stats = StreamStats {
        stream,
        length: 0,
        first: None,
        last: EntryId::ZERO,
        appended: 0,
        bytes: None,
        dead: 0,
    };
    let info = match info {
        Value::ServerError(refused) if error::is_absent(&refused) => return Ok(stats),
        info => unwrapped(info)?,
    };
    let member = |name| reply::member(&info, name).ok_or_else(|| error::shape(WHAT));
    stats.length = reply::count(member("length")?, WHAT)?;
    stats.last = reply::id(member("last-generated-id")?, WHAT)?;
    stats.appended = reply::count(member("entries-added")?, WHAT)?;
    if let Value::Array(first) = member("first-entry")? {
        stats.first = first.first().map(|id| reply::id(id, WHAT)).transpose()?;
    }
    Ok(stats)
}

/// None for a group of somebody else, whose name is none of ours.
fn found_group(stream: &StreamStats, info: &Value) -> Result<Option<Found>, EngineError> {
    const WHAT: &str = "XINFO GROUPS";
    let member = |name| reply::member(info, name).ok_or_else(|| error::shape(WHAT));
    let Some(name) = reply::text(member("name")?).and_then(|name| GroupName::new(&name).ok()) else {
        return Ok(None);
    };
    let place = reply::id(member("last-delivered-id")?, WHAT)?;
    let claimed = match member("lag")? {
        Value::Nil => None,
        lag => Some(reply::count(lag, WHAT)?),
    };
    let lag = if place >= stream.last {
        Some(0)
    } else if stream.first.is_none_or(|first| place < first) {
        Some(stream.length)
    } else if stream.length == stream.appended {
        claimed
    } else {
        None
    };
    Ok(Some(Found {
        name,
        stream: stream.stream,
        place,
        pending: reply::count(member("pending")?, WHAT)?,
        lag,
        claimed,
    }))
}

/// Adds what one lane says of a consumer.
fn consumer_stats(consumers: &mut Vec<ConsumerStats>, info: &Value) -> Result<(), EngineError> {
    const WHAT: &str = "XINFO CONSUMERS";
    let member = |name| reply::member(info, name).ok_or_else(|| error::shape(WHAT));
    let Some(name) = reply::text(member("name")?).and_then(|name| ConsumerName::new(&name).ok()) else {
        return Ok(());
    };
    let pending = reply::count(member("pending")?, WHAT)?;
    let idle = Duration::from_millis(u64::try_from(reply::integer(member("idle")?, WHAT)?).unwrap_or(0));
    match consumers.binary_search_by(|known| known.name.as_str().cmp(name.as_str())) {
        Ok(at) => {
            consumers[at].pending += pending;
            consumers[at].idle = consumers[at].idle.min(idle);
        }
        Err(at) => consumers.insert(at, ConsumerStats { name, pending, idle }),
    }
    Ok(())
}
