//! People: names under which they appear, roles, when they came.

use super::{id, list, text, time, time_of};
use lockdown_events::{GuildId, Names, Platform, RoleId, UserId, UserJoined};
use serde_json::Value;

/// Every name of a person, from the user object and, where there is one, the member object.
pub(crate) fn names(user: &Value, member: Option<&Value>) -> Names {
    let tag = ["primary_guild", "clan"]
        .iter()
        .find_map(|place| text(&user[place]["tag"]));
    Names {
        username: text(&user["username"]),
        display_name: text(&user["global_name"]),
        nick: member.and_then(|member| text(&member["nick"])),
        tag,
    }
}

/// The id of a user object.
pub(crate) fn user_id(user: &Value) -> Option<UserId> {
    UserId::new(&id(&user["id"])?.to_string()).ok()
}

/// The roles of a member object.
pub(crate) fn roles(member: &Value) -> Vec<RoleId> {
    list(&member["roles"])
        .filter_map(id)
        .filter_map(|id| RoleId::new(&id.to_string()).ok())
        .collect()
}

/// GUILD_MEMBER_ADD.
pub(crate) fn joined(guild: &GuildId, body: &Value) -> Option<UserJoined> {
    let user = &body["user"];
    let flags = body["flags"].as_u64().unwrap_or(0);
    Some(UserJoined {
        platform: Platform::Discord,
        guild_id: guild.clone(),
        user_id: user_id(user)?,
        names: names(user, Some(body)),
        bot: user["bot"] == true,
        account_created_at: id(&user["id"]).map(time_of),
        inviter_id: None,
        invite_code: None,
        rejoined: flags & 1 != 0,
        avatar: text(&user["avatar"]),
    })
}

/// When a member came.
pub(super) fn joined_at(member: &Value) -> Option<chrono::DateTime<chrono::Utc>> {
    time(&member["joined_at"])
}
