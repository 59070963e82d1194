//! Why the store did not do what was asked.

use sqlx::error::ErrorKind;

/// What a caller can act on, and the step that failed. "Not found" is no error: it is `Ok(None)`.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached. Nothing is known about what was asked for, least of all that it is not there.
    #[error("the database cannot be reached")]
    Unavailable(#[source] sqlx::Error),
    /// The connection went while a transaction was being committed. Ask again with the same idempotency key.
    #[error("the database went away during a commit, which may have happened or not")]
    CommitUnknown(#[source] sqlx::Error),
    /// Others were in the way. The transaction is tried again by `in_tx!`.
    #[error("another transaction was in the way")]
    Contended(#[source] sqlx::Error),
    #[error("a statement took longer than it may")]
    TooSlow(#[source] sqlx::Error),
    /// There is one already.
    #[error("there is already a row like this one ({constraint})")]
    Duplicate { constraint: String, source: sqlx::Error },
    /// It refers to what is not there, or breaks a rule of the schema.
    #[error("the database refused a row")]
    Refused(#[source] sqlx::Error),
    #[error("could not read the column `{column}`")]
    Row { column: String, source: sqlx::Error },
    #[error("`{statement}` found no row where there must be one")]
    Missing { statement: &'static str },
    #[error("could not run `{statement}`")]
    Statement {
        statement: &'static str,
        source: sqlx::Error,
    },
}

/// Whether doing the same once more may work: for the errors of those who use `in_tx!`.
pub trait Retry {
    fn is_transient(&self) -> bool;
}

// === impl StoreError ===

impl StoreError {
    /// Sorts what a driver says by what can be done about it.
    pub(crate) fn of(statement: &'static str, source: sqlx::Error) -> Self {
        if let sqlx::Error::Database(error) = &source {
            let code = error.code().unwrap_or_default().into_owned();
            match Class::of(&code) {
                Class::Away => return Self::Unavailable(source),
                Class::Contended => return Self::Contended(source),
                Class::TooSlow => return Self::TooSlow(source),
                Class::Other => {}
            }
            return match error.kind() {
                ErrorKind::UniqueViolation => Self::Duplicate {
                    // Postgres names the constraint, SQLite the columns.
                    constraint: error.constraint().unwrap_or(error.message()).to_owned(),
                    source,
                },
                ErrorKind::Other => Self::Statement { statement, source },
                _ => Self::Refused(source),
            };
        }
        if is_loss(&source) {
            Self::Unavailable(source)
        } else {
            Self::Statement { statement, source }
        }
    }

    pub(crate) fn row(column: &str, source: sqlx::Error) -> Self {
        Self::Row {
            column: column.to_owned(),
            source,
        }
    }

    /// Whether the database was away, so that nothing is known.
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::CommitUnknown(_))
    }

    /// Whether the same may go well later, for those who can wait: nothing is wrong with what was asked.
    pub fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Unavailable(_) | Self::CommitUnknown(_) | Self::Contended(_) | Self::TooSlow(_)
        )
    }
}

impl Retry for StoreError {
    fn is_transient(&self) -> bool {
        matches!(self, Self::Contended(_) | Self::Unavailable(_))
    }
}

enum Class {
    Away,
    Contended,
    TooSlow,
    Other,
}

// === impl Class ===

impl Class {
    /// Of an SQLSTATE, which has five characters, or of SQLite's extended result code, whose low byte is the kind.
    fn of(code: &str) -> Self {
        match code {
            // Connection exceptions, shutdowns, no connection left, a session that idled too long in a transaction.
            "57P01" | "57P02" | "57P03" | "53300" | "25P03" => return Self::Away,
            "40001" | "40P01" | "55P03" => return Self::Contended,
            "57014" => return Self::TooSlow,
            code if code.len() == 5 && code.starts_with("08") => return Self::Away,
            _ => {}
        }
        if code.len() == 5 {
            return Self::Other;
        }
        match code.parse::<u32>().map(|code| code & 0xff) {
            // BUSY and LOCKED.
            Ok(5 | 6) => Self::Contended,
            // IOERR, FULL, CANTOPEN.
            Ok(10 | 13 | 14) => Self::Away,
            // INTERRUPT.
            Ok(9) => Self::TooSlow,
            _ => Self::Other,
        }
    }
}

fn is_loss(error: &sqlx::Error) -> bool {
    matches!(
        error,
        sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::BeginFailed
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_slow_or_in_the_way_is_no_fault_of_what_was_asked() {
        let source = || sqlx::Error::PoolClosed;
        for passing in [
            StoreError::Unavailable(source()),
            StoreError::CommitUnknown(source()),
            StoreError::Contended(source()),
            StoreError::TooSlow(source()),
        ] {
            assert!(passing.is_passing(), "{passing:?}");
        }
        let lasting = [
            StoreError::Refused(source()),
            StoreError::Missing { statement: "test" },
        ];
        assert!(!lasting.iter().any(StoreError::is_passing));
    }
}
