//! Communities and their configuration.

use crate::id::GuildId;
use crate::source::Platform;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A new version of a community's configuration is in force: `guild:config`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GuildConfig {
    #[serde(default)]
    pub platform: Platform,
    pub guild_id: GuildId,
    /// Strictly increasing within a community: a reader that has seen a later one ignores this.
    pub version: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule_set_hash: Option<String>,
    /// The parts that changed, such as `rules`, `locale` or `log_channel`.
    #[serde(default)]
    pub changed: Vec<String>,
}

/// The platform shows a change of the community itself: `guild:update`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GuildUpdate {
    #[serde(default)]
    pub platform: Platform,
    pub guild_id: GuildId,
    #[serde(default)]
    pub changes: Vec<GuildChange>,
    /// The id under which the community lives from now on (a Telegram group that became a supergroup).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub migrated_to: Option<GuildId>,
}

/// One thing that changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GuildChange {
    /// Such as `name`, `owner`, `role`, `channel` or `bot_rights`.
    pub what: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    #[serde(default)]
    pub before: Option<String>,
    #[serde(default)]
    pub after: Option<String>,
}
