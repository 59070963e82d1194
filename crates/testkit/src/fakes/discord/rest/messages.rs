//! Messages and direct conversations.

use super::super::gateway::Audience;
use super::super::permissions::{
    ATTACH_FILES, EMBED_LINKS, MANAGE_MESSAGES, READ_MESSAGE_HISTORY, SEND_MESSAGES, VIEW_CHANNEL,
};
use super::super::world::{Channel, World, number, time_of};
use super::{Answer, Call, Outcome, Refusal, ids, log, may_in, member_of};
use chrono::TimeDelta;
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(super) fn open(world: &mut World, bot: u64, call: &Call) -> Outcome {
    let user = number(&call.body["recipient_id"])
        .ok_or_else(|| Refusal::new(400, 50_033, "Invalid Recipient(s)"))?;
    world.users.get(&user).ok_or_else(|| Refusal::unknown(10_013))?;
    if user == bot {
        return Err(Refusal::new(400, 50_007, "Cannot send messages to this user"));
    }
    let known = world
        .channels
        .values()
        .find(|channel| channel.recipient == Some(user))
        .map(|channel| channel.id);
    let channel = known.unwrap_or_else(|| {
        let channel = world.id();
        world.channels.insert(
            channel,
            Channel {
                id: channel,
                guild: None,
                name: String::new(),
                kind: 1,
                parent: None,
                overwrites: Vec::new(),
                slowmode: 0,
                recipient: Some(user),
                messages: BTreeMap::new(),
                last_message: None,
            },
        );
        channel
    });
    Answer::ok(json!({
        "id": channel.to_string(), "type": 1, "flags": 0, "last_message_id": null, "recipients": [world.user_json(user)],
    }))
}

pub(super) fn list(world: &World, bot: u64, channel: u64, call: &Call) -> Outcome {
    may_in(world, bot, channel, READ_MESSAGE_HISTORY)?;
    let messages = &world.channels[&channel].messages;
    let limit = call.limit(50, 100);
    // Newest first, whichever way it pages.
    let mut page: Vec<&Value> = match (call.number("after"), call.number("before")) {
        (Some(after), _) => {
            let mut page: Vec<&Value> = messages
                .range(after + 1..)
                .take(limit)
                .map(|(_, message)| message)
                .collect();
            page.reverse();
            page
        }
        (None, Some(before)) => messages
            .range(..before)
            .rev()
            .take(limit)
            .map(|(_, message)| message)
            .collect(),
        (None, None) => messages.values().rev().take(limit).collect(),
    };
    let seen: Vec<Value> = page
        .drain(..)
        .map(|message| as_rest(world, bot, message))
        .collect();
    Answer::ok(json!(seen))
}

/// Without what only the gateway adds, and without what the bot may not read.
fn as_rest(world: &World, bot: u64, message: &Value) -> Value {
    let mut message = message.clone();
    if let Some(members) = message.as_object_mut() {
        members.remove("guild_id");
        members.remove("member");
    }
    let granted = world
        .bots
        .iter()
        .find(|known| known.id == bot)
        .map_or(0, |known| known.granted);
    if granted & super::super::gateway::MESSAGE_CONTENT == 0 {
        super::super::gateway::hide(&mut message, bot);
    }
    message
}

pub(super) fn get(world: &World, bot: u64, channel: u64, message: u64) -> Outcome {
    may_in(world, bot, channel, READ_MESSAGE_HISTORY)?;
    let found = world.channels[&channel]
        .messages
        .get(&message)
        .ok_or_else(|| Refusal::unknown(10_008))?;
    Answer::ok(as_rest(world, bot, found))
}

pub(super) fn create(world: &mut World, bot: u64, channel: u64, call: &Call) -> Outcome {
    let guild = may_in(world, bot, channel, SEND_MESSAGES)?;
    if call.body["files"].is_array() {
        may_in(world, bot, channel, ATTACH_FILES)?;
    }
    let content = call.body["content"].as_str().unwrap_or_default().to_owned();
    if content.chars().count() > 2_000 {
        return Err(Refusal::form(
            "content",
            "BASE_TYPE_MAX_LENGTH",
            "Must be 2000 or fewer in length.",
        ));
    }
    let filled = |name: &str| call.body[name].as_array().is_some_and(|list| !list.is_empty());
    if content.is_empty()
        && !["embeds", "components", "sticker_ids"]
            .iter()
            .any(|name| filled(name))
    {
        return Err(Refusal::new(400, 50_006, "Cannot send an empty message"));
    }
    if let Some(user) = world.channels[&channel].recipient {
        let shared = world
            .guilds
            .values()
            .any(|guild| guild.members.contains_key(&bot) && guild.members.contains_key(&user));
        if !shared {
            return Err(Refusal::new(
                403,
                50_278,
                "Cannot send messages to this user due to having no mutual guilds",
            ));
        }
        if world.users.get(&user).is_some_and(|user| user.dms_closed) {
            return Err(Refusal::new(403, 50_007, "Cannot send messages to this user"));
        }
    }
    if guild.is_some() && filled("embeds") {
        may_in(world, bot, channel, EMBED_LINKS)?;
    }
    let nonce = call.body["nonce"].as_str().map(str::to_owned);
    if call.body["enforce_nonce"] == true
        && let Some(nonce) = &nonce
    {
        if nonce.chars().count() > 25 {
            return Err(Refusal::form(
                "nonce",
                "BASE_TYPE_MAX_LENGTH",
                "Must be 25 or fewer in length.",
            ));
        }
        let earlier = world.channels[&channel].messages.values();
        let mut same = earlier.filter(|message| {
            message["nonce"] == nonce.as_str() && number(&message["author"]["id"]) == Some(bot)
        });
        if let Some(message) = same.next() {
            return Answer::ok(message.clone());
        }
    }
    let mut over = serde_json::Map::new();
    for name in [
        "embeds",
        "components",
        "allowed_mentions",
        "flags",
        "files",
        "message_reference",
    ] {
        if let Some(value) = call.body.get(name) {
            over.insert(name.to_owned(), value.clone());
        }
    }
    if let Some(nonce) = nonce {
        over.insert("nonce".to_owned(), json!(nonce));
    }
    let id = world.id();
    let message = write(world, id, guild, channel, bot, &content, &over);
    Answer::ok(message)
}

/// Puts a message into its channel and tells those who see it. `over` stands above what would usually be there.
pub(crate) fn write(
    world: &mut World,
    id: u64,
    guild: Option<u64>,
    channel: u64,
    author: u64,
    content: &str,
    over: &serde_json::Map<String, Value>,
) -> Value {
    let mut message = json!({
        "id": id.to_string(), "channel_id": channel.to_string(), "type": 0, "content": content,
        "author": world.user_json(author), "timestamp": time_of(id).to_rfc3339(), "edited_timestamp": null, "tts": false,
        "mention_everyone": false, "mentions": [], "mention_roles": [], "attachments": [], "embeds": [], "components": [],
        "pinned": false, "flags": 0,
    });
    if let Some(guild) = guild {
        message["guild_id"] = json!(guild.to_string());
        if let Some(member) = world.member_part(guild, author) {
            message["member"] = member;
        }
    }
    super::super::world::merge(&mut message, over);
    if let Some(state) = world.channels.get_mut(&channel) {
        state.messages.insert(id, message.clone());
        state.last_message = state.last_message.max(Some(id));
    }
    if let Some(guild) = guild {
        world.emit(
            guild,
            Audience::Messages(channel),
            "MESSAGE_CREATE",
            &message.clone(),
        );
    }
    message
}

pub(super) fn edit(world: &mut World, bot: u64, (channel, message): (u64, u64), call: &Call) -> Outcome {
    may_in(world, bot, channel, VIEW_CHANNEL)?;
    let found = world.channels[&channel]
        .messages
        .get(&message)
        .ok_or_else(|| Refusal::unknown(10_008))?;
    if number(&found["author"]["id"]) != Some(bot) {
        return Err(Refusal::new(
            403,
            50_005,
            "Cannot edit a message authored by another user",
        ));
    }
    let over: serde_json::Map<String, Value> = call.body.as_object().cloned().unwrap_or_default();
    amend(world, channel, message, &over);
    Answer::ok(world.channels[&channel].messages[&message].clone())
}

/// Changes a message and tells those who see it.
pub(crate) fn amend(world: &mut World, channel: u64, message: u64, over: &serde_json::Map<String, Value>) {
    let now = world.now().to_rfc3339();
    let Some(state) = world.channels.get_mut(&channel) else {
        return;
    };
    let guild = state.guild;
    let Some(found) = state.messages.get_mut(&message) else {
        return;
    };
    found["edited_timestamp"] = json!(now);
    super::super::world::merge(found, over);
    let body = found.clone();
    if let Some(guild) = guild {
        world.emit(guild, Audience::Messages(channel), "MESSAGE_UPDATE", &body);
    }
}

pub(super) fn delete(world: &mut World, bot: u64, (channel, message): (u64, u64), call: &Call) -> Outcome {
    may_in(world, bot, channel, VIEW_CHANNEL)?;
    let found = world.channels[&channel]
        .messages
        .get(&message)
        .ok_or_else(|| Refusal::unknown(10_008))?;
    let author = number(&found["author"]["id"]);
    let kind = found["type"].as_u64().unwrap_or(0);
    if author != Some(bot) {
        let guild = may_in(world, bot, channel, MANAGE_MESSAGES)?;
        if matches!(kind, 1..=5) {
            return Err(Refusal::new(
                403,
                50_021,
                "Cannot execute action on a system message",
            ));
        }
        if let Some(guild) = guild {
            let options = json!({ "channel_id": channel.to_string(), "count": "1" });
            log(
                world,
                guild,
                bot,
                72,
                author,
                json!({ "reason": call.audit, "options": options }),
            );
        }
    }
    remove(world, channel, &[message]);
    Answer::nothing()
}

pub(super) fn delete_many(world: &mut World, bot: u64, channel: u64, call: &Call) -> Outcome {
    let guild = may_in(world, bot, channel, MANAGE_MESSAGES)?
        .ok_or_else(|| Refusal::new(403, 50_003, "Cannot execute action on a DM channel"))?;
    member_of(world, bot, guild)?;
    let wanted = ids(&call.body["messages"]);
    if !(2..=100).contains(&wanted.len()) {
        let text = "Provided too few or too many messages to delete. Must provide between 2 and 100 messages to delete.";
        return Err(Refusal::new(400, 50_016, text));
    }
    let distinct: std::collections::BTreeSet<u64> = wanted.iter().copied().collect();
    if distinct.len() != wanted.len() {
        return Err(Refusal::form(
            "messages",
            "SET_TYPE_ALREADY_CONTAINS_VALUE",
            "The set already contains this value",
        ));
    }
    if wanted
        .iter()
        .any(|id| time_of(*id) < world.now() - TimeDelta::days(14))
    {
        let text = "You can only bulk delete messages that are under 14 days old.";
        return Err(Refusal::new(400, 50_034, text));
    }
    let options = json!({ "count": wanted.len().to_string() });
    log(
        world,
        guild,
        bot,
        73,
        Some(channel),
        json!({ "reason": call.audit, "options": options }),
    );
    remove(world, channel, &wanted);
    Answer::nothing()
}

/// Takes messages away and tells those who saw them.
pub(crate) fn remove(world: &mut World, channel: u64, messages: &[u64]) {
    let Some(state) = world.channels.get_mut(&channel) else {
        return;
    };
    let guild = state.guild;
    let gone: Vec<String> = messages
        .iter()
        .filter(|id| state.messages.remove(*id).is_some())
        .map(u64::to_string)
        .collect();
    let (Some(guild), Some(first)) = (guild, gone.first()) else {
        return;
    };
    let (name, body) = if messages.len() == 1 {
        (
            "MESSAGE_DELETE",
            json!({ "id": first, "channel_id": channel.to_string(), "guild_id": guild.to_string() }),
        )
    } else {
        (
            "MESSAGE_DELETE_BULK",
            json!({ "ids": gone, "channel_id": channel.to_string(), "guild_id": guild.to_string() }),
        )
    };
    world.emit(guild, Audience::Messages(channel), name, &body);
}
