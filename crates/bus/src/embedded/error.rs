//! What can go wrong with the file, and what to do about it.

use crate::engine::EngineError;
use rusqlite::ErrorCode;
use std::path::PathBuf;
use std::sync::Arc;

/// Why the log cannot be opened. Nothing was changed or emptied.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("cannot create the directory of the event log `{}`", path.display())]
    Directory { path: PathBuf, source: std::io::Error },
    #[error("cannot use the lock file `{}`", path.display())]
    Lock { path: PathBuf, source: std::io::Error },
    #[error(
        "the event log `{}` is in use by process {holder}: one process at a time; stop that one, or give this one a \
         data directory of its own",
        log.display()
    )]
    InUse { log: PathBuf, holder: String },
    #[error(
        "the event log `{}` is gone or empty, but `{}` says that there was one: restore it from a backup; or, to give up \
         every event in it, remove `{}`",
        log.display(), lock.display(), lock.display()
    )]
    Lost { log: PathBuf, lock: PathBuf },
    #[error(
        "`{}` is another event log than the one that was here: put that one back; or, to use this one, remove `{}`",
        log.display(), lock.display()
    )]
    Replaced { log: PathBuf, lock: PathBuf },
    #[error("`{}` is not an event log: move it away, or name another path", log.display())]
    Foreign { log: PathBuf },
    #[error(
        "the event log `{}` was written by a newer LOCKDOWN (format {found}, this one knows {known}): start that one",
        log.display()
    )]
    Newer { log: PathBuf, found: i64, known: i64 },
    #[error(
        "the event log `{}` is damaged ({damage}): stop here, keep a copy of it and of the `-wal` file beside it, then \
         restore a backup, or save what can be read with `sqlite3 {} .recover`",
        log.display(), log.display()
    )]
    Damaged { log: PathBuf, damage: String },
    #[error("cannot open the event log `{}`", log.display())]
    Sqlite { log: PathBuf, source: rusqlite::Error },
    #[error("the check of the event log broke")]
    Broken(#[source] tokio::task::JoinError),
    #[error("cannot start a thread for the event log")]
    Thread(#[source] std::io::Error),
}

/// Why a transaction came to nothing. Shared by all who were part of it.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum LogError {
    #[error("the event log's file cannot be used")]
    Sqlite(#[source] Arc<rusqlite::Error>),
    #[error("the event log holds something unreadable in `{0}`")]
    Unreadable(&'static str),
}

/// An envelope larger than any event.
#[derive(Debug, thiserror::Error)]
#[error("an envelope of {bytes} bytes is more than the {limit} that the log takes")]
pub(super) struct TooLarge {
    pub(super) bytes: usize,
    pub(super) limit: usize,
}

// === impl LogError ===

impl From<rusqlite::Error> for LogError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(Arc::new(error))
    }
}

impl From<LogError> for EngineError {
    fn from(error: LogError) -> Self {
        let code = match &error {
            LogError::Sqlite(source) => source.sqlite_error_code(),
            LogError::Unreadable(_) => Some(ErrorCode::DatabaseCorrupt),
        };
        match code {
            Some(ErrorCode::DiskFull) => Self::Full(Box::new(error)),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::TooBig) => {
                Self::Refused(Box::new(error))
            }
            _ => Self::Away(Box::new(error)),
        }
    }
}
