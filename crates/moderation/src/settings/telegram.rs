//! What only a group on Telegram has.

use super::BadSetting;
use lockdown_events::ChannelId;
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
    /// What becomes of who does not answer in that time.
    pub captcha_late: CaptchaLate,
    /// What stands on the button that is to be pressed, where it is not the bot's own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 60))]
    pub captcha_button: Option<String>,
    /// What becomes of those who ask to be let in.
    pub join_requests: JoinRequests,
    /// What is said to who came in; `{name}`, `{chat}` and `{rules}` stand for theirs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 3000))]
    pub welcome: Option<String>,
    /// What is said of who left; `{name}` and `{chat}` stand for theirs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 3000))]
    pub goodbye: Option<String>,
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
    /// Whether members may call those who keep order.
    pub reports: bool,
    /// Whether who may not command is told so; the command goes in any case.
    pub refusals: bool,
    /// Whether answers to commands stay, which go again by themselves otherwise.
    pub keep_answers: bool,
    /// Whether posts of the linked channel are unpinned, which Telegram pins by itself.
    pub unpin_channel_posts: bool,
    /// Whether nothing is said of it when somebody goes whom a federation has banned.
    pub quiet_federation: bool,
    /// What Telegram itself posts, and the bot takes away again.
    pub clean_service: Vec<ServiceMessage>,
    /// Whose commands go once they are given.
    pub clean_commands: Vec<CommandsOf>,
    /// Commands that members may not give, as `report`; at most 50.
    #[schemars(length(max = 50), inner(length(min = 1, max = 32)))]
    pub disabled: Vec<String>,
    /// How many seconds a raid lasts where nobody says it.
    #[schemars(range(min = 60, max = 2_592_000))]
    pub raid_seconds: u64,
    /// The topic of a forum in which the bot speaks of its own accord.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action_topic: Option<ChannelId>,
}

/// What becomes of who does not answer in time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum CaptchaLate {
    /// They go, and may come back.
    #[default]
    Kick,
    /// They stay without a word until somebody unmutes them.
    Mute,
    /// They may speak all the same.
    Free,
}

/// What Telegram itself posts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ServiceMessage {
    Join,
    Leave,
    Pin,
    Title,
    Photo,
    Topic,
    Call,
    Other,
}

/// Whose commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum CommandsOf {
    /// Of those who keep order.
    Staff,
    Members,
    /// For other bots, or for nobody.
    Others,
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

// === impl ServiceMessage ===

impl ServiceMessage {
    pub const ALL: [Self; 8] = [
        Self::Join,
        Self::Leave,
        Self::Pin,
        Self::Title,
        Self::Photo,
        Self::Topic,
        Self::Call,
        Self::Other,
    ];

    /// As messages say it by their `service`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Join => "join",
            Self::Leave => "leave",
            Self::Pin => "pin",
            Self::Title => "title",
            Self::Photo => "photo",
            Self::Topic => "topic",
            Self::Call => "call",
            Self::Other => "other",
        }
    }
}

// === impl CommandsOf ===

impl CommandsOf {
    pub const ALL: [Self; 3] = [Self::Staff, Self::Members, Self::Others];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Staff => "staff",
            Self::Members => "members",
            Self::Others => "others",
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
            captcha_late: CaptchaLate::default(),
            captcha_button: None,
            join_requests: JoinRequests::Queue,
            welcome: None,
            goodbye: None,
            rules: None,
            spam_action: SpamAction::default(),
            log_categories: LogCategory::ALL.to_vec(),
            filters: Vec::new(),
            reports: true,
            refusals: true,
            keep_answers: false,
            unpin_channel_posts: false,
            quiet_federation: false,
            clean_service: Vec::new(),
            clean_commands: Vec::new(),
            disabled: Vec::new(),
            raid_seconds: 6 * 3_600,
            action_topic: None,
        }
    }
}

impl TelegramSettings {
    /// In UTF-16 units, with room for what is filled in.
    pub const LONGEST: usize = 3_000;
    /// In seconds.
    pub const TIMES: RangeInclusive<u64> = 30..=3_600;
    pub const MOST_FILTERS: usize = 50;
    /// In UTF-16 units, with room on a telephone.
    pub const LONGEST_BUTTON: usize = 60;
    const MOST_DISABLED: usize = 50;
    const LONGEST_COMMAND: usize = 32;
    /// In seconds.
    pub const RAID_TIMES: RangeInclusive<u64> = 60..=2_592_000;

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
        let is_command = |word: &String| {
            let letters = word
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
            letters && (1..=Self::LONGEST_COMMAND).contains(&word.len())
        };
        if self.disabled.len() > Self::MOST_DISABLED || !self.disabled.iter().all(is_command) {
            let words = "commands are at most 50 words of small letters, without `/`";
            return bad("disabled", words.to_owned());
        }
        if !Self::RAID_TIMES.contains(&self.raid_seconds) {
            return bad(
                "raidSeconds",
                "a raid lasts between a minute and 30 days".to_owned(),
            );
        }
        let button = self.captcha_button.as_ref();
        let button = button.map(|text| text.trim().encode_utf16().count());
        if button.is_some_and(|length| !(1..=Self::LONGEST_BUTTON).contains(&length)) {
            let most = Self::LONGEST_BUTTON;
            return bad("captchaButton", format!("a button has at most {most} characters"));
        }
        for (path, text) in [
            ("welcome", &self.welcome),
            ("goodbye", &self.goodbye),
            ("rules", &self.rules),
        ] {
            let length = text.as_ref().map_or(0, |text| text.encode_utf16().count());
            if length > Self::LONGEST {
                return bad(path, format!("a text has at most {} characters", Self::LONGEST));
            }
        }
        Ok(())
    }
}
