//! Questions asked over plain Pub/Sub, and their answers.

use crate::id::{CorrelationId, GuildId, UserId};
use crate::moderation::ModerationAction;
use crate::schema::ChannelInfo;
use crate::source::Platform;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    ChannelInfo::of::<HealthRequest>("request:health", "Asks how the system is."),
];
