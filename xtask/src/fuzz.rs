//! `cargo xtask fuzz`: random input until something breaks or the time is over.

use crate::workspace;
use anyhow::{Context, Result, bail};
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
    /// Any text, read and searched
    Text,
    /// Any bytes as a rule file, which then judges
    Rules,
    /// Any events, judged, explained and replayed
    Evaluator,
}

// === impl Target ===

impl Target {
    fn name(self) -> &'static str {
        match self {
            Self::Envelope => "envelope",
            Self::Text => "text",
            Self::Rules => "rules",
            Self::Evaluator => "evaluator",
        }
    }

    fn krate(self) -> &'static str {
        match self {
            Self::Envelope => "crates/events",
            Self::Text | Self::Rules | Self::Evaluator => "crates/policy",
        }
    }
}

pub(crate) fn run(args: &Args) -> Result<()> {
    if !workspace::answers(Command::new("cargo").args(["fuzz", "--version"])) {
        bail!("cargo-fuzz is not installed: run `cargo install --locked cargo-fuzz`, then this again");
    }
    let folder = workspace::root().join(args.target.krate());
    // New finds go beside the build; the kept corpus is only read, and grows by hand with what is worth keeping.
    let found = workspace::target()?.join("fuzz-corpus").join(args.target.name());
    std::fs::create_dir_all(&found).with_context(|| format!("could not make {}", found.display()))?;
    let kept = folder.join("fuzz/corpus").join(args.target.name());
    let seconds = format!("-max_total_time={}", args.minutes * 60);
    let mut fuzz = Command::new("cargo");
    // The sanitizers that the fuzzer needs are still behind a gate of the stable compiler.
    fuzz.current_dir(&folder)
        .env("RUSTC_BOOTSTRAP", "1")
        .args(["fuzz", "run", args.target.name()]);
    fuzz.args([&found, &kept])
        .args(["--", &seconds, "-max_len=8192", "-timeout=10"]);
    workspace::run(&mut fuzz)
}
