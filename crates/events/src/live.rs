//! Live-only channels: said once to whoever listens, with no stream behind them.

use crate::error::DecodeError;
use crate::id::{GuildId, NotificationId, UserId};
use crate::schema::ChannelInfo;
use crate::source::Platform;
use crate::table;
use crate::text_enum::text_enum;
use chrono::{DateTime, Utc};
use compact_str::{CompactString, format_compact};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

text_enum! {
    /// What kind of thing is on-line.
    PresenceKind {
        Service = "service",
        Bot = "bot",
        Shard = "shard",
        Moderator = "moderator",
    }
}

text_enum! {
    /// Whether it is there.
    PresenceState {
        Online = "online",
        Offline = "offline",
    }
}

text_enum! {
    /// How loudly a notification asks.
    NotificationLevel {
        Info = "info",
        Warning = "warning",
        /// Someone should look now.
        Urgent = "urgent",
    }
}

text_enum! {
    /// What a notification is about, by which people choose what they are told.
    NotificationKind {
        /// A rule raised an alert.
        Alert = "alert",
        /// A rule asks for something that takes the agreement of moderators.
        Approval = "approval",
        /// A rule asks for a look at something, or holds it.
        Review = "review",
        /// Something could not be carried out, or is switched off.
        Failure = "failure",
        /// The platform shows something else than the records say.
        Difference = "difference",
        /// Somebody said something to moderators.
        Message = "message",
    }
}

/// Someone or something came on-line or went: `presence`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Presence {
    pub kind: PresenceKind,
    /// Unique within its kind, such as `worker:7f3c` or a moderator's id.
    pub id: String,
    pub state: PresenceState,
    pub last_seen: DateTime<Utc>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// What must be read anew: `cache:invalidate`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct CacheInvalidation {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
    /// A glob, as Redis matches them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// Everything that was kept under one of these words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
}

/// A word to moderators: `notifications:{userId}`, `notifications:broadcast`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Notification {
    pub id: NotificationId,
    pub level: NotificationLevel,
    pub title: String,
    #[serde(default)]
    pub body: String,
    pub at: DateTime<Utc>,
    /// Absent in a broadcast.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guild_id: Option<GuildId>,
    /// Where to look, as a path of the dashboard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<NotificationKind>,
}

/// Any live-only saying, decoded.
#[derive(Debug, Clone, PartialEq)]
pub enum Live {
    Presence(Presence),
    CacheInvalidation(CacheInvalidation),
    /// To one moderator when it names one, else to all.
    Notification(Notification),
}

// === impl Live ===

impl Live {
    /// The channel, which is also the envelope's type.
    pub fn channel(&self) -> CompactString {
        match self {
            Self::Presence(_) => PRESENCE.into(),
            Self::CacheInvalidation(_) => CACHE_INVALIDATE.into(),
            Self::Notification(Notification {
                user_id: Some(user), ..
            }) => format_compact!("{NOTIFICATIONS}{user}"),
            Self::Notification(_) => BROADCAST.into(),
        }
    }

    pub(crate) fn decode(channel: &str, version: u32, data: &RawValue) -> Result<Self, DecodeError> {
        let known = [PRESENCE, CACHE_INVALIDATE].contains(&channel) || channel.starts_with(NOTIFICATIONS);
        if !known {
            return Err(DecodeError::UnknownType {
                event_type: channel.into(),
            });
        }
        table::known_version(channel, version, LIVE_VERSION)?;
        match channel {
            PRESENCE => table::body(channel, data).map(Self::Presence),
            CACHE_INVALIDATE => table::body(channel, data).map(Self::CacheInvalidation),
            _ => table::body(channel, data).map(Self::Notification),
        }
    }

    pub(crate) fn write_body(&self) -> serde_json::Result<Box<RawValue>> {
        match self {
            Self::Presence(body) => to_raw_value(body),
            Self::CacheInvalidation(body) => to_raw_value(body),
            Self::Notification(body) => to_raw_value(body),
        }
    }
}

pub(crate) const LIVE_VERSION: u32 = 1;
const PRESENCE: &str = "presence";
const CACHE_INVALIDATE: &str = "cache:invalidate";
const NOTIFICATIONS: &str = "notifications:";
const BROADCAST: &str = "notifications:broadcast";

/// Every live-only channel; `{…}` stands where a part of the name varies.
pub static LIVE: &[ChannelInfo] = &[
    ChannelInfo::of::<Presence>(
        PRESENCE,
        "A service, bot, shard or moderator came on-line or went.",
    ),
    ChannelInfo::of::<CacheInvalidation>(
        CACHE_INVALIDATE,
        "Cached entries that must be read anew, by keys or by pattern.",
    ),
    ChannelInfo::of::<Notification>("notifications:{userId}", "A notification for one moderator."),
    ChannelInfo::of::<Notification>(BROADCAST, "A notification for every moderator."),
];
