//! What pgbench does on the same server: one transaction that inserts as many rows as a case has, of the same size, into
//! a table with nothing but a key. Reading, locking, counting, chaining and every index are ours to pay for.

use crate::server::Server;
use anyhow::{Context as _, ensure};
use std::time::Duration;

/// The tables that a case writes a row to.
const TABLES: &[&str] = &[
    "cases",
    "case_events",
    "sanctions",
    "audit_log",
    "audit_pii",
    "outbox",
];
/// What Postgres keeps of a row before its values, and the key of ours.
const HEAD: usize = 32;

pub(crate) struct Yardstick {
    script: tempfile::NamedTempFile,
    /// Of each row.
    sizes: Vec<usize>,
}

// === impl Yardstick ===

impl Yardstick {
    /// Looks at what a case has written, and writes a script that writes as much.
    pub(crate) fn make(server: &Server) -> anyhow::Result<Self> {
        server.run("CREATE TABLE yardstick (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body TEXT NOT NULL);")?;
        let mut sizes = Vec::new();
        for table in TABLES {
            let size = server.run(&format!(
                "SELECT CAST(AVG(pg_column_size(t.*)) AS BIGINT) FROM (SELECT * FROM {table} ORDER BY ctid DESC \
                 LIMIT 100) t;"
            ))?;
            let size = size.trim().parse();
            sizes.push(size.with_context(|| format!("a case wrote nothing to {table}"))?);
        }
        let mut text = String::from("BEGIN;\n");
        for size in &sizes {
            let body = "x".repeat(usize::saturating_sub(*size, HEAD));
            text += &format!("INSERT INTO yardstick (body) VALUES ('{body}');\n");
        }
        text += "COMMIT;\n";
        let script = tempfile::NamedTempFile::new().context("could not make a file")?;
        std::fs::write(script.path(), text).context("could not write pgbench's script")?;
        Ok(Self { script, sizes })
    }

    pub(crate) fn rows(&self) -> usize {
        self.sizes.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.sizes.iter().sum()
    }

    /// Transactions a second.
    pub(crate) fn rate(&self, server: &Server, clients: u32, time: Duration) -> anyhow::Result<f64> {
        let mut pgbench = server.program("pgbench")?;
        pgbench
            .args(["--no-vacuum", "--protocol=prepared", "--jobs=2", "--file"])
            .arg(self.script.path())
            .args(["--time", &time.as_secs().max(1).to_string()])
            .args(["--client", &clients.to_string()]);
        let output = pgbench.output().context("could not start pgbench")?;
        let text = String::from_utf8_lossy(&output.stdout);
        ensure!(
            output.status.success(),
            "pgbench failed ({}): {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
        let rate = text
            .split_once("tps = ")
            .and_then(|(_, rest)| rest.split_whitespace().next())
            .and_then(|rate| rate.parse().ok());
        rate.with_context(|| format!("pgbench said `{}`", text.trim()))
    }
}
