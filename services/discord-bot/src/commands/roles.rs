//! `/role give` and `/role take`.

use super::Commands;
use super::answers::{Told, until};
use super::input::Input;
use crate::effects::Lent;
use crate::effects::permissions::MANAGE_ROLES;
use crate::rest::RestError;
use chrono::{DateTime, Utc};
use lockdown_bus::EngineError;
use lockdown_events::{ModerationDeed, RoleId};
use lockdown_moderation::words::{Tongue, With};
use lockdown_runtime::chain;
use std::time::Duration;

/// Longer than giving or taking may take.
const MEANWHILE: Duration = Duration::from_secs(60);

// === impl Commands ===

impl Commands {
    pub(super) async fn role(&self, input: &Input, give: bool) -> Result<Told, String> {
        let (tongue, guild) = (input.tongue, input.guild.number);
        let user = input.user()?;
        let role = input.number("role").filter(|role| *role > 0 && *role != guild);
        let role = role.ok_or_else(|| tongue.say("role.none", &[]))?;
        self.may(input, input.channel.number, MANAGE_ROLES, 0)?;
        let known = self.discord.guilds.get(guild).unwrap_or_default();
        let wanted = known
            .roles
            .get(&role)
            .ok_or_else(|| tongue.say("role.none", &[]))?;
        let mention = format!("<@&{role}>");
        // Who could give away what stands above them would stand above themselves.
        let owner = known.owner == input.moderator.number;
        if !owner && known.position(&input.roles) <= wanted.position {
            return Err(tongue.say("role.above_you", &[("role", &mention)]));
        }
        if known.position(&known.own_roles) <= wanted.position {
            return Err(tongue.say("role.above_bot", &[("role", &mention)]));
        }
        let id: u64 = user.as_str().parse().map_err(|_| tongue.say("nobody", &[]))?;
        let lent = Lent {
            guild,
            user: id,
            role,
            give: !give,
        };
        let lasts = self.lasts(input, &lent).await?;
        // First, so that a process which dies now leaves nobody with it for ever; not due before it is done.
        if let Some((_, lasts)) = lasts {
            self.lend(input, &lent, lasts + MEANWHILE).await?;
        }
        let set = self
            .discord
            .set_role(guild, (id, role), give, &self.audit(input))
            .await;
        if let Err(error) = set {
            if lasts.is_some() && matches!(error, RestError::Refused { .. }) {
                self.lent.forget(&lent).await;
            }
            return Err(match error.code() {
                10_007 | 10_013 => tongue.say("not_here", &[("user", &format!("<@{user}>"))]),
                10_011 => tongue.say("role.none", &[]),
                50_013 => tongue.say("role.above_bot", &[("role", &mention)]),
                _ => Self::trouble(tongue, &error, input.channel.number, MANAGE_ROLES),
            });
        }
        match lasts {
            Some((_, lasts)) => self.lend(input, &lent, lasts).await?,
            None => self.lent.forget(&lent).await,
        }
        // What was to happen before does not happen any more: this is the newer word.
        self.lent.forget(&Lent { give, ..lent }).await;
        let deed = self.deed(input, if give { "role_give" } else { "role_take" }, None);
        let deed = ModerationDeed {
            user_id: Some(user.clone()),
            role_id: RoleId::new(&role.to_string()).ok(),
            after: lasts.map(|(at, _)| at.to_rfc3339()),
            ..deed
        };
        self.record(deed).await;
        let key = if give { "role.given" } else { "role.taken" };
        let until = lasts.map_or_else(String::new, |(at, _)| until(tongue, at));
        let with: With<'_> = &[
            ("role", &mention),
            ("user", &format!("<@{user}>")),
            ("until", &until),
        ];
        Ok(Told::done(&tongue.say(key, with)))
    }

    /// Until when, and how long that is; `None` for ever. A role that somebody does not have cannot be given back to them.
    async fn lasts(&self, input: &Input, lent: &Lent) -> Result<Option<(DateTime<Utc>, Duration)>, String> {
        let tongue = input.tongue;
        let Some(text) = input.text("duration") else {
            return Ok(None);
        };
        let Some(at) = self.until(input, &text)?.at() else {
            return Ok(None);
        };
        if lent.give {
            let user = format!("<@{}>", lent.user);
            let with: With<'_> = &[("role", &format!("<@&{}>", lent.role)), ("user", &user)];
            let roles = self.discord.roles_of(lent.guild, lent.user).await;
            let roles = roles.map_err(|error| match error.code() {
                10_007 | 10_013 => tongue.say("not_here", &[("user", &user)]),
                _ => Self::trouble(tongue, &error, input.channel.number, MANAGE_ROLES),
            })?;
            let is_lent = self.lent.is_lent(lent).await;
            let is_lent = is_lent.map_err(|error| Self::not_kept(tongue, &error))?;
            if !roles.contains(&lent.role) && !is_lent {
                return Err(tongue.say("role.lacks", with));
            }
        }
        let lasts = (at - self.clock.now()).to_std().unwrap_or_default();
        Ok(Some((at, lasts)))
    }

    async fn lend(&self, input: &Input, lent: &Lent, lasts: Duration) -> Result<(), String> {
        let kept = self.lent.lend(lent, &self.audit(input), lasts).await;
        kept.map_err(|error| Self::not_kept(input.tongue, &error))
    }

    fn not_kept(tongue: &Tongue, error: &EngineError) -> String {
        tracing::warn!("A role for a time is not given: {}", chain(error));
        tongue.say("asked.failed", &[])
    }
}
