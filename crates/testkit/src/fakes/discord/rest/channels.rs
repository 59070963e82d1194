//! Channels and their overwrites.

use super::super::gateway::Audience;
use super::super::permissions::{MANAGE_CHANNELS, MANAGE_ROLES, VIEW_CHANNEL};
use super::super::world::World;
use super::{Answer, Call, Outcome, Refusal, log, may_in, reason};
use serde_json::json;

pub(super) fn get(world: &World, bot: u64, channel: u64) -> Outcome {
    may_in(world, bot, channel, VIEW_CHANNEL)?;
    Answer::ok(world.channels[&channel].json())
}

pub(super) fn change(world: &mut World, bot: u64, channel: u64, call: &Call) -> Outcome {
    let guild = may_in(world, bot, channel, MANAGE_CHANNELS)?;
    let reason = reason(call)?;
    if let Some(slowmode) = call.body.get("rate_limit_per_user") {
        let seconds = slowmode
            .as_u64()
            .filter(|seconds| *seconds <= 21_600)
            .ok_or_else(|| {
                Refusal::form(
                    "rate_limit_per_user",
                    "NUMBER_TYPE_MAX",
                    "int value should be less than or equal to 21600.",
                )
            })?;
        if let Some(state) = world.channels.get_mut(&channel) {
            state.slowmode = seconds;
        }
    }
    if let Some(state) = world.channels.get_mut(&channel) {
        if let Some(overwrites) = call.body["permission_overwrites"].as_array() {
            state.overwrites.clone_from(overwrites);
        }
        if let Some(name) = call.body["name"].as_str() {
            name.clone_into(&mut state.name);
        }
    }
    if let Some(guild) = guild {
        updated(world, guild, channel);
        log(world, guild, bot, 11, Some(channel), json!({ "reason": reason }));
    }
    Answer::ok(world.channels[&channel].json())
}

pub(super) fn overwrite(
    world: &mut World,
    bot: u64,
    (channel, target): (u64, u64),
    put: bool,
    call: &Call,
) -> Outcome {
    let guild = may_in(world, bot, channel, MANAGE_ROLES)?;
    let reason = reason(call)?;
    let name = target.to_string();
    let bits = |member: &str| call.body[member].as_str().unwrap_or("0").to_owned();
    let (allow, deny) = (bits("allow"), bits("deny"));
    let known = world.channels[&channel]
        .overwrites
        .iter()
        .position(|overwrite| overwrite["id"] == name.as_str());
    if put {
        let number = |text: &str| {
            text.parse::<u128>()
                .map_err(|_| Refusal::form("allow", "BITFIELD", "no bits"))
        };
        let before = known
            .map(|at| world.channels[&channel].overwrites[at].clone())
            .unwrap_or_default();
        let was = |member: &str| {
            before[member]
                .as_str()
                .and_then(|text| text.parse::<u128>().ok())
                .unwrap_or(0)
        };
        let changed = (number(&allow)? ^ was("allow")) | (number(&deny)? ^ was("deny"));
        // Nobody gives or takes what they do not have themselves.
        let held = guild.map_or(u64::MAX, |guild| world.guild_permissions(guild, bot));
        if held != u64::MAX && changed & !u128::from(held) != 0 {
            return Err(Refusal::permissions());
        }
    } else if known.is_none() {
        return Err(Refusal::unknown(10_009));
    }
    let written = json!({ "id": name, "type": call.body["type"], "allow": allow, "deny": deny });
    if let Some(state) = world.channels.get_mut(&channel) {
        match known {
            Some(at) if put => state.overwrites[at] = written,
            Some(at) => drop(state.overwrites.remove(at)),
            None => state.overwrites.push(written),
        }
    }
    if let Some(guild) = guild {
        updated(world, guild, channel);
        let action = if put { 14 } else { 15 };
        log(
            world,
            guild,
            bot,
            action,
            Some(channel),
            json!({ "reason": reason, "options": { "id": target.to_string() } }),
        );
    }
    Answer::nothing()
}

fn updated(world: &mut World, guild: u64, channel: u64) {
    let body = world.channels[&channel].json();
    world.emit(guild, Audience::Guilds, "CHANNEL_UPDATE", &body);
}
