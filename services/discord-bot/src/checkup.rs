//! What the bot lacks to do its work, in words that tell what to do about it: intents of the application, permissions in
//! a guild and in its channels, a place among the roles.
//!
//! The same is said by `/doctor`, where names are mentions, and by `lockdown doctor`. To look at one thing more: a part of
//! [`guild`], and its words under `doctor.`.

use crate::effects::permissions::{
    ATTACH_FILES, BAN_MEMBERS, EMBED_LINKS, KICK_MEMBERS, MANAGE_CHANNELS, MANAGE_GUILD, MANAGE_MESSAGES,
    MANAGE_ROLES, MODERATE_MEMBERS, NAMES, READ_MESSAGE_HISTORY, SEND_MESSAGES, VIEW_AUDIT_LOG, VIEW_CHANNEL,
};
use crate::intake::{Guild, Guilds};
use crate::rest::{Ask, Rest, RestError};
use lockdown_moderation::words::Tongue;
use serde_json::{Value, json};
use serenity::http::Route;
use std::collections::BTreeMap;

/// What is needed in the whole guild; `doctor.without.{name}` says what for.
const EVERYWHERE: [u64; 9] = [
    BAN_MEMBERS,
    KICK_MEMBERS,
    MODERATE_MEMBERS,
    VIEW_AUDIT_LOG,
    MANAGE_MESSAGES,
    MANAGE_ROLES,
    MANAGE_CHANNELS,
    MANAGE_GUILD,
    READ_MESSAGE_HISTORY,
];
/// What is needed in every channel in which somebody speaks.
const IN_CHANNELS: u64 = VIEW_CHANNEL | READ_MESSAGE_HISTORY | MANAGE_MESSAGES;
const IN_LOG: u64 = VIEW_CHANNEL | SEND_MESSAGES | EMBED_LINKS | ATTACH_FILES;
/// Channels and roles that are named one by one.
const NAMED: usize = 8;

/// How channels and roles are named to whoever reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Naming {
    Mentions,
    Names,
}

// === impl Naming ===

impl Naming {
    fn channel(self, guild: &Guild, id: u64) -> String {
        match (self, guild.channels.get(&id)) {
            (Self::Names, Some(channel)) => format!("#{}", channel.name),
            _ => format!("<#{id}>"),
        }
    }

    fn role(self, guild: &Guild, id: u64) -> String {
        match (self, guild.roles.get(&id)) {
            (Self::Names, Some(role)) => format!("@{}", role.name),
            _ => format!("<@&{id}>"),
        }
    }
}

/// What the application lacks.
pub(crate) fn intents(tongue: &Tongue, missing: &[&str]) -> Vec<String> {
    let line = |name: &&str| tongue.say("doctor.intent", &[("name", name)]);
    missing.iter().map(line).collect()
}

/// What is lacking in one guild; nothing where all is well. `log` is the channel of the moderators' log.
pub(crate) fn guild(
    tongue: &Tongue,
    guilds: &Guilds,
    id: u64,
    naming: Naming,
    log: Option<u64>,
) -> Vec<String> {
    let (Some(known), Some(held)) = (guilds.get(id), guilds.own_permissions(id)) else {
        return vec![tongue.say("doctor.unknown", &[])];
    };
    let mut lines = Vec::new();
    for needed in EVERYWHERE.iter().filter(|needed| held & **needed == 0) {
        let (Some(name), Some(permission)) = (word(*needed), names(tongue, *needed).pop()) else {
            continue;
        };
        let without = tongue.say(&format!("doctor.without.{name}"), &[]);
        lines.push(tongue.say(
            "doctor.guild",
            &[("permission", &permission), ("without", &without)],
        ));
    }
    lines.extend(above(tongue, &known, id, naming));
    lines.extend(channels(tongue, guilds, &known, id, naming));
    match log {
        None => lines.push(tongue.say("doctor.no_log", &[])),
        Some(log) => {
            let lacking = IN_LOG & !guilds.own_permissions_in(id, log).unwrap_or(u64::MAX);
            if lacking != 0 {
                let (channel, needed) = (naming.channel(&known, log), names(tongue, lacking).join(", "));
                lines.push(tongue.say("doctor.log", &[("channel", &channel), ("permissions", &needed)]));
            }
        }
    }
    lines
}

/// Whose holders are out of the bot's reach.
fn above(tongue: &Tongue, known: &Guild, id: u64, naming: Naming) -> Option<String> {
    let own = known.position(&known.own_roles);
    let mut above: Vec<(u32, u64)> = known
        .roles
        .iter()
        .filter(|(role, state)| **role != id && !known.own_roles.contains(role) && state.position >= own)
        .map(|(role, state)| (state.position, *role))
        .collect();
    if above.is_empty() {
        return None;
    }
    above.sort_unstable_by(|one, other| other.cmp(one));
    let roles = above.iter().map(|(_, role)| naming.role(known, *role));
    Some(tongue.say("doctor.above", &[("roles", &some(tongue, roles, above.len()))]))
}

/// Channels in which something is lacking that is held elsewhere, together where it is the same.
fn channels(tongue: &Tongue, guilds: &Guilds, known: &Guild, id: u64, naming: Naming) -> Vec<String> {
    let held = guilds.own_permissions(id).unwrap_or(0);
    let mut lacking: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for (channel, state) in &known.channels {
        let there = guilds.own_permissions_in(id, *channel).unwrap_or(u64::MAX);
        let missing = IN_CHANNELS & held & !there;
        if state.is_spoken() && missing != 0 {
            // Nothing else counts where the bot sees nothing.
            let missing = if missing & VIEW_CHANNEL == 0 {
                missing
            } else {
                VIEW_CHANNEL
            };
            lacking.entry(missing).or_default().push(*channel);
        }
    }
    let line = |(missing, mut channels): (u64, Vec<u64>)| {
        channels.sort_unstable();
        let places = channels.iter().map(|channel| naming.channel(known, *channel));
        let places = some(tongue, places, channels.len());
        let needed = names(tongue, missing).join(", ");
        tongue.say(
            "doctor.channels",
            &[("channels", &places), ("permissions", &needed)],
        )
    };
    lacking.into_iter().map(line).collect()
}

/// The first of them, and how many there are besides.
fn some(tongue: &Tongue, names: impl Iterator<Item = String>, all: usize) -> String {
    let first: Vec<String> = names.take(NAMED).collect();
    let first = first.join(", ");
    match all.saturating_sub(NAMED) {
        0 => first,
        more => format!("{first} {}", tongue.say("and_more", &[("count", &more)])),
    }
}

fn word(permission: u64) -> Option<&'static str> {
    let found = NAMES.iter().find(|(bit, _)| *bit == permission);
    found.map(|(_, name)| *name)
}

/// What these permissions are called.
pub(crate) fn names(tongue: &Tongue, permissions: u64) -> Vec<String> {
    let held = NAMES.iter().filter(|(bit, _)| permissions & bit != 0);
    held.map(|(_, name)| tongue.say(&format!("permission.{name}"), &[]))
        .collect()
}

/// Reads a guild over HTTP, with its channels and our own roles: for whoever has no gateway.
pub(crate) async fn learn(rest: &Rest, guilds: &Guilds, id: u64) -> Result<(), RestError> {
    let mut body = rest
        .call(Ask::get(Route::Guild { guild_id: id.into() }, id))
        .await?;
    body["channels"] = rest
        .call(Ask::get(Route::GuildChannels { guild_id: id.into() }, id))
        .await?;
    let own = guilds.own();
    let route = Route::GuildMember {
        guild_id: id.into(),
        user_id: own.into(),
    };
    let mut me: Value = rest.call(Ask::get(route, id)).await?;
    me["user"] = json!({ "id": own.to_string() });
    body["members"] = json!([me]);
    guilds.put(id, &body);
    Ok(())
}
