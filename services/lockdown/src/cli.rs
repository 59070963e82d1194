//! The words that an operator types. A command appears here when it works.

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use std::process::ExitCode;

#[derive(Parser)]
#[command(
    name = "lockdown",
    version,
    about = "Moderates communities on Discord and Telegram",
    after_help = "Without a command, `lockdown` is `lockdown up`. Settings are environment variables, or lines of a \
                  file named .env; .env.example has them all."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Run everything in this process until it is told to stop
    Up,
    /// Look at the configuration
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Bring the database's schema up to date, and start nothing
    Migrate,
    /// Print completions for a shell
    Completions {
        #[arg(value_enum)]
        shell: Shell,
    },
}

#[derive(Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print what is in force and where it comes from, secrets hidden
    Check {
        /// One JSON document, for programs
        #[arg(long)]
        json: bool,
    },
}

pub(crate) fn completions(shell: Shell) -> ExitCode {
    clap_complete::generate(shell, &mut Cli::command(), "lockdown", &mut std::io::stdout());
    ExitCode::SUCCESS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_tree_is_sound() {
        Cli::command().debug_assert();
    }
}
