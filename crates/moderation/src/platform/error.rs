//! What can go wrong when a platform is asked for something.

use crate::authority::Right;
use std::time::Duration;

/// What was not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    Person,
    Member,
    Ban,
    Message,
    Channel,
}

/// Why a platform did not do what it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlatformError {
    /// For the reversal of a sanction this is success by another name.
    #[error("there is no such {0}")]
    NotFound(Missing),
    #[error("the bot lacks the right to {0}")]
    Forbidden(Right),
    #[error("the person stands above the bot")]
    Rank,
    /// The person takes no messages from the bot.
    #[error("the person takes no messages: {0}")]
    Closed(String),
    #[error("the bot is no longer in the community")]
    Gone,
    /// What we sent breaks the platform's rules; the same again would fail again.
    #[error("the platform refused it: {0}")]
    Refused(String),
    #[error("too many calls, again in {retry_after:?}")]
    Limited { retry_after: Duration },
    /// Not reached, or it answered with a fault of its own. Whether it took effect is unknown.
    #[error("the platform could not be reached")]
    Unavailable(#[source] Fault),
}

/// What the adapter's library said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Fault(pub String);

// === impl Missing ===

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Person => "person",
            Self::Member => "member",
            Self::Ban => "ban",
            Self::Message => "message",
            Self::Channel => "channel",
        })
    }
}

// === impl PlatformError ===

impl PlatformError {
    /// Whether the same call would fail again until a person changes something.
    pub fn is_permanent(&self) -> bool {
        match self {
            Self::NotFound(_)
            | Self::Forbidden(_)
            | Self::Rank
            | Self::Closed(_)
            | Self::Gone
            | Self::Refused(_) => true,
            Self::Limited { .. } | Self::Unavailable(_) => false,
        }
    }

    /// Whether the platform wants all calls to wait; going on with the next person would only make it worse.
    pub fn stops_all(&self) -> bool {
        matches!(self, Self::Limited { .. } | Self::Unavailable(_) | Self::Gone)
    }
}
