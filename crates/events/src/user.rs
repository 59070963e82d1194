//! People coming, going and changing.

use crate::id::{GuildId, RoleId, UserId};
use crate::source::Platform;
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Every name under which a person appears; each is a surface that rules read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Names {
    /// Without the `@`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Discord's global name; Telegram's first and last name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// The name in this community alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nick: Option<String>,
    /// Discord's guild tag; Telegram's sender tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
}

/// `user:joined`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserJoined {
    #[serde(default)]
    pub platform: Platform,
    pub guild_id: GuildId,
    pub user_id: UserId,
    #[serde(default)]
    pub names: Names,
    #[serde(default)]
    pub bot: bool,
    /// Discord tells it in the id; Telegram does not tell it.
    #[serde(default)]
    pub account_created_at: Option<DateTime<Utc>>,
    #[serde(default)]
    pub inviter_id: Option<UserId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invite_code: Option<String>,
    /// The person has been here before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rejoined: bool,
    /// A fingerprint of the profile picture, so that the accounts of one raid can be told to belong together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avatar: Option<String>,
}

/// Somebody asks to be let in: `user:join_requested`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserJoinRequested {
    #[serde(default)]
    pub platform: Platform,
    pub guild_id: GuildId,
    pub user_id: UserId,
    #[serde(default)]
    pub names: Names,
    #[serde(default)]
    pub bot: bool,
    /// What they say of themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invite_code: Option<String>,
    /// Where the platform wants an answer at once: what to answer by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query_id: Option<String>,
}

/// `user:left`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserLeft {
    #[serde(default)]
    pub platform: Platform,
    pub guild_id: GuildId,
    pub user_id: UserId,
    #[serde(default)]
    pub names: Names,
}

/// `user:updated`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserUpdated {
    #[serde(default)]
    pub platform: Platform,
    pub guild_id: GuildId,
    pub user_id: UserId,
    #[serde(default)]
    pub names: Names,
    /// What is known of the names before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Names>,
    /// All roles after the change; absent when they are not part of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles: Option<Vec<RoleId>>,
    /// The end of the platform's own time-out after the change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub muted_until: Option<DateTime<Utc>>,
    /// Whether the platform counts this person among the community's administrators.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub administrator: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avatar: Option<String>,
}

/// A ban or its end as the platform shows it: `user:banned`, `user:unbanned`. Whoever did it, we or a person by
/// hand, the platform says the same; the recorded decisions are `ban:created` and `ban:removed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BanObserved {
    #[serde(default)]
    pub platform: Platform,
    pub guild_id: GuildId,
    pub user_id: UserId,
    #[serde(default)]
    pub names: Names,
    /// Who did it, where the platform tells.
    #[serde(default)]
    pub moderator_id: Option<UserId>,
    #[serde(default)]
    pub reason: Option<String>,
}
