//! Entries that are held already: by consumers that fell silent, or by us without our knowledge.

use super::RedisEngine;
use super::calls::ScriptName;
use super::keys::Lane;
use super::readers::Reader;
use super::{error, reply};
use crate::engine::{Delivery, EngineError, Group};
use crate::place::{ConsumerName, Position};
use ::redis::{Value, cmd};
use compact_str::CompactString;
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How many pending entries a script looks at before it lets others have their turn.
const LOOK: usize = 1000;
/// How many a take-over looks at in one stream before it goes on to the next; the place is kept.
const LOOK_IN_ALL: usize = 10 * LOOK;

/// What a script found.
struct Found {
    /// Where to go on; `-` when all was looked at.
    next: CompactString,
    deliveries: Vec<Delivery>,
}

impl RedisEngine {
    pub(super) async fn take_from_others(
        &self,
        group: &Group,
        consumer: &ConsumerName,
        idle: Duration,
        max: usize,
    ) -> Result<Vec<Delivery>, EngineError> {
        let reader = self.readers.of(&group.name, consumer);
        let mut taken = Vec::new();
        for lane in self.held_by_others(group, consumer).await? {
            let mut looked = 0;
            while taken.len() < max && looked < LOOK_IN_ALL {
                let keys = self.pair(lane, group);
                let mut call = self
                    .calls
                    .script(ScriptName::TakeOver, &[keys[0].as_str(), keys[1].as_str()]);
                call.arg(group.name.as_str())
                    .arg(consumer.as_str())
                    .arg(u64::try_from(idle.as_millis()).unwrap_or(u64::MAX))
                    .arg(reader.cursor(lane).as_str())
                    .arg(LOOK)
                    .arg(max - taken.len())
                    .arg(lane.mark());
                let found = self.found(self.calls.one(call).await?, lane)?;
                looked += LOOK;
                let done = found.next == "-";
                reader.set_cursor(lane, found.next);
                reader.hold(&found.deliveries);
                taken.extend(found.deliveries);
                if done {
                    break;
                }
            }
        }
        Ok(taken)
    }

    /// The lanes in which other consumers hold something.
    async fn held_by_others(&self, group: &Group, consumer: &ConsumerName) -> Result<Vec<Lane>, EngineError> {
        let lanes: Vec<Lane> = Lane::of(group).collect();
        let asked = lanes.iter().map(|lane| {
            let mut command = cmd("XPENDING");
            command
                .arg(self.keys.lane(*lane, &group.name).as_str())
                .arg(group.name.as_str());
            command.into()
        });
        let mut with_others = Vec::new();
        let mut lost = false;
        for (lane, value) in lanes.iter().zip(self.calls.many(asked.collect()).await?) {
            match value {
                Value::ServerError(refused) if error::is_no_group(&refused) => lost = true,
                value => {
                    // How many, the first, the last, and how many each consumer holds.
                    let consumers = reply::array(value, "XPENDING")?.into_iter().nth(3);
                    for pair in reply::array(consumers.unwrap_or_default(), "XPENDING")? {
                        let pair = reply::array(pair, "XPENDING")?;
                        let name = pair.first().and_then(reply::bytes);
                        if name != Some(consumer.as_str().as_bytes()) && with_others.last() != Some(lane) {
                            with_others.push(*lane);
                        }
                    }
                }
            }
        }
        if lost {
            self.make_again(group).await?;
        }
        Ok(with_others)
    }

    /// What the server counts as this consumer's though this process never handed it out.
    pub(super) async fn unseen(
        &self,
        reader: &Reader,
        group: &Group,
        consumer: &ConsumerName,
    ) -> Result<Vec<Delivery>, EngineError> {
        let mut unseen = Vec::new();
        for lane in Lane::of(group) {
            let keys = self.pair(lane, group);
            let mut held = BTreeSet::new();
            let mut from = CompactString::const_new("-");
            loop {
                let mut call = self
                    .calls
                    .script(ScriptName::Recover, &[keys[0].as_str(), keys[1].as_str()]);
                call.arg(group.name.as_str())
                    .arg(consumer.as_str())
                    .arg(from.as_str())
                    .arg(LOOK)
                    .arg(lane.mark());
                // One call as many, so that a group that is not there is no error.
                let answer = self.calls.many(vec![call]).await?.pop().unwrap_or_default();
                if matches!(&answer, Value::ServerError(refused) if error::is_no_group(refused)) {
                    break;
                }
                let found = self.found(answer, lane)?;
                held.extend(found.deliveries.iter().map(|delivery| delivery.entry.id));
                unseen.extend(
                    (found.deliveries.into_iter()).filter(|delivery| !reader.holds(lane, delivery.entry.id)),
                );
                from = found.next;
                if from == "-" {
                    break;
                }
            }
            reader.keep_only(lane, &held);
        }
        Ok(unseen)
    }

    fn pair(&self, lane: Lane, group: &Group) -> [CompactString; 2] {
        [
            self.keys.lane(lane, &group.name),
            self.keys.attempts(lane.stream, &group.name),
        ]
    }

    fn found(&self, answer: Value, lane: Lane) -> Result<Found, EngineError> {
        const WHAT: &str = "take_over.lua";
        let mut parts = reply::array(answer, WHAT)?.into_iter();
        let (Some(next), Some(ghosts), Some(entries)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(error::shape(WHAT));
        };
        let ghosts = reply::count(&ghosts, WHAT)?;
        if ghosts > 0 {
            self.counters.ghosts.fetch_add(ghosts, Ordering::Relaxed);
            tracing::warn!(
                stream = %lane.stream,
                entries = ghosts,
                "{ghosts} entries of {} were trimmed away before they were settled",
                lane.stream,
            );
        }
        let mut deliveries = Vec::new();
        for item in reply::array(entries, WHAT)? {
            let mut item = reply::array(item, WHAT)?.into_iter();
            let (Some(id), Some(fields), Some(times), Some(record)) =
                (item.next(), item.next(), item.next(), item.next())
            else {
                return Err(error::shape(WHAT));
            };
            let entry = reply::entry(reply::id(&id, WHAT)?, fields);
            deliveries.push(Delivery {
                entry: Position {
                    stream: lane.stream,
                    id: entry.id,
                },
                inbox: lane.inbox,
                channel: entry.channel,
                envelope: entry.envelope,
                deliveries: reply::count(&times, WHAT)?,
                retry: reply::retry(&record).map(Box::new),
            });
        }
        let next = reply::text(&next)
            .ok_or_else(|| error::shape(WHAT))?
            .as_ref()
            .into();
        Ok(Found { next, deliveries })
    }
}
