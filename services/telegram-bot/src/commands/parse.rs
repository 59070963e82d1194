//! What a moderator wrote. `/` or `!`, in any letter case, for any bot or for us; the person by reply, number, `@username`
//! or mention; then how long; then why, to the end, over as many lines as it takes.

use super::deed::{Deed, Takes};
use lockdown_events::{AuthorKind, Message};
use lockdown_moderation::Span;

/// Shorter numbers after a reply are part of the reason, or how long it lasts.
const SHORTEST_ID: usize = 6;

/// Calls those who keep order, wherever it stands in a message.
const CALLS: [&str; 2] = ["@admin", "@admins"];

/// Whom it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    Id(i64),
    /// Without its `@`, in small letters.
    Username(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Command {
    pub(super) deed: Deed,
    /// Nothing is said about it where all can see it.
    pub(super) silent: bool,
    /// The message that it answers goes, too.
    pub(super) delete: bool,
    pub(super) target: Option<Target>,
    pub(super) lasts: Option<Span>,
    pub(super) reason: Option<String>,
    /// The number of a case, or of messages.
    pub(super) number: Option<u64>,
    /// By which a file that came along is asked for.
    pub(super) file: Option<String>,
}

/// What is wrong with a command that is meant for us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    Whom,
    HowLong,
    WhichCase,
}

// === impl Fault ===

impl Fault {
    /// The text that says it.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Whom => "whom",
            Self::HowLong => "how_long",
            Self::WhichCase => "which_case",
        }
    }
}

/// A command, and the bot that it names.
pub(super) struct Addressed<'a> {
    pub(super) to: Option<&'a str>,
    /// What its word stands for, whatever is wrong with the rest.
    pub(super) deed: Deed,
    pub(super) command: Result<Command, Fault>,
    /// A word of its own, which is a command only where somebody says it who may.
    pub(super) bare: bool,
}

/// Reads a message; `None` where it is no command of ours. What was forwarded was not said here, and bots do not command, not even by somebody's hand.
pub(super) fn parse(message: &Message) -> Option<Addressed<'_>> {
    if !speaks(message) {
        return None;
    }
    let Some(text) = message.content.trim_start().strip_prefix(['/', '!']) else {
        let bare = answers(message).and_then(|_| Deed::bare(message.content.trim()));
        let deed = bare.or_else(|| calls(message).then_some(Deed::Report))?;
        return Some(Addressed {
            to: None,
            deed,
            command: match bare {
                Some(deed) => read(Command::new(deed, ""), "", "", message),
                None => Ok(Command::new(deed, "")),
            },
            bare: bare.is_some(),
        });
    };
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let (head, rest) = text.split_at(end);
    let (word, to) = match head.split_once('@') {
        Some((word, to)) => (word, Some(to)),
        None => (head, None),
    };
    let (deed, form) = Deed::of(&word.to_lowercase())?;
    Some(Addressed {
        to,
        deed,
        command: read(Command::new(deed, form), form, rest.trim(), message),
        bare: false,
    })
}

fn speaks(message: &Message) -> bool {
    let kinds = [AuthorKind::Person, AuthorKind::AnonymousAdmin];
    // What somebody chose from another bot's offers are that bot's words.
    let own = message.forward.is_none() && message.invoker_id.is_none();
    kinds.contains(&message.author.kind) && own
}

/// Whether a message looks like a command, if only for another bot.
pub(super) fn is_command(message: &Message) -> bool {
    let head = message.content.strip_prefix('/').unwrap_or_default();
    let head = head.split(char::is_whitespace).next().unwrap_or_default();
    let word = head.split('@').next().unwrap_or_default();
    let is_word = word.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && word
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_word && speaks(message)
}

/// Whether a text says yes or no.
pub(super) fn yes_or_no(text: &str) -> Option<bool> {
    match text.trim().to_lowercase().as_str() {
        "on" | "yes" | "true" => Some(true),
        "off" | "no" | "false" => Some(false),
        _ => None,
    }
}

/// Whether somebody is sure, in any of the languages.
pub(super) fn is_sure(command: &Command) -> bool {
    let word = command
        .reason
        .as_deref()
        .unwrap_or_default()
        .trim()
        .to_lowercase();
    ["yes", "да", "sim"].contains(&word.as_str())
}

fn calls(message: &Message) -> bool {
    let mut words = message.content.split_whitespace();
    words.any(|word| {
        let word = word.trim_end_matches(|letter: char| letter.is_ascii_punctuation());
        CALLS.iter().any(|call| call.eq_ignore_ascii_case(word))
    })
}

fn read(mut command: Command, form: &str, rest: &str, message: &Message) -> Result<Command, Fault> {
    let takes = command.deed.takes();
    if matches!(takes, Takes::Number | Takes::NumberPerhaps) {
        command.number = first(rest).0.trim_start_matches('#').parse().ok();
        return match (takes, command.number) {
            (Takes::Number, None) => Err(Fault::WhichCase),
            _ => Ok(command),
        };
    }
    let mut rest = rest;
    if takes != Takes::Nothing {
        let replied = replied(message);
        let (named, after) = target(rest, replied.is_some(), message);
        (command.target, rest) = (named.or(replied.map(Target::Id)), after);
        if command.target.is_none() && takes != Takes::PersonPerhaps {
            return Err(Fault::Whom);
        }
    }
    if takes == Takes::PersonAndTime {
        let (token, after) = first(rest);
        // A bare number is the beginning of a reason.
        if token.starts_with(|letter: char| letter.is_ascii_digit())
            && token.contains(char::is_alphabetic)
            && let Ok(span) = token.parse::<Span>()
        {
            command.lasts = Some(span);
            rest = after;
        } else if form.contains('t') {
            return Err(Fault::HowLong);
        }
    }
    command.reason = (!rest.is_empty()).then(|| rest.to_owned());
    Ok(command)
}

// === impl Command ===

impl Command {
    fn new(deed: Deed, form: &str) -> Self {
        Self {
            deed,
            silent: form.contains('s'),
            delete: form.contains('d'),
            target: None,
            lasts: None,
            reason: None,
            number: None,
            file: None,
        }
    }
}

/// Whether it answers a message. In a forum everything answers the one that began the topic.
pub(super) fn answers(message: &Message) -> Option<&lockdown_events::MessageId> {
    let to = &message.reply_to.as_ref()?.message_id;
    let topic = message.thread_id.as_ref().map(lockdown_events::ChannelId::as_str);
    (topic != Some(to.as_str())).then_some(to)
}

/// Whose message it answers.
pub(super) fn replied(message: &Message) -> Option<i64> {
    answers(message)?;
    message.reply_author_id.as_ref()?.as_str().parse().ok()
}

/// Whom the text names, and what comes after the name.
fn target<'a>(rest: &'a str, replied: bool, message: &Message) -> (Option<Target>, &'a str) {
    // A mention without a username shows a name of any words.
    let mention = message
        .surfaces
        .iter()
        .find(|surface| surface.place == "text_mention");
    let mentioned = message
        .mentions
        .users
        .first()
        .and_then(|user| user.as_str().parse().ok());
    if let (Some(shown), Some(id)) = (mention, mentioned)
        && let Some(after) = rest.strip_prefix(shown.text.as_str())
    {
        return (Some(Target::Id(id)), after.trim_start());
    }
    let (token, after) = first(rest);
    if let Some(username) = token.strip_prefix('@')
        && !username.is_empty()
    {
        return (Some(Target::Username(username.to_lowercase())), after);
    }
    let digits = token.strip_prefix('-').unwrap_or(token);
    let is_id = !digits.is_empty()
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && (!replied || digits.len() >= SHORTEST_ID);
    match token.parse() {
        Ok(id) if is_id => (Some(Target::Id(id)), after),
        _ => (None, rest),
    }
}

/// The first word, and what comes after it.
fn first(text: &str) -> (&str, &str) {
    match text.split_once(char::is_whitespace) {
        Some((word, after)) => (word, after.trim_start()),
        None => (text, ""),
    }
}

#[cfg(test)]
mod tests;
