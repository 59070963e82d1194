//! Methods that the library lacks, or whose types say less than Telegram does.

use serde::Serialize;
use serde_json::{Map, Value};
use teloxide::requests::Payload;

/// `getUpdates`, whose answer is left as it is.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct RawUpdates {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) offset: Option<i64>,
    pub(crate) limit: u8,
    pub(crate) timeout: u64,
    pub(crate) allowed_updates: &'static [&'static str],
}

impl Payload for RawUpdates {
    type Output = Vec<Value>;
    const NAME: &'static str = "GetUpdates";
}

/// `setWebhook` in JSON: the library would send a form, for the sake of certificates.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct SetWebhook {
    pub(crate) url: String,
    pub(crate) secret_token: String,
    pub(crate) allowed_updates: &'static [&'static str],
}

impl Payload for SetWebhook {
    type Output = Value;
    const NAME: &'static str = "SetWebhook";
}

/// `restrictChatMember` with permissions as Telegram gave them: the library's own type drops those it does not know.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Restrict {
    pub(crate) chat_id: i64,
    pub(crate) user_id: i64,
    pub(crate) permissions: Map<String, Value>,
    pub(crate) use_independent_chat_permissions: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) until_date: Option<i64>,
}

impl Payload for Restrict {
    type Output = Value;
    const NAME: &'static str = "RestrictChatMember";
}

/// `setChatPermissions`, as Telegram gave them: see [`Restrict`].
#[derive(Debug, Clone, Serialize)]
pub(crate) struct SetPermissions {
    pub(crate) chat_id: i64,
    pub(crate) permissions: Map<String, Value>,
    pub(crate) use_independent_chat_permissions: bool,
}

impl Payload for SetPermissions {
    type Output = Value;
    const NAME: &'static str = "SetChatPermissions";
}

/// `promoteChatMember` with the rights that Telegram has now.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Promote {
    pub(crate) chat_id: i64,
    pub(crate) user_id: i64,
    #[serde(flatten)]
    pub(crate) rights: Map<String, Value>,
}

impl Payload for Promote {
    type Output = Value;
    const NAME: &'static str = "PromoteChatMember";
}

/// `getChatAdministrators` with the bots among them.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct GetAdministrators {
    pub(crate) chat_id: i64,
    pub(crate) return_bots: bool,
}

impl Payload for GetAdministrators {
    type Output = Value;
    const NAME: &'static str = "GetChatAdministrators";
}

/// `deleteAllMessageReactions` of a person or, by `actor_chat_id`, of a channel.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct DeleteReactions {
    pub(crate) chat_id: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) actor_chat_id: Option<i64>,
}

impl Payload for DeleteReactions {
    type Output = Value;
    const NAME: &'static str = "DeleteAllMessageReactions";
}

/// `answerChatJoinRequestQuery`: `approve`, `decline`, or `queue` for the administrators.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct AnswerJoinQuery {
    pub(crate) chat_join_request_query_id: String,
    pub(crate) result: &'static str,
}

impl Payload for AnswerJoinQuery {
    type Output = Value;
    const NAME: &'static str = "AnswerChatJoinRequestQuery";
}
