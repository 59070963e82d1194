//! What this Discord knows.

use super::faults::Faults;
use super::gateway::Gateway;
use super::interactions::Interaction;
use super::limits::Limits;
use super::oauth::Applications;
use chrono::{DateTime, TimeDelta, Utc};
use lockdown_runtime::Clock;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Discord counts its ids from here.
const EPOCH_MS: i64 = 1_420_070_400_000;

/// What a guild object has besides, always the same here: the names, and the value as JSON.
const UNUSED: &[(&[&str], &str)] = &[
    (
        &[
            "icon",
            "afk_channel_id",
            "application_id",
            "system_channel_id",
            "rules_channel_id",
            "description",
            "home_header",
            "splash",
            "discovery_splash",
            "banner",
            "widget_channel_id",
            "max_presences",
            "vanity_url_code",
            "safety_alerts_channel_id",
            "public_updates_channel_id",
            "incidents_data",
        ],
        "null",
    ),
    (
        &[
            "verification_level",
            "default_message_notifications",
            "explicit_content_filter",
            "mfa_level",
            "system_channel_flags",
            "premium_tier",
            "nsfw_level",
            "premium_subscription_count",
        ],
        "0",
    ),
    (
        &[
            "features",
            "emojis",
            "stickers",
            "voice_states",
            "presences",
            "stage_instances",
            "guild_scheduled_events",
        ],
        "[]",
    ),
    (
        &["premium_progress_bar_enabled", "widget_enabled", "nsfw"],
        "false",
    ),
    (&["afk_timeout"], "300"),
    (&["max_members"], "500000"),
    (&["max_stage_video_channel_users"], "50"),
    (&["max_video_channel_users"], "25"),
    (&["preferred_locale"], "\"en-US\""),
    (&["region"], "\"us-east\""),
];

/// A request as it came, and how it was answered.
#[derive(Debug, Clone)]
pub struct Recorded {
    pub at: DateTime<Utc>,
    pub method: String,
    /// Below `/api/v10/`.
    pub path: String,
    /// The path with `{}` in place of ids: one word for one kind of call.
    pub template: String,
    pub query: BTreeMap<String, String>,
    pub body: Value,
    /// The reason for the audit log, decoded.
    pub audit: Option<String>,
    /// 0 when the connection was cut instead of an answer.
    pub status: u16,
}

pub(super) struct World {
    pub(super) clock: Clock,
    pub(super) last_id: u64,
    pub(super) bots: Vec<Bot>,
    pub(super) users: BTreeMap<u64, User>,
    pub(super) guilds: BTreeMap<u64, Guild>,
    /// Of guilds, and those of direct messages.
    pub(super) channels: BTreeMap<u64, Channel>,
    pub(super) interactions: BTreeMap<String, Interaction>,
    /// How long an interaction can be answered.
    pub(super) interactions_last: TimeDelta,
    pub(super) commands: BTreeMap<u64, Vec<Value>>,
    pub(super) requests: Vec<Recorded>,
    pub(super) faults: Faults,
    pub(super) limits: Limits,
    pub(super) gateway: Gateway,
    /// What people attached, by its path.
    pub(super) files: BTreeMap<String, Vec<u8>>,
    pub(super) applications: Applications,
    /// The addresses that are told to bots.
    pub(super) gateway_url: String,
    pub(super) resume_url: String,
}

pub(super) struct Bot {
    pub(super) id: u64,
    pub(super) token: String,
    /// The privileged intents that the owner switched on.
    pub(super) granted: u64,
}

pub(super) struct User {
    pub(super) name: String,
    pub(super) bot: bool,
    pub(super) dms_closed: bool,
    /// The language of their client.
    pub(super) locale: String,
    /// Members of the user object that the test wants to see there.
    pub(super) extra: Map<String, Value>,
}

pub(super) struct Guild {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) owner: u64,
    pub(super) roles: BTreeMap<u64, Role>,
    pub(super) members: BTreeMap<u64, Member>,
    /// With the reasons.
    pub(super) bans: BTreeMap<u64, Option<String>>,
    pub(super) audit: Vec<Value>,
    /// The rules of AutoMod, as they are told.
    pub(super) automod: BTreeMap<u64, Value>,
    /// An outage of this guild: nothing comes from it, and nothing goes to it.
    pub(super) away: bool,
}

pub(super) struct Role {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) permissions: u64,
    pub(super) position: u32,
    /// An integration gives it, and nobody else gives or takes it.
    pub(super) managed: bool,
}

#[derive(Clone)]
pub(super) struct Member {
    pub(super) roles: BTreeSet<u64>,
    pub(super) nick: Option<String>,
    pub(super) joined_at: DateTime<Utc>,
    pub(super) muted_until: Option<DateTime<Utc>>,
    pub(super) extra: Map<String, Value>,
}

pub(super) struct Channel {
    pub(super) id: u64,
    pub(super) guild: Option<u64>,
    pub(super) name: String,
    pub(super) kind: u8,
    pub(super) parent: Option<u64>,
    /// As they were written: the bits are texts and may be unknown.
    pub(super) overwrites: Vec<Value>,
    pub(super) slowmode: u64,
    /// Of a direct conversation.
    pub(super) recipient: Option<u64>,
    pub(super) messages: BTreeMap<u64, Value>,
    pub(super) last_message: Option<u64>,
}

// === impl World ===

impl World {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            clock,
            last_id: 0,
            bots: Vec::new(),
            users: BTreeMap::new(),
            guilds: BTreeMap::new(),
            channels: BTreeMap::new(),
            interactions: BTreeMap::new(),
            interactions_last: TimeDelta::minutes(15),
            commands: BTreeMap::new(),
            requests: Vec::new(),
            faults: Faults::default(),
            limits: Limits::default(),
            gateway: Gateway::default(),
            files: BTreeMap::new(),
            applications: Applications::default(),
            gateway_url: String::new(),
            resume_url: String::new(),
        }
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// A new id. It tells when it was made, and is greater than every one before.
    pub(super) fn id(&mut self) -> u64 {
        self.last_id = id_at(self.now()).max(self.last_id + 1);
        self.last_id
    }

    /// An id as old as the test wants it, unlike any other.
    pub(super) fn id_of(&mut self, age: TimeDelta) -> u64 {
        let mut id = id_at(self.now() - age);
        while self
            .channels
            .values()
            .any(|channel| channel.messages.contains_key(&id))
        {
            id += 1;
        }
        id
    }

    pub(super) fn bot_by_token(&self, token: &str) -> Option<&Bot> {
        self.bots.iter().find(|bot| bot.token == token)
    }

    pub(super) fn user_json(&self, id: u64) -> Value {
        let Some(user) = self.users.get(&id) else {
            return json!({ "id": id.to_string(), "username": "Deleted User", "discriminator": "0000", "global_name": null, "avatar": null });
        };
        let mut object = json!({
            "id": id.to_string(), "username": user.name.to_lowercase(), "discriminator": "0", "global_name": user.name,
            "avatar": null, "public_flags": 0, "flags": 0, "banner": null, "accent_color": null, "primary_guild": null,
        });
        if user.bot {
            object["bot"] = json!(true);
        }
        merge(&mut object, &user.extra);
        object
    }

    pub(super) fn member_json(&self, guild: u64, id: u64) -> Option<Value> {
        let mut object = self.member_part(guild, id)?;
        object["user"] = self.user_json(id);
        Some(object)
    }

    /// A member without its user, as it stands in a message.
    pub(super) fn member_part(&self, guild: u64, id: u64) -> Option<Value> {
        let member = self.guilds.get(&guild)?.members.get(&id)?;
        let roles: Vec<String> = member.roles.iter().map(u64::to_string).collect();
        let mut object = json!({
            "roles": roles, "nick": member.nick, "joined_at": member.joined_at.to_rfc3339(), "avatar": null, "banner": null,
            "communication_disabled_until": member.muted_until.map(|until| until.to_rfc3339()), "flags": 0,
            "pending": false, "premium_since": null, "mute": false, "deaf": false,
        });
        merge(&mut object, &member.extra);
        Some(object)
    }

    /// As GUILD_CREATE shows it.
    pub(super) fn guild_json(&self, id: u64) -> Option<Value> {
        let guild = self.guilds.get(&id)?;
        let of_guild = || {
            self.channels
                .values()
                .filter(move |channel| channel.guild == Some(id))
        };
        let thread = |channel: &&Channel| matches!(channel.kind, 10..=12);
        let channels: Vec<Value> = of_guild().filter(|c| !thread(c)).map(Channel::json).collect();
        let threads: Vec<Value> = of_guild().filter(thread).map(Channel::json).collect();
        let roles: Vec<Value> = guild.roles.values().map(Role::json).collect();
        let members: Vec<Value> = guild
            .members
            .keys()
            .filter_map(|user| self.member_json(id, *user))
            .collect();
        let mut object = json!({
            "id": id.to_string(), "name": guild.name, "owner_id": guild.owner.to_string(), "unavailable": false,
            "joined_at": guild.members.values().next().map(|member| member.joined_at.to_rfc3339()), "large": false,
            "member_count": guild.members.len(), "roles": roles, "members": members, "channels": channels, "threads": threads,
        });
        for (names, value) in UNUSED {
            for name in *names {
                object[*name] = serde_json::from_str(value).unwrap_or_default();
            }
        }
        Some(object)
    }
}

// === impl Role ===

impl Role {
    pub(super) fn json(&self) -> Value {
        json!({
            "id": self.id.to_string(), "name": self.name, "permissions": self.permissions.to_string(),
            "position": self.position, "color": 0, "colors": { "primary_color": 0, "secondary_color": null, "tertiary_color": null },
            "icon": null, "unicode_emoji": null, "hoist": false, "managed": self.managed, "mentionable": false, "flags": 0,
        })
    }
}

// === impl Channel ===

impl Channel {
    pub(super) fn json(&self) -> Value {
        let mut object = json!({
            "id": self.id.to_string(), "type": self.kind, "name": self.name, "position": 0, "flags": 0, "nsfw": false,
            "permission_overwrites": self.overwrites, "rate_limit_per_user": self.slowmode, "topic": null,
            "parent_id": self.parent.map(|id| id.to_string()),
            "last_message_id": self.last_message.map(|id| id.to_string()),
        });
        if matches!(self.kind, 10..=12) {
            let metadata = json!({
                "archived": false, "archive_timestamp": null, "auto_archive_duration": 1440, "locked": false, "create_timestamp": null,
            });
            let count = self.messages.len();
            for (name, value) in [
                ("owner_id", json!(self.id.to_string())),
                ("thread_metadata", metadata),
                ("message_count", json!(count)),
                ("member_count", json!(1)),
                ("total_message_sent", json!(count)),
            ] {
                object[name] = value;
            }
        }
        if let Some(guild) = self.guild {
            object["guild_id"] = json!(guild.to_string());
        }
        object
    }
}

/// The id that begins at this time.
pub(super) fn id_at(at: DateTime<Utc>) -> u64 {
    u64::try_from(at.timestamp_millis() - EPOCH_MS).unwrap_or_default() << 22
}

/// When a thing with this id was made.
pub(super) fn time_of(id: u64) -> DateTime<Utc> {
    let ms = EPOCH_MS + i64::try_from(id >> 22).unwrap_or_default();
    DateTime::from_timestamp_millis(ms).unwrap_or_default()
}

/// Puts members over those of an object; `null` stands there too.
pub(super) fn merge(object: &mut Value, over: &Map<String, Value>) {
    if let Some(members) = object.as_object_mut() {
        members.extend(over.clone());
    }
}

pub(super) fn number(value: &Value) -> Option<u64> {
    value
        .as_str()
        .and_then(|text| text.parse().ok())
        .or_else(|| value.as_u64())
}
