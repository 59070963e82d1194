//! What Telegram answers instead of what was asked for, told apart by its words: it has no codes.

use lockdown_events::GuildId;
use lockdown_moderation::{Fault, Missing, PlatformError, Right};
use std::time::Duration;
use teloxide::{ApiError, RequestError};

/// Why a call came to nothing.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum CallError {
    #[error("`{0}` is no chat of Telegram's")]
    NoChat(GuildId),
    #[error("the group moved and left its messages behind")]
    LeftBehind,
    #[error("Telegram wants us to wait for {0:?}")]
    Limited(Duration),
    #[error("Telegram refused {method}: {words}")]
    Refused { method: &'static str, words: String },
    #[error("Telegram could not be asked: {0}")]
    Away(String),
}

/// What in an answer means what. The first that is found counts.
const MEANINGS: [(&str, Meaning); 25] = [
    ("not enough rights", Meaning::Right),
    ("CHAT_ADMIN_REQUIRED", Meaning::Right),
    ("need administrator rights", Meaning::Right),
    ("have no rights", Meaning::Right),
    ("RIGHT_FORBIDDEN", Meaning::Right),
    ("can't remove chat owner", Meaning::Rank),
    ("is an administrator of the chat", Meaning::Rank),
    ("USER_ADMIN_INVALID", Meaning::Rank),
    ("bot was blocked", Meaning::Closed),
    ("can't initiate conversation", Meaning::Closed),
    ("user is deactivated", Meaning::Closed),
    ("can't send messages to bots", Meaning::Closed),
    ("bot was kicked", Meaning::Gone),
    ("bot is not a member", Meaning::Gone),
    ("chat not found", Meaning::Gone),
    ("group is deactivated", Meaning::Gone),
    ("CHANNEL_PRIVATE", Meaning::Gone),
    ("USER_NOT_PARTICIPANT", Meaning::Missing(Missing::Member)),
    ("user not found", Meaning::Missing(Missing::Person)),
    ("PARTICIPANT_ID_INVALID", Meaning::Missing(Missing::Person)),
    ("USER_ID_INVALID", Meaning::Missing(Missing::Person)),
    ("message to delete not found", Meaning::Missing(Missing::Message)),
    ("MESSAGE_ID_INVALID", Meaning::Missing(Missing::Message)),
    ("Internal Server Error", Meaning::Away),
    ("Bad Gateway", Meaning::Away),
];

#[derive(Debug, Clone, Copy)]
enum Meaning {
    Right,
    Rank,
    Closed,
    Gone,
    Missing(Missing),
    Away,
}

// === impl CallError ===

impl CallError {
    pub(super) fn of(method: &'static str, error: RequestError) -> Self {
        match error {
            RequestError::Api(ApiError::Unknown(words)) => Self::Refused { method, words },
            RequestError::Api(known) => Self::Refused {
                method,
                words: known.to_string(),
            },
            RequestError::MigrateToChatId(_) => Self::Refused {
                method,
                words: "the group moves from number to number".to_owned(),
            },
            RequestError::RetryAfter(seconds) => Self::Limited(seconds.duration()),
            // The address has the token in it, so only the innermost cause is told.
            RequestError::Network(error) => Self::Away(lockdown_runtime::probe::innermost(&*error)),
            RequestError::InvalidJson { source, .. } => {
                Self::Away(format!("its answer could not be read: {source}"))
            }
            RequestError::Io(error) => Self::Away(error.to_string()),
        }
    }

    /// As the domain knows it. `needs` is the right that the call takes.
    pub(crate) fn platform(self, needs: Right) -> PlatformError {
        match self {
            Self::NoChat(_) => PlatformError::Gone,
            Self::LeftBehind => PlatformError::NotFound(Missing::Message),
            Self::Limited(retry_after) => PlatformError::Limited { retry_after },
            Self::Away(words) => PlatformError::Unavailable(Fault(words)),
            Self::Refused { method, words } => {
                let meaning = MEANINGS.iter().find(|(part, _)| words.contains(part));
                match meaning.map(|(_, meaning)| *meaning) {
                    Some(Meaning::Right) => PlatformError::Forbidden(needs),
                    Some(Meaning::Rank) => PlatformError::Rank,
                    Some(Meaning::Closed) => PlatformError::Closed(words),
                    Some(Meaning::Gone) => PlatformError::Gone,
                    Some(Meaning::Missing(what)) => PlatformError::NotFound(what),
                    Some(Meaning::Away) => PlatformError::Unavailable(Fault(words)),
                    None => PlatformError::Refused(format!("{method}: {words}")),
                }
            }
        }
    }
}
