//! Topics of forums.

use super::super::params::{Params, need};
use super::super::refusal::{Answer, Refusal};
use super::super::world::World;
use super::{done, group_with};
use serde_json::json;

/// In UTF-16 units.
const LONGEST_NAME: usize = 128;

fn forum(world: &World, bot: i64, params: &mut Params) -> Answer<i64> {
    let chat = group_with(
        world,
        bot,
        params,
        "can_manage_topics",
        "not enough rights to manage topics",
    )?;
    if world.chats[&chat].forum {
        Ok(chat)
    } else {
        Err(Refusal::bad("the chat is not a forum"))
    }
}

pub(super) fn create(world: &mut World, bot: i64, params: &mut Params) -> Answer {
    let chat = forum(world, bot, params)?;
    let name = need(params.text("name")?, "name")?;
    params.ignore(&["icon_color", "icon_custom_emoji_id"]);
    params.nothing_left()?;
    if name.trim().is_empty() || name.encode_utf16().count() > LONGEST_NAME {
        return Err(Refusal::bad("TOPIC_TITLE_INVALID"));
    }
    let topic = json!({ "name": name, "icon_color": 7_322_096 });
    let thread = world.post(chat, bot, None, &json!({ "forum_topic_created": topic }));
    world.chat(chat).topics.insert(thread, true);
    Ok(json!({ "message_thread_id": thread, "name": name, "icon_color": 7_322_096 }))
}

pub(super) fn close(world: &mut World, bot: i64, params: &mut Params) -> Answer {
    let chat = forum(world, bot, params)?;
    let thread = need(params.integer("message_thread_id")?, "message_thread_id")?;
    params.nothing_left()?;
    match world.chat(chat).topics.get_mut(&thread) {
        Some(open) if *open => {
            *open = false;
            world.post(
                chat,
                bot,
                None,
                &json!({ "forum_topic_closed": {}, "message_thread_id": thread, "is_topic_message": true }),
            );
            done()
        }
        Some(_) => Err(Refusal::bad("TOPIC_NOT_MODIFIED")),
        None => Err(Refusal::bad("TOPIC_ID_INVALID")),
    }
}
