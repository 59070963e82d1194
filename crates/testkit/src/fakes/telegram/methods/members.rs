//! What happens to people.

use super::super::chat::Kind;
use super::super::member::{Permissions, RIGHTS, Status, until};
use super::super::params::{Params, need};
use super::super::refusal::{Answer, Refusal};
use super::super::world::{ANONYMOUS_ADMIN, CHANNEL_BOT, TELEGRAM, World};
use super::{done, group_with};
use serde_json::json;

const NOT_ENOUGH: &str = "not enough rights to restrict/unrestrict chat member";

/// Whom a call is about: somebody who may be acted upon.
fn subject(world: &World, chat: i64, bot: i64, params: &mut Params) -> Answer<i64> {
    let who = need(params.integer("user_id")?, "user_id")?;
    if !world.people.contains_key(&who) || [ANONYMOUS_ADMIN, CHANNEL_BOT, TELEGRAM].contains(&who) {
        return Err(Refusal::bad("PARTICIPANT_ID_INVALID"));
    }
    if who == bot {
        return Err(Refusal::bad("can't restrict self"));
    }
    match world.chats[&chat].status(who, world.now()) {
        Status::Creator { .. } => Err(Refusal::bad("can't remove chat owner")),
        Status::Administrator { by, .. } if by != bot => {
            Err(Refusal::bad("user is an administrator of the chat"))
        }
        _ => Ok(who),
    }
}

fn above_groups(world: &World, chat: i64, refusal: &str) -> Answer<()> {
    match world.chats[&chat].kind {
        Kind::Supergroup | Kind::Channel => Ok(()),
        Kind::Private | Kind::Group => Err(Refusal::bad(refusal)),
    }
}

pub(super) fn ban(world: &mut World, bot: i64, params: &mut Params) -> Answer {
    let chat = group_with(world, bot, params, "can_restrict_members", NOT_ENOUGH)?;
    let who = subject(world, chat, bot, params)?;
    let date = params.integer("until_date")?;
    let revoke = params.boolean("revoke_messages")?;
    params.nothing_left()?;
    let until = until(date, world.now());
    // Always so in supergroups and channels.
    if revoke || world.chats[&chat].kind != Kind::Group {
        world.chat(chat).forget(who);
    }
    world.change(chat, bot, who, Status::Banned { until }, &json!({}));
    done()
}

pub(super) fn unban(world: &mut World, bot: i64, params: &mut Params) -> Answer {
    let chat = group_with(world, bot, params, "can_restrict_members", NOT_ENOUGH)?;
    above_groups(
        world,
        chat,
        "method is available for supergroup and channel chats only",
    )?;
    let who = subject(world, chat, bot, params)?;
    let only_if_banned = params.boolean("only_if_banned")?;
    params.nothing_left()?;
    let now = world.now();
    // Without the flag, whoever is present is removed and may return.
    if !only_if_banned || world.chats[&chat].status(who, now).is_banned() {
        world.change(chat, bot, who, Status::Left, &json!({}));
    }
    done()
}

pub(super) fn restrict(world: &mut World, bot: i64, params: &mut Params) -> Answer {
    let chat = group_with(world, bot, params, "can_restrict_members", NOT_ENOUGH)?;
    if world.chats[&chat].kind != Kind::Supergroup {
        return Err(Refusal::bad("method is available only for supergroups"));
    }
    let who = subject(world, chat, bot, params)?;
    let given = need(params.object("permissions")?, "permissions")?;
    let independent = params.boolean("use_independent_chat_permissions")?;
    let date = params.integer("until_date")?;
    params.nothing_left()?;
    let permissions = Permissions::given(&given, independent).map_err(|text| Refusal::bad(&text))?;
    let now = world.now();
    let place = &world.chats[&chat];
    // A ban is replaced by the restriction of somebody who is away.
    let present = place.status(who, now).is_present();
    // Who may all that everybody may is not restricted.
    let free = permissions == Permissions::all() || permissions == place.defaults;
    let status = match (free, present) {
        (true, true) => Status::Member,
        (true, false) => Status::Left,
        (false, present) => Status::Restricted {
            permissions,
            until: until(date, now),
            present,
        },
    };
    world.change(chat, bot, who, status, &json!({}));
    done()
}

pub(super) fn promote(world: &mut World, bot: i64, params: &mut Params) -> Answer {
    let refusal = "not enough rights to promote/demote chat member";
    let chat = group_with(world, bot, params, "can_promote_members", refusal)?;
    let who = subject(world, chat, bot, params)?;
    let anonymous = params.boolean("is_anonymous")?;
    let mut rights = Permissions::default();
    for right in RIGHTS {
        if params.boolean(right)? {
            rights.0.insert(right);
        }
    }
    params.nothing_left()?;
    let own = world.chats[&chat].status(bot, world.now());
    if rights.0.iter().any(|right| !own.has(right)) {
        return Err(Refusal::bad("RIGHT_FORBIDDEN"));
    }
    let status = if rights == Permissions::default() {
        Status::Member
    } else {
        Status::Administrator {
            rights,
            anonymous,
            by: bot,
        }
    };
    world.change(chat, bot, who, status, &json!({}));
    done()
}

pub(super) fn ban_channel(world: &mut World, bot: i64, params: &mut Params) -> Answer {
    let (chat, channel) = channel(world, bot, params)?;
    world.chat(chat).banned_channels.insert(channel);
    done()
}

pub(super) fn unban_channel(world: &mut World, bot: i64, params: &mut Params) -> Answer {
    let (chat, channel) = channel(world, bot, params)?;
    world.chat(chat).banned_channels.remove(&channel);
    done()
}

fn channel(world: &World, bot: i64, params: &mut Params) -> Answer<(i64, i64)> {
    let chat = group_with(world, bot, params, "can_restrict_members", NOT_ENOUGH)?;
    above_groups(
        world,
        chat,
        "method is available for supergroup and channel chats only",
    )?;
    let channel = need(params.integer("sender_chat_id")?, "sender_chat_id")?;
    params.nothing_left()?;
    match world.chats.get(&channel) {
        Some(found) if found.kind == Kind::Channel => Ok((chat, channel)),
        _ => Err(Refusal::bad("PARTICIPANT_ID_INVALID")),
    }
}

pub(super) fn approve(world: &mut World, bot: i64, params: &mut Params) -> Answer {
    let (chat, who) = request(world, bot, params)?;
    world.chat(chat).requests.remove(&who);
    world.change(
        chat,
        bot,
        who,
        Status::Member,
        &json!({ "via_join_request": true }),
    );
    done()
}

pub(super) fn decline(world: &mut World, bot: i64, params: &mut Params) -> Answer {
    let (chat, who) = request(world, bot, params)?;
    world.chat(chat).requests.remove(&who);
    done()
}

fn request(world: &World, bot: i64, params: &mut Params) -> Answer<(i64, i64)> {
    let refusal = "not enough rights to manage chat join requests";
    let chat = group_with(world, bot, params, "can_invite_users", refusal)?;
    let who = need(params.integer("user_id")?, "user_id")?;
    params.nothing_left()?;
    if world.chats[&chat].requests.contains_key(&who) {
        Ok((chat, who))
    } else {
        Err(Refusal::bad("HIDE_REQUESTER_MISSING"))
    }
}

pub(super) fn answer_query(world: &mut World, bot: i64, params: &mut Params) -> Answer {
    let query = need(
        params.text("chat_join_request_query_id")?,
        "chat_join_request_query_id",
    )?;
    let result = need(params.text("result")?, "result")?;
    params.nothing_left()?;
    if !["approve", "decline", "queue"].contains(&result.as_str()) {
        return Err(Refusal::bad("wrong result of the query specified"));
    }
    let mut found = None;
    for (id, chat) in &world.chats {
        let asked = chat
            .requests
            .iter()
            .find(|(_, asked)| asked.as_deref() == Some(&query));
        found = found.or(asked.map(|(who, _)| (*id, *who)));
    }
    let Some((chat, who)) = found else {
        return Err(Refusal::bad(
            "query is too old and response timeout expired or query ID is invalid",
        ));
    };
    match result.as_str() {
        "approve" => {
            world.chat(chat).requests.remove(&who);
            world.change(
                chat,
                bot,
                who,
                Status::Member,
                &json!({ "via_join_request": true }),
            );
        }
        "decline" => drop(world.chat(chat).requests.remove(&who)),
        _ => {}
    }
    world.decided.push((query, result));
    done()
}
