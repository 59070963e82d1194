//! Which days of which guild were told of: a day is told of once.

use crate::dbx::{Conn, Tx, sqls};
use crate::error::StoreError;
use crate::guilds::{Guild, GuildKey};
use chrono::{DateTime, Utc};

sqls! {
    WANTED = "SELECT id, community_id, platform, native_id, title, joined_at, left_at FROM guilds \
        WHERE left_at IS NULL AND settings -> 'digest' IS NOT NULL ORDER BY id";
    BEGIN = "INSERT INTO digests (guild_id, day, attempts, next_at) VALUES ($1, $2, 0, $3) ON CONFLICT (guild_id, day) DO NOTHING";
    CLAIM = "UPDATE digests SET attempts = attempts + 1, next_at = $4 \
        WHERE guild_id = $1 AND day = $2 AND told_at IS NULL AND next_at <= $3";
    TOLD = "UPDATE digests SET told_at = $3 WHERE guild_id = $1 AND day = $2 AND told_at IS NULL";
    FORGET = "DELETE FROM digests WHERE (guild_id, day) IN (SELECT guild_id, day FROM digests WHERE day < $1 ORDER BY day LIMIT $2)";
}

// === impl Conn ===

impl Conn {
    /// Those that chose to be told what goes on.
    pub async fn guilds_with_digest(&mut self) -> Result<Vec<Guild>, StoreError> {
        self.query(&WANTED).all().await
    }
}

// === impl Tx ===

impl Tx {
    /// Takes the telling of a day, which begins at this time; `false` when it was told, or is tried again only later.
    /// Whoever takes it and dies leaves it to others from `again` on.
    pub async fn take_digest(
        &mut self,
        guild: GuildKey,
        day: DateTime<Utc>,
        now: DateTime<Utc>,
        again: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        self.query(&BEGIN)
            .bind(guild)
            .bind(day)
            .bind(now)
            .execute()
            .await?;
        let query = self.query(&CLAIM).bind(guild).bind(day).bind(now).bind(again);
        Ok(query.execute().await? == 1)
    }

    /// Notes that a day was told of, or that nobody is there to be told.
    pub async fn end_digest(
        &mut self,
        guild: GuildKey,
        day: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        Ok(self
            .query(&TOLD)
            .bind(guild)
            .bind(day)
            .bind(now)
            .execute()
            .await?
            == 1)
    }

    /// Removes some of those of days before a time; says how many.
    pub async fn forget_digests(&mut self, before: DateTime<Utc>, limit: u64) -> Result<u64, StoreError> {
        self.query(&FORGET).bind(before).bind(limit).execute().await
    }
}
