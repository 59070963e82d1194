//! Cases, and their history, which is only added to.

use crate::dbx::query::row;
use crate::dbx::{Conn, Filter, Json, Tx, sqls, text_enum};
use crate::error::StoreError;
use crate::guilds::GuildKey;
use crate::people::{IdentityId, folded, storable};
use chrono::{DateTime, Utc};
use lockdown_events::{Action, CaseId, MessageRef, Origin, TraceId};
use serde_json::Value;

text_enum! {
    /// How far a case has come.
    CaseState {
        /// Recorded; the platform has not said yet whether it did it.
        Requested = "requested",
        Applied = "applied",
        Failed = "failed",
        Lifted = "lifted",
        /// A newer decision stands in its place.
        Superseded = "superseded",
        /// Taken back as if it had never been.
        Voided = "voided",
    }
}

text_enum! {
    /// How a case was lifted.
    Lift {
        /// Its time was up.
        Expired = "expired",
        /// Somebody wanted it.
        Revoked = "revoked",
    }
}

text_enum! {
    /// What happened to a case.
    CaseEventKind {
        Opened = "opened",
        Applied = "applied",
        Failed = "failed",
        Lifted = "lifted",
        Superseded = "superseded",
        Voided = "voided",
        /// The reason, the duration or the evidence was changed; the old value is kept.
        Edited = "edited",
        Noted = "noted",
        /// Somebody said whether it was right.
        Reviewed = "reviewed",
    }
}

row! {
    /// What was decided about whom, and what came of it.
    pub Case {
        id: CaseId,
        guild_id: GuildKey,
        /// What people call it.
        number: u64,
        kind: Action,
        state: CaseState,
        subject_id: IdentityId,
        /// Absent when a rule or the system acted.
        moderator_id: Option<IdentityId>,
        origin: Origin,
        rule: Option<String>,
        /// The program that acted, where it was neither a person nor a rule.
        token: Option<String>,
        rule_set_hash: Option<String>,
        trace_id: Option<TraceId>,
        reason: Option<String>,
        /// Absent: for ever.
        expires_at: Option<DateTime<Utc>>,
        evidence: Json<Vec<MessageRef>>,
        /// The case that this one lifts or follows from.
        parent_id: Option<CaseId>,
        /// The number of that case; only read.
        parent: Option<u64>,
        /// The same question twice is one case.
        idempotency_key: Option<String>,
        /// When it was decided, which for what was seen on the platform is earlier than when it was written down.
        created_at: DateTime<Utc>,
        updated_at: DateTime<Utc>,
        /// Since when ordinary lists leave it out.
        hidden_at: Option<DateTime<Utc>>,
        .. fate: Fate
    }
}

row! {
    /// What became of a case.
    #[derive(Default)]
    pub Fate {
        /// When the platform did it.
        applied_at: Option<DateTime<Utc>>,
        /// Since when it does not stand any more.
        ended_at: Option<DateTime<Utc>>,
        /// The number of the case that ended it.
        ended_by: Option<u64>,
        lift: Option<Lift>,
        /// What the platform said when it failed, or why it was voided.
        ended_why: Option<String>,
        /// Who voided it, as [`CaseEvent::actor`].
        voided_by: Option<String>,
    }
}

row! {
    /// One line of a case's history.
    pub CaseEvent {
        seq: u64,
        at: DateTime<Utc>,
        /// An identity's id, `rule:<id>`, `token:<name>` or `system`.
        actor: String,
        kind: CaseEventKind,
        body: Json<Value>,
    }
}

/// Whose doings are looked for.
#[derive(Debug, Clone, Copy)]
pub enum Doer<'a> {
    Moderator(IdentityId),
    Rule(&'a str),
    Token(&'a str),
}

/// Which cases of a guild, newest first.
#[derive(Debug, Clone, Default)]
pub struct CaseQuery {
    pub subject: Option<IdentityId>,
    pub moderator: Option<IdentityId>,
    pub kind: Option<Action>,
    pub state: Option<CaseState>,
    pub origin: Option<Origin>,
    /// Made at this time or later.
    pub from: Option<DateTime<Utc>>,
    /// Made before.
    pub to: Option<DateTime<Utc>>,
    /// Words of the reason, in any case of letters.
    pub text: Option<String>,
    /// Where the last page ended: the number of its last case.
    pub before: Option<u64>,
    /// Those that are hidden, too.
    pub hidden: bool,
}

macro_rules! columns {
    ($head:literal, $tail:literal) => {
        concat!(
            $head,
            " id, guild_id, number, kind, state, subject_id, moderator_id, origin, rule, token, rule_set_hash, trace_id, \
             reason, expires_at, evidence, parent_id, \
             (SELECT p.number FROM cases p WHERE p.id = cases.parent_id) AS parent, idempotency_key, created_at, \
             updated_at, hidden_at, applied_at, ended_at, ended_by, lift, ended_why, voided_by ",
            $tail
        )
    };
}

/// For [`Filter`], which adds the conditions.
const SELECT: &str = columns!("SELECT", "FROM cases");

sqls! {
    INSERT = "INSERT INTO cases (id, guild_id, number, kind, state, subject_id, moderator_id, origin, rule, \
            token, rule_set_hash, trace_id, reason, reason_folded, expires_at, evidence, parent_id, idempotency_key, \
            created_at, updated_at, applied_at, ended_at, ended_by, lift, ended_why, voided_by) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, \
            $23, $24, $25, $26)";
    FIND = columns!("SELECT", "FROM cases WHERE id = $1");
    LOCK => columns!("SELECT", "FROM cases WHERE id = $1 FOR UPDATE"), columns!("SELECT", "FROM cases WHERE id = $1");
    BY_NUMBER = columns!("SELECT", "FROM cases WHERE guild_id = $1 AND number = $2");
    // Of each kind that lasts: what holds, what waits for the platform's answer, and what was decided last or not before
    // the time that is asked for. Beside them what was made when the same was asked before.
    STANDING = concat!(
        columns!("SELECT", "FROM cases WHERE guild_id = $1 AND idempotency_key = $4 AND $4 <> '' UNION ALL "),
        columns!(
        "SELECT",
        "FROM cases WHERE guild_id = $1 AND subject_id = $2 AND state NOT IN ('failed', 'voided') \
            AND kind IN ('ban', 'unban', 'softban', 'mute', 'unmute') \
            AND (state = 'requested' OR created_at >= $3 OR (state = 'applied' AND kind IN ('ban', 'mute')) \
                OR created_at = (SELECT MAX(b.created_at) FROM cases b WHERE b.guild_id = $1 AND b.subject_id = $2 \
                    AND b.state NOT IN ('failed', 'voided') AND b.kind IN ('ban', 'unban', 'softban')) \
                OR created_at = (SELECT MAX(m.created_at) FROM cases m WHERE m.guild_id = $1 AND m.subject_id = $2 \
                    AND m.state NOT IN ('failed', 'voided') AND m.kind IN ('mute', 'unmute'))) \
            AND (idempotency_key IS NULL OR idempotency_key <> $4) ORDER BY number"
        )
    );
    WARNINGS = columns!(
        "SELECT",
        "FROM cases WHERE guild_id = $1 AND subject_id = $2 AND kind = 'warn' AND (state = 'applied' OR number = $3) \
            ORDER BY number"
    );
    ENDED_BY = columns!("SELECT", "FROM cases WHERE guild_id = $1 AND ended_by = $2 ORDER BY number");
    ABOUT = columns!("SELECT", "FROM cases WHERE guild_id = $1 AND subject_id = $2 ORDER BY number");
    TOUCHED = columns!(
        "SELECT",
        "FROM cases WHERE guild_id = $1 AND subject_id IN (SELECT d.subject_id FROM cases d \
            WHERE d.guild_id = $1 AND d.created_at >= $2 AND (d.moderator_id = $3 OR d.rule = $4 OR d.token = $5)) \
            ORDER BY number"
    );
    SAVE = "UPDATE cases SET state = $2, reason = $3, reason_folded = $4, expires_at = $5, evidence = $6, \
        updated_at = $7, applied_at = $8, ended_at = $9, ended_by = $10, lift = $11, ended_why = $12, voided_by = $13, \
        hidden_at = $14 WHERE id = $1";
    // Whoever adds to a history holds the case or its guild, so no two take the same place in it.
    ADD_EVENT = "INSERT INTO case_events (case_id, seq, at, actor, kind, body) \
        VALUES ($1, COALESCE((SELECT MAX(seq) FROM case_events WHERE case_id = $1), 0) + 1, $2, $3, $4, $5)";
    BEGIN_HISTORY = "INSERT INTO case_events (case_id, seq, at, actor, kind, body) VALUES ($1, 1, $2, $3, $4, $5)";
    HISTORY = "SELECT seq, at, actor, kind, body FROM case_events WHERE case_id = $1 ORDER BY seq";
}

// === impl Conn ===

impl Conn {
    pub async fn case(&mut self, id: CaseId) -> Result<Option<Case>, StoreError> {
        self.query(&FIND).bind(id).optional().await
    }

    pub async fn case_by_number(&mut self, guild: GuildKey, number: u64) -> Result<Option<Case>, StoreError> {
        // A number that no row can have is the number of no case.
        if i64::try_from(number).is_err() {
            return Ok(None);
        }
        self.query(&BY_NUMBER).bind(guild).bind(number).optional().await
    }

    /// A page, newest first. It costs the same at either end: it begins where the last one ended.
    pub async fn cases(
        &mut self,
        guild: GuildKey,
        query: &CaseQuery,
        limit: u64,
    ) -> Result<Vec<Case>, StoreError> {
        let pattern = query
            .text
            .as_deref()
            .map(|text| format!("%{}%", escaped(&folded(&storable(text)))));
        let filter = Filter::new(self, "cases::page", SELECT)
            .and("guild_id = ?", guild)
            .and_if("number < ?", query.before)
            .and_if("subject_id = ?", query.subject)
            .and_if("moderator_id = ?", query.moderator)
            .and_if("kind = ?", query.kind)
            .and_if("state = ?", query.state)
            .and_if("origin = ?", query.origin)
            .and_if("created_at >= ?", query.from)
            .and_if("created_at < ?", query.to)
            .and_if("(hidden_at IS NULL) = ?", (!query.hidden).then_some(true))
            .and_if(r"reason_folded LIKE ? ESCAPE '\'", pattern)
            .ending("ORDER BY number DESC LIMIT ?", limit);
        self.filtered(filter).all().await
    }

    /// The cases that say how a person stands: what holds, what waits for the platform's answer, and what was decided last
    /// or not before `since`; and the one that has this key, whoever it is about.
    pub async fn standing_cases(
        &mut self,
        guild: GuildKey,
        subject: IdentityId,
        since: DateTime<Utc>,
        key: Option<&str>,
    ) -> Result<Vec<Case>, StoreError> {
        self.query(&STANDING)
            .bind(guild)
            .bind(subject)
            .bind(since)
            // Nothing is not NULL, as in [`Tx::next_case`].
            .bind(key.unwrap_or_default())
            .all()
            .await
    }

    /// The warnings that count, and the one of this number if it is theirs.
    pub async fn warnings(
        &mut self,
        guild: GuildKey,
        subject: IdentityId,
        number: Option<u64>,
    ) -> Result<Vec<Case>, StoreError> {
        let number = number.and_then(|number| i64::try_from(number).ok());
        self.query(&WARNINGS)
            .bind(guild)
            .bind(subject)
            .bind(number)
            .all()
            .await
    }

    /// Every case about a person.
    pub async fn cases_about(
        &mut self,
        guild: GuildKey,
        subject: IdentityId,
    ) -> Result<Vec<Case>, StoreError> {
        self.query(&ABOUT).bind(guild).bind(subject).all().await
    }

    /// Every case about each person to whom this moderator, rule or program did something since then.
    pub async fn cases_of_touched(
        &mut self,
        guild: GuildKey,
        since: DateTime<Utc>,
        by: &Doer<'_>,
    ) -> Result<Vec<Case>, StoreError> {
        let (moderator, rule, token) = match *by {
            Doer::Moderator(id) => (Some(id), None, None),
            Doer::Rule(rule) => (None, Some(rule), None),
            Doer::Token(token) => (None, None, Some(token)),
        };
        self.query(&TOUCHED)
            .bind(guild)
            .bind(since)
            .bind(moderator)
            .bind(rule)
            .bind(token)
            .all()
            .await
    }

    /// The cases that this one ended.
    pub async fn cases_ended_by(&mut self, guild: GuildKey, number: u64) -> Result<Vec<Case>, StoreError> {
        self.query(&ENDED_BY).bind(guild).bind(number).all().await
    }

    pub async fn case_history(&mut self, id: CaseId) -> Result<Vec<CaseEvent>, StoreError> {
        self.query(&HISTORY).bind(id).all().await
    }
}

/// A text that stands for itself in a pattern.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('\\', r"\\").replace('%', r"\%").replace('_', r"\_")
}

// === impl Tx ===

impl Tx {
    /// The case, which nobody else changes until this transaction ends.
    pub async fn lock_case(&mut self, id: CaseId) -> Result<Option<Case>, StoreError> {
        self.query(&LOCK).bind(id).optional().await
    }

    /// Holds a guild that is there: nobody else opens or ends one of its cases until this transaction ends.
    pub async fn hold_cases(&mut self, guild: GuildKey) -> Result<(), StoreError> {
        self.hold_guild(guild).await.map(drop)
    }

    /// Adds a case. Its number is of [`Tx::next_case`], in the same transaction.
    pub async fn insert_case(&mut self, case: &Case) -> Result<(), StoreError> {
        let reason = case.reason.as_deref().map(storable);
        self.write(&INSERT)
            .await?
            .bind(case.id)
            .bind(case.guild_id)
            .bind(case.number)
            .bind(case.kind)
            .bind(case.state)
            .bind(case.subject_id)
            .bind(case.moderator_id)
            .bind(case.origin)
            .bind(case.rule.as_deref())
            .bind(case.token.as_deref())
            .bind(case.rule_set_hash.as_deref())
            .bind(case.trace_id)
            .bind(reason.as_deref())
            .bind(reason.as_deref().map(folded))
            .bind(case.expires_at)
            .bind(case.evidence.clone())
            .bind(case.parent_id)
            .bind(case.idempotency_key.as_deref())
            .bind(case.created_at)
            .bind(case.updated_at)
            .bind(case.fate.applied_at)
            .bind(case.fate.ended_at)
            .bind(case.fate.ended_by)
            .bind(case.fate.lift)
            .bind(case.fate.ended_why.as_deref().map(storable))
            .bind(case.fate.voided_by.as_deref());
        Ok(())
    }

    /// Writes what may change in a case that is there: its state and fate, reason, end and evidence, and whether lists have
    /// it.
    pub async fn save_case(&mut self, case: &Case) -> Result<(), StoreError> {
        let reason = case.reason.as_deref().map(storable);
        self.write(&SAVE)
            .await?
            .bind(case.id)
            .bind(case.state)
            .bind(reason.as_deref())
            .bind(reason.as_deref().map(folded))
            .bind(case.expires_at)
            .bind(case.evidence.clone())
            .bind(case.updated_at)
            .bind(case.fate.applied_at)
            .bind(case.fate.ended_at)
            .bind(case.fate.ended_by)
            .bind(case.fate.lift)
            .bind(case.fate.ended_why.as_deref().map(storable))
            .bind(case.fate.voided_by.as_deref())
            .bind(case.hidden_at);
        Ok(())
    }

    /// The first line of a new case's history.
    pub async fn begin_case_history(
        &mut self,
        id: CaseId,
        at: DateTime<Utc>,
        actor: &str,
        body: Value,
    ) -> Result<(), StoreError> {
        self.write(&BEGIN_HISTORY)
            .await?
            .bind(id)
            .bind(at)
            .bind(actor)
            .bind(CaseEventKind::Opened)
            .bind(Json(body));
        Ok(())
    }

    /// Adds a line to the history of a case which, or whose guild, this transaction holds.
    pub async fn add_case_event(
        &mut self,
        id: CaseId,
        at: DateTime<Utc>,
        actor: &str,
        kind: CaseEventKind,
        body: Value,
    ) -> Result<(), StoreError> {
        self.write(&ADD_EVENT)
            .await?
            .bind(id)
            .bind(at)
            .bind(actor)
            .bind(kind)
            .bind(Json(body));
        Ok(())
    }
}
