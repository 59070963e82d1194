//! A message with every surface it has.

use super::people::{joined_at, names, roles, user_id};
use super::surfaces::{Found, attachment, poll, sticker};
use super::{id, list, object, text, time, time_of};
use lockdown_events::{
    Author, AuthorKind, ChannelId, Forward, GuildId, Mentions, Message, MessageId, MessageRef, Platform,
    RoleId, UserId,
};
use serde_json::Value;

/// The members of a message object that are read, or that say nothing to people.
const KNOWN: &[&str] = &[
    "id",
    "channel_id",
    "guild_id",
    "author",
    "member",
    "content",
    "timestamp",
    "edited_timestamp",
    "tts",
    "mention_everyone",
    "mentions",
    "mention_roles",
    "mention_channels",
    "attachments",
    "embeds",
    "reactions",
    "nonce",
    "pinned",
    "webhook_id",
    "type",
    "activity",
    "application",
    "application_id",
    "flags",
    "message_reference",
    "message_snapshots",
    "referenced_message",
    "interaction",
    "interaction_metadata",
    "thread",
    "components",
    "sticker_items",
    "stickers",
    "position",
    "role_subscription_data",
    "resolved",
    "poll",
    "call",
    "channel_type",
    "soundboard_sounds",
    "shared_client_theme",
];

/// Where a message was said, as far as it is known without the message.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) guild: GuildId,
    pub(crate) channel: u64,
    /// The channel above, when it is a thread.
    pub(crate) above: Option<u64>,
    /// The thread's title, when this is what began it.
    pub(crate) title: Option<String>,
}

/// Reads a message; `None` only when it has no id.
pub(crate) fn message(body: &Value, place: Place) -> Option<Message> {
    let message = id(&body["id"])?;
    let mut found = Found::default();
    let mut unparsed = Vec::new();
    let author = author(body, &mut unparsed);
    let interaction = [&body["interaction_metadata"], &body["interaction"]];
    let content = match &body["content"] {
        Value::Array(_) | Value::Object(_) => {
            unparsed.push("content".to_owned());
            found.add_all("content", &body["content"]);
            String::new()
        }
        other => text(other).unwrap_or_default(),
    };
    let embeds = each(body, "embeds", &mut unparsed)
        .filter_map(|embed| found.embed(embed))
        .collect();
    let attachments = each(body, "attachments", &mut unparsed).map(attachment).collect();
    let stickers = ["sticker_items", "stickers"]
        .iter()
        .flat_map(|name| list(&body[*name]))
        .map(sticker)
        .collect();
    found.components(&body["components"]);
    let poll = match &body["poll"] {
        Value::Null => None,
        value => poll(value).or_else(|| {
            found.add_all("poll", value);
            None
        }),
    };
    let forward = forwards(body, &mut found);
    // A new thread's first message may bring the thread along.
    found.add(
        "thread_title",
        place.title.or_else(|| text(&body["thread"]["name"])),
    );
    for (place, value) in [
        ("activity", &body["activity"]),
        ("application", &body["application"]["name"]),
        ("application", &body["application"]["description"]),
        ("subscription", &body["role_subscription_data"]["tier_name"]),
    ] {
        found.add_all(place, value);
    }
    for (name, value) in object(body).into_iter().flatten() {
        if !KNOWN.contains(&name.as_str()) && !value.is_null() {
            unparsed.push(name.clone());
            found.add_all(name, value);
        }
    }
    let (author_id, author) = author;
    Some(Message {
        platform: Platform::Discord,
        guild_id: place.guild,
        message_id: MessageId::new(&message.to_string()).ok()?,
        channel_id: ChannelId::new(&place.channel.to_string()).ok()?,
        thread_id: place
            .above
            .and_then(|above| ChannelId::new(&above.to_string()).ok()),
        author_id,
        author,
        invoker_id: interaction
            .iter()
            .find_map(|interaction| user_id(&interaction["user"])),
        content,
        edited_at: time(&body["edited_timestamp"]),
        reply_to: reply_to(body),
        reply_author_id: reply_to(body).and_then(|_| user_id(&body["referenced_message"]["author"])),
        album_id: None,
        mentions: mentions(body),
        hidden_links: found.links,
        embeds,
        attachments,
        forward,
        poll,
        stickers,
        buttons: found.buttons,
        surfaces: found.surfaces,
        unparsed,
        service: None,
    })
}

/// The objects of a list. A list that is none is noted, and a lone object is taken for a list of one.
fn each<'a>(
    body: &'a Value,
    name: &str,
    unparsed: &mut Vec<String>,
) -> Box<dyn Iterator<Item = &'a Value> + 'a> {
    match &body[name] {
        Value::Array(list) => Box::new(list.iter()),
        Value::Null => Box::new(std::iter::empty()),
        other => {
            unparsed.push(name.to_owned());
            Box::new(std::iter::once(other))
        }
    }
}

/// Who said it. Where Discord names nobody that can be read, the webhook did, or somebody without an id.
fn author(body: &Value, unparsed: &mut Vec<String>) -> (UserId, Author) {
    let (user, member) = (&body["author"], &body["member"]);
    let webhook = id(&body["webhook_id"]);
    let known = id(&user["id"]);
    if known.is_none() {
        unparsed.push("author".to_owned());
    }
    let id = known.or(webhook).unwrap_or(0);
    // An application that answers a person speaks through a webhook too.
    let answers = [&body["interaction_metadata"], &body["interaction"]]
        .iter()
        .any(|value| value.is_object());
    let kind = match webhook {
        Some(_) if !answers && user["bot"] != true => AuthorKind::Webhook,
        Some(_) if !answers && super::id(&body["application_id"]).is_none() => AuthorKind::Webhook,
        _ if user["bot"] == true || answers => AuthorKind::Bot,
        _ => AuthorKind::Person,
    };
    let author = Author {
        kind,
        names: names(user, Some(member)),
        roles: roles(member),
        joined_at: joined_at(member),
        account_created_at: known.map(time_of),
    };
    (UserId::new(&id.to_string()).expect("a number is an id"), author)
}

fn mentions(body: &Value) -> Mentions {
    let users = list(&body["mentions"]).filter_map(user_id).collect();
    let roles = list(&body["mention_roles"]).filter_map(id);
    Mentions {
        users,
        roles: roles.filter_map(|id| RoleId::new(&id.to_string()).ok()).collect(),
        everyone: body["mention_everyone"] == true,
    }
}

fn reply_to(body: &Value) -> Option<MessageRef> {
    let reference = &body["message_reference"];
    // 1 is a forward.
    if reference["type"].as_u64() == Some(1) {
        return None;
    }
    refers(reference)
}

fn refers(reference: &Value) -> Option<MessageRef> {
    let message = id(&reference["message_id"])?;
    Some(MessageRef {
        channel_id: id(&reference["channel_id"]).and_then(|id| ChannelId::new(&id.to_string()).ok()),
        message_id: MessageId::new(&message.to_string()).ok()?,
    })
}

/// What a forward shows. Discord shows one message; whatever else stands there is text all the same.
fn forwards(body: &Value, found: &mut Found) -> Option<Box<Forward>> {
    let mut snapshots = list(&body["message_snapshots"]);
    let first = snapshots.next();
    for further in snapshots {
        found.add_all("forward", further);
    }
    let first = first?;
    let shown = if first["message"].is_object() {
        &first["message"]
    } else {
        first
    };
    found.components(&shown["components"]);
    let Some(poll) = poll(&shown["poll"]) else {
        return Some(Box::new(forward(body, shown, found)));
    };
    found.add(
        "forward",
        Some(poll.question).filter(|question| !question.is_empty()),
    );
    for answer in poll.answers {
        found.add("forward", Some(answer));
    }
    Some(Box::new(forward(body, shown, found)))
}

fn forward(body: &Value, shown: &Value, found: &mut Found) -> Forward {
    Forward {
        origin: None,
        message: refers(&body["message_reference"]),
        content: text(&shown["content"])
            .or_else(|| text(shown))
            .unwrap_or_default(),
        embeds: list(&shown["embeds"])
            .filter_map(|embed| found.embed(embed))
            .collect(),
        attachments: list(&shown["attachments"]).map(attachment).collect(),
        stickers: ["sticker_items", "stickers"]
            .iter()
            .flat_map(|name| list(&shown[*name]))
            .map(sticker)
            .collect(),
    }
}
