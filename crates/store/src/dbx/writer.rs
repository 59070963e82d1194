//! SQLite's one writer, with group commit.
//!
//! A commit costs an fsync, whatever is in it. Writers take turns on one connection inside of one outer transaction, each
//! in a savepoint of its own; a writer whose turn is over waits until the outer transaction is committed, by a task
//! that stands in the same queue: what came before it is committed together. Nobody is told "done" before the disk is.

use super::query::timed;
use super::together::{Together, Whole, run_sqlite};
use super::value::Args;
use crate::error::StoreError;
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions};
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Mutex, Notify, OwnedMutexGuard, oneshot};
use tokio_util::sync::CancellationToken;

/// How long a writer waits for its turn.
const PATIENCE: Duration = Duration::from_secs(10);

/// The queue for the one connection that writes. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Writer {
    state: Arc<Mutex<State>>,
    /// Somebody waits for the commit.
    due: Arc<Notify>,
    /// How many outer transactions have ended: whoever is told "done" finds theirs counted.
    ended: Arc<AtomicU64>,
    stop: CancellationToken,
}

/// One transaction: the connection, until it is given up. What was not committed then, is undone by whoever is next.
pub(crate) struct Turn {
    /// Absent once it is over.
    state: Option<OwnedMutexGuard<State>>,
    due: Arc<Notify>,
}

struct State {
    options: SqliteConnectOptions,
    conn: Option<SqliteConnection>,
    outer: Outer,
    /// What was done since the savepoint, which is there as long as the outer transaction is. Where nobody has a turn, it is
    /// what one did that ended without a commit.
    begun: bool,
    waiting: Vec<oneshot::Sender<Result<(), StoreError>>>,
    ended: Arc<AtomicU64>,
}

#[derive(PartialEq)]
enum Outer {
    None,
    Open,
    /// A statement failed in a way that may have ended it: it is rolled back, and who waits is told.
    Broken,
}

// === impl Writer ===

impl Writer {
    /// Inside of a runtime, where its task lives until [`Writer::close`].
    pub(crate) async fn open(options: SqliteConnectOptions) -> Result<Self, sqlx::Error> {
        let conn = options.connect().await?;
        let ended = Arc::new(AtomicU64::new(0));
        let writer = Self {
            state: Arc::new(Mutex::new(State {
                options,
                conn: Some(conn),
                outer: Outer::None,
                begun: false,
                waiting: Vec::new(),
                ended: Arc::clone(&ended),
            })),
            due: Arc::new(Notify::new()),
            ended,
            stop: CancellationToken::new(),
        };
        tokio::spawn(writer.clone().commit_when_due());
        Ok(writer)
    }

    pub(crate) async fn begin(&self) -> Result<Turn, StoreError> {
        if self.stop.is_cancelled() {
            return Err(StoreError::Unavailable(sqlx::Error::PoolClosed));
        }
        let lock = Arc::clone(&self.state).lock_owned();
        let mut state = tokio::time::timeout(PATIENCE, lock)
            .await
            .map_err(|_| StoreError::Unavailable(sqlx::Error::PoolTimedOut))?;
        let due = Arc::clone(&self.due);
        if state.outer == Outer::Open && !state.begun && state.conn.is_some() {
            state.begun = true;
            return Ok(Turn {
                state: Some(state),
                due,
            });
        }
        // In a task of its own, which runs to its end also when the caller is cancelled: the state stays known.
        let begun = tokio::spawn(async move {
            state
                .begin()
                .await
                .map_err(|error| StoreError::of("BEGIN", error))?;
            Ok(Turn {
                state: Some(state),
                due,
            })
        });
        begun
            .await
            .unwrap_or(Err(StoreError::Unavailable(sqlx::Error::WorkerCrashed)))
    }

    pub(crate) fn ended(&self) -> u64 {
        self.ended.load(Ordering::Acquire)
    }

    /// Commits what waits, and lets go of the file.
    pub(crate) async fn close(&self) {
        self.stop.cancel();
        let mut state = self.state.lock().await;
        state.commit().await;
        if let Some(conn) = state.conn.take() {
            // The last one out empties the write-ahead log; one that cannot is read at the next start.
            drop(conn.close().await);
        }
    }

    async fn commit_when_due(self) {
        loop {
            tokio::select! {
                () = self.due.notified() => self.state.lock().await.commit().await,
                () = self.stop.cancelled() => return,
            }
        }
    }
}

// === impl State ===

impl State {
    async fn begin(&mut self) -> Result<(), sqlx::Error> {
        if self.begun && self.undo().await.is_err() {
            self.outer = Outer::Broken;
        }
        if self.outer == Outer::Broken || self.conn.is_none() {
            self.start_over().await?;
        }
        if self.outer == Outer::None {
            self.run("BEGIN IMMEDIATE").await?;
            self.outer = Outer::Open;
            if let Err(error) = self.run("SAVEPOINT turn").await {
                self.outer = Outer::Broken;
                return Err(error);
            }
        }
        self.begun = true;
        Ok(())
    }

    /// Takes back what the last turn did and did not commit. The savepoint stays.
    async fn undo(&mut self) -> Result<(), sqlx::Error> {
        self.run("ROLLBACK TO turn").await?;
        self.begun = false;
        Ok(())
    }

    /// Commits what is there and tells those who wait.
    async fn commit(&mut self) {
        if self.outer == Outer::None {
            return;
        }
        let sound = self.outer == Outer::Open && (!self.begun || self.undo().await.is_ok());
        let outcome = if sound {
            self.run("COMMIT").await
        } else {
            Err(sqlx::Error::WorkerCrashed)
        };
        // However it ended: of what failed it may not be known.
        self.ended.fetch_add(1, Ordering::Release);
        match outcome {
            Ok(()) => {
                self.outer = Outer::None;
                metrics::histogram!("lockdown_store_group_size").record(self.waiting.len() as f64);
                for waiter in self.waiting.drain(..) {
                    // Who has gone does not want to know.
                    drop(waiter.send(Ok(())));
                }
            }
            Err(error) => {
                tracing::error!("Could not commit to the store's file: {error}");
                self.outer = Outer::Broken;
                // What this cannot mend now, the next beginning tries again.
                drop(self.start_over().await);
            }
        }
    }

    /// Rolls back to where nothing is open, on a new connection if need be, and tells those who wait that they failed.
    async fn start_over(&mut self) -> Result<(), sqlx::Error> {
        for waiter in self.waiting.drain(..) {
            drop(waiter.send(Err(StoreError::CommitUnknown(sqlx::Error::WorkerCrashed))));
        }
        if let Some(conn) = self.conn.take() {
            // Closing rolls back.
            drop(conn.close().await);
        }
        self.conn = Some(self.options.connect().await?);
        self.outer = Outer::None;
        self.begun = false;
        Ok(())
    }

    /// Ends what was done since the savepoint, and begins the next, in one go: each call is a change of threads.
    async fn release(&mut self, last: Option<Whole>) -> Result<(), StoreError> {
        let (name, mut text, args) = match last {
            Some(Whole {
                name,
                text,
                args: Args::Sqlite(args),
            }) => (name, text + "; ", args),
            _ => ("RELEASE", String::new(), SqliteArguments::default()),
        };
        text += "RELEASE turn; SAVEPOINT turn";
        let conn = match (&self.outer, self.conn.as_mut()) {
            (Outer::Open, Some(conn)) => conn,
            _ => return Err(StoreError::Unavailable(sqlx::Error::WorkerCrashed)),
        };
        let outcome = timed(name, run_sqlite(conn, text, args)).await;
        if outcome.as_ref().is_err_and(StoreError::is_unavailable) {
            self.outer = Outer::Broken;
        }
        outcome
    }

    async fn run(&mut self, statement: &'static str) -> Result<(), sqlx::Error> {
        let conn = self.conn.as_mut().ok_or(sqlx::Error::WorkerCrashed)?;
        sqlx::query(statement).execute(conn).await.map(drop)
    }
}

// === impl Turn ===

impl Turn {
    pub(super) fn conn(&mut self) -> Result<&mut SqliteConnection, sqlx::Error> {
        self.state
            .as_mut()
            .and_then(|state| state.conn.as_mut())
            .ok_or(sqlx::Error::WorkerCrashed)
    }

    /// A statement failed in a way that leaves the transaction unknown.
    pub(super) fn mark_broken(&mut self) {
        if let Some(state) = &mut self.state {
            state.outer = Outer::Broken;
        }
    }

    /// Ends the turn with the last of what it writes, and returns once the outer transaction is on the disk.
    pub(super) async fn commit(mut self, last: Option<Together>) -> Result<(), StoreError> {
        let last = last.map(Together::whole).transpose()?.flatten();
        let Some(mut state) = self.state.take() else {
            return Err(StoreError::Unavailable(sqlx::Error::WorkerCrashed));
        };
        let due = Arc::clone(&self.due);
        let (done, outcome) = oneshot::channel();
        // As in `begin`, what is begun here comes to its end.
        tokio::spawn(async move {
            match state.release(last).await {
                Ok(()) => {
                    state.begun = false;
                    state.waiting.push(done);
                }
                // What it wrote is undone before the others' is committed.
                Err(error) => drop(done.send(Err(error))),
            }
            drop(state);
            due.notify_one();
        });
        outcome
            .await
            .unwrap_or(Err(StoreError::CommitUnknown(sqlx::Error::WorkerCrashed)))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(state) = self.state.take() {
            drop(state);
            // Nobody else may want a turn for long, and the file stays locked until the outer transaction ends.
            self.due.notify_one();
        }
    }
}
