//! The channels of a guild, as the platform shows them.

use crate::dbx::query::row;
use crate::dbx::{Conn, Json, Tx, sqls, text_enum};
use crate::error::StoreError;
use crate::guilds::GuildKey;
use crate::people::storable;
use chrono::{DateTime, Utc};
use lockdown_events::ChannelId;
use serde_json::{Value, json};
use std::collections::BTreeMap;

text_enum! {
    /// What can be done in a channel.
    ChannelKind {
        Text = "text",
        News = "news",
        Voice = "voice",
        Stage = "stage",
        Forum = "forum",
        /// Holds other channels.
        Category = "category",
        Thread = "thread",
        /// A part of a Telegram chat.
        Topic = "topic",
        Other = "other",
    }
}

row! {
    pub Channel {
        guild_id: GuildKey,
        native_id: ChannelId,
        kind: ChannelKind,
        title: String,
        /// The category above a channel, or the channel above a thread.
        parent_native_id: Option<ChannelId>,
        /// What moderators chose for it alone.
        settings: Json<Value>,
        /// When the platform no longer had it.
        archived_at: Option<DateTime<Utc>>,
    }
}

/// A channel as it is seen on the platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenChannel {
    pub native_id: ChannelId,
    pub kind: ChannelKind,
    pub title: String,
    pub parent_native_id: Option<ChannelId>,
}

macro_rules! save {
    ($rows:literal) => {
        concat!(
            "INSERT INTO channels (guild_id, native_id, kind, title, parent_native_id, settings) ",
            $rows,
            " ON CONFLICT (guild_id, native_id) DO UPDATE SET kind = excluded.kind, title = excluded.title, \
                 parent_native_id = excluded.parent_native_id, archived_at = NULL"
        )
    };
}

sqls! {
    SAVE =>
        save!("SELECT CAST($1 AS UUID), r.native_id, r.kind, r.title, r.parent_native_id, CAST('{}' AS JSONB) \
            FROM jsonb_to_recordset($2) AS r (native_id TEXT, kind TEXT, title TEXT, parent_native_id TEXT)"),
        save!("SELECT $1, value ->> 'native_id', value ->> 'kind', value ->> 'title', value ->> 'parent_native_id', \
            '{}' FROM json_each($2) WHERE TRUE");
    ARCHIVE_ONE = "UPDATE channels SET archived_at = $3 WHERE guild_id = $1 AND native_id = $2 AND archived_at IS NULL";
    ARCHIVE_OTHERS =>
        "UPDATE channels SET archived_at = $3 WHERE guild_id = $1 AND archived_at IS NULL \
            AND native_id NOT IN (SELECT jsonb_array_elements_text($2))",
        "UPDATE channels SET archived_at = $3 WHERE guild_id = $1 AND archived_at IS NULL \
            AND native_id NOT IN (SELECT value FROM json_each($2))";
    SET = "UPDATE channels SET settings = $3 WHERE guild_id = $1 AND native_id = $2";
    FIND = "SELECT guild_id, native_id, kind, title, parent_native_id, settings, archived_at FROM channels \
        WHERE guild_id = $1 AND native_id = $2";
    OF_GUILD = "SELECT guild_id, native_id, kind, title, parent_native_id, settings, archived_at FROM channels \
        WHERE guild_id = $1 AND archived_at IS NULL ORDER BY title, native_id";
}

// === impl Conn ===

impl Conn {
    /// Also one that is gone by now.
    pub async fn channel(
        &mut self,
        guild: GuildKey,
        native_id: &ChannelId,
    ) -> Result<Option<Channel>, StoreError> {
        self.query(&FIND)
            .bind(guild)
            .bind(native_id.as_str())
            .optional()
            .await
    }

    /// Those that the platform has.
    pub async fn channels(&mut self, guild: GuildKey) -> Result<Vec<Channel>, StoreError> {
        self.query(&OF_GUILD).bind(guild).all().await
    }
}

// === impl Tx ===

impl Tx {
    /// Notes channels as they are now. One that was chosen settings for keeps them, and one that was gone is back.
    pub async fn save_channels(&mut self, guild: GuildKey, seen: &[SeenChannel]) -> Result<(), StoreError> {
        // Of one that is named twice, the last word counts: Postgres does not write a row twice in one statement.
        let rows: BTreeMap<&str, Value> = seen
            .iter()
            .map(|channel| {
                let row = json!({
                    "native_id": channel.native_id,
                    "kind": channel.kind,
                    "title": storable(&channel.title),
                    "parent_native_id": channel.parent_native_id,
                });
                (channel.native_id.as_str(), row)
            })
            .collect();
        let rows: Vec<Value> = rows.into_values().collect();
        let query = self.query(&SAVE).bind(guild).bind(Json(rows));
        query.execute().await.map(drop)
    }

    /// As [`Tx::save_channels`] with all that there are: those that are not among them are gone.
    pub async fn replace_channels(
        &mut self,
        guild: GuildKey,
        seen: &[SeenChannel],
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        self.save_channels(guild, seen).await?;
        let ids: Vec<Value> = seen
            .iter()
            .map(|channel| channel.native_id.as_str().into())
            .collect();
        let query = self.query(&ARCHIVE_OTHERS).bind(guild).bind(Json(ids)).bind(at);
        query.execute().await.map(drop)
    }

    /// Notes that the platform has a channel no more; `false` when that was known, or the channel was not.
    pub async fn archive_channel(
        &mut self,
        guild: GuildKey,
        native_id: &ChannelId,
        at: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let query = self
            .query(&ARCHIVE_ONE)
            .bind(guild)
            .bind(native_id.as_str())
            .bind(at);
        Ok(query.execute().await? == 1)
    }

    /// `false` when the channel is not known.
    pub async fn set_channel_settings(
        &mut self,
        guild: GuildKey,
        native_id: &ChannelId,
        settings: Value,
    ) -> Result<bool, StoreError> {
        let query = self
            .query(&SET)
            .bind(guild)
            .bind(native_id.as_str())
            .bind(Json(settings));
        Ok(query.execute().await? == 1)
    }
}
