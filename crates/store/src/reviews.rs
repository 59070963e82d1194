//! Whether decisions were right, as people said afterwards: by this, rules are measured.

use crate::dbx::query::row;
use crate::dbx::{Conn, Tx, sqls, text_enum};
use crate::error::StoreError;
use crate::guilds::GuildKey;
use chrono::{DateTime, Utc};
use lockdown_events::{CaseId, TraceId};

text_enum! {
    /// What people said of a decision afterwards.
    Verdict {
        /// Looked at again, and right.
        Upheld = "upheld",
        /// Taken back: too hard, or no longer needed.
        Overturned = "overturned",
        /// Wrong from the start.
        Mistaken = "mistaken",
    }
}

row! {
    /// The last word on one case.
    pub Review {
        case_id: CaseId,
        guild_id: GuildKey,
        /// Of an automatic decision.
        rule: Option<String>,
        rule_set_hash: Option<String>,
        verdict: Verdict,
        /// As [`crate::cases::CaseEvent::actor`].
        actor: String,
        at: DateTime<Utc>,
    }
}

row! {
    /// How often one thing was said of a rule's decisions.
    pub Count {
        rule: String,
        verdict: Verdict,
        count: u64,
    }
}

row! {
    /// The last word on a case that a rule made, by the trace of its verdict.
    pub ReviewedTrace {
        trace_id: TraceId,
        rule_set_hash: String,
        verdict: Verdict,
    }
}

sqls! {
    RECORD = "INSERT INTO case_reviews (case_id, guild_id, rule, rule_set_hash, verdict, actor, at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7) \
        ON CONFLICT (case_id) DO UPDATE SET verdict = excluded.verdict, actor = excluded.actor, at = excluded.at";
    FIND = "SELECT case_id, guild_id, rule, rule_set_hash, verdict, actor, at FROM case_reviews WHERE case_id = $1";
    COUNTS = "SELECT rule, verdict, COUNT(*) AS count FROM case_reviews \
        WHERE guild_id = $1 AND rule IS NOT NULL AND at >= $2 GROUP BY rule, verdict ORDER BY rule, verdict";
    TRACES = "SELECT c.trace_id, r.rule_set_hash, r.verdict FROM case_reviews r JOIN cases c ON c.id = r.case_id \
        WHERE r.guild_id = $1 AND c.created_at >= $2 AND c.trace_id IS NOT NULL AND r.rule_set_hash IS NOT NULL \
        ORDER BY c.number";
}

// === impl Conn ===

impl Conn {
    /// The last word on a case.
    pub async fn review(&mut self, case: CaseId) -> Result<Option<Review>, StoreError> {
        self.query(&FIND).bind(case).optional().await
    }

    /// What was said since then of each rule's decisions.
    pub async fn rule_reviews(
        &mut self,
        guild: GuildKey,
        since: DateTime<Utc>,
    ) -> Result<Vec<Count>, StoreError> {
        self.query(&COUNTS).bind(guild).bind(since).all().await
    }

    /// What was said of the cases that rules made since then.
    pub async fn reviewed_traces(
        &mut self,
        guild: GuildKey,
        since: DateTime<Utc>,
    ) -> Result<Vec<ReviewedTrace>, StoreError> {
        self.query(&TRACES).bind(guild).bind(since).all().await
    }
}

// === impl Tx ===

impl Tx {
    /// Adds what was said of a case, in place of what was said before.
    pub async fn save_review(&mut self, review: &Review) -> Result<(), StoreError> {
        let query = self
            .query(&RECORD)
            .bind(review.case_id)
            .bind(review.guild_id)
            .bind(review.rule.as_deref())
            .bind(review.rule_set_hash.as_deref())
            .bind(review.verdict)
            .bind(review.actor.as_str())
            .bind(review.at);
        query.execute().await.map(drop)
    }
}
