//! A case: one decision about one person, and what came of it.

mod edit;
mod state;

pub use edit::{Amendment, Change, Edit, EditError, Edited};
pub use state::{CaseState, Lift, MoveError};

use crate::authority::Authorized;
use crate::decide::{Ending, Follows};
use crate::duration::Term;
use crate::reason::Reason;
use crate::sanction::{Lasting, Profile};
use crate::who::{Actor, CaseNumber, GuildRef, UserRef};
use crate::wish::Wish;
use chrono::{DateTime, Utc};
use lockdown_events::{Action, CaseId, MessageRef, Origin};
use std::cmp::Reverse;

/// One decision about one person, and what came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    pub id: CaseId,
    pub number: CaseNumber,
    pub guild: GuildRef,
    pub subject: UserRef,
    pub action: Action,
    pub by: Actor,
    pub origin: Origin,
    pub reason: Option<Reason>,
    pub evidence: Vec<MessageRef>,
    pub ends: Term,
    /// When it was decided.
    pub at: DateTime<Utc>,
    /// For a removal: the case that it ended.
    pub lifts: Option<CaseNumber>,
    /// Ordinary lists leave it out.
    pub hidden: bool,
    pub state: CaseState,
}

// === impl Case ===

impl Case {
    /// The case that follows from a wish; `None` when none does.
    pub fn open(id: CaseId, number: CaseNumber, wish: Authorized<Wish>, follows: &Follows) -> Option<Self> {
        let (by, wish) = wish.into_parts();
        let (state, lifts) = match follows {
            Follows::Already { .. } | Follows::Moot { .. } => return None,
            Follows::History { by } => (
                CaseState::Superseded {
                    by: *by,
                    at: wish.at,
                    applied: Some(wish.at),
                },
                None,
            ),
            Follows::Case { ends } => {
                // What was seen has been done; what only we keep is done by being kept.
                let done = wish.is_observed() || !Profile::of(wish.action).on_platform;
                let state = if done {
                    CaseState::Applied { at: wish.at }
                } else {
                    CaseState::Requested
                };
                let lifts = ends.iter().find_map(|ending| match ending {
                    Ending::Lifted { case, .. } => Some(*case),
                    Ending::Superseded { .. } => None,
                });
                (state, lifts)
            }
        };
        Some(Self {
            id,
            number,
            guild: wish.guild,
            subject: wish.subject,
            action: wish.action,
            by,
            origin: wish.origin,
            reason: wish.reason,
            evidence: wish.evidence,
            ends: wish.ends,
            at: wish.at,
            lifts,
            hidden: false,
            state,
        })
    }

    /// Its place among a person's decisions: later is greater. Of one millisecond, the first that we recorded counts.
    pub(crate) fn order(&self) -> (i64, Reverse<CaseNumber>) {
        (self.at.timestamp_millis(), Reverse(self.number))
    }

    /// What stands because of it, while it stands.
    pub fn live(&self) -> Option<Lasting> {
        Lasting::ALL
            .into_iter()
            .find(|lasting| lasting.begins() == self.action && self.state.stands())
    }

    /// Carries out what follows from a newer case.
    pub fn end(&mut self, ending: &Ending, by: CaseNumber, now: DateTime<Utc>) -> Result<(), MoveError> {
        self.state = match ending {
            Ending::Superseded { .. } => self.state.supersede(by, now)?,
            Ending::Lifted { how, .. } => self.state.lift(by, *how, now)?,
        };
        Ok(())
    }
}

/// The platform did not do what a case asked for. Of the cases that it had `ended`, the newest stands again, in place of
/// the others; unless a newer decision has ended the case meanwhile, which then has ended those as well.
pub fn fail<'a>(
    case: &mut Case,
    ended: impl IntoIterator<Item = &'a mut Case>,
    error: String,
    now: DateTime<Utc>,
) -> Result<(), MoveError> {
    let mut ended: Vec<&mut Case> = ended.into_iter().collect();
    ended.sort_by_key(|other| other.order());
    let mut heir = case.state.ended_by();
    case.state = case.state.fail(error, now)?;
    for other in ended.into_iter().rev() {
        other.state = match heir {
            Some(heir) => other.state.pass_on(case.number, heir)?,
            None => other.state.reinstate(case.number)?,
        };
        heir.get_or_insert(other.number);
    }
    Ok(())
}
