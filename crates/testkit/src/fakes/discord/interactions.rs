//! What people ask of the bot by command, button and menu.

use chrono::{DateTime, Utc};
use serde_json::Value;

/// One interaction and what the bot said to it.
pub(super) struct Interaction {
    pub(super) id: u64,
    pub(super) bot: u64,
    pub(super) made: DateTime<Utc>,
    /// The first answer: its type, and when it came.
    pub(super) acknowledged: Option<u64>,
    /// The answer to the command itself, as it stands now.
    pub(super) original: Option<Value>,
    pub(super) follow_ups: Vec<Value>,
}
