//! Who acts, on whom, and by which number a case goes.

use compact_str::CompactString;
use lockdown_events::{GuildId, Platform, UserId};
use std::fmt;

/// A community's place on one platform.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GuildRef {
    pub platform: Platform,
    pub id: GuildId,
}

/// A person or a bot on one platform.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserRef {
    pub platform: Platform,
    pub id: UserId,
}

/// The number by which people name a case; it counts up within a community.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CaseNumber(pub u64);

/// Who does something.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Actor {
    /// A moderator, wherever they act from.
    Person(UserRef),
    /// A rule of the community, by its id.
    Rule(CompactString),
    /// A program that an administrator trusted with rights of its own.
    Token(CompactString),
    /// LOCKDOWN itself, which only ends what is due.
    System,
}

// === impl GuildRef ===

impl fmt::Display for GuildRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.platform, self.id)
    }
}

// === impl UserRef ===

impl UserRef {
    /// The person of this id on this platform.
    pub fn new(platform: Platform, id: UserId) -> Self {
        Self { platform, id }
    }
}

impl fmt::Display for UserRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.platform, self.id)
    }
}

// === impl CaseNumber ===

impl fmt::Display for CaseNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "case {}", self.0)
    }
}

// === impl Actor ===

impl Actor {
    /// The person, when it is one.
    pub fn person(&self) -> Option<&UserRef> {
        match self {
            Self::Person(who) => Some(who),
            Self::Rule(_) | Self::Token(_) | Self::System => None,
        }
    }
}

/// As the audit names them.
impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Person(who) => who.id.fmt(f),
            Self::Rule(id) => write!(f, "rule:{id}"),
            Self::Token(name) => write!(f, "token:{name}"),
            Self::System => f.write_str("system"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_audit_tells_people_rules_tokens_and_us_apart() {
        let ana = UserRef::new(Platform::Telegram, UserId::new("42").unwrap());
        assert_eq!(ana.to_string(), "telegram:42");
        assert_eq!(Actor::Person(ana.clone()).to_string(), "42");
        assert_eq!(Actor::Person(ana.clone()).person(), Some(&ana));
        assert_eq!(Actor::Rule("slurs".into()).to_string(), "rule:slurs");
        assert_eq!(Actor::Token("ci".into()).to_string(), "token:ci");
        assert_eq!(Actor::System.to_string(), "system");
        assert_eq!(Actor::System.person(), None);
        assert_eq!(CaseNumber(17).to_string(), "case 17");
        let guild = GuildRef {
            platform: Platform::Telegram,
            id: GuildId::new("-100").unwrap(),
        };
        assert_eq!(guild.to_string(), "telegram:-100");
    }
}
