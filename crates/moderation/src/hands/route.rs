//! What the backend answers to those who ask by a route of the API.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The answer to `request:route`. What the API would refuse is the answer's error, with the code that the API has for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteAnswer {
    /// As in HTTP: 200 it was so, 201 it is new.
    pub status: u16,
    /// JSON, or a text where the route gives text; absent where there is nothing to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
}

/// What `judgeMessage` says, as much of it as is shown.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Judged {
    /// Whether a rule that acts hits.
    pub caught: bool,
    /// Whether the author keeps order; absent where that is not known.
    pub staff: Option<bool>,
    /// In the order of the file.
    pub rules: Vec<JudgedBy>,
}

/// What one rule says.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct JudgedBy {
    pub rule: String,
    pub hit: bool,
    /// Why, or why not.
    pub because: String,
}
