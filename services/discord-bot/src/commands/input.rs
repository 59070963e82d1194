//! What a moderator asked for, and where.

use crate::intake::role_ids;
use crate::read;
use crate::words::WORDS;
use lockdown_events::{ChannelId, GuildId, UserId};
use lockdown_moderation::words::Tongue;
use serde_json::Value;

/// A slash command, as it was used in a guild.
pub(super) struct Input {
    pub(super) id: u64,
    pub(super) token: String,
    /// `lockdown start`
    pub(super) path: String,
    pub(super) guild: Numbered<GuildId>,
    pub(super) channel: Numbered<ChannelId>,
    pub(super) moderator: Numbered<UserId>,
    /// The moderator's roles.
    pub(super) roles: Vec<u64>,
    /// What Discord lets the moderator do in this channel, as of now.
    pub(super) permissions: u64,
    /// Their language.
    pub(super) tongue: &'static Tongue,
    options: Vec<Value>,
    resolved: Value,
}

/// An id, and Discord's number of it.
pub(super) struct Numbered<T> {
    pub(super) id: T,
    pub(super) number: u64,
}

// === impl Input ===

impl Input {
    /// `None` when it is no command, or was not used in a guild.
    pub(super) fn read(interaction: &Value) -> Option<Self> {
        if interaction["type"].as_u64() != Some(2) {
            return None;
        }
        let data = &interaction["data"];
        let (mut path, mut options) = (data["name"].as_str()?.to_owned(), &data["options"]);
        // A group holds a command, which holds its options.
        while let Some(inner) = options
            .get(0)
            .filter(|option| matches!(option["type"].as_u64(), Some(1 | 2)))
        {
            path = format!("{path} {}", inner["name"].as_str()?);
            options = &inner["options"];
        }
        Some(Self {
            id: read::id(&interaction["id"])?,
            token: interaction["token"].as_str()?.to_owned(),
            path,
            guild: Numbered::read(&interaction["guild_id"], GuildId::new)?,
            channel: Numbered::read(&interaction["channel_id"], ChannelId::new)?,
            moderator: Numbered::read(&interaction["member"]["user"]["id"], UserId::new)?,
            roles: role_ids(&interaction["member"]),
            permissions: all_of(read::id(&interaction["member"]["permissions"]).unwrap_or(0)),
            tongue: WORDS.tongue(interaction["locale"].as_str()),
            options: options.as_array().cloned().unwrap_or_default(),
            resolved: data["resolved"].clone(),
        })
    }

    fn value(&self, name: &str) -> Option<&Value> {
        let option = self.options.iter().find(|option| option["name"] == name)?;
        Some(&option["value"])
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        let text = self.value(name)?.as_str()?.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        self.value(name)?.as_bool()
    }

    pub(super) fn number(&self, name: &str) -> Option<u64> {
        read::id(self.value(name)?)
    }

    /// The person of the option `user`.
    pub(super) fn user(&self) -> Result<UserId, String> {
        let id = self.number("user").filter(|id| *id > 0);
        id.and_then(|id| UserId::new(&id.to_string()).ok())
            .ok_or_else(|| self.tongue.say("nobody", &[]))
    }

    /// What Discord tells of a channel or a role that the options name: `channels`, `roles`.
    pub(super) fn resolved(&self, kind: &str, id: u64) -> &Value {
        &self.resolved[kind][id.to_string()]
    }

    /// What the moderator may do in a channel, where Discord tells it with the command.
    pub(super) fn permissions_in(&self, channel: u64) -> Option<u64> {
        if channel == self.channel.number {
            return Some(self.permissions);
        }
        read::id(&self.resolved("channels", channel)["permissions"]).map(all_of)
    }
}

// === impl Numbered ===

impl<T> Numbered<T> {
    fn read<E>(value: &Value, id: impl FnOnce(&str) -> Result<T, E>) -> Option<Self> {
        let number = read::id(value)?;
        let id = id(&number.to_string()).ok()?;
        Some(Self { id, number })
    }
}

/// An administrator may do everything.
fn all_of(permissions: u64) -> u64 {
    if permissions & crate::effects::permissions::ADMINISTRATOR != 0 {
        u64::MAX
    } else {
        permissions
    }
}
