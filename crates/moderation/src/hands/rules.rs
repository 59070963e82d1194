//! What judges in a community, as its bot hears it.

use chrono::{DateTime, Utc};
use lockdown_events::ChannelId;
use serde::{Deserialize, Serialize};

/// The answer to `request:rules`: the rules of the community as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RulesTold {
    /// 0 where none act.
    pub version: u64,
    pub text: String,
    /// Rules that do nothing for now, since they acted too often.
    #[serde(default)]
    pub paused: Vec<PausedRule>,
    /// Channels that have rules of their own.
    #[serde(default)]
    pub apart: Vec<ChannelId>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PausedRule {
    pub rule: String,
    pub until: DateTime<Utc>,
}
