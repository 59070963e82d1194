//! `cargo xtask test`: real servers around the test run.

use std::process::ExitCode;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only tests whose name contains this
    filters: Vec<String>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let status = std::process::Command::new("cargo")
        .args(["nextest", "run"])
        .args(&args.filters)
        .status()?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
