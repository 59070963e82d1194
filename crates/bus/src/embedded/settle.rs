//! Settling what was handed out.

use super::error::LogError;
use super::lane::{Consumer, Held};
use super::log::{INBOX, Log};
use crate::engine::{DeadReason, Delivery, Failure, Group, Retry, Settlement, Start};
use crate::place::{ConsumerName, Position};
use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension, params};

/// What is kept of an error's text.
const MOST_ERROR: usize = 2048;

impl Log {
    pub(super) fn settle(
        &mut self,
        group: &Group,
        consumer: &ConsumerName,
        settlements: &[(Delivery, Settlement)],
    ) -> Result<Vec<bool>, LogError> {
        let at = self.group(group, &Start::Oldest)?;
        let by = self.heard(at, consumer);
        settlements
            .iter()
            .map(|(delivery, settlement)| self.settle_one(at, consumer, by, delivery, settlement))
            .collect()
    }

    fn settle_one(
        &mut self,
        group: usize,
        consumer: &ConsumerName,
        by: Consumer,
        delivery: &Delivery,
        settlement: &Settlement,
    ) -> Result<bool, LogError> {
        let lane = if delivery.inbox {
            INBOX
        } else {
            self.stream(delivery.entry.stream)
        };
        let seq = delivery.entry.id.major;
        let Some(pending) = self.pending(group, lane, seq) else {
            return Ok(false);
        };
        if matches!(settlement, Settlement::Ack) {
            // Whoever holds it now: it was handled.
            self.close_entry(group, lane, seq)?;
            return Ok(true);
        }
        if pending.held.is_none_or(|held| held.by != by) {
            return Ok(false);
        }
        let mut pending = pending.clone();
        match settlement {
            Settlement::Ack => {}
            Settlement::Retry { failure, due } => {
                pending.held = Some(Held {
                    by,
                    since: self.now(),
                });
                let again = pending
                    .retry
                    .as_deref()
                    .is_some_and(|known| is_told_again(known, failure, *due));
                if !again {
                    pending.retry = Some(Box::new(failed(pending.retry.as_deref(), failure, *due)));
                }
                pending.stored = true;
                self.write_pending(group, lane, seq, &pending)?;
                self.set(group, lane, seq, Some(pending));
            }
            Settlement::Dead { failure, reason } => {
                let record = failed(pending.retry.as_deref(), failure, failure.at);
                self.bury(group, lane, consumer, delivery, &record, *reason)?;
                self.close_entry(group, lane, seq)?;
            }
            Settlement::Renew => {
                pending.held = Some(Held {
                    by,
                    since: self.now(),
                });
                self.set(group, lane, seq, Some(pending));
            }
            Settlement::Release => {
                pending.held = None;
                pending.deliveries = pending.deliveries.saturating_sub(1);
                // Without a row of its own it would count as handed out once when the log is opened again.
                pending.stored = true;
                self.write_pending(group, lane, seq, &pending)?;
                self.set(group, lane, seq, Some(pending));
            }
        }
        Ok(true)
    }

    fn bury(
        &mut self,
        group: usize,
        lane: usize,
        consumer: &ConsumerName,
        delivery: &Delivery,
        record: &Retry,
        reason: DeadReason,
    ) -> Result<(), LogError> {
        // Of a replayed event the letter names where it lay first: an inbox's numbers mean nothing once it is settled.
        let (stream, seq) = if lane == INBOX {
            self.origin(delivery.entry)?
        } else {
            (delivery.entry.stream.to_string(), delivery.entry.id.major)
        };
        let name = self.groups[group].name.clone();
        self.write()?
            .prepare_cached(
                "INSERT INTO dead (grp, consumer, stream, seq, channel, envelope, reason, attempts, first_failure, \
                 last_failure, error) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            )?
            .execute(params![
                name.as_str(),
                consumer.as_str(),
                stream,
                seq,
                delivery.channel.as_str(),
                &*delivery.envelope,
                reason.as_str(),
                record.attempts,
                record.first_failure.timestamp_micros(),
                record.last_failure.timestamp_micros(),
                record.error,
            ])?;
        Ok(())
    }

    fn origin(&self, entry: Position) -> Result<(String, u64), LogError> {
        let found = self
            .connection
            .prepare_cached("SELECT stream, seq FROM inbox WHERE id = ?1")?
            .query_row([entry.id.major], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        Ok(found.unwrap_or_else(|| (entry.stream.to_string(), 0)))
    }

    /// Whether the consumer holds nothing of this group, and so may go.
    pub(super) fn holds_nothing(&mut self, group: &Group, consumer: &ConsumerName) -> Result<bool, LogError> {
        let at = self.group(group, &Start::Oldest)?;
        let consumer = self.consumer(consumer);
        let mut lanes = self.groups[at].lanes.iter().flatten();
        let nothing = !lanes.any(|lane| lane.open.holds(consumer));
        if nothing {
            self.groups[at].heard.remove(&consumer);
        }
        Ok(nothing)
    }
}

/// Whether it is the failure that the record ends with, told again because our first answer was lost. The record may
/// have been read from the file since, which has microseconds.
fn is_told_again(known: &Retry, failure: &Failure, due: DateTime<Utc>) -> bool {
    known.last_failure.timestamp_micros() == failure.at.timestamp_micros()
        && known.due.timestamp_micros() == due.timestamp_micros()
        && known.error == shortened(&failure.error)
}

fn shortened(error: &str) -> &str {
    &error[..error.floor_char_boundary(MOST_ERROR)]
}

/// The record after one more failure.
fn failed(before: Option<&Retry>, failure: &Failure, due: DateTime<Utc>) -> Retry {
    Retry {
        attempts: before.map_or(0, |retry| retry.attempts).saturating_add(1),
        first_failure: before.map_or(failure.at, |retry| retry.first_failure),
        last_failure: failure.at,
        error: shortened(&failure.error).to_owned(),
        due,
    }
}
