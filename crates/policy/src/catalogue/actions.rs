//! What rules can do: `then: [delete, timeout 10m, strike 1]`.

use super::On;
use lockdown_events::Platform;

/// One word of the table.
#[derive(Debug, Clone, Copy)]
pub struct ActInfo {
    pub word: &'static str,
    pub argument: Argument,
    /// May be followed by `counted`: it is done to everything that the counter counted.
    pub counted: bool,
    /// Where it can be done.
    pub on: On,
    /// The right that the bot needs for it, as the platforms' tables call it.
    pub right: Option<&'static str>,
    /// Takes something from the person: such actions count against a rule's limit, and of several the gravest is done.
    pub gravity: u8,
    /// Can be taken back.
    pub reversible: bool,
    pub doc: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Argument {
    None,
    Number,
    /// How long.
    Duration,
    /// How long; for ever without.
    MaybeDuration,
    Name,
    /// A name and how long; for ever without.
    NameAndDuration,
}

const fn act(
    word: &'static str,
    argument: Argument,
    right: Option<&'static str>,
    gravity: u8,
    reversible: bool,
    doc: &'static str,
) -> ActInfo {
    ActInfo {
        word,
        argument,
        counted: false,
        on: On::Both,
        right,
        gravity,
        reversible,
        doc,
    }
}

const fn counted(info: ActInfo) -> ActInfo {
    ActInfo {
        counted: true,
        ..info
    }
}

const fn on_discord(info: ActInfo) -> ActInfo {
    ActInfo {
        on: On::Discord,
        ..info
    }
}

pub static ACTIONS: &[ActInfo] = &[
    counted(act(
        "delete",
        Argument::None,
        Some("manage_messages"),
        1,
        false,
        "The message is removed.",
    )),
    counted(act(
        "hold",
        Argument::None,
        Some("manage_messages"),
        1,
        true,
        "The message or the person waits until a moderator lets it through.",
    )),
    act(
        "warn",
        Argument::None,
        None,
        2,
        true,
        "The person is warned, as a case.",
    ),
    act(
        "timeout",
        Argument::Duration,
        Some("moderate_members"),
        3,
        true,
        "The person cannot write for this long.",
    ),
    act(
        "kick",
        Argument::None,
        Some("kick_members"),
        4,
        false,
        "The person is removed and may return.",
    ),
    act(
        "ban",
        Argument::MaybeDuration,
        Some("ban_members"),
        5,
        true,
        "The person is removed and cannot return; for ever without a duration.",
    ),
    act(
        "strike",
        Argument::Number,
        None,
        0,
        true,
        "Strikes are added; the ladder says what follows.",
    ),
    act(
        "notice",
        Argument::None,
        None,
        0,
        false,
        "The person is told which policy the message was against.",
    ),
    act(
        "appeal",
        Argument::Duration,
        None,
        0,
        false,
        "The person may appeal from this long after.",
    ),
    act(
        "review",
        Argument::Name,
        None,
        0,
        false,
        "A moderator is asked to look, in the queue of this name.",
    ),
    act(
        "alert",
        Argument::Name,
        None,
        0,
        false,
        "The people of this name are told at once.",
    ),
    act(
        "label",
        Argument::NameAndDuration,
        None,
        0,
        true,
        "The person is labelled; other rules can ask for it.",
    ),
    act("unlabel", Argument::Name, None, 0, true, "A label is taken away."),
    on_discord(act(
        "give",
        Argument::NameAndDuration,
        Some("manage_roles"),
        0,
        true,
        "The person gets a role.",
    )),
    on_discord(act(
        "take",
        Argument::NameAndDuration,
        Some("manage_roles"),
        1,
        true,
        "The person loses a role.",
    )),
    act(
        "raise",
        Argument::NameAndDuration,
        None,
        0,
        true,
        "The community goes into a mode, such as raid.",
    ),
    on_discord(act(
        "slowmode",
        Argument::Duration,
        Some("manage_channels"),
        0,
        true,
        "Everybody in the channel has to wait this long between messages.",
    )),
];

// === impl ActInfo ===

impl ActInfo {
    pub fn can_be_done_on(&self, platform: Platform) -> bool {
        self.on.is(platform)
    }

    pub(crate) fn find(word: &str) -> Option<&'static Self> {
        ACTIONS.iter().find(|info| info.word == word)
    }

    /// How it is written.
    pub fn form(&self) -> String {
        let argument = match self.argument {
            Argument::None => "",
            Argument::Number => " N",
            Argument::Duration => " 10m",
            Argument::MaybeDuration => " [7d]",
            Argument::Name => " NAME",
            Argument::NameAndDuration => " NAME [7d]",
        };
        let counted = if self.counted { " [counted]" } else { "" };
        format!("{}{argument}{counted}", self.word)
    }
}
