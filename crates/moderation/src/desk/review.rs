//! Whether a decision was right, as people say afterwards. By this, rules are measured.

use super::error::{DeskError, Refused, Stop};
use super::facts::{Facts, doer};
use super::rows::{self, Kept, Name};
use super::tell::Entry;
use super::{Desk, guild, held};
use crate::authority::Right;
use crate::reason::Reason;
use crate::who::{Actor, CaseNumber, GuildRef};
use chrono::{DateTime, Utc};
use lockdown_events::CorrelationId;
use lockdown_store::cases::CaseEventKind;
use lockdown_store::reviews::{Count, Review, Verdict};
use lockdown_store::{Tx, in_read, in_tx};
use serde_json::json;

/// Who says what of which case.
#[derive(Debug, Clone, PartialEq)]
pub struct ReviewAsk {
    pub by: Actor,
    pub guild: GuildRef,
    pub case: CaseNumber,
    pub verdict: Verdict,
    pub why: Option<Reason>,
    pub chain: Option<CorrelationId>,
}

// === impl Desk ===

impl Desk {
    /// Keeps what somebody says of a case; `false` when the same was said before. A sanction of a rule that a person lifts is
    /// overturned by that, and one that is voided was mistaken: neither has to be said again.
    pub async fn review(&self, ask: &ReviewAsk, facts: &dyn Facts) -> Result<bool, DeskError> {
        let doer = doer(facts, &ask.guild, &ask.by).await;
        let allowed = doer
            .authorize(Right::EditOthers, ask.case)
            .map_err(Refused::from)?;
        let reviewed = in_tx!(self.store, |tx| {
            let guild = held(tx, &ask.guild).await?;
            let kept = rows::find(tx, &ask.guild, &guild, ask.case).await?;
            let kept = kept.ok_or_else(|| Refused::UnknownCase(ask.guild.clone(), ask.case))?;
            let now = self.clock.now();
            let by = rows::name(tx, self, allowed.by(), now).await?;
            if !say(tx, &kept, ask.verdict, &by, now).await? {
                return Ok(false);
            }
            let entry = Entry {
                by: &by,
                act: "case:review",
                subject: format!("case:{}", ask.case.0),
                body: json!({ "verdict": ask.verdict.as_str() }),
                personal: ask
                    .why
                    .as_ref()
                    .map(|why| (kept.row.subject_id, json!({ "why": why.as_str() }))),
            };
            self.audit(tx, &guild, entry, ask.chain.as_ref(), now).await?;
            Ok::<_, Stop>(true)
        });
        Ok(reviewed?)
    }

    /// What people said since then of each rule's decisions.
    pub async fn rule_reviews(&self, of: &GuildRef, since: DateTime<Utc>) -> Result<Vec<Count>, DeskError> {
        let counts = in_read!(self.store, |conn| {
            let guild = guild(conn, of).await?;
            Ok::<_, Stop>(conn.rule_reviews(guild.id, since).await?)
        });
        Ok(counts?)
    }
}

/// Keeps it, with a line in the case's history; `false` when the same was said before.
pub(super) async fn say(
    tx: &mut Tx,
    kept: &Kept,
    verdict: Verdict,
    by: &Name,
    now: DateTime<Utc>,
) -> Result<bool, Stop> {
    let before = tx.review(kept.case.id).await?;
    if before.is_some_and(|before| before.verdict == verdict) {
        return Ok(false);
    }
    let review = Review {
        case_id: kept.case.id,
        guild_id: kept.row.guild_id,
        rule: kept.row.rule.clone(),
        rule_set_hash: kept.row.rule_set_hash.clone(),
        verdict,
        actor: by.text.clone(),
        at: now,
    };
    tx.save_review(&review).await?;
    let body = json!({ "verdict": verdict.as_str() });
    tx.add_case_event(kept.case.id, now, &by.text, CaseEventKind::Reviewed, body)
        .await?;
    Ok(true)
}
