//! What Discord's audit log says that we did: it remembers what a process of ours did before it died.

use super::Discord;
use crate::intake::ban_by_hand;
use crate::read::{self, BAN, KICK, UNBAN};
use crate::rest::{Ask, Priority, RestError};
use lockdown_events::{Action, ModerationAction, UserId};
use lockdown_moderation::{CaseNumber, Named};
use serde_json::Value;
use serenity::http::Route;
use std::collections::HashSet;

/// Entries of one page. What is asked about is minutes old.
const PAGE: usize = 100;

// === impl Discord ===

impl Discord {
    /// To whom of them an entry of ours says that this was done, for the case that is meant.
    pub(super) async fn done_to(
        &self,
        guild: u64,
        action: Action,
        to: &[(UserId, CaseNumber)],
    ) -> Result<HashSet<UserId>, RestError> {
        let mut done = HashSet::new();
        let kind = match action {
            Action::Kick => KICK,
            Action::Ban => BAN,
            Action::Unban => UNBAN,
            _ => return Ok(done),
        };
        let (own, mut before) = (self.guilds.own(), None);
        // Others of ours may stand between those that were done together.
        for _ in 0..=to.len().div_ceil(PAGE) {
            let entries = self.logged(guild, kind, Some(own), before).await?;
            for entry in &entries {
                let target = read::id(&entry["target_id"]).map(|id| id.to_string());
                let cases = entry["reason"].as_str().and_then(Named::read);
                let meant = to.iter().find(|(user, case)| {
                    target.as_deref() == Some(user.as_str())
                        && cases.as_ref().is_some_and(|cases| cases.contains(*case))
                });
                done.extend(meant.map(|(user, _)| user.clone()));
            }
            before = entries.last().and_then(|entry| read::id(&entry["id"]));
            if done.len() == to.len() || entries.len() < PAGE {
                break;
            }
        }
        Ok(done)
    }

    /// The ban of this person that was logged last, where somebody else made it.
    pub(super) async fn last_ban_by_others(
        &self,
        guild: u64,
        user: u64,
    ) -> Result<Option<ModerationAction>, RestError> {
        let entries = self.logged(guild, BAN, None, None).await?;
        let mut of_them = entries
            .iter()
            .filter(|entry| read::id(&entry["target_id"]) == Some(user));
        Ok(of_them
            .next()
            .and_then(|entry| ban_by_hand(guild, entry, self.guilds.own())))
    }

    /// What was done last of this kind, by one account or by all, newest first.
    async fn logged(
        &self,
        guild: u64,
        kind: u64,
        by: Option<u64>,
        before: Option<u64>,
    ) -> Result<Vec<Value>, RestError> {
        let route = Route::GuildAuditLogs {
            guild_id: guild.into(),
        };
        let mut ask = Ask::get(route, guild)
            .param("action_type", kind)
            .param("limit", PAGE as u64)
            .priority(Priority::Sanction);
        if let Some(by) = by {
            ask = ask.param("user_id", by);
        }
        if let Some(before) = before {
            ask = ask.param("before", before);
        }
        let mut page = self.rest.call(ask).await?;
        match page["audit_log_entries"].take() {
            Value::Array(entries) => Ok(entries),
            _ => Ok(Vec::new()),
        }
    }
}
