//! Hooks: by which others tell us something. What they sign becomes an event of one type, in one guild.
//!
//! A hook's secret is kept as it is, for the reason that [`crate::webhooks`] has, and read by
//! [`Conn::hook_by_name`] alone.

use crate::dbx::query::row;
use crate::dbx::{Conn, FromRow, Row, Tx, sqls, uuid_ids};
use crate::error::StoreError;
use crate::guilds::GuildKey;
use chrono::{DateTime, Utc};
use lockdown_runtime::Secret;

uuid_ids! {
    HookId;
}

row! {
    pub Hook {
        id: HookId,
        /// In its address; there is one of a name.
        name: String,
        guild_id: GuildKey,
        /// The type of its events.
        topic: String,
        created_at: DateTime<Utc>,
    }
}

/// A hook, and what checks what it is told.
#[derive(Debug, Clone, PartialEq)]
pub struct Listening {
    pub hook: Hook,
    pub secret: Secret,
}

sqls! {
    INSERT = "INSERT INTO hooks (id, name, guild_id, topic, secret, created_at) VALUES ($1, $2, $3, $4, $5, $6) \
        ON CONFLICT (name) DO NOTHING";
    OF_GUILD = "SELECT id, name, guild_id, topic, created_at FROM hooks WHERE guild_id = $1 ORDER BY name";
    BY_NAME = "SELECT id, name, guild_id, topic, created_at, secret FROM hooks WHERE name = $1";
    DELETE = "DELETE FROM hooks WHERE guild_id = $1 AND name = $2";
}

// === impl Listening ===

impl FromRow for Listening {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            hook: Hook::from_row(row)?,
            secret: Secret::new(row.get::<String>("secret")?),
        })
    }
}

// === impl Conn ===

impl Conn {
    /// Those of a guild, by their names.
    pub async fn hooks(&mut self, guild: GuildKey) -> Result<Vec<Hook>, StoreError> {
        self.query(&OF_GUILD).bind(guild).all().await
    }

    /// For whoever checks what came.
    pub async fn hook_by_name(&mut self, name: &str) -> Result<Option<Listening>, StoreError> {
        self.query(&BY_NAME).bind(name).optional().await
    }
}

// === impl Tx ===

impl Tx {
    /// Adds a hook; `false` when there is one of this name.
    pub async fn insert_hook(&mut self, hook: &Hook, secret: &Secret) -> Result<bool, StoreError> {
        let query = self
            .query(&INSERT)
            .bind(hook.id)
            .bind(hook.name.as_str())
            .bind(hook.guild_id)
            .bind(hook.topic.as_str())
            .bind(secret.expose())
            .bind(hook.created_at);
        Ok(query.execute().await? == 1)
    }

    /// Removes a hook: nothing more is taken by it. `false` when there is none of this name in the guild.
    pub async fn delete_hook(&mut self, guild: GuildKey, name: &str) -> Result<bool, StoreError> {
        Ok(self.query(&DELETE).bind(guild).bind(name).execute().await? == 1)
    }
}
