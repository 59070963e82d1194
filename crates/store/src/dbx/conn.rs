//! A connection in somebody's hands: to read, or inside a transaction.

use super::filter::Filter;
use super::query::Query;
use super::sql::Sql;
use super::writer::Turn;
use crate::error::StoreError;
use crate::wake::Wake;
use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, Postgres, Sqlite, SqliteConnection, Transaction};
use std::ops::{Deref, DerefMut};

/// What statements run on. Reading works on any of them; what writes is defined on [`Tx`].
pub struct Conn {
    inner: Inner,
}

/// A connection that only reads.
pub struct Reader(Conn);

/// A transaction. Dropped without a commit, it leaves no trace.
pub struct Tx {
    conn: Conn,
    wake: Wake,
    /// Whether there is something in the outbox once this is committed.
    published: bool,
}

pub(crate) enum Inner {
    Postgres(PoolConnection<Postgres>),
    PostgresTx(Transaction<'static, Postgres>),
    Sqlite(PoolConnection<Sqlite>),
    SqliteTx(Turn),
}

pub(super) enum Raw<'c> {
    Postgres(&'c mut PgConnection),
    Sqlite(&'c mut SqliteConnection),
}

// === impl Conn ===

impl Conn {
    pub fn query(&mut self, sql: &'static Sql) -> Query<'_> {
        Query::of(self, sql)
    }

    /// A statement with conditions that were put together at run time.
    pub fn filtered(&mut self, filter: Filter) -> Query<'_> {
        filter.on(self)
    }

    pub fn is_postgres(&self) -> bool {
        matches!(self.inner, Inner::Postgres(_) | Inner::PostgresTx(_))
    }

    /// After a statement that was cut off, nobody knows what stands in the transaction.
    pub(super) fn note<T>(&mut self, outcome: &Result<T, StoreError>) {
        if let (Err(error), Inner::SqliteTx(turn)) = (outcome, &mut self.inner)
            && error.is_unavailable()
        {
            turn.mark_broken();
        }
    }

    pub(super) fn raw(&mut self) -> Result<Raw<'_>, sqlx::Error> {
        Ok(match &mut self.inner {
            Inner::Postgres(conn) => Raw::Postgres(conn),
            Inner::PostgresTx(tx) => Raw::Postgres(tx),
            Inner::Sqlite(conn) => Raw::Sqlite(conn),
            Inner::SqliteTx(turn) => Raw::Sqlite(turn.conn()?),
        })
    }
}

// === impl Reader ===

impl Reader {
    pub(crate) fn new(inner: Inner) -> Self {
        Self(Conn { inner })
    }
}

impl Deref for Reader {
    type Target = Conn;

    fn deref(&self) -> &Conn {
        &self.0
    }
}

impl DerefMut for Reader {
    fn deref_mut(&mut self) -> &mut Conn {
        &mut self.0
    }
}

// === impl Tx ===

impl Tx {
    pub(crate) fn new(inner: Inner, wake: Wake) -> Self {
        Self {
            conn: Conn { inner },
            wake,
            published: false,
        }
    }

    /// Once this is committed, whoever drains the outbox is told.
    pub(crate) fn mark_published(&mut self) {
        self.published = true;
    }

    /// Returns once everything is on the disk.
    pub async fn commit(self) -> Result<(), StoreError> {
        match self.conn.inner {
            Inner::PostgresTx(tx) => tx.commit().await.map_err(commit_error)?,
            Inner::SqliteTx(turn) => turn.commit().await?,
            Inner::Postgres(_) | Inner::Sqlite(_) => unreachable!("a transaction is made of one"),
        }
        if self.published {
            self.wake.wake();
        }
        Ok(())
    }

    /// Leaves no trace. As dropping it, but the connection is free again when this returns.
    pub async fn rollback(self) {
        // A rollback that fails has lost its connection, and the server rolls back for it.
        match self.conn.inner {
            Inner::PostgresTx(tx) => drop(tx.rollback().await),
            Inner::SqliteTx(turn) => drop(turn),
            Inner::Postgres(_) | Inner::Sqlite(_) => unreachable!("a transaction is made of one"),
        }
    }
}

/// A commit whose answer was lost may have happened. One that was refused has not.
fn commit_error(error: sqlx::Error) -> StoreError {
    match StoreError::of("COMMIT", error) {
        StoreError::Unavailable(source) => StoreError::CommitUnknown(source),
        other => other,
    }
}

impl Deref for Tx {
    type Target = Conn;

    fn deref(&self) -> &Conn {
        &self.conn
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Conn {
        &mut self.conn
    }
}
