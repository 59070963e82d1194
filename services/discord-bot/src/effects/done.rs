//! What Discord's audit log says that we did: it remembers what a process of ours did before it died.

use super::Discord;
use crate::intake::ban_by_hand;
use crate::read::{self, BAN, KICK, UNBAN};
use crate::rest::{Ask, Priority, RestError};
use lockdown_events::{Action, ModerationAction};
use serde_json::Value;
use serenity::http::Route;

/// Entries of one page. What is asked about is minutes old.
const PAGE: u64 = 100;

// === impl Discord ===

impl Discord {
    /// Whether an entry of ours says that this was done to somebody with this line.
    pub(super) async fn is_logged(
        &self,
        guild: u64,
        user: u64,
        action: Action,
        audit: &str,
    ) -> Result<bool, RestError> {
        let kind = match action {
            Action::Kick => KICK,
            Action::Ban => BAN,
            Action::Unban => UNBAN,
            _ => return Ok(false),
        };
        let entries = self.logged(guild, kind, Some(self.guilds.own())).await?;
        Ok(entries.iter().any(|entry| {
            read::id(&entry["target_id"]) == Some(user) && entry["reason"].as_str() == Some(audit)
        }))
    }

    /// The ban of this person that was logged last, where somebody else made it.
    pub(super) async fn last_ban_by_others(
        &self,
        guild: u64,
        user: u64,
    ) -> Result<Option<ModerationAction>, RestError> {
        let entries = self.logged(guild, BAN, None).await?;
        let mut of_them = entries
            .iter()
            .filter(|entry| read::id(&entry["target_id"]) == Some(user));
        Ok(of_them
            .next()
            .and_then(|entry| ban_by_hand(guild, entry, self.guilds.own())))
    }

    /// What was done last of this kind, by one account or by all, newest first.
    async fn logged(&self, guild: u64, kind: u64, by: Option<u64>) -> Result<Vec<Value>, RestError> {
        let route = Route::GuildAuditLogs {
            guild_id: guild.into(),
        };
        let mut ask = Ask::get(route, guild)
            .param("action_type", kind)
            .param("limit", PAGE)
            .priority(Priority::Sanction);
        if let Some(by) = by {
            ask = ask.param("user_id", by);
        }
        let mut page = self.rest.call(ask).await?;
        match page["audit_log_entries"].take() {
            Value::Array(entries) => Ok(entries),
            _ => Ok(Vec::new()),
        }
    }
}
