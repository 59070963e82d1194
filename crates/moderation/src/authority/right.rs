//! What a moderator may hold, and the roles that hold it.

use std::fmt;
use std::ops::BitOr;

/// One thing that a moderator or the bot may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Right {
    Note,
    Warn,
    Mute,
    Kick,
    Ban,
    /// Remove messages.
    Delete,
    /// Change the cases of other moderators.
    EditOthers,
    /// Declare a case a mistake.
    Void,
    /// Take back many doings at once.
    Undo,
    /// Change rules, roles and settings.
    Configure,
}

/// A set of rights.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Rights(u16);

/// A role of LOCKDOWN's own. A community may make others: a position and rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// Higher stands above; 0 stands nowhere.
    pub position: u32,
    pub rights: Rights,
}

// === impl Right ===

impl Right {
    /// Every right there is.
    pub const ALL: [Self; 10] = [
        Self::Note,
        Self::Warn,
        Self::Mute,
        Self::Kick,
        Self::Ban,
        Self::Delete,
        Self::EditOthers,
        Self::Void,
        Self::Undo,
        Self::Configure,
    ];

    /// The right of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|right| right.as_str() == name)
    }

    /// Its name in roles and tokens.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warn => "warn",
            Self::Mute => "mute",
            Self::Kick => "kick",
            Self::Ban => "ban",
            Self::Delete => "delete",
            Self::EditOthers => "edit_others",
            Self::Void => "void",
            Self::Undo => "undo",
            Self::Configure => "configure",
        }
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

// === impl Rights ===

impl Rights {
    /// No right at all.
    pub const NONE: Self = Self(0);
    /// Every right.
    pub const ALL: Self = Self::of(&Right::ALL);
    /// What the daily work takes.
    pub const MODERATOR: Self = Self::of(&[
        Right::Note,
        Right::Warn,
        Right::Mute,
        Right::Kick,
        Right::Ban,
        Right::Delete,
    ]);
    /// What those take who answer for the work of others.
    pub const LEAD: Self =
        Self(Self::MODERATOR.0 | Self::of(&[Right::EditOthers, Right::Void, Right::Undo]).0);

    /// These rights and no others.
    pub const fn of(rights: &[Right]) -> Self {
        let (mut bits, mut at) = (0, 0);
        while at < rights.len() {
            bits |= 1 << rights[at] as u16;
            at += 1;
        }
        Self(bits)
    }

    /// Whether this right is among them.
    pub fn has(self, right: Right) -> bool {
        self.0 & Self::of(&[right]).0 != 0
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those of these names that there are.
    pub fn named<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let rights = names.into_iter().filter_map(Right::named);
        rights.fold(Self::NONE, |all, right| all | Self::of(&[right]))
    }

    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = Right> {
        Right::ALL.into_iter().filter(move |right| self.has(*right))
    }
}

impl BitOr for Rights {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

// === impl Grant ===

impl Grant {
    /// Sees, and does nothing.
    pub const VIEWER: Self = Self {
        position: 0,
        rights: Rights::NONE,
    };
    /// Does the daily work.
    pub const MODERATOR: Self = Self {
        position: 10,
        rights: Rights::MODERATOR,
    };
    /// Answers for the work of others.
    pub const LEAD: Self = Self {
        position: 20,
        rights: Rights::LEAD,
    };
    /// Runs the community.
    pub const ADMIN: Self = Self {
        position: 30,
        rights: Rights::ALL,
    };
}
