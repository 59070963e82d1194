//! The questions that features answer: `feature.method(name)`.

use super::Kind;

/// A question.
#[derive(Debug)]
pub struct Method {
    pub name: &'static str,
    pub asks: Asks,
    /// What the name in brackets is.
    pub argument: ArgumentKind,
    pub doc: &'static str,
}

/// Of which kinds of feature it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asks {
    Text,
    Words,
    Hosts,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArgumentKind {
    /// A list's name.
    List(&'static [ListKind]),
    /// A word itself: a role, a label, a channel.
    Word,
}

/// What a list holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ListKind {
    Words,
    Domains,
    Values,
    Regexes,
}

pub static METHODS: &[Method] = &[
    Method {
        name: "has_any",
        asks: Asks::Text,
        argument: ArgumentKind::List(&[ListKind::Words, ListKind::Regexes]),
        doc: "A word, phrase or pattern of the list stands in the text.",
    },
    Method {
        name: "matches",
        asks: Asks::Text,
        argument: ArgumentKind::List(&[ListKind::Regexes]),
        doc: "A pattern of the list fits a part of the text.",
    },
    Method {
        name: "has",
        asks: Asks::Words,
        argument: ArgumentKind::Word,
        doc: "The word is among them.",
    },
    Method {
        name: "is",
        asks: Asks::Words,
        argument: ArgumentKind::Word,
        doc: "The same as `has`, for what there is one of: `channel.is(mod-chat)`.",
    },
    Method {
        name: "any_in",
        asks: Asks::Words,
        argument: ArgumentKind::List(&[ListKind::Values]),
        doc: "One of them is on the list.",
    },
    Method {
        name: "all_in",
        asks: Asks::Words,
        argument: ArgumentKind::List(&[ListKind::Values]),
        doc: "There is one, and all are on the list.",
    },
    Method {
        name: "any_in",
        asks: Asks::Hosts,
        argument: ArgumentKind::List(&[ListKind::Domains]),
        doc: "One of them is a domain of the list or below one.",
    },
    Method {
        name: "all_in",
        asks: Asks::Hosts,
        argument: ArgumentKind::List(&[ListKind::Domains]),
        doc: "There is one, and all are domains of the list or below them.",
    },
    Method {
        name: "look_like",
        asks: Asks::Hosts,
        argument: ArgumentKind::List(&[ListKind::Domains]),
        doc: "One of them imitates a domain of the list without being it.",
    },
];

// === impl Method ===

impl Method {
    pub(crate) fn of(kind: Kind) -> impl Iterator<Item = &'static Self> {
        let asks = match kind {
            Kind::Text => Some(Asks::Text),
            Kind::Words => Some(Asks::Words),
            Kind::Hosts => Some(Asks::Hosts),
            _ => None,
        };
        METHODS.iter().filter(move |method| Some(method.asks) == asks)
    }
}

// === impl ListKind ===

impl ListKind {
    pub const ALL: &[Self] = &[Self::Words, Self::Domains, Self::Values, Self::Regexes];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Words => "words",
            Self::Domains => "domains",
            Self::Values => "values",
            Self::Regexes => "regexes",
        }
    }
}
