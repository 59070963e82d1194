//! The embedded system as a whole: how large, how quick to start, how small at rest.

use super::{Figure, median};
use crate::workspace;
use anyhow::{Context, Result, bail};
use lockdown_testkit::server::scratch::Scratch;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

pub(super) fn run(quick: bool) -> Result<Vec<Figure>> {
    eprintln!("bench: building lockdown for release");
    workspace::run(workspace::cargo().args(["build", "--release", "--package", "lockdown"]))?;
    let binary = workspace::target()?.join("release/lockdown");
    let size = std::fs::metadata(&binary)
        .with_context(|| format!("could not look at {}", binary.display()))?
        .len();

    let rounds = if quick { 3 } else { 11 };
    let (mut starts, mut idle) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let (start, memory) = one(&binary)?;
        starts.push(start.as_secs_f64() * 1000.0);
        idle.push(memory);
    }
    let figure = |name: &str, unit, goal: &str, rounds: &mut Vec<f64>, good: fn(f64) -> bool| {
        let (value, spread) = median(rounds);
        Figure {
            figure: format!("whole.{name}"),
            value,
            spread,
            unit,
            goal: goal.to_owned(),
            ok: good(value),
        }
    };
    #[expect(
        clippy::cast_precision_loss,
        reason = "a file has fewer bytes than a float counts exactly"
    )]
    let megabytes = size as f64 / 1e6;
    Ok(vec![
        figure("binary_mb", "MB", "to compare", &mut vec![megabytes], |_| true),
        figure("start_ms", "ms", "to compare", &mut starts, |_| true),
        figure("idle_mib_embedded", "MiB", "to compare", &mut idle, |_| true),
    ])
}

/// One start: how long until it says that it is up, and its memory a moment later.
fn one(binary: &Path) -> Result<(Duration, f64)> {
    let scratch = Scratch::create(&std::env::temp_dir())?;
    let started = Instant::now();
    let mut child = Command::new(binary)
        .env_clear()
        .env("LOCKDOWN_HTTP_ADDR", "127.0.0.1:0")
        .current_dir(scratch.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("could not start {}", binary.display()))?;
    let mut first = String::new();
    let said = child
        .stdout
        .take()
        .map(|stdout| BufReader::new(stdout).read_line(&mut first));
    let start = started.elapsed();
    std::thread::sleep(Duration::from_millis(300));
    let memory = resident_mib(child.id());
    child.kill().context("could not stop lockdown")?;
    child.wait().context("could not wait for lockdown")?;
    if !matches!(said, Some(Ok(length)) if length > 0) {
        bail!("lockdown did not say that it is up");
    }
    Ok((start, memory?))
}

fn resident_mib(pid: u32) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))
        .context("could not read a process's memory")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .context("the system tells no VmRSS")?;
    let kib: f64 = line
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .context("VmRSS is no number")?;
    Ok(kib / 1024.0)
}
