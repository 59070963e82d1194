//! What moderators choose for a guild.
//!
//! To add a setting: its member in [`Settings`], or in the section of its platform, with a default that is good for those
//! who never choose, and in [`Settings::check`] what it may be. What an older release wrote is read with the defaults of
//! what it did not know.

mod notifications;
mod telegram;

pub use notifications::{DigestSettings, NotificationSettings};
pub use telegram::{
    Captcha, CaptchaLate, CommandsOf, Filter, JoinRequests, LogCategory, ServiceMessage, SpamAction,
    TelegramSettings,
};

use crate::duration::{Span, SpanError};
use crate::escalation::{Ladder, LadderError, Step};
use crate::platform::Limits;
pub use chrono_tz::Tz as Zone;
use lockdown_events::{Action, ChannelId, Platform, RoleId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// For how long the text of messages may be kept.
const MOST_MESSAGE_DAYS: u64 = 3_650;

/// What moderators choose for a guild.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Settings {
    /// The language in which bots speak there, as a BCP 47 tag.
    #[schemars(length(min = 2, max = 35))]
    pub locale: String,
    /// The clock by which dates are read and shown, as a name of the IANA database.
    #[schemars(length(min = 1, max = 64))]
    pub timezone: String,
    /// How many days the text of messages is kept; 0: never.
    #[schemars(range(max = 3650))]
    pub message_days: u64,
    /// Where bots tell of decisions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_channel: Option<ChannelId>,
    /// What follows from warnings; nothing without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ladder: Option<LadderText>,
    /// What is done where a platform does not show a ban or a mute that stands.
    pub reconcile: Reconcile,
    /// What moderators are told, beside the dashboard.
    pub notifications: NotificationSettings,
    /// What went on the day before, told each day in the log channel; not told without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<DigestSettings>,
    pub discord: DiscordSettings,
    pub telegram: TelegramSettings,
}

/// What is done where a platform does not show a ban or a mute that stands. Moderators are told of it either way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Reconcile {
    /// The platform is told once more.
    #[default]
    Repair,
    /// Somebody has lifted it there, and a case says so.
    Record,
    /// Nothing, and nobody is told.
    Ignore,
}

/// What only a guild on Discord has.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct DiscordSettings {
    /// Whether the rules are put into Discord's own AutoMod as far as it can do what they say, so that what it stops is never
    /// seen. It takes up keyword rules of the guild's, of which Discord has six.
    pub auto_mod: bool,
    /// The role that whoever is muted has alone, until what they had is given back. Without, Discord's own timeouts mute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mute_role: Option<RoleId>,
    /// How far back a ban removes messages where whoever bans says nothing of it; 0 is none.
    #[schemars(range(max = 604_800))]
    pub delete_message_seconds: u32,
}

/// A setting that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BadSetting {
    /// Which: `ladder.steps`.
    pub path: String,
    pub message: String,
}

/// What follows from warnings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Ladder")]
pub struct LadderText {
    /// How long a warning counts, as `30d`; for ever without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decay: Option<String>,
    pub steps: Vec<StepText>,
}

/// What is done to whoever has so many points.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "LadderStep")]
pub struct StepText {
    pub points: u32,
    pub action: Action,
    /// For how long, as `1h`; for ever without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lasts: Option<String>,
    /// Only points of so long ago count; without, all that have not decayed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub within: Option<String>,
    /// Whether a moderator has to agree first.
    #[serde(default)]
    pub needs_approval: bool,
}

/// The clock of a name of the IANA database, such as `Europe/Berlin`; `None`: there is none.
pub fn zone(name: &str) -> Option<Zone> {
    name.parse().ok()
}

// === impl Settings ===

impl Default for Settings {
    fn default() -> Self {
        Self {
            locale: "en".to_owned(),
            timezone: "UTC".to_owned(),
            message_days: 0,
            log_channel: None,
            ladder: None,
            reconcile: Reconcile::default(),
            notifications: NotificationSettings::default(),
            digest: None,
            discord: DiscordSettings::default(),
            telegram: TelegramSettings::default(),
        }
    }
}

impl Settings {
    /// The clock of the community.
    pub fn zone(&self) -> Zone {
        zone(&self.timezone).unwrap_or(Zone::UTC)
    }

    /// Reads what somebody sent: a member that no release knows is refused by its name, where it would be ignored by the
    /// settings that are kept.
    pub fn read(sent: &Value) -> Result<Self, BadSetting> {
        if !sent.is_object() {
            return Err(BadSetting {
                path: String::new(),
                message: "settings are an object".to_owned(),
            });
        }
        let settings: Self = serde_path_to_error::deserialize(sent).map_err(|error| {
            let path = match error.path().to_string() {
                path if path == "." => String::new(),
                path => path,
            };
            BadSetting {
                path,
                message: error.inner().to_string(),
            }
        })?;
        // What was read is what is written again, but for what nothing reads.
        let known = serde_json::to_value(&settings).unwrap_or_default();
        if let Some((path, odd)) = odd(sent, &known) {
            let message = match odd {
                Odd::Unknown => format!("there is no setting `{path}`"),
                Odd::Number => format!("`{path}` is a text: ids stand between quotes"),
            };
            return Err(BadSetting { path, message });
        }
        settings.check()?;
        Ok(settings)
    }

    /// What is wrong with them, if anything.
    pub fn check(&self) -> Result<(), BadSetting> {
        let bad = |path: &str, message: &str| {
            Err(BadSetting {
                path: path.to_owned(),
                message: message.to_owned(),
            })
        };
        let words = |text: &str, between: &[char]| {
            let parts = text.split(between);
            let good = |part: &str| !part.is_empty() && part.bytes().all(|c| c.is_ascii_alphanumeric());
            parts.into_iter().all(good)
        };
        if !(2..=35).contains(&self.locale.len()) || !words(&self.locale, &['-']) {
            return bad("locale", "a locale is a tag such as `en` or `pt-BR`");
        }
        if self.timezone.len() > 64 || zone(&self.timezone).is_none() {
            return bad(
                "timezone",
                "a timezone is a name such as `UTC` or `Europe/Berlin`",
            );
        }
        if self.message_days > MOST_MESSAGE_DAYS {
            return bad("messageDays", "messages are kept for at most 3650 days");
        }
        let longest = Limits::of(Platform::Discord)
            .delete_window
            .map_or(0, Span::as_seconds);
        if u64::from(self.discord.delete_message_seconds) > longest {
            return bad(
                "discord.deleteMessageSeconds",
                "a ban removes messages of at most 604800 seconds: seven days",
            );
        }
        self.telegram.check()?;
        Ladder::of(self).map_err(|error| BadSetting {
            path: "ladder".to_owned(),
            message: error.to_string(),
        })?;
        Ok(())
    }
}

/// How something that was sent differs from what was read of it.
enum Odd {
    Unknown,
    /// It is read as the text of an id, which it was for older publishers of events.
    Number,
}

/// Where something was sent that is not what was read of it. `null` is nothing.
fn odd(sent: &Value, known: &Value) -> Option<(String, Odd)> {
    match (sent, known) {
        (Value::Object(sent), _) => sent.iter().find_map(|(name, value)| match known.get(name) {
            _ if value.is_null() => None,
            None => Some((name.clone(), Odd::Unknown)),
            Some(known) => odd(value, known).map(|(path, odd)| (joined(name, &path), odd)),
        }),
        (Value::Array(sent), Value::Array(known)) => {
            (0..).zip(sent.iter().zip(known)).find_map(|(at, (sent, known))| {
                let at: usize = at;
                odd(sent, known).map(|(path, odd)| (joined(&format!("[{at}]"), &path), odd))
            })
        }
        (Value::Number(_), Value::String(_)) => Some((String::new(), Odd::Number)),
        _ => None,
    }
}

fn joined(name: &str, path: &str) -> String {
    let between = if path.is_empty() || path.starts_with('[') {
        ""
    } else {
        "."
    };
    format!("{name}{between}{path}")
}

// === impl Ladder ===

impl Ladder {
    /// The ladder that a guild has; `None` when it has none, and then nothing follows from warnings.
    pub fn of(settings: &Settings) -> Result<Option<Self>, LadderError> {
        let Some(text) = &settings.ladder else {
            return Ok(None);
        };
        let span = |text: &Option<String>| text.as_deref().map(str::parse).transpose();
        let duration = |step| move |error: SpanError| LadderError::Duration { step, error };
        let mut steps = Vec::with_capacity(text.steps.len());
        for (number, step) in (1..).zip(&text.steps) {
            steps.push(Step {
                points: step.points,
                within: span(&step.within).map_err(duration(number))?,
                action: step.action,
                lasts: span(&step.lasts).map_err(duration(number))?,
                needs_approval: step.needs_approval,
            });
        }
        let decay: Option<Span> = span(&text.decay).map_err(LadderError::Decay)?;
        Self::new(decay, steps).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(ladder: &Value) -> Result<Option<Ladder>, String> {
        let settings = Settings::read(&json!({ "ladder": ladder })).map_err(|error| error.to_string())?;
        Ladder::of(&settings).map_err(|error| error.to_string())
    }

    #[test]
    fn what_nobody_chose_is_as_it_was() {
        assert_eq!(Settings::read(&json!({})), Ok(Settings::default()));
        let kept = serde_json::to_value(Settings::default()).unwrap();
        assert_eq!(Settings::read(&kept), Ok(Settings::default()));
    }

    #[test]
    fn a_setting_that_cannot_be_is_named() {
        for (sent, path) in [
            (json!({ "logChanel": "17" }), "logChanel"),
            (json!({ "discord": { "theme": "dark" } }), "discord.theme"),
            (json!({ "logChannel": 17 }), "logChannel"),
            (json!({ "locale": "x" }), "locale"),
            (json!({ "locale": "en US" }), "locale"),
            (json!({ "timezone": "../etc" }), "timezone"),
            (json!({ "messageDays": 4_000 }), "messageDays"),
            (json!({ "messageDays": -1 }), "messageDays"),
            (json!({ "ladder": { "steps": [] } }), "ladder"),
            (
                json!({ "notifications": { "channel": ["gossip"] } }),
                "notifications.channel[0]",
            ),
            (json!({ "digest": { "at": "nine" } }), "digest.at"),
            (json!({ "digest": { "hour": 9 } }), "digest.hour"),
            (
                json!({ "telegram": { "captcha": "sometimes" } }),
                "telegram.captcha",
            ),
            (
                json!({ "telegram": { "captchaSeconds": 5 } }),
                "telegram.captchaSeconds",
            ),
            (
                json!({ "telegram": { "rules": "x".repeat(3_001) } }),
                "telegram.rules",
            ),
            (
                json!({ "telegram": { "filters": [{ "words": "Loud", "answer": "x" }] } }),
                "telegram.filters",
            ),
            (
                json!({ "telegram": { "disabled": ["/report"] } }),
                "telegram.disabled",
            ),
            (
                json!({ "telegram": { "raidSeconds": 5 } }),
                "telegram.raidSeconds",
            ),
            (
                json!({ "telegram": { "captchaButton": " " } }),
                "telegram.captchaButton",
            ),
            (
                json!({ "telegram": { "cleanService": ["gossip"] } }),
                "telegram.cleanService[0]",
            ),
            (json!([]), ""),
        ] {
            assert_eq!(Settings::read(&sent).unwrap_err().path, path, "{sent}");
        }
        // What is not there is not sent.
        assert!(Settings::read(&json!({ "ladder": null })).is_ok());
    }

    #[test]
    fn a_ladder_is_read() {
        let ladder = read(&json!({ "decay": "30d", "steps": [
            { "points": 3, "action": "mute", "lasts": "1h", "within": "7d" },
            { "points": 8, "action": "ban", "needsApproval": true },
        ] }));
        let steps = vec![
            Step {
                points: 3,
                within: Some(Span::days(7)),
                action: Action::Mute,
                lasts: Some(Span::fixed(3600)),
                needs_approval: false,
            },
            Step {
                points: 8,
                within: None,
                action: Action::Ban,
                lasts: None,
                needs_approval: true,
            },
        ];
        assert_eq!(ladder, Ok(Ladder::new(Some(Span::days(30)), steps).ok()));
    }

    #[test]
    fn without_a_ladder_nothing_follows() {
        assert_eq!(read(&Value::Null), Ok(None));
    }

    #[test]
    fn what_is_wrong_is_told() {
        let step = json!({ "points": 3, "action": "mute", "lasts": "soon" });
        for (ladder, word) in [
            (json!({ "steps": [step] }), "step 1"),
            (json!({ "steps": [], "decay": "-1d" }), "decay"),
            (json!({ "steps": [] }), "at least one step"),
            (
                json!({ "steps": [{ "points": 3, "action": "jail" }] }),
                "found \"jail\"",
            ),
            (
                json!({ "steps": [{ "points": 3, "action": "ban", "last": "1d" }] }),
                "`last`",
            ),
            (json!([]), "invalid"),
        ] {
            let said = read(&ladder).unwrap_err();
            assert!(said.contains(word), "{said}");
        }
    }
}
