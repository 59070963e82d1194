//! Sanctions: what holds against a person, until when, and who sees to its end.

use crate::dbx::query::row;
use crate::dbx::{Conn, Tx, sqls, text_enum, uuid_ids};
use crate::error::StoreError;
use crate::guilds::GuildKey;
use crate::people::{IdentityId, storable};
use chrono::{DateTime, Utc};
use lockdown_events::CaseId;
use uuid::Uuid;

uuid_ids! {
    SanctionId;
}

text_enum! {
    /// What lasts. A kick, a warning or a note is over when it is done.
    SanctionKind {
        Ban = "ban",
        Mute = "mute",
    }
}

text_enum! {
    /// Whether it holds, and if not, why.
    SanctionState {
        Live = "live",
        /// Its time was up.
        Expired = "expired",
        Lifted = "lifted",
        /// A newer decision stands in its place.
        Superseded = "superseded",
        /// The platform refused it for good.
        Failed = "failed",
    }
}

row! {
    pub Sanction {
        id: SanctionId,
        /// The case it belongs to: a timer that is not of this case does not end it.
        case_id: CaseId,
        guild_id: GuildKey,
        subject_id: IdentityId,
        kind: SanctionKind,
        state: SanctionState,
        starts_at: DateTime<Utc>,
        /// Absent: for ever.
        expires_at: Option<DateTime<Utc>>,
        /// When somebody must look at it next. Absent: never.
        next_attempt_at: Option<DateTime<Utc>>,
        lease_by: Option<String>,
        attempts: u64,
        last_error: Option<String>,
        ended_at: Option<DateTime<Utc>>,
        ended_by: Option<CaseId>,
    }
}

/// Where a sanction is once its case has changed.
#[derive(Debug, Clone, Copy)]
pub struct Followed<'a> {
    pub state: SanctionState,
    pub next_attempt_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
    pub ended_by: Option<CaseId>,
    pub error: Option<&'a str>,
}

macro_rules! columns {
    ($head:expr, $tail:expr) => {
        concat!(
            $head,
            " id, case_id, guild_id, subject_id, kind, state, starts_at, expires_at, next_attempt_at, lease_by, \
             attempts, last_error, ended_at, ended_by ",
            $tail
        )
    };
}

macro_rules! claim {
    ($lock:literal) => {
        columns!(
            concat!(
                "UPDATE sanctions SET next_attempt_at = $3, lease_by = $2, attempts = attempts + 1 \
                 WHERE id IN (SELECT id FROM sanctions WHERE state = 'live' AND next_attempt_at IS NOT NULL \
                     AND next_attempt_at <= $1 ORDER BY next_attempt_at LIMIT $4 ",
                $lock,
                ") RETURNING"
            ),
            ""
        )
    };
}

sqls! {
    INSERT = "INSERT INTO sanctions (id, case_id, guild_id, subject_id, kind, state, starts_at, expires_at, \
            next_attempt_at, attempts) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0)";
    LIVE = columns!("SELECT", "FROM sanctions WHERE guild_id = $1 AND subject_id = $2 AND kind = $3 AND state = 'live'");
    LOCK_LIVE =>
        columns!("SELECT", "FROM sanctions WHERE guild_id = $1 AND subject_id = $2 AND kind = $3 AND state = 'live' \
            FOR NO KEY UPDATE"),
        columns!("SELECT", "FROM sanctions WHERE guild_id = $1 AND subject_id = $2 AND kind = $3 AND state = 'live'");
    LIVE_AFTER = columns!("SELECT", "FROM sanctions WHERE state = 'live' AND id > $1 ORDER BY id LIMIT $2");
    FIND = columns!("SELECT", "FROM sanctions WHERE id = $1");
    OF_CASE = columns!("SELECT", "FROM sanctions WHERE case_id = $1 ORDER BY starts_at, id");
    END = "UPDATE sanctions SET state = $2, ended_at = $3, ended_by = $4, next_attempt_at = NULL, lease_by = NULL \
        WHERE id = $1 AND state = 'live'";
    SET_END = "UPDATE sanctions SET expires_at = $2, next_attempt_at = $3, lease_by = NULL, attempts = 0 \
        WHERE id = $1 AND state = 'live'";
    FOLLOW = "UPDATE sanctions SET state = $2, next_attempt_at = $3, ended_at = $4, ended_by = $5, last_error = $6, \
            lease_by = NULL WHERE case_id = $1";
    CLAIM => claim!("FOR UPDATE SKIP LOCKED"), claim!("");
    POSTPONE = "UPDATE sanctions SET next_attempt_at = $3, last_error = $4, lease_by = NULL \
        WHERE id = $1 AND lease_by = $2 AND state = 'live'";
    NEXT_DUE = "SELECT MIN(next_attempt_at) AS due FROM sanctions WHERE state = 'live' AND next_attempt_at IS NOT NULL";
}

// === impl Conn ===

impl Conn {
    pub async fn sanction(&mut self, id: SanctionId) -> Result<Option<Sanction>, StoreError> {
        self.query(&FIND).bind(id).optional().await
    }

    /// What holds against a person now.
    pub async fn live_sanction(
        &mut self,
        guild: GuildKey,
        subject: IdentityId,
        kind: SanctionKind,
    ) -> Result<Option<Sanction>, StoreError> {
        self.query(&LIVE)
            .bind(guild)
            .bind(subject)
            .bind(kind)
            .optional()
            .await
    }

    /// A page of all that holds anywhere, in the order of ids.
    pub async fn live_sanctions(
        &mut self,
        after: Option<SanctionId>,
        limit: u64,
    ) -> Result<Vec<Sanction>, StoreError> {
        let after = after.unwrap_or(SanctionId(Uuid::nil()));
        self.query(&LIVE_AFTER).bind(after).bind(limit).all().await
    }

    pub async fn sanctions_of_case(&mut self, case: CaseId) -> Result<Vec<Sanction>, StoreError> {
        self.query(&OF_CASE).bind(case).all().await
    }

    /// When [`Tx::claim_due_sanctions`] finds something next.
    pub async fn next_due_sanction(&mut self) -> Result<Option<DateTime<Utc>>, StoreError> {
        let due: Option<Option<DateTime<Utc>>> = self.query(&NEXT_DUE).value("due").await?;
        Ok(due.flatten())
    }
}

// === impl Tx ===

impl Tx {
    /// Adds a live sanction. A person has one of each kind: another one is [`StoreError::Duplicate`], at the latest with the
    /// commit.
    pub async fn insert_sanction(&mut self, sanction: &Sanction) -> Result<(), StoreError> {
        self.write(&INSERT)
            .await?
            .bind(sanction.id)
            .bind(sanction.case_id)
            .bind(sanction.guild_id)
            .bind(sanction.subject_id)
            .bind(sanction.kind)
            .bind(sanction.state)
            .bind(sanction.starts_at)
            .bind(sanction.expires_at)
            .bind(sanction.next_attempt_at);
        Ok(())
    }

    /// As [`Conn::live_sanction`]; nobody else changes it until this transaction ends.
    pub async fn lock_live_sanction(
        &mut self,
        guild: GuildKey,
        subject: IdentityId,
        kind: SanctionKind,
    ) -> Result<Option<Sanction>, StoreError> {
        self.query(&LOCK_LIVE)
            .bind(guild)
            .bind(subject)
            .bind(kind)
            .optional()
            .await
    }

    /// Ends a sanction; `false` when it had ended already, which stays as it is.
    pub async fn end_sanction(
        &mut self,
        id: SanctionId,
        state: SanctionState,
        at: DateTime<Utc>,
        by: Option<CaseId>,
    ) -> Result<bool, StoreError> {
        let query = self.query(&END).bind(id).bind(state).bind(at).bind(by);
        Ok(query.execute().await? == 1)
    }

    /// Brings the sanction of a case, if it has one, to where its case is by now, also back to life.
    pub async fn follow_case(&mut self, case: CaseId, to: &Followed<'_>) -> Result<(), StoreError> {
        self.write(&FOLLOW)
            .await?
            .bind(case)
            .bind(to.state)
            .bind(to.next_attempt_at)
            .bind(to.ended_at)
            .bind(to.ended_by)
            .bind(to.error.map(storable));
        Ok(())
    }

    /// Gives a live sanction another end, and takes it from whoever was at it; `false` when it had ended already.
    pub async fn set_sanction_end(
        &mut self,
        id: SanctionId,
        expires_at: Option<DateTime<Utc>>,
        next_attempt_at: Option<DateTime<Utc>>,
    ) -> Result<bool, StoreError> {
        let query = self
            .query(&SET_END)
            .bind(id)
            .bind(expires_at)
            .bind(next_attempt_at);
        Ok(query.execute().await? == 1)
    }

    /// Takes what is due, so that nobody else takes it until `lease_until`: whoever dies over it leaves it to others.
    pub async fn claim_due_sanctions(
        &mut self,
        now: DateTime<Utc>,
        by: &str,
        lease_until: DateTime<Utc>,
        limit: u64,
    ) -> Result<Vec<Sanction>, StoreError> {
        self.query(&CLAIM)
            .bind(now)
            .bind(by)
            .bind(lease_until)
            .bind(limit)
            .all()
            .await
    }

    /// Gives back what could not be done now; `false` when it had ended or belongs to somebody else by now.
    pub async fn postpone_sanction(
        &mut self,
        id: SanctionId,
        by: &str,
        until: DateTime<Utc>,
        error: &str,
    ) -> Result<bool, StoreError> {
        let query = self
            .query(&POSTPONE)
            .bind(id)
            .bind(by)
            .bind(until)
            .bind(storable(error));
        Ok(query.execute().await? == 1)
    }
}
