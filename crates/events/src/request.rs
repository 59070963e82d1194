//! Questions asked over plain Pub/Sub, and their answers.

use crate::id::{CorrelationId, GuildId, UserId};
use crate::moderation::ModerationAction;
use crate::schema::ChannelInfo;
use crate::source::Platform;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// What a client PUBLISHes on `request:{name}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Request")]
pub struct Request<T> {
    /// Chosen by the client; the answer carries it.
    pub correlation_id: CorrelationId,
    /// Where the answer is published; begins with `response:`.
    pub response_channel: String,
    /// A mark of the bus that ends with the client's patience; plain clients leave it out. Whoever takes it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    pub data: T,
}

/// What comes back on the response channel: `data` or `error`, never both.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Response")]
pub struct Response<T> {
    pub correlation_id: CorrelationId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<T>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<RequestError>,
}

/// Why a request was not answered with data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestError {
    /// Stable, for programs.
    pub code: String,
    /// For people.
    pub message: String,
}

/// `request:case`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CaseRequest {
    #[serde(default)]
    pub platform: Platform,
    pub guild_id: GuildId,
    pub case_number: u64,
}

/// `request:member`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemberRequest {
    #[serde(default)]
    pub platform: Platform,
    pub guild_id: GuildId,
    pub user_id: UserId,
}

/// `request:ranks:{platform}`, answered by the bot of that platform.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RanksRequest {
    pub guild_id: GuildId,
    /// The answer has them in this order.
    pub user_ids: Vec<UserId>,
    /// Whether the answer is to name all who keep order there, where the bot knows them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keepers: bool,
}

/// `request:route`: what a moderator asks through a bot, by a route of the API that concerns one community. Whoever sends it
/// has seen that it is this person who asks; what they may is decided as everywhere.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RouteRequest {
    #[serde(default)]
    pub platform: Platform,
    pub guild_id: GuildId,
    /// Who asks.
    pub moderator_id: UserId,
    /// The route by its `operationId`, such as `listCases`.
    pub route: String,
    /// The other parts of its path, such as `caseNumber`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub query: BTreeMap<String, String>,
    /// The version that the asker has seen, as in the header `If-Match`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_match: Option<String>,
    /// JSON, or the text of a route that takes text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// The same key twice has one effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// `request:settings`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SettingsRequest {
    #[serde(default)]
    pub platform: Platform,
    pub guild_id: GuildId,
}

/// `request:rules`: what judges in a community, for the bot of its platform.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RulesRequest {
    #[serde(default)]
    pub platform: Platform,
    pub guild_id: GuildId,
}

/// `request:health`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct HealthRequest {
    /// One component, or absent for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub component: Option<String>,
}

/// Every request that is answered.
pub static REQUESTS: &[ChannelInfo] = &[
    ChannelInfo::of::<ModerationAction>("request:moderation", "Asks for an act; answered with the case."),
    ChannelInfo::of::<CaseRequest>("request:case", "Asks for one case."),
    ChannelInfo::of::<MemberRequest>("request:member", "Asks for one person's record."),
    ChannelInfo::of::<RanksRequest>(
        "request:ranks:{platform}",
        "Asks the bot of a platform how people stand there.",
    ),
    ChannelInfo::of::<RouteRequest>(
        "request:route",
        "Asks by a route of the API for a moderator who speaks through a bot.",
    ),
    ChannelInfo::of::<SettingsRequest>("request:settings", "Asks for the settings of a community."),
    ChannelInfo::of::<RulesRequest>("request:rules", "Asks for the rules in force in a community."),
    ChannelInfo::of::<HealthRequest>("request:health", "Asks how the system is."),
];
