//! `cargo xtask check`: what must hold before a change lands, but for the tests.

mod api;
mod directions;
mod golden;
mod sql;

use crate::{generate, workspace};
use anyhow::{Result, bail};
use std::process::Command;
use std::time::Instant;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only this: try every route of a running backend with schemathesis, against docs/openapi.json (needs the network and python3)
    #[arg(long)]
    api: bool,
}

/// Runs every step, so that one run shows every fault, and fails when one failed.
pub(crate) fn run(args: &Args) -> Result<()> {
    if args.api {
        return api::run();
    }
    let root = workspace::root();
    let mut failed = Vec::new();
    let mut step = |name: &'static str, outcome: &mut dyn FnMut() -> Result<()>| {
        eprintln!("check: {name}");
        let started = Instant::now();
        match outcome() {
            Ok(()) => eprintln!("check: {name}: ok ({:.1} s)", started.elapsed().as_secs_f64()),
            Err(error) => {
                eprintln!("check: {name}: FAILED: {error:#}");
                failed.push(name);
            }
        }
    };

    step("format", &mut || {
        workspace::run(workspace::cargo().args(["fmt", "--all", "--check"]))
    });
    step("directions", &mut || {
        none(
            &directions::faults(&workspace::metadata()?)?,
            "see xtask/src/check/directions.rs",
        )
    });
    step("sql", &mut || {
        none(&sql::faults(&root)?, "see xtask/src/check/sql.rs")
    });
    step("golden files", &mut || {
        none(&golden::faults(&root)?, "see crates/events/tests/golden")
    });
    step("generated files", &mut || {
        let stale: Vec<String> = generate::stale()?.iter().map(ToString::to_string).collect();
        none(&stale, "run `cargo xtask generate`")
    });
    step("clippy", &mut || {
        let lints = [
            "clippy",
            "--quiet",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ];
        workspace::run(workspace::cargo().args(lints))
    });
    step("docs", &mut || {
        let docs = [
            "doc",
            "--quiet",
            "--workspace",
            "--no-deps",
            "--document-private-items",
        ];
        workspace::run(workspace::cargo().args(docs).env("RUSTDOCFLAGS", "-D warnings"))
    });
    if workspace::answers(Command::new("cargo").args(["deny", "--version"])) {
        step("deny", &mut || {
            // Advisories want the network: `just audit` asks for them.
            workspace::run(workspace::cargo().args([
                "deny",
                "--log-level",
                "error",
                "check",
                "bans",
                "licenses",
                "sources",
            ]))
        });
    } else {
        eprintln!(
            "check: deny: left out, since cargo-deny is not installed (cargo install --locked cargo-deny)"
        );
    }

    if failed.is_empty() {
        eprintln!("check: all is well");
        return Ok(());
    }
    bail!("{} failed", failed.join(", "))
}

fn none(faults: &[String], hint: &str) -> Result<()> {
    if faults.is_empty() {
        return Ok(());
    }
    for fault in faults {
        eprintln!("  {fault}");
    }
    bail!("{} found ({hint})", faults.len())
}
