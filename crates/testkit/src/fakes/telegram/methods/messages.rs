//! What is said, changed and taken away.

use super::super::chat::{Chat, Kind};
use super::super::params::{Params, need};
use super::super::refusal::{Answer, Refusal};
use super::super::world::World;
use super::{chat, done, group_with};
use serde_json::{Map, Value, json};

/// In UTF-16 units, as everything is counted there.
const LONGEST: usize = 4_096;
pub(super) const LONGEST_CAPTION: usize = 1_024;

/// The chat of a message that the bot wants to send, if it may.
pub(super) fn to(world: &mut World, bot: i64, params: &mut Params) -> Answer<i64> {
    let id = chat(world, params)?;
    let now = world.now();
    if let Some(person) = world.people.get(&id) {
        if person.blocked.contains(&bot) {
            return Err(Refusal::forbidden("bot was blocked by the user"));
        }
        if person.bot {
            return Err(Refusal::forbidden("bot can't send messages to bots"));
        }
        let name = person.first_name.clone();
        // Who asks to be let in somewhere can be written to by its bot.
        let asks = world.chats.values().any(|chat| chat.requests.contains_key(&id));
        if asks {
            world
                .chats
                .entry(id)
                .or_insert_with(|| Chat::new(id, Kind::Private, &name));
        } else if !person.started.contains(&bot) {
            return Err(Refusal::forbidden("bot can't initiate conversation with a user"));
        }
        return Ok(id);
    }
    let Some(chat) = world.chats.get(&id) else {
        return Err(Refusal::bad("chat not found"));
    };
    let status = chat.status(bot, now);
    if status.is_banned() {
        return Err(Refusal::forbidden("bot was kicked from the supergroup chat"));
    }
    if !status.is_present() {
        return Err(Refusal::forbidden("bot is not a member of the supergroup chat"));
    }
    if !chat.may(bot, "can_send_messages", now) {
        return Err(Refusal::bad(
            "not enough rights to send text messages to the chat",
        ));
    }
    Ok(id)
}

/// What goes into a message besides its text; `None` for a reply to what is gone.
pub(super) fn around(world: &World, chat: i64, params: &mut Params) -> Answer<Value> {
    let mut fields = json!({});
    if let Some(thread) = params.integer("message_thread_id")? {
        if world.chats[&chat].topics.get(&thread) != Some(&true) {
            return Err(Refusal::bad("message thread not found"));
        }
        fields["message_thread_id"] = thread.into();
    }
    if let Some(reply) = params.object("reply_parameters")? {
        let message = reply.get("message_id").and_then(Value::as_i64).unwrap_or(0);
        let anyway = reply.get("allow_sending_without_reply") == Some(&Value::Bool(true));
        if world.chats[&chat].messages.contains_key(&message) {
            fields["reply_to_message"] = message.into();
        } else if !anyway {
            return Err(Refusal::bad("message to be replied not found"));
        }
    }
    if let Some(markup) = params.object("reply_markup")? {
        fields["reply_markup"] = Value::Object(markup);
    }
    params.ignore(&[
        "parse_mode",
        "entities",
        "link_preview_options",
        "disable_notification",
        "protect_content",
    ]);
    Ok(fields)
}

fn text(params: &mut Params) -> Answer<String> {
    let text = need(params.text("text")?, "text")?;
    if text.trim().is_empty() {
        return Err(Refusal::bad("message text is empty"));
    }
    if text.encode_utf16().count() > LONGEST {
        return Err(Refusal::bad("message is too long"));
    }
    Ok(text)
}

pub(super) fn send(world: &mut World, bot: i64, params: &mut Params) -> Answer {
    let chat = to(world, bot, params)?;
    let text = text(params)?;
    let mut fields = around(world, chat, params)?;
    params.nothing_left()?;
    fields["text"] = text.into();
    let (_, json) = world.put(chat, bot, None, &fields);
    Ok(Value::Object(json))
}

pub(super) fn send_photo(world: &mut World, bot: i64, params: &mut Params) -> Answer {
    let chat = to(world, bot, params)?;
    let size = need(params.integer("photo")?, "photo")?;
    let caption = params.text("caption")?.unwrap_or_default();
    if caption.encode_utf16().count() > LONGEST_CAPTION {
        return Err(Refusal::bad("message caption is too long"));
    }
    let mut fields = around(world, chat, params)?;
    params.nothing_left()?;
    fields["caption"] = caption.into();
    let file = format!("photo{size}");
    fields["photo"] =
        json!([{ "file_id": file, "file_unique_id": file, "width": 1, "height": 1, "file_size": size }]);
    let (_, json) = world.put(chat, bot, None, &fields);
    Ok(Value::Object(json))
}

/// The fields of a message that is sent once more.
fn original(world: &World, params: &mut Params) -> Answer<(i64, Value)> {
    let from = need(params.chat("from_chat_id")?, "from_chat_id")?;
    let from = world.named(from)?;
    let id = need(params.integer("message_id")?, "message_id")?;
    let found = world.chats.get(&from).and_then(|chat| chat.messages.get(&id));
    match found {
        Some(posted) => Ok((posted.from, Value::Object(posted.json.clone()))),
        None => Err(Refusal::bad("message to copy not found")),
    }
}

const OF_THE_PLACE: [&str; 8] = [
    "message_id",
    "date",
    "chat",
    "from",
    "sender_chat",
    "edit_date",
    "reply_to_message",
    "message_thread_id",
];

pub(super) fn copy(world: &mut World, bot: i64, params: &mut Params) -> Answer {
    let chat = to(world, bot, params)?;
    let (_, mut copied) = original(world, params)?;
    let caption = params.text("caption")?;
    let around = around(world, chat, params)?;
    params.nothing_left()?;
    if let (Some(copied), Some(around)) = (copied.as_object_mut(), around.as_object()) {
        for name in OF_THE_PLACE {
            copied.remove(name);
        }
        if let Some(caption) = caption {
            copied.insert("caption".into(), caption.into());
        }
        copied.extend(around.clone());
    }
    let (id, _) = world.put(chat, bot, None, &copied);
    Ok(json!({ "message_id": id }))
}

pub(super) fn forward(world: &mut World, bot: i64, params: &mut Params) -> Answer {
    let chat = to(world, bot, params)?;
    let (from, forwarded) = original(world, params)?;
    let around = around(world, chat, params)?;
    params.nothing_left()?;
    Ok(Value::Object(
        forward_one(world, bot, chat, (from, forwarded), &around).1,
    ))
}

/// What cannot be found is skipped without a word.
pub(super) fn forward_many(world: &mut World, bot: i64, params: &mut Params) -> Answer {
    let chat = to(world, bot, params)?;
    let from = need(params.chat("from_chat_id")?, "from_chat_id")?;
    let from = world.named(from)?;
    let ids = need(params.integers("message_ids")?, "message_ids")?;
    let around = around(world, chat, params)?;
    params.nothing_left()?;
    if ids.is_empty() || ids.len() > 100 || !ids.is_sorted_by(|one, next| one < next) {
        return Err(Refusal::bad("wrong message identifiers specified"));
    }
    let mut sent = Vec::new();
    for id in ids {
        let found = world.chats.get(&from).and_then(|chat| chat.messages.get(&id));
        let found = found.map(|posted| (posted.from, Value::Object(posted.json.clone())));
        if let Some(found) = found {
            let (id, _) = forward_one(world, bot, chat, found, &around);
            sent.push(json!({ "message_id": id }));
        }
    }
    Ok(Value::Array(sent))
}

fn forward_one(
    world: &mut World,
    bot: i64,
    chat: i64,
    (from, mut forwarded): (i64, Value),
    around: &Value,
) -> (i64, Map<String, Value>) {
    let origin = json!({ "type": "user", "sender_user": world.user(from), "date": forwarded["date"] });
    if let (Some(forwarded), Some(around)) = (forwarded.as_object_mut(), around.as_object()) {
        for name in OF_THE_PLACE {
            forwarded.remove(name);
        }
        forwarded.insert("forward_origin".into(), origin);
        forwarded.extend(around.clone());
    }
    world.put(chat, bot, None, &forwarded)
}

/// A message of the bot's own.
fn own(world: &World, bot: i64, params: &mut Params) -> Answer<(i64, i64)> {
    let chat = chat(world, params)?;
    let id = need(params.integer("message_id")?, "message_id")?;
    let found = world.chats.get(&chat).and_then(|chat| chat.messages.get(&id));
    match found {
        Some(posted) if posted.from == bot => Ok((chat, id)),
        Some(_) => Err(Refusal::bad("message can't be edited")),
        None => Err(Refusal::bad("message to edit not found")),
    }
}

pub(super) fn edit_text(world: &mut World, bot: i64, params: &mut Params) -> Answer {
    let (chat, id) = own(world, bot, params)?;
    let text = text(params)?;
    let fields = around(world, chat, params)?;
    params.nothing_left()?;
    let posted = world.chat(chat).messages.get_mut(&id).expect("just found");
    let markup = fields.get("reply_markup").cloned();
    if posted.json.get("text") == Some(&Value::from(text.as_str()))
        && posted.json.get("reply_markup") == markup.as_ref()
    {
        return Err(Refusal::bad(
            "message is not modified: specified new message content and reply markup are exactly the same",
        ));
    }
    posted.json.insert("text".into(), text.into());
    match markup {
        Some(markup) => posted.json.insert("reply_markup".into(), markup),
        None => posted.json.remove("reply_markup"),
    };
    Ok(Value::Object(posted.json.clone()))
}

pub(super) fn edit_markup(world: &mut World, bot: i64, params: &mut Params) -> Answer {
    let (chat, id) = own(world, bot, params)?;
    let fields = around(world, chat, params)?;
    params.nothing_left()?;
    let posted = world.chat(chat).messages.get_mut(&id).expect("just found");
    match fields.get("reply_markup").cloned() {
        Some(markup) => posted.json.insert("reply_markup".into(), markup),
        None => posted.json.remove("reply_markup"),
    };
    Ok(Value::Object(posted.json.clone()))
}

pub(super) fn delete(world: &mut World, bot: i64, params: &mut Params) -> Answer {
    let chat = chat(world, params)?;
    let id = need(params.integer("message_id")?, "message_id")?;
    params.nothing_left()?;
    if !may_delete(world, chat, bot, id)? {
        return Err(Refusal::bad("message can't be deleted"));
    }
    world.chat(chat).messages.remove(&id);
    done()
}

pub(super) fn delete_many(world: &mut World, bot: i64, params: &mut Params) -> Answer {
    let chat = chat(world, params)?;
    let ids = need(params.integers("message_ids")?, "message_ids")?;
    params.nothing_left()?;
    if ids.is_empty() || ids.len() > 100 {
        return Err(Refusal::bad("wrong number of messages to delete specified"));
    }
    // What cannot be found or is too old is skipped without a word.
    let mut forbidden = false;
    for id in ids {
        match may_delete(world, chat, bot, id) {
            Ok(true) => drop(world.chat(chat).messages.remove(&id)),
            Ok(false) => forbidden = true,
            Err(_) => {}
        }
    }
    let administrator = world
        .chats
        .get(&chat)
        .is_some_and(|chat| chat.status(bot, world.now()).has("can_delete_messages"));
    if forbidden && !administrator {
        return Err(Refusal::bad("message can't be deleted"));
    }
    done()
}

/// Whether the bot may delete a message that is there.
fn may_delete(world: &World, chat: i64, bot: i64, id: i64) -> Answer<bool> {
    let now = world.now();
    let Some(place) = world.chats.get(&chat) else {
        return Err(Refusal::bad("chat not found"));
    };
    let Some(posted) = place.messages.get(&id) else {
        return Err(Refusal::bad("message to delete not found"));
    };
    let entitled = place.kind == Kind::Private
        || posted.from == bot
        || place.status(bot, now).has("can_delete_messages");
    Ok(entitled && posted.is_deletable(now))
}

pub(super) fn delete_reaction(world: &mut World, bot: i64, params: &mut Params) -> Answer {
    let refusal = "not enough rights to delete reactions";
    let chat = group_with(world, bot, params, "can_delete_messages", refusal)?;
    let id = need(params.integer("message_id")?, "message_id")?;
    let who = actor(params)?;
    params.nothing_left()?;
    match world.chat(chat).messages.get_mut(&id) {
        Some(posted) => drop(posted.reactions.remove(&who)),
        None => return Err(Refusal::bad("message not found")),
    }
    done()
}

pub(super) fn delete_reactions(world: &mut World, bot: i64, params: &mut Params) -> Answer {
    let refusal = "not enough rights to delete reactions";
    let chat = group_with(world, bot, params, "can_delete_messages", refusal)?;
    let who = actor(params)?;
    params.nothing_left()?;
    for posted in world.chat(chat).messages.values_mut() {
        posted.reactions.remove(&who);
    }
    done()
}

fn actor(params: &mut Params) -> Answer<i64> {
    match (params.integer("user_id")?, params.integer("actor_chat_id")?) {
        (Some(who), None) | (None, Some(who)) => Ok(who),
        _ => Err(Refusal::bad(
            "exactly one of user_id and actor_chat_id must be specified",
        )),
    }
}

const NO_PINS: &str = "not enough rights to manage pinned messages in the chat";

pub(super) fn pin(world: &mut World, bot: i64, params: &mut Params) -> Answer {
    let chat = group_with(world, bot, params, "can_pin_messages", NO_PINS)?;
    let id = need(params.integer("message_id")?, "message_id")?;
    params.ignore(&["disable_notification"]);
    params.nothing_left()?;
    let place = world.chat(chat);
    if !place.messages.contains_key(&id) {
        return Err(Refusal::bad("message to pin not found"));
    }
    place.pinned.retain(|pinned| *pinned != id);
    place.pinned.push(id);
    done()
}

pub(super) fn unpin(world: &mut World, bot: i64, params: &mut Params) -> Answer {
    let chat = group_with(world, bot, params, "can_pin_messages", NO_PINS)?;
    let id = params.integer("message_id")?;
    params.nothing_left()?;
    let pinned = &mut world.chat(chat).pinned;
    match id {
        Some(id) => pinned.retain(|pinned| *pinned != id),
        None => drop(pinned.pop()),
    }
    done()
}

pub(super) fn unpin_all(world: &mut World, bot: i64, params: &mut Params) -> Answer {
    let chat = group_with(world, bot, params, "can_pin_messages", NO_PINS)?;
    params.nothing_left()?;
    world.chat(chat).pinned.clear();
    done()
}

pub(super) fn answer_callback(world: &mut World, _: i64, params: &mut Params) -> Answer {
    let query = need(params.text("callback_query_id")?, "callback_query_id")?;
    let text = params.text("text")?;
    params.ignore(&["show_alert", "url", "cache_time"]);
    params.nothing_left()?;
    world.answered.push((query, text));
    done()
}
