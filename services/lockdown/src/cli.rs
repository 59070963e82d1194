//! The words that an operator types. A command appears here when it works.

use crate::dead_letters::DeadLettersCommand;
use crate::events::EventsCommand;
use crate::outbox::OutboxCommand;
use crate::sign_in::SignInCommand;
use chrono::Utc;
use clap::builder::PossibleValuesParser;
use clap::{ArgGroup, Args, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use lockdown_backend::{ACCOUNT, Scope};
use lockdown_events::{GuildId, Platform, UserId};
use lockdown_moderation::{Span, Term};
use lockdown_runtime::{Clock, chain};
use lockdown_store::privacy::{Keep, RetentionKind};
use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

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
    /// Show it all with a made-up community, without any account, token or server
    #[cfg(feature = "demo")]
    Demo(Demo),
    /// Look at the configuration
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Say what is lacking, and what to do about it: connections, intents, permissions
    Doctor {
        /// One JSON document, for programs
        #[arg(long)]
        json: bool,
    },
    /// Bring the database's schema up to date, and start nothing
    Migrate,
    /// Make, list and revoke the tokens that programs use the API with
    Token {
        #[command(subcommand)]
        command: TokenCommand,
    },
    /// Let people sign in to the dashboard
    SignIn {
        #[command(subcommand)]
        command: SignInCommand,
    },
    /// Show that nobody changed who did what
    Audit {
        #[command(subcommand)]
        command: AuditCommand,
    },
    /// What is kept about one person
    Person {
        #[command(subcommand)]
        command: PersonCommand,
    },
    /// What happened: as it happens, as it was kept, and handed to a consumer again
    Events {
        #[command(subcommand)]
        command: EventsCommand,
    },
    /// Events that were given up, with what went wrong
    DeadLetters {
        #[command(subcommand)]
        command: DeadLettersCommand,
    },
    /// Decided events that the bus refused
    Outbox {
        #[command(subcommand)]
        command: OutboxCommand,
    },
    /// How long each kind of data is kept
    Retention {
        #[command(subcommand)]
        command: RetentionCommand,
    },
    /// The classifier of spam and scams: teach it, ask it
    Detect {
        #[command(subcommand)]
        command: DetectCommand,
    },
    /// Check, try, replay and lay out rule files
    Rules {
        #[command(subcommand)]
        command: RulesCommand,
    },
    /// Print completions for a shell
    Completions {
        #[arg(value_enum)]
        shell: Shell,
    },
}

#[cfg(feature = "demo")]
#[derive(Args)]
pub(crate) struct Demo {
    /// Tell the story once and end: with 0 if all of it came about, else with 1
    #[arg(long)]
    pub(crate) once: bool,
    /// How long a pause is between two things that happen
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0, value_parser = pace)]
    pub(crate) pace: f64,
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
    PossibleValuesParser::new(Scope::all().map(Scope::as_str).chain([ALL_SCOPES]))
}

#[cfg(feature = "demo")]
fn pace(text: &str) -> Result<f64, String> {
    let pace: f64 = text.parse().map_err(|_| "give a number of seconds".to_owned())?;
    if (0.0..=600.0).contains(&pace) {
        Ok(pace)
    } else {
        Err("give 0 to 600 seconds".to_owned())
    }
}

pub(crate) fn token_name(text: &str) -> Result<String, String> {
    if text.starts_with(ACCOUNT) {
        return Err(format!(
            "records name people with `{ACCOUNT}`: choose another name"
        ));
    }
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

#[derive(Subcommand)]
pub(crate) enum AuditCommand {
    /// Walk the audit chains and say where one does not hold
    Verify(AuditVerify),
    /// Print the newest entry of each chain, signed: keep the lines where whoever has the database cannot reach
    Head(AuditHead),
}

#[derive(Args)]
pub(crate) struct AuditVerify {
    /// Only this guild's chain; may be repeated
    #[arg(long = "guild", value_name = "PLATFORM/ID")]
    pub(crate) guilds: Vec<Guild>,
    /// Lines that `audit head` printed once: the chains must still contain those entries
    #[arg(long, value_name = "FILE")]
    pub(crate) heads: Option<PathBuf>,
    /// Trust heads that are signed by this key, beside this installation's own; may be repeated
    #[arg(long = "key", value_name = "HEX", requires = "heads")]
    pub(crate) keys: Vec<String>,
    /// One JSON document, for programs
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct AuditHead {
    /// Only this guild's chain; may be repeated
    #[arg(long = "guild", value_name = "PLATFORM/ID")]
    pub(crate) guilds: Vec<Guild>,
    /// One JSON document a line, for programs
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Subcommand)]
pub(crate) enum DetectCommand {
    /// Make a model of labelled messages
    Train {
        /// Messages as JSON lines: `t` the text, `y` 1 for spam and 0 for ham; from stdin without any
        files: Vec<PathBuf>,
        /// Where the model is written
        #[arg(long, value_name = "FILE", default_value = "spam.model")]
        model: PathBuf,
        /// Begin with this model instead of one that knows nothing
        #[arg(long, value_name = "FILE")]
        from: Option<PathBuf>,
    },
    /// Print how probably each message is spam, a line each
    Score {
        /// Messages as JSON lines: `t` the text; from stdin without any
        files: Vec<PathBuf>,
        /// The model that is asked; the one that LOCKDOWN ships without any
        #[arg(long, value_name = "FILE")]
        model: Option<PathBuf>,
        /// One JSON object a line: the probability, the share of the words that are known, and whether it abstains
        #[arg(long)]
        json: bool,
    },
}

#[derive(Subcommand)]
pub(crate) enum PersonCommand {
    /// Print everything that is kept about a person, on all platforms, as a stream of JSON documents
    Export {
        /// One of the person's accounts
        #[arg(value_name = "PLATFORM/USER_ID")]
        account: User,
        /// One document a line, for programs
        #[arg(long)]
        json: bool,
    },
    /// Erase what is kept about a person, on all platforms; cases keep their numbers, and the audit chains verify
    Erase(PersonErase),
}

#[derive(Args)]
#[command(group(ArgGroup::new("sure").required(true)))]
pub(crate) struct PersonErase {
    /// One of the person's accounts
    #[arg(value_name = "PLATFORM/USER_ID")]
    pub(crate) account: User,
    /// Do it: what is erased cannot be brought back
    #[arg(long, group = "sure")]
    pub(crate) yes: bool,
    /// Only count what would go
    #[arg(long, group = "sure")]
    pub(crate) dry_run: bool,
    /// One JSON document, for programs
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Subcommand)]
pub(crate) enum RetentionCommand {
    /// Print what is in force in each guild
    List {
        /// One JSON document, for programs
        #[arg(long)]
        json: bool,
    },
    /// Choose for a guild
    Set {
        #[arg(value_name = "PLATFORM/ID")]
        guild: Guild,
        /// audit_personal, deleted_notes or sanction_errors
        kind: RetentionKind,
        /// A number of days, `forever`, or `default`
        days: Days,
    },
    /// Remove now what is older than it is kept, as the worker does every hour
    Sweep {
        /// One JSON document, for programs
        #[arg(long)]
        json: bool,
    },
}

#[derive(Subcommand)]
pub(crate) enum RulesCommand {
    /// Say everything that is wrong with rule files, and try their examples
    Check(RulesCheck),
    /// Try a rule file's examples, or messages of your own: a verdict a line
    Test(RulesTest),
    /// Say what rules would have done with events that are over
    Replay(RulesReplay),
    /// Give rule files their one layout; comments stay
    Fmt(RulesFmt),
    /// Print the JSON Schema with which an editor completes and checks rule files
    Schema,
    /// Print rules to begin with; without a name, list them
    Preset {
        /// calm, standard, strict, scam-links or raids
        name: Option<String>,
    },
}

#[derive(Args)]
pub(crate) struct RulesCheck {
    /// Rule files; `-` reads what is piped in
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Where the rules are meant for; may be repeated, and is every platform without
    #[arg(long = "platform", value_name = "PLATFORM")]
    pub(crate) platforms: Vec<Platform>,
    /// One JSON document, for programs
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct RulesTest {
    /// A rule file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Messages, one JSON document a line: `{"text": "…"}` with what else is known, or whole events; `-` reads what is piped in
    #[arg(long, value_name = "FILE.jsonl")]
    pub(crate) messages: Option<PathBuf>,
    /// Say of every rule why it hit or not
    #[arg(long, requires = "messages")]
    pub(crate) explain: bool,
    /// One JSON document a line, for programs
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct RulesReplay {
    /// A rule file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Events in the order of their time, one JSON document a line; `"outcome": "upheld"` or `"dismissed"` says what people
    /// made of one
    #[arg(long, value_name = "FILE.jsonl")]
    pub(crate) events: PathBuf,
    /// The rules that were live, to compare with
    #[arg(long, value_name = "FILE")]
    pub(crate) against: Option<PathBuf>,
    /// One JSON document, for programs
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct RulesFmt {
    /// Rule files; `-` reads what is piped in and prints it
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Write nothing; fail when a file is not laid out so
    #[arg(long)]
    pub(crate) check: bool,
    /// One JSON document a line, for programs
    #[arg(long)]
    pub(crate) json: bool,
}

/// A guild by the name that its platform gives it: `discord/81384788765712384`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Guild {
    pub(crate) platform: Platform,
    pub(crate) id: GuildId,
}

// === impl Guild ===

impl FromStr for Guild {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (platform, id) = on_platform(text)?;
        let id = GuildId::new(id).map_err(|error| error.to_string())?;
        Ok(Self { platform, id })
    }
}

/// An account by the name that its platform gives it: `telegram/5311098`.
#[derive(Clone)]
pub(crate) struct User {
    pub(crate) platform: Platform,
    pub(crate) id: UserId,
}

// === impl User ===

impl FromStr for User {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (platform, id) = on_platform(text)?;
        let id = UserId::new(id).map_err(|error| error.to_string())?;
        Ok(Self { platform, id })
    }
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.platform, self.id)
    }
}

/// What is chosen; `None` is what the code says.
#[derive(Clone)]
pub(crate) struct Days(pub(crate) Option<Keep>);

// === impl Days ===

impl FromStr for Days {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let days = || {
            text.parse()
                .map(Keep::Days)
                .map_err(|_| "expected a number of days, forever or default")
        };
        Ok(Self(match text {
            "default" => None,
            "forever" => Some(Keep::Forever),
            _ => Some(days()?),
        }))
    }
}

/// What stands before and after the slash.
fn on_platform(text: &str) -> Result<(Platform, &str), String> {
    let form = "expected a platform and an id, such as discord/81384788765712384";
    let (platform, id) = text.split_once('/').ok_or(form)?;
    Ok((platform.parse().map_err(|_| form)?, id))
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
