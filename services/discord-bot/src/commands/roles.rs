//! `/role give` and `/role take`.

use super::Commands;
use super::answers::Told;
use super::input::Input;
use crate::effects::permissions::MANAGE_ROLES;
use lockdown_events::{ModerationDeed, RoleId};

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
        let set = self
            .discord
            .set_role(guild, (id, role), give, &self.audit(input))
            .await;
        set.map_err(|error| match error.code() {
            10_007 | 10_013 => tongue.say("not_here", &[("user", &format!("<@{user}>"))]),
            10_011 => tongue.say("role.none", &[]),
            50_013 => tongue.say("role.above_bot", &[("role", &mention)]),
            _ => Self::trouble(tongue, &error, input.channel.number, MANAGE_ROLES),
        })?;
        let deed = self.deed(input, if give { "role_give" } else { "role_take" }, None);
        let deed = ModerationDeed {
            user_id: Some(user.clone()),
            role_id: RoleId::new(&role.to_string()).ok(),
            ..deed
        };
        self.record(deed).await;
        let key = if give { "role.given" } else { "role.taken" };
        Ok(Told::done(&tongue.say(
            key,
            &[("role", &mention), ("user", &format!("<@{user}>"))],
        )))
    }
}
