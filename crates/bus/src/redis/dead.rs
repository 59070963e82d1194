//! Dead letters, and handing events to a group again.
//!
//! Each partition keeps its own, so that an event gets there in the step in which its group gives it up. Together they
//! are listed by time.

use super::RedisEngine;
use super::calls::{Call, ScriptName, unwrapped};
use super::{error, reply};
use crate::engine::{DeadFilter, DeadId, DeadLetter, DeadReason, EngineError, Group, Stored};
use crate::place::{ConsumerName, EntryId, GroupName, Position, Stream};
use ::redis::{Value, cmd};
use chrono::{DateTime, Utc};

/// How many are read at once in search of those that match.
const PAGE: usize = 256;

impl RedisEngine {
    pub(super) async fn list_dead(
        &self,
        filter: &DeadFilter,
        after: Option<&DeadId>,
        max: usize,
    ) -> Result<Vec<DeadLetter>, EngineError> {
        let after = after.map(place).transpose()?;
        let mut found = Vec::new();
        for stream in Stream::all() {
            // Letters of the same millisecond are ordered by their stream, so that a page can end between them.
            let from = match after {
                None => "-".to_owned(),
                Some(after) if stream > after.stream => after.id.to_string(),
                Some(after) => format!("({}", after.id),
            };
            self.list_dead_of(stream, from, filter, max, &mut found).await?;
        }
        found.sort_by_key(|(id, letter): &(EntryId, DeadLetter)| (*id, letter.entry.stream));
        found.truncate(max);
        Ok(found.into_iter().map(|(_, letter)| letter).collect())
    }

    async fn list_dead_of(
        &self,
        stream: Stream,
        mut from: String,
        filter: &DeadFilter,
        max: usize,
        found: &mut Vec<(EntryId, DeadLetter)>,
    ) -> Result<(), EngineError> {
        let mut left = max;
        while left > 0 {
            let page = self.dead_range(stream, &from, "+", PAGE).await?;
            let full = page.len() == PAGE;
            if let Some((id, _)) = page.last() {
                from = format!("({id}");
            }
            let matching = page.into_iter().filter(|(_, letter)| matches(filter, letter));
            for letter in matching.take(left) {
                left -= 1;
                found.push(letter);
            }
            if !full {
                break;
            }
        }
        Ok(())
    }

    async fn dead_range(
        &self,
        stream: Stream,
        from: &str,
        to: &str,
        count: usize,
    ) -> Result<Vec<(EntryId, DeadLetter)>, EngineError> {
        let mut command = cmd("XRANGE");
        command
            .arg(self.keys.dead(stream).as_str())
            .arg(from)
            .arg(to)
            .arg("COUNT")
            .arg(count);
        let mut letters = Vec::new();
        for item in reply::array(self.calls.one(command.into()).await?, "XRANGE")? {
            let mut item = reply::array(item, "XRANGE")?.into_iter();
            let (Some(id), Some(fields)) = (item.next(), item.next()) else {
                return Err(error::shape("XRANGE"));
            };
            let id = reply::id(&id, "XRANGE")?;
            let letter =
                letter(Position { stream, id }, &fields).ok_or_else(|| error::shape("a dead letter"))?;
            letters.push((id, letter));
        }
        Ok(letters)
    }

    pub(super) async fn replay_letter(&self, id: &DeadId) -> Result<bool, EngineError> {
        let Ok(Position { stream, id }) = place(id) else {
            return Ok(false);
        };
        let at = id.to_string();
        let Some((_, letter)) = self.dead_range(stream, &at, &at, 1).await?.pop() else {
            return Ok(false);
        };
        let (dead, inbox) = (self.keys.dead(stream), self.keys.inbox(stream, &letter.group));
        let mut call = self.calls.script(ScriptName::ReplayDead, &[&dead, &inbox]);
        call.arg(at).arg(letter.channel.as_str()).arg(&*letter.envelope);
        Ok(reply::integer(&self.calls.one(call).await?, "replay_dead.lua")? == 1)
    }

    pub(super) async fn drop_letter(&self, id: &DeadId) -> Result<bool, EngineError> {
        let Ok(Position { stream, id }) = place(id) else {
            return Ok(false);
        };
        let mut command = cmd("XDEL");
        command.arg(self.keys.dead(stream).as_str()).arg(id.to_string());
        Ok(reply::count(&self.calls.one(command.into()).await?, "XDEL")? == 1)
    }

    pub(super) async fn expire_letters(&self, before: DateTime<Utc>, most: u64) -> Result<u64, EngineError> {
        let cutoff = before.timestamp_millis().max(0);
        let trims = Stream::all().flat_map(|stream| {
            let trim = |how: &str, limit: String| {
                let mut command = cmd("XTRIM");
                let key = self.keys.dead(stream);
                command.arg(key.as_str()).arg(how).arg("=").arg(limit);
                Call::from(command)
            };
            [
                trim("MINID", cutoff.to_string()),
                trim("MAXLEN", most.to_string()),
            ]
        });
        let mut gone = 0;
        for value in self.calls.many(trims.collect()).await? {
            gone += reply::count(&value, "XTRIM")?;
        }
        Ok(gone)
    }

    pub(super) async fn replay_stored(&self, group: &Group, entries: &[Stored]) -> Result<(), EngineError> {
        let calls = entries.iter().map(|entry| {
            let mut command = cmd("XADD");
            command
                .arg(self.keys.inbox(entry.position.stream, &group.name).as_str())
                .arg("*")
                .arg("t")
                .arg(entry.channel.as_str())
                .arg("d")
                .arg(&*entry.envelope);
            Call::from(command)
        });
        for value in self.calls.many(calls.collect()).await? {
            unwrapped(value)?;
        }
        Ok(())
    }
}

/// The id of a dead letter is its place among those of its partition.
fn place(id: &DeadId) -> Result<Position, EngineError> {
    id.0.parse()
        .map_err(|wrong| EngineError::Refused(Box::new(wrong)))
}

fn letter(at: Position, fields: &Value) -> Option<DeadLetter> {
    let text = |name| reply::member(fields, name).and_then(reply::text);
    let time = |name| reply::time(&text(name)?);
    Some(DeadLetter {
        id: DeadId(at.to_string().into()),
        group: GroupName::new(&text("g")?).ok()?,
        consumer: ConsumerName::new(&text("c")?).ok()?,
        entry: text("e")?.parse().ok()?,
        channel: text("t")?.as_ref().into(),
        envelope: text("d")?.as_ref().into(),
        reason: DeadReason::named(&text("r")?)?,
        attempts: text("n")?.parse().ok()?,
        first_failure: time("f")?,
        last_failure: time("l")?,
        error: text("x")?.into_owned(),
    })
}

fn matches(filter: &DeadFilter, letter: &DeadLetter) -> bool {
    filter.group.as_ref().is_none_or(|group| *group == letter.group)
        && filter
            .channel
            .as_ref()
            .is_none_or(|channel| *channel == letter.channel)
        && filter.reason.is_none_or(|reason| reason == letter.reason)
        && filter.before.is_none_or(|before| letter.last_failure < before)
}
