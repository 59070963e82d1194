//! The project's own commands: `cargo xtask --help`.

mod bench;
mod chaos;
mod check;
mod contract;
mod coverage;
mod fuzz;
mod generate;
mod test;
mod workspace;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Checks, tests and measures LOCKDOWN")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Format, lints, docs, dependency directions, golden and generated files, licences
    Check(check::Args),
    /// Obtain Redis and Postgres and run the tests
    Test(test::Args),
    /// Which lines the tests reach, crate by crate
    Coverage(coverage::Args),
    /// Measure, each figure beside its goal
    Bench(bench::Args),
    /// Kill what runs, and account for what was promised
    Chaos(chaos::Args),
    /// Try random input until something breaks
    Fuzz(fuzz::Args),
    /// Write the files that are made from the code
    Generate,
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Check(args) => check::run(&args).map(|()| ExitCode::SUCCESS),
        Command::Test(args) => test::run(&args),
        Command::Coverage(args) => coverage::run(&args),
        Command::Bench(args) => bench::run(&args).map(|()| ExitCode::SUCCESS),
        Command::Chaos(args) => chaos::run(&args),
        Command::Fuzz(args) => fuzz::run(&args).map(|()| ExitCode::SUCCESS),
        Command::Generate => generate::run().map(|()| ExitCode::SUCCESS),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
