//! Appending.

use super::error::{LogError, TooLarge};
use super::hub::Said;
use super::log::Log;
use super::ring::Entry;
use crate::engine::{Append, Appended, EngineError};
use crate::place::{EntryId, Position, Stream};
use lockdown_events::EventId;
use rusqlite::{OptionalExtension, params};
use std::time::Duration;

/// Far beyond every event, and small enough that no queue is filled by one.
const MOST_BYTES: usize = 16 << 20;
/// For how long an event appended with `once` is known at least.
const WINDOW: Duration = Duration::from_secs(600);

impl Log {
    /// Appends in order. How many listeners an event reached is known after the commit only.
    pub(super) fn append(
        &mut self,
        batch: &[Append],
    ) -> Result<Vec<Result<Appended, EngineError>>, LogError> {
        self.newest = self.newest.max(self.now());
        batch.iter().map(|append| self.append_one(append)).collect()
    }

    fn append_one(&mut self, append: &Append) -> Result<Result<Appended, EngineError>, LogError> {
        if append.envelope.len() > MOST_BYTES {
            return Ok(Err(EngineError::Refused(Box::new(TooLarge {
                bytes: append.envelope.len(),
                limit: MOST_BYTES,
            }))));
        }
        if append.once
            && let Some(position) = self.known(append.event_id)?
        {
            return Ok(Ok(Appended {
                position,
                receivers: 0,
                already: true,
            }));
        }
        self.write()?;
        let stream = self.stream(Stream::of(&append.channel, &append.key));
        let seq = self.heads[stream].last + 1;
        self.connection
            .prepare_cached(&self.tables[stream].insert)?
            .execute(params![
                seq,
                self.newest,
                append.channel.as_str(),
                append.key.as_str(),
                append.event_id.0.as_bytes(),
                &*append.envelope
            ])?;
        self.heads[stream].last = seq;
        let position = self.position(stream, seq);
        if append.once {
            self.remember(append.event_id, position)?;
        }
        for name in &append.about {
            self.connection
                .prepare_cached("INSERT OR IGNORE INTO about (name, stream, seq) VALUES (?1, ?2, ?3)")?
                .execute(params![name.as_str(), position.stream.to_string(), seq])?;
        }
        let entry = Entry {
            channel: append.channel.clone(),
            envelope: append.envelope.clone(),
        };
        self.written += append.envelope.len() as u64 + 128;
        self.ring.push(stream, seq, entry.clone());
        if !append.quiet {
            self.said.push(Said { position, entry });
        }
        Ok(Ok(Appended {
            position,
            receivers: 0,
            already: false,
        }))
    }

    fn known(&self, event: EventId) -> Result<Option<Position>, LogError> {
        let found: Option<(String, u64)> = self
            .connection
            .prepare_cached("SELECT stream, seq FROM once WHERE event_id = ?1")?
            .query_row([event.0.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        found
            .map(|(stream, seq)| {
                Ok(Position {
                    stream: stream.parse().map_err(|_| LogError::Unreadable("once"))?,
                    id: EntryId { major: seq, minor: 0 },
                })
            })
            .transpose()
    }

    /// Also forgets a few that are too old, more than one on average: what is remembered does not grow for ever.
    fn remember(&self, event: EventId, position: Position) -> Result<(), LogError> {
        self.connection
            .prepare_cached("INSERT INTO once (event_id, stream, seq, at) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![
                event.0.as_bytes(),
                position.stream.to_string(),
                position.id.major,
                self.newest
            ])?;
        let old = self
            .newest
            .saturating_sub(i64::try_from(WINDOW.as_micros()).expect("minutes"));
        self.connection
            .prepare_cached(
                "DELETE FROM once WHERE at < ?1 AND n IN (SELECT n FROM once ORDER BY n LIMIT 4)",
            )?
            .execute([old])?;
        Ok(())
    }
}
