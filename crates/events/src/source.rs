//! Where an event comes from.

use crate::text_enum::text_enum;
use compact_str::CompactString;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

text_enum! {
    /// The chat platform that an event is about.
    #[derive(Default)]
    Platform {
        /// Also what an absent `platform` means.
        #[default]
        Discord = "discord",
        Telegram = "telegram",
    }
}

/// Who published an event.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Source {
    Backend,
    Worker,
    DiscordBot,
    TelegramBot,
    /// An incoming webhook, by its name.
    Webhook(CompactString),
    /// A name that an outside publisher chose.
    Outside(CompactString),
}

// === impl Source ===

impl Source {
    /// Every text is a source; ours are recognised by name.
    pub fn parse(text: &str) -> Self {
        match text {
            "backend" => Self::Backend,
            "worker" => Self::Worker,
            "discord-bot" => Self::DiscordBot,
            "telegram-bot" => Self::TelegramBot,
            other => match other.strip_prefix("webhook:") {
                Some(name) => Self::Webhook(name.into()),
                None => Self::Outside(other.into()),
            },
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Backend => f.write_str("backend"),
            Self::Worker => f.write_str("worker"),
            Self::DiscordBot => f.write_str("discord-bot"),
            Self::TelegramBot => f.write_str("telegram-bot"),
            Self::Webhook(name) => write!(f, "webhook:{name}"),
            Self::Outside(name) => f.write_str(name),
        }
    }
}

impl Serialize for Source {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Source {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        CompactString::deserialize(deserializer).map(|text| Self::parse(&text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_reads_back_as_it_was_written() {
        for name in [
            "backend",
            "worker",
            "discord-bot",
            "telegram-bot",
            "webhook:github",
            "webhook:",
            "my bot",
        ] {
            assert_eq!(Source::parse(name).to_string(), name);
        }
        assert_eq!(Source::parse("webhook:github"), Source::Webhook("github".into()));
    }
}
