//! Why the desk did not do what was asked.

use crate::authority::{Denied, Why};
use crate::case::{EditError, MoveError};
use crate::decide::Refusal;
use crate::escalation::LadderError;
use crate::platform::DeleteWindowError;
use crate::reason::ReasonError;
use crate::standing::TwoInForce;
use crate::who::{CaseNumber, GuildRef, UserRef};
use lockdown_events::{Action, Platform};
use lockdown_store::{Retry, StoreError};

/// Why the desk did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error("the store did not do its part")]
    Store(#[source] StoreError),
    /// Somebody changed the database behind our backs, or we are wrong about it.
    #[error("the records contradict each other: {0}")]
    Records(String),
}

/// Why nothing was done, in words for whoever asked. Nothing was written.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refused {
    #[error("`{text}` is no id of {platform}: {what} has a number")]
    NoId {
        what: &'static str,
        text: String,
        platform: Platform,
    },
    #[error("the community {0} is not known here: invite the bot to it first")]
    UnknownGuild(GuildRef),
    #[error("nobody with the id {0} was ever seen here: check the id")]
    UnknownPerson(UserRef),
    #[error("the rules were changed meanwhile, and are at version {0}: look at them, and send yours again")]
    StaleRules(u64),
    #[error(
        "the settings or rules were changed meanwhile, and are at version {0}: look at them, and send yours again"
    )]
    StaleSettings(u64),
    #[error("the settings of the community cannot be read: {0}")]
    BadSettings(String),
    #[error("there is no version {0} of the rules")]
    UnknownRules(u64),
    #[error("there is no {1} in {0}")]
    UnknownCase(GuildRef, CaseNumber),
    #[error("{0}")]
    Reason(#[from] ReasonError),
    #[error("{0}")]
    DeleteWindow(#[from] DeleteWindowError),
    #[error("`{0}` removes no messages: leave the time out")]
    RemovesNothing(Action),
    #[error("a wish by a rule names the rule")]
    NoRule,
    #[error("a wish names the moderator who has it")]
    NoModerator,
    #[error("nothing follows from warnings, since the settings of the community have no good ladder: {0}")]
    Ladder(#[from] LadderError),
    #[error("this key was used for another question, which became {0}: take a new one")]
    KeyReused(CaseNumber),
    #[error("{0}")]
    Denied(#[from] Denied),
    #[error("{0}")]
    Decision(#[from] Refusal),
    #[error("{0}")]
    Edit(#[from] EditError),
    #[error("{0}")]
    Move(#[from] MoveError),
}

/// What ends a transaction without a commit.
pub(super) enum Stop {
    Store(StoreError),
    Refused(Refused),
    Records(String),
}

// === impl DeskError ===

impl DeskError {
    /// Whether the same may work in a moment, without anybody changing what they ask for.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Store(error) => error.is_passing(),
            Self::Refused(refused) => refused.is_passing(),
            Self::Records(_) => false,
        }
    }

    /// Stable, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Refused(refused) => refused.code(),
            Self::Store(_) if self.is_passing() => "unavailable",
            Self::Store(_) | Self::Records(_) => "internal",
        }
    }
}

impl From<Stop> for DeskError {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Store(error) => Self::Store(error),
            Stop::Refused(refused) => Self::Refused(refused),
            Stop::Records(what) => Self::Records(what),
        }
    }
}

// === impl Refused ===

impl Refused {
    /// Stable, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoId { .. } => "bad_id",
            Self::UnknownGuild(_) => "unknown_guild",
            Self::UnknownPerson(_) => "unknown_person",
            Self::UnknownCase(..) => "unknown_case",
            Self::StaleRules(_) | Self::StaleSettings(_) => "stale",
            Self::BadSettings(_) => "bad_settings",
            Self::UnknownRules(_) => "no_rules",
            Self::Reason(_) => "bad_reason",
            Self::DeleteWindow(_) | Self::RemovesNothing(_) => "bad_delete_window",
            Self::NoRule => "no_rule",
            Self::NoModerator => "no_moderator",
            Self::Ladder(_) => "bad_ladder",
            Self::KeyReused(_) => "key_reused",
            Self::Denied(denied) if denied.why.is_passing() => "rank_unknown",
            Self::Denied(_) => "denied",
            Self::Decision(refusal) => match refusal {
                Refusal::NotTimed(_) | Refusal::Term(_) => "bad_duration",
                Refusal::Overtaken(_) => "overtaken",
                Refusal::Banned { .. } => "banned",
                Refusal::OtherCase { .. } => "other_case",
                Refusal::NoWarning { .. } => "no_warning",
                Refusal::NoCase => "no_case",
            },
            Self::Edit(error) => match error {
                EditError::Same => "same",
                EditError::NotTimed(_) | EditError::Term(_) => "bad_duration",
                EditError::Over(_) => "over",
                EditError::Voided => "voided",
                EditError::Stands(_) => "stands",
                EditError::Unanswered => "unanswered",
            },
            Self::Move(_) => "wrong_state",
        }
    }

    /// Whether the same may work in a moment: a rank could not be read.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Denied(denied) if denied.why.is_passing())
    }
}

// === impl Why ===

impl Why {
    /// Whether another look at the platform may change it.
    pub fn is_passing(self) -> bool {
        matches!(self, Self::DoerUnknown | Self::SubjectUnknown | Self::BotUnknown)
    }
}

// === impl Stop ===

impl Retry for Stop {
    fn is_transient(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_transient())
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

macro_rules! refused {
    ($( $why:ty ),+) => { $(
        impl From<$why> for Stop {
            fn from(why: $why) -> Self {
                Self::Refused(why.into())
            }
        }
    )+ };
}

refused!(Refused, Denied, Refusal, EditError, MoveError);

impl From<TwoInForce> for Stop {
    fn from(error: TwoInForce) -> Self {
        Self::Records(error.to_string())
    }
}
