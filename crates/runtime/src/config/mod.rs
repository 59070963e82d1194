//! Typed configuration, read once, at the edge.
//!
//! [`Config::load`] is called by `lifecycle` and by `lockdown config check`; everything else receives a [`Config`]. All faults are reported at once,
//! and none of them, nor the `Debug` of the configuration, shows a secret.
//!
//! To add a variable: a constant in `variables.rs` and its place in `VARIABLES`, a field in its section here, and a line in
//! [`Config::from_source`] that reads it. A test fails when one of the three is missing.

mod docs;
mod error;
mod parse;
mod source;
mod variables;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::Serialize;
use url::Url;

pub use self::docs::{env_example, reference};
pub use self::error::{ConfigError, Fault, Warning};
pub use self::source::{Origin, Source};
pub use self::variables::{Default, Section, Shown, VARIABLES, Variable};
use crate::secret::{Secret, SecretUrl};
use crate::telemetry::Scrubber;
use variables as var;

/// Everything a LOCKDOWN process is told from outside.
#[derive(Debug, Clone)]
pub struct Config {
    pub data_dir: PathBuf,
    pub http: Http,
    pub store: Store,
    pub bus: Bus,
    pub discord: Discord,
    pub telegram: Telegram,
    pub log: Log,
    pub otel: Otel,
    rows: Vec<Row>,
}

#[derive(Debug, Clone)]
pub struct Http {
    pub addr: SocketAddr,
    /// Where people reach the dashboard from outside.
    pub public_url: SecretUrl,
    /// Unset: the backend makes one and prints it once.
    pub admin_token: Option<Secret>,
    /// Requests a second that each token may make of the API.
    pub rate: u32,
    /// Live streams that may be open at once.
    pub live_clients: u32,
    /// How many of these one token, and one address, may have.
    pub live_clients_each: u32,
    /// Events may be sent to private and loopback addresses.
    pub webhooks_private: bool,
}

#[derive(Debug, Clone)]
pub struct Store {
    /// Unset: the embedded store.
    pub url: Option<SecretUrl>,
    /// Unset: the one in the data directory.
    pub audit_key: Option<Secret>,
    /// For how long the archive keeps decisions, and what is about people and communities.
    pub archive_decisions_days: u32,
    pub archive_people_days: u32,
}

#[derive(Debug, Clone)]
pub struct Bus {
    /// Unset: the embedded bus.
    pub url: Option<SecretUrl>,
    /// Unset: what the bus lets go is in the store's archive alone.
    pub archive_dir: Option<PathBuf>,
}

#[derive(Debug, Clone)]
pub struct Discord {
    pub token: Option<Secret>,
    /// Unset: Discord itself.
    pub api_url: Option<SecretUrl>,
    /// Unset: as many as Discord recommends, all in this process.
    pub shards: Option<Shards>,
    /// Id and secret of the application that people sign in through. Unset: nobody does.
    pub application: Option<(String, Secret)>,
}

/// Gateway connections, of which each has the guilds whose ids fall to it: those that this process keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shards {
    /// From 0.
    pub first: u32,
    pub last: u32,
    /// How many there are in all processes together.
    pub of: u32,
}

#[derive(Debug, Clone)]
pub struct Telegram {
    pub token: Option<Secret>,
    /// Unset: Telegram itself.
    pub api_url: Option<SecretUrl>,
    /// Unset: long polling.
    pub webhook_url: Option<SecretUrl>,
    /// Where the webhook's calls arrive.
    pub webhook_addr: SocketAddr,
    /// A list of banned accounts that somebody else keeps.
    pub banlist_url: Option<SecretUrl>,
    /// Whether people sign in with what the bot's token signs about them.
    pub sign_in: bool,
}

#[derive(Debug, Clone)]
pub struct Log {
    /// Directives of an `EnvFilter`, known to be well-formed.
    pub filter: String,
    pub format: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Clone)]
pub struct Otel {
    /// Base address of the collector. Unset: no traces leave the process.
    pub endpoint: Option<SecretUrl>,
}

/// A configuration, and what looks odd about its source.
#[derive(Debug)]
pub struct Loaded {
    pub config: Config,
    pub warnings: Vec<Warning>,
}

/// One line of `lockdown config check`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    pub name: &'static str,
    /// What is in force, secrets hidden.
    pub value: String,
    pub origin: Origin,
    pub meaning: &'static str,
}

/// Reads one variable after another and remembers what was found.
struct Reader {
    source: Source,
    faults: Vec<Fault>,
    rows: Vec<Row>,
}

// === impl Config ===

impl Config {
    /// Reads the environment of this process and `.env` in its working directory. Without a variable that is
    /// `required` there is no configuration.
    pub fn load(required: &'static [&'static str]) -> Result<Loaded, ConfigError> {
        Self::from_source(Source::process().requiring(required))
    }

    /// A configuration from these variables alone, for tests.
    pub fn from_map<K, V>(variables: impl IntoIterator<Item = (K, V)>) -> Result<Self, ConfigError>
    where
        K: Into<std::ffi::OsString>,
        V: Into<std::ffi::OsString>,
    {
        Self::from_source(Source::new().with_environment(variables)).map(|loaded| loaded.config)
    }

    /// Every section is read before any fault is reported, so that one start shows them all.
    pub fn from_source(mut source: Source) -> Result<Loaded, ConfigError> {
        let mut warnings = std::mem::take(&mut source.warnings);
        warnings.extend(unknown_names(&source));
        let faults = std::mem::take(&mut source.faults);
        let mut reader = Reader {
            source,
            faults,
            rows: Vec::new(),
        };

        let data_dir = reader.read(&var::DATA_DIR, parse::path);
        let addr = reader.read(&var::HTTP_ADDR, parse::socket_addr);
        let public_url = reader.read(&var::PUBLIC_URL, parse::http_url);
        let admin_token = reader.read(&var::ADMIN_TOKEN, parse::admin_token);
        let rate = reader.read(&var::API_RATE, parse::count);
        let live_clients = reader.read(&var::LIVE_CLIENTS, parse::count);
        let live_each = reader.read(&var::LIVE_CLIENTS_EACH, parse::count);
        let webhooks_private = reader.read(&var::WEBHOOKS_PRIVATE, parse::yes_or_no);
        let database_url = reader.read(&var::DATABASE_URL, parse::postgres_url);
        let audit_key = reader.read(&var::AUDIT_KEY, parse::audit_key);
        let decision_days = reader.read(&var::ARCHIVE_DECISIONS_DAYS, parse::decision_days);
        let people_days = reader.read(&var::ARCHIVE_PEOPLE_DAYS, parse::people_days);
        let redis_url = reader.read(&var::REDIS_URL, parse::redis_url);
        let archive_dir = reader.read(&var::ARCHIVE_DIR, parse::path);
        let discord_token = reader.read(&var::DISCORD_TOKEN, parse::discord_token);
        let discord_api_url = reader.read(&var::DISCORD_API_URL, parse::http_url);
        let discord_shards = reader.read(&var::DISCORD_SHARDS, parse::shards);
        let client_id = reader.read(&var::DISCORD_CLIENT_ID, parse::discord_client);
        let client_secret = reader.read(&var::DISCORD_CLIENT_SECRET, parse::client_secret);
        let telegram_token = reader.read(&var::TELEGRAM_TOKEN, parse::telegram_token);
        let telegram_api_url = reader.read(&var::TELEGRAM_API_URL, parse::http_url);
        let webhook_url = reader.read(&var::TELEGRAM_WEBHOOK_URL, parse::http_url);
        let webhook_addr = reader.read(&var::TELEGRAM_WEBHOOK_ADDR, parse::socket_addr);
        let banlist_url = reader.read(&var::TELEGRAM_BANLIST_URL, parse::http_url);
        let sign_in = reader.read(&var::TELEGRAM_SIGN_IN, parse::switch);
        let filter = reader.read(&var::RUST_LOG, parse::log_filter);
        let format = reader.read(&var::LOG_FORMAT, parse::log_format);
        let endpoint = reader.read(&var::OTLP_ENDPOINT, parse::http_url);

        match (&client_id, &client_secret) {
            (Some(_), None) => reader.lacks(&var::DISCORD_CLIENT_SECRET, &var::DISCORD_CLIENT_ID),
            (None, Some(_)) => reader.lacks(&var::DISCORD_CLIENT_ID, &var::DISCORD_CLIENT_SECRET),
            _ => {}
        }
        if sign_in == Some(true) && telegram_token.is_none() {
            reader.lacks(&var::TELEGRAM_TOKEN, &var::TELEGRAM_SIGN_IN);
        }

        let Reader { faults, mut rows, .. } = reader;
        // Those with a default are only missing beside a fault.
        let (
            Some(data_dir),
            Some(addr),
            Some(rate),
            Some(live_clients),
            Some(live_clients_each),
            Some(webhooks_private),
            Some(archive_decisions_days),
            Some(archive_people_days),
            Some(webhook_addr),
            Some(sign_in),
            Some(filter),
            Some(format),
            true,
        ) = (
            data_dir,
            addr,
            rate,
            live_clients,
            live_each,
            webhooks_private,
            decision_days,
            people_days,
            webhook_addr,
            sign_in,
            filter,
            format,
            faults.is_empty(),
        )
        else {
            return Err(ConfigError { faults });
        };
        let public_url = public_url.unwrap_or_else(|| {
            let derived = derived_public_url(addr);
            if let Some(row) = rows.iter_mut().find(|row| row.name == var::PUBLIC_URL.name) {
                row.value = derived.masked();
            }
            derived
        });
        let config = Self {
            data_dir,
            http: Http {
                addr,
                public_url,
                admin_token,
                rate,
                live_clients,
                live_clients_each,
                webhooks_private,
            },
            store: Store {
                url: database_url,
                audit_key,
                archive_decisions_days,
                archive_people_days,
            },
            bus: Bus {
                url: redis_url,
                archive_dir,
            },
            discord: Discord {
                token: discord_token,
                api_url: discord_api_url,
                shards: discord_shards,
                application: client_id.zip(client_secret),
            },
            telegram: Telegram {
                token: telegram_token,
                api_url: telegram_api_url,
                webhook_url,
                webhook_addr,
                banlist_url,
                sign_in,
            },
            log: Log { filter, format },
            otel: Otel { endpoint },
            rows,
        };
        Ok(Loaded { config, warnings })
    }

    /// What is in force and where it came from, one row for each variable, secrets hidden.
    pub fn report(&self) -> &[Row] {
        &self.rows
    }

    /// Every configured text that must not reach a log line.
    pub fn secrets(&self) -> Vec<Secret> {
        let tokens = [
            &self.http.admin_token,
            &self.store.audit_key,
            &self.discord.token,
            &self.telegram.token,
        ];
        let application = self.discord.application.as_ref().map(|(_, secret)| secret);
        let urls = [
            Some(&self.http.public_url),
            self.store.url.as_ref(),
            self.bus.url.as_ref(),
            self.discord.api_url.as_ref(),
            self.telegram.api_url.as_ref(),
            self.telegram.webhook_url.as_ref(),
            self.otel.endpoint.as_ref(),
        ];
        let tokens = tokens.into_iter().flatten().chain(application).cloned();
        tokens
            .chain(urls.into_iter().flatten().flat_map(SecretUrl::secrets))
            .collect()
    }
}

/// An address that listens everywhere is reached, on this machine, as localhost.
fn derived_public_url(addr: SocketAddr) -> SecretUrl {
    let host = match addr.ip() {
        ip if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        ip => ip,
    };
    let url = format!("http://{}", SocketAddr::new(host, addr.port()));
    SecretUrl::new(Url::parse(&url).expect("an address and a port make an http URL"))
}

// === impl Shards ===

impl Shards {
    /// All of them.
    pub fn whole(of: u32) -> Self {
        let of = of.max(1);
        Self {
            first: 0,
            last: of - 1,
            of,
        }
    }

    /// How many of them this process keeps.
    #[expect(clippy::len_without_is_empty, reason = "there is always one")]
    pub fn len(self) -> usize {
        (self.last - self.first + 1) as usize
    }
}

// === impl Loaded ===

impl From<Config> for Loaded {
    fn from(config: Config) -> Self {
        Self {
            config,
            warnings: Vec::new(),
        }
    }
}

// === impl Reader ===

impl Reader {
    /// Notes the fault or the row of one variable; `None` is not set, or wrong.
    fn read<T>(&mut self, variable: &Variable, parse: fn(&str) -> Result<T, parse::Refused>) -> Option<T> {
        let (text, origin) = match self.source.get(variable.name) {
            Ok(Some((text, origin))) => (text, origin),
            Ok(None) => match variable.default {
                Default::Value(text) => (text, Origin::Default),
                Default::Unset { .. } if self.source.required.contains(&variable.name) => {
                    self.fault(
                        variable,
                        "nothing".into(),
                        Some("this process cannot do without it".into()),
                    );
                    return None;
                }
                Default::Unset { means, .. } => {
                    self.row(variable, format!("unset: {means}"), Origin::Default);
                    return None;
                }
            },
            Err(_) => {
                self.fault(variable, "bytes that are not UTF-8".into(), None);
                return None;
            }
        };
        match parse(text) {
            Ok(value) => {
                let shown = match variable.shown {
                    Shown::Never => "set (hidden)".into(),
                    Shown::Masked => {
                        Url::parse(text).map_or_else(|_| "set".into(), |url| SecretUrl::new(url).masked())
                    }
                    Shown::Whole => text.to_owned(),
                };
                self.row(variable, shown, origin);
                Some(value)
            }
            Err(hint) => {
                let found = found(variable, text);
                self.fault(variable, found, hint);
                None
            }
        }
    }

    /// One variable means nothing without another. What is wrong with that one is said already when it is set.
    fn lacks(&mut self, missing: &Variable, beside: &Variable) {
        if !self.faults.iter().any(|fault| fault.variable == missing.name) {
            let hint = format!("{} is set and needs it", beside.name);
            self.fault(missing, "nothing".into(), Some(hint));
        }
    }

    fn row(&mut self, variable: &Variable, value: String, origin: Origin) {
        self.rows.push(Row {
            name: variable.name,
            value,
            origin,
            meaning: variable.meaning,
        });
    }

    fn fault(&mut self, variable: &Variable, found: String, hint: Option<String>) {
        self.faults.push(Fault {
            variable: variable.name.into(),
            found,
            expected: variable.expects.into(),
            hint,
        });
    }
}

/// A wrong value, as far as it may be shown. An address that does not parse cannot be masked part by part.
fn found(variable: &Variable, text: &str) -> String {
    // A token pasted into the wrong variable is recognised by its form.
    let whole = |text: &str| format!("\"{}\"", Scrubber::new([]).scrub(&shortened(text)));
    match variable.shown {
        Shown::Never => format!("a hidden value of {} characters", text.chars().count()),
        Shown::Whole => whole(text),
        Shown::Masked => match text.split_once("://") {
            Some((scheme, rest)) if is_known_scheme(scheme) => {
                let harmless = variable.expects.contains("http") && !rest.contains(['@', '?', '#']);
                if harmless {
                    whole(text)
                } else {
                    format!("\"{scheme}://...\" (the rest is hidden)")
                }
            }
            None if variable.expects.contains("http") && is_like_a_host(text) => whole(text),
            _ => format!("a hidden value of {} characters", text.chars().count()),
        },
    }
}

/// Only schemes that people really write are shown: anything else before `://` might be part of a password.
fn is_known_scheme(scheme: &str) -> bool {
    const KNOWN: &[&str] = &[
        "http",
        "https",
        "postgres",
        "postgresql",
        "redis",
        "rediss",
        "redis+unix",
        "unix",
        "mysql",
        "sqlite",
        "mongodb",
        "file",
        "ws",
        "wss",
        "grpc",
        "amqp",
        "nats",
    ];
    KNOWN.contains(&scheme)
}

/// Somebody forgot the scheme. Tokens have capital letters, and no dot or port.
fn is_like_a_host(text: &str) -> bool {
    text.contains(['.', ':'])
        && text
            .chars()
            .all(|c| matches!(c, 'a'..='z' | '0'..='9' | '.' | '-' | ':' | '/'))
}

fn shortened(text: &str) -> String {
    const LIMIT: usize = 80;
    match text.char_indices().nth(LIMIT) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// Names that look like ours and are not, with the name that was probably meant.
fn unknown_names(source: &Source) -> Vec<Warning> {
    let known = |name: &str| VARIABLES.iter().any(|variable| variable.name == name);
    let mut warnings: Vec<Warning> = Vec::new();
    let environment = source.environment_names().map(|name| (name, Origin::Environment));
    let dotenv = source.dotenv_names().map(|name| (name, Origin::DotEnv));
    for (name, origin) in environment.chain(dotenv) {
        let meant = meant(name);
        // A file is ours alone, so there a near miss of any variable is worth a word.
        let suspicious = name.starts_with("LOCKDOWN_") || (origin == Origin::DotEnv && meant.is_some());
        if known(name) || !suspicious || warnings.iter().any(|warning| warning.variable == name) {
            continue;
        }
        let message = match meant {
            Some(meant) => format!("is not a variable of LOCKDOWN; did you mean {meant}?"),
            None => "is not a variable of LOCKDOWN and has no effect".to_owned(),
        };
        warnings.push(Warning {
            variable: name.to_owned(),
            message,
        });
    }
    warnings
}

/// The variable with the nearest name, if it is near: at most three letters apart.
fn meant(name: &str) -> Option<&'static str> {
    let distances = VARIABLES
        .iter()
        .map(|variable| (edit_distance(name, variable.name), variable.name));
    distances
        .min()
        .filter(|(distance, _)| *distance <= 3)
        .map(|(_, name)| name)
}

/// Letters to insert, remove or replace to get from one text to the other (Levenshtein).
fn edit_distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests;
