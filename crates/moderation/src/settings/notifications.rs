//! What moderators of a community are told, beside what shows on the dashboard.

use crate::daytime::Daytime;
use lockdown_events::NotificationKind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What moderators of a community are told, beside what shows on the dashboard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct NotificationSettings {
    /// What is told in the log channel. What one person is told by direct message, they choose themselves.
    pub channel: Vec<NotificationKind>,
}

/// What went on the day before, told each day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct DigestSettings {
    /// At which time of day, by the clock of the community.
    pub at: Daytime,
}

// === impl DigestSettings ===

impl Default for DigestSettings {
    fn default() -> Self {
        Self { at: Daytime::at(9) }
    }
}

// === impl NotificationSettings ===

impl Default for NotificationSettings {
    fn default() -> Self {
        use NotificationKind::{Alert, Approval, Difference, Failure};
        Self {
            channel: vec![Alert, Approval, Failure, Difference],
        }
    }
}
