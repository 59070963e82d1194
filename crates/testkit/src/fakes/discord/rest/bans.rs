//! Bans.

use super::super::gateway::Audience;
use super::super::permissions::{BAN_MEMBERS, MANAGE_GUILD};
use super::super::world::{World, id_at};
use super::{Answer, Call, Outcome, Refusal, ids, log, may, member_of, reason};
use chrono::TimeDelta;
use serde_json::{Value, json};

const LONGEST: u64 = 604_800;

fn ban_json(world: &World, guild: u64, user: u64) -> Value {
    json!({ "reason": world.guilds[&guild].bans.get(&user).cloned().flatten(), "user": world.user_json(user) })
}

pub(super) fn list(world: &World, bot: u64, guild: u64, call: &Call) -> Outcome {
    may(world, bot, guild, BAN_MEMBERS)?;
    let after = call.number("after").unwrap_or(0);
    let bans = world.guilds[&guild]
        .bans
        .range(after + 1..)
        .take(call.limit(1_000, 1_000));
    Answer::ok(bans.map(|(user, _)| ban_json(world, guild, *user)).collect())
}

pub(super) fn get(world: &World, bot: u64, guild: u64, user: u64) -> Outcome {
    may(world, bot, guild, BAN_MEMBERS)?;
    if !world.guilds[&guild].bans.contains_key(&user) {
        return Err(Refusal::unknown(10_026));
    }
    Answer::ok(ban_json(world, guild, user))
}

fn window(call: &Call) -> Result<u64, Refusal> {
    match call.body["delete_message_seconds"].as_u64() {
        None if call.body["delete_message_seconds"].is_null() => Ok(0),
        Some(seconds) if seconds <= LONGEST => Ok(seconds),
        _ => Err(Refusal::form(
            "delete_message_seconds",
            "NUMBER_TYPE_MAX",
            "int value should be less than or equal to 604800.",
        )),
    }
}

pub(super) fn ban(world: &mut World, bot: u64, (guild, user): (u64, u64), call: &Call) -> Outcome {
    may(world, bot, guild, BAN_MEMBERS)?;
    world.users.get(&user).ok_or_else(|| Refusal::unknown(10_013))?;
    let (reason, seconds) = (reason(call)?, window(call)?);
    if world.guilds[&guild].members.contains_key(&user) && !world.outranks(guild, bot, user) {
        return Err(Refusal::permissions());
    }
    carry_out(world, bot, guild, user, reason.as_deref(), seconds);
    Answer::nothing()
}

pub(super) fn many(world: &mut World, bot: u64, guild: u64, call: &Call) -> Outcome {
    may(world, bot, guild, BAN_MEMBERS | MANAGE_GUILD)?;
    let (reason, seconds) = (reason(call)?, window(call)?);
    let wanted = ids(&call.body["user_ids"]);
    if wanted.is_empty() || wanted.len() > 200 {
        return Err(Refusal::form(
            "user_ids",
            "BASE_TYPE_BAD_LENGTH",
            "Must be between 1 and 200 in length.",
        ));
    }
    let (mut banned, mut failed) = (Vec::new(), Vec::new());
    for user in wanted {
        // The bot's own id is dropped without a word.
        if user == bot {
            continue;
        }
        let state = &world.guilds[&guild];
        let below = !state.members.contains_key(&user) || world.outranks(guild, bot, user);
        if world.users.contains_key(&user) && !state.bans.contains_key(&user) && below {
            carry_out(world, bot, guild, user, reason.as_deref(), seconds);
            banned.push(user.to_string());
        } else {
            failed.push(user.to_string());
        }
    }
    if banned.is_empty() {
        return Err(Refusal::new(400, 500_000, "Failed to ban users"));
    }
    Answer::ok(json!({ "banned_users": banned, "failed_users": failed }))
}

/// What a ban does, whoever asked for it.
pub(crate) fn carry_out(
    world: &mut World,
    actor: u64,
    guild: u64,
    user: u64,
    reason: Option<&str>,
    seconds: u64,
) {
    let Some(state) = world.guilds.get_mut(&guild) else {
        return;
    };
    let was_member = state.members.remove(&user).is_some();
    if state.bans.insert(user, reason.map(str::to_owned)).is_some() {
        return;
    }
    let person = world.user_json(user);
    let body = || json!({ "guild_id": guild.to_string(), "user": person });
    if was_member {
        world.emit(guild, Audience::Members, "GUILD_MEMBER_REMOVE", &body());
    }
    world.emit(guild, Audience::Moderation, "GUILD_BAN_ADD", &body());
    log(world, guild, actor, 22, Some(user), json!({ "reason": reason }));
    if seconds > 0 {
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
        let since = id_at(world.now() - TimeDelta::seconds(seconds));
        let channels: Vec<u64> = world
            .channels
            .values()
            .filter(|channel| channel.guild == Some(guild))
            .map(|channel| channel.id)
            .collect();
        for channel in channels {
            let author = user.to_string();
            let said = world.channels[&channel].messages.range(since..);
            let theirs: Vec<u64> = said
                .filter(|(_, message)| message["author"]["id"] == author)
                .map(|(id, _)| *id)
                .collect();
            if !theirs.is_empty() {
                super::messages::remove(world, channel, &theirs);
            }
        }
    }
}

pub(super) fn unban(world: &mut World, bot: u64, (guild, user): (u64, u64), call: &Call) -> Outcome {
    member_of(world, bot, guild)?;
    may(world, bot, guild, BAN_MEMBERS)?;
    let reason = reason(call)?;
    if !lift(world, bot, guild, user, reason.as_deref()) {
        return Err(Refusal::unknown(10_026));
    }
    Answer::nothing()
}

/// What the end of a ban does; `false` when there was none.
pub(crate) fn lift(world: &mut World, actor: u64, guild: u64, user: u64, reason: Option<&str>) -> bool {
    let Some(state) = world.guilds.get_mut(&guild) else {
        return false;
    };
    if state.bans.remove(&user).is_none() {
        return false;
    }
    let body = json!({ "guild_id": guild.to_string(), "user": world.user_json(user) });
    world.emit(guild, Audience::Moderation, "GUILD_BAN_REMOVE", &body);
    log(world, guild, actor, 23, Some(user), json!({ "reason": reason }));
    true
}
