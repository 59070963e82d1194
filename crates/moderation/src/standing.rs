//! How a person stands: what is in force against them, and which decision was the last.

use crate::case::{Case, CaseState};
use crate::duration::Term;
use crate::sanction::Lasting;
use crate::who::CaseNumber;
use chrono::{DateTime, Utc};
use lockdown_events::Action;
use std::cmp::Reverse;

/// A sanction in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sanction {
    pub case: CaseNumber,
    pub ends: Term,
    /// Whether the platform has done it.
    pub applied: bool,
}

/// A decision that counts, even if nothing is left of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decided {
    pub case: CaseNumber,
    pub action: Action,
    pub at: DateTime<Utc>,
    /// It ends something, and the platform has not answered: should it fail, what it ended stands again.
    pub pending: bool,
}

/// One kind of lasting sanction.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lane {
    /// At most one, by its shape.
    pub live: Option<Sanction>,
    /// What was decided, oldest first.
    pub decided: Vec<Decided>,
}

/// A warning, and whether it still counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Warning {
    pub case: CaseNumber,
    pub at: DateTime<Utc>,
    pub counts: bool,
}

/// How one person stands in one community.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    pub ban: Lane,
    pub mute: Lane,
    pub warnings: Vec<Warning>,
}

/// The records contradict each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} and {1} both claim to be the {2} in force")]
pub struct TwoInForce(pub CaseNumber, pub CaseNumber, pub Lasting);

// === impl Decided ===

impl Decided {
    /// As [`Case::order`].
    pub(crate) fn order(&self) -> (i64, Reverse<CaseNumber>) {
        (self.at.timestamp_millis(), Reverse(self.case))
    }
}

// === impl Lane ===

impl Lane {
    /// The last word.
    pub fn newest(&self) -> Option<&Decided> {
        self.decided.last()
    }
}

// === impl Standing ===

impl Standing {
    /// From a person's cases, in any order. Those in force and those decided no earlier than what is to be
    /// judged are enough.
    pub fn of<'a>(cases: impl IntoIterator<Item = &'a Case>) -> Result<Self, TwoInForce> {
        let mut standing = Self::default();
        for case in cases {
            standing.take(case)?;
        }
        standing
            .warnings
            .sort_by_key(|warning| (warning.at, warning.case));
        Ok(standing)
    }

    /// The lane of this kind.
    pub fn lane(&self, lasting: Lasting) -> &Lane {
        match lasting {
            Lasting::Ban => &self.ban,
            Lasting::Mute => &self.mute,
        }
    }

    fn take(&mut self, case: &Case) -> Result<(), TwoInForce> {
        if case.action == Action::Warn {
            let counts = case.state.stands();
            self.warnings.push(Warning {
                case: case.number,
                at: case.at,
                counts,
            });
        }
        let Some(lasting) = Lasting::decided_by(case.action) else {
            return Ok(());
        };
        // What came to nothing or was a mistake decided nothing.
        if matches!(case.state, CaseState::Failed { .. } | CaseState::Voided { .. }) {
            return Ok(());
        }
        let lane = match lasting {
            Lasting::Ban => &mut self.ban,
            Lasting::Mute => &mut self.mute,
        };
        let live = case.live() == Some(lasting);
        let decided = Decided {
            case: case.number,
            action: case.action,
            at: case.at,
            pending: !live && case.state == CaseState::Requested,
        };
        let place = lane
            .decided
            .partition_point(|other| other.order() < decided.order());
        lane.decided.insert(place, decided);
        if live {
            if let Some(other) = lane.live {
                return Err(TwoInForce(other.case, case.number, lasting));
            }
            let applied = matches!(case.state, CaseState::Applied { .. });
            lane.live = Some(Sanction {
                case: case.number,
                ends: case.ends,
                applied,
            });
        }
        Ok(())
    }
}
