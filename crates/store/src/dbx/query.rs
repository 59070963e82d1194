//! One statement on its way to the engine, and the rows that come back.

use super::conn::{Conn, Raw};
use super::sql::Sql;
use super::value::{Args, Bind, Field};
use crate::error::StoreError;
use sqlx::error::BoxDynError;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{SqlSafeStr as _, SqlStr};
use std::time::Duration;

/// Longer than either engine lets a statement run by itself: what is left is a network that swallows everything.
const PATIENCE: Duration = Duration::from_secs(20);

/// A statement with its parameters.
pub struct Query<'c> {
    pub(super) conn: &'c mut Conn,
    pub(super) name: &'static str,
    pub(super) text: SqlStr,
    pub(super) args: Args,
    pub(super) fault: Option<BoxDynError>,
}

/// A row of either engine.
pub enum Row {
    Postgres(PgRow),
    Sqlite(SqliteRow),
}

/// What can be made of a row.
pub trait FromRow: Sized {
    fn from_row(row: &Row) -> Result<Self, StoreError>;
}

/// Defines a row as a struct whose fields are named like its columns; the last may be a part of it that is a row itself.
macro_rules! row {
    ($(#[$meta:meta])* $vis:vis $name:ident {
        $( $(#[$fmeta:meta])* $field:ident: $type:ty, )+ $( .. $part:ident: $part_type:ty )?
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq)]
        $vis struct $name { $( $(#[$fmeta])* $vis $field: $type, )+ $( $vis $part: $part_type, )? }

        impl $crate::dbx::FromRow for $name {
            fn from_row(row: &$crate::dbx::Row) -> Result<Self, $crate::StoreError> {
                Ok(Self {
                    $( $field: row.get(stringify!($field))?, )+
                    $( $part: $crate::dbx::FromRow::from_row(row)?, )?
                })
            }
        }
    };
}

pub(crate) use row;

// === impl Row ===

impl Row {
    pub fn get<T: Field>(&self, column: &str) -> Result<T, StoreError> {
        T::read(self, column).map_err(|error| StoreError::row(column, error))
    }
}

// === impl Query ===

impl<'c> Query<'c> {
    pub(super) fn of(conn: &'c mut Conn, sql: &'static Sql) -> Self {
        let is_postgres = conn.is_postgres();
        let text = if is_postgres { sql.postgres } else { sql.sqlite };
        Self {
            conn,
            name: sql.name,
            text: text.into_sql_str(),
            args: Args::new(is_postgres),
            fault: None,
        }
    }

    /// The next parameter.
    #[must_use]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "callers hand over ids, words and options made on the spot"
    )]
    pub fn bind(mut self, value: impl Bind) -> Self {
        if let Err(error) = value.bind(&mut self.args) {
            self.fault.get_or_insert(error);
        }
        self
    }

    /// Runs it; says how many rows it changed.
    pub async fn execute(mut self) -> Result<u64, StoreError> {
        let name = self.name;
        self.ready()?;
        let Self { conn, text, args, .. } = self;
        conn.flush().await?;
        let run = async {
            match (conn.raw()?, args) {
                (Raw::Postgres(conn), Args::Postgres(args)) => {
                    Ok(sqlx::query_with(text, args).execute(conn).await?.rows_affected())
                }
                (Raw::Sqlite(conn), Args::Sqlite(args)) => {
                    Ok(sqlx::query_with(text, args).execute(conn).await?.rows_affected())
                }
                _ => unreachable!("the arguments were made for this connection"),
            }
        };
        let outcome = timed(name, run).await;
        conn.note(&outcome);
        outcome
    }

    /// Every row.
    pub async fn all<T: FromRow>(self) -> Result<Vec<T>, StoreError> {
        self.map(T::from_row).await
    }

    /// What is made of every row.
    pub async fn map<T>(self, make: impl Fn(&Row) -> Result<T, StoreError>) -> Result<Vec<T>, StoreError> {
        self.rows().await?.iter().map(make).collect()
    }

    /// The first row, if there is one.
    pub async fn optional<T: FromRow>(self) -> Result<Option<T>, StoreError> {
        self.rows().await?.first().map(T::from_row).transpose()
    }

    /// The row that must be there.
    pub async fn one<T: FromRow>(self) -> Result<T, StoreError> {
        let statement = self.name;
        self.optional().await?.ok_or(StoreError::Missing { statement })
    }

    /// One column of the first row, if there is one.
    pub async fn value<T: Field>(self, column: &str) -> Result<Option<T>, StoreError> {
        self.rows().await?.first().map(|row| row.get(column)).transpose()
    }

    async fn rows(mut self) -> Result<Vec<Row>, StoreError> {
        let name = self.name;
        self.ready()?;
        let Self { conn, text, args, .. } = self;
        conn.flush().await?;
        let run = async {
            match (conn.raw()?, args) {
                (Raw::Postgres(conn), Args::Postgres(args)) => {
                    let rows = sqlx::query_with(text, args).fetch_all(conn).await?;
                    Ok(rows.into_iter().map(Row::Postgres).collect())
                }
                (Raw::Sqlite(conn), Args::Sqlite(args)) => {
                    let rows = sqlx::query_with(text, args).fetch_all(conn).await?;
                    Ok(rows.into_iter().map(Row::Sqlite).collect())
                }
                _ => unreachable!("the arguments were made for this connection"),
            }
        };
        let outcome = timed(name, run).await;
        conn.note(&outcome);
        outcome
    }

    /// SQLite takes a parameter that was not bound for NULL, in silence.
    fn ready(&mut self) -> Result<(), StoreError> {
        debug_assert_eq!(
            parameters(self.text.as_str()),
            self.args.len(),
            "the parameters of {}: {}",
            self.name,
            self.text.as_str()
        );
        match self.fault.take() {
            None => Ok(()),
            Some(error) => Err(StoreError::Statement {
                statement: self.name,
                source: sqlx::Error::Encode(error),
            }),
        }
    }
}

pub(super) async fn timed<T>(
    name: &'static str,
    run: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, StoreError> {
    match tokio::time::timeout(PATIENCE, run).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(StoreError::of(name, error)),
        Err(_) => Err(StoreError::Unavailable(sqlx::Error::Io(
            std::io::ErrorKind::TimedOut.into(),
        ))),
    }
}

/// The highest `$n` of a text.
pub(crate) fn parameters(text: &str) -> usize {
    text.split('$')
        .skip(1)
        .filter_map(|rest| {
            let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            rest[..digits].parse().ok()
        })
        .max()
        .unwrap_or(0)
}
