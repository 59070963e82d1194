//! Statements whose answers nobody needs, on their way together: a round trip is what a short statement costs.
//!
//! A transaction puts what it writes in here ([`super::Tx::write`]) and goes on; it reaches the engine with the next
//! statement that has an answer, or before the commit. So a transaction sees what it wrote, and what the engine refuses
//! ends the transaction, at the latest at its commit. Postgres gets one statement of `WITH` parts, which see nothing of
//! each other: of each table there is no more than one. SQLite gets them one after the other.

use super::conn::{Conn, Raw};
use super::query::{parameters, timed};
use super::sql::Sql;
use super::value::{Args, Bind};
use crate::error::StoreError;
use futures_util::TryStreamExt as _;
use sqlx::error::BoxDynError;
use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, Executor as _, SqlSafeStr as _, SqlStr, SqliteConnection};

/// What waits, with one row of parameters for all.
pub(crate) struct Together {
    parts: Vec<Part>,
    args: Args,
    fault: Option<BoxDynError>,
}

/// What waited, in one text.
pub(super) struct Whole {
    /// Of the last statement.
    pub(super) name: &'static str,
    pub(super) text: String,
    pub(super) args: Args,
}

struct Part {
    name: &'static str,
    table: &'static str,
    text: String,
    /// As many parameters are there once it has its own.
    args: usize,
}

/// One statement, which waits for its parameters.
pub(crate) struct Write<'c> {
    conn: &'c mut Conn,
}

// === impl Together ===

impl Together {
    pub(super) fn new(is_postgres: bool) -> Self {
        Self {
            parts: Vec::new(),
            args: Args::new(is_postgres),
            fault: None,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    pub(super) fn has(&self, sql: &'static Sql) -> bool {
        let table = table(sql.postgres);
        self.parts.iter().any(|part| part.table == table)
    }

    pub(super) fn begin(&mut self, sql: &'static Sql) {
        let text = match self.args {
            Args::Postgres(_) => sql.postgres,
            Args::Sqlite(_) => sql.sqlite,
        };
        let before = self.args.len();
        self.parts.push(Part {
            name: sql.name,
            table: table(sql.postgres),
            text: moved(text, before),
            args: before + parameters(text),
        });
    }

    pub(super) async fn run(self, conn: &mut Conn) -> Result<(), StoreError> {
        let Some(Whole { name, text, args }) = self.whole()? else {
            return Ok(());
        };
        let run = async {
            match (conn.raw()?, args) {
                (Raw::Postgres(conn), Args::Postgres(args)) => {
                    let query = sqlx::query_with(trusted(text), args);
                    query.execute(conn).await.map(drop)
                }
                (Raw::Sqlite(conn), Args::Sqlite(args)) => run_sqlite(conn, text, args).await,
                _ => unreachable!("the arguments were made for this connection"),
            }
        };
        let outcome = timed(name, run).await;
        conn.note(&outcome);
        outcome
    }

    /// What waits as one text; `None` where nothing does.
    pub(super) fn whole(self) -> Result<Option<Whole>, StoreError> {
        let Self {
            mut parts,
            args,
            fault,
        } = self;
        let Some(last) = parts.pop() else {
            return Ok(None);
        };
        let name = last.name;
        if let Some(error) = fault {
            return Err(StoreError::Statement {
                statement: name,
                source: sqlx::Error::Encode(error),
            });
        }
        debug_assert_eq!(last.args, args.len(), "the parameters of {name}");
        let text = match args {
            Args::Postgres(_) => with(&parts, last.text),
            Args::Sqlite(_) => {
                parts.push(last);
                let texts: Vec<&str> = parts.iter().map(|part| part.text.as_str()).collect();
                texts.join("; ")
            }
        };
        Ok(Some(Whole { name, text, args }))
    }
}

/// Runs statements one after the other, as far as they go well.
pub(super) async fn run_sqlite(
    conn: &mut SqliteConnection,
    text: String,
    args: SqliteArguments,
) -> Result<(), sqlx::Error> {
    let mut each = conn.execute_many(sqlx::query_with(trusted(text), args));
    while each.try_next().await?.is_some() {}
    Ok(())
}

/// One statement of them all, for Postgres.
fn with(parts: &[Part], last: String) -> String {
    if parts.is_empty() {
        return last;
    }
    let parts = parts.iter().zip(1..);
    let parts: Vec<String> = parts
        .map(|(part, number)| format!("part_{number} AS ({})", part.text))
        .collect();
    format!("WITH {} {last}", parts.join(", "))
}

/// Made of texts that stand in this crate's source, and of parameter numbers.
fn trusted(text: String) -> SqlStr {
    AssertSqlSafe(text).into_sql_str()
}

// === impl Write ===

impl<'c> Write<'c> {
    pub(super) fn new(conn: &'c mut Conn) -> Self {
        Self { conn }
    }

    /// The next parameter.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "as `Query::bind`: values are made on the spot"
    )]
    pub(crate) fn bind(self, value: impl Bind) -> Self {
        let together = &mut self.conn.pending;
        if let Err(error) = value.bind(&mut together.args) {
            together.fault.get_or_insert(error);
        }
        self
    }
}

/// What a statement writes to.
fn table(text: &'static str) -> &'static str {
    let rest = text
        .strip_prefix("INSERT INTO ")
        .or_else(|| text.strip_prefix("UPDATE "))
        .expect("what waits begins with what it writes to");
    rest.split([' ', '(']).next().unwrap_or(rest)
}

/// The text with its parameters counted from after `before` others.
fn moved(text: &str, before: usize) -> String {
    let mut pieces = text.split('$');
    let mut moved = String::from(pieces.next().unwrap_or_default());
    for piece in pieces {
        let digits = piece.len() - piece.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        match piece[..digits].parse::<usize>() {
            Ok(number) => moved += &format!("${}{}", number + before, &piece[digits..]),
            Err(_) => moved += &format!("${piece}"),
        }
    }
    moved
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_counted_on() {
        for (text, before, expected) in [
            ("VALUES ($1, $2, $12)", 0, "VALUES ($1, $2, $12)"),
            ("VALUES ($1, $2, $12)", 9, "VALUES ($10, $11, $21)"),
            ("a = $1 AND b = '$'", 3, "a = $4 AND b = '$'"),
            ("no parameter", 3, "no parameter"),
        ] {
            assert_eq!(moved(text, before), expected);
        }
    }

    #[test]
    fn postgres_gets_one_statement() {
        let part = |text: &str| Part {
            name: "test",
            table: "a",
            text: text.to_owned(),
            args: 0,
        };
        assert_eq!(with(&[], "UPDATE a".into()), "UPDATE a");
        assert_eq!(
            with(&[part("INSERT INTO b"), part("INSERT INTO c")], "UPDATE a".into()),
            "WITH part_1 AS (INSERT INTO b), part_2 AS (INSERT INTO c) UPDATE a"
        );
    }

    #[test]
    fn a_statement_names_its_table() {
        assert_eq!(
            table("INSERT INTO case_events (case_id) VALUES ($1)"),
            "case_events"
        );
        assert_eq!(table("UPDATE guilds SET audit_seq = $2"), "guilds");
    }
}
