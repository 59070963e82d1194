//! Members: looking, kicking, time-outs, roles, names.

use super::super::gateway::Audience;
use super::super::permissions::{KICK_MEMBERS, MANAGE_NICKNAMES, MANAGE_ROLES, MODERATE_MEMBERS};
use super::super::world::World;
use super::{Answer, Call, Outcome, Refusal, ids, log, may, member_of, reason};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use std::collections::BTreeSet;

pub(super) fn list(world: &World, bot: u64, guild: u64, call: &Call) -> Outcome {
    member_of(world, bot, guild)?;
    let after = call.number("after").unwrap_or(0);
    let members = world.guilds[&guild]
        .members
        .range(after + 1..)
        .take(call.limit(1, 1_000));
    Answer::ok(
        members
            .filter_map(|(user, _)| world.member_json(guild, *user))
            .collect(),
    )
}

pub(super) fn get(world: &World, bot: u64, guild: u64, user: u64) -> Outcome {
    member_of(world, bot, guild)?;
    match world.member_json(guild, user) {
        Some(member) => Answer::ok(member),
        None if world.users.contains_key(&user) => Err(Refusal::unknown(10_007)),
        None => Err(Refusal::unknown(10_013)),
    }
}

/// There is such a member, below the bot.
fn below(world: &World, bot: u64, guild: u64, user: u64) -> Result<(), Refusal> {
    get(world, bot, guild, user)?;
    if world.outranks(guild, bot, user) {
        Ok(())
    } else {
        Err(Refusal::permissions())
    }
}

pub(super) fn kick(world: &mut World, bot: u64, (guild, user): (u64, u64), call: &Call) -> Outcome {
    may(world, bot, guild, KICK_MEMBERS)?;
    below(world, bot, guild, user)?;
    let reason = reason(call)?;
    remove(world, guild, user);
    log(world, guild, bot, 20, Some(user), json!({ "reason": reason }));
    Answer::nothing()
}

/// Somebody is no longer there, for whatever reason.
pub(crate) fn remove(world: &mut World, guild: u64, user: u64) {
    let gone = world
        .guilds
        .get_mut(&guild)
        .and_then(|state| state.members.remove(&user));
    if gone.is_some() {
        let body = json!({ "guild_id": guild.to_string(), "user": world.user_json(user) });
        world.emit(guild, Audience::Members, "GUILD_MEMBER_REMOVE", &body);
    }
}

pub(super) fn change(world: &mut World, bot: u64, (guild, user): (u64, u64), call: &Call) -> Outcome {
    member_of(world, bot, guild)?;
    let reason = reason(call)?;
    let body = &call.body;
    if let Some(until) = body.get("communication_disabled_until") {
        may(world, bot, guild, MODERATE_MEMBERS)?;
        below(world, bot, guild, user)?;
        let until = time_out(world, guild, user, until)?;
        mute(world, bot, guild, user, until, reason.as_deref());
    }
    if let Some(nick) = body.get("nick") {
        may(world, bot, guild, MANAGE_NICKNAMES)?;
        below(world, bot, guild, user)?;
        let nick = nick.as_str().filter(|nick| !nick.is_empty()).map(str::to_owned);
        if let Some(member) = world
            .guilds
            .get_mut(&guild)
            .and_then(|state| state.members.get_mut(&user))
        {
            member.nick = nick;
        }
        updated(world, guild, user);
        log(world, guild, bot, 24, Some(user), json!({ "reason": reason }));
    }
    if body.get("roles").is_some() {
        may(world, bot, guild, MANAGE_ROLES)?;
        below(world, bot, guild, user)?;
        let wanted: BTreeSet<u64> = ids(&body["roles"]).into_iter().collect();
        let state = &world.guilds[&guild];
        let has = state.members.get(&user).map(|member| member.roles.clone());
        for changed in wanted.symmetric_difference(&has.unwrap_or_default()) {
            let role = state.roles.get(changed).ok_or_else(|| Refusal::unknown(10_011))?;
            if role.managed || role.position >= world.position(guild, bot) {
                return Err(Refusal::permissions());
            }
        }
        if let Some(member) = world
            .guilds
            .get_mut(&guild)
            .and_then(|state| state.members.get_mut(&user))
        {
            member.roles = wanted;
        }
        updated(world, guild, user);
        log(world, guild, bot, 25, Some(user), json!({ "reason": reason }));
    }
    get(world, bot, guild, user)
}

fn time_out(world: &World, guild: u64, user: u64, until: &Value) -> Result<Option<DateTime<Utc>>, Refusal> {
    if until.is_null() {
        return Ok(None);
    }
    if world.is_administrator(guild, user) {
        return Err(Refusal::permissions());
    }
    let wrong = |message| Refusal::form("communication_disabled_until", "DATE_TIME_TYPE_PARSE", message);
    let at = until.as_str().and_then(|text| text.parse::<DateTime<Utc>>().ok());
    let at = at.ok_or_else(|| wrong("Could not parse. Should be ISO8601."))?;
    if at > world.now() + TimeDelta::days(28) {
        return Err(wrong("Timeouts may not be longer than 28 days."));
    }
    Ok(Some(at))
}

/// What a time-out or its end does, whoever asked for it.
pub(crate) fn mute(
    world: &mut World,
    actor: u64,
    guild: u64,
    user: u64,
    until: Option<DateTime<Utc>>,
    reason: Option<&str>,
) {
    let Some(member) = world
        .guilds
        .get_mut(&guild)
        .and_then(|state| state.members.get_mut(&user))
    else {
        return;
    };
    let before = std::mem::replace(&mut member.muted_until, until);
    updated(world, guild, user);
    let mut change = json!({ "key": "communication_disabled_until" });
    if let Some(before) = before {
        change["old_value"] = json!(before.to_rfc3339());
    }
    if let Some(until) = until {
        change["new_value"] = json!(until.to_rfc3339());
    }
    log(
        world,
        guild,
        actor,
        24,
        Some(user),
        json!({ "reason": reason, "changes": [change] }),
    );
}

/// Tells that a member changed.
pub(crate) fn updated(world: &mut World, guild: u64, user: u64) {
    if let Some(mut body) = world.member_json(guild, user) {
        body["guild_id"] = json!(guild.to_string());
        world.emit(guild, Audience::Member(user), "GUILD_MEMBER_UPDATE", &body);
    }
}

/// Gives a role or takes it, and tells.
pub(crate) fn set_role(world: &mut World, guild: u64, (user, role): (u64, u64), give: bool) {
    if let Some(member) = world
        .guilds
        .get_mut(&guild)
        .and_then(|state| state.members.get_mut(&user))
    {
        if give {
            member.roles.insert(role);
        } else {
            member.roles.remove(&role);
        }
    }
    updated(world, guild, user);
}

pub(super) fn role(
    world: &mut World,
    bot: u64,
    (guild, user, role): (u64, u64, u64),
    give: bool,
    call: &Call,
) -> Outcome {
    may(world, bot, guild, MANAGE_ROLES)?;
    get(world, bot, guild, user)?;
    let reason = reason(call)?;
    let position = world.guilds[&guild]
        .roles
        .get(&role)
        .ok_or_else(|| Refusal::unknown(10_011))?
        .position;
    if position >= world.position(guild, bot) {
        return Err(Refusal::permissions());
    }
    set_role(world, guild, (user, role), give);
    log(world, guild, bot, 25, Some(user), json!({ "reason": reason }));
    Answer::nothing()
}
