//! Marks and boards: small things with an end, told by the log's clock.

use super::error::LogError;
use super::log::Log;
use crate::engine::{BoardLook, Posted, Standing};
use rusqlite::{OptionalExtension, Row, params};
use std::time::Duration;

impl Log {
    /// Sets a mark if what stands there lets it; else returns what stands in its way.
    pub(super) fn mark(
        &mut self,
        name: &str,
        value: &str,
        lasts: Duration,
        standing: Standing<'_>,
    ) -> Result<Option<String>, LogError> {
        let now = self.now();
        let there: Option<String> = self
            .connection
            .prepare_cached("SELECT value FROM marks WHERE name = ?1 AND ends > ?2")?
            .query_row(params![name, now], |row| row.get(0))
            .optional()?;
        let fits = match (&there, standing) {
            (None, Standing::Absent | Standing::AbsentOr(_)) => true,
            (Some(there), Standing::Is(value) | Standing::AbsentOr(value)) => there == value,
            (None, Standing::Is(_)) | (Some(_), Standing::Absent) => false,
        };
        if !fits {
            return Ok(Some(there.unwrap_or_default()));
        }
        let connection = self.write()?;
        connection
            .prepare_cached("INSERT OR REPLACE INTO marks (name, value, ends) VALUES (?1, ?2, ?3)")?
            .execute(params![name, value, after(now, lasts)])?;
        // More than one for each that is set: what has ended does not pile up.
        connection
            .prepare_cached(
                "DELETE FROM marks WHERE name IN (SELECT name FROM marks WHERE ends <= ?1 ORDER BY ends LIMIT 2)",
            )?
            .execute([now])?;
        Ok(None)
    }

    pub(super) fn unmark(&mut self, name: &str, value: &str) -> Result<bool, LogError> {
        let now = self.now();
        let taken = self
            .write()?
            .prepare_cached("DELETE FROM marks WHERE name = ?1 AND value = ?2 AND ends > ?3")?
            .execute(params![name, value, now])?;
        Ok(taken > 0)
    }

    /// Puts an item on a board; says whether it was not there, or was overdue.
    pub(super) fn post(
        &mut self,
        board: &str,
        item: &str,
        text: &str,
        due_in: Duration,
    ) -> Result<bool, LogError> {
        let now = self.now();
        let due: Option<i64> = self
            .connection
            .prepare_cached("SELECT due FROM boards WHERE board = ?1 AND item = ?2")?
            .query_row(params![board, item], |row| row.get(0))
            .optional()?;
        self.write()?
            .prepare_cached("INSERT OR REPLACE INTO boards (board, item, text, due) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![board, item, text, after(now, due_in)])?;
        Ok(due.is_none_or(|due| due <= now))
    }

    pub(super) fn posted(
        &mut self,
        board: &str,
        look: BoardLook,
        max: usize,
    ) -> Result<Vec<Posted>, LogError> {
        let now = self.now();
        let until = match look {
            BoardLook::All => i64::MAX,
            BoardLook::TakeDue | BoardLook::PutOffDue(_) => now,
        };
        let most = i64::try_from(max).unwrap_or(i64::MAX);
        let read = |row: &Row<'_>| {
            Ok(Posted {
                item: row.get(0)?,
                text: row.get(1)?,
                due_in: Duration::from_micros(u64::try_from(row.get::<_, i64>(2)? - now).unwrap_or(0)),
            })
        };
        let posted: Vec<Posted> = self
            .connection
            .prepare_cached(
                "SELECT item, text, due FROM boards WHERE board = ?1 AND due <= ?2 ORDER BY due, item LIMIT ?3",
            )?
            .query_map(params![board, until, most], read)?
            .collect::<Result<_, _>>()?;
        for Posted { item, .. } in &posted {
            match look {
                BoardLook::All => break,
                BoardLook::TakeDue => self.remove(board, item)?,
                BoardLook::PutOffDue(by) => self.put_off(board, item, after(now, by))?,
            }
        }
        Ok(posted)
    }

    pub(super) fn unpost(&mut self, board: &str, item: &str) -> Result<Option<String>, LogError> {
        let text = self
            .connection
            .prepare_cached("SELECT text FROM boards WHERE board = ?1 AND item = ?2")?
            .query_row(params![board, item], |row| row.get(0))
            .optional()?;
        if text.is_some() {
            self.remove(board, item)?;
        }
        Ok(text)
    }

    fn put_off(&mut self, board: &str, item: &str, due: i64) -> Result<(), LogError> {
        self.write()?
            .prepare_cached("UPDATE boards SET due = ?3 WHERE board = ?1 AND item = ?2")?
            .execute(params![board, item, due])?;
        Ok(())
    }

    fn remove(&mut self, board: &str, item: &str) -> Result<(), LogError> {
        self.write()?
            .prepare_cached("DELETE FROM boards WHERE board = ?1 AND item = ?2")?
            .execute([board, item])?;
        Ok(())
    }
}

fn after(now: i64, duration: Duration) -> i64 {
    now.saturating_add(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX))
}
