//! Reading the groups back when the log is opened.
//!
//! Every consumer of before is gone. What was handed out and not settled is free again, with its attempts.

use super::error::LogError;
use super::lane::{Bounds, Lane, Pending};
use super::log::{GroupState, Head, INBOX, Log};
use super::ranges::Ranges;
use crate::engine::Retry;
use crate::place::{GroupName, Stream};
use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension, Row};
use std::collections::HashMap;

/// What the rows of `pending` say, by group, lane and number.
type Known = HashMap<(i64, usize, u64), Pending>;

pub(super) fn load(log: &mut Log) -> Result<(), LogError> {
    heads(log)?;
    let mut known = pending(log)?;
    log.groups = groups(log, &mut known)?;
    Ok(())
}

fn heads(log: &mut Log) -> Result<(), LogError> {
    for table in &log.tables {
        let bound = |bound: &str| {
            log.connection.query_row(
                &format!("SELECT {bound}(seq), at FROM {}", table.name),
                [],
                |row| Ok((row.get::<_, Option<u64>>(0)?, row.get::<_, Option<i64>>(1)?)),
            )
        };
        let ((min, _), (max, at)) = (bound("min")?, bound("max")?);
        let trimmed: Option<(u64, u64)> = log
            .connection
            .query_row(
                "SELECT first, last FROM streams WHERE stream = ?1",
                [table.stream.to_string()],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .optional()?;
        let (first, last) = trimmed.unwrap_or((1, 0));
        let last = max.unwrap_or(0).max(last);
        log.newest = log.newest.max(at.unwrap_or(0));
        log.heads.push(Head {
            first,
            last,
            swept: min.map_or(last, |min| min - 1),
        });
    }
    Ok(())
}

fn pending(log: &Log) -> Result<Known, LogError> {
    let mut rows = log.connection.prepare(
        "SELECT grp, lane, seq, deliveries, attempts, first_failure, last_failure, error, due FROM pending",
    )?;
    let mut rows = rows.query([])?;
    let mut known = Known::new();
    while let Some(row) = rows.next()? {
        let lane: String = row.get(1)?;
        let lane = match lane.as_str() {
            "inbox" => INBOX,
            stream => log.stream(stream.parse().map_err(|_| LogError::Unreadable("pending"))?),
        };
        let pending = Pending {
            deliveries: row.get(3)?,
            held: None,
            retry: retry(row)?,
            stored: true,
        };
        known.insert((row.get(0)?, lane, row.get(2)?), pending);
    }
    Ok(known)
}

fn retry(row: &Row<'_>) -> Result<Option<Box<Retry>>, LogError> {
    let attempts: u32 = row.get(4)?;
    if attempts == 0 {
        return Ok(None);
    }
    Ok(Some(Box::new(Retry {
        attempts,
        first_failure: time(row.get(5)?)?,
        last_failure: time(row.get(6)?)?,
        error: row.get(7)?,
        due: time(row.get(8)?)?,
    })))
}

pub(super) fn time(micros: i64) -> Result<DateTime<Utc>, LogError> {
    DateTime::from_timestamp_micros(micros).ok_or(LogError::Unreadable("time"))
}

fn groups(log: &Log, known: &mut Known) -> Result<Vec<GroupState>, LogError> {
    let mut groups = Vec::new();
    let mut rows = log
        .connection
        .prepare("SELECT id, name FROM groups ORDER BY id")?;
    let mut rows = rows.query([])?;
    while let Some(row) = rows.next()? {
        let name: String = row.get(1)?;
        let name = GroupName::new(&name).map_err(|_| LogError::Unreadable("groups"))?;
        let mut group = GroupState::new(row.get(0)?, name);
        lanes(log, &mut group, known)?;
        inbox(log, &mut group, known)?;
        groups.push(group);
    }
    Ok(groups)
}

fn lanes(log: &Log, group: &mut GroupState, known: &mut Known) -> Result<(), LogError> {
    let mut rows = log
        .connection
        .prepare_cached("SELECT stream, floor, handed, settled FROM lanes WHERE grp = ?1")?;
    let mut rows = rows.query([group.id])?;
    while let Some(row) = rows.next()? {
        let stream: String = row.get(0)?;
        let stream: Stream = stream.parse().map_err(|_| LogError::Unreadable("lanes"))?;
        let at = log.stream(stream);
        let settled: Vec<u8> = row.get(3)?;
        let bounds = Bounds {
            floor: row.get(1)?,
            handed: row.get(2)?,
            settled: Ranges::decode(&settled).map_err(|_| LogError::Unreadable("lanes"))?,
        };
        let mut lane = Lane::default();
        for seq in bounds.settled.gaps(bounds.floor + 1..=bounds.handed).flatten() {
            let pending = known.remove(&(group.id, at, seq)).unwrap_or(Pending {
                deliveries: 1,
                held: None,
                retry: None,
                stored: false,
            });
            lane.open.set(seq, Some(pending));
        }
        lane.bounds = bounds;
        group.lanes[at] = Some(lane);
    }
    Ok(())
}

fn inbox(log: &Log, group: &mut GroupState, known: &mut Known) -> Result<(), LogError> {
    let mut rows = log
        .connection
        .prepare_cached("SELECT id FROM inbox WHERE grp = ?1")?;
    let mut rows = rows.query([group.id])?;
    let mut lane = Lane::default();
    while let Some(row) = rows.next()? {
        let id: u64 = row.get(0)?;
        let pending = known.remove(&(group.id, INBOX, id)).unwrap_or_else(Pending::new);
        lane.open.set(id, Some(pending));
    }
    group.lanes[INBOX] = Some(lane);
    Ok(())
}
