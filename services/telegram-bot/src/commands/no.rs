//! Why a command comes to nothing, or has to wait.

use super::clean;
use super::deed::Needs;
use super::parse;
use crate::ask::Unanswered;
use crate::client::CallError;
use lockdown_moderation::Right;
use lockdown_moderation::words::Tongue;
use lockdown_runtime::chain;
use std::sync::Arc;

/// Why a command came to nothing.
#[derive(Debug, Clone)]
pub(super) enum No {
    NotStaff,
    Lacks(Needs),
    Unknown(String),
    Fault(parse::Fault),
    WhichMessage,
    HowMany,
    MarkFirst,
    ReportsOff,
    /// The group left what it is about behind.
    Moved,
    ReportsStaff,
    ReportedBefore,
    /// As the backend says it.
    Unanswered(Arc<Unanswered>),
    /// In these words.
    Words(String),
}

/// Why a command goes no further.
pub(super) enum Stop {
    No(No),
    /// Something is away: it is tried again.
    Again(String),
}

// === impl No ===

impl No {
    /// Whether the command itself goes, since it should not have been given.
    pub(super) fn removes_command(&self) -> bool {
        matches!(self, Self::NotStaff | Self::Lacks(_))
    }

    /// For whoever gave the command.
    pub(super) fn words(&self, tongue: &Tongue) -> String {
        let key = match self {
            Self::NotStaff => "not_staff",
            Self::Lacks(Needs::Right(Right::Delete)) => "lacks_delete",
            Self::Lacks(Needs::Right(Right::Configure)) => "lacks_configure",
            Self::Lacks(Needs::Pin) => "lacks_pin",
            Self::Lacks(Needs::Promote) => "lacks_promote",
            Self::Lacks(Needs::Topics) => "lacks_topics",
            Self::Lacks(_) => "lacks",
            Self::Unknown(name) => return tongue.say("unknown", &[("name", name)]),
            Self::Fault(fault) => fault.key(),
            Self::WhichMessage => "which_message",
            Self::HowMany => return tongue.say("how_many", &[("most", &clean::MOST)]),
            Self::MarkFirst => "mark_first",
            Self::Moved => "moved",
            Self::ReportsOff => "reports_off",
            Self::ReportsStaff => "report_staff",
            Self::ReportedBefore => "reported_before",
            Self::Unanswered(why) => return why.words(tongue),
            Self::Words(words) => return words.clone(),
        };
        tongue.say(key, &[])
    }
}

impl From<parse::Fault> for No {
    fn from(fault: parse::Fault) -> Self {
        Self::Fault(fault)
    }
}

// === impl Stop ===

impl From<No> for Stop {
    fn from(no: No) -> Self {
        Self::No(no)
    }
}

impl From<Unanswered> for Stop {
    fn from(why: Unanswered) -> Self {
        match why {
            Unanswered::Refused(_) => Self::No(No::Unanswered(Arc::new(why))),
            Unanswered::Away(words) => Self::Again(words),
        }
    }
}

impl From<CallError> for Stop {
    fn from(error: CallError) -> Self {
        Self::Again(chain(&error))
    }
}
