//! Tallies: what is counted, each thing once. A row is in the file before whoever counted it goes on, so that an event that
//! is settled was counted.

use super::error::LogError;
use super::log::Log;
use crate::engine::{Tallied, Tally};
use rusqlite::{Row, params};

/// A thing as its row has it.
struct Kept {
    seq: i64,
    thing: Tallied,
    ends: i64,
}

impl Log {
    /// Adds a thing if it is not there, and tells what stands under its name up to it.
    pub(super) fn tally(&mut self, thing: &Tally) -> Result<Vec<Tallied>, LogError> {
        let now = self.now();
        let mut kept = self.tallied(&thing.name)?;
        if kept.last().is_some_and(|newest| newest.ends <= now) {
            kept.clear();
            self.write()?
                .prepare_cached("DELETE FROM tallies WHERE name = ?1")?
                .execute([&thing.name])?;
        }
        let same = |kept: &Kept| kept.thing.at == thing.at && kept.thing.text == thing.text;
        if let Some(place) = kept.iter().position(same) {
            kept.truncate(place + 1);
            return Ok(kept.into_iter().map(|kept| kept.thing).collect());
        }
        let lasts = i64::try_from(thing.lasts.as_micros()).unwrap_or(i64::MAX);
        let own = Kept {
            seq: kept.last().map_or(0, |newest| newest.seq + 1),
            thing: Tallied {
                at: thing.at,
                text: thing.text.clone(),
            },
            ends: now.saturating_add(lasts),
        };
        let too_many = (kept.len() + 1).saturating_sub(thing.most.max(1));
        let old = kept.iter().take_while(|kept| kept.thing.at <= thing.oldest());
        let gone = old.count().max(too_many);
        let connection = self.write()?;
        if gone > 0 {
            connection
                .prepare_cached("DELETE FROM tallies WHERE name = ?1 AND seq <= ?2")?
                .execute(params![thing.name, kept[gone - 1].seq])?;
            kept.drain(..gone);
        }
        connection
            .prepare_cached("INSERT INTO tallies (name, seq, at, text, ends) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![
                thing.name,
                own.seq,
                own.thing.at,
                own.thing.text,
                own.ends
            ])?;
        // More than one for each that is added: what has ended does not pile up.
        connection
            .prepare_cached(
                "DELETE FROM tallies WHERE (name, seq) IN \
                     (SELECT name, seq FROM tallies WHERE ends <= ?1 ORDER BY ends LIMIT 3)",
            )?
            .execute([now])?;
        kept.push(own);
        Ok(kept.into_iter().map(|kept| kept.thing).collect())
    }

    fn tallied(&self, name: &str) -> Result<Vec<Kept>, LogError> {
        let read = |row: &Row<'_>| {
            Ok(Kept {
                seq: row.get(0)?,
                thing: Tallied {
                    at: row.get(1)?,
                    text: row.get(2)?,
                },
                ends: row.get(3)?,
            })
        };
        let kept = self
            .connection
            .prepare_cached("SELECT seq, at, text, ends FROM tallies WHERE name = ?1 ORDER BY seq")?
            .query_map([name], read)?
            .collect::<Result<_, _>>()?;
        Ok(kept)
    }
}
