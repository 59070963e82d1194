//! Giving events to one group again.

use super::error::LogError;
use super::lane::Pending;
use super::log::{INBOX, Log};
use crate::engine::{DeadId, Group, Start, Stored};
use crate::place::GroupName;
use rusqlite::{OptionalExtension, params};

/// What a letter's row gives back.
struct Letter {
    group: String,
    stream: String,
    seq: u64,
    channel: String,
    envelope: String,
}

impl Log {
    pub(super) fn replay_dead(&mut self, id: &DeadId) -> Result<bool, LogError> {
        let Some(id) = number(id) else {
            return Ok(false);
        };
        let letter = self
            .connection
            .prepare_cached("SELECT grp, stream, seq, channel, envelope FROM dead WHERE id = ?1")?
            .query_row([id], |row| {
                Ok(Letter {
                    group: row.get(0)?,
                    stream: row.get(1)?,
                    seq: row.get(2)?,
                    channel: row.get(3)?,
                    envelope: row.get(4)?,
                })
            })
            .optional()?;
        let Some(letter) = letter else {
            return Ok(false);
        };
        let name = GroupName::new(&letter.group).map_err(|_| LogError::Unreadable("dead"))?;
        // No classes: it goes to the inbox, and where the group reads elsewhere is not ours to say.
        let group = Group {
            name,
            classes: Vec::new(),
        };
        let at = self.group(&group, &Start::Oldest)?;
        self.put(at, &letter.stream, letter.seq, &letter.channel, &letter.envelope)?;
        self.drop_dead_row(id)
    }

    pub(super) fn drop_dead(&mut self, id: &DeadId) -> Result<bool, LogError> {
        match number(id) {
            Some(id) => self.drop_dead_row(id),
            None => Ok(false),
        }
    }

    fn drop_dead_row(&mut self, id: i64) -> Result<bool, LogError> {
        let gone = self
            .write()?
            .prepare_cached("DELETE FROM dead WHERE id = ?1")?
            .execute([id])?;
        Ok(gone > 0)
    }

    pub(super) fn replay(&mut self, group: &Group, entries: &[Stored]) -> Result<(), LogError> {
        let at = self.group(group, &Start::Oldest)?;
        for Stored {
            position,
            channel,
            envelope,
            ..
        } in entries
        {
            self.put(
                at,
                &position.stream.to_string(),
                position.id.major,
                channel,
                envelope,
            )?;
        }
        Ok(())
    }

    /// Puts an event into a group's inbox.
    fn put(
        &mut self,
        group: usize,
        stream: &str,
        seq: u64,
        channel: &str,
        envelope: &str,
    ) -> Result<(), LogError> {
        let id = self.groups[group].id;
        let id = self
            .write()?
            .prepare_cached(
                "INSERT INTO inbox (grp, stream, seq, channel, envelope) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .insert(params![id, stream, seq, channel, envelope])?;
        let id = u64::try_from(id).map_err(|_| LogError::Unreadable("inbox"))?;
        self.set(group, INBOX, id, Some(Pending::new()));
        Ok(())
    }
}

/// Our own ids are numbers; another is no letter of ours.
pub(super) fn number(id: &DeadId) -> Option<i64> {
    id.0.parse().ok()
}
