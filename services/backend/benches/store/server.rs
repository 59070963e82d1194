//! The Postgres of this run, with the programs that came with it, and SQLite's file.

use crate::million;
use anyhow::{Context as _, ensure};
use lockdown_store::Store;
use lockdown_testkit::servers::{self, PostgresOptions, PostgresServer};
use std::io::Write as _;
use std::process::{Command, Stdio};
use url::Url;

/// As a server is run whose data matter: the tests' own forces nothing to the disk.
const DURABLE: &[(&str, &str)] = &[
    ("fsync", "on"),
    ("full_page_writes", "on"),
    ("wal_level", "replica"),
    ("max_wal_senders", "10"),
    ("shared_buffers", "256MB"),
    // A checkpoint in one round and not in the next would compare nothing.
    ("checkpoint_timeout", "30min"),
    ("max_wal_size", "8GB"),
];

pub(crate) struct Server(PostgresServer);

/// A store in a file, with its million.
pub(crate) struct File {
    pub(crate) store: Store,
    /// Removed with this.
    _folder: tempfile::TempDir,
}

// === impl Server ===

impl Server {
    pub(crate) fn start() -> anyhow::Result<Self> {
        let settings = DURABLE
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()));
        let options = PostgresOptions {
            settings: settings.collect(),
        };
        Ok(Self(servers::postgres_private_with(options)))
    }

    pub(crate) fn url(&self) -> String {
        self.0.url()
    }

    /// Runs statements, and says what they answer: a line a row, columns with `|` between them.
    pub(crate) fn run(&self, statements: &str) -> anyhow::Result<String> {
        let mut psql = self.program("psql")?;
        psql.args(["-qAtX", "-v", "ON_ERROR_STOP=1", "-f", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = psql.spawn().context("could not start psql")?;
        let mut to = child.stdin.take().context("psql takes nothing")?;
        to.write_all(statements.as_bytes())
            .context("psql did not take everything")?;
        drop(to);
        let output = child.wait_with_output().context("could not wait for psql")?;
        ensure!(output.status.success(), "psql failed ({})", output.status);
        String::from_utf8(output.stdout).context("psql did not print text")
    }

    /// A program of this server's own version, on its way to this server.
    pub(crate) fn program(&self, name: &str) -> anyhow::Result<Command> {
        let program = servers::postgres_binaries().join(name);
        ensure!(
            program.exists(),
            "{} is missing: install the package that has it (postgresql-contrib, where it is not with the server)",
            program.display()
        );
        let url = Url::parse(&self.url()).context("the server's address is none")?;
        let mut command = Command::new(program);
        command
            .env("PGHOST", url.host_str().unwrap_or_default())
            .env("PGPORT", url.port().unwrap_or_default().to_string())
            .env("PGUSER", url.username())
            .env("PGPASSWORD", url.password().unwrap_or_default())
            .env("PGDATABASE", url.path().trim_start_matches('/'));
        Ok(command)
    }
}

// === impl File ===

impl File {
    pub(crate) async fn make() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir_in(servers::directory()).context("could not make a folder")?;
        let path = folder.path().join("lockdown.db");
        // Opened once, so that its tables are there.
        Store::open_sqlite(&path).await?.0.close().await;
        let file = rusqlite::Connection::open(&path).context("could not open the file")?;
        file.execute_batch(&million::script(million::Engine::Sqlite))
            .context("could not fill the file")?;
        file.close().map_err(|(_, error)| error)?;
        Ok(Self {
            store: Store::open_sqlite(&path).await?.0,
            _folder: folder,
        })
    }
}
