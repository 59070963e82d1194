//! The file: how it is made, checked and opened.

use super::Options;
use super::claim::Claim;
use super::error::OpenError;
use crate::place::Stream;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::path::{Path, PathBuf};

/// How much of what was acknowledged survives what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// The machine's death: each commit waits for the disk. Acknowledgements alone do not: at worst they are asked for again.
    Full,
    /// The process's death. When the machine dies, the last moments may be lost, but nothing is torn.
    Normal,
    /// Nothing: the log lies in memory and ends with its last handle. For tests.
    Memory,
}

/// "LDEV": an event log of LOCKDOWN.
const APPLICATION_ID: i64 = 0x4c44_4556;
/// 2 added what entries are about, marks and boards; 3 tallies.
const FORMAT: i64 = 3;
/// What the WAL is cut back to when it could be emptied.
const WAL_KEPT: u64 = 16 << 20;

/// Where connections come from.
#[derive(Debug, Clone)]
pub(super) struct Place {
    path: PathBuf,
    options: Options,
}

/// The name of the table of a stream. Each has one, since entries are then always added at the end of a tree.
pub(super) fn table(stream: Stream) -> String {
    format!("log_{}_{}", stream.class.as_str(), stream.partition)
}

// === impl Place ===

impl Place {
    pub(super) fn new(path: &Path, options: &Options) -> Self {
        Self {
            path: path.to_owned(),
            options: *options,
        }
    }

    pub(super) fn in_memory(&self) -> bool {
        self.options.durability == Durability::Memory
    }

    /// How much of the newest entries is kept in memory.
    pub(super) fn newest_bytes(&self) -> usize {
        self.options.newest_bytes
    }

    pub(super) fn full(&self) -> bool {
        self.options.durability == Durability::Full
    }

    /// Makes or checks the log and opens the connection that writes, with what must be held as long as it is used.
    pub(super) fn open(&self, identity: &str) -> Result<(Connection, Option<Claim>), OpenError> {
        if self.in_memory() {
            let connection = Connection::open_in_memory().map_err(|source| self.failed(source))?;
            self.prepare(&connection)?;
            self.create(&connection, identity)?;
            return Ok((connection, None));
        }
        if let Some(directory) = self.path.parent() {
            std::fs::create_dir_all(directory).map_err(|source| OpenError::Directory {
                path: directory.to_owned(),
                source,
            })?;
        }
        let mut claim = Claim::take(&self.path)?;
        let there = std::fs::metadata(&self.path).is_ok_and(|file| file.len() > 0);
        if !there && claim.identity().is_some() {
            return Err(OpenError::Lost {
                log: self.path.clone(),
                lock: claim.path().to_owned(),
            });
        }
        let connection = Connection::open(&self.path).map_err(|source| self.failed(source))?;
        if there {
            self.check(&connection)?;
        }
        self.prepare(&connection)?;
        let found = if there { self.identity(&connection)? } else { None };
        let identity = if let Some(found) = found {
            if claim.identity().is_some_and(|known| known != found) {
                return Err(OpenError::Replaced {
                    log: self.path.clone(),
                    lock: claim.path().to_owned(),
                });
            }
            self.upgrade(&connection)?;
            found
        } else {
            self.create(&connection, identity)?;
            identity.to_owned()
        };
        claim.sign(&identity)?;
        Ok((connection, Some(claim)))
    }

    /// A further connection: to read, or to bring the WAL home.
    pub(super) fn connect(&self, write: bool) -> rusqlite::Result<Connection> {
        let access = if write {
            OpenFlags::SQLITE_OPEN_READ_WRITE
        } else {
            OpenFlags::SQLITE_OPEN_READ_ONLY
        };
        let connection = Connection::open_with_flags(&self.path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        connection.busy_timeout(std::time::Duration::from_secs(5))?;
        connection.pragma_update(None, "synchronous", self.synchronous())?;
        connection.set_prepared_statement_cache_capacity(64);
        Ok(connection)
    }

    /// Whether this is an event log, whole and of a known format. A log that was never finished has none of the marks.
    fn check(&self, connection: &Connection) -> Result<(), OpenError> {
        let number = |name| {
            connection
                .pragma_query_value(None, name, |row| row.get::<_, i64>(0))
                .map_err(|source| self.failed(source))
        };
        let (application, format) = (number("application_id")?, number("user_version")?);
        if application != APPLICATION_ID {
            let tables: i64 = connection
                .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
                .map_err(|source| self.failed(source))?;
            if application == 0 && tables == 0 {
                return Ok(());
            }
            return Err(OpenError::Foreign {
                log: self.path.clone(),
            });
        }
        if format > FORMAT {
            return Err(OpenError::Newer {
                log: self.path.clone(),
                found: format,
                known: FORMAT,
            });
        }
        let damage: String = connection
            .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
            .map_err(|source| self.failed(source))?;
        if damage != "ok" {
            return Err(self.damaged(damage));
        }
        Ok(())
    }

    fn prepare(&self, connection: &Connection) -> Result<(), OpenError> {
        let set = || {
            connection.busy_timeout(std::time::Duration::from_secs(5))?;
            if !self.in_memory() {
                connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
                // Another connection brings the WAL home, so that no commit has to.
                connection.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(()))?;
                connection.pragma_update_and_check(None, "journal_size_limit", WAL_KEPT, |_| Ok(()))?;
            }
            connection.pragma_update(None, "synchronous", self.synchronous())?;
            // Of its pages it keeps half as much as of the entries themselves, in KiB.
            let pages = i64::try_from(self.options.newest_bytes >> 11).unwrap_or(i64::MAX);
            connection.pragma_update(None, "cache_size", -pages.max(1))?;
            if let Some(most) = self.options.most_bytes {
                let page: u64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
                connection
                    .pragma_update_and_check(None, "max_page_count", (most / page).max(1), |_| Ok(()))?;
            }
            connection.set_prepared_statement_cache_capacity(128);
            Ok(())
        };
        set().map_err(|source| self.failed(source))
    }

    /// `None` where the log's making was cut off before it was finished.
    fn identity(&self, connection: &Connection) -> Result<Option<String>, OpenError> {
        let made = connection
            .table_exists(None, "meta")
            .map_err(|source| self.failed(source))?;
        if !made {
            return Ok(None);
        }
        connection
            .query_row("SELECT identity FROM meta", [], |row| row.get(0))
            .map(Some)
            .map_err(|source| self.failed(source))
    }

    fn create(&self, connection: &Connection, identity: &str) -> Result<(), OpenError> {
        let make = || {
            connection.execute_batch("BEGIN IMMEDIATE")?;
            connection.pragma_update(None, "application_id", APPLICATION_ID)?;
            connection.pragma_update(None, "user_version", FORMAT)?;
            connection.execute_batch(include_str!("schema.sql"))?;
            for stream in Stream::all() {
                connection.execute_batch(&format!(
                    "CREATE TABLE {} (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, channel TEXT NOT NULL, key TEXT NOT \
                     NULL, event_id BLOB NOT NULL, envelope TEXT NOT NULL) STRICT",
                    table(stream)
                ))?;
            }
            connection.execute("INSERT INTO meta (identity) VALUES (?1)", [identity])?;
            connection.execute_batch("COMMIT")
        };
        make().map_err(|source| self.failed(source))
    }

    /// Gives a log of an older format what it lacks, all of it or nothing.
    fn upgrade(&self, connection: &Connection) -> Result<(), OpenError> {
        let bring = || {
            let format: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
            if format == FORMAT {
                return Ok(());
            }
            connection.execute_batch("BEGIN IMMEDIATE")?;
            connection.execute_batch(include_str!("schema.sql"))?;
            connection.pragma_update(None, "user_version", FORMAT)?;
            connection.execute_batch("COMMIT")?;
            tracing::info!(
                log = %self.path.display(),
                "Brought the event log from format {format} to {FORMAT}"
            );
            Ok(())
        };
        bring().map_err(|source| self.failed(source))
    }

    fn synchronous(&self) -> &'static str {
        match self.options.durability {
            Durability::Full => "FULL",
            Durability::Normal => "NORMAL",
            Durability::Memory => "OFF",
        }
    }

    pub(super) fn damaged(&self, damage: String) -> OpenError {
        OpenError::Damaged {
            log: self.path.clone(),
            damage,
        }
    }

    pub(super) fn failed(&self, source: rusqlite::Error) -> OpenError {
        match source.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => OpenError::Foreign {
                log: self.path.clone(),
            },
            Some(ErrorCode::DatabaseCorrupt) => self.damaged(source.to_string()),
            _ => OpenError::Sqlite {
                log: self.path.clone(),
                source,
            },
        }
    }
}
