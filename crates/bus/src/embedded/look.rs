//! Looking back, beside the writer.

use super::error::LogError;
use super::file::{Place, table};
use super::load::time;
use super::log::place_at;
use super::replay::number;
use super::ring::Entry;
use crate::engine::{DeadFilter, DeadId, DeadLetter, DeadReason, EngineError, Stored};
use crate::place::{ConsumerName, EntryId, GroupName, Position, Stream};
use chrono::{DateTime, Utc};
use compact_str::ToCompactString;
use rusqlite::{Connection, Row, Rows, params};
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
    About {
        stream: Stream,
        name: String,
        after: u64,
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
            Self::About {
                stream,
                name,
                after,
                max,
            } => Seen::Entries(about(connection, *stream, name, *after, *max)?),
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
) -> Result<Vec<Stored>, LogError> {
    let mut rows = connection.prepare_cached(&format!(
        "SELECT seq, channel, envelope, at FROM {} WHERE seq > ?1 AND seq <= ?2 ORDER BY seq LIMIT ?3",
        table(stream)
    ))?;
    let most = i64::try_from(max).unwrap_or(i64::MAX);
    stored(stream, rows.query(params![clamped(after), clamped(until), most])?)
}

fn about(
    connection: &Connection,
    stream: Stream,
    name: &str,
    after: u64,
    max: usize,
) -> Result<Vec<Stored>, LogError> {
    let mut rows = connection.prepare_cached(&about_query(stream))?;
    let most = i64::try_from(max).unwrap_or(i64::MAX);
    let stream_name = stream.to_string();
    stored(
        stream,
        rows.query(params![name, stream_name, clamped(after), most])?,
    )
}

fn about_query(stream: Stream) -> String {
    format!(
        "SELECT log.seq, log.channel, log.envelope, log.at FROM about JOIN {} AS log ON log.seq = about.seq \
         WHERE about.name = ?1 AND about.stream = ?2 AND about.seq > ?3 ORDER BY about.seq LIMIT ?4",
        table(stream)
    )
}

/// Entries from rows of number, channel, envelope and time.
fn stored(stream: Stream, mut rows: Rows<'_>) -> Result<Vec<Stored>, LogError> {
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let Entry { channel, envelope } = Entry::read(row, 1)?;
        found.push(Stored {
            position: Position {
                stream,
                id: EntryId {
                    major: row.get(0)?,
                    minor: 0,
                },
            },
            at: time(row.get(3)?)?,
            channel,
            envelope,
        });
    }
    Ok(found)
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
        filter.reason.map(DeadReason::as_str),
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
        reason: DeadReason::named(&row.get::<_, String>(7)?).ok_or_else(unreadable)?,
        attempts: row.get(8)?,
        first_failure: time(row.get(9)?)?,
        last_failure: time(row.get(10)?)?,
        error: row.get(11)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::Class;

    #[test]
    fn what_is_about_something_is_found_by_its_index() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(include_str!("schema.sql")).unwrap();
        let stream = Class::Moderation.streams().next().unwrap();
        let table = table(stream);
        connection
            .execute_batch(&format!(
                "CREATE TABLE {table} (seq INTEGER PRIMARY KEY, at INTEGER, channel TEXT, envelope TEXT)"
            ))
            .unwrap();
        let mut plan = connection
            .prepare(&format!("EXPLAIN QUERY PLAN {}", about_query(stream)))
            .unwrap();
        let steps: Vec<String> = plan
            .query_map(params!["case:discord:1:7", stream.to_string(), 0, 10], |row| {
                row.get("detail")
            })
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert_eq!(steps.len(), 2, "{steps:?}");
        assert!(
            steps[0].starts_with("SEARCH about USING PRIMARY KEY (name=? AND stream=? AND seq>?)"),
            "{steps:?}"
        );
        assert!(
            steps[1].starts_with("SEARCH log USING INTEGER PRIMARY KEY"),
            "{steps:?}"
        );
    }
}
