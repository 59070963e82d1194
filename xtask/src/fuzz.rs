//! `cargo xtask fuzz`: random input until something breaks or the time is over.

use crate::workspace;
use anyhow::{Result, bail};
use std::process::Command;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// What to fuzz
    #[arg(value_enum, default_value_t = Target::Envelope)]
    target: Target,
    /// How long
    #[arg(long, default_value_t = 10)]
    minutes: u64,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Target {
    /// Any bytes as an envelope
    Envelope,
}

// === impl Target ===

impl Target {
    fn name(self) -> &'static str {
        match self {
            Self::Envelope => "envelope",
        }
    }

    fn krate(self) -> &'static str {
        match self {
            Self::Envelope => "crates/events",
        }
    }
}

pub(crate) fn run(args: &Args) -> Result<()> {
    if !workspace::answers(Command::new("cargo").args(["fuzz", "--version"])) {
        bail!("cargo-fuzz is not installed: run `cargo install --locked cargo-fuzz`, then this again");
    }
    let folder = workspace::root().join(args.target.krate());
    let fuzz = |words: &[&str]| {
        let mut command = Command::new("cargo");
        // The sanitizers that the fuzzer needs are still behind a gate of the stable compiler.
        command
            .current_dir(&folder)
            .env("RUSTC_BOOTSTRAP", "1")
            .arg("fuzz")
            .args(words);
        workspace::run(&mut command)
    };
    let seconds = format!("-max_total_time={}", args.minutes * 60);
    fuzz(&[
        "run",
        args.target.name(),
        "--",
        &seconds,
        "-max_len=8192",
        "-timeout=10",
    ])?;
    // What covers nothing new is dropped, so that the kept corpus stays small.
    fuzz(&["cmin", args.target.name()])
}
