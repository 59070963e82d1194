//! LOCKDOWN in one process, and the operator's commands.

mod audit;
mod cli;
mod config_check;
mod dead_letters;
#[cfg(feature = "demo")]
mod demo;
mod detect;
mod doctor;
mod events;
mod migrate;
mod outbox;
mod person;
mod retention;
mod rules;
mod select;
mod sign_in;
mod token;
mod up;

use clap::Parser;
use cli::{Cli, Command, ConfigCommand};
use std::process::ExitCode;

fn main() -> ExitCode {
    match Cli::parse().command.unwrap_or(Command::Up) {
        Command::Up => up::run(),
        #[cfg(feature = "demo")]
        Command::Demo(demo) => demo::run(&demo),
        Command::Config {
            command: ConfigCommand::Check { json },
        } => config_check::run(json),
        Command::Doctor { json } => doctor::run(json),
        Command::Migrate => migrate::run(),
        Command::DeadLetters { command } => dead_letters::run(command),
        Command::Events { command } => events::run(command),
        Command::Outbox { command } => outbox::run(command),
        Command::Audit { command } => audit::run(command),
        Command::Person { command } => person::run(command),
        Command::Retention { command } => retention::run(command),
        Command::Rules { command } => rules::run(command),
        Command::SignIn { command } => sign_in::run(command),
        Command::Token { command } => token::run(command),
        Command::Detect { command } => detect::run(command),
        Command::Completions { shell } => cli::completions(shell),
    }
}
