//! Groups that are closed: what members may do is taken away, and given back as it was.

use crate::client::{Class, Client, SetPermissions};
use crate::due::Due;
use crate::platform::SILENCED;
use crate::reading::Record;
use async_trait::async_trait;
use lockdown_bus::EngineError;
use lockdown_events::GuildId;
use lockdown_moderation::hands::{Closing, RaisedTold};
use lockdown_moderation::{Fault, PlatformError, Right};
use lockdown_runtime::chain;
use serde_json::{Map, Value};
use std::time::Duration;
use teloxide::payloads::GetChat;

/// Nothing takes away what a group may do again but we.
const KEPT: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
/// Nobody new is brought into a closed group either.
const INVITES: &str = "can_invite_users";

/// Closes groups, and opens them again.
pub(crate) struct Permissions {
    pub(crate) client: Client,
    pub(crate) due: Due,
}

// === impl Permissions ===

impl Permissions {
    async fn set(&self, guild: &GuildId, permissions: &Map<String, Value>) -> Result<(), PlatformError> {
        let refused = |error: crate::client::CallError| error.platform(Right::Mute);
        let chat = self.client.chat(guild).map_err(refused)?;
        let make = |chat: teloxide::prelude::ChatId| SetPermissions {
            chat_id: chat.0,
            permissions: permissions.clone(),
            use_independent_chat_permissions: true,
        };
        let set = self.client.call(Class::Sanction, chat, make).await;
        set.map(drop).map_err(refused)
    }

    /// What everybody may there. Telegram's own words are kept, also those that we do not know.
    async fn everybody(&self, guild: &GuildId) -> Result<Map<String, Value>, PlatformError> {
        let refused = |error: crate::client::CallError| error.platform(Right::Mute);
        let chat = self.client.chat(guild).map_err(refused)?;
        let about = self.client.call(Class::Sanction, chat, GetChat::new).await;
        let permissions =
            Record::of(about.map_err(refused)?).and_then(|mut about| about.record("permissions"));
        permissions.map(Record::rest).ok_or_else(|| {
            PlatformError::Refused("Telegram does not say what members of the group may do".to_owned())
        })
    }

    async fn kept(&self, guild: &GuildId) -> Result<Option<String>, PlatformError> {
        self.due.read(&name(guild)).await.map_err(|error| away(&error))
    }
}

#[async_trait]
impl Closing for Permissions {
    async fn close(&self, guild: &GuildId, _: &RaisedTold) -> Result<Option<u64>, PlatformError> {
        let kept = self.kept(guild).await?;
        let is_new = kept.is_none();
        let before = match kept.and_then(|kept| serde_json::from_str(&kept).ok()) {
            Some(before) => before,
            None => {
                let before = self.everybody(guild).await?;
                let text = Value::Object(before.clone()).to_string();
                // First, so that a process which dies now leaves no group closed for ever.
                let noted = self.due.note(&name(guild), &text, KEPT).await;
                noted.map_err(|error| away(&error))?;
                before
            }
        };
        let mut closed: Map<String, Value> = before;
        for word in SILENCED.iter().chain([&INVITES]) {
            closed.insert((*word).to_owned(), Value::Bool(false));
        }
        match self.set(guild, &closed).await {
            Ok(()) => Ok(is_new.then_some(1)),
            Err(error) => {
                if is_new && error.is_permanent() {
                    let kept = self.kept(guild).await?.unwrap_or_default();
                    let struck = self.due.strike(&name(guild), &kept).await;
                    struck.map_err(|error| away(&error))?;
                }
                Err(error)
            }
        }
    }

    async fn open(&self, guild: &GuildId) -> Result<Option<u64>, PlatformError> {
        let Some(kept) = self.kept(guild).await? else {
            return Ok(None);
        };
        if let Ok(before) = serde_json::from_str(&kept) {
            self.set(guild, &before).await?;
        }
        let struck = self.due.strike(&name(guild), &kept).await;
        struck.map_err(|error| away(&error))?;
        Ok(Some(1))
    }
}

fn name(guild: &GuildId) -> String {
    format!("telegram.closed/{guild}")
}

fn away(error: &EngineError) -> PlatformError {
    PlatformError::Unavailable(Fault(chain(error)))
}
