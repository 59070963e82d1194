//! Where a case is in its life. A move that does not fit is refused and changes nothing.

use crate::reason::Reason;
use crate::who::{Actor, CaseNumber};
use chrono::{DateTime, Utc};
use std::fmt;

/// Where a case is in its life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaseState {
    /// Recorded; the platform has not answered.
    Requested,
    /// Done on the platform, or kept where no platform is needed.
    Applied { at: DateTime<Utc> },
    /// The platform did not do it, and will not.
    Failed { at: DateTime<Utc>, error: String },
    /// Ended by a case of its own.
    Lifted {
        by: CaseNumber,
        how: Lift,
        at: DateTime<Utc>,
        applied: Option<DateTime<Utc>>,
    },
    /// A newer decision stands in its place.
    Superseded {
        by: CaseNumber,
        at: DateTime<Utc>,
        applied: Option<DateTime<Utc>>,
    },
    /// Declared a mistake; kept, and counted no more.
    Voided {
        by: Actor,
        at: DateTime<Utc>,
        why: Reason,
    },
}

/// Why a sanction was lifted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lift {
    /// Its time had come.
    Expired,
    /// Somebody wanted it.
    Revoked,
}

/// Why a case cannot go where it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoveError {
    /// A repetition: nothing is wrong and nothing changes.
    #[error("it is {0} already")]
    Already(&'static str),
    #[error("a case that is {from} cannot become {to}")]
    Impossible { from: &'static str, to: &'static str },
}

// === impl CaseState ===

impl CaseState {
    /// Its name, as people and the database know it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Applied { .. } => "applied",
            Self::Failed { .. } => "failed",
            Self::Lifted { .. } => "lifted",
            Self::Superseded { .. } => "superseded",
            Self::Voided { .. } => "voided",
        }
    }

    /// Whether nothing has ended it yet.
    pub fn stands(&self) -> bool {
        matches!(self, Self::Requested | Self::Applied { .. })
    }

    /// Which case ended it.
    pub fn ended_by(&self) -> Option<CaseNumber> {
        match self {
            Self::Lifted { by, .. } | Self::Superseded { by, .. } => Some(*by),
            Self::Requested | Self::Applied { .. } | Self::Failed { .. } | Self::Voided { .. } => None,
        }
    }

    fn applied_at(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Applied { at } => Some(*at),
            Self::Lifted { applied, .. } | Self::Superseded { applied, .. } => *applied,
            Self::Requested | Self::Failed { .. } | Self::Voided { .. } => None,
        }
    }

    /// The platform did it. A case that ended meanwhile stays ended and remembers that it was done.
    pub fn apply(&self, now: DateTime<Utc>) -> Result<Self, MoveError> {
        if self.applied_at().is_some() {
            return Err(MoveError::Already("applied"));
        }
        match self.clone() {
            Self::Requested => Ok(Self::Applied { at: now }),
            Self::Lifted { by, how, at, .. } => Ok(Self::Lifted {
                by,
                how,
                at,
                applied: Some(now),
            }),
            Self::Superseded { by, at, .. } => Ok(Self::Superseded {
                by,
                at,
                applied: Some(now),
            }),
            // What it had ended stands again, so it cannot come back beside it: it is a new case, as seen.
            state @ (Self::Applied { .. } | Self::Failed { .. } | Self::Voided { .. }) => {
                Err(state.refuse("applied"))
            }
        }
    }

    /// The platform did not do it. [`fail`](super::fail) looks after what it had ended.
    pub(super) fn fail(&self, error: String, now: DateTime<Utc>) -> Result<Self, MoveError> {
        match self {
            Self::Failed { .. } => Err(MoveError::Already("failed")),
            Self::Requested | Self::Lifted { applied: None, .. } | Self::Superseded { applied: None, .. } => {
                Ok(Self::Failed { at: now, error })
            }
            Self::Applied { .. } | Self::Lifted { .. } | Self::Superseded { .. } | Self::Voided { .. } => {
                Err(self.refuse("failed"))
            }
        }
    }

    /// A case of its own ends it.
    pub fn lift(&self, by: CaseNumber, how: Lift, now: DateTime<Utc>) -> Result<Self, MoveError> {
        match self {
            Self::Requested | Self::Applied { .. } => Ok(Self::Lifted {
                by,
                how,
                at: now,
                applied: self.applied_at(),
            }),
            Self::Lifted { .. } => Err(MoveError::Already("lifted")),
            Self::Failed { .. } | Self::Superseded { .. } | Self::Voided { .. } => Err(self.refuse("lifted")),
        }
    }

    /// A newer decision takes its place.
    pub fn supersede(&self, by: CaseNumber, now: DateTime<Utc>) -> Result<Self, MoveError> {
        match self {
            Self::Requested | Self::Applied { .. } => Ok(Self::Superseded {
                by,
                at: now,
                applied: self.applied_at(),
            }),
            Self::Superseded { .. } => Err(MoveError::Already("superseded")),
            Self::Failed { .. } | Self::Lifted { .. } | Self::Voided { .. } => Err(self.refuse("superseded")),
        }
    }

    /// What had ended it came to nothing: it stands again.
    pub(super) fn reinstate(&self, not_by: CaseNumber) -> Result<Self, MoveError> {
        if self.ended_by() != Some(not_by) {
            return Err(self.refuse("reinstated"));
        }
        Ok(self
            .applied_at()
            .map_or(Self::Requested, |at| Self::Applied { at }))
    }

    /// What had ended it came to nothing, but a newer decision stands: that one ended it.
    pub(super) fn pass_on(&self, not_by: CaseNumber, heir: CaseNumber) -> Result<Self, MoveError> {
        if self.ended_by() != Some(not_by) {
            return Err(self.refuse("passed on"));
        }
        let (Self::Lifted { at, applied, .. } | Self::Superseded { at, applied, .. }) = self else {
            return Err(self.refuse("passed on"));
        };
        Ok(Self::Superseded {
            by: heir,
            at: *at,
            applied: *applied,
        })
    }

    fn refuse(&self, to: &'static str) -> MoveError {
        MoveError::Impossible {
            from: self.name(),
            to,
        }
    }
}

impl fmt::Display for CaseState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    /// Every state against every move: what comes of it, by name.
    #[test]
    fn every_move_from_every_state() {
        let by = CaseNumber(9);
        let why = Reason::new("mistake", 100).unwrap();
        let applied = Some(at(1));
        let lifted = |applied| CaseState::Lifted {
            by,
            how: Lift::Revoked,
            at: at(2),
            applied,
        };
        let superseded = |applied| CaseState::Superseded {
            by,
            at: at(2),
            applied,
        };
        let states = [
            CaseState::Requested,
            CaseState::Applied { at: at(1) },
            CaseState::Failed {
                at: at(1),
                error: "no".into(),
            },
            lifted(None),
            lifted(applied),
            superseded(None),
            superseded(applied),
            CaseState::Voided {
                by: Actor::System,
                at: at(2),
                why,
            },
        ];
        let expected = [
            ["applied", "failed", "lifted", "superseded", "!", "!"],
            ["=applied", "!", "lifted", "superseded", "!", "!"],
            ["!", "=failed", "!", "!", "!", "!"],
            ["lifted", "failed", "=lifted", "!", "requested", "superseded"],
            ["=applied", "!", "=lifted", "!", "applied", "superseded"],
            [
                "superseded",
                "failed",
                "!",
                "=superseded",
                "requested",
                "superseded",
            ],
            ["=applied", "!", "!", "=superseded", "applied", "superseded"],
            ["!", "!", "!", "!", "!", "!"],
        ];
        for (state, expected) in states.iter().zip(expected) {
            let moves = [
                state.apply(at(5)),
                state.fail("no".into(), at(5)),
                state.lift(CaseNumber(10), Lift::Expired, at(5)),
                state.supersede(CaseNumber(10), at(5)),
                state.reinstate(by),
                state.pass_on(by, CaseNumber(11)),
            ];
            let found = moves.map(|moved| match moved {
                Ok(state) => state.name().to_owned(),
                Err(MoveError::Already(name)) => format!("={name}"),
                Err(MoveError::Impossible { .. }) => "!".to_owned(),
            });
            assert_eq!(found, expected, "{state:?}");
            // Another case's failure is none of its business.
            assert!(state.reinstate(CaseNumber(8)).is_err() && state.pass_on(CaseNumber(8), by).is_err());
        }
    }

    #[test]
    fn what_was_done_is_remembered_through_its_end() {
        let superseded = CaseState::Applied { at: at(1) }
            .supersede(CaseNumber(2), at(5))
            .unwrap();
        assert_eq!(
            superseded.reinstate(CaseNumber(2)),
            Ok(CaseState::Applied { at: at(1) })
        );
        let late = CaseState::Requested
            .lift(CaseNumber(2), Lift::Revoked, at(5))
            .unwrap()
            .apply(at(6))
            .unwrap();
        assert_eq!(
            late.reinstate(CaseNumber(2)),
            Ok(CaseState::Applied { at: at(6) })
        );
        assert_eq!(
            CaseState::Applied { at: at(1) }
                .fail("no".into(), at(2))
                .unwrap_err()
                .to_string(),
            "a case that is applied cannot become failed"
        );
        assert_eq!(
            late.apply(at(7)).unwrap_err().to_string(),
            "it is applied already"
        );
        assert_eq!(late.to_string(), "lifted");
    }
}
