//! Guilds, their audit log, and the application itself.

use super::super::permissions::{MANAGE_GUILD, VIEW_AUDIT_LOG};
use super::super::world::{Channel, Role, World, number};
use super::{Answer, Call, Outcome, Refusal, may, member_of};
use serde_json::{Value, json};

pub(super) fn application(world: &World, bot: u64) -> Outcome {
    let granted = world
        .bots
        .iter()
        .find(|known| known.id == bot)
        .map_or(0, |known| known.granted);
    // The owner's switches, as flags of an application that is in few guilds.
    let flags = [(1_u64 << 1, 1_u64 << 15), (1 << 8, 1 << 13), (1 << 15, 1 << 19)];
    let flags = flags
        .iter()
        .filter(|(intent, _)| granted & intent != 0)
        .fold(0, |all, (_, flag)| all | flag);
    Answer::ok(json!({
        "id": bot.to_string(), "name": world.users.get(&bot).map(|user| user.name.clone()), "icon": null, "description": "",
        "bot_public": true, "bot_require_code_grant": false, "verify_key": "00", "flags": flags, "owner": null, "team": null,
        "summary": "", "rpc_origins": [], "type": null, "flags_new": flags.to_string(), "redirect_uris": [],
        "interactions_endpoint_url": null, "role_connections_verification_url": null, "explicit_content_filter": 0,
        "approximate_guild_count": world.guilds.len(), "approximate_user_install_count": 0,
        "approximate_user_authorization_count": 0, "eligible_oauth2_scopes": [],
    }))
}

pub(super) fn own(world: &World, bot: u64) -> Outcome {
    let own = world
        .guilds
        .values()
        .filter(|guild| guild.members.contains_key(&bot));
    let list = own.map(|guild| {
        json!({ "id": guild.id.to_string(), "name": guild.name, "icon": null, "owner": guild.owner == bot, "features": [],
                "permissions": world.guild_permissions(guild.id, bot).to_string() })
    });
    Answer::ok(list.collect())
}

pub(super) fn get(world: &World, bot: u64, guild: u64) -> Outcome {
    member_of(world, bot, guild)?;
    let mut object = world.guild_json(guild).unwrap_or_default();
    if let Some(object) = object.as_object_mut() {
        // What only the gateway tells.
        for name in [
            "members",
            "channels",
            "threads",
            "joined_at",
            "member_count",
            "large",
            "unavailable",
            "presences",
        ] {
            object.remove(name);
        }
    }
    Answer::ok(object)
}

pub(super) fn roles(world: &World, bot: u64, guild: u64) -> Outcome {
    member_of(world, bot, guild)?;
    Answer::ok(world.guilds[&guild].roles.values().map(Role::json).collect())
}

pub(super) fn channels(world: &World, bot: u64, guild: u64) -> Outcome {
    member_of(world, bot, guild)?;
    let of_guild = world
        .channels
        .values()
        .filter(|channel| channel.guild == Some(guild));
    Answer::ok(
        of_guild
            .filter(|channel| !matches!(channel.kind, 10..=12))
            .map(Channel::json)
            .collect(),
    )
}

/// Pages: `after` goes forwards, anything else backwards from the newest.
pub(super) fn audit(world: &World, bot: u64, guild: u64, call: &Call) -> Outcome {
    may(world, bot, guild, VIEW_AUDIT_LOG)?;
    let limit = call.limit(50, 100);
    let fits = |entry: &&Value| {
        let id = number(&entry["id"]).unwrap_or(0);
        call.number("after").is_none_or(|after| id > after)
            && call.number("before").is_none_or(|before| id < before)
            && call
                .number("action_type")
                .is_none_or(|action| entry["action_type"].as_u64() == Some(action))
            && call
                .number("user_id")
                .is_none_or(|user| number(&entry["user_id"]) == Some(user))
    };
    let entries = world.guilds[&guild].audit.iter().filter(fits);
    let page: Vec<&Value> = if call.number("after").is_some() {
        entries.take(limit).collect()
    } else {
        entries.rev().take(limit).collect()
    };
    let users: Vec<Value> = page
        .iter()
        .filter_map(|entry| number(&entry["user_id"]))
        .map(|user| world.user_json(user))
        .collect();
    Answer::ok(json!({
        "audit_log_entries": page, "users": users, "integrations": [], "webhooks": [], "guild_scheduled_events": [],
        "threads": [], "application_commands": [], "auto_moderation_rules": [],
    }))
}

pub(super) fn incidents(world: &World, bot: u64, guild: u64, call: &Call) -> Outcome {
    may(world, bot, guild, MANAGE_GUILD)?;
    let until = |name: &str| -> Result<Value, Refusal> {
        let Some(text) = call.body[name].as_str() else {
            return Ok(Value::Null);
        };
        let wrong = || {
            Refusal::form(
                name,
                "DATE_TIME_TYPE_PARSE",
                "Could not parse. Should be ISO8601 within 24 hours.",
            )
        };
        let at: chrono::DateTime<chrono::Utc> = text.parse().map_err(|_| wrong())?;
        if at > world.now() + chrono::TimeDelta::hours(24) {
            return Err(wrong());
        }
        Ok(json!(text))
    };
    Answer::ok(
        json!({ "invites_disabled_until": until("invites_disabled_until")?, "dms_disabled_until": until("dms_disabled_until")? }),
    )
}
