//! Decisions, what came of them, and what the rules said.

use crate::id::{BatchId, CaseId, ChannelId, EventId, GuildId, MessageId, RoleId, TraceId, UserId};
use crate::message::MessageRef;
use crate::source::Platform;
use crate::text_enum::text_enum;
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

text_enum! {
    /// What a moderator, a rule or a platform does to a person.
    Action {
        Ban = "ban",
        Unban = "unban",
        Kick = "kick",
        Mute = "mute",
        Unmute = "unmute",
        Warn = "warn",
        Unwarn = "unwarn",
        Note = "note",
        /// A ban lifted at once: the person may return, their messages do not.
        Softban = "softban",
    }
}

text_enum! {
    /// Where a wish or an observation comes from.
    #[derive(Default)]
    Origin {
        Command = "command",
        Api = "api",
        Automod = "automod",
        /// Done by hand in the platform's own client: observed, not wished.
        Native = "native",
        Appeal = "appeal",
        Expiry = "expiry",
        /// Also what an absent `origin` means.
        #[default]
        Outside = "outside",
    }
}

text_enum! {
    /// What came of a decision on the platform.
    Outcome {
        Applied = "applied",
        Failed = "failed",
        /// A newer decision stands, so this one was not carried out.
        Superseded = "superseded",
    }
}

text_enum! {
    /// What became of the direct message to the person concerned.
    DirectMessage {
        Sent = "sent",
        /// The person takes no messages from strangers.
        Closed = "closed",
        NoMutualGuild = "no_mutual_guild",
        Blocked = "blocked",
        /// None was wanted.
        Skipped = "skipped",
        Failed = "failed",
    }
}

text_enum! {
    /// Whether a verdict was carried out.
    VerdictMode {
        Live = "live",
        /// What the rules would have done.
        Shadow = "shadow",
    }
}

text_enum! {
    /// What a verdict was passed on.
    VerdictSubject {
        Message = "message",
        Edit = "edit",
        Join = "join",
        Name = "name",
        Reaction = "reaction",
    }
}

/// The wish or the observation: `moderation:action`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ModerationAction {
    #[serde(default)]
    pub platform: Platform,
    pub guild_id: GuildId,
    pub action: Action,
    pub user_id: UserId,
    /// Absent when a rule or the platform itself acts.
    #[serde(default)]
    pub moderator_id: Option<UserId>,
    #[serde(default)]
    pub reason: Option<String>,
    /// Absent: for ever.
    #[serde(default)]
    pub expires_at: Option<DateTime<Utc>>,
    #[serde(default)]
    pub origin: Origin,
    /// The case meant by an `unwarn`, or by a lift that belongs to one case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case_number: Option<u64>,
    /// How far back a ban removes the person's messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete_message_seconds: Option<u32>,
    /// Whether the person is told; absent leaves it to the community's settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify: Option<bool>,
    /// What a warning weighs; absent is 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub points: Option<u32>,
    /// The platform's own record of an observed act, such as an audit-log entry: one observation, one case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub native_id: Option<String>,
    /// Shared with what is asked for in the same go, of other people: it is told of together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_id: Option<BatchId>,
    /// The verdict that asks for this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<TraceId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule_set_hash: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<MessageRef>,
}

/// The recorded decision: `ban:created`, `ban:removed`, `kick:executed`, `mute:applied`, `mute:removed`,
/// `warning:added`, `warning:removed`, `note:added`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    #[serde(default)]
    pub platform: Platform,
    pub guild_id: GuildId,
    pub id: CaseId,
    pub case_number: u64,
    /// What was decided, where the type alone does not tell: a softban is a `kick:executed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
    pub user_id: UserId,
    #[serde(default)]
    pub moderator_id: Option<UserId>,
    #[serde(default)]
    pub reason: Option<String>,
    /// Absent: for ever.
    #[serde(default)]
    pub expires_at: Option<DateTime<Utc>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete_message_seconds: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify: Option<bool>,
    /// For a removal: the case whose sanction ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifts_case_number: Option<u64>,
    /// Shared with what was asked for in the same go, of other people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_id: Option<BatchId>,
    /// For an automatic decision: the rule that asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// For an automatic decision: the version of the rules that judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule_set_hash: Option<String>,
    /// For an automatic decision: where its explanation is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<TraceId>,
}

/// What came of a decision on the platform: `moderation:log`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ModerationLog {
    #[serde(default)]
    pub platform: Platform,
    pub guild_id: GuildId,
    pub case_number: u64,
    pub outcome: Outcome,
    /// Why it failed, in words for a moderator.
    #[serde(default)]
    pub error: Option<String>,
    /// Absent where a direct message makes no sense, and where what came of it is not known any more.
    #[serde(default)]
    pub notified: Option<DirectMessage>,
}

/// The rules' verdict on one message, edit, join or name: `moderation:automod`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    #[serde(default)]
    pub platform: Platform,
    pub guild_id: GuildId,
    pub subject: VerdictSubject,
    /// The event that was judged.
    pub event_id: EventId,
    pub user_id: UserId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel_id: Option<ChannelId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<MessageId>,
    pub mode: VerdictMode,
    #[serde(default)]
    pub rules: Vec<RuleHit>,
    #[serde(default)]
    pub actions: Vec<VerdictAct>,
    pub rule_set_hash: String,
    pub trace_id: TraceId,
    /// What was asked about the event and what was seen, rule by rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explanation: Option<serde_json::Map<String, serde_json::Value>>,
}

/// One rule that matched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RuleHit {
    pub rule: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// The part of the original text that matched, in UTF-16 units as both platforms count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span: Option<[u32; 2]>,
}

/// One thing that the verdict asks for. `act` is the rule language's own word, so that a word which an older
/// process does not know is reported by it instead of failing the whole verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VerdictAct {
    pub act: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub argument: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<MessageRef>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<RoleId>,
}

/// What a moderator did that is nobody's case, because it concerns a channel, many messages or a role: `moderation:deed`.
/// Without a moderator, a timer of ours did it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ModerationDeed {
    #[serde(default)]
    pub platform: Platform,
    pub guild_id: GuildId,
    /// Such as `purge`, `slowmode`, `lock`, `unlock`, `role_give` or `role_take`.
    pub deed: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moderator_id: Option<UserId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel_id: Option<ChannelId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_id: Option<RoleId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How many messages or channels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// What was so before, and what is so now, where one word says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// One entry of a community's audit chain: `audit:logged`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditLogged {
    #[serde(default)]
    pub platform: Platform,
    pub guild_id: GuildId,
    /// Without gaps within a community.
    pub sequence: u64,
    /// Who acted: a person's id, `rule:<id>`, `system` or `token:<name>`.
    pub actor: String,
    /// A person's id on the platform, where somebody acted whom it knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor_id: Option<UserId>,
    pub act: String,
    /// What it was done to, such as `case:17`.
    pub subject: String,
    /// Hex SHA-256 over the entry and its predecessor's hash.
    pub hash: String,
}

// === impl ModerationDeed ===

impl ModerationDeed {
    /// A deed of which nothing else is known yet.
    pub fn new(platform: Platform, guild_id: GuildId, deed: &str) -> Self {
        Self {
            platform,
            guild_id,
            deed: deed.to_owned(),
            moderator_id: None,
            channel_id: None,
            user_id: None,
            role_id: None,
            reason: None,
            count: None,
            before: None,
            after: None,
        }
    }
}
