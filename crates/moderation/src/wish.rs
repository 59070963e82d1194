//! What somebody wants done, or was seen to do.

use crate::authority::{Deed, Guarded};
use crate::duration::Term;
use crate::reason::Reason;
use crate::who::{Actor, CaseNumber, GuildRef, UserRef};
use chrono::{DateTime, Utc};
use lockdown_events::{Action, MessageRef, Origin};

/// What somebody wants done to a person, or (from [`Origin::Native`]) was seen to do.
#[derive(Debug, Clone, PartialEq)]
pub struct Wish {
    pub guild: GuildRef,
    pub subject: UserRef,
    pub action: Action,
    /// For what has no end, [`Term::Forever`].
    pub ends: Term,
    pub reason: Option<Reason>,
    pub evidence: Vec<MessageRef>,
    pub origin: Origin,
    /// When it was wished or done, not when we heard of it: the newest decision wins by this time.
    pub at: DateTime<Utc>,
    /// The case meant by a lift. One that came of a timer always names its own.
    pub case: Option<CaseNumber>,
    /// Whether the platform shows the ban or mute in question, where somebody looked. It corrects what we believe.
    pub shown: Option<bool>,
}

// === impl Wish ===

impl Wish {
    /// A wish for an action without an end, a reason or anything else.
    pub fn new(guild: GuildRef, subject: UserRef, action: Action, origin: Origin, at: DateTime<Utc>) -> Self {
        Self {
            guild,
            subject,
            action,
            ends: Term::Forever,
            reason: None,
            evidence: Vec::new(),
            origin,
            at,
            case: None,
            shown: None,
        }
    }

    /// Whether it has happened already, whatever we think of it.
    pub fn is_observed(&self) -> bool {
        self.origin == Origin::Native
    }
}

impl Guarded for Wish {
    fn deed(&self, _: &Actor) -> Deed {
        Deed::Act {
            action: self.action,
            origin: self.origin,
        }
    }

    fn subject(&self) -> &UserRef {
        &self.subject
    }
}
