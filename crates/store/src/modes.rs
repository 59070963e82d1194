//! Communities that are not as always: under attack, or closed.

use crate::dbx::query::row;
use crate::dbx::{Conn, Tx, sqls, text_enum};
use crate::error::StoreError;
use crate::guilds::GuildKey;
use chrono::{DateTime, Utc};

text_enum! {
    /// What a community is in, where it is not as always.
    Mode {
        Raid = "raid",
        Lockdown = "lockdown",
    }
}

row! {
    pub GuildMode {
        guild_id: GuildKey,
        mode: Mode,
        /// An identity's own id, `rule:<id>`, `token:<name>` or `system`.
        raised_by: String,
        raised_at: DateTime<Utc>,
        /// Absent: until somebody ends it.
        ends_at: Option<DateTime<Utc>>,
    }
}

row! {
    Due {
        ends_at: DateTime<Utc>,
    }
}

sqls! {
    FIND = "SELECT guild_id, mode, raised_by, raised_at, ends_at FROM guild_modes WHERE guild_id = $1";
    SAVE = "INSERT INTO guild_modes (guild_id, mode, raised_by, raised_at, ends_at) VALUES ($1, $2, $3, $4, $5) \
        ON CONFLICT (guild_id) DO UPDATE SET mode = excluded.mode, raised_by = excluded.raised_by, \
            raised_at = excluded.raised_at, ends_at = excluded.ends_at";
    END = "DELETE FROM guild_modes WHERE guild_id = $1";
    OVER = "SELECT guild_id, mode, raised_by, raised_at, ends_at FROM guild_modes \
        WHERE ends_at <= $1 ORDER BY ends_at LIMIT $2";
    NEXT = "SELECT ends_at FROM guild_modes WHERE ends_at IS NOT NULL ORDER BY ends_at LIMIT 1";
}

// === impl Conn ===

impl Conn {
    /// The mode of a guild; `None` where it is as always. It may be over, and not ended yet.
    pub async fn guild_mode(&mut self, guild: GuildKey) -> Result<Option<GuildMode>, StoreError> {
        self.query(&FIND).bind(guild).optional().await
    }

    /// Modes whose time is up, the oldest first.
    pub async fn modes_over(&mut self, now: DateTime<Utc>, limit: u64) -> Result<Vec<GuildMode>, StoreError> {
        self.query(&OVER).bind(now).bind(limit).all().await
    }

    /// When the next mode ends by itself.
    pub async fn next_mode_end(&mut self) -> Result<Option<DateTime<Utc>>, StoreError> {
        let due: Option<Due> = self.query(&NEXT).optional().await?;
        Ok(due.map(|due| due.ends_at))
    }
}

// === impl Tx ===

impl Tx {
    /// Puts a guild into a mode, in place of the one that it is in.
    pub async fn save_guild_mode(&mut self, mode: &GuildMode) -> Result<(), StoreError> {
        let query = self
            .query(&SAVE)
            .bind(mode.guild_id)
            .bind(mode.mode)
            .bind(mode.raised_by.as_str())
            .bind(mode.raised_at)
            .bind(mode.ends_at);
        query.execute().await.map(drop)
    }

    /// Ends the mode of a guild; `false` when it was in none.
    pub async fn end_guild_mode(&mut self, guild: GuildKey) -> Result<bool, StoreError> {
        Ok(self.query(&END).bind(guild).execute().await? == 1)
    }
}
