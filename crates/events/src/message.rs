//! Messages, with every surface that can carry text.

use crate::id::{ChannelId, GuildId, MessageId, RoleId, UserId};
use crate::source::Platform;
use crate::text_enum::text_enum;
use crate::user::Names;
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

text_enum! {
    /// What speaks.
    #[derive(Default)]
    AuthorKind {
        #[default]
        Person = "person",
        Bot = "bot",
        Webhook = "webhook",
        /// A Telegram channel posting under its own name.
        Channel = "channel",
        /// A Telegram administrator posting as the group.
        AnonymousAdmin = "anonymous_admin",
        /// A Telegram post forwarded by the platform from the linked channel.
        LinkedChannel = "linked_channel",
    }
}

/// One message: `message:created`, and its new state in `message:edited`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    #[serde(default)]
    pub platform: Platform,
    pub guild_id: GuildId,
    pub message_id: MessageId,
    pub channel_id: ChannelId,
    /// The channel above a thread, or the forum topic within a Telegram chat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread_id: Option<ChannelId>,
    pub author_id: UserId,
    #[serde(default)]
    pub author: Author,
    /// The person behind a message that an application posted on their behalf.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoker_id: Option<UserId>,
    /// The text, or a medium's caption.
    #[serde(default)]
    pub content: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<DateTime<Utc>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<MessageRef>,
    /// Who wrote the message that this one answers, where the platform tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_author_id: Option<UserId>,
    /// Shared by the messages that a platform shows as one album.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub album_id: Option<String>,
    #[serde(default, skip_serializing_if = "Mentions::is_empty")]
    pub mentions: Mentions,
    /// Addresses that the text hides behind other words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hidden_links: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub embeds: Vec<Embed>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forward: Option<Box<Forward>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poll: Option<Poll>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stickers: Vec<Sticker>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub buttons: Vec<Button>,
    /// Any further text that a reader sees: quotes, contacts, venues, games, components, thread titles.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub surfaces: Vec<Surface>,
    /// Members of the platform's own record that we did not understand: judged by policy, never ignored.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unparsed: Vec<String>,
    /// What the platform itself says by it, as `join`, `leave`, `pin`, `title`, `photo`, `topic`, `call` or `other`; absent
    /// where somebody wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
}

/// What is known of an author at the time of speaking.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Author {
    pub kind: AuthorKind,
    pub names: Names,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<RoleId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub joined_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_created_at: Option<DateTime<Utc>>,
}

/// A message by its place; `channelId` is absent where the message's own channel is meant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessageRef {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel_id: Option<ChannelId>,
    pub message_id: MessageId,
}

/// Whom a message calls.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Mentions {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<UserId>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<RoleId>,
    pub everyone: bool,
}

// === impl Mentions ===

impl Mentions {
    fn is_empty(&self) -> bool {
        self.users.is_empty() && self.roles.is_empty() && !self.everyone
    }
}

/// A preview or a rich block.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Embed {
    /// The platform's own word, such as `rich`, `link` or `video`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub footer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<EmbedField>,
}

/// A row of an embed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EmbedField {
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub value: String,
}

/// A file or medium.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Attachment {
    pub id: String,
    /// The platform's own word, such as `photo`, `voice` or `document`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The alternative text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// As the uploader chose it, so not to be believed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Hex SHA-256 of the bytes, once they were read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Hex perceptual hash of a picture, once it was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub perceptual_hash: Option<String>,
}

/// What a forwarded message shows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Forward {
    /// Who or what it came from, as the platform shows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<MessageRef>,
    pub content: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub embeds: Vec<Embed>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stickers: Vec<Sticker>,
}

/// A question and what may be answered.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Poll {
    pub question: String,
    pub answers: Vec<String>,
}

/// A sticker, with the texts that its maker gave it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Sticker {
    pub id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set: Option<String>,
}

/// A button under a message.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Button {
    pub label: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// Text in a place that has no member of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Surface {
    /// Where a reader sees it, such as `quote`, `contact` or `component`.
    pub place: String,
    pub text: String,
}

/// `message:deleted`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessageDeleted {
    #[serde(default)]
    pub platform: Platform,
    pub guild_id: GuildId,
    pub channel_id: ChannelId,
    pub message_id: MessageId,
    #[serde(default)]
    pub author_id: Option<UserId>,
    /// Who deleted it, where the platform tells.
    #[serde(default)]
    pub moderator_id: Option<UserId>,
}

/// `message:bulk_deleted`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessagesBulkDeleted {
    #[serde(default)]
    pub platform: Platform,
    pub guild_id: GuildId,
    pub channel_id: ChannelId,
    pub message_ids: Vec<MessageId>,
    #[serde(default)]
    pub moderator_id: Option<UserId>,
}

/// A reaction that was put under a message or taken away: `reaction:added`, `reaction:removed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reaction {
    #[serde(default)]
    pub platform: Platform,
    pub guild_id: GuildId,
    pub channel_id: ChannelId,
    pub message_id: MessageId,
    /// Who reacted: a person, or on Telegram a channel or a group under its own name.
    pub user_id: UserId,
    #[serde(default)]
    pub names: Names,
    /// The emoji itself, or the name of a custom one.
    pub emoji: String,
    /// The platform's number of a custom emoji.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emoji_id: Option<String>,
}

text_enum! {
    /// What the platform's own AutoMod did.
    NativeAct {
        /// The message was not posted, or the person may not take part.
        Block = "block",
        /// Moderators were told of it.
        Alert = "alert",
        Timeout = "timeout",
    }
}

/// The platform's own AutoMod acted on what somebody said or wanted to say: `message:flagged`, once for each message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessageFlagged {
    #[serde(default)]
    pub platform: Platform,
    pub guild_id: GuildId,
    /// Absent where it was not said in a channel, as a name is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel_id: Option<ChannelId>,
    /// Absent where the message was never posted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<MessageId>,
    pub author_id: UserId,
    #[serde(default)]
    pub content: String,
    /// The platform's own id of its rule.
    pub rule_id: String,
    /// The word or pattern of the rule that hit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keyword: Option<String>,
    /// Of several, the first that the platform told of.
    pub act: NativeAct,
    /// Where the platform's rule was made of rules of the community's, those: they judge it as the message that it would have been.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
}

/// Somebody pressed a button under a message of the bot's: `button:pressed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ButtonPressed {
    #[serde(default)]
    pub platform: Platform,
    pub guild_id: GuildId,
    /// Where the message stands: the community's chat, or the chat of one person with the bot.
    pub channel_id: ChannelId,
    pub message_id: MessageId,
    pub user_id: UserId,
    #[serde(default)]
    pub names: Names,
    /// What the bot wrote into the button.
    pub data: String,
    /// What to answer the press by, while the platform waits for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query_id: Option<String>,
}
