//! Why somebody may not, and what they may instead.

use super::right::Right;
use lockdown_events::Action;
use std::fmt;

/// A refusal: why, and what the same person may do to the same person now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied {
    pub why: Why,
    pub allowed: Vec<Action>,
}

/// Why somebody may not do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    #[error("the right was given for somebody else")]
    OtherPerson,
    #[error("nobody decides about themselves: ask another moderator")]
    Oneself,
    #[error("the bot does not turn against itself")]
    Ourselves,
    #[error("the owner of a community cannot be punished in it")]
    Owner,
    #[error("you lack the right `{0}`")]
    Lacks(Right),
    #[error("your rank could not be read from the platform: try again in a moment")]
    DoerUnknown,
    #[error("their rank could not be read from the platform: try again in a moment")]
    SubjectUnknown,
    #[error("they are not in the community")]
    NotAMember,
    #[error("they are an administrator: say so expressly to act on one")]
    Administrator,
    #[error("rules do not act on those who keep order")]
    Staff,
    #[error("your highest role does not stand above theirs")]
    Below,
    #[error("your role in LOCKDOWN does not stand above theirs")]
    BelowRole,
    #[error("only what is due is ended without a person or a rule")]
    NobodyAsked,
    #[error("the bot's own rank could not be read from the platform: try again in a moment")]
    BotUnknown,
    #[error("the bot is not in the community: invite it again")]
    BotAbsent,
    #[error("the bot lacks the right `{0}`: give it to the bot's role")]
    BotLacks(Right),
    #[error("the bot's highest role does not stand above theirs: move it up")]
    BotBelow,
    #[error("the platform does not let anybody mute an administrator")]
    PlatformCannot,
}

// === impl Denied ===

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.why.fmt(f)?;
        let mut gap = "; allowed here: ";
        for action in &self.allowed {
            write!(f, "{gap}{action}")?;
            gap = ", ";
        }
        Ok(())
    }
}

impl std::error::Error for Denied {}
