//! The store as a process has it.

use crate::dbx::{Inner, Reader, Tx, Writer, sqls};
use crate::error::StoreError;
use crate::wake::Wake;
use sqlx::{PgPool, SqlitePool};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// The database and the connections to it. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

struct Shared {
    engine: Engine,
    wake: Wake,
    closed: CancellationToken,
}

pub(crate) enum Engine {
    Postgres(PgPool),
    Sqlite { writer: Writer, readers: SqlitePool },
}

sqls! {
    PING = "SELECT CAST(1 AS BIGINT) AS one";
}

// === impl Store ===

impl Store {
    pub(crate) fn new(engine: Engine) -> Self {
        Self {
            shared: Arc::new(Shared {
                engine,
                wake: Wake::default(),
                closed: CancellationToken::new(),
            }),
        }
    }

    /// Begins a transaction; [`crate::in_tx!`] also tries it again. On SQLite this waits for its turn to write.
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        let inner = match &self.shared.engine {
            Engine::Postgres(pool) => Inner::PostgresTx(
                pool.begin()
                    .await
                    .map_err(|error| StoreError::of("BEGIN", error))?,
            ),
            Engine::Sqlite { writer, .. } => Inner::SqliteTx(writer.begin().await?),
        };
        Ok(Tx::new(inner, self.shared.wake.clone()))
    }

    /// Returns once all is on the disk that a transaction could see by now. On SQLite a writer sees what those before it
    /// wrote in the same group, a moment before that is committed: who answers by what it saw, and writes nothing, asks this
    /// first.
    pub async fn settled(&self) -> Result<(), StoreError> {
        if self.is_postgres() {
            return Ok(());
        }
        self.begin().await?.commit().await
    }

    /// Changes whenever something was written here, before whoever wrote is told. `None` where other processes write as a
    /// matter of course, so that nothing follows from it.
    pub fn writes(&self) -> Option<u64> {
        match &self.shared.engine {
            Engine::Postgres(_) => None,
            Engine::Sqlite { writer, .. } => Some(writer.ended()),
        }
    }

    /// A connection to read with.
    pub async fn read(&self) -> Result<Reader, StoreError> {
        let failed = |error| StoreError::of("acquire", error);
        Ok(Reader::new(match &self.shared.engine {
            Engine::Postgres(pool) => Inner::Postgres(pool.acquire().await.map_err(failed)?),
            Engine::Sqlite { readers, .. } => Inner::Sqlite(readers.acquire().await.map_err(failed)?),
        }))
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let mut reader = self.read().await?;
        reader.query(&PING).value::<i64>("one").await.map(drop)
    }

    pub fn is_postgres(&self) -> bool {
        matches!(self.shared.engine, Engine::Postgres(_))
    }

    pub(crate) fn wake(&self) -> &Wake {
        &self.shared.wake
    }

    pub(crate) fn pool(&self) -> Option<&PgPool> {
        match &self.shared.engine {
            Engine::Postgres(pool) => Some(pool),
            Engine::Sqlite { .. } => None,
        }
    }

    /// Resolves when the store is being closed: for the tasks that live with it.
    pub(crate) fn closed(&self) -> CancellationToken {
        self.shared.closed.clone()
    }

    /// Puts the state of the pool into the metrics.
    pub fn measure(&self) {
        let (size, idle) = match &self.shared.engine {
            Engine::Postgres(pool) => (pool.size(), pool.num_idle()),
            Engine::Sqlite { readers, .. } => (readers.size(), readers.num_idle()),
        };
        metrics::gauge!("lockdown_store_connections", "state" => "open").set(size);
        metrics::gauge!("lockdown_store_connections", "state" => "idle").set(idle as f64);
    }

    /// Lets what runs come to its end, and goes.
    pub async fn close(&self) {
        self.shared.closed.cancel();
        match &self.shared.engine {
            Engine::Postgres(pool) => pool.close().await,
            Engine::Sqlite { writer, readers } => {
                writer.close().await;
                readers.close().await;
            }
        }
    }
}
