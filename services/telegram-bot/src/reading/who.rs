//! Who did something, and in which chat.

use super::record::Record;
use lockdown_events::{AuthorKind, GuildId, Names, UserId};

/// Speaks for administrators that hide behind their group.
pub(super) const ANONYMOUS_ADMIN: i64 = 1_087_968_824;
/// Forwards what the linked channel posts.
const TELEGRAM: i64 = 777_000;

/// A person, or a chat that speaks under its own name.
#[derive(Debug)]
pub(super) struct Who {
    pub(super) id: i64,
    pub(super) names: Names,
    pub(super) bot: bool,
    /// What was left of it.
    pub(super) rest: Record,
}

/// The chat in which something happens.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) id: i64,
    pub(super) title: Option<String>,
    pub(super) private: bool,
}

// === impl Who ===

impl Who {
    /// Of a `User` or a `Chat`; what is neither is given back.
    pub(super) fn of(mut record: Record) -> Result<Self, Record> {
        let Some(id) = record.number("id") else {
            return Err(record);
        };
        let whole = record.name();
        let names = Names {
            username: record.text("username"),
            display_name: whole.or_else(|| record.text("title")),
            ..Names::default()
        };
        let bot = record.flag("is_bot");
        record.skip(&[
            "language_code",
            "is_premium",
            "added_to_attachment_menu",
            "type",
            "is_forum",
        ]);
        Ok(Self {
            id,
            names,
            bot,
            rest: record,
        })
    }

    pub(super) fn user_id(&self) -> UserId {
        user_id(self.id)
    }
}

// === impl Place ===

impl Place {
    pub(super) fn of(mut record: Record) -> Option<Self> {
        Some(Self {
            id: record.number("id")?,
            title: record.text("title"),
            private: record.text("type").as_deref() == Some("private"),
        })
    }

    pub(super) fn guild(&self) -> GuildId {
        guild_id(self.id)
    }
}

pub(super) fn user_id(id: i64) -> UserId {
    UserId::new(&id.to_string()).expect("a number is an id")
}

pub(super) fn guild_id(id: i64) -> GuildId {
    GuildId::new(&id.to_string()).expect("a number is an id")
}

/// Whose words a message is. What speaks under a name of its own comes before the account that carries it.
pub(super) fn author(
    from: Option<Who>,
    sender: Option<Who>,
    chat: &Place,
    automatic: bool,
) -> (AuthorKind, Option<Who>) {
    match (from, sender) {
        (from, Some(sender)) => {
            let forwarded = automatic || from.is_some_and(|from| from.id == TELEGRAM);
            let kind = if forwarded {
                AuthorKind::LinkedChannel
            } else if sender.id == chat.id {
                AuthorKind::AnonymousAdmin
            } else {
                AuthorKind::Channel
            };
            (kind, Some(sender))
        }
        (Some(from), None) if from.bot => (AuthorKind::Bot, Some(from)),
        (Some(from), None) => (AuthorKind::Person, Some(from)),
        (None, None) => (AuthorKind::Channel, None),
    }
}
