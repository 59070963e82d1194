//! What each call of the API does. To add one: its line in [`answer`], and a function in the module of its noun.

mod automod;
mod bans;
mod channels;
mod guilds;
mod interactions;
mod members;
mod messages;

pub(super) use automod::{make as make_automod_rule, remove as remove_automod_rule, stops as automod_stops};
pub(super) use bans::{carry_out as carry_out_ban, lift as lift_ban};
pub(super) use members::{mute, remove as remove_member, set_role, updated};
pub(super) use messages::{amend, remove as remove_messages, write};

use super::permissions;
use super::world::{World, number};
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(super) struct Call {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) template: String,
    pub(super) query: BTreeMap<String, String>,
    pub(super) body: Value,
    /// The body as text, for the calls that take a form.
    pub(super) form: String,
    pub(super) audit: Option<String>,
    pub(super) token: Option<String>,
}

pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Option<Value>,
}

pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) code: u32,
    pub(super) message: String,
    pub(super) errors: Option<Value>,
}

pub(super) type Outcome = Result<Answer, Refusal>;

// === impl Call ===

impl Call {
    /// The guild, channel or webhook whose limits this call uses up.
    pub(super) fn top(&self) -> &str {
        let mut parts = self.path.split('/');
        match parts.next() {
            Some("guilds" | "channels" | "webhooks") => parts.next().unwrap_or_default(),
            _ => "",
        }
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.query.get(name).and_then(|text| text.parse().ok())
    }

    /// How many of a list are wanted.
    fn limit(&self, usual: usize, most: usize) -> usize {
        self.number("limit")
            .and_then(|limit| usize::try_from(limit).ok())
            .unwrap_or(usual)
            .clamp(1, most)
    }
}

// === impl Answer ===

impl Answer {
    fn ok(body: Value) -> Outcome {
        Ok(Self {
            status: 200,
            body: Some(body),
        })
    }

    fn nothing() -> Outcome {
        Ok(Self {
            status: 204,
            body: None,
        })
    }
}

// === impl Refusal ===

impl Refusal {
    pub(super) fn new(status: u16, code: u32, message: &str) -> Self {
        Self {
            status,
            code,
            message: message.to_owned(),
            errors: None,
        }
    }

    fn unknown(code: u32) -> Self {
        let what = match code {
            10_003 => "Unknown Channel",
            10_004 => "Unknown Guild",
            10_007 => "Unknown Member",
            10_008 => "Unknown Message",
            10_009 => "Unknown Permission Overwrite",
            10_011 => "Unknown Role",
            10_013 => "Unknown User",
            10_026 => "Unknown Ban",
            10_062 => "Unknown interaction",
            _ => "404: Not Found",
        };
        Self::new(404, code, what)
    }

    fn access() -> Self {
        Self::new(403, 50_001, "Missing Access")
    }

    fn permissions() -> Self {
        Self::new(403, 50_013, "Missing Permissions")
    }

    /// The body is wrong in this member.
    fn form(member: &str, code: &str, message: &str) -> Self {
        Self {
            errors: Some(json!({ member: { "_errors": [{ "code": code, "message": message }] } })),
            ..Self::new(400, 50_035, "Invalid Form Body")
        }
    }
}

/// A part of a path that must be an id.
fn id(part: &str) -> Result<u64, Refusal> {
    part.parse()
        .map_err(|_| Refusal::form("id", "NUMBER_TYPE_COERCE", "Value is not snowflake."))
}

pub(super) fn answer(world: &mut World, bot: u64, call: &Call) -> Outcome {
    let parts: Vec<&str> = call.path.split('/').collect();
    match (call.method.as_str(), parts.as_slice()) {
        ("GET", ["gateway"]) => Answer::ok(json!({ "url": world.gateway_url })),
        ("GET", ["gateway", "bot"]) => {
            let left = world.gateway.identifies_left();
            Answer::ok(
                json!({ "url": world.gateway_url, "shards": world.gateway.recommended, "session_start_limit": {
                    "total": 1_000, "remaining": left, "reset_after": 86_400_000, "max_concurrency": world.gateway.concurrency,
                }}),
            )
        }
        ("GET", ["users", "@me"]) => {
            let mut me = world.user_json(bot);
            me["mfa_enabled"] = json!(true);
            me["verified"] = json!(true);
            me["locale"] = json!("en-US");
            Answer::ok(me)
        }
        ("GET", ["users", "@me", "guilds"]) => guilds::own(world, bot),
        ("GET", ["users", user]) => {
            let user = id(user)?;
            world.users.get(&user).ok_or_else(|| Refusal::unknown(10_013))?;
            Answer::ok(world.user_json(user))
        }
        ("POST", ["users", "@me", "channels"]) => messages::open(world, bot, call),
        ("GET", ["oauth2", "applications", "@me"] | ["applications", "@me"]) => {
            guilds::application(world, bot)
        }
        ("PUT", ["applications", _, "commands"]) => interactions::commands(world, bot, call),
        ("GET", ["guilds", guild]) => guilds::get(world, bot, id(guild)?),
        ("GET", ["guilds", guild, "roles"]) => guilds::roles(world, bot, id(guild)?),
        ("GET", ["guilds", guild, "channels"]) => guilds::channels(world, bot, id(guild)?),
        ("GET", ["guilds", guild, "audit-logs"]) => guilds::audit(world, bot, id(guild)?, call),
        ("GET", ["guilds", guild, "members"]) => members::list(world, bot, id(guild)?, call),
        ("GET", ["guilds", guild, "members", user]) => members::get(world, bot, id(guild)?, id(user)?),
        ("PATCH", ["guilds", guild, "members", user]) => {
            members::change(world, bot, (id(guild)?, id(user)?), call)
        }
        ("DELETE", ["guilds", guild, "members", user]) => {
            members::kick(world, bot, (id(guild)?, id(user)?), call)
        }
        (method @ ("PUT" | "DELETE"), ["guilds", guild, "members", user, "roles", role]) => members::role(
            world,
            bot,
            (id(guild)?, id(user)?, id(role)?),
            method == "PUT",
            call,
        ),
        ("GET", ["guilds", guild, "bans"]) => bans::list(world, bot, id(guild)?, call),
        ("GET", ["guilds", guild, "bans", user]) => bans::get(world, bot, id(guild)?, id(user)?),
        ("PUT", ["guilds", guild, "bans", user]) => bans::ban(world, bot, (id(guild)?, id(user)?), call),
        ("DELETE", ["guilds", guild, "bans", user]) => bans::unban(world, bot, (id(guild)?, id(user)?), call),
        ("POST", ["guilds", guild, "bulk-ban"]) => bans::many(world, bot, id(guild)?, call),
        ("PUT", ["guilds", guild, "incident-actions"]) => guilds::incidents(world, bot, id(guild)?, call),
        ("GET", ["guilds", guild, "auto-moderation", "rules"]) => automod::list(world, bot, id(guild)?),
        ("POST", ["guilds", guild, "auto-moderation", "rules"]) => {
            automod::create(world, bot, id(guild)?, call)
        }
        (method, ["guilds", guild, "auto-moderation", "rules", rule]) => {
            let at = (id(guild)?, id(rule)?);
            match method {
                "GET" => automod::get(world, bot, at.0, at.1),
                "PATCH" => automod::change(world, bot, at, call),
                "DELETE" => automod::delete(world, bot, at),
                _ => Err(Refusal::unknown(0)),
            }
        }
        ("GET", ["channels", channel]) => channels::get(world, bot, id(channel)?),
        ("PATCH", ["channels", channel]) => channels::change(world, bot, id(channel)?, call),
        (method @ ("PUT" | "DELETE"), ["channels", channel, "permissions", target]) => {
            channels::overwrite(world, bot, (id(channel)?, id(target)?), method == "PUT", call)
        }
        ("GET", ["channels", channel, "messages"]) => messages::list(world, bot, id(channel)?, call),
        ("POST", ["channels", channel, "messages"]) => messages::create(world, bot, id(channel)?, call),
        ("POST", ["channels", channel, "messages", "bulk-delete"]) => {
            messages::delete_many(world, bot, id(channel)?, call)
        }
        ("GET", ["channels", channel, "messages", message]) => {
            messages::get(world, bot, id(channel)?, id(message)?)
        }
        ("PATCH", ["channels", channel, "messages", message]) => {
            messages::edit(world, bot, (id(channel)?, id(message)?), call)
        }
        ("DELETE", ["channels", channel, "messages", message]) => {
            messages::delete(world, bot, (id(channel)?, id(message)?), call)
        }
        ("POST", ["interactions", interaction, token, "callback"]) => {
            interactions::callback(world, id(interaction)?, token, call)
        }
        ("POST", ["webhooks", _, token]) => interactions::follow_up(world, token, call),
        (method @ ("GET" | "PATCH" | "DELETE"), ["webhooks", _, token, "messages", message]) => {
            interactions::change(world, token, message, method, call)
        }
        _ => Err(Refusal::unknown(0)),
    }
}

/// The guild, when the bot is in it and it can be reached.
fn member_of(world: &World, bot: u64, guild: u64) -> Result<(), Refusal> {
    let state = world.guilds.get(&guild).ok_or_else(|| Refusal::unknown(10_004))?;
    if state.away {
        return Err(Refusal::new(500, 0, "500: Internal Server Error"));
    }
    if state.members.contains_key(&bot) {
        Ok(())
    } else {
        Err(Refusal::access())
    }
}

/// The bot is in the guild and holds this permission there.
fn may(world: &World, bot: u64, guild: u64, permission: u64) -> Result<(), Refusal> {
    member_of(world, bot, guild)?;
    if world.guild_permissions(guild, bot) & permission == permission {
        Ok(())
    } else {
        Err(Refusal::permissions())
    }
}

/// The bot sees the channel and holds this permission there.
fn may_in(world: &World, bot: u64, channel: u64, permission: u64) -> Result<Option<u64>, Refusal> {
    let state = world
        .channels
        .get(&channel)
        .ok_or_else(|| Refusal::unknown(10_003))?;
    let guild = state.guild;
    if let Some(guild) = guild {
        member_of(world, bot, guild)?;
    }
    let held = world.channel_permissions(channel, bot);
    if held & permissions::VIEW_CHANNEL == 0 {
        return Err(Refusal::access());
    }
    if held & permission != permission {
        return Err(Refusal::permissions());
    }
    Ok(guild)
}

/// Writes an entry of the audit log, and tells those who may read it.
pub(super) fn log(
    world: &mut World,
    guild: u64,
    actor: u64,
    action: u32,
    target: Option<u64>,
    rest: Value,
) -> u64 {
    let entry_id = world.id();
    let mut entry = json!({
        "id": entry_id.to_string(), "user_id": actor.to_string(), "action_type": action,
        "target_id": target.map(|target| target.to_string()),
    });
    if let (Some(entry), Value::Object(rest)) = (entry.as_object_mut(), rest) {
        entry.extend(rest.into_iter().filter(|(_, value)| !value.is_null()));
    }
    if let Some(state) = world.guilds.get_mut(&guild) {
        state.audit.push(entry.clone());
    }
    entry["guild_id"] = json!(guild.to_string());
    world.emit(
        guild,
        super::gateway::Audience::Auditors,
        "GUILD_AUDIT_LOG_ENTRY_CREATE",
        &entry,
    );
    entry_id
}

/// Writes down that somebody was kicked.
pub(super) fn kick_log(world: &mut World, actor: u64, guild: u64, user: u64, reason: Option<&str>) {
    log(world, guild, actor, 20, Some(user), json!({ "reason": reason }));
}

/// The reason for the audit log, when it is one.
fn reason(call: &Call) -> Result<Option<String>, Refusal> {
    match &call.audit {
        Some(text) if text.encode_utf16().count() > 512 => Err(Refusal::form(
            "reason",
            "BASE_TYPE_BAD_LENGTH",
            "Must be between 1 and 512 in length.",
        )),
        other => Ok(other.clone()),
    }
}

fn ids(value: &Value) -> Vec<u64> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(number)
        .collect()
}
