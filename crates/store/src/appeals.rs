//! Appeals: the word of somebody against whom a case is, and what was said and decided about it.

use crate::dbx::query::row;
use crate::dbx::{Conn, Filter, Tx, sqls, text_enum, uuid_ids};
use crate::error::StoreError;
use crate::guilds::GuildKey;
use crate::people::{IdentityId, storable};
use chrono::{DateTime, Utc};
use lockdown_events::CaseId;

uuid_ids! {
    AppealId;
}

text_enum! {
    AppealState {
        Open = "open",
        Granted = "granted",
        Denied = "denied",
        /// By the appellant.
        Withdrawn = "withdrawn",
    }
}

text_enum! {
    /// Who speaks.
    AuthorKind {
        Appellant = "appellant",
        Moderator = "moderator",
        System = "system",
    }
}

row! {
    pub Appeal {
        id: AppealId,
        guild_id: GuildKey,
        case_id: CaseId,
        appellant_id: IdentityId,
        state: AppealState,
        statement: String,
        /// What the appellant is told.
        decision: Option<String>,
        decided_by: Option<String>,
        decided_at: Option<DateTime<Utc>>,
        /// No other appeal against the case before then.
        cooldown_until: Option<DateTime<Utc>>,
        created_at: DateTime<Utc>,
    }
}

row! {
    pub AppealMessage {
        seq: u64,
        at: DateTime<Utc>,
        author_kind: AuthorKind,
        /// An identity's or an account's id, or `system`.
        author: String,
        body: String,
    }
}

/// What somebody says against a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAppeal {
    pub id: AppealId,
    pub case_id: CaseId,
    pub appellant_id: IdentityId,
    pub statement: String,
    pub at: DateTime<Utc>,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Appealed {
    Opened(Appeal),
    /// There is one that waits for its decision.
    AlreadyOpen(AppealId),
    /// The last one was decided a short while ago.
    TooSoon {
        until: DateTime<Utc>,
    },
}

/// How an appeal ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision<'a> {
    /// Anything but [`AppealState::Open`].
    pub state: AppealState,
    pub by: &'a str,
    pub at: DateTime<Utc>,
    pub text: Option<&'a str>,
    pub cooldown_until: Option<DateTime<Utc>>,
}

/// Which appeals of a guild, newest first.
#[derive(Debug, Clone, Copy, Default)]
pub struct AppealQuery {
    pub state: Option<AppealState>,
    pub case: Option<CaseId>,
    pub appellant: Option<IdentityId>,
    /// The last of the page before.
    pub before: Option<AppealId>,
}

macro_rules! columns {
    ($head:literal, $tail:literal) => {
        concat!(
            $head,
            " id, guild_id, case_id, appellant_id, state, statement, decision, decided_by, decided_at, \
             cooldown_until, created_at ",
            $tail
        )
    };
}

/// For [`Filter`], which adds the conditions.
const SELECT: &str = columns!("SELECT", "FROM appeals");

sqls! {
    FIND = columns!("SELECT", "FROM appeals WHERE id = $1");
    LOCK => columns!("SELECT", "FROM appeals WHERE id = $1 FOR UPDATE"),
        columns!("SELECT", "FROM appeals WHERE id = $1");
    OPEN = columns!("SELECT", "FROM appeals WHERE case_id = $1 AND state = 'open'");
    COOLDOWN = "SELECT MAX(cooldown_until) AS until FROM appeals WHERE case_id = $1 AND cooldown_until > $2";
    INSERT = columns!("INSERT INTO appeals (id, guild_id, case_id, appellant_id, state, statement, created_at) \
        VALUES ($1, $2, $3, $4, 'open', $5, $6) RETURNING", "");
    DECIDE = "UPDATE appeals SET state = $2, decided_by = $3, decided_at = $4, decision = $5, cooldown_until = $6 \
        WHERE id = $1 AND state = 'open'";
    SAY = "INSERT INTO appeal_messages (appeal_id, seq, at, author_kind, author, body) \
        VALUES ($1, COALESCE((SELECT MAX(seq) FROM appeal_messages WHERE appeal_id = $1), 0) + 1, $2, $3, $4, $5) \
        RETURNING seq";
    MESSAGES = "SELECT seq, at, author_kind, author, body FROM appeal_messages \
        WHERE appeal_id = $1 AND seq > $2 ORDER BY seq LIMIT $3";
}

// === impl Conn ===

impl Conn {
    pub async fn appeal(&mut self, id: AppealId) -> Result<Option<Appeal>, StoreError> {
        self.query(&FIND).bind(id).optional().await
    }

    /// A page, newest first.
    pub async fn appeals(
        &mut self,
        guild: GuildKey,
        query: &AppealQuery,
        limit: u64,
    ) -> Result<Vec<Appeal>, StoreError> {
        let filter = Filter::new(self, "appeals::page", SELECT)
            .and("guild_id = ?", guild)
            .and_if("id < ?", query.before)
            .and_if("state = ?", query.state)
            .and_if("case_id = ?", query.case)
            .and_if("appellant_id = ?", query.appellant)
            .ending("ORDER BY id DESC LIMIT ?", limit);
        self.filtered(filter).all().await
    }

    /// A page of what was said, in its order. The next one begins after the number of the last.
    pub async fn appeal_messages(
        &mut self,
        id: AppealId,
        after: Option<u64>,
        limit: u64,
    ) -> Result<Vec<AppealMessage>, StoreError> {
        self.query(&MESSAGES)
            .bind(id)
            .bind(after.unwrap_or(0))
            .bind(limit)
            .all()
            .await
    }
}

// === impl Tx ===

impl Tx {
    /// Opens an appeal against a case, unless one is open or was decided too short a while ago.
    pub async fn open_appeal(&mut self, new: &NewAppeal) -> Result<Appealed, StoreError> {
        // Of two at once, the second sees what the first did.
        let Some(case) = self.lock_case(new.case_id).await? else {
            return Err(StoreError::Missing {
                statement: "appeals::open_appeal",
            });
        };
        let open: Option<Appeal> = self.query(&OPEN).bind(case.id).optional().await?;
        if let Some(open) = open {
            return Ok(Appealed::AlreadyOpen(open.id));
        }
        let until: Option<Option<DateTime<Utc>>> = self
            .query(&COOLDOWN)
            .bind(case.id)
            .bind(new.at)
            .value("until")
            .await?;
        if let Some(until) = until.flatten() {
            return Ok(Appealed::TooSoon { until });
        }
        let query = self
            .query(&INSERT)
            .bind(new.id)
            .bind(case.guild_id)
            .bind(case.id)
            .bind(new.appellant_id)
            .bind(storable(&new.statement))
            .bind(new.at);
        query.one().await.map(Appealed::Opened)
    }

    /// Ends an appeal; `false` when it had ended already, which stays as it is.
    pub async fn decide_appeal(&mut self, id: AppealId, decision: Decision<'_>) -> Result<bool, StoreError> {
        let query = self
            .query(&DECIDE)
            .bind(id)
            .bind(decision.state)
            .bind(decision.by)
            .bind(decision.at)
            .bind(decision.text.map(storable))
            .bind(decision.cooldown_until);
        Ok(query.execute().await? == 1)
    }

    /// Adds what somebody says to an open appeal, and tells its number; `None` when the appeal has ended, or is none.
    pub async fn say_in_appeal(
        &mut self,
        id: AppealId,
        at: DateTime<Utc>,
        author: (AuthorKind, &str),
        body: &str,
    ) -> Result<Option<u64>, StoreError> {
        let appeal: Option<Appeal> = self.query(&LOCK).bind(id).optional().await?;
        if appeal.is_none_or(|appeal| appeal.state != AppealState::Open) {
            return Ok(None);
        }
        let query = self
            .query(&SAY)
            .bind(id)
            .bind(at)
            .bind(author.0)
            .bind(author.1)
            .bind(storable(body));
        query.value("seq").await
    }
}
