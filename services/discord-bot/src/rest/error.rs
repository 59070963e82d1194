//! Why Discord did not do what it was asked for.

use std::time::Duration;

/// What came instead of an answer that was hoped for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RestError {
    /// Discord understood, and will not.
    #[error("Discord answers {status}: {message} ({code})")]
    Refused { status: u16, code: u32, message: String },
    #[error("Discord wants us to wait {retry_after:?}")]
    Limited { retry_after: Duration },
    /// Not reached, or it answered with a fault of its own. Whether it took effect is unknown.
    #[error("{0}")]
    Unavailable(String),
    /// Nothing is asked any more: each further question would count against us.
    #[error("Discord refuses the token")]
    Token,
    /// The request could not be made at all.
    #[error("{0}")]
    Wrong(String),
}

// === impl RestError ===

impl RestError {
    /// Discord's own number for what is wrong; 0 where it has none.
    pub(crate) fn code(&self) -> u32 {
        match self {
            Self::Refused { code, .. } => *code,
            _ => 0,
        }
    }
}
