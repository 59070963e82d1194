//! Chats and who is in them.

use super::super::member::{Permissions, Status};
use super::super::params::{Params, need};
use super::super::refusal::{Answer, Refusal};
use super::super::world::World;
use super::{chat, done, group, group_with};
use serde_json::{Value, json};

pub(super) fn get_me(world: &mut World, bot: i64, params: &mut Params) -> Answer {
    params.nothing_left()?;
    let mut me = world.user(bot);
    for (name, value) in [
        ("can_join_groups", true),
        ("can_read_all_group_messages", world.person(bot).reads_all),
        ("supports_inline_queries", false),
        ("can_connect_to_business", false),
        ("has_main_web_app", false),
        ("supports_join_request_queries", true),
    ] {
        me[name] = value.into();
    }
    Ok(me)
}

pub(super) fn set_my_commands(_: &mut World, _: i64, params: &mut Params) -> Answer {
    params.ignore(&["commands", "scope", "language_code"]);
    params.nothing_left()?;
    done()
}

pub(super) fn get_chat(world: &mut World, bot: i64, params: &mut Params) -> Answer {
    let id = chat(world, params)?;
    params.nothing_left()?;
    match world.chats.get(&id) {
        Some(chat) if chat.status(bot, world.now()).is_banned() => {
            Err(Refusal::forbidden("bot was kicked from the supergroup chat"))
        }
        Some(chat) => Ok(chat.full_json()),
        None => Err(Refusal::bad("chat not found")),
    }
}

pub(super) fn get_administrators(world: &mut World, bot: i64, params: &mut Params) -> Answer {
    let id = group(world, bot, params)?;
    let bots = params.boolean("return_bots")?;
    params.nothing_left()?;
    let now = world.now();
    let chat = &world.chats[&id];
    let administrators = chat.members.keys().filter(|who| {
        // Other bots are left out unless they are asked for.
        let hidden = world.people[who].bot && **who != bot && !bots;
        chat.status(**who, now).is_administrator() && !hidden
    });
    Ok(administrators.map(|who| world.member(id, *who, bot)).collect())
}

pub(super) fn get_member(world: &mut World, bot: i64, params: &mut Params) -> Answer {
    let id = group(world, bot, params)?;
    let who = need(params.integer("user_id")?, "user_id")?;
    params.nothing_left()?;
    if !world.people.contains_key(&who) {
        return Err(Refusal::bad("user not found"));
    }
    Ok(world.member(id, who, bot))
}

pub(super) fn get_member_count(world: &mut World, bot: i64, params: &mut Params) -> Answer {
    let id = group(world, bot, params)?;
    params.nothing_left()?;
    let now = world.now();
    let chat = &world.chats[&id];
    let present = chat
        .members
        .keys()
        .filter(|who| chat.status(**who, now).is_present());
    Ok(Value::from(present.count()))
}

pub(super) fn set_permissions(world: &mut World, bot: i64, params: &mut Params) -> Answer {
    let refusal = "not enough rights to change chat permissions";
    let id = group_with(world, bot, params, "can_restrict_members", refusal)?;
    let given = need(params.object("permissions")?, "permissions")?;
    let independent = params.boolean("use_independent_chat_permissions")?;
    params.nothing_left()?;
    let permissions = Permissions::given(&given, independent).map_err(|text| Refusal::bad(&text))?;
    world.chat(id).defaults = permissions;
    done()
}

pub(super) fn leave(world: &mut World, bot: i64, params: &mut Params) -> Answer {
    let id = group(world, bot, params)?;
    params.nothing_left()?;
    world.change(id, bot, bot, Status::Left, &json!({}));
    done()
}
