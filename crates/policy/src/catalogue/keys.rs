//! What counters count by: `of: [author, text.fingerprint]`, `distinct: guild`.

use super::Slot;
use crate::event::{EventKind, Events};

/// What makes two events belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    Author,
    Guild,
    Channel,
    Fingerprint,
    /// The values of a feature, all of them together.
    Values(Slot),
}

#[derive(Debug)]
pub struct KeyInfo {
    pub key: Key,
    pub name: &'static str,
    pub events: Events,
    pub doc: &'static str,
}

const IN_CHANNEL: Events = Events::of(&[
    EventKind::Message,
    EventKind::Edit,
    EventKind::Reaction,
    EventKind::Native,
]);
const TEXTS: Events = Events::of(&[
    EventKind::Message,
    EventKind::Edit,
    EventKind::Nickname,
    EventKind::Native,
]);
const MESSAGES: Events = Events::of(&[EventKind::Message, EventKind::Edit]);

pub static KEYS: &[KeyInfo] = &[
    KeyInfo {
        key: Key::Author,
        name: "author",
        events: Events::of(EventKind::ALL),
        doc: "The person.",
    },
    KeyInfo {
        key: Key::Guild,
        name: "guild",
        events: Events::of(EventKind::ALL),
        doc: "The community.",
    },
    KeyInfo {
        key: Key::Channel,
        name: "channel",
        events: IN_CHANNEL,
        doc: "The channel.",
    },
    KeyInfo {
        key: Key::Fingerprint,
        name: "text.fingerprint",
        events: TEXTS,
        doc: "The text without what disguises it: the same for the same message in another spelling.",
    },
    KeyInfo {
        key: Key::Values(Slot::Links),
        name: "links",
        events: TEXTS,
        doc: "The hosts of the addresses.",
    },
    KeyInfo {
        key: Key::Values(Slot::Invites),
        name: "invites",
        events: TEXTS,
        doc: "The codes of the invites.",
    },
    KeyInfo {
        key: Key::Values(Slot::AttachmentsHash),
        name: "attachments.hash",
        events: MESSAGES,
        doc: "The files.",
    },
    KeyInfo {
        key: Key::Values(Slot::JoinInvite),
        name: "join.invite",
        events: Events::of(&[EventKind::Join]),
        doc: "The invite that was used.",
    },
];

// === impl Key ===

impl Key {
    pub(crate) fn find(name: &str) -> Option<&'static KeyInfo> {
        KEYS.iter().find(|info| info.name == name)
    }

    pub(crate) fn info(self) -> &'static KeyInfo {
        let found = KEYS.iter().find(|info| info.key == self);
        // Keys are only ever taken from the table.
        found.unwrap_or(&KEYS[0])
    }
}
