//! Reads of one thing as fast as they go, by a tool that is not ours.

use crate::serve::{Served, TOKEN};
use anyhow::{Context as _, bail};
use serde_json::Value;
use std::path::PathBuf;
use std::time::Duration;
use tokio::process::Command;

/// Where `cargo xtask bench` found it.
const VARIABLE: &str = "LOCKDOWN_BENCH_LOAD";
/// Who asks at the same time.
const CONNECTIONS: &str = "32";

/// `oha` or `wrk`.
pub(crate) struct Tool(PathBuf);

// === impl Tool ===

impl Tool {
    pub(crate) fn find() -> anyhow::Result<Self> {
        #[expect(clippy::disallowed_methods, reason = "a bench has no configuration")]
        let path = std::env::var_os(VARIABLE);
        let path =
            path.with_context(|| format!("{VARIABLE} names no oha or wrk: run `cargo xtask bench api`"))?;
        Ok(Self(path.into()))
    }

    fn is_oha(&self) -> bool {
        self.0.file_name().is_some_and(|name| name == "oha")
    }

    /// Answers a second.
    pub(crate) async fn reads(&self, from: &Served, path: &str, during: Duration) -> anyhow::Result<f64> {
        let (url, bearer) = (
            format!("http://{}{path}", from.addr),
            format!("Authorization: Bearer {TOKEN}"),
        );
        let seconds = format!("{}s", during.as_secs().max(1));
        let mut command = Command::new(&self.0);
        if self.is_oha() {
            command.args([
                "--no-tui",
                "--output-format",
                "json",
                "-c",
                CONNECTIONS,
                "-z",
                &seconds,
            ]);
        } else {
            command.args(["-t", "1", "-c", CONNECTIONS, "-d", &seconds]);
        }
        let output = command.args(["-H", &bearer, &url]).output().await;
        let output = output.with_context(|| format!("could not run {}", self.0.display()))?;
        let text = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            bail!(
                "{} failed: {}",
                self.0.display(),
                String::from_utf8_lossy(&output.stderr)
            );
        }
        let read = if self.is_oha() {
            of_oha(&text)
        } else {
            of_wrk(&text)
        };
        read.with_context(|| format!("{} said:\n{text}", self.0.display()))
    }
}

fn of_oha(text: &str) -> anyhow::Result<f64> {
    let said: Value = serde_json::from_str(text).context("it is no JSON")?;
    let codes = said["statusCodeDistribution"].as_object();
    if codes.is_none_or(|codes| codes.len() != 1 || !codes.contains_key("200")) {
        bail!("not every answer was a good one");
    }
    said["summary"]["requestsPerSec"]
        .as_f64()
        .context("it tells no rate")
}

fn of_wrk(text: &str) -> anyhow::Result<f64> {
    if text.contains("Non-2xx") || text.contains("Socket errors") {
        bail!("not every answer was a good one");
    }
    let rate = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("Requests/sec:"));
    rate.context("it tells no rate")?
        .trim()
        .parse()
        .context("its rate is no number")
}
