//! What only a group on Telegram has.

use super::BadSetting;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;

/// What only a group on Telegram has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct TelegramSettings {
    /// What is asked of who comes in.
    pub captcha: Captcha,
    /// How many seconds they have for it.
    #[schemars(range(min = 30, max = 3600))]
    pub captcha_seconds: u64,
    /// What becomes of those who ask to be let in.
    pub join_requests: JoinRequests,
    /// What is said to who came in; `{name}`, `{chat}` and `{rules}` stand for theirs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 3000))]
    pub welcome: Option<String>,
    /// The rules, as people read them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 3000))]
    pub rules: Option<String>,
    /// What happens to whoever wrote what a moderator calls spam, beside that it goes.
    pub spam_action: SpamAction,
    /// What is told in the log chat.
    pub log_categories: Vec<LogCategory>,
    /// What the bot answers to words that somebody writes; at most 50.
    #[schemars(length(max = 50))]
    pub filters: Vec<Filter>,
}

/// What the bot answers to words that somebody writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "TelegramFilter")]
pub struct Filter {
    /// In small letters; a message has them where they stand as whole words.
    #[schemars(length(min = 1, max = 100))]
    pub words: String,
    #[schemars(length(min = 1, max = 1000))]
    pub answer: String,
}

/// What is told in the log chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum LogCategory {
    /// Cases, and what becomes of them.
    Sanctions,
    /// What rules and `/spam` removed, shown before it goes; and what the filter is taught.
    Rules,
    /// Calls for the administrators.
    Reports,
    /// Raids and lockdowns, as they begin and end.
    Raids,
}

/// What happens to whoever wrote what a moderator calls spam.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum SpamAction {
    Nothing,
    Mute,
    #[default]
    Ban,
}

/// What is asked of who comes in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Captcha {
    #[default]
    Off,
    /// To press a button.
    Button,
    /// To press the answer to a small sum.
    Question,
    /// To press the digits that a picture shows.
    Picture,
}

/// What becomes of those who ask to be let in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum JoinRequests {
    /// They wait for an administrator.
    #[default]
    Queue,
    Approve,
    Decline,
    /// They answer what is asked of who comes in, alone with the bot, and are let in.
    Captcha,
}

// === impl LogCategory ===

impl LogCategory {
    pub const ALL: [Self; 4] = [Self::Sanctions, Self::Rules, Self::Reports, Self::Raids];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sanctions => "sanctions",
            Self::Rules => "rules",
            Self::Reports => "reports",
            Self::Raids => "raids",
        }
    }
}

// === impl Filter ===

impl Filter {
    /// Whether it can be kept as it is.
    pub fn is_good(&self) -> bool {
        let fits = |text: &str, most: usize| (1..=most).contains(&text.trim().encode_utf16().count());
        fits(&self.words, 100) && fits(&self.answer, 1_000) && self.words == self.words.to_lowercase()
    }
}

// === impl TelegramSettings ===

impl Default for TelegramSettings {
    fn default() -> Self {
        Self {
            captcha: Captcha::Off,
            captcha_seconds: 120,
            join_requests: JoinRequests::Queue,
            welcome: None,
            rules: None,
            spam_action: SpamAction::default(),
            log_categories: LogCategory::ALL.to_vec(),
            filters: Vec::new(),
        }
    }
}

impl TelegramSettings {
    /// In UTF-16 units, with room for what is filled in.
    pub const LONGEST: usize = 3_000;
    /// In seconds.
    pub const TIMES: RangeInclusive<u64> = 30..=3_600;
    pub const MOST_FILTERS: usize = 50;

    pub(super) fn check(&self) -> Result<(), BadSetting> {
        let bad = |path: &str, message: String| {
            Err(BadSetting {
                path: format!("telegram.{path}"),
                message,
            })
        };
        if !Self::TIMES.contains(&self.captcha_seconds) {
            return bad(
                "captchaSeconds",
                "a captcha takes between 30 seconds and an hour".to_owned(),
            );
        }
        if self.filters.len() > Self::MOST_FILTERS {
            return bad(
                "filters",
                format!("there are at most {} filters", Self::MOST_FILTERS),
            );
        }
        if !self.filters.iter().all(Filter::is_good) {
            let words = "a filter has at most 100 small letters and an answer of at most 1000";
            return bad("filters", words.to_owned());
        }
        for (path, text) in [("welcome", &self.welcome), ("rules", &self.rules)] {
            let length = text.as_ref().map_or(0, |text| text.encode_utf16().count());
            if length > Self::LONGEST {
                return bad(path, format!("a text has at most {} characters", Self::LONGEST));
            }
        }
        Ok(())
    }
}
