//! Handing entries out.

use super::error::LogError;
use super::lane::{Consumer, Held, Lane, Pending};
use super::log::{INBOX, Log};
use super::ring::Entry;
use crate::engine::{Delivery, Group, Start};
use crate::place::{ConsumerName, EntryId, Position, Stream};
use rusqlite::{OptionalExtension, params};
use std::sync::Arc;
use std::time::Duration;

impl Log {
    /// What the consumer gets now: first what is free again, then what is new.
    pub(super) fn hand_out(
        &mut self,
        group: &Group,
        consumer: &ConsumerName,
        max: usize,
    ) -> Result<Vec<Delivery>, LogError> {
        // A group that is not known was lost with the log: from the oldest, never from the end.
        let at = self.group(group, &Start::Oldest)?;
        let consumer = self.heard(at, consumer);
        let lanes = lanes(group);
        let turn = self.groups[at].turn;
        let mut handed = Vec::new();
        for n in 0..lanes.len() {
            let room = max - handed.len();
            if room == 0 {
                break;
            }
            let lane = lanes[(turn + n) % lanes.len()];
            self.hand_free(at, lane, consumer, room, &mut handed)?;
            if lane != INBOX {
                let room = max - handed.len();
                self.hand_new(at, lane, consumer, room, &mut handed)?;
            }
        }
        if !handed.is_empty() {
            self.groups[at].turn = (turn + 1) % lanes.len();
        }
        Ok(handed)
    }

    pub(super) fn take_over(
        &mut self,
        group: &Group,
        consumer: &ConsumerName,
        idle: Duration,
        max: usize,
    ) -> Result<Vec<Delivery>, LogError> {
        let at = self.group(group, &Start::Oldest)?;
        let consumer = self.heard(at, consumer);
        let idle = i64::try_from(idle.as_micros()).unwrap_or(i64::MAX);
        let since = self.now().saturating_sub(idle);
        let mut taken = Vec::new();
        for lane in lanes(group) {
            self.hand_free(at, lane, consumer, max - taken.len(), &mut taken)?;
            let silent = self.groups[at].lanes[lane]
                .as_ref()
                .map(|state| state.open.silent(consumer, since, max - taken.len()))
                .unwrap_or_default();
            for seq in silent {
                taken.extend(self.hand_again(at, lane, seq, consumer)?);
            }
        }
        Ok(taken)
    }

    fn hand_free(
        &mut self,
        group: usize,
        lane: usize,
        consumer: Consumer,
        max: usize,
        handed: &mut Vec<Delivery>,
    ) -> Result<(), LogError> {
        let free = self.groups[group].lanes[lane]
            .as_ref()
            .filter(|state| state.open.has_free())
            .map(|state| state.open.free(max))
            .unwrap_or_default();
        for seq in free {
            handed.extend(self.hand_again(group, lane, seq, consumer)?);
        }
        Ok(())
    }

    fn hand_new(
        &mut self,
        group: usize,
        lane: usize,
        consumer: Consumer,
        max: usize,
        handed: &mut Vec<Delivery>,
    ) -> Result<(), LogError> {
        let Some(Lane { bounds, .. }) = &self.groups[group].lanes[lane] else {
            return Ok(());
        };
        let (from, last) = (bounds.handed + 1, self.heads[lane].last);
        if from > last || max == 0 {
            return Ok(());
        }
        let until = last.min(bounds.handed.saturating_add(max as u64));
        let entries = self.entries(lane, from, until)?;
        let held = Held {
            by: consumer,
            since: self.now(),
        };
        self.bounds(group, lane, |bounds| bounds.handed = until);
        let mut expected = from;
        for (seq, entry) in entries {
            // A row that is not there was lost from the file: nobody will ever settle it.
            for lost in expected..seq {
                self.bounds(group, lane, |bounds| bounds.settle(lost));
            }
            expected = seq + 1;
            let pending = Pending {
                deliveries: 1,
                held: Some(held),
                retry: None,
                stored: false,
            };
            self.set(group, lane, seq, Some(pending));
            handed.push(Delivery {
                entry: self.position(lane, seq),
                inbox: false,
                channel: entry.channel,
                envelope: entry.envelope,
                deliveries: 1,
                retry: None,
            });
        }
        for lost in expected..=until {
            self.bounds(group, lane, |bounds| bounds.settle(lost));
        }
        Ok(())
    }

    /// Hands out an open entry once more.
    fn hand_again(
        &mut self,
        group: usize,
        lane: usize,
        seq: u64,
        consumer: Consumer,
    ) -> Result<Option<Delivery>, LogError> {
        let content = if lane == INBOX {
            self.inbox_entry(seq)?
        } else {
            self.entry(lane, seq)?
                .map(|entry| (self.tables[lane].stream, entry))
        };
        let Some((stream, entry)) = content else {
            self.close_entry(group, lane, seq)?;
            return Ok(None);
        };
        let Some(mut pending) = self.pending(group, lane, seq).cloned() else {
            return Ok(None);
        };
        pending.deliveries += 1;
        pending.stored = true;
        pending.held = Some(Held {
            by: consumer,
            since: self.now(),
        });
        self.write_pending(group, lane, seq, &pending)?;
        let delivery = Delivery {
            entry: Position {
                stream,
                id: EntryId { major: seq, minor: 0 },
            },
            inbox: lane == INBOX,
            channel: entry.channel,
            envelope: entry.envelope,
            deliveries: pending.deliveries,
            retry: pending.retry.clone(),
        };
        self.set(group, lane, seq, Some(pending));
        Ok(Some(delivery))
    }

    pub(super) fn write_pending(
        &mut self,
        group: usize,
        lane: usize,
        seq: u64,
        pending: &Pending,
    ) -> Result<(), LogError> {
        let (id, name) = (self.groups[group].id, self.lane_name(lane));
        let retry = pending.retry.as_deref();
        let micros =
            |time: Option<chrono::DateTime<chrono::Utc>>| time.map_or(0, |time| time.timestamp_micros());
        self.write()?
            .prepare_cached(
                "INSERT OR REPLACE INTO pending (grp, lane, seq, deliveries, attempts, first_failure, last_failure, error, \
                 due) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?
            .execute(params![
                id,
                name,
                seq,
                pending.deliveries,
                retry.map_or(0, |retry| retry.attempts),
                micros(retry.map(|retry| retry.first_failure)),
                micros(retry.map(|retry| retry.last_failure)),
                retry.map_or("", |retry| &retry.error),
                micros(retry.map(|retry| retry.due)),
            ])?;
        Ok(())
    }

    fn entry(&self, lane: usize, seq: u64) -> Result<Option<Entry>, LogError> {
        if let Some(entry) = self.ring.get(lane, seq) {
            return Ok(Some(entry.clone()));
        }
        let found = self
            .connection
            .prepare_cached(&self.tables[lane].one)?
            .query_row([seq], |row| Entry::read(row, 0))
            .optional()?;
        Ok(found)
    }

    /// The entries from `from` to `until`: all from memory, or all from the file.
    fn entries(&self, lane: usize, from: u64, until: u64) -> Result<Vec<(u64, Entry)>, LogError> {
        let remembered: Option<Vec<_>> = (from..=until)
            .map(|seq| Some((seq, self.ring.get(lane, seq)?.clone())))
            .collect();
        if let Some(entries) = remembered {
            return Ok(entries);
        }
        let mut rows = self.connection.prepare_cached(&self.tables[lane].after)?;
        let rows = rows.query_map(params![from - 1, until, until - from + 1], |row| {
            Ok((row.get(0)?, Entry::read(row, 1)?))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn inbox_entry(&self, id: u64) -> Result<Option<(Stream, Entry)>, LogError> {
        let found: Option<(String, Entry)> = self
            .connection
            .prepare_cached("SELECT stream, channel, envelope FROM inbox WHERE id = ?1")?
            .query_row([id], |row| Ok((row.get(0)?, Entry::read(row, 1)?)))
            .optional()?;
        found
            .map(|(stream, entry)| {
                let stream = stream.parse().map_err(|_| LogError::Unreadable("inbox"))?;
                Ok((stream, entry))
            })
            .transpose()
    }
}

/// Where a group's entries come from.
fn lanes(group: &Group) -> Vec<usize> {
    group
        .classes
        .iter()
        .flat_map(|class| class.streams())
        .map(super::log::stream_index)
        .chain([INBOX])
        .collect()
}

// === impl Entry ===

impl Entry {
    /// From two columns of a row, channel and envelope.
    pub(super) fn read(row: &rusqlite::Row<'_>, at: usize) -> rusqlite::Result<Self> {
        Ok(Self {
            channel: row.get_ref(at)?.as_str()?.into(),
            envelope: Arc::from(row.get_ref(at + 1)?.as_str()?),
        })
    }
}

// === impl Pending ===

impl Pending {
    /// Not handed out yet, as everything is that comes to an inbox.
    pub(super) fn new() -> Self {
        Self {
            deliveries: 0,
            held: None,
            retry: None,
            stored: false,
        }
    }
}
