//! What Discord's audit log says that we did: it remembers what a process of ours did before it died.

use super::Discord;
use crate::read::{self, BAN, KICK, UNBAN};
use crate::rest::{Ask, Priority, RestError};
use lockdown_events::Action;
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
        let route = Route::GuildAuditLogs {
            guild_id: guild.into(),
        };
        let ask = Ask::get(route, guild)
            .param("user_id", self.guilds.own())
            .param("action_type", kind)
            .param("limit", PAGE)
            .priority(Priority::Sanction);
        let page = self.rest.call(ask).await?;
        let mut entries = page["audit_log_entries"].as_array().into_iter().flatten();
        Ok(entries.any(|entry| {
            read::id(&entry["target_id"]) == Some(user) && entry["reason"].as_str() == Some(audit)
        }))
    }
}
