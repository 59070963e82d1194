//! The kinds of event that rules judge.

use lockdown_events::VerdictSubject;
use serde::{Deserialize, Serialize};

macro_rules! kinds {
    ($( $variant:ident = $name:literal, $subject:ident, $doc:literal; )*) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "lowercase")]
        pub enum EventKind { $( #[doc = $doc] $variant, )* }

        impl EventKind {
            pub const ALL: &[Self] = &[$( Self::$variant, )*];
            pub(crate) const NAMES: &[&str] = &[$( $name, )*];

            pub fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $name, )* }
            }

            /// One line for the reference page.
            pub fn doc(self) -> &'static str {
                match self { $( Self::$variant => $doc, )* }
            }

            /// What the verdict on such an event is on.
            pub fn subject(self) -> VerdictSubject {
                match self { $( Self::$variant => VerdictSubject::$subject, )* }
            }
        }
    };
}

kinds! {
    Message = "message", Message, "A message was sent.";
    Edit = "edit", Edit, "A message was changed: it is judged as it stands now.";
    Join = "join", Join, "A person came in.";
    Nickname = "nickname", Name, "A person shows another name; `text` is the new name.";
    Reaction = "reaction", Reaction, "A person reacted to a message.";
    Native = "native", Message, "The platform's own AutoMod acted; `text` is what it saw.";
}

/// A set of kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Events(u8);

// === impl Events ===

impl Events {
    pub(crate) const fn of(kinds: &[EventKind]) -> Self {
        let mut bits = 0;
        let mut index = 0;
        while index < kinds.len() {
            bits |= 1 << kinds[index] as u8;
            index += 1;
        }
        Self(bits)
    }

    pub fn has(self, kind: EventKind) -> bool {
        self.0 & (1 << kind as u8) != 0
    }

    pub(crate) fn any_of(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub fn iter(self) -> impl Iterator<Item = EventKind> {
        EventKind::ALL.iter().copied().filter(move |kind| self.has(*kind))
    }
}

impl FromIterator<EventKind> for Events {
    fn from_iter<I: IntoIterator<Item = EventKind>>(kinds: I) -> Self {
        Self(kinds.into_iter().fold(0, |bits, kind| bits | 1 << kind as u8))
    }
}
