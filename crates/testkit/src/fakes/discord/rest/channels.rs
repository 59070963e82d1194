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
    if let Some(state) = world.channels.get_mut(&channel) {
        let name = target.to_string();
        state
            .overwrites
            .retain(|overwrite| overwrite["id"] != name.as_str());
        if put {
            let bits = |member: &str| call.body[member].as_str().unwrap_or("0").to_owned();
            state.overwrites.push(json!({
                "id": name, "type": call.body["type"], "allow": bits("allow"), "deny": bits("deny"),
            }));
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
