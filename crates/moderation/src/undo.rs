//! What it takes to undo: of one case, of a rule's doings, of a moderator's doings. The plan is a preview; each of its
//! reversals is then wished for like any other act, and judged like any other.
//!
//! Undoing a case does not mean the opposite of it: it means that the person stands as they would without it. What it had
//! replaced and what still has time to run is put in force again.

use crate::authority::Authorized;
use crate::case::{Case, CaseState};
use crate::decide::same_end;
use crate::duration::Term;
use crate::sanction::{Effect, Lasting, Profile};
use crate::who::{Actor, CaseNumber, GuildRef, UserRef};
use crate::wish::Wish;
use chrono::{DateTime, Utc};
use lockdown_events::{Action, Origin};
use std::collections::BTreeMap;
use std::fmt;

/// What shall be undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    Case(CaseNumber),
    /// All that this moderator, rule or token did since then.
    Doings {
        by: Actor,
        since: DateTime<Utc>,
    },
}

/// One act that undoes something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reversal {
    pub guild: GuildRef,
    pub subject: UserRef,
    /// What it undoes; the newest of them, where several replaced each other.
    pub undoes: CaseNumber,
    pub act: ReversalAct,
}

/// How something is undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReversalAct {
    /// What stands ends.
    Lift { action: Action },
    /// What stood before stands again, with the end that it had.
    Restore {
        case: CaseNumber,
        action: Action,
        ends: Term,
    },
}

/// What need not or cannot be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// A later decision by somebody else stands.
    Superseded { by: CaseNumber },
    /// Another of those that are undone came after it.
    Included { by: CaseNumber },
    /// It let somebody speak who is banned: a mute has no place there until they are unbanned.
    Banned { by: CaseNumber },
    /// Without it, the same would stand.
    NoDifference,
    /// It had no effect, or has none any more.
    Over,
    /// A kick cannot be taken back: the person may return by themselves.
    Irreversible,
    /// Words stay; void the case to disown them.
    Words,
}

/// What an undo would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// First what ends, then what stands again; each in the order of the cases that they undo.
    pub reversals: Vec<Reversal>,
    /// In the order of the cases.
    pub left: Vec<(CaseNumber, Left)>,
}

/// Plans an undo. `cases` are all cases of one community, in any order, of each person whom the
/// scope touches. It takes the right to undo.
pub fn plan<'a>(
    scope: &Authorized<Scope>,
    cases: impl IntoIterator<Item = &'a Case>,
    now: DateTime<Utc>,
) -> Plan {
    let scope = scope.on();
    let mut plan = Plan::default();
    let mut lanes: BTreeMap<(&UserRef, Lasting), Vec<&Case>> = BTreeMap::new();
    let mut rest: BTreeMap<CaseNumber, &Case> = BTreeMap::new();
    for case in cases {
        match Lasting::decided_by(case.action) {
            Some(lasting) => lanes.entry((&case.subject, lasting)).or_default().push(case),
            None => {
                rest.insert(case.number, case);
            }
        }
    }
    // A person's bans come before their mutes.
    let mut banned = None;
    for ((person, lasting), mut lane) in lanes {
        lane.sort_by_key(|case| case.order());
        let by = banned
            .filter(|(who, _)| *who == person && lasting == Lasting::Mute)
            .map(|(_, by)| by);
        let stands = plan.add_lane(scope, lasting, &lane, by, now);
        if lasting == Lasting::Ban {
            banned = stands.map(|by| (person, by));
        }
    }
    for case in rest.values().filter(|case| scope.covers(case)) {
        plan.add_other(case, &rest);
    }
    plan.reversals.sort_by_key(|reversal| {
        (
            matches!(reversal.act, ReversalAct::Restore { .. }),
            reversal.undoes,
        )
    });
    plan.left.sort_by_key(|(case, _)| *case);
    plan
}

// === impl Scope ===

impl Scope {
    /// Whether this case is to be undone.
    pub fn covers(&self, case: &Case) -> bool {
        match self {
            Self::Case(number) => case.number == *number,
            Self::Doings { by, since } => case.by == *by && case.at >= *since,
        }
    }
}

// === impl Plan ===

impl Plan {
    /// One person's bans or mutes, oldest first. Gives back the case that is in force then.
    fn add_lane(
        &mut self,
        scope: &Scope,
        lasting: Lasting,
        lane: &[&Case],
        banned: Option<CaseNumber>,
        now: DateTime<Utc>,
    ) -> Option<CaseNumber> {
        let (decided, nothing): (Vec<&Case>, Vec<&Case>) = lane.iter().partition(|case| decides(case));
        let nothing = nothing.iter().filter(|case| scope.covers(case));
        self.left.extend(nothing.map(|case| (case.number, Left::Over)));
        let (last, before) = decided.split_last()?;
        for case in before.iter().filter(|case| scope.covers(case)) {
            let by = last.number;
            let left = if scope.covers(last) {
                Left::Included { by }
            } else {
                Left::Superseded { by }
            };
            self.left.push((case.number, left));
        }
        let stands = last.live().is_some() && !last.ends.is_over(now);
        if !scope.covers(last) {
            return stands.then_some(last.number);
        }
        // How the person would stand without all that is undone.
        let without = before.iter().rev().find(|case| !scope.covers(case));
        let restored = without.filter(|case| case.action == lasting.begins() && !case.ends.is_over(now));
        if let Some(case) = restored.filter(|case| stands && same_end(case.ends, last.ends)) {
            self.left.push((last.number, Left::NoDifference));
            return Some(case.number);
        }
        let act = match (restored, banned) {
            (Some(case), None) => ReversalAct::Restore {
                case: case.number,
                action: case.action,
                ends: case.ends,
            },
            _ if stands => ReversalAct::Lift {
                action: lasting.ends(),
            },
            (restored, banned) => {
                let softban = Profile::of(last.action).effect == Effect::Passes;
                let left = match restored.and(banned) {
                    Some(by) => Left::Banned { by },
                    None if softban => Left::Irreversible,
                    None => Left::Over,
                };
                self.left.push((last.number, left));
                return None;
            }
        };
        self.reversals.push(Reversal {
            guild: last.guild.clone(),
            subject: last.subject.clone(),
            undoes: last.number,
            act,
        });
        match act {
            ReversalAct::Restore { case, .. } => Some(case),
            ReversalAct::Lift { .. } => None,
        }
    }

    fn add_other(&mut self, case: &Case, others: &BTreeMap<CaseNumber, &Case>) {
        let in_force = case.state.stands();
        let act = match Profile::of(case.action).effect {
            Effect::Counts if in_force => Ok(ReversalAct::Lift {
                action: Action::Unwarn,
            }),
            Effect::Counts => Err(case
                .state
                .ended_by()
                .map_or(Left::Over, |by| Left::Superseded { by })),
            Effect::Discounts => {
                let lifted = case
                    .lifts
                    .filter(|_| in_force)
                    .and_then(|number| others.get(&number));
                let lifted = lifted.filter(|warning| warning.state.ended_by() == Some(case.number));
                lifted.map_or(Err(Left::Over), |warning| {
                    Ok(ReversalAct::Restore {
                        case: warning.number,
                        action: warning.action,
                        ends: warning.ends,
                    })
                })
            }
            Effect::Remarks => Err(Left::Words),
            Effect::Passes | Effect::Begins(_) | Effect::Ends(_) => Err(Left::Irreversible),
        };
        match act {
            Ok(act) => self.reversals.push(Reversal {
                guild: case.guild.clone(),
                subject: case.subject.clone(),
                undoes: case.number,
                act,
            }),
            Err(left) => self.left.push((case.number, left)),
        }
    }
}

/// Whether it counts as a decision: what came to nothing or was a mistake does not.
fn decides(case: &Case) -> bool {
    !matches!(case.state, CaseState::Failed { .. } | CaseState::Voided { .. })
}

/// The preview in one line.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut acts: BTreeMap<String, usize> = BTreeMap::new();
        for reversal in &self.reversals {
            *acts.entry(reversal.act.to_string()).or_default() += 1;
        }
        if acts.is_empty() {
            f.write_str("nothing to undo")?;
        }
        let mut gap = "";
        for (act, many) in acts {
            write!(f, "{gap}{many} × {act}")?;
            gap = ", ";
        }
        if !self.left.is_empty() {
            write!(f, "; {} left as they are", self.left.len())?;
        }
        Ok(())
    }
}

impl fmt::Display for ReversalAct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lift { action } => action.fmt(f),
            Self::Restore { action, .. } => write!(f, "{action} again"),
        }
    }
}

// === impl Reversal ===

impl Reversal {
    /// The wish that carries it out.
    pub fn wish(&self, origin: Origin, now: DateTime<Utc>) -> Wish {
        let wish = |action| Wish::new(self.guild.clone(), self.subject.clone(), action, origin, now);
        match self.act {
            // It names its case: should another decision come in between, nothing is lifted.
            ReversalAct::Lift { action } => Wish {
                case: Some(self.undoes),
                ..wish(action)
            },
            ReversalAct::Restore { action, ends, .. } => Wish { ends, ..wish(action) },
        }
    }
}
