//! The schema: embedded, run at the start under a lock, and verified.

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{Connection as _, PgConnection, Row as _, SqlSafeStr as _, SqliteConnection};
use std::time::Duration;

/// One change of the schema, for each engine.
#[derive(Debug, Clone, Copy)]
pub struct Change {
    pub version: i64,
    /// The name of its files, without `.sql`.
    pub name: &'static str,
    pub postgres: &'static str,
    pub sqlite: &'static str,
}

macro_rules! changes {
    ($( $version:literal $name:literal )+) => {
        &[$( Change {
            version: $version,
            name: $name,
            postgres: include_str!(concat!("../../../migrations/postgres/", $name, ".sql")),
            sqlite: include_str!(concat!("../../../migrations/sqlite/", $name, ".sql")),
        }, )+]
    };
}

/// Every change, in its order.
pub const CHANGES: &[Change] = changes! {
    1 "0001_core"
    2 "0002_cases"
    3 "0003_audit"
    4 "0004_bus"
    5 "0005_fate"
    6 "0006_reviews"
    10 "0010_policy"
    11 "0011_members"
    12 "0012_messages"
    13 "0013_events"
    20 "0020_access"
    21 "0021_idempotency"
    22 "0022_reports"
    23 "0023_work"
    24 "0024_outbox_parked"
    30 "0030_erasures"
    31 "0031_retention"
    40 "0040_hooks"
    45 "0045_sign_in"
    46 "0046_access_log"
    47 "0047_case_threads"
    50 "0050_modes"
    60 "0060_archive_places"
    61 "0061_guild_counts"
    100 "0100_notification_kinds"
    101 "0101_notification_wishes"
    102 "0102_digests"
    110 "0110_spam_lessons"
    120 "0120_case_hidden"
    130 "0130_federations"
    140 "0140_dead_letters_again"
    141 "0141_dead_letters_told"
    142 "0142_audit_swept"
    143 "0143_sound"
    144 "0144_sound_before"
};

/// Whoever changes the schema holds this lock of Postgres.
const LOCK: i64 = 0x010C_D044;
/// How often a process that waits for another one's changes looks again.
const AGAIN: Duration = Duration::from_millis(100);

/// Why the schema is not as it should be.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    #[error(
        "the migration {name} was changed after it had been run here: put the released file back, and make the change \
         in a new one"
    )]
    Altered { name: String },
    #[error(
        "the migration {name} was begun and not finished: repair what it left, delete its row from _sqlx_migrations, start again"
    )]
    Unfinished { name: String },
    #[error("could not run the migration {name}")]
    Failed { name: String, source: sqlx::Error },
    #[error(
        "the index {index} is invalid, left over from a build that failed: drop it, and build it again with its migration's statement"
    )]
    InvalidIndex { index: String },
    #[error("could not look at the schema")]
    Look(#[source] sqlx::Error),
    #[error("could not run the migrations")]
    Other(#[source] MigrateError),
}

/// What a run of the migrations found and did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migrated {
    /// How many changes this process made.
    pub made: usize,
    /// The newest change that is in place; newer than ours while a newer release runs beside us.
    pub version: i64,
}

pub(crate) async fn postgres(conn: &mut PgConnection) -> Result<Migrated, MigrationError> {
    postgres_with(conn, CHANGES).await
}

/// As the store does at its start, with other changes than its own: for tests.
pub async fn postgres_with(conn: &mut PgConnection, changes: &[Change]) -> Result<Migrated, MigrationError> {
    // Asked for again and again: a session that waits for the lock holds a snapshot, for which a concurrent index would
    // wait in turn.
    loop {
        let row = sqlx::query("SELECT pg_try_advisory_lock($1) AS mine")
            .bind(LOCK)
            .fetch_one(&mut *conn)
            .await;
        if row
            .and_then(|row| row.try_get("mine"))
            .map_err(MigrationError::Look)?
        {
            break;
        }
        tokio::time::sleep(AGAIN).await;
    }
    let outcome = postgres_locked(conn, changes).await;
    let unlock = sqlx::query("SELECT pg_advisory_unlock($1)")
        .bind(LOCK)
        .execute(&mut *conn)
        .await;
    let migrated = outcome?;
    unlock.map_err(MigrationError::Look)?;
    Ok(migrated)
}

async fn postgres_locked(conn: &mut PgConnection, changes: &[Change]) -> Result<Migrated, MigrationError> {
    let migrator = migrator(changes, |change| change.postgres);
    // Without the table nothing was made yet.
    let exists: Option<String> = sqlx::query_scalar("SELECT to_regclass('_sqlx_migrations')::text")
        .fetch_one(&mut *conn)
        .await
        .map_err(MigrationError::Look)?;
    let before = match exists {
        Some(_) => sqlx::query(KNOWN)
            .fetch_all(&mut *conn)
            .await
            .map_err(MigrationError::Look)?
            .len(),
        None => 0,
    };
    migrator
        .run_direct(None, conn, false)
        .await
        .map_err(|error| refused(error, changes))?;
    let invalid = sqlx::query(
        "SELECT c.relname::text AS index FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid \
         JOIN pg_namespace n ON n.oid = c.relnamespace WHERE NOT i.indisvalid AND n.nspname = current_schema()",
    );
    if let Some(row) = invalid
        .fetch_optional(&mut *conn)
        .await
        .map_err(MigrationError::Look)?
    {
        let index = row.try_get("index").map_err(MigrationError::Look)?;
        return Err(MigrationError::InvalidIndex { index });
    }
    let after: Vec<i64> = sqlx::query_scalar(KNOWN)
        .fetch_all(&mut *conn)
        .await
        .map_err(MigrationError::Look)?;
    Ok(migrated(before, &after))
}

pub(crate) async fn sqlite(conn: &mut SqliteConnection) -> Result<Migrated, MigrationError> {
    sqlite_with(conn, CHANGES).await
}

/// As the store does at its start, with other changes than its own: for tests.
pub async fn sqlite_with(
    conn: &mut SqliteConnection,
    changes: &[Change],
) -> Result<Migrated, MigrationError> {
    let migrator = migrator(changes, |change| change.sqlite);
    // All or nothing, and one process at a time.
    let mut tx = conn
        .begin_with("BEGIN EXCLUSIVE")
        .await
        .map_err(MigrationError::Look)?;
    // An error inside of a transaction leaves SQLite's as it is: here it says that there is no table yet.
    let before = sqlx::query(KNOWN)
        .fetch_all(&mut *tx)
        .await
        .map_or(0, |rows| rows.len());
    migrator
        .run_direct(None, &mut *tx, false)
        .await
        .map_err(|error| refused(error, changes))?;
    let after: Vec<i64> = sqlx::query_scalar(KNOWN)
        .fetch_all(&mut *tx)
        .await
        .map_err(MigrationError::Look)?;
    tx.commit().await.map_err(MigrationError::Look)?;
    Ok(migrated(before, &after))
}

/// A table of sqlx's, which is made by its first run.
const KNOWN: &str = "SELECT version FROM _sqlx_migrations ORDER BY version";

fn migrated(before: usize, after: &[i64]) -> Migrated {
    Migrated {
        made: after.len() - before,
        version: after.last().copied().unwrap_or(0),
    }
}

fn migrator(changes: &[Change], text: impl Fn(&Change) -> &'static str) -> Migrator {
    let migrations = changes.iter().map(|change| {
        let text = text(change);
        Migration::new(
            change.version,
            change.name.into(),
            MigrationType::Simple,
            text.into_sql_str(),
            text.starts_with("-- no-transaction"),
        )
    });
    let mut migrator = Migrator::with_migrations(migrations.collect());
    // A newer release may have run before us, and runs beside us.
    migrator.set_ignore_missing(true);
    // The lock is ours.
    migrator.set_locking(false);
    migrator
}

fn refused(error: MigrateError, changes: &[Change]) -> MigrationError {
    let name = |version: i64| {
        let change = changes.iter().find(|change| change.version == version);
        change.map_or_else(|| version.to_string(), |change| change.name.to_owned())
    };
    match error {
        MigrateError::VersionMismatch(version) => MigrationError::Altered { name: name(version) },
        MigrateError::Dirty(version) => MigrationError::Unfinished { name: name(version) },
        MigrateError::ExecuteMigration(source, version) => MigrationError::Failed {
            name: name(version),
            source,
        },
        MigrateError::Execute(source) => MigrationError::Look(source),
        other => MigrationError::Other(other),
    }
}
