//! Looking back, beside the writer.

use super::error::LogError;
use super::file::{Place, table};
use super::load::time;
use super::log::place_at;
use super::replay::number;
use super::ring::Entry;
use super::settle::{reason_name, reason_of};
use crate::engine::{DeadFilter, DeadId, DeadLetter, EngineError, Stored};
use crate::place::{ConsumerName, EntryId, GroupName, Position, Stream};
use chrono::{DateTime, Utc};
use compact_str::ToCompactString;
use rusqlite::{Connection, Row, params};
use std::sync::{Mutex, PoisonError};

/// Connections that only read, made when they are needed.
pub(super) struct Readers {
    place: Place,
    idle: Mutex<Vec<Connection>>,
}

/// What is asked of the file.
#[derive(Debug, Clone)]
pub(super) enum Look {
    Range {
        stream: Stream,
        after: u64,
        until: u64,
        max: usize,
    },
    PlaceAt {
        stream: Stream,
        first: u64,
        last: u64,
        at: DateTime<Utc>,
    },
    Dead {
        filter: DeadFilter,
        after: Option<DeadId>,
        max: usize,
    },
}

/// And what it answers.
pub(super) enum Seen {
    Entries(Vec<Stored>),
    Place(u64),
    Letters(Vec<DeadLetter>),
}

// === impl Readers ===

impl Readers {
    pub(super) fn new(place: Place) -> Self {
        Self {
            place,
            idle: Mutex::new(Vec::new()),
        }
    }

    /// Blocks.
    pub(super) fn look(&self, look: &Look) -> Result<Seen, EngineError> {
        let idle = self.lock().pop();
        let connection = match idle {
            Some(idle) => idle,
            None => self.place.connect(false).map_err(LogError::from)?,
        };
        let seen = look.at(&connection)?;
        self.lock().push(connection);
        Ok(seen)
    }

    pub(super) fn close(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Look ===

impl Look {
    pub(super) fn at(&self, connection: &Connection) -> Result<Seen, LogError> {
        Ok(match self {
            Self::Range {
                stream,
                after,
                until,
                max,
            } => Seen::Entries(range(connection, *stream, *after, *until, *max)?),
            Self::PlaceAt {
                stream,
                first,
                last,
                at,
            } => Seen::Place(place_at(connection, &table(*stream), *first, *last, *at)?),
            Self::Dead { filter, after, max } => {
                Seen::Letters(dead(connection, filter, after.as_ref(), *max)?)
            }
        })
    }
}

fn range(
    connection: &Connection,
    stream: Stream,
    after: u64,
    until: u64,
    max: usize,
) -> rusqlite::Result<Vec<Stored>> {
    let mut rows = connection.prepare_cached(&format!(
        "SELECT seq, channel, envelope FROM {} WHERE seq > ?1 AND seq <= ?2 ORDER BY seq LIMIT ?3",
        table(stream)
    ))?;
    let most = i64::try_from(max).unwrap_or(i64::MAX);
    let rows = rows.query_map(params![clamped(after), clamped(until), most], |row| {
        let Entry { channel, envelope } = Entry::read(row, 1)?;
        Ok(Stored {
            position: Position {
                stream,
                id: EntryId {
                    major: row.get(0)?,
                    minor: 0,
                },
            },
            channel,
            envelope,
        })
    })?;
    rows.collect()
}

/// Numbers of entries fit; what is asked for may be anything.
fn clamped(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn dead(
    connection: &Connection,
    filter: &DeadFilter,
    after: Option<&DeadId>,
    max: usize,
) -> Result<Vec<DeadLetter>, LogError> {
    let after = match after {
        None => 0,
        // After a letter that is none of ours comes nothing.
        Some(id) => number(id).unwrap_or(i64::MAX),
    };
    let mut rows = connection.prepare_cached(
        "SELECT id, grp, consumer, stream, seq, channel, envelope, reason, attempts, first_failure, last_failure, error \
         FROM dead WHERE id > ?1 AND (?2 IS NULL OR grp = ?2) AND (?3 IS NULL OR channel = ?3) \
         AND (?4 IS NULL OR reason = ?4) AND (?5 IS NULL OR last_failure < ?5) ORDER BY id LIMIT ?6",
    )?;
    let mut rows = rows.query(params![
        after,
        filter.group.as_ref().map(GroupName::as_str),
        filter.channel.as_deref(),
        filter.reason.map(reason_name),
        filter.before.map(|before| before.timestamp_micros()),
        i64::try_from(max).unwrap_or(i64::MAX)
    ])?;
    let mut letters = Vec::new();
    while let Some(row) = rows.next()? {
        letters.push(letter(row)?);
    }
    Ok(letters)
}

fn letter(row: &Row<'_>) -> Result<DeadLetter, LogError> {
    let unreadable = || LogError::Unreadable("dead");
    let Entry { channel, envelope } = Entry::read(row, 5)?;
    Ok(DeadLetter {
        id: DeadId(row.get::<_, i64>(0)?.to_compact_string()),
        group: GroupName::new(row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?)
            .map_err(|_| unreadable())?,
        consumer: ConsumerName::new(row.get_ref(2)?.as_str().map_err(rusqlite::Error::from)?)
            .map_err(|_| unreadable())?,
        entry: Position {
            stream: row.get::<_, String>(3)?.parse().map_err(|_| unreadable())?,
            id: EntryId {
                major: row.get(4)?,
                minor: 0,
            },
        },
        channel,
        envelope,
        reason: reason_of(&row.get::<_, String>(7)?).ok_or_else(unreadable)?,
        attempts: row.get(8)?,
        first_failure: time(row.get(9)?)?,
        last_failure: time(row.get(10)?)?,
        error: row.get(11)?,
    })
}
