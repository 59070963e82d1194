//! Messages, for as long as a guild keeps them: context for moderators, and a past on which rules can be tried.
//!
//! A guild that keeps no texts keeps what was computed from them. Whatever is here goes by its `purge_after`; what is to
//! stay for a case is copied ([`crate::evidence`]).

use crate::dbx::batch::{hex, micros, moment};
use crate::dbx::query::row;
use crate::dbx::{Conn, Filter, Json, Tx, sqls};
use crate::error::StoreError;
use crate::guilds::GuildKey;
use crate::people::{IdentityId, storable};
use chrono::{DateTime, Utc};
use lockdown_events::{Attachment, ChannelId, MessageId};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// Where a message stands. On Telegram, its own id is unique within a chat only.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageKey {
    pub guild: GuildKey,
    pub channel: ChannelId,
    pub message: MessageId,
}

/// What a message says, at first or after an edit.
#[derive(Debug, Clone, PartialEq)]
pub struct Saying {
    pub content: String,
    pub attachments: Vec<Attachment>,
    /// What rules make of the text to find what is nearly the same.
    pub fingerprint: Option<Vec<u8>>,
    /// What else rules look at, without its words.
    pub features: Option<Value>,
    /// Whether the guild keeps texts; else only what was computed from them is kept.
    pub keep_text: bool,
}

/// A message that is to be kept.
#[derive(Debug, Clone, PartialEq)]
pub struct NewMessage {
    pub key: MessageKey,
    pub author: IdentityId,
    pub at: DateTime<Utc>,
    pub said: Saying,
    pub purge_after: DateTime<Utc>,
}

row! {
    pub Message {
        guild_id: GuildKey,
        channel_native_id: ChannelId,
        native_id: MessageId,
        /// Who said it.
        identity_id: IdentityId,
        at: DateTime<Utc>,
        edited_at: Option<DateTime<Utc>>,
        deleted_at: Option<DateTime<Utc>>,
        /// Who removed it, where the platform tells.
        deleted_by: Option<IdentityId>,
        content: Option<String>,
        /// Equal where the same was said in the same guild.
        content_hash: Vec<u8>,
        fingerprint: Option<Vec<u8>>,
        features: Option<Json<Value>>,
        attachments: Json<Vec<Attachment>>,
        verdict: Option<Json<Value>>,
        purge_after: DateTime<Utc>,
    }
}

row! {
    /// What a message said before an edit.
    pub Earlier {
        /// When it was replaced.
        at: DateTime<Utc>,
        content: Option<String>,
        content_hash: Vec<u8>,
    }
}

/// What came of an edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edited {
    Recorded,
    /// The text is the one that is known: platforms also tell of an edit when a preview was added.
    SameText,
    /// It was told before, or a later one was.
    Known,
    /// There is no such message here: it is older than what is kept. It can be added as it is now.
    Unknown,
}

/// Whose messages: there is an index for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessagesOf {
    Channel(ChannelId),
    Person(IdentityId),
    PersonIn(IdentityId, ChannelId),
}

/// Which messages of a guild, newest first.
#[derive(Debug, Clone)]
pub struct MessageQuery {
    pub of: MessagesOf,
    /// Said at this time or later.
    pub from: Option<DateTime<Utc>>,
    /// Where the last page ended: its last message.
    pub before: Option<(DateTime<Utc>, MessageId)>,
}

macro_rules! columns {
    ($head:literal, $tail:literal) => {
        concat!(
            $head,
            " guild_id, channel_native_id, native_id, identity_id, at, edited_at, deleted_at, deleted_by, content, \
             content_hash, fingerprint, features, attachments, verdict, purge_after ",
            $tail
        )
    };
}

/// For [`Filter`], which adds the conditions.
const SELECT: &str = columns!("SELECT", "FROM messages");

sqls! {
    KEEP =>
        concat!(
            "INSERT INTO messages (guild_id, channel_native_id, native_id, identity_id, at, content, content_hash, \
                 fingerprint, features, attachments, purge_after) \
             SELECT r.guild, r.channel, r.message, r.author, ", moment!("r.at"), ", r.content, decode(r.hash, 'hex'), \
                 decode(r.fingerprint, 'hex'), r.features, r.attachments, ", moment!("r.purge_after"),
            " FROM jsonb_to_recordset($1) AS r (guild UUID, channel TEXT, message TEXT, author UUID, at BIGINT, \
                 content TEXT, hash TEXT, fingerprint TEXT, features JSONB, attachments JSONB, purge_after BIGINT) \
             ON CONFLICT (guild_id, channel_native_id, native_id) DO NOTHING"
        ),
        "INSERT INTO messages (guild_id, channel_native_id, native_id, identity_id, at, content, content_hash, \
             fingerprint, features, attachments, purge_after) \
         SELECT unhex(value ->> 'guild', '-'), value ->> 'channel', value ->> 'message', \
             unhex(value ->> 'author', '-'), value ->> 'at', value ->> 'content', unhex(value ->> 'hash'), \
             unhex(value ->> 'fingerprint'), NULLIF(value -> 'features', 'null'), value -> 'attachments', value ->> 'purge_after' \
         FROM json_each($1) WHERE TRUE \
         ON CONFLICT (guild_id, channel_native_id, native_id) DO NOTHING";
    FIND = columns!("SELECT", "FROM messages WHERE guild_id = $1 AND channel_native_id = $2 AND native_id = $3");
    LOCK =>
        columns!("SELECT", "FROM messages WHERE guild_id = $1 AND channel_native_id = $2 AND native_id = $3 \
            FOR NO KEY UPDATE"),
        columns!("SELECT", "FROM messages WHERE guild_id = $1 AND channel_native_id = $2 AND native_id = $3");
    EARLIER = "SELECT at, content, content_hash FROM message_edits \
        WHERE guild_id = $1 AND channel_native_id = $2 AND native_id = $3 ORDER BY at";
    ADD_EARLIER = "INSERT INTO message_edits \
            (guild_id, channel_native_id, native_id, at, identity_id, content, content_hash) \
        SELECT guild_id, channel_native_id, native_id, $4, identity_id, content, content_hash FROM messages \
            WHERE guild_id = $1 AND channel_native_id = $2 AND native_id = $3";
    EDIT = "UPDATE messages SET edited_at = $4, content = $5, content_hash = $6, fingerprint = $7, features = $8, \
            attachments = $9 WHERE guild_id = $1 AND channel_native_id = $2 AND native_id = $3";
    DELETE =>
        "UPDATE messages SET deleted_at = $4, deleted_by = $5 WHERE guild_id = $1 AND channel_native_id = $2 \
            AND native_id IN (SELECT jsonb_array_elements_text($3)) AND deleted_at IS NULL",
        "UPDATE messages SET deleted_at = $4, deleted_by = $5 WHERE guild_id = $1 AND channel_native_id = $2 \
            AND native_id IN (SELECT value FROM json_each($3)) AND deleted_at IS NULL";
    JUDGE = "UPDATE messages SET verdict = $4 WHERE guild_id = $1 AND channel_native_id = $2 AND native_id = $3";
    PURGE = "DELETE FROM messages WHERE (guild_id, channel_native_id, native_id) IN \
        (SELECT guild_id, channel_native_id, native_id FROM messages WHERE purge_after <= $1 \
            ORDER BY purge_after LIMIT $2)";
    FORGET_TEXTS = "UPDATE messages SET content = NULL, attachments = $4 \
        WHERE (guild_id, channel_native_id, native_id) IN (SELECT guild_id, channel_native_id, native_id FROM messages \
            WHERE guild_id = $1 AND at < $2 AND content IS NOT NULL LIMIT $3)";
    FORGET_EARLIER = "UPDATE message_edits SET content = NULL \
        WHERE (guild_id, channel_native_id, native_id, at) IN \
            (SELECT guild_id, channel_native_id, native_id, at FROM message_edits \
                WHERE guild_id = $1 AND at < $2 AND content IS NOT NULL LIMIT $3)";
}

/// What stays comparable of a text: by the guild's id in it, not with what is said in another guild.
pub(crate) fn content_hash(guild: GuildKey, content: &str) -> [u8; 32] {
    let digest = Sha256::new().chain_update(guild.0.as_bytes());
    digest.chain_update(content).finalize().into()
}

// === impl Saying ===

impl Saying {
    pub(crate) fn stored_content(&self) -> Option<String> {
        self.keep_text.then(|| storable(&self.content))
    }

    pub(crate) fn hash(&self, guild: GuildKey) -> [u8; 32] {
        content_hash(guild, &storable(&self.content))
    }

    /// Without the names and addresses of files where no texts are kept.
    pub(crate) fn stored_attachments(&self) -> Vec<Attachment> {
        let bare = |attachment: &Attachment| Attachment {
            id: attachment.id.clone(),
            kind: attachment.kind.clone(),
            size: attachment.size,
            sha256: attachment.sha256.clone(),
            perceptual_hash: attachment.perceptual_hash.clone(),
            ..Attachment::default()
        };
        if self.keep_text {
            self.attachments.clone()
        } else {
            self.attachments.iter().map(bare).collect()
        }
    }
}

// === impl Conn ===

impl Conn {
    pub async fn message(&mut self, key: &MessageKey) -> Result<Option<Message>, StoreError> {
        self.query(&FIND)
            .bind(key.guild)
            .bind(key.channel.as_str())
            .bind(key.message.as_str())
            .optional()
            .await
    }

    /// What a message said before its edits, oldest first.
    pub async fn message_edits(&mut self, key: &MessageKey) -> Result<Vec<Earlier>, StoreError> {
        self.query(&EARLIER)
            .bind(key.guild)
            .bind(key.channel.as_str())
            .bind(key.message.as_str())
            .all()
            .await
    }

    /// A page, newest first. It costs the same at either end.
    pub async fn messages(
        &mut self,
        guild: GuildKey,
        query: &MessageQuery,
        limit: u64,
    ) -> Result<Vec<Message>, StoreError> {
        let (author, channel) = match &query.of {
            MessagesOf::Channel(channel) => (None, Some(channel.as_str())),
            MessagesOf::Person(author) => (Some(*author), None),
            MessagesOf::PersonIn(author, channel) => (Some(*author), Some(channel.as_str())),
        };
        let before = query.before.as_ref().map(|(at, id)| (*at, id.as_str()));
        // Ids of one moment are compared as texts: where Telegram's seconds hide the order, that is theirs, but for the
        // moment in which they grow by a digit.
        let filter = Filter::new(self, "messages::page", SELECT)
            .and("guild_id = ?", guild)
            .and_if("channel_native_id = ?", channel)
            .and_if("identity_id = ?", author)
            .and_if("at >= ?", query.from)
            .and_below_if("(at, native_id)", before)
            .ending("ORDER BY at DESC, native_id DESC LIMIT ?", limit);
        self.filtered(filter).all().await
    }
}

// === impl Tx ===

impl Tx {
    /// Keeps messages; says how many of them were not there. The same one may come again.
    pub async fn keep_messages(&mut self, batch: &[NewMessage]) -> Result<u64, StoreError> {
        let row = |new: &NewMessage| -> Value {
            json!({
                "guild": new.key.guild.0,
                "channel": new.key.channel,
                "message": new.key.message,
                "author": new.author.0,
                "at": micros(new.at),
                "content": new.said.stored_content(),
                "hash": hex(&new.said.hash(new.key.guild)),
                "fingerprint": new.said.fingerprint.as_deref().map(hex),
                "features": new.said.features,
                "attachments": new.said.stored_attachments(),
                "purge_after": micros(new.purge_after),
            })
        };
        let rows: Vec<Value> = batch.iter().map(row).collect();
        self.query(&KEEP).bind(Json(rows)).execute().await
    }

    /// Notes that a message says something else from a time on, and keeps what it said before.
    pub async fn edit_message(
        &mut self,
        key: &MessageKey,
        at: DateTime<Utc>,
        said: &Saying,
    ) -> Result<Edited, StoreError> {
        let lock = self
            .query(&LOCK)
            .bind(key.guild)
            .bind(key.channel.as_str())
            .bind(key.message.as_str());
        let Some(known) = lock.optional::<Message>().await? else {
            return Ok(Edited::Unknown);
        };
        if known.edited_at.is_some_and(|edited| edited >= at) {
            return Ok(Edited::Known);
        }
        let hash = said.hash(key.guild);
        let same = known.content_hash == hash;
        if !same {
            let earlier = self
                .query(&ADD_EARLIER)
                .bind(key.guild)
                .bind(key.channel.as_str())
                .bind(key.message.as_str())
                .bind(at);
            earlier.execute().await?;
        }
        let edit = self
            .query(&EDIT)
            .bind(key.guild)
            .bind(key.channel.as_str())
            .bind(key.message.as_str())
            .bind(at)
            .bind(said.stored_content())
            .bind(&hash[..])
            .bind(said.fingerprint.clone())
            .bind(said.features.clone().map(Json))
            .bind(Json(said.stored_attachments()));
        edit.execute().await?;
        Ok(if same { Edited::SameText } else { Edited::Recorded })
    }

    /// Notes that messages of a channel were removed; says of how many that is news. What they said stays for as long as
    /// it would have.
    pub async fn delete_messages(
        &mut self,
        guild: GuildKey,
        channel: &ChannelId,
        messages: &[MessageId],
        at: DateTime<Utc>,
        by: Option<IdentityId>,
    ) -> Result<u64, StoreError> {
        let query = self
            .query(&DELETE)
            .bind(guild)
            .bind(channel.as_str())
            .bind(Json(messages.to_vec()))
            .bind(at)
            .bind(by);
        query.execute().await
    }

    /// Notes what the rules said of a message; `false` when it is not here.
    pub async fn judge_message(&mut self, key: &MessageKey, verdict: Value) -> Result<bool, StoreError> {
        let query = self
            .query(&JUDGE)
            .bind(key.guild)
            .bind(key.channel.as_str())
            .bind(key.message.as_str())
            .bind(Json(verdict));
        Ok(query.execute().await? == 1)
    }

    /// Removes some of the messages whose time has come, with what they said before; says how many.
    pub async fn purge_messages(&mut self, now: DateTime<Utc>, limit: u64) -> Result<u64, StoreError> {
        self.query(&PURGE).bind(now).bind(limit).execute().await
    }

    /// Forgets some of the texts that were written in a guild before a time, for one that keeps them for less long than
    /// it did; says how many. What was computed from them stays.
    pub async fn forget_message_texts(
        &mut self,
        guild: GuildKey,
        before: DateTime<Utc>,
        limit: u64,
    ) -> Result<u64, StoreError> {
        let none = Json(Vec::<Attachment>::new());
        let now = self
            .query(&FORGET_TEXTS)
            .bind(guild)
            .bind(before)
            .bind(limit)
            .bind(none);
        let texts = now.execute().await?;
        let earlier = self.query(&FORGET_EARLIER).bind(guild).bind(before).bind(limit);
        Ok(texts + earlier.execute().await?)
    }
}
