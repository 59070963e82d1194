//! Points: warnings and strikes as a ledger, which is only added to.

use crate::dbx::query::row;
use crate::dbx::{Conn, Tx, sqls, uuid_ids};
use crate::error::StoreError;
use crate::guilds::GuildKey;
use crate::people::IdentityId;
use chrono::{DateTime, Utc};
use lockdown_events::CaseId;

uuid_ids! {
    PointEntryId;
}

row! {
    /// Points that a case gave or took back.
    pub PointEntry {
        id: PointEntryId,
        guild_id: GuildKey,
        subject_id: IdentityId,
        case_id: CaseId,
        /// Negative when it is taken back.
        delta: i64,
        /// From then on it does not count. Absent: for ever.
        expires_at: Option<DateTime<Utc>>,
        created_at: DateTime<Utc>,
    }
}

row! {
    /// An entry with the number of its case.
    pub Strike {
        number: u64,
        delta: i64,
        created_at: DateTime<Utc>,
    }
}

sqls! {
    INSERT = "INSERT INTO point_entries (id, guild_id, subject_id, case_id, delta, expires_at, created_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    BALANCE = "SELECT CAST(COALESCE(SUM(delta), 0) AS BIGINT) AS balance FROM point_entries \
        WHERE guild_id = $1 AND subject_id = $2 AND (expires_at IS NULL OR expires_at > $3)";
    ENTRIES = "SELECT id, guild_id, subject_id, case_id, delta, expires_at, created_at FROM point_entries \
        WHERE guild_id = $1 AND subject_id = $2 ORDER BY created_at, id";
    STRIKES = "SELECT c.number, p.delta, p.created_at FROM point_entries p JOIN cases c ON c.id = p.case_id \
        WHERE p.guild_id = $1 AND p.subject_id = $2 ORDER BY p.created_at, p.id";
}

// === impl Conn ===

impl Conn {
    /// What counts at a time.
    pub async fn points(
        &mut self,
        guild: GuildKey,
        subject: IdentityId,
        now: DateTime<Utc>,
    ) -> Result<i64, StoreError> {
        let query = self.query(&BALANCE).bind(guild).bind(subject).bind(now);
        Ok(query.value("balance").await?.unwrap_or(0))
    }

    pub async fn point_entries(
        &mut self,
        guild: GuildKey,
        subject: IdentityId,
    ) -> Result<Vec<PointEntry>, StoreError> {
        self.query(&ENTRIES).bind(guild).bind(subject).all().await
    }

    /// The same, by the numbers of their cases.
    pub async fn strikes(&mut self, guild: GuildKey, subject: IdentityId) -> Result<Vec<Strike>, StoreError> {
        self.query(&STRIKES).bind(guild).bind(subject).all().await
    }
}

// === impl Tx ===

impl Tx {
    pub async fn add_points(&mut self, entry: &PointEntry) -> Result<(), StoreError> {
        let query = self
            .query(&INSERT)
            .bind(entry.id)
            .bind(entry.guild_id)
            .bind(entry.subject_id)
            .bind(entry.case_id)
            .bind(entry.delta)
            .bind(entry.expires_at)
            .bind(entry.created_at);
        query.execute().await.map(drop)
    }
}
