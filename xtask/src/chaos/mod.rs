//! `cargo xtask chaos`: kills and breaks what runs, and checks that it kept its word.

mod account;
mod bus;
mod disk;
mod model;
mod process;
mod system;
mod verdict;
mod world;

use anyhow::{Context as _, Result};
use lockdown_testkit::server::interrupt::{Interrupt, Interrupted};
use std::process::ExitCode;

/// What a shell says of a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

#[derive(clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Without a word: LOCKDOWN, Redis and Postgres are killed in turn while people talk. The account says how many \
    hits have no verdict, sanction or end (`lost`), how many more than one (`doubled`), and what is left to do."
)]
pub(crate) struct Args {
    /// The whole system, for so many minutes
    #[arg(long, default_value_t = 2.0)]
    minutes: f64,
    /// Messages a second, of which one in twenty is against the rules
    #[arg(long, default_value_t = 1_000)]
    rate: u32,
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(clap::Subcommand)]
enum What {
    /// Kill the bus's processes and its Redis with SIGKILL, and account for every acknowledged event
    Bus(bus::Args),
    /// Hold both engines to a small model of them, by random operations
    Model(model::Args),
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let interrupt = Interrupt::default();
    let raised = interrupt.clone();
    ctrlc::set_handler(move || raised.raise()).context("could not listen for Ctrl-C")?;
    let outcome = match &args.what {
        None => system::run(args.minutes, args.rate, &interrupt),
        Some(What::Bus(args)) => bus::run(args, &interrupt),
        Some(What::Model(args)) => model::run(args, &interrupt),
    };
    match outcome {
        Err(error) if error.is::<Interrupted>() => {
            eprintln!("interrupted: what was started is stopped");
            Ok(ExitCode::from(INTERRUPTED))
        }
        outcome => outcome,
    }
}
