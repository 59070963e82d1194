//! What each action is: what it begins or ends, whose right it takes, and what the platform has to do for it.

use crate::authority::Right;
use lockdown_events::Action;
use std::fmt;

/// What stands until it ends; one person has at most one of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lasting {
    Ban,
    Mute,
}

/// What an action does to what stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It stands until it ends, in place of what stood before.
    Begins(Lasting),
    /// It ends what stands.
    Ends(Lasting),
    /// Over as soon as it is done: a kick.
    Passes,
    /// Kept and counted, beside others of its kind: a warning.
    Counts,
    /// Takes one back that counted.
    Discounts,
    /// Words only.
    Remarks,
}

/// All that the domain knows about an action.
#[derive(Debug, Clone, Copy)]
pub struct Profile {
    pub action: Action,
    pub effect: Effect,
    /// What a moderator must hold to do it.
    pub right: Right,
    /// Whether it is a punishment, for which one must stand above the person.
    pub punishes: bool,
    /// Whether the platform has to do something; otherwise our record is all there is.
    pub on_platform: bool,
    /// Whether the platform asks that the bot stands above the person.
    pub bot_above: bool,
    /// Whether the person must be in the community.
    pub member: bool,
    /// How it is told: `banned mallory`.
    pub past: &'static str,
}

const BAN: Profile = Profile {
    action: Action::Ban,
    effect: Effect::Begins(Lasting::Ban),
    right: Right::Ban,
    punishes: true,
    on_platform: true,
    bot_above: true,
    member: false,
    past: "banned",
};

/// One row for each action.
const PROFILES: &[Profile] = &[
    BAN,
    Profile {
        action: Action::Unban,
        effect: Effect::Ends(Lasting::Ban),
        punishes: false,
        bot_above: false,
        past: "unbanned",
        ..BAN
    },
    Profile {
        action: Action::Softban,
        effect: Effect::Passes,
        past: "softbanned",
        ..BAN
    },
    Profile {
        action: Action::Kick,
        effect: Effect::Passes,
        right: Right::Kick,
        member: true,
        past: "kicked",
        ..BAN
    },
    Profile {
        action: Action::Mute,
        effect: Effect::Begins(Lasting::Mute),
        right: Right::Mute,
        member: true,
        past: "muted",
        ..BAN
    },
    Profile {
        action: Action::Unmute,
        effect: Effect::Ends(Lasting::Mute),
        right: Right::Mute,
        punishes: false,
        past: "unmuted",
        ..BAN
    },
    Profile {
        action: Action::Warn,
        effect: Effect::Counts,
        punishes: true,
        past: "warned",
        ..RECORD
    },
    Profile {
        action: Action::Unwarn,
        effect: Effect::Discounts,
        past: "unwarned",
        ..RECORD
    },
    Profile {
        action: Action::Note,
        effect: Effect::Remarks,
        right: Right::Note,
        past: "noted",
        ..RECORD
    },
];

/// What only we keep.
const RECORD: Profile = Profile {
    right: Right::Warn,
    punishes: false,
    on_platform: false,
    bot_above: false,
    ..BAN
};

// === impl Lasting ===

impl Lasting {
    /// Every kind there is.
    pub const ALL: [Self; 2] = [Self::Ban, Self::Mute];

    /// What begins it.
    pub fn begins(self) -> Action {
        match self {
            Self::Ban => Action::Ban,
            Self::Mute => Action::Mute,
        }
    }

    /// What ends it.
    pub fn ends(self) -> Action {
        match self {
            Self::Ban => Action::Unban,
            Self::Mute => Action::Unmute,
        }
    }

    /// Whose newest decision this action is. A softban is one about the ban: it leaves none behind.
    pub fn decided_by(action: Action) -> Option<Self> {
        match Profile::of(action).effect {
            Effect::Begins(lasting) | Effect::Ends(lasting) => Some(lasting),
            Effect::Passes if action == Action::Softban => Some(Self::Ban),
            Effect::Passes | Effect::Counts | Effect::Discounts | Effect::Remarks => None,
        }
    }
}

impl fmt::Display for Lasting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.begins().fmt(f)
    }
}

// === impl Profile ===

impl Profile {
    /// What is known about this action.
    pub fn of(action: Action) -> &'static Self {
        PROFILES
            .iter()
            .find(|profile| profile.action == action)
            .expect("a test holds that every action has a row")
    }

    /// Whether it can have an end.
    pub fn is_timed(&self) -> bool {
        matches!(self.effect, Effect::Begins(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_has_one_row() {
        for action in Action::ALL {
            let rows = PROFILES
                .iter()
                .filter(|profile| profile.action == *action)
                .count();
            assert_eq!(rows, 1, "{action}");
            assert_eq!(Profile::of(*action).action, *action);
        }
        assert_eq!(PROFILES.len(), Action::ALL.len());
    }

    #[test]
    fn what_begins_has_what_ends_it() {
        for lasting in Lasting::ALL {
            assert_eq!(Profile::of(lasting.begins()).effect, Effect::Begins(lasting));
            assert_eq!(Profile::of(lasting.ends()).effect, Effect::Ends(lasting));
            assert_eq!(
                Profile::of(lasting.begins()).right,
                Profile::of(lasting.ends()).right
            );
            assert_eq!(lasting.to_string(), lasting.begins().as_str());
            assert!(Profile::of(lasting.begins()).is_timed() && !Profile::of(lasting.ends()).is_timed());
        }
        assert_eq!(Lasting::decided_by(Action::Softban), Some(Lasting::Ban));
        assert_eq!(Lasting::decided_by(Action::Kick), None);
    }
}
