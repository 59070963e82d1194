//! What Discord's refusals mean to us.

use super::rank::permissions;
use super::{Discord, fault};
use crate::rest::RestError;
use lockdown_moderation::{Missing, PlatformError, Right};

/// What was asked for: the permission that it takes says what a refusal means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    Ban,
    BanMany,
    Kick,
    Mute,
    /// A mute by a role.
    Hold,
    Delete,
    Message,
    Look,
}

// === impl Deed ===

impl Deed {
    pub(super) fn permission(self) -> u64 {
        match self {
            Self::Ban => permissions::BAN_MEMBERS,
            Self::BanMany => permissions::BAN_MEMBERS | permissions::MANAGE_GUILD,
            Self::Kick => permissions::KICK_MEMBERS,
            Self::Mute => permissions::MODERATE_MEMBERS,
            Self::Hold => permissions::MANAGE_ROLES,
            Self::Delete => permissions::MANAGE_MESSAGES,
            Self::Message | Self::Look => u64::MAX,
        }
    }

    pub(super) fn right(self) -> Right {
        match self {
            Self::Ban | Self::BanMany => Right::Ban,
            Self::Kick => Right::Kick,
            Self::Mute | Self::Hold => Right::Mute,
            Self::Delete => Right::Delete,
            Self::Message | Self::Look => Right::Configure,
        }
    }
}

// === impl Discord ===

impl Discord {
    /// Why something was not said, or not learned.
    pub(crate) fn why_not(&self, error: RestError, guild: u64) -> PlatformError {
        self.why(error, guild, Deed::Look)
    }

    /// Why it was not done.
    pub(super) fn why(&self, error: RestError, guild: u64, deed: Deed) -> PlatformError {
        let (code, message) = match error {
            RestError::Refused { code, message, .. } => (code, message),
            RestError::Limited { retry_after } => return PlatformError::Limited { retry_after },
            RestError::Unavailable(_) | RestError::Token => return fault(error.to_string()),
            RestError::Wrong(text) => return PlatformError::Refused(text),
        };
        match code {
            10_003 => PlatformError::NotFound(Missing::Channel),
            10_004 => PlatformError::Gone,
            10_007 => PlatformError::NotFound(Missing::Member),
            10_008 => PlatformError::NotFound(Missing::Message),
            10_013 => PlatformError::NotFound(Missing::Person),
            10_026 => PlatformError::NotFound(Missing::Ban),
            // No access to a channel is a right that is missing; none to a guild means that we are not in it.
            50_001 if deed == Deed::Delete => PlatformError::Forbidden(Right::Delete),
            50_001 => PlatformError::Gone,
            // Discord says the same of a missing permission and of somebody who stands too high.
            50_013 => match self.guilds.own_permissions(guild) {
                Some(held) if held & deed.permission() == deed.permission() && deed != Deed::Delete => {
                    PlatformError::Rank
                }
                _ => PlatformError::Forbidden(deed.right()),
            },
            20_026 | 50_007 | 50_278 => PlatformError::Closed(message),
            60_003 => PlatformError::Refused(
                "this server demands two-factor authentication of moderators, and the bot's owner has none"
                    .to_owned(),
            ),
            _ => PlatformError::Refused(format!("{message} ({code})")),
        }
    }
}
