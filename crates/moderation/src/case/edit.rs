//! Changes to a case. Each keeps what stood before, who changed it and when.

use super::{Case, CaseState};
use crate::authority::{Authorized, Deed, Guarded, Right};
use crate::duration::{Term, TermError};
use crate::reason::Reason;
use crate::sanction::Profile;
use crate::who::{Actor, CaseNumber, UserRef};
use chrono::{DateTime, Utc};
use lockdown_events::{Action, MessageRef};

/// A case and what shall change in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Amendment {
    pub case: Case,
    pub change: Change,
}

/// What shall change.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    Reason(Option<Reason>),
    /// When the sanction ends.
    Ends(Term),
    /// All of the evidence, as it shall be.
    Evidence(Vec<MessageRef>),
    /// Whether ordinary lists leave it out.
    Hidden(bool),
    /// The case was a mistake.
    Void(Reason),
}

/// One entry of a case's history.
#[derive(Debug, Clone, PartialEq)]
pub struct Edit {
    pub case: CaseNumber,
    pub by: Actor,
    pub at: DateTime<Utc>,
    pub what: Edited,
}

/// What stood before, and what stands now.
#[derive(Debug, Clone, PartialEq)]
pub enum Edited {
    Reason {
        old: Option<Reason>,
        new: Option<Reason>,
    },
    Ends {
        old: Term,
        new: Term,
    },
    Evidence {
        old: Vec<MessageRef>,
        new: Vec<MessageRef>,
    },
    Hidden {
        now: bool,
    },
    Voided {
        was: CaseState,
        why: Reason,
    },
}

/// Why a case cannot be changed so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    #[error("it is so already: nothing changed")]
    Same,
    #[error("`{0}` has no duration: it can be given to a ban or a mute")]
    NotTimed(Action),
    #[error("the case is {0}, so its end cannot change: make a new one instead")]
    Over(&'static str),
    #[error("the case was voided and stays as it is: make a new one instead")]
    Voided,
    #[error("its {0} still stands: lift it first, then void the case")]
    Stands(Action),
    #[error("the platform has not answered yet: wait until the case is applied or failed")]
    Unanswered,
    #[error(transparent)]
    Term(#[from] TermError),
}

// === impl Edit ===

impl Edit {
    /// Whether the platform has to be told: the end of what stands there changed.
    pub fn reaches_platform(&self) -> bool {
        matches!(self.what, Edited::Ends { .. })
    }
}

impl Guarded for Amendment {
    fn deed(&self, by: &Actor) -> Deed {
        Deed::Amend(match self.change {
            Change::Void(_) => Right::Void,
            _ if self.case.by == *by => Profile::of(self.case.action).right,
            Change::Reason(_) | Change::Ends(_) | Change::Evidence(_) | Change::Hidden(_) => {
                Right::EditOthers
            }
        })
    }

    fn subject(&self) -> &UserRef {
        &self.case.subject
    }
}

// === impl Authorized<Amendment> ===

impl Authorized<Amendment> {
    /// The case as it is then, and the entry for its history.
    pub fn amend(self, now: DateTime<Utc>) -> Result<(Case, Edit), EditError> {
        let (by, Amendment { mut case, change }) = self.into_parts();
        let voided = matches!(case.state, CaseState::Voided { .. });
        if voided && !matches!(change, Change::Hidden(_)) {
            return Err(EditError::Voided);
        }
        let what = match change {
            Change::Reason(new) if new == case.reason => return Err(EditError::Same),
            Change::Evidence(new) if new == case.evidence => return Err(EditError::Same),
            Change::Hidden(now) if now == case.hidden => return Err(EditError::Same),
            Change::Hidden(now) => {
                case.hidden = now;
                Edited::Hidden { now }
            }
            Change::Reason(new) => Edited::Reason {
                old: std::mem::replace(&mut case.reason, new.clone()),
                new,
            },
            Change::Evidence(new) => Edited::Evidence {
                old: std::mem::replace(&mut case.evidence, new.clone()),
                new,
            },
            Change::Ends(new) => Edited::Ends {
                old: case.change_end(new, now)?,
                new,
            },
            Change::Void(why) => Edited::Voided {
                was: case.void(&by, why.clone(), now)?,
                why,
            },
        };
        let edit = Edit {
            case: case.number,
            by,
            at: now,
            what,
        };
        Ok((case, edit))
    }
}

// === impl Case ===

impl Case {
    fn change_end(&mut self, new: Term, now: DateTime<Utc>) -> Result<Term, EditError> {
        if !Profile::of(self.action).is_timed() {
            return Err(EditError::NotTimed(self.action));
        }
        if !self.state.stands() {
            return Err(EditError::Over(self.state.name()));
        }
        if new == self.ends {
            return Err(EditError::Same);
        }
        let new = new.within(now, None)?;
        Ok(std::mem::replace(&mut self.ends, new))
    }

    fn void(&mut self, by: &Actor, why: Reason, now: DateTime<Utc>) -> Result<CaseState, EditError> {
        if self.state == CaseState::Requested {
            return Err(EditError::Unanswered);
        }
        if self.state.stands() && Profile::of(self.action).is_timed() {
            return Err(EditError::Stands(self.action));
        }
        Ok(std::mem::replace(
            &mut self.state,
            CaseState::Voided {
                by: by.clone(),
                at: now,
                why,
            },
        ))
    }
}
