//! What a moderator wrote. `/` or `!`, in any letter case, for any bot or for us; the person by reply, number, `@username`
//! or mention; then how long; then why, to the end, over as many lines as it takes.

use lockdown_events::{Action, AuthorKind, Message};
use lockdown_moderation::Span;

/// The words that are understood. To add one: a line here, and where it is more than an action, an arm in `mod.rs`.
const WORDS: [(&str, Deed); 18] = [
    ("ban", Deed::Act(Action::Ban)),
    ("tban", Deed::Act(Action::Ban)),
    ("unban", Deed::Act(Action::Unban)),
    ("kick", Deed::Act(Action::Kick)),
    ("mute", Deed::Act(Action::Mute)),
    ("tmute", Deed::Act(Action::Mute)),
    ("ro", Deed::Act(Action::Mute)),
    ("unmute", Deed::Act(Action::Unmute)),
    ("warn", Deed::Act(Action::Warn)),
    ("note", Deed::Act(Action::Note)),
    ("dban", Deed::Act(Action::Ban)),
    ("dmute", Deed::Act(Action::Mute)),
    ("dkick", Deed::Act(Action::Kick)),
    ("dwarn", Deed::Act(Action::Warn)),
    ("sban", Deed::Act(Action::Ban)),
    ("smute", Deed::Act(Action::Mute)),
    ("skick", Deed::Act(Action::Kick)),
    ("swarn", Deed::Act(Action::Warn)),
];

/// Shorter numbers after a reply are part of the reason, or how long it lasts.
const SHORTEST_ID: usize = 6;

/// What a word stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    Act(Action),
    /// Tells about a case.
    Case,
}

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
    /// The number of a case.
    pub(super) number: Option<u64>,
}

/// What is wrong with a command that is meant for us.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    #[error("Whom? Answer their message, or write their number or @username after the command.")]
    Whom,
    #[error("How long? Write it before the reason, such as 45s, 3h or 1d12h.")]
    HowLong,
    #[error("Which case? Write its number after the command.")]
    WhichCase,
}

/// A command, and the bot that it names.
pub(super) struct Addressed<'a> {
    pub(super) to: Option<&'a str>,
    pub(super) command: Result<Command, Fault>,
}

/// Reads a message; `None` where it is no command of ours. What was forwarded was not said here, and bots do not command.
pub(super) fn parse(message: &Message) -> Option<Addressed<'_>> {
    let speaks = matches!(
        message.author.kind,
        AuthorKind::Person | AuthorKind::AnonymousAdmin
    );
    if !speaks || message.forward.is_some() {
        return None;
    }
    let text = message.content.trim_start().strip_prefix(['/', '!'])?;
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let (head, rest) = text.split_at(end);
    let (word, to) = match head.split_once('@') {
        Some((word, to)) => (word, Some(to)),
        None => (head, None),
    };
    let word = word.to_lowercase();
    let deed = if word == "case" {
        Deed::Case
    } else {
        WORDS.iter().find(|(known, _)| *known == word)?.1
    };
    Some(Addressed {
        to,
        command: read(&word, deed, rest.trim(), message),
    })
}

fn read(word: &str, deed: Deed, rest: &str, message: &Message) -> Result<Command, Fault> {
    let mut command = Command {
        deed,
        silent: word.starts_with('s'),
        delete: word.starts_with('d'),
        target: None,
        lasts: None,
        reason: None,
        number: None,
    };
    if deed == Deed::Case {
        command.number = first(rest).0.trim_start_matches('#').parse().ok();
        return command.number.map(|_| command.clone()).ok_or(Fault::WhichCase);
    }
    let replied = replied(message);
    let (target, mut rest) = target(rest, replied.is_some(), message);
    command.target = Some(target.or(replied.map(Target::Id)).ok_or(Fault::Whom)?);
    if matches!(deed, Deed::Act(Action::Ban | Action::Mute)) {
        let (token, after) = first(rest);
        // A bare number is the beginning of a reason.
        if token.starts_with(|letter: char| letter.is_ascii_digit())
            && token.contains(char::is_alphabetic)
            && let Ok(span) = token.parse::<Span>()
        {
            command.lasts = Some(span);
            rest = after;
        } else if word.starts_with('t') {
            return Err(Fault::HowLong);
        }
    }
    command.reason = (!rest.is_empty()).then(|| rest.to_owned());
    Ok(command)
}

/// Whose message it answers. In a forum everything answers the message that began the topic.
fn replied(message: &Message) -> Option<i64> {
    let to = message.reply_to.as_ref()?;
    let topic = message.thread_id.as_ref().map(lockdown_events::ChannelId::as_str);
    if topic == Some(to.message_id.as_str()) {
        return None;
    }
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
