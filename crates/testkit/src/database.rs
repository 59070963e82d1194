//! A Postgres database for one test, copied from a template that the migrations made once.

use crate::servers;
use anyhow::{Context as _, Result, ensure};
use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A database of the test's own, dropped with this value.
pub struct Database {
    server: String,
    name: String,
}

/// The migrations of the store.
pub fn migrations() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations/postgres")
}

// === impl Database ===

impl Database {
    /// A copy of what the migrations in `folder` make. The first to ask makes the template, whoever else asks at the
    /// same time, in this process or another, waits for it.
    pub async fn create(folder: &Path) -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let server = servers::postgres_url();
        let scripts = scripts(folder)?;
        let template = template_name(&scripts);
        let mut connection = PgConnection::connect(&server)
            .await
            .context("could not reach the tests' Postgres")?;

        // Held until the connection closes. Copying needs it too: a template with a session cannot be copied.
        connection
            .execute("SELECT pg_advisory_lock(715501001)")
            .await
            .context("could not take the lock")?;
        let exists =
            sqlx::query("SELECT 1 FROM pg_database WHERE datname = $1 AND datistemplate").bind(&template);
        if exists
            .fetch_optional(&mut connection)
            .await
            .context("could not look for the template")?
            .is_none()
        {
            make_template(&mut connection, &server, &template, folder).await?;
        }
        let name = format!(
            "test_{}_{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        statement(
            &mut connection,
            &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
        )
        .await?;
        statement(
            &mut connection,
            &format!("CREATE DATABASE {name} TEMPLATE {template}"),
        )
        .await?;
        connection
            .close()
            .await
            .context("could not close the connection")?;
        Ok(Self { server, name })
    }

    /// For `DATABASE_URL`.
    pub fn url(&self) -> String {
        with_database(&self.server, &self.name)
    }

    /// Runs statements behind the back of whoever uses the database.
    pub async fn execute(&self, statements: &str) -> Result<()> {
        let mut connection = PgConnection::connect(&self.url())
            .await
            .context("could not reach the test's database")?;
        statement(&mut connection, statements).await?;
        connection.close().await.context("could not close the connection")
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (server, name) = (self.server.clone(), self.name.clone());
        // A test's runtime cannot be waited on from within; one of its own can.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(async {
                let mut connection = PgConnection::connect(&server).await?;
                statement(
                    &mut connection,
                    &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
                )
                .await
            })
        });
        // The server may be gone, killed by the test; then so is the database.
        if let Ok(Err(error)) = dropped.join() {
            eprintln!("the test's database {} stays behind: {error:#}", self.name);
        }
    }
}

/// The migrations in their order, which is that of their names.
fn scripts(folder: &Path) -> Result<Vec<String>> {
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("could not list {}", folder.display()))?;
    let mut paths = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<Vec<PathBuf>>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "sql"));
    paths.sort();
    ensure!(!paths.is_empty(), "there is no migration in {}", folder.display());
    let read = |path: PathBuf| {
        std::fs::read_to_string(&path).with_context(|| format!("could not read {}", path.display()))
    };
    paths.into_iter().map(read).collect()
}

/// Other migrations, another template: one that a changed migration left behind is never used.
fn template_name(scripts: &[String]) -> String {
    let mut hasher = DefaultHasher::new();
    scripts.hash(&mut hasher);
    format!("lockdown_template_{:016x}", hasher.finish())
}

async fn make_template(connection: &mut PgConnection, server: &str, name: &str, folder: &Path) -> Result<()> {
    // One that was left half made is no template yet.
    statement(
        connection,
        &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
    )
    .await?;
    statement(connection, &format!("CREATE DATABASE {name} TEMPLATE template0")).await?;
    let mut inside = PgConnection::connect(&with_database(server, name))
        .await
        .context("could not reach the template")?;
    // As the store itself does, so that it finds its migrations done.
    Migrator::new(folder)
        .await
        .context("could not read the migrations")?
        .run_direct(None, &mut inside, false)
        .await
        .context("could not run the migrations")?;
    inside.close().await.context("could not close the template")?;
    statement(connection, &format!("ALTER DATABASE {name} IS_TEMPLATE true")).await
}

async fn statement(connection: &mut PgConnection, text: &str) -> Result<()> {
    let shown: String = text.chars().take(80).collect();
    // Names of our own making and the repository's own migrations; nothing from outside comes here.
    sqlx::raw_sql(AssertSqlSafe(text.to_owned()))
        .execute(connection)
        .await
        .with_context(|| format!("could not run {shown}"))?;
    Ok(())
}

fn with_database(url: &str, name: &str) -> String {
    let (head, query) = url
        .split_once('?')
        .map_or((url, String::new()), |(head, query)| (head, format!("?{query}")));
    let authority = head.find("://").map_or(0, |at| at + 3);
    let end = head[authority..]
        .find('/')
        .map_or(head.len(), |at| authority + at);
    format!("{}/{name}{query}", &head[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_database_of_an_address_is_replaced() {
        for (url, expected) in [
            (
                "postgres://u:p@127.0.0.1:5432/postgres",
                "postgres://u:p@127.0.0.1:5432/x",
            ),
            ("postgres://u:p@127.0.0.1:5432", "postgres://u:p@127.0.0.1:5432/x"),
            (
                "postgres://u@h/db?sslmode=disable",
                "postgres://u@h/x?sslmode=disable",
            ),
        ] {
            assert_eq!(with_database(url, "x"), expected);
        }
    }

    #[test]
    fn another_migration_is_another_template() {
        let one = template_name(&["CREATE TABLE a()".to_owned()]);
        assert_eq!(one, template_name(&["CREATE TABLE a()".to_owned()]));
        assert_ne!(one, template_name(&["CREATE TABLE b()".to_owned()]));
    }

    async fn count(url: &str, text: &'static str) -> i64 {
        let mut connection = PgConnection::connect(url).await.unwrap();
        sqlx::query_scalar(text).fetch_one(&mut connection).await.unwrap()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn fleet_each_test_has_a_database_of_its_own() {
        let folder = servers::directory().join(format!("migrations-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(
            folder.join("0002_fill.sql"),
            "INSERT INTO cases VALUES (1); INSERT INTO cases VALUES (2);",
        )
        .unwrap();
        std::fs::write(
            folder.join("0001_core.sql"),
            "CREATE TABLE cases (number BIGINT PRIMARY KEY);",
        )
        .unwrap();

        let (first, second, third) = tokio::join!(
            Database::create(&folder),
            Database::create(&folder),
            Database::create(&folder)
        );
        let (first, second, third) = (first.unwrap(), second.unwrap(), third.unwrap());
        count(&first.url(), "INSERT INTO cases VALUES (3) RETURNING number").await;
        assert_eq!(count(&first.url(), "SELECT COUNT(*) FROM cases").await, 3);
        assert_eq!(count(&second.url(), "SELECT COUNT(*) FROM cases").await, 2);
        assert_eq!(count(&third.url(), "SELECT COUNT(*) FROM cases").await, 2);

        let server = servers::postgres_url();
        let name = first.name.clone();
        drop(first);
        let mut connection = PgConnection::connect(&server).await.unwrap();
        let left = sqlx::query("SELECT 1 FROM pg_database WHERE datname = $1").bind(&name);
        assert!(
            left.fetch_optional(&mut connection).await.unwrap().is_none(),
            "{name} was not dropped"
        );
    }
}
