//! Where somebody stands on their platform.

use super::right::{Grant, Right, Rights};

/// Where somebody stands on their platform, as it was read from there.
///
/// Discord: the position of the highest role (0 for those without one), the permissions translated to rights.
/// Telegram: position 1 and the granted rights for an administrator, 0 for everybody else; the creator is the owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rank {
    /// It could not be read: nothing is done that depends on it.
    Unknown,
    /// Not in the community.
    Absent,
    Member {
        /// Higher stands above; equal is not above.
        position: u32,
        /// Whether the platform exempts them from its own rules.
        administrator: bool,
        rights: Rights,
    },
    Owner,
}

// === impl Rank ===

impl Rank {
    /// Somebody without any standing.
    pub const PLAIN: Self = Self::Member {
        position: 0,
        administrator: false,
        rights: Rights::NONE,
    };

    /// What the platform lets them do.
    pub fn rights(self) -> Rights {
        match self {
            Self::Unknown | Self::Absent => Rights::NONE,
            Self::Member {
                administrator: true, ..
            }
            | Self::Owner => Rights::ALL,
            Self::Member { rights, .. } => rights,
        }
    }

    /// Above whom they stand.
    pub fn position(self) -> u32 {
        match self {
            Self::Unknown | Self::Absent => 0,
            Self::Member { position, .. } => position,
            Self::Owner => u32::MAX,
        }
    }

    /// Whether the platform exempts them from its own rules.
    pub fn is_administrator(self) -> bool {
        matches!(
            self,
            Self::Member {
                administrator: true,
                ..
            } | Self::Owner
        )
    }

    /// Whether they keep order there.
    pub fn is_staff(self) -> bool {
        !self.rights().is_empty()
    }

    /// The role of ours that their standing amounts to.
    pub fn as_grant(self) -> Grant {
        if self.is_administrator() {
            Grant::ADMIN
        } else if Right::ALL
            .iter()
            .any(|right| *right != Right::Note && self.rights().has(*right))
        {
            Grant {
                rights: self.rights(),
                ..Grant::MODERATOR
            }
        } else {
            Grant {
                rights: self.rights(),
                ..Grant::VIEWER
            }
        }
    }
}
