//! Where somebody stands in a guild.

use super::Discord;
use super::errors::Deed;
use crate::intake::{Guilds, role_ids};
use crate::read;
use crate::rest::{Ask, Priority, RestError};
use lockdown_events::{RoleId, UserId};
use lockdown_moderation::{Keepers, Member, Missing, PlatformError, Rank, Right, Rights, Term};
use serde_json::Value;
use serenity::http::Route;

/// Discord's own permissions, as bits.
pub(crate) mod permissions {
    use serenity::model::Permissions;

    pub(crate) const KICK_MEMBERS: u64 = Permissions::KICK_MEMBERS.bits();
    pub(crate) const BAN_MEMBERS: u64 = Permissions::BAN_MEMBERS.bits();
    pub(crate) const ADMINISTRATOR: u64 = Permissions::ADMINISTRATOR.bits();
    pub(crate) const MANAGE_CHANNELS: u64 = Permissions::MANAGE_CHANNELS.bits();
    pub(crate) const MANAGE_GUILD: u64 = Permissions::MANAGE_GUILD.bits();
    pub(crate) const MANAGE_MESSAGES: u64 = Permissions::MANAGE_MESSAGES.bits();
    pub(crate) const MANAGE_ROLES: u64 = Permissions::MANAGE_ROLES.bits();
    pub(crate) const MODERATE_MEMBERS: u64 = Permissions::MODERATE_MEMBERS.bits();
    pub(crate) const VIEW_CHANNEL: u64 = Permissions::VIEW_CHANNEL.bits();
    pub(crate) const READ_MESSAGE_HISTORY: u64 = Permissions::READ_MESSAGE_HISTORY.bits();
    pub(crate) const VIEW_AUDIT_LOG: u64 = Permissions::VIEW_AUDIT_LOG.bits();
    pub(crate) const EMBED_LINKS: u64 = Permissions::EMBED_LINKS.bits();
    pub(crate) const ATTACH_FILES: u64 = Permissions::ATTACH_FILES.bits();
    pub(crate) const SEND_MESSAGES: u64 = Permissions::SEND_MESSAGES.bits();
    /// Every way to say something in a channel.
    pub(crate) const SPEAK: u64 = SEND_MESSAGES
        | Permissions::ADD_REACTIONS.bits()
        | Permissions::CREATE_PUBLIC_THREADS.bits()
        | Permissions::CREATE_PRIVATE_THREADS.bits()
        | Permissions::SEND_MESSAGES_IN_THREADS.bits();
    /// Who has one of these keeps order, and may speak where others may not.
    pub(crate) const STAFF: u64 = KICK_MEMBERS
        | BAN_MEMBERS
        | ADMINISTRATOR
        | MANAGE_CHANNELS
        | MANAGE_GUILD
        | MANAGE_MESSAGES
        | MODERATE_MEMBERS;

    /// What is needed of them, under the names that the files of words have for them.
    pub(crate) const NAMES: [(u64, &str); 13] = [
        (VIEW_CHANNEL, "view_channel"),
        (SEND_MESSAGES, "send_messages"),
        (EMBED_LINKS, "embed_links"),
        (ATTACH_FILES, "attach_files"),
        (READ_MESSAGE_HISTORY, "read_message_history"),
        (MANAGE_MESSAGES, "manage_messages"),
        (BAN_MEMBERS, "ban_members"),
        (KICK_MEMBERS, "kick_members"),
        (MODERATE_MEMBERS, "moderate_members"),
        (VIEW_AUDIT_LOG, "view_audit_log"),
        (MANAGE_CHANNELS, "manage_channels"),
        (MANAGE_ROLES, "manage_roles"),
        (MANAGE_GUILD, "manage_guild"),
    ];
}

/// What a permission of Discord's lets its holder do with us.
const MEANS: [(u64, &[Right]); 5] = [
    (permissions::BAN_MEMBERS, &[Right::Note, Right::Warn, Right::Ban]),
    (
        permissions::KICK_MEMBERS,
        &[Right::Note, Right::Warn, Right::Kick],
    ),
    (
        permissions::MODERATE_MEMBERS,
        &[Right::Note, Right::Warn, Right::Mute],
    ),
    (
        permissions::MANAGE_MESSAGES,
        &[Right::Note, Right::Warn, Right::Delete],
    ),
    (
        permissions::MANAGE_GUILD,
        &[
            Right::Note,
            Right::Warn,
            Right::EditOthers,
            Right::Void,
            Right::Undo,
            Right::Configure,
        ],
    ),
];

/// What these permissions let somebody do with us.
fn rights(held: u64) -> Rights {
    let means = MEANS.iter().filter(|(permission, _)| held & permission != 0);
    means.fold(Rights::NONE, |all, (_, rights)| all | Rights::of(rights))
}

// === impl Discord ===

impl Discord {
    /// Makes sure that the guild is known as it is now.
    pub(crate) async fn know(&self, guild: u64) -> Result<(), RestError> {
        let guilds: &Guilds = &self.guilds;
        if guilds.is_current(guild) {
            return Ok(());
        }
        let read = |route| {
            let ask = Ask::get(route, guild).priority(Priority::Sanction);
            self.rest.call(ask)
        };
        let mut body = read(Route::Guild {
            guild_id: guild.into(),
        })
        .await?;
        let me = read(Route::GuildMember {
            guild_id: guild.into(),
            user_id: guilds.own().into(),
        })
        .await?;
        body["channels"] = read(Route::GuildChannels {
            guild_id: guild.into(),
        })
        .await?;
        // The gateway may have told it meanwhile, and goes on telling what changes.
        if !guilds.is_current(guild) {
            guilds.put_read(guild, &body);
            guilds.own_member(guild, &me);
        }
        Ok(())
    }

    pub(super) fn rank_of(&self, guild: u64, user: u64, roles: &[u64]) -> Rank {
        let Some(known) = self.guilds.get(guild) else {
            return Rank::Unknown;
        };
        if known.owner == user {
            return Rank::Owner;
        }
        let held = known.permissions(guild, roles);
        Rank::Member {
            position: known.position(roles),
            administrator: held == u64::MAX,
            rights: rights(held),
        }
    }

    /// Who keeps order there; `None` where everybody has such a right.
    pub(super) fn keepers_of(&self, guild: u64) -> Option<Keepers> {
        let known = self.guilds.get(guild)?;
        let keeps = |roles: &[u64]| self.rank_of(guild, 0, roles).is_staff();
        if keeps(&[]) {
            return None;
        }
        let roles = known.roles.keys().filter(|role| keeps(&[**role]));
        Some(Keepers {
            people: UserId::new(&known.owner.to_string()).into_iter().collect(),
            roles: roles
                .filter_map(|role| RoleId::new(&role.to_string()).ok())
                .collect(),
        })
    }

    /// Somebody's member object, read now.
    pub(super) async fn body_of(&self, guild: u64, user: u64) -> Result<Value, PlatformError> {
        self.know(guild)
            .await
            .map_err(|error| self.why(error, guild, Deed::Look))?;
        let route = Route::GuildMember {
            guild_id: guild.into(),
            user_id: user.into(),
        };
        let ask = Ask::get(route, guild).priority(Priority::Sanction);
        self.rest.call(ask).await.map_err(|error| match error.code() {
            10_007 | 10_013 => PlatformError::NotFound(Missing::Member),
            _ => self.why(error, guild, Deed::Look),
        })
    }

    pub(super) fn member_of(
        &self,
        guild: u64,
        user: u64,
        body: &Value,
        mute_role: Option<u64>,
    ) -> Option<Member> {
        let names = read::names(&body["user"], Some(body));
        let until = body["communication_disabled_until"]
            .as_str()
            .and_then(|text| text.parse().ok());
        let now = self.clock.now();
        let roles = role_ids(body);
        let is_held = mute_role.is_some_and(|role| roles.contains(&role));
        let muted = until.filter(|until| *until > now).map(Term::Until);
        Some(Member {
            user: UserId::new(&user.to_string()).ok()?,
            name: names
                .nick
                .or(names.display_name)
                .or(names.username)
                .unwrap_or_else(|| user.to_string()),
            bot: body["user"]["bot"] == true,
            rank: self.rank_of(guild, user, &roles),
            roles: read::roles(body),
            muted: muted.or(is_held.then_some(Term::Forever)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_are_rights() {
        assert!(rights(0).is_empty());
        assert!(rights(1 << 11).is_empty());
        let moderator = rights(permissions::MODERATE_MEMBERS | permissions::MANAGE_MESSAGES);
        assert!(moderator.has(Right::Mute) && moderator.has(Right::Delete) && moderator.has(Right::Warn));
        assert!(!moderator.has(Right::Ban) && !moderator.has(Right::Void));
        assert!(rights(permissions::MANAGE_GUILD).has(Right::Configure));
    }
}
