//! `cargo xtask chaos model`: the model test of the bus over many seeds.

use crate::test;
use anyhow::Result;
use lockdown_testkit::server::interrupt::Interrupt;
use std::process::ExitCode;

#[derive(clap::Args)]
#[command(after_help = "A seed that fails is named, with the command that runs it alone.")]
pub(crate) struct Args {
    /// How many random histories, for each engine
    #[arg(long, default_value_t = 10_000)]
    seeds: u64,
    /// The first of them
    #[arg(long, default_value_t = 0)]
    from: u64,
}

pub(super) fn run(args: &Args, interrupt: &Interrupt) -> Result<ExitCode> {
    let seeds = format!("{}..{}", args.from, args.from + args.seeds);
    test::run_with(
        &["engine_follows_the_model"],
        &["-p", "lockdown-bus", "--no-capture"],
        &[
            ("LOCKDOWN_MODEL_SEEDS", seeds),
            ("NEXTEST_PROFILE", "chaos".to_owned()),
        ],
        interrupt,
    )
}
