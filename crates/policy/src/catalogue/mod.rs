//! What rules can ask about: one table of features, one of actions, one of counter keys. Checker, editor schema,
//! reference page and facts all come from them.
//!
//! To add a feature: a row in `features.rs`, and whoever knows it sets its slot in `facts/`.

mod actions;
mod features;
mod keys;
mod methods;

pub use crate::compile::BANKS;
pub use actions::{ACTIONS, ActInfo, Argument};
pub use features::{FEATURES, Slot};
pub use keys::{KEYS, Key, KeyInfo};
pub use methods::{ArgumentKind, Asks, ListKind, METHODS, Method};

use crate::event::Events;
use lockdown_events::Platform;

/// A feature of the catalogue.
#[derive(Debug)]
pub struct Feature {
    pub slot: Slot,
    /// As expressions write it.
    pub path: &'static str,
    pub kind: Kind,
    pub cost: Cost,
    pub platforms: On,
    pub events: Events,
    pub pii: Pii,
    /// One line for the reference page.
    pub doc: &'static str,
    /// What to ask where a platform does not tell this.
    pub instead: Option<&'static str>,
}

/// What a feature's value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Stands as a condition by itself.
    Flag,
    /// A whole number, never below zero.
    Number,
    /// A length of time.
    Duration,
    /// One word of these.
    Word(&'static [&'static str]),
    /// Text to look for words and patterns in.
    Text,
    /// Words without order, such as roles or labels.
    Words,
    /// Host names.
    Hosts,
}

/// What asking costs, from the cheapest; conditions are asked in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cost {
    /// Stands in the event.
    Event,
    /// Is counted in the event's text.
    Scan,
    /// Is kept about the person or the community.
    Record,
    /// Looks for words or patterns in text.
    Text,
    /// Comes from a detector that remembers or has learned.
    Detector,
}

/// Where a platform tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    Both,
    Discord,
    Telegram,
}

/// What the value says about a person, and so how long it may stand in an explanation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pii {
    None,
    /// What somebody did: counts, ages.
    Behaviour,
    /// What somebody wrote.
    Content,
    /// Who somebody is.
    Identity,
}

// === impl Feature ===

impl Feature {
    pub fn find(path: &str) -> Option<&'static Self> {
        FEATURES.iter().find(|feature| feature.path == path)
    }

    pub fn on(&self, platform: Platform) -> bool {
        self.platforms.is(platform)
    }
}

// === impl On ===

impl On {
    fn is(self, platform: Platform) -> bool {
        match self {
            Self::Both => true,
            Self::Discord => platform == Platform::Discord,
            Self::Telegram => platform == Platform::Telegram,
        }
    }
}

// === impl Kind ===

impl Kind {
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Self::Flag => "yes or no",
            Self::Number => "a number",
            Self::Duration => "a duration",
            Self::Word(_) => "a word",
            Self::Text => "text",
            Self::Words => "words",
            Self::Hosts => "host names",
        }
    }
}

// === impl Cost ===

impl Cost {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Scan => "scan",
            Self::Record => "record",
            Self::Text => "text",
            Self::Detector => "detector",
        }
    }
}

// === impl On ===

impl On {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Both => "both",
            Self::Discord => "Discord",
            Self::Telegram => "Telegram",
        }
    }
}

// === impl Pii ===

impl Pii {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Behaviour => "behaviour",
            Self::Content => "content",
            Self::Identity => "identity",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn the_table_is_sound() {
        let paths: HashSet<&str> = FEATURES.iter().map(|feature| feature.path).collect();
        assert_eq!(paths.len(), FEATURES.len(), "a path stands there twice");
        assert!(FEATURES.len() <= 128, "facts keep what is known in 128 bits");
        for (index, feature) in FEATURES.iter().enumerate() {
            assert_eq!(feature.slot as usize, index, "{}", feature.path);
            assert!(feature.doc.ends_with('.'), "{}", feature.path);
            if let Some(instead) = feature.instead {
                let other = Feature::find(instead).map(|other| other.platforms);
                assert_eq!(other, Some(On::Both), "{instead}");
            }
        }
    }
}
