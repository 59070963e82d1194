//! The migrations: in pairs, the same on both engines, embedded whole, and refused when they were altered.

#![expect(
    clippy::unwrap_used,
    reason = "this is a test: what is unwrapped is what the case holds"
)]

use lockdown_store::migrations::{self, CHANGES, Change, MigrationError};
use lockdown_testkit::database::{self, Database};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _, SqliteConnection};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

const ALTERED: Change = Change {
    postgres: "CREATE TABLE other (id BIGINT)",
    sqlite: "CREATE TABLE other (id INTEGER)",
    ..CHANGES[0]
};
const WRONG: Change = Change {
    version: 9001,
    name: "9001_wrong",
    postgres: "CREATE TABLE half (id BIGINT); SELECT absent",
    sqlite: "CREATE TABLE half (id INTEGER); SELECT absent",
};

fn folder(engine: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../migrations")
        .join(engine)
}

async fn memory() -> SqliteConnection {
    SqliteConnection::connect("sqlite::memory:").await.unwrap()
}

/// A database of its own, with the migrations done.
async fn server() -> (Database, PgConnection) {
    let database = Database::create(&database::migrations()).await.unwrap();
    let conn = PgConnection::connect(&database.url()).await.unwrap();
    (database, conn)
}

/// A type as both engines have it.
fn portable(engine: &str, kind: &str) -> &'static str {
    match (engine, kind.to_ascii_lowercase().as_str()) {
        ("postgres", "uuid" | "bytea") | ("sqlite", "blob") => "bytes",
        ("postgres", "bigint" | "boolean" | "timestamp with time zone") | ("sqlite", "integer") => "number",
        ("postgres", "text" | "jsonb") | ("sqlite", "text") => "text",
        (engine, kind) => panic!("{kind} is no type that we use on {engine}"),
    }
}

/// Of each table's columns, the portable type and whether they may be null.
type Schema = BTreeMap<(String, String), (&'static str, bool)>;

async fn sqlite_schema(conn: &mut SqliteConnection) -> Schema {
    let rows = sqlx::query(
        "SELECT m.name AS t, c.name AS c, c.type AS kind, c.\"notnull\" = 0 AND c.pk = 0 AS nullable \
         FROM sqlite_master m, pragma_table_info(m.name) c \
         WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND m.name <> '_sqlx_migrations'",
    );
    let rows = rows.fetch_all(conn).await.unwrap();
    let column = |row: &sqlx::sqlite::SqliteRow| {
        let kind: String = row.get("kind");
        (
            (row.get("t"), row.get("c")),
            (portable("sqlite", &kind), row.get("nullable")),
        )
    };
    rows.iter().map(column).collect()
}

async fn postgres_schema(conn: &mut PgConnection) -> Schema {
    let rows = sqlx::query(
        "SELECT table_name::text AS t, column_name::text AS c, data_type::text AS kind, is_nullable = 'YES' AS nullable \
         FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> '_sqlx_migrations'",
    );
    let rows = rows.fetch_all(conn).await.unwrap();
    let column = |row: &sqlx::postgres::PgRow| {
        let kind: String = row.get("kind");
        (
            (row.get("t"), row.get("c")),
            (portable("postgres", &kind), row.get("nullable")),
        )
    };
    rows.iter().map(column).collect()
}

/// The names of our own indexes: those that a constraint makes are named by the engine.
async fn sqlite_indexes(conn: &mut SqliteConnection) -> BTreeSet<String> {
    let query = sqlx::query_scalar("SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL");
    query.fetch_all(conn).await.unwrap().into_iter().collect()
}

#[test]
fn every_file_is_embedded_and_has_its_pair() {
    let embedded: BTreeSet<String> = CHANGES
        .iter()
        .map(|change| format!("{}.sql", change.name))
        .collect();
    for engine in ["postgres", "sqlite"] {
        let files: BTreeSet<String> = std::fs::read_dir(folder(engine))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        assert_eq!(files, embedded, "{engine}");
    }
    assert!(CHANGES.is_sorted_by(|before, after| before.version < after.version));
    for change in CHANGES {
        assert!(
            change.name.starts_with(&format!("{:04}_", change.version)),
            "{}",
            change.name
        );
    }
}

#[tokio::test]
async fn fleet_the_schemas_are_the_same() {
    let (_database, mut pg) = server().await;
    let mut lite = memory().await;
    migrations::sqlite_with(&mut lite, CHANGES).await.unwrap();
    let (postgres, sqlite) = (postgres_schema(&mut pg).await, sqlite_schema(&mut lite).await);
    for (column, kind) in &postgres {
        assert_eq!(sqlite.get(column), Some(kind), "{column:?} on SQLite");
    }
    assert_eq!(postgres.len(), sqlite.len(), "SQLite has more columns");
    assert!(
        postgres.len() > 100,
        "{} columns are all there are?",
        postgres.len()
    );
    let query = sqlx::query_scalar(
        "SELECT indexname::text FROM pg_indexes WHERE schemaname = 'public' AND indexname LIKE '%\\_idx'",
    );
    let indexes: BTreeSet<String> = query.fetch_all(&mut pg).await.unwrap().into_iter().collect();
    assert_eq!(indexes, sqlite_indexes(&mut lite).await);
}

#[tokio::test]
async fn a_file_is_migrated_once() {
    let mut conn = memory().await;
    let first = migrations::sqlite_with(&mut conn, &CHANGES[..2]).await.unwrap();
    assert_eq!((first.made, first.version), (2, 2));
    let rest = migrations::sqlite_with(&mut conn, CHANGES).await.unwrap();
    assert_eq!(rest.made, CHANGES.len() - 2);
    assert_eq!(migrations::sqlite_with(&mut conn, CHANGES).await.unwrap().made, 0);
    // The release before finds more than it knows, and goes on.
    let older = migrations::sqlite_with(&mut conn, &CHANGES[..2]).await.unwrap();
    assert_eq!((older.made, older.version), (0, rest.version));
}

#[tokio::test]
async fn an_altered_migration_is_refused() {
    let mut conn = memory().await;
    migrations::sqlite_with(&mut conn, CHANGES).await.unwrap();
    let refused = migrations::sqlite_with(&mut conn, &[ALTERED]).await.unwrap_err();
    assert!(
        matches!(&refused, MigrationError::Altered { name } if name == CHANGES[0].name),
        "{refused:?}"
    );
    assert!(
        refused.to_string().contains("put the released file back"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_failed_migration_leaves_nothing() {
    let mut conn = memory().await;
    let all: Vec<Change> = CHANGES.iter().copied().chain([WRONG]).collect();
    let failed = migrations::sqlite_with(&mut conn, &all).await.unwrap_err();
    assert!(
        matches!(&failed, MigrationError::Failed { name, .. } if name == WRONG.name),
        "{failed:?}"
    );
    assert!(sqlite_schema(&mut conn).await.is_empty());
    assert_eq!(
        migrations::sqlite_with(&mut conn, CHANGES).await.unwrap().made,
        CHANGES.len()
    );
}

#[tokio::test]
async fn fleet_an_altered_migration_is_refused() {
    let (_database, mut conn) = server().await;
    let refused = migrations::postgres_with(&mut conn, &[ALTERED])
        .await
        .unwrap_err();
    assert!(
        matches!(&refused, MigrationError::Altered { name } if name == CHANGES[0].name),
        "{refused:?}"
    );
    // The lock was given back.
    assert_eq!(
        migrations::postgres_with(&mut conn, CHANGES).await.unwrap().made,
        0
    );
}

#[tokio::test]
async fn fleet_a_failed_migration_leaves_nothing() {
    let (_database, mut conn) = server().await;
    let all: Vec<Change> = CHANGES.iter().copied().chain([WRONG]).collect();
    let failed = migrations::postgres_with(&mut conn, &all).await.unwrap_err();
    assert!(
        matches!(&failed, MigrationError::Failed { name, .. } if name == WRONG.name),
        "{failed:?}"
    );
    let half: Option<String> = sqlx::query_scalar("SELECT to_regclass('half')::text")
        .fetch_one(&mut conn)
        .await
        .unwrap();
    assert_eq!(half, None);
}

#[tokio::test]
async fn fleet_an_invalid_index_is_refused() {
    let (_database, mut conn) = server().await;
    sqlx::raw_sql(
        "INSERT INTO people (id, created_at) SELECT gen_random_uuid(), now() FROM generate_series(1, 2)",
    )
    .execute(&mut conn)
    .await
    .unwrap();
    let failed = sqlx::raw_sql("CREATE UNIQUE INDEX CONCURRENTLY broken_idx ON people (created_at)");
    assert!(failed.execute(&mut conn).await.is_err());
    let refused = migrations::postgres_with(&mut conn, CHANGES).await.unwrap_err();
    assert!(
        matches!(&refused, MigrationError::InvalidIndex { index } if index == "broken_idx"),
        "{refused:?}"
    );
    sqlx::raw_sql("DROP INDEX broken_idx")
        .execute(&mut conn)
        .await
        .unwrap();
    migrations::postgres_with(&mut conn, CHANGES).await.unwrap();
}

/// Also while one of them builds an index concurrently, which waits for every older snapshot.
#[tokio::test(flavor = "multi_thread")]
async fn fleet_many_starts_at_once_migrate_once() {
    const INDEX: Change = Change {
        version: 9002,
        name: "9002_index",
        postgres: "-- no-transaction\nCREATE INDEX CONCURRENTLY late_idx ON people (created_at)",
        sqlite: "",
    };
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("0900_empty.sql"), "SELECT 1").unwrap();
    let database = Database::create(folder.path()).await.unwrap();
    let starts = (0..6).map(|_| async {
        let mut conn = PgConnection::connect(&database.url()).await.unwrap();
        let all: Vec<Change> = CHANGES.iter().copied().chain([INDEX]).collect();
        migrations::postgres_with(&mut conn, &all).await.unwrap().made
    });
    let made: usize = futures_util::future::join_all(starts).await.into_iter().sum();
    assert_eq!(made, CHANGES.len() + 1);
}

/// A process of the previous release has the guild, and comes to the other tables after the change has begun.
#[tokio::test(flavor = "multi_thread")]
async fn fleet_a_case_that_is_being_opened_goes_before_a_change() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("0900_empty.sql"), "SELECT 1").unwrap();
    let database = Database::create(folder.path()).await.unwrap();
    let (before, _) = CHANGES.split_at(CHANGES.partition_point(|change| change.version < 143));
    let mut next = PgConnection::connect(&database.url()).await.unwrap();
    migrations::postgres_with(&mut next, before).await.unwrap();

    let mut previous = PgConnection::connect(&database.url()).await.unwrap();
    let mut case = previous.begin().await.unwrap();
    sqlx::raw_sql("SELECT id FROM guilds FOR NO KEY UPDATE")
        .execute(&mut *case)
        .await
        .unwrap();
    let change = tokio::spawn(async move { migrations::postgres_with(&mut next, CHANGES).await });
    let waits = "SELECT COUNT(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database \
        WHERE d.datname = current_database() AND NOT l.granted";
    while sqlx::query_scalar::<_, i64>(waits)
        .fetch_one(&mut *case)
        .await
        .unwrap()
        == 0
    {
        tokio::task::yield_now().await;
    }
    for table in [
        "cases",
        "case_events",
        "sanctions",
        "audit_log",
        "audit_pii",
        "outbox",
    ] {
        let taken = format!("LOCK TABLE {table} IN ROW EXCLUSIVE MODE");
        sqlx::raw_sql(AssertSqlSafe(taken))
            .execute(&mut *case)
            .await
            .unwrap();
    }
    case.commit().await.unwrap();
    let made = change.await.unwrap().unwrap().made;
    assert_eq!(made, CHANGES.len() - before.len());
}
