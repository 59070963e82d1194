//! The words that an operator types. A command appears here when it works.

use chrono::Utc;
use clap::builder::PossibleValuesParser;
use clap::{Args, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use lockdown_moderation::{Right, Span, Term};
use lockdown_runtime::{Clock, chain};
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
    /// Make, list and revoke the tokens that programs use the API with
    Token {
        #[command(subcommand)]
        command: TokenCommand,
    },
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

#[derive(Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token, and print its secret: this once, since only a hash of it is kept
    Create(Create),
    /// Print every token there was, without the secrets
    List {
        /// One JSON document, for programs
        #[arg(long)]
        json: bool,
    },
    /// From now on the token opens nothing
    Revoke {
        /// Its id, its name, or how its secret begins
        token: String,
        /// One JSON document, for programs
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args)]
pub(crate) struct Create {
    /// What records call it; a name is given once, and not again after it was revoked
    #[arg(value_parser = token_name)]
    pub(crate) name: String,
    /// What it may do; without any, it sees and does nothing
    #[arg(long = "scope", value_delimiter = ',', value_parser = scopes())]
    pub(crate) scopes: Vec<String>,
    /// The community that it is for, by the name in its address; all of them without
    #[arg(long)]
    pub(crate) community: Option<String>,
    /// How long it is good for: 90d, 1y, 2027-01-01, forever
    #[arg(long, value_parser = expiry, default_value = "forever")]
    pub(crate) expires: Term,
    /// One JSON document, for programs
    #[arg(long)]
    pub(crate) json: bool,
}

/// For the word that stands for every scope.
pub(crate) const ALL_SCOPES: &str = "all";
const LONGEST_NAME: usize = 64;

fn scopes() -> PossibleValuesParser {
    PossibleValuesParser::new(Right::ALL.into_iter().map(Right::as_str).chain([ALL_SCOPES]))
}

fn token_name(text: &str) -> Result<String, String> {
    let sound = text == text.trim()
        && !text.is_empty()
        && text.chars().count() <= LONGEST_NAME
        && !text.chars().any(char::is_control);
    sound.then(|| text.to_owned()).ok_or_else(|| {
        format!("a name has 1 to {LONGEST_NAME} characters, none of them a control character, and no blanks around it")
    })
}

fn expiry(text: &str) -> Result<Term, String> {
    Term::parse(text, Clock::system().now(), &Utc, Span::LONGEST).map_err(|error| chain(&error))
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

    #[test]
    fn a_name_is_what_a_record_can_show() {
        for wrong in ["", " ci", "a\nb", "\u{7}", &"x".repeat(65)] {
            assert!(token_name(wrong).is_err(), "{wrong:?}");
        }
        for right in ["ci", "Бот дежурных", &"ж".repeat(64)] {
            assert_eq!(token_name(right).as_deref(), Ok(right));
        }
    }

    #[test]
    fn an_expiry_lies_ahead() {
        assert!(matches!(expiry("90d"), Ok(Term::Until(_))));
        assert_eq!(expiry("forever"), Ok(Term::Forever));
        for wrong in ["soon", "-1d", "2001-01-01", ""] {
            assert!(expiry(wrong).is_err(), "{wrong:?}");
        }
    }
}
