//! The one table of variables. Parsing, `.env.example`, the reference page and `config check` all read it.

/// One environment variable.
#[derive(Debug)]
pub struct Variable {
    pub name: &'static str,
    pub section: Section,
    /// One line: what it does.
    pub meaning: &'static str,
    /// What a value must look like, phrased to follow "expected".
    pub expects: &'static str,
    pub default: Default,
    pub shown: Shown,
}

/// The part of [`Config`](super::Config) that a variable belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    General,
    Http,
    Store,
    Bus,
    Discord,
    Telegram,
    Log,
    Tracing,
}

/// What is in force when a variable is not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Default {
    /// This text, read as if it had been set.
    Value(&'static str),
    /// No value; the text says what happens then, and `example` what one would look like.
    Unset {
        means: &'static str,
        example: &'static str,
    },
}

/// How much of a value may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    Whole,
    /// An address, with its password masked.
    Masked,
    Never,
}

pub(super) const DATA_DIR: Variable = Variable {
    name: "LOCKDOWN_DATA_DIR",
    section: Section::General,
    meaning: "Directory of the embedded database, the embedded bus and everything else kept on disk.",
    expects: "the path of a directory, such as /var/lib/lockdown",
    default: Default::Value("./data"),
    shown: Shown::Whole,
};

pub(super) const HTTP_ADDR: Variable = Variable {
    name: "LOCKDOWN_HTTP_ADDR",
    section: Section::Http,
    meaning: "Address and port of the API, the dashboard, the health checks and the metrics.",
    expects: "an address and port such as 127.0.0.1:8080",
    default: Default::Value("127.0.0.1:8080"),
    shown: Shown::Whole,
};

pub(super) const PUBLIC_URL: Variable = Variable {
    name: "LOCKDOWN_PUBLIC_URL",
    section: Section::Http,
    meaning: "Where people reach the dashboard from outside, for links in messages.",
    expects: "an http or https URL such as https://mod.example.org",
    default: Default::Unset {
        means: "made from LOCKDOWN_HTTP_ADDR",
        example: "https://mod.example.org",
    },
    shown: Shown::Masked,
};

pub(super) const ADMIN_TOKEN: Variable = Variable {
    name: "LOCKDOWN_ADMIN_TOKEN",
    section: Section::Http,
    meaning: "Token of the first administrator.",
    expects: "at least 16 characters without blanks, such as the output of `openssl rand -hex 32`",
    default: Default::Unset {
        means: "one is made and printed once",
        example: "at-least-16-characters",
    },
    shown: Shown::Never,
};

pub(super) const API_RATE: Variable = Variable {
    name: "LOCKDOWN_API_RATE",
    section: Section::Http,
    meaning: "Requests a second that each token may make of the API; ten seconds' worth at once.",
    expects: "a whole number from 1 to 1000000, such as 50",
    default: Default::Value("50"),
    shown: Shown::Whole,
};

pub(super) const LIVE_CLIENTS: Variable = Variable {
    name: "LOCKDOWN_LIVE_CLIENTS",
    section: Section::Http,
    meaning: "Live streams of the API that may be open at once in this process.",
    expects: "a whole number from 1 to 1000000, such as 4096",
    default: Default::Value("4096"),
    shown: Shown::Whole,
};

pub(super) const LIVE_CLIENTS_EACH: Variable = Variable {
    name: "LOCKDOWN_LIVE_CLIENTS_EACH",
    section: Section::Http,
    meaning: "How many of them one token, and one address, may have; behind a proxy that is one address for all.",
    expects: "a whole number from 1 to 1000000, such as 1024",
    default: Default::Value("1024"),
    shown: Shown::Whole,
};

pub(super) const WEBHOOKS_PRIVATE: Variable = Variable {
    name: "LOCKDOWN_WEBHOOKS_PRIVATE",
    section: Section::Http,
    meaning: "Whether webhooks may send events to private and loopback addresses.",
    expects: "true or false",
    default: Default::Value("false"),
    shown: Shown::Whole,
};

pub(super) const DATABASE_URL: Variable = Variable {
    name: "DATABASE_URL",
    section: Section::Store,
    meaning: "Postgres (15 or newer) that keeps the cases.",
    expects: "a postgres:// or postgresql:// URL such as postgres://user:password@localhost:5432/lockdown",
    default: Default::Unset {
        means: "the embedded store in LOCKDOWN_DATA_DIR",
        example: "postgres://user:password@localhost:5432/lockdown",
    },
    shown: Shown::Masked,
};

pub(super) const AUDIT_KEY: Variable = Variable {
    name: "LOCKDOWN_AUDIT_KEY",
    section: Section::Store,
    meaning: "Signs the heads of the audit chains that `lockdown audit head` prints.",
    expects: "64 hexadecimal digits, such as the output of `openssl rand -hex 32`",
    default: Default::Unset {
        means: "one is made and kept in LOCKDOWN_DATA_DIR",
        example: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    },
    shown: Shown::Never,
};

pub(super) const ARCHIVE_DECISIONS_DAYS: Variable = Variable {
    name: "LOCKDOWN_ARCHIVE_DECISIONS_DAYS",
    section: Section::Store,
    meaning: "For how long history knows decisions, verdicts and the audit's events.",
    expects: "a whole number of days, from 30 to 1000000",
    default: Default::Value("365"),
    shown: Shown::Whole,
};

pub(super) const ARCHIVE_PEOPLE_DAYS: Variable = Variable {
    name: "LOCKDOWN_ARCHIVE_PEOPLE_DAYS",
    section: Section::Store,
    meaning: "For how long history knows who came, went and changed, and what communities changed.",
    expects: "a whole number of days, from 7 to 1000000",
    default: Default::Value("90"),
    shown: Shown::Whole,
};

pub(super) const REDIS_URL: Variable = Variable {
    name: "REDIS_URL",
    section: Section::Bus,
    meaning: "Redis (7 or newer) that carries the events between services.",
    expects: "a redis://, rediss://, redis+unix:// or unix:// URL such as redis://localhost:6379/0",
    default: Default::Unset {
        means: "the embedded bus in LOCKDOWN_DATA_DIR",
        example: "redis://localhost:6379/0",
    },
    shown: Shown::Masked,
};

pub(super) const ARCHIVE_DIR: Variable = Variable {
    name: "LOCKDOWN_ARCHIVE_DIR",
    section: Section::Bus,
    meaning: "Directory in which the worker keeps events, but for messages, when the bus lets them go; for good, beside the store.",
    expects: "the path of a directory, such as /var/lib/lockdown/archive",
    default: Default::Unset {
        means: "they are in the store alone, for as long as the two above say",
        example: "./data/archive",
    },
    shown: Shown::Whole,
};

pub(super) const DISCORD_TOKEN: Variable = Variable {
    name: "DISCORD_TOKEN",
    section: Section::Discord,
    meaning: "Token of the Discord bot, from the Bot page of the developer portal.",
    expects: "the token alone, without blanks and without the word Bot before it",
    default: Default::Unset {
        means: "no Discord bot",
        example: "paste-the-token-here",
    },
    shown: Shown::Never,
};

pub(super) const DISCORD_API_URL: Variable = Variable {
    name: "DISCORD_API_URL",
    section: Section::Discord,
    meaning: "Base address of Discord's HTTP API, for tests and proxies; the gateway address comes from it.",
    expects: "an http or https URL such as https://discord.com",
    default: Default::Unset {
        means: "Discord itself",
        example: "http://localhost:3000",
    },
    shown: Shown::Masked,
};

pub(super) const DISCORD_SHARDS: Variable = Variable {
    name: "DISCORD_SHARDS",
    section: Section::Discord,
    meaning: "How many gateway connections share the bot's guilds, and which of them this process keeps; processes that share a token name the same number.",
    expects: "a number such as 4, or some of so many such as 0-3/16 or 5/16",
    default: Default::Unset {
        means: "as many as Discord recommends, all in this process",
        example: "0-3/16",
    },
    shown: Shown::Whole,
};

pub(super) const DISCORD_CLIENT_ID: Variable = Variable {
    name: "DISCORD_CLIENT_ID",
    section: Section::Discord,
    meaning: "Id of the Discord application through which people sign in; its redirect is LOCKDOWN_PUBLIC_URL with /sign-in/discord/back.",
    expects: "digits, as the OAuth2 page of the developer portal shows them",
    default: Default::Unset {
        means: "nobody signs in with Discord",
        example: "113311331133113311",
    },
    shown: Shown::Whole,
};

pub(super) const DISCORD_CLIENT_SECRET: Variable = Variable {
    name: "DISCORD_CLIENT_SECRET",
    section: Section::Discord,
    meaning: "Secret of that application, from the same page.",
    expects: "the client secret alone, without blanks",
    default: Default::Unset {
        means: "nobody signs in with Discord",
        example: "paste-the-secret-here",
    },
    shown: Shown::Never,
};

pub(super) const TELEGRAM_TOKEN: Variable = Variable {
    name: "TELEGRAM_TOKEN",
    section: Section::Telegram,
    meaning: "Token of the Telegram bot, from @BotFather.",
    expects: "digits, a colon and text, as @BotFather gives it: 123456789:AAH...",
    default: Default::Unset {
        means: "no Telegram bot",
        example: "123456789:paste-the-token-here",
    },
    shown: Shown::Never,
};

pub(super) const TELEGRAM_API_URL: Variable = Variable {
    name: "TELEGRAM_API_URL",
    section: Section::Telegram,
    meaning: "Base address of Telegram's Bot API, for tests, proxies and a Bot API server of your own.",
    expects: "an http or https URL such as https://api.telegram.org",
    default: Default::Unset {
        means: "Telegram itself",
        example: "http://localhost:8081",
    },
    shown: Shown::Masked,
};

pub(super) const TELEGRAM_WEBHOOK_URL: Variable = Variable {
    name: "TELEGRAM_WEBHOOK_URL",
    section: Section::Telegram,
    meaning: "Address under which Telegram reaches the bot from outside; a proxy passes it on to TELEGRAM_WEBHOOK_ADDR.",
    expects: "an https URL such as https://bot.example.org/telegram",
    default: Default::Unset {
        means: "the bot asks Telegram for updates, which needs no address",
        example: "https://bot.example.org/telegram",
    },
    shown: Shown::Masked,
};

pub(super) const TELEGRAM_WEBHOOK_ADDR: Variable = Variable {
    name: "TELEGRAM_WEBHOOK_ADDR",
    section: Section::Telegram,
    meaning: "Address and port on which the bot takes Telegram's calls when TELEGRAM_WEBHOOK_URL is set.",
    expects: "an address and port such as 127.0.0.1:8082",
    default: Default::Value("127.0.0.1:8082"),
    shown: Shown::Whole,
};

pub(super) const TELEGRAM_BANLIST_URL: Variable = Variable {
    name: "TELEGRAM_BANLIST_URL",
    section: Section::Telegram,
    meaning: "Address of a list of banned accounts, one a line by its number, which the worker fetches every hour; rules ask it by author.listed.",
    expects: "an http or https URL such as https://api.cas.chat/export.csv",
    default: Default::Unset {
        means: "only the files in the folder lists of LOCKDOWN_DATA_DIR",
        example: "https://api.cas.chat/export.csv",
    },
    shown: Shown::Masked,
};

pub(super) const TELEGRAM_SIGN_IN: Variable = Variable {
    name: "TELEGRAM_SIGN_IN",
    section: Section::Telegram,
    meaning: "Whether people sign in with Telegram; @BotFather must know LOCKDOWN_PUBLIC_URL as the bot's domain (/setdomain).",
    expects: "on or off",
    default: Default::Value("off"),
    shown: Shown::Whole,
};

pub(super) const RUST_LOG: Variable = Variable {
    name: "RUST_LOG",
    section: Section::Log,
    meaning: "How much is logged, in general and by part.",
    expects: "levels such as info, or info,lockdown_bus=debug",
    default: Default::Value("info"),
    shown: Shown::Whole,
};

pub(super) const LOG_FORMAT: Variable = Variable {
    name: "LOCKDOWN_LOG_FORMAT",
    section: Section::Log,
    meaning: "Form of the log lines on standard error: text for people, json for programs.",
    expects: "text or json",
    default: Default::Value("text"),
    shown: Shown::Whole,
};

pub(super) const OTLP_ENDPOINT: Variable = Variable {
    name: "OTEL_EXPORTER_OTLP_ENDPOINT",
    section: Section::Tracing,
    meaning: "OpenTelemetry collector that receives traces over HTTP; /v1/traces is added.",
    expects: "an http or https URL such as http://localhost:4318",
    default: Default::Unset {
        means: "no traces leave the process",
        example: "http://localhost:4318",
    },
    shown: Shown::Masked,
};

/// Every variable, in the order in which people read them.
pub const VARIABLES: &[Variable] = &[
    DATA_DIR,
    HTTP_ADDR,
    PUBLIC_URL,
    ADMIN_TOKEN,
    API_RATE,
    LIVE_CLIENTS,
    LIVE_CLIENTS_EACH,
    WEBHOOKS_PRIVATE,
    DATABASE_URL,
    AUDIT_KEY,
    ARCHIVE_DECISIONS_DAYS,
    ARCHIVE_PEOPLE_DAYS,
    REDIS_URL,
    ARCHIVE_DIR,
    DISCORD_TOKEN,
    DISCORD_API_URL,
    DISCORD_SHARDS,
    DISCORD_CLIENT_ID,
    DISCORD_CLIENT_SECRET,
    TELEGRAM_TOKEN,
    TELEGRAM_API_URL,
    TELEGRAM_WEBHOOK_URL,
    TELEGRAM_WEBHOOK_ADDR,
    TELEGRAM_BANLIST_URL,
    TELEGRAM_SIGN_IN,
    RUST_LOG,
    LOG_FORMAT,
    OTLP_ENDPOINT,
];

// === impl Section ===

impl Section {
    pub fn title(self) -> &'static str {
        match self {
            Self::General => "General",
            Self::Http => "HTTP",
            Self::Store => "Store",
            Self::Bus => "Bus",
            Self::Discord => "Discord",
            Self::Telegram => "Telegram",
            Self::Log => "Log",
            Self::Tracing => "Tracing",
        }
    }
}
