//! Whom a federation has banned. The end of a ban keeps its row: whoever knows the ban hears of its end by the version.

use super::FederationId;
use crate::dbx::query::row;
use crate::dbx::{Conn, Json, Tx, sqls, uuid_ids};
use crate::error::StoreError;
use crate::guilds::GuildKey;
use crate::people::{IdentityId, storable};
use chrono::{DateTime, Utc};

uuid_ids! {
    FederationBanId;
}

row! {
    pub FederationBan {
        id: FederationBanId,
        federation_id: FederationId,
        subject_id: IdentityId,
        reason: Option<String>,
        /// An identity's own id or `token:<name>`.
        banned_by: String,
        banned_at: DateTime<Utc>,
        /// The federation's, by which it changed last.
        version: u64,
        lifted_at: Option<DateTime<Utc>>,
    }
}

row! {
    /// A ban, and by whom in the words of people.
    pub NamedBan {
        federation_name: String,
        .. ban: FederationBan
    }
}

/// A ban as somebody asks for it.
#[derive(Debug, Clone, Copy)]
pub struct NewBan<'a> {
    /// For a new one.
    pub id: FederationBanId,
    pub federation: FederationId,
    pub subject: IdentityId,
    pub reason: Option<&'a str>,
    pub by: &'a str,
    pub at: DateTime<Utc>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct SetBan {
    pub ban: FederationBan,
    /// Whether they were not banned before.
    pub new: bool,
}

/// The columns of a ban that is called `b`.
macro_rules! columns {
    () => {
        "b.id, b.federation_id, b.subject_id, b.reason, b.banned_by, b.banned_at, b.version, b.lifted_at"
    };
}

sqls! {
    // It is the lock, too: bans of a federation are changed by one at a time, in the order of their versions.
    NEXT_VERSION = "UPDATE federations SET version = version + 1 WHERE id = $1 RETURNING version";
    FIND = concat!("SELECT ", columns!(), " FROM federation_bans b \
        WHERE b.federation_id = $1 AND b.subject_id = $2 AND b.lifted_at IS NULL");
    // Of one who was banned before and is not any more, it is another ban.
    SET = "INSERT INTO federation_bans (id, federation_id, subject_id, reason, banned_by, banned_at, version) \
        VALUES ($1, $2, $3, $4, $5, $6, $7) \
        ON CONFLICT (federation_id, subject_id) DO UPDATE SET \
            id = CASE WHEN federation_bans.lifted_at IS NULL THEN federation_bans.id ELSE excluded.id END, \
            banned_at = CASE WHEN federation_bans.lifted_at IS NULL THEN federation_bans.banned_at \
                ELSE excluded.banned_at END, \
            reason = excluded.reason, banned_by = excluded.banned_by, version = excluded.version, lifted_at = NULL \
        RETURNING id, federation_id, subject_id, reason, banned_by, banned_at, version, lifted_at";
    // What was said of it is of no use to anybody any more.
    LIFT = "UPDATE federation_bans SET lifted_at = $3, version = $4, reason = NULL \
        WHERE federation_id = $1 AND subject_id = $2 AND lifted_at IS NULL";
    FORGET = "DELETE FROM federation_bans WHERE id IN (SELECT id FROM federation_bans \
        WHERE lifted_at IS NOT NULL AND lifted_at < $1 ORDER BY lifted_at LIMIT $2)";
    PAGE = concat!("SELECT ", columns!(), " FROM federation_bans b \
        WHERE b.federation_id = $1 AND b.lifted_at IS NULL AND b.id < $2 ORDER BY b.id DESC LIMIT $3");
    OF_PEOPLE =>
        concat!("SELECT f.name AS federation_name, ", columns!(), " FROM federation_bans b \
            JOIN federations f ON f.id = b.federation_id WHERE b.lifted_at IS NULL \
            AND b.subject_id IN (SELECT CAST(value AS UUID) FROM jsonb_array_elements_text($1)) ORDER BY f.name, f.id"),
        concat!("SELECT f.name AS federation_name, ", columns!(), " FROM federation_bans b \
            JOIN federations f ON f.id = b.federation_id WHERE b.lifted_at IS NULL \
            AND b.subject_id IN (SELECT unhex(replace(value, '-', '')) FROM json_each($1)) ORDER BY f.name, f.id");
    HOLDS_IN = "SELECT CAST(1 AS BIGINT) AS one FROM federation_guilds m WHERE m.guild_id = $2 AND (m.federation_id = $1 \
        OR EXISTS (SELECT 1 FROM federation_subscriptions s WHERE s.federation_id = m.federation_id AND s.to_id = $1))";
    LIVE_CASE = "SELECT c.number FROM sanctions s JOIN cases c ON c.id = s.case_id \
        WHERE s.guild_id = $1 AND s.subject_id = $2 AND s.kind = 'ban' AND s.state = 'live' AND c.rule = $3";
    LIVE_CASES = "SELECT COUNT(*) AS found FROM sanctions s JOIN cases c ON c.id = s.case_id \
        JOIN federation_guilds m ON m.guild_id = s.guild_id JOIN guilds g ON g.id = m.guild_id \
        WHERE g.left_at IS NULL AND s.subject_id = $2 AND s.kind = 'ban' AND s.state = 'live' AND c.rule = $3 \
            AND (m.federation_id = $1 \
                OR m.federation_id IN (SELECT s.federation_id FROM federation_subscriptions s WHERE s.to_id = $1))";
}

/// Above every id that is given out.
const LAST: FederationBanId = FederationBanId(uuid::Uuid::max());

// === impl Conn ===

impl Conn {
    /// The ban that holds about somebody, if one does.
    pub async fn federation_ban(
        &mut self,
        federation: FederationId,
        subject: IdentityId,
    ) -> Result<Option<FederationBan>, StoreError> {
        self.query(&FIND).bind(federation).bind(subject).optional().await
    }

    /// A page of those that hold, the newest first. The next page begins before the last one's last.
    pub async fn federation_bans(
        &mut self,
        federation: FederationId,
        before: Option<FederationBanId>,
        limit: u64,
    ) -> Result<Vec<FederationBan>, StoreError> {
        self.query(&PAGE)
            .bind(federation)
            .bind(before.unwrap_or(LAST))
            .bind(limit)
            .all()
            .await
    }

    /// Those about these accounts, in every federation.
    pub async fn federation_bans_of(&mut self, people: &[IdentityId]) -> Result<Vec<NamedBan>, StoreError> {
        let ids: Vec<String> = people.iter().map(ToString::to_string).collect();
        self.query(&OF_PEOPLE).bind(Json(ids)).all().await
    }

    /// Whether a guild goes by a federation's bans.
    pub async fn federation_holds_in(
        &mut self,
        federation: FederationId,
        guild: GuildKey,
    ) -> Result<bool, StoreError> {
        let query = self.query(&HOLDS_IN).bind(federation).bind(guild);
        Ok(query.value::<i64>("one").await?.is_some())
    }

    /// The case of the ban that is in force there and was made under this name.
    pub async fn live_ban_by(
        &mut self,
        guild: GuildKey,
        subject: IdentityId,
        rule: &str,
    ) -> Result<Option<u64>, StoreError> {
        let query = self.query(&LIVE_CASE).bind(guild).bind(subject).bind(rule);
        query.value("number").await
    }

    /// In how many guilds that go by a federation's bans one about somebody is in force, made under this name.
    pub async fn live_bans_by(
        &mut self,
        federation: FederationId,
        subject: IdentityId,
        rule: &str,
    ) -> Result<u64, StoreError> {
        let query = self.query(&LIVE_CASES).bind(federation).bind(subject).bind(rule);
        let found: Option<u64> = query.value("found").await?;
        Ok(found.unwrap_or_default())
    }
}

// === impl Tx ===

impl Tx {
    /// The version of a change of a federation's bans, of which nobody else makes one until this transaction ends; `None`
    /// when it is gone.
    pub async fn next_federation_version(&mut self, id: FederationId) -> Result<Option<u64>, StoreError> {
        self.query(&NEXT_VERSION).bind(id).value("version").await
    }

    /// Bans somebody, or gives the ban that holds about them another reason.
    pub async fn set_federation_ban(&mut self, new: &NewBan<'_>, version: u64) -> Result<SetBan, StoreError> {
        let query = self
            .query(&SET)
            .bind(new.id)
            .bind(new.federation)
            .bind(new.subject)
            .bind(new.reason.map(storable))
            .bind(new.by)
            .bind(new.at)
            .bind(version);
        let ban: FederationBan = query.one().await?;
        Ok(SetBan {
            new: ban.id == new.id,
            ban,
        })
    }

    /// Ends the ban that holds about somebody; `false` when none does.
    pub async fn lift_federation_ban(
        &mut self,
        federation: FederationId,
        subject: IdentityId,
        version: u64,
        at: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let query = self
            .query(&LIFT)
            .bind(federation)
            .bind(subject)
            .bind(at)
            .bind(version);
        Ok(query.execute().await? == 1)
    }

    /// Removes some of those that ended before; says how many.
    pub async fn forget_lifted_federation_bans(
        &mut self,
        before: DateTime<Utc>,
        limit: u64,
    ) -> Result<u64, StoreError> {
        self.query(&FORGET).bind(before).bind(limit).execute().await
    }
}
