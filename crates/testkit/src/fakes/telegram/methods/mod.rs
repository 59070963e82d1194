//! The methods, by their names in small letters. To add one: a function in the module of its kind, and a line here.

mod chats;
mod files;
mod members;
mod messages;
mod topics;
mod updates;

use super::params::{Params, need};
use super::refusal::{Answer, Refusal};
use super::world::World;
use serde_json::Value;

/// Does what a bot asks for. `getUpdates`, which waits, is answered elsewhere.
pub(super) fn call(world: &mut World, bot: i64, method: &str, params: &mut Params) -> Answer {
    let run = match method {
        "getme" => chats::get_me,
        "setmycommands" => chats::set_my_commands,
        "getchat" => chats::get_chat,
        "getchatadministrators" => chats::get_administrators,
        "getchatmember" => chats::get_member,
        "getchatmembercount" => chats::get_member_count,
        "setchatpermissions" => chats::set_permissions,
        "createforumtopic" => topics::create,
        "closeforumtopic" => topics::close,
        "getfile" => files::get,
        "senddocument" => files::send_document,
        "leavechat" => chats::leave,
        "banchatmember" => members::ban,
        "unbanchatmember" => members::unban,
        "restrictchatmember" => members::restrict,
        "promotechatmember" => members::promote,
        "banchatsenderchat" => members::ban_channel,
        "unbanchatsenderchat" => members::unban_channel,
        "approvechatjoinrequest" => members::approve,
        "declinechatjoinrequest" => members::decline,
        "answerchatjoinrequestquery" => members::answer_query,
        "sendmessage" => messages::send,
        "sendphoto" => messages::send_photo,
        "copymessage" => messages::copy,
        "forwardmessage" => messages::forward,
        "forwardmessages" => messages::forward_many,
        "editmessagetext" => messages::edit_text,
        "editmessagereplymarkup" => messages::edit_markup,
        "deletemessage" => messages::delete,
        "deletemessages" => messages::delete_many,
        "deletemessagereaction" => messages::delete_reaction,
        "deleteallmessagereactions" => messages::delete_reactions,
        "pinchatmessage" => messages::pin,
        "unpinchatmessage" => messages::unpin,
        "unpinallchatmessages" => messages::unpin_all,
        "answercallbackquery" => messages::answer_callback,
        "setwebhook" => updates::set_webhook,
        "deletewebhook" => updates::delete_webhook,
        "getwebhookinfo" => updates::webhook_info,
        _ => return Err(Refusal::unknown_method()),
    };
    run(world, bot, params)
}

/// The chat that a call is about.
fn chat(world: &World, params: &mut Params) -> Answer<i64> {
    let name = need(params.chat("chat_id")?, "chat_id")?;
    world.named(name)
}

/// A chat that is no private one, with the bot in it.
fn group(world: &World, bot: i64, params: &mut Params) -> Answer<i64> {
    let id = chat(world, params)?;
    let Some(chat) = world.chats.get(&id) else {
        return Err(Refusal::bad("chat not found"));
    };
    let status = chat.status(bot, world.now());
    if status.is_banned() {
        return Err(Refusal::forbidden("bot was kicked from the supergroup chat"));
    }
    if !status.is_present() {
        return Err(Refusal::forbidden("bot is not a member of the supergroup chat"));
    }
    Ok(id)
}

/// Such a chat, where the bot has this right.
fn group_with(world: &World, bot: i64, params: &mut Params, right: &str, refusal: &str) -> Answer<i64> {
    let id = group(world, bot, params)?;
    if world.chats[&id].status(bot, world.now()).has(right) {
        Ok(id)
    } else {
        Err(Refusal::bad(refusal))
    }
}

fn done() -> Answer {
    Ok(Value::Bool(true))
}
