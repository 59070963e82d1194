//! Settling deliveries.

use super::RedisEngine;
use super::calls::{Call, ScriptName};
use super::keys::Lane;
use super::readers::lane_of;
use super::{error, reply};
use crate::engine::{Delivery, EngineError, Group, Settlement};
use crate::place::ConsumerName;
use ::redis::{Value, cmd};
use chrono::{DateTime, Utc};
use compact_str::{CompactString, format_compact};
use std::collections::BTreeMap;

/// How much of an error is kept.
const MAX_ERROR: usize = 2048;

/// The settlements of one lane that go out in one call, by their place in the batch.
enum Part {
    /// Followed by the calls that clear what hangs on them.
    Acknowledge(Vec<usize>, usize),
    Script(Vec<usize>),
}

impl RedisEngine {
    pub(super) async fn settle_all(
        &self,
        group: &Group,
        consumer: &ConsumerName,
        settlements: &[(Delivery, Settlement)],
    ) -> Result<Vec<bool>, EngineError> {
        let mut acknowledged: BTreeMap<Lane, Vec<usize>> = BTreeMap::new();
        let mut others: BTreeMap<Lane, Vec<usize>> = BTreeMap::new();
        for (at, (delivery, settlement)) in settlements.iter().enumerate() {
            let part = match settlement {
                Settlement::Ack => &mut acknowledged,
                _ => &mut others,
            };
            part.entry(lane_of(delivery)).or_default().push(at);
        }
        let mut calls: Vec<Call> = Vec::new();
        let mut parts = Vec::new();
        for (lane, entries) in acknowledged {
            let before = calls.len();
            self.acknowledge(&mut calls, group, lane, &entries, settlements);
            parts.push(Part::Acknowledge(entries, calls.len() - before));
        }
        for (lane, entries) in others {
            calls.push(self.settle_call(group, consumer, lane, &entries, settlements));
            parts.push(Part::Script(entries));
        }
        let mut answers = self.calls.many(calls).await?.into_iter();
        let mut results = vec![false; settlements.len()];
        let mut failed = None;
        for part in parts {
            match part {
                Part::Acknowledge(entries, calls) => {
                    let answers: Vec<Value> = answers.by_ref().take(calls).collect();
                    let gone = reply::count(&answers[0], "XACK")?;
                    for answer in &answers[1..] {
                        reply::count(answer, "HDEL")?;
                    }
                    // Which ones were not pending any more is known only when it was all or none; who acknowledges
                    // has done its work either way.
                    for at in entries {
                        results[at] = gone > 0;
                    }
                }
                Part::Script(entries) => {
                    let answer = reply::array(answers.next().unwrap_or_default(), "settle.lua")?;
                    if answer.len() != entries.len() {
                        return Err(error::shape("settle.lua"));
                    }
                    for (at, value) in entries.into_iter().zip(answer) {
                        match reply::text(&value) {
                            Some(message) => failed = Some(error::text(&message)),
                            None => results[at] = reply::integer(&value, "settle.lua")? == 1,
                        }
                    }
                }
            }
        }
        self.note_settled(group, consumer, settlements, &results);
        failed.map_or(Ok(results), Err)
    }

    fn note_settled(
        &self,
        group: &Group,
        consumer: &ConsumerName,
        settlements: &[(Delivery, Settlement)],
        results: &[bool],
    ) {
        let reader = self.readers.of(&group.name, consumer);
        let of = |wanted: fn(&Settlement) -> bool| {
            (settlements.iter().zip(results))
                .filter(move |((_, settlement), _)| wanted(settlement))
                .map(|((delivery, _), ours)| (delivery, *ours))
        };
        let acknowledged = of(|settlement| matches!(settlement, Settlement::Ack));
        reader.settled(acknowledged.map(|(delivery, _)| delivery), true);
        let dead = of(|settlement| matches!(settlement, Settlement::Dead { .. }));
        reader.settled(dead.map(|(delivery, _)| delivery), true);
        let released = of(|settlement| matches!(settlement, Settlement::Release));
        reader.settled(released.map(|(delivery, _)| delivery), false);
        let kept = of(|settlement| matches!(settlement, Settlement::Retry { .. } | Settlement::Renew));
        let lost = kept.filter(|(_, ours)| !ours);
        reader.settled(lost.map(|(delivery, _)| delivery), false);
    }

    fn acknowledge(
        &self,
        calls: &mut Vec<Call>,
        group: &Group,
        lane: Lane,
        entries: &[usize],
        settlements: &[(Delivery, Settlement)],
    ) {
        let stream = self.keys.lane(lane, &group.name);
        // With the mark that a record of failures has before the id.
        let mark = lane.mark();
        let marked: Vec<CompactString> = entries
            .iter()
            .map(|at| format_compact!("{mark}{}", settlements[*at].0.entry.id))
            .collect();
        let ids = || marked.iter().map(|marked| &marked[mark.len()..]);
        let mut command = cmd("XACK");
        command.arg(stream.as_str()).arg(group.name.as_str());
        for id in ids() {
            command.arg(id);
        }
        calls.push(command.into());
        // Always: that this delivery knows of no record does not mean that there is none.
        let mut command = cmd("HDEL");
        command.arg(self.keys.attempts(lane.stream, &group.name).as_str());
        for marked in &marked {
            command.arg(marked.as_str());
        }
        calls.push(command.into());
        if lane.inbox {
            // An inbox has this one group: nobody else will read it.
            let mut command = cmd("XDEL");
            command.arg(stream.as_str());
            for id in ids() {
                command.arg(id);
            }
            calls.push(command.into());
        }
    }

    fn settle_call(
        &self,
        group: &Group,
        consumer: &ConsumerName,
        lane: Lane,
        entries: &[usize],
        settlements: &[(Delivery, Settlement)],
    ) -> Call {
        let stream = self.keys.lane(lane, &group.name);
        let records = self.keys.attempts(lane.stream, &group.name);
        let dead = self.keys.dead(lane.stream);
        let mut call = self.calls.script(ScriptName::Settle, &[&stream, &records, &dead]);
        call.arg(group.name.as_str())
            .arg(consumer.as_str())
            .arg(lane.mark())
            .arg(lane.stream.to_string())
            .arg(u8::from(lane.inbox));
        for at in entries {
            let (delivery, settlement) = &settlements[*at];
            let id = delivery.entry.id.to_string();
            match settlement {
                Settlement::Retry { failure, due } => {
                    call.arg("retry")
                        .arg(id)
                        .arg(micros(failure.at))
                        .arg(micros(*due));
                    call.arg(shortened(&failure.error)).arg("").arg("");
                }
                Settlement::Dead { failure, reason } => {
                    call.arg("dead")
                        .arg(id)
                        .arg(micros(failure.at))
                        .arg(reason.as_str());
                    call.arg(shortened(&failure.error))
                        .arg(delivery.channel.as_str())
                        .arg(&*delivery.envelope);
                }
                Settlement::Release => {
                    call.arg("release")
                        .arg(id)
                        .arg("")
                        .arg("")
                        .arg("")
                        .arg("")
                        .arg("");
                }
                Settlement::Renew | Settlement::Ack => {
                    call.arg("renew").arg(id).arg("").arg("").arg("").arg("").arg("");
                }
            }
        }
        call
    }
}

fn micros(time: DateTime<Utc>) -> String {
    time.timestamp_micros().to_string()
}

fn shortened(error: &str) -> &str {
    &error[..error.floor_char_boundary(MAX_ERROR)]
}
