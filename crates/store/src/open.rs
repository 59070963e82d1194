//! The store that the configuration names: Postgres where there is a `DATABASE_URL`, else a file in the data directory.

use crate::dbx::Writer;
use crate::error::StoreError;
use crate::migrations::{self, Migrated, MigrationError};
use crate::outbox;
use crate::store::{Engine, Store};
use lockdown_runtime::health::Component;
use lockdown_runtime::{Context, SecretUrl, chain};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{
    SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Connection as _};
use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::time::Duration;

/// What a statement may take, and what it may wait for a lock. Longer ones are a mistake in the statement.
const STATEMENT: &str = "10s";
const LOCK: &str = "5s";
/// A transaction that nobody continues holds its locks for no longer.
const IDLE: &str = "30s";
/// How long a caller waits for a connection before the database is said to be away.
const ACQUIRE: Duration = Duration::from_secs(3);
const READERS: u32 = 4;
/// KiB of pages, with a minus as SQLite wants it. What a commit of many writers changes would not fit into the usual 2 MiB and
/// be written twice.
const WRITER_CACHE: &str = "-32768";
/// So many pages of the log are put into the file at once: as many as the log may keep, see `journal_size_limit`. Many
/// writers change the same pages again and again; at the usual 1,000, nearly each of their commits would write them to
/// their places.
const CHECKPOINT: &str = "16000";
const BUSY: Duration = Duration::from_secs(5);
/// A connection that was in use so lately is not asked whether it is still there, which would cost every transaction a
/// round trip.
const FRESH: Duration = Duration::from_millis(100);
/// How often the health is looked at, and how long a look may take.
const EVERY: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(3);
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How a process uses Postgres.
#[derive(Debug, Clone)]
pub struct PostgresOptions {
    /// Shown by the server's own list of connections.
    pub name: String,
    pub connections: u32,
    pub acquire: Duration,
}

/// Why there is no store.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("could not make the directory {}", path.display())]
    Directory { path: PathBuf, source: std::io::Error },
    #[error("could not open {}", path.display())]
    File { path: PathBuf, source: sqlx::Error },
    #[error("DATABASE_URL is not an address of Postgres")]
    Address(#[source] sqlx::Error),
    #[error("could not connect to the Postgres that DATABASE_URL names")]
    Connect(#[source] sqlx::Error),
    #[error("the server is Postgres {found}; LOCKDOWN needs 15 or newer")]
    TooOld { found: String },
    #[error("the database's schema is not as this release needs it")]
    Migration(#[source] MigrationError),
    #[error("the process was stopped while Postgres could not be reached")]
    Stopped,
}

// === impl PostgresOptions ===

impl Default for PostgresOptions {
    fn default() -> Self {
        Self {
            name: "lockdown".into(),
            connections: 16,
            acquire: ACQUIRE,
        }
    }
}

// === impl OpenError ===

impl OpenError {
    /// Whether waiting may mend it.
    fn is_for_good(&self) -> bool {
        match self {
            Self::Connect(error) | Self::Migration(MigrationError::Look(error)) => {
                // A wrong password, a database that is not there: the server answers, and will answer the same again.
                matches!(error, sqlx::Error::Database(error) if !matches!(error.code().as_deref(),
                    Some("57P01" | "57P02" | "57P03" | "53300")))
            }
            _ => true,
        }
    }
}

/// Opens the store for a process, its schema up to date: as the component `store` of its health, closed when it stops.
/// Waits for a Postgres that cannot be reached yet, and says so meanwhile.
pub async fn open(ctx: &Context) -> Result<Store, OpenError> {
    let component = ctx.health.component("store", true);
    let store = match &ctx.config.store.url {
        None => Store::open_sqlite(&file(ctx)).await?.0,
        Some(url) => {
            let options = PostgresOptions {
                name: format!("lockdown/{}", ctx.name()),
                ..PostgresOptions::default()
            };
            connect(ctx, url, &options, &component).await?
        }
    };
    component.up();
    let (surroundings, kept) = (ctx.clone(), store.clone());
    ctx.tasks.spawn("store", async move {
        tokio::select! {
            () = watch(&kept, &component) => {}
            () = surroundings.shutdown.soft() => {}
        }
        kept.close().await;
        Ok(())
    });
    Ok(store)
}

/// Opens the store for one command, its schema up to date: waits for nothing. Close it at the end.
pub async fn open_once(ctx: &Context) -> Result<(Store, Migrated), OpenError> {
    match &ctx.config.store.url {
        None => Store::open_sqlite(&file(ctx)).await,
        Some(url) => Store::open_postgres(url.expose(), &PostgresOptions::default()).await,
    }
}

/// Brings the schema up to date, waits for nothing and leaves nothing open.
pub async fn migrate(ctx: &Context) -> Result<Migrated, OpenError> {
    let (store, migrated) = open_once(ctx).await?;
    store.close().await;
    Ok(migrated)
}

/// Where the embedded store lies.
fn file(ctx: &Context) -> PathBuf {
    ctx.config.data_dir.join("lockdown.db")
}

async fn connect(
    ctx: &Context,
    url: &SecretUrl,
    options: &PostgresOptions,
    component: &Component,
) -> Result<Store, OpenError> {
    let mut pause = FIRST_PAUSE;
    loop {
        match Store::open_postgres(url.expose(), options).await {
            Ok((store, _)) => return Ok(store),
            Err(error) if error.is_for_good() => return Err(error),
            Err(error) => {
                component.down(format!(
                    "{}; it is tried again until it works: is Postgres running, and DATABASE_URL right?",
                    chain(&error)
                ));
                tokio::select! {
                    () = ctx.clock.sleep(pause) => pause = LONGEST_PAUSE.min(pause * 2),
                    () = ctx.shutdown.soft() => return Err(OpenError::Stopped),
                }
            }
        }
    }
}

/// Keeps the component as the database is.
async fn watch(store: &Store, component: &Component) {
    loop {
        store.measure();
        match tokio::time::timeout(PATIENCE * 2, store.ping()).await {
            Ok(Ok(())) => component.up(),
            Ok(Err(error)) => component.down(down(store, &error)),
            Err(_) => {
                component.down("the database has not answered for seconds; check the server and its network");
            }
        }
        tokio::time::sleep(EVERY).await;
    }
}

fn down(store: &Store, error: &StoreError) -> String {
    let place = if store.is_postgres() {
        "the server and DATABASE_URL"
    } else {
        "the disk and LOCKDOWN_DATA_DIR"
    };
    format!("{}; check {place}", chain(error))
}

// === impl Store ===

impl Store {
    /// Opens a file, or makes it, with its schema up to date.
    pub async fn open_sqlite(path: &Path) -> Result<(Self, Migrated), OpenError> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|source| OpenError::Directory {
                path: folder.to_owned(),
                source,
            })?;
        }
        let failed = |source| OpenError::File {
            path: path.to_owned(),
            source,
        };
        let options = sqlite_options(path);
        let mut first = options.connect().await.map_err(failed)?;
        let migrated = migrations::sqlite(&mut first)
            .await
            .map_err(OpenError::Migration)?;
        first.close().await.map_err(failed)?;
        let writing = options
            .clone()
            .pragma("cache_size", WRITER_CACHE)
            .pragma("wal_autocheckpoint", CHECKPOINT)
            // Each writer's savepoint keeps what the pages were before: past 64 KiB it would do so in a file.
            .pragma("temp_store", "MEMORY");
        let writer = Writer::open(writing).await.map_err(failed)?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(ACQUIRE)
            .idle_timeout(None)
            .max_lifetime(None)
            // Nothing stands between us and a file.
            .test_before_acquire(false)
            .connect_with(options.create_if_missing(false).pragma("query_only", "ON"))
            .await
            .map_err(failed)?;
        Ok((Self::new(Engine::Sqlite { writer, readers }), migrated))
    }

    /// Connects, with the schema up to date.
    pub async fn open_postgres(url: &str, options: &PostgresOptions) -> Result<(Self, Migrated), OpenError> {
        let settings = PgConnectOptions::from_str(url)
            .map_err(OpenError::Address)?
            .application_name(&options.name);
        // The server's NOTICE that a table is there already is no news to anybody.
        let quiet = settings.clone().options([("client_min_messages", "warning")]);
        let mut first = quiet.connect().await.map_err(OpenError::Connect)?;
        if first
            .server_version_num()
            .is_some_and(|version| version < 150_000)
        {
            let found = first
                .server_version_num()
                .map_or(0, |version| version / 10_000)
                .to_string();
            return Err(OpenError::TooOld { found });
        }
        let migrated = migrations::postgres(&mut first)
            .await
            .map_err(OpenError::Migration)?;
        // Its work is done, whatever it says at the end.
        drop(first.close().await);
        let pool = PgPoolOptions::new()
            .max_connections(options.connections)
            .acquire_timeout(options.acquire)
            .test_before_acquire(false)
            .before_acquire(|connection, known| {
                Box::pin(async move { Ok(known.idle_for < FRESH || connection.ping().await.is_ok()) })
            })
            .connect_lazy_with(settings.options([
                ("statement_timeout", STATEMENT),
                ("lock_timeout", LOCK),
                ("idle_in_transaction_session_timeout", IDLE),
            ]));
        let store = Self::new(Engine::Postgres(pool));
        outbox::listen(&store);
        Ok((store, migrated))
    }
}

fn sqlite_options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .auto_vacuum(SqliteAutoVacuum::Incremental)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY)
        .pragma("mmap_size", "268435456")
        .pragma("journal_size_limit", "67108864")
        .pragma("trusted_schema", "OFF")
        .optimize_on_close(true, 400)
}
