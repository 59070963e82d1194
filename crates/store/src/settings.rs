//! What a guild is set to, and the few settings that belong to no other table.

use crate::dbx::query::row;
use crate::dbx::{Conn, Json, Tx, sqls, text_enum};
use crate::error::StoreError;
use crate::guilds::GuildKey;
use crate::people::storable;
use chrono::{DateTime, Utc};
use serde_json::Value;

text_enum! {
    /// Whether the bot can do its work in a guild.
    BotState {
        /// Nobody has looked yet.
        Unknown = "unknown",
        Ready = "ready",
        /// It is there, but lacks a right that the settings need.
        Limited = "limited",
        Absent = "absent",
    }
}

row! {
    /// How a guild is run.
    pub GuildSettings {
        id: GuildKey,
        /// A BCP 47 tag.
        locale: String,
        /// A name of the IANA database.
        timezone: String,
        settings: Json<Value>,
        /// How many days the text of messages is kept. 0: never.
        message_days: u64,
        /// Counts every change to the settings and the rules.
        config_version: u64,
        bot_state: BotState,
        /// What the platform lets the bot do there.
        capabilities: Json<Vec<String>>,
    }
}

row! {
    /// A setting of the installation, or of one part of it.
    pub Setting {
        /// Whose it is: `install`, or a kind and an id.
        scope: String,
        key: String,
        value: Json<Value>,
        /// Counts its changes, from 1.
        version: u64,
        updated_at: DateTime<Utc>,
    }
}

sqls! {
    OF_GUILD = "SELECT id, locale, timezone, settings, message_days, config_version, bot_state, capabilities \
        FROM guilds WHERE id = $1";
    SET_OF_GUILD = "UPDATE guilds SET locale = $3, timezone = $4, settings = $5, message_days = $6, \
            config_version = config_version + 1 \
        WHERE id = $1 AND config_version = $2 RETURNING config_version";
    NEXT_CONFIG = "UPDATE guilds SET config_version = config_version + 1 WHERE id = $1 RETURNING config_version";
    SET_BOT = "UPDATE guilds SET bot_state = $2, capabilities = $3 \
        WHERE id = $1 AND (bot_state <> $2 OR capabilities <> $3)";
    FIND = "SELECT scope, key, value, version, updated_at FROM settings WHERE scope = $1 AND key = $2";
    OF_SCOPE = "SELECT scope, key, value, version, updated_at FROM settings WHERE scope = $1 ORDER BY key";
    INSERT = "INSERT INTO settings (scope, key, value, version, updated_at) VALUES ($1, $2, $3, 1, $4) \
        ON CONFLICT (scope, key) DO NOTHING";
    CHANGE = "UPDATE settings SET value = $3, version = version + 1, updated_at = $4 \
        WHERE scope = $1 AND key = $2 AND version = $5";
    REMOVE = "DELETE FROM settings WHERE scope = $1 AND key = $2 AND version = $3";
}

// === impl Conn ===

impl Conn {
    pub async fn guild_settings(&mut self, guild: GuildKey) -> Result<Option<GuildSettings>, StoreError> {
        self.query(&OF_GUILD).bind(guild).optional().await
    }

    pub async fn setting(&mut self, scope: &str, key: &str) -> Result<Option<Setting>, StoreError> {
        self.query(&FIND).bind(scope).bind(key).optional().await
    }

    pub async fn settings_of(&mut self, scope: &str) -> Result<Vec<Setting>, StoreError> {
        self.query(&OF_SCOPE).bind(scope).all().await
    }
}

// === impl Tx ===

impl Tx {
    /// Writes what moderators choose, and answers the new `config_version`; `None` when somebody changed the settings or
    /// the rules since they were read, or there is no such guild.
    pub async fn set_guild_settings(&mut self, changed: &GuildSettings) -> Result<Option<u64>, StoreError> {
        let query = self
            .query(&SET_OF_GUILD)
            .bind(changed.id)
            .bind(changed.config_version)
            .bind(storable(&changed.locale))
            .bind(storable(&changed.timezone))
            .bind(changed.settings.clone())
            .bind(changed.message_days);
        query.value("config_version").await
    }

    /// Counts a change that is not in the settings, such as one of the rules; `None` when there is no such guild. Holds
    /// the guild until the end of the transaction.
    pub async fn next_config_version(&mut self, guild: GuildKey) -> Result<Option<u64>, StoreError> {
        self.query(&NEXT_CONFIG).bind(guild).value("config_version").await
    }

    /// Notes what the platform shows of the bot; `false` when that is nothing new.
    pub async fn set_bot_state(
        &mut self,
        guild: GuildKey,
        state: BotState,
        mut capabilities: Vec<String>,
    ) -> Result<bool, StoreError> {
        // The order in which a platform lists them says nothing.
        capabilities.sort_unstable();
        capabilities.dedup();
        let query = self
            .query(&SET_BOT)
            .bind(guild)
            .bind(state)
            .bind(Json(capabilities));
        Ok(query.execute().await? == 1)
    }

    /// Writes a setting that was read with this version, or did not exist, which is version 0; `false` when somebody
    /// else did so since.
    pub async fn set_setting(
        &mut self,
        scope: &str,
        key: &str,
        read: u64,
        value: Value,
        at: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let text = if read == 0 { &INSERT } else { &CHANGE };
        let mut query = self.query(text).bind(scope).bind(key).bind(Json(value)).bind(at);
        if read > 0 {
            query = query.bind(read);
        }
        Ok(query.execute().await? == 1)
    }

    /// `false` when it is gone, or was changed since it was read.
    pub async fn remove_setting(&mut self, scope: &str, key: &str, read: u64) -> Result<bool, StoreError> {
        let query = self.query(&REMOVE).bind(scope).bind(key).bind(read);
        Ok(query.execute().await? == 1)
    }
}
