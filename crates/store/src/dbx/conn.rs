//! A connection in somebody's hands: to read, or inside a transaction.

use super::filter::Filter;
use super::query::Query;
use super::sql::Sql;
use super::together::{Together, Write};
use super::writer::Turn;
use crate::error::StoreError;
use crate::guilds::{GuildKey, Held};
use crate::outbox::{self, Told};
use crate::wake::Wake;
use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, Postgres, Sqlite, SqliteConnection, Transaction};
use std::ops::{Deref, DerefMut};

/// What statements run on. Reading works on any of them; what writes is defined on [`Tx`].
pub struct Conn {
    inner: Inner,
    /// What a transaction wrote and nobody asked about yet.
    pub(super) pending: Together,
    /// A guild that a transaction holds: nobody else changes what its row counts until the end.
    held: Option<Held>,
}

/// A connection that only reads.
pub struct Reader(Conn);

/// A transaction. Dropped without a commit, it leaves no trace.
///
/// What it writes without asking for an answer goes to the engine together, with the next statement that has one or with the
/// commit: by then at the latest it is told what the engine refuses.
pub struct Tx {
    conn: Conn,
    wake: Wake,
    /// What goes into the outbox with the commit.
    told: Vec<Told>,
    /// Whether something that was set aside in the outbox waits again.
    put_back: bool,
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
    fn new(inner: Inner) -> Self {
        let is_postgres = matches!(inner, Inner::Postgres(_) | Inner::PostgresTx(_));
        Self {
            inner,
            pending: Together::new(is_postgres),
            held: None,
        }
    }

    pub fn query(&mut self, sql: &'static Sql) -> Query<'_> {
        Query::of(self, sql)
    }

    /// A statement with conditions that were put together at run time.
    pub fn filtered(&mut self, filter: Filter) -> Query<'_> {
        filter.on(self)
    }

    /// A statement that is not asked about, beside those that wait.
    pub(crate) fn add(&mut self, sql: &'static Sql) -> Write<'_> {
        self.pending.begin(sql);
        Write::new(self)
    }

    /// Lets what was written reach the engine.
    pub(super) async fn flush(&mut self) -> Result<(), StoreError> {
        match self.take_pending() {
            None => Ok(()),
            Some(together) => together.run(self).await,
        }
    }

    fn take_pending(&mut self) -> Option<Together> {
        if let Some(changed) = self.held.as_mut().and_then(Held::take_change) {
            changed.write(self);
        }
        if self.pending.is_empty() {
            return None;
        }
        let next = Together::new(self.is_postgres());
        Some(std::mem::replace(&mut self.pending, next))
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
        Self(Conn::new(inner))
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
            conn: Conn::new(inner),
            wake,
            told: Vec::new(),
            put_back: false,
        }
    }

    /// The guild's row is locked by this transaction, and this is what it says.
    pub(crate) fn hold(&mut self, held: Held) {
        self.conn.held = Some(held);
    }

    /// What a guild that this transaction holds says.
    pub(crate) fn held(&mut self, guild: GuildKey) -> Option<&mut Held> {
        self.conn.held.as_mut().filter(|held| held.guild == guild)
    }

    /// A statement that is not asked about.
    pub(crate) async fn write(&mut self, sql: &'static Sql) -> Result<Write<'_>, StoreError> {
        if self.conn.pending.has(sql) {
            self.conn.flush().await?;
        }
        Ok(self.conn.add(sql))
    }

    /// Once this is committed, whoever drains the outbox is told, although nothing new is in it.
    pub(crate) fn mark_put_back(&mut self) {
        self.put_back = true;
    }

    /// Puts an event into the outbox when this is committed.
    pub(crate) fn tell(&mut self, event: Told) {
        self.told.push(event);
    }

    /// Returns once everything is on the disk.
    pub async fn commit(mut self) -> Result<(), StoreError> {
        let published = !self.told.is_empty();
        if published {
            let told = std::mem::take(&mut self.told);
            outbox::insert(&mut self, told).await?;
        }
        if self.is_postgres() {
            self.conn.flush().await?;
        }
        let pending = self.conn.take_pending();
        match self.conn.inner {
            Inner::PostgresTx(tx) => tx.commit().await.map_err(commit_error)?,
            Inner::SqliteTx(turn) => turn.commit(pending).await?,
            Inner::Postgres(_) | Inner::Sqlite(_) => unreachable!("a transaction is made of one"),
        }
        if published || self.put_back {
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
