//! Looking back: what lies in the streams, and making room in them.

use super::RedisEngine;
use super::calls::ScriptName;
use super::reply::Entry;
use super::{error, reply};
use crate::engine::{EngineError, Stored, Trimmed};
use crate::place::{EntryId, Position, Stream};
use ::redis::{Value, cmd};
use chrono::{DateTime, Utc};

impl RedisEngine {
    pub(super) async fn stored(
        &self,
        stream: Stream,
        after: EntryId,
        until: EntryId,
        max: usize,
    ) -> Result<Vec<Stored>, EngineError> {
        if after >= until || max == 0 {
            return Ok(Vec::new());
        }
        let mut command = cmd("XRANGE");
        command
            .arg(self.keys.events(stream).as_str())
            .arg(format!("({after}"))
            .arg(until.to_string())
            .arg("COUNT")
            .arg(max);
        let entries = reply::entries(self.calls.one(command.into()).await?, "XRANGE")?;
        Ok(entries
            .into_iter()
            .map(|entry| in_stream(stream, entry))
            .collect())
    }

    pub(super) async fn indexed(
        &self,
        stream: Stream,
        name: &str,
        after: EntryId,
        max: usize,
    ) -> Result<Vec<Stored>, EngineError> {
        // Nothing comes after it, and a script's numbers do not reach so far.
        if max == 0 || after.major >= 1 << 53 {
            return Ok(Vec::new());
        }
        let (events, list) = (self.keys.events(stream), self.keys.about(stream, name));
        let mut call = self.calls.script(ScriptName::About, &[&events, &list]);
        // More than a list holds would be no more.
        call.arg(after.to_string()).arg(max.min(1 << 20));
        let entries = reply::entries(self.calls.one(call).await?, "about.lua")?;
        Ok(entries
            .into_iter()
            .map(|entry| in_stream(stream, entry))
            .collect())
    }

    pub(super) async fn length_of(&self, stream: Stream) -> Result<u64, EngineError> {
        let mut command = cmd("XLEN");
        command.arg(self.keys.events(stream).as_str());
        reply::count(&self.calls.one(command.into()).await?, "XLEN")
    }

    pub(super) async fn last_before(
        &self,
        stream: Stream,
        at: DateTime<Utc>,
    ) -> Result<EntryId, EngineError> {
        // Ids count whole milliseconds: what was appended in the one of `at` counts as later.
        let Some(millis) = u64::try_from(at.timestamp_millis())
            .ok()
            .filter(|millis| *millis > 0)
        else {
            return Ok(EntryId::ZERO);
        };
        let mut command = cmd("XREVRANGE");
        command
            .arg(self.keys.events(stream).as_str())
            .arg(format!("({millis}-0"))
            .arg("-")
            .arg("COUNT")
            .arg(1);
        let entries = reply::entries(self.calls.one(command.into()).await?, "XREVRANGE")?;
        Ok(entries.first().map_or(EntryId::ZERO, |entry| entry.id))
    }

    pub(super) async fn last_of(&self, stream: Stream) -> Result<EntryId, EngineError> {
        let mut command = cmd("XINFO");
        command.arg("STREAM").arg(self.keys.events(stream).as_str());
        let answer = self
            .calls
            .many(vec![command.into()])
            .await?
            .pop()
            .unwrap_or_default();
        match answer {
            Value::ServerError(refused)
                if refused.details().is_some_and(|text| text.contains("no such key")) =>
            {
                Ok(EntryId::ZERO)
            }
            Value::ServerError(refused) => Err(error::server(refused)),
            // Also when it was trimmed away: what comes later comes after it.
            info => reply::member(&info, "last-generated-id")
                .ok_or_else(|| error::shape("XINFO STREAM"))
                .and_then(|id| reply::id(id, "XINFO STREAM")),
        }
    }

    pub(super) async fn make_room(
        &self,
        stream: Stream,
        before: DateTime<Utc>,
        most: u64,
        until: EntryId,
    ) -> Result<Trimmed, EngineError> {
        let key = self.keys.events(stream);
        let cutoff = EntryId {
            major: u64::try_from(before.timestamp_millis()).unwrap_or(0),
            minor: 0,
        };
        let mut call = self.calls.script(ScriptName::Trim, &[&key]);
        // A script's numbers are exact up to 2^53, which no stream will hold.
        call.arg(cutoff.to_string()).arg(most.min(1 << 53));
        if until.major < 1 << 53 {
            call.arg(until.to_string());
        }
        let answer = reply::array(self.calls.one(call).await?, "trim.lua")?;
        let [entries, unsettled] = answer.as_slice() else {
            return Err(error::shape("trim.lua"));
        };
        Ok(Trimmed {
            entries: reply::count(entries, "trim.lua")?,
            unsettled: reply::count(unsettled, "trim.lua")?,
        })
    }
}

/// An entry's id begins with the milliseconds at which it was appended.
fn in_stream(stream: Stream, entry: Entry) -> Stored {
    let millis = i64::try_from(entry.id.major).ok();
    Stored {
        position: Position { stream, id: entry.id },
        // Only an id that somebody made up names no time.
        at: millis
            .and_then(DateTime::from_timestamp_millis)
            .unwrap_or(DateTime::<Utc>::MAX_UTC),
        channel: entry.channel,
        envelope: entry.envelope,
    }
}
