//! Channels, their overwrites and roles. What is written back stays as it was read: bits that nobody knows yet, too.

use super::Discord;
use crate::intake::role_ids;
use crate::rest::{Ask, Priority, RestError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use serenity::http::Route;

/// Discord's longest wait between two messages, in seconds.
pub(crate) const SLOWEST: u64 = 21_600;

/// An overwrite as Discord wrote it: its bits are texts, and may be more than a number holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RawOverwrite {
    pub(crate) id: String,
    #[serde(rename = "type")]
    pub(crate) kind: u8,
    pub(crate) allow: String,
    pub(crate) deny: String,
}

// === impl RawOverwrite ===

impl RawOverwrite {
    pub(crate) fn is_of_role(&self) -> bool {
        self.kind == 0
    }

    /// Allowed and denied, when they are numbers at all.
    pub(crate) fn bits(&self) -> Option<(u128, u128)> {
        Some((self.allow.parse().ok()?, self.deny.parse().ok()?))
    }

    pub(crate) fn with(&self, allow: u128, deny: u128) -> Self {
        Self {
            allow: allow.to_string(),
            deny: deny.to_string(),
            ..self.clone()
        }
    }
}

// === impl Discord ===

impl Discord {
    pub(crate) async fn raw_channel(&self, channel: u64) -> Result<Value, RestError> {
        let route = Route::Channel {
            channel_id: channel.into(),
        };
        self.rest
            .call(Ask::get(route, channel).priority(Priority::Sanction))
            .await
    }

    pub(crate) async fn overwrites(&self, channel: u64) -> Result<Vec<RawOverwrite>, RestError> {
        let body = self.raw_channel(channel).await?;
        let raw = body["permission_overwrites"].clone();
        serde_json::from_value(raw)
            .map_err(|error| RestError::Wrong(format!("an overwrite cannot be read: {error}")))
    }

    pub(crate) async fn put_overwrite(
        &self,
        channel: u64,
        to: &RawOverwrite,
        audit: &str,
    ) -> Result<(), RestError> {
        let body = json!({ "type": to.kind, "allow": to.allow, "deny": to.deny });
        let ask = Ask::put(overwrite(channel, &to.id)?, channel)
            .body(&body)
            .audit(audit);
        self.rest.call(ask.priority(Priority::Sanction)).await.map(drop)
    }

    pub(crate) async fn drop_overwrite(&self, channel: u64, of: &str, audit: &str) -> Result<(), RestError> {
        let ask = Ask::delete(overwrite(channel, of)?, channel).audit(audit);
        match self.rest.call(ask.priority(Priority::Sanction)).await {
            // There is none: it is gone.
            Err(error) if error.code() == 10_009 => Ok(()),
            other => other.map(drop),
        }
    }

    /// How many seconds lie between two messages of one person.
    pub(crate) async fn slow_down(&self, channel: u64, seconds: u64, audit: &str) -> Result<(), RestError> {
        let route = Route::Channel {
            channel_id: channel.into(),
        };
        let ask = Ask::patch(route, channel)
            .body(&json!({ "rate_limit_per_user": seconds }))
            .audit(audit);
        self.rest.call(ask.priority(Priority::Sanction)).await.map(drop)
    }

    /// The roles that somebody has now.
    pub(crate) async fn roles_of(&self, guild: u64, user: u64) -> Result<Vec<u64>, RestError> {
        let route = Route::GuildMember {
            guild_id: guild.into(),
            user_id: user.into(),
        };
        let ask = Ask::get(route, guild).priority(Priority::Sanction);
        self.rest.call(ask).await.map(|member| role_ids(&member))
    }

    pub(crate) async fn set_role(
        &self,
        guild: u64,
        (user, role): (u64, u64),
        give: bool,
        audit: &str,
    ) -> Result<(), RestError> {
        let route = Route::GuildMemberRole {
            guild_id: guild.into(),
            user_id: user.into(),
            role_id: role.into(),
        };
        let ask = if give {
            Ask::put(route, guild)
        } else {
            Ask::delete(route, guild)
        };
        self.rest
            .call(ask.audit(audit).priority(Priority::Sanction))
            .await
            .map(drop)
    }

    /// Nobody can be invited until then; `None` lets them again.
    pub(crate) async fn pause_invites(
        &self,
        guild: u64,
        until: Option<chrono::DateTime<chrono::Utc>>,
    ) -> Result<(), RestError> {
        let route = Route::GuildIncidentActions {
            guild_id: guild.into(),
        };
        let until = until.map(|at| at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true));
        let ask = Ask::put(route, guild).body(&json!({ "invites_disabled_until": until }));
        self.rest.call(ask.priority(Priority::Sanction)).await.map(drop)
    }

    /// Messages, newest first: the last hundred before this one.
    pub(crate) async fn said_before(
        &self,
        channel: u64,
        before: Option<u64>,
    ) -> Result<Vec<Value>, RestError> {
        let route = Route::ChannelMessages {
            channel_id: channel.into(),
        };
        let mut ask = Ask::get(route, channel)
            .param("limit", 100)
            .priority(Priority::Removal);
        if let Some(before) = before {
            ask = ask.param("before", before);
        }
        match self.rest.call(ask).await? {
            Value::Array(messages) => Ok(messages),
            _ => Ok(Vec::new()),
        }
    }
}

fn overwrite(channel: u64, of: &str) -> Result<Route<'static>, RestError> {
    let target: u64 = of
        .parse()
        .ok()
        .filter(|id| *id > 0)
        .ok_or_else(|| RestError::Wrong(format!("`{of}` is no id")))?;
    Ok(Route::ChannelPermission {
        channel_id: channel.into(),
        target_id: target.into(),
    })
}
