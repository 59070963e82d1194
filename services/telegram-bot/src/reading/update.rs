//! An update, and the events that it is.

use super::member;
use super::message::{Spoken, message};
use super::record::Record;
use super::who::{Place, Who, guild_id};
use chrono::{DateTime, Utc};
use lockdown_events::{
    ButtonPressed, ChannelId, Event, GuildChange, GuildEvent, GuildId, GuildUpdate, Message, MessageEvent,
    MessageId, Platform, Reaction, UserEvent, UserJoinRequested,
};
use serde_json::Value;

/// One event of an update.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Told {
    /// Tells the events of one update apart, the same each time it is read.
    pub(crate) purpose: &'static str,
    /// When it happened, where the update tells.
    pub(crate) at: Option<DateTime<Utc>>,
    pub(crate) event: Event,
}

/// What somebody said to the bot alone.
#[derive(Debug)]
pub(crate) struct Private {
    pub(crate) message: Message,
    pub(crate) at: Option<DateTime<Utc>>,
    /// The language that they read.
    pub(crate) language: Option<String>,
    /// By which the file is asked for that they sent along, or answered.
    pub(crate) file: Option<String>,
}

/// What came of an update.
#[derive(Debug)]
pub(crate) enum Read {
    Told(Vec<Told>),
    /// What somebody said to the bot alone, which is in no community.
    Private(Box<Private>),
    /// A kind of update that means nothing to us.
    Other(String),
    /// One that should mean something, and could not be placed.
    Unplaced(String),
}

/// Reads an update. `own` is the bot; `native_id` names the update among all of this bot's.
pub(crate) fn read(update: Record, own: i64, native_id: &str) -> Read {
    // An update has one kind, beside its number.
    let Some((kind, body)) = update.objects().into_iter().next() else {
        return Read::Other("empty".to_owned());
    };
    let told = match kind.as_str() {
        "message" | "channel_post" => {
            let language = body.inner_text("from", "language_code").map(str::to_owned);
            match message(body) {
                Some(spoken) if spoken.chat.private => {
                    return Read::Private(Box::new(Private {
                        message: spoken.message,
                        at: spoken.at,
                        language,
                        file: spoken.file,
                    }));
                }
                spoken => spoken.map(|spoken| said(spoken, false)),
            }
        }
        "edited_message" | "edited_channel_post" => message(body).map(|spoken| said(spoken, true)),
        "chat_member" => member::changed(body, own, native_id),
        "my_chat_member" => member::own_changed(body),
        "chat_join_request" => asked(body),
        "message_reaction" => reacted(body),
        "callback_query" => pressed(body),
        _ => return Read::Other(kind),
    };
    match told {
        Some(told) => Read::Told(told),
        None => Read::Unplaced(kind),
    }
}

/// A message, and what it says about the chat itself. What is said to the bot alone is in no community.
fn said(spoken: Spoken, edited: bool) -> Vec<Told> {
    let Spoken {
        message,
        at,
        chat,
        migrated_to,
        migrated_from,
        title,
        file: _,
    } = spoken;
    if chat.private {
        return Vec::new();
    }
    let mut told = Vec::new();
    if migrated_to.is_some() || title.is_some() {
        let changes = title.map(|title| GuildChange {
            what: "name".to_owned(),
            id: None,
            before: None,
            after: Some(title),
        });
        let update = GuildUpdate {
            platform: Platform::Telegram,
            guild_id: chat.guild(),
            changes: changes.into_iter().collect(),
            migrated_to: migrated_to.map(guild_id),
        };
        told.push(Told {
            purpose: "chat",
            at,
            event: GuildEvent::Update(update).into(),
        });
    }
    // Both sides tell of a move, and whichever is read first counts.
    if let Some(from) = migrated_from {
        let update = GuildUpdate {
            platform: Platform::Telegram,
            guild_id: guild_id(from),
            changes: Vec::new(),
            migrated_to: Some(chat.guild()),
        };
        told.push(Told {
            purpose: "moved",
            at,
            event: GuildEvent::Update(update).into(),
        });
    }
    let at = message.edited_at.filter(|_| edited).or(at);
    let (purpose, event) = if edited {
        ("edited", MessageEvent::Edited(Box::new(message)))
    } else {
        ("created", MessageEvent::Created(Box::new(message)))
    };
    told.push(Told {
        purpose,
        at,
        event: event.into(),
    });
    told
}

fn asked(mut record: Record) -> Option<Vec<Told>> {
    let chat = Place::of(record.record("chat")?)?;
    let who = Who::of(record.record("from")?).ok()?;
    let invite = record
        .record("invite_link")
        .and_then(|mut link| link.text("invite_link"));
    let request = UserJoinRequested {
        platform: Platform::Telegram,
        guild_id: chat.guild(),
        user_id: who.user_id(),
        names: who.names,
        bot: who.bot,
        about: record.text("bio"),
        invite_code: invite,
        query_id: record.text("query_id"),
    };
    Some(vec![Told {
        purpose: "asked",
        at: record.time("date"),
        event: UserEvent::JoinRequested(request).into(),
    }])
}

/// What stands in a button of the chat with one person ends with the community that it is about.
const ABOUT: char = '~';

/// A button under a message of ours. One under what somebody shared elsewhere has no message, and is none of ours.
fn pressed(mut record: Record) -> Option<Vec<Told>> {
    let who = Who::of(record.record("from")?).ok()?;
    let (Some(mut message), Some(data)) = (record.record("message"), record.text("data")) else {
        return Some(Vec::new());
    };
    let chat = Place::of(message.record("chat")?)?;
    let guild = if chat.private {
        data.rsplit_once(ABOUT)
            .and_then(|(_, about)| GuildId::new(about).ok())?
    } else {
        chat.guild()
    };
    let pressed = ButtonPressed {
        platform: Platform::Telegram,
        guild_id: guild,
        channel_id: ChannelId::new(&chat.id.to_string()).ok()?,
        message_id: MessageId::new(&message.number("message_id")?.to_string()).ok()?,
        user_id: who.user_id(),
        names: who.names,
        data,
        query_id: record.text("id"),
    };
    Some(vec![Told {
        purpose: "pressed",
        at: None,
        event: MessageEvent::ButtonPressed(pressed).into(),
    }])
}

/// What was put there and what was taken away, each for itself.
fn reacted(mut record: Record) -> Option<Vec<Told>> {
    let chat = Place::of(record.record("chat")?)?;
    let message = record.number("message_id")?;
    let who = record
        .record("user")
        .or_else(|| record.record("actor_chat"))
        .and_then(|who| Who::of(who).ok())?;
    let at = record.time("date");
    let (old, new) = (
        emojis(record.list("old_reaction")),
        emojis(record.list("new_reaction")),
    );
    let event = |(emoji, emoji_id): &(String, Option<String>)| Reaction {
        platform: Platform::Telegram,
        guild_id: chat.guild(),
        channel_id: ChannelId::new(&chat.id.to_string()).expect("a number is an id"),
        message_id: MessageId::new(&message.to_string()).expect("a number is an id"),
        user_id: who.user_id(),
        names: who.names.clone(),
        emoji: emoji.clone(),
        emoji_id: emoji_id.clone(),
    };
    let removed = old.iter().filter(|emoji| !new.contains(emoji));
    let added = new.iter().filter(|emoji| !old.contains(emoji));
    let removed = removed.map(|emoji| MessageEvent::ReactionRemoved(event(emoji)));
    let added = added.map(|emoji| MessageEvent::ReactionAdded(event(emoji)));
    // A person has three reactions at most, and a purpose each.
    const PURPOSES: [&str; 8] = ["0", "1", "2", "3", "4", "5", "6", "7"];
    let told = PURPOSES.into_iter().zip(removed.chain(added));
    let told = told.map(|(purpose, event)| Told {
        purpose,
        at,
        event: event.into(),
    });
    Some(told.collect())
}

fn emojis(list: Vec<Value>) -> Vec<(String, Option<String>)> {
    let each = list.into_iter().filter_map(|reaction| {
        let mut reaction = Record::of(reaction)?;
        let custom = reaction.text("custom_emoji_id");
        let name = reaction.text("emoji").or_else(|| reaction.text("type"))?;
        Some((name, custom))
    });
    each.collect()
}
