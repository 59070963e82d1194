//! Undo: what it would do, and doing it.

use super::error::{DeskError, Refused, Stop};
use super::facts::{Facts, doer};
use super::rows;
use super::{Acted, Ask, Desk, guild};
use crate::authority::Right;
use crate::case::Case;
use crate::undo::{Plan, Reversal, Scope, plan};
use crate::who::{Actor, GuildRef};
use lockdown_events::{CorrelationId, Origin};
use lockdown_store::guilds::Guild;
use lockdown_store::{Conn, cases, in_read};

/// Who wants what undone.
#[derive(Debug, Clone, PartialEq)]
pub struct UndoAsk {
    pub by: Actor,
    /// By what it came: of every case that comes of it.
    pub origin: Origin,
    pub guild: GuildRef,
    pub scope: Scope,
    pub reason: Option<String>,
    /// The same key twice undoes once.
    pub key: Option<String>,
    pub chain: Option<CorrelationId>,
}

/// What an undo did.
#[derive(Debug)]
pub struct Undone {
    pub plan: Plan,
    /// What came of each reversal, in the plan's order.
    pub results: Vec<(Reversal, Result<Acted, DeskError>)>,
}

// === impl Desk ===

impl Desk {
    /// What an undo would do now. Nothing is written.
    pub async fn preview_undo(&self, ask: &UndoAsk, facts: &dyn Facts) -> Result<Plan, DeskError> {
        let doer = doer(facts, &ask.guild, &ask.by).await;
        let scope = doer
            .authorize(Right::Undo, ask.scope.clone())
            .map_err(Refused::from)?;
        let cases = in_read!(self.store, |conn| {
            let guild = guild(conn, &ask.guild).await?;
            touched(conn, &guild, ask).await
        })?;
        Ok(plan(&scope, &cases, self.clock.now()))
    }

    /// Undoes. Each reversal is a wish like any other, judged by the rank of who undoes, with a result of its own; should a
    /// newer decision come in between, it stands.
    pub async fn undo(&self, ask: &UndoAsk, facts: &dyn Facts) -> Result<Undone, DeskError> {
        let plan = self.preview_undo(ask, facts).await?;
        let mut results = Vec::with_capacity(plan.reversals.len());
        for reversal in &plan.reversals {
            let wish = reversal.wish(ask.origin, self.clock.now());
            let one = Ask {
                ends: wish.ends,
                case: wish.case,
                reason: ask.reason.clone(),
                key: ask.key.as_ref().map(|key| format!("{key}:{}", reversal.undoes.0)),
                follows: Some(reversal.undoes),
                chain: ask.chain.clone(),
                ..Ask::new(
                    ask.by.clone(),
                    wish.guild,
                    wish.subject,
                    wish.action,
                    wish.origin,
                    wish.at,
                )
            };
            results.push((reversal.clone(), self.act(&one, facts).await));
        }
        Ok(Undone { plan, results })
    }
}

/// All cases of those whom the scope touches.
async fn touched(conn: &mut Conn, guild: &Guild, ask: &UndoAsk) -> Result<Vec<Case>, Stop> {
    let rows = match &ask.scope {
        Scope::Case(number) => {
            let found = conn.case_by_number(guild.id, number.0).await?;
            let case = found.ok_or_else(|| Refused::UnknownCase(ask.guild.clone(), *number))?;
            conn.cases_about(guild.id, case.subject_id).await?
        }
        Scope::Doings { by, since } => {
            let by = match by {
                Actor::Person(who) => {
                    let known = conn.identity(who.platform, &who.id).await?;
                    let known = known.ok_or_else(|| Refused::UnknownPerson(who.clone()))?;
                    cases::Doer::Moderator(known.id)
                }
                Actor::Rule(rule) => cases::Doer::Rule(rule),
                Actor::Token(token) => cases::Doer::Token(token),
                // What was due has ended by itself.
                Actor::System => return Ok(Vec::new()),
            };
            conn.cases_of_touched(guild.id, *since, &by).await?
        }
    };
    let kept = rows::kept(conn, &ask.guild, rows).await?;
    Ok(kept.into_iter().map(|kept| kept.case).collect())
}
