//! What a moderator typed.

use crate::read;
use lockdown_events::{GuildId, UserId};
use serde_json::Value;

/// A slash command, as it was used in a guild.
pub(super) struct Input {
    pub(super) id: u64,
    pub(super) token: String,
    pub(super) name: String,
    pub(super) guild: GuildId,
    pub(super) moderator: UserId,
    options: Vec<Value>,
}

/// The options of a command.
pub(super) struct Given<'a>(pub(super) &'a Input);

// === impl Input ===

impl Input {
    /// `None` when it is no command, or was not used in a guild.
    pub(super) fn read(interaction: &Value) -> Option<Self> {
        if interaction["type"].as_u64() != Some(2) {
            return None;
        }
        Some(Self {
            id: read::id(&interaction["id"])?,
            token: interaction["token"].as_str()?.to_owned(),
            name: interaction["data"]["name"].as_str()?.to_owned(),
            guild: GuildId::new(&read::id(&interaction["guild_id"])?.to_string()).ok()?,
            moderator: read::user_id(&interaction["member"]["user"])?,
            options: interaction["data"]["options"]
                .as_array()
                .cloned()
                .unwrap_or_default(),
        })
    }
}

// === impl Given ===

impl Given<'_> {
    fn value(&self, name: &str) -> Option<&Value> {
        let option = self.0.options.iter().find(|option| option["name"] == name)?;
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

    pub(super) fn user(&self, name: &str) -> Result<UserId, String> {
        let id = self.number(name).filter(|id| *id > 0);
        let id =
            id.ok_or_else(|| "that is nobody's id: choose a person, or paste the id of one".to_owned())?;
        UserId::new(&id.to_string()).map_err(|error| error.to_string())
    }
}
