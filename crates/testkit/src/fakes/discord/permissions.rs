//! Who may do what: roles, overwrites, hierarchy.

use super::world::{World, number};
use serde_json::Value;

pub const KICK_MEMBERS: u64 = 1 << 1;
pub const BAN_MEMBERS: u64 = 1 << 2;
pub const ADMINISTRATOR: u64 = 1 << 3;
pub const MANAGE_CHANNELS: u64 = 1 << 4;
pub const MANAGE_GUILD: u64 = 1 << 5;
pub const VIEW_AUDIT_LOG: u64 = 1 << 7;
pub const VIEW_CHANNEL: u64 = 1 << 10;
pub const SEND_MESSAGES: u64 = 1 << 11;
pub const MANAGE_MESSAGES: u64 = 1 << 13;
pub const EMBED_LINKS: u64 = 1 << 14;
pub const ATTACH_FILES: u64 = 1 << 15;
pub const READ_MESSAGE_HISTORY: u64 = 1 << 16;
pub const MANAGE_NICKNAMES: u64 = 1 << 27;
pub const MANAGE_ROLES: u64 = 1 << 28;
pub const MODERATE_MEMBERS: u64 = 1 << 40;

/// What everybody has in a new guild.
pub const EVERYBODY: u64 = VIEW_CHANNEL | SEND_MESSAGES | ATTACH_FILES | READ_MESSAGE_HISTORY;
/// What a moderation bot is invited with.
pub const BOT: u64 = EVERYBODY
    | KICK_MEMBERS
    | BAN_MEMBERS
    | MANAGE_CHANNELS
    | MANAGE_GUILD
    | VIEW_AUDIT_LOG
    | MANAGE_MESSAGES
    | EMBED_LINKS
    | MANAGE_NICKNAMES
    | MANAGE_ROLES
    | MODERATE_MEMBERS;

// === impl World ===

impl World {
    /// The permissions of a member in the guild as a whole.
    pub(super) fn guild_permissions(&self, guild: u64, user: u64) -> u64 {
        let Some(state) = self.guilds.get(&guild) else {
            return 0;
        };
        if state.owner == user {
            return u64::MAX;
        }
        let Some(member) = state.members.get(&user) else {
            return 0;
        };
        let own = member.roles.iter().filter_map(|id| state.roles.get(id));
        let everybody = state.roles.get(&guild).map_or(0, |role| role.permissions);
        let all = own.fold(everybody, |all, role| all | role.permissions);
        if all & ADMINISTRATOR != 0 {
            return u64::MAX;
        }
        match member.muted_until {
            Some(until) if until > self.now() => all & (VIEW_CHANNEL | READ_MESSAGE_HISTORY),
            _ => all,
        }
    }

    /// The permissions in one channel: a thread has those of the channel above it.
    pub(super) fn channel_permissions(&self, channel: u64, user: u64) -> u64 {
        let Some(state) = self.channels.get(&channel) else {
            return 0;
        };
        let Some(guild) = state.guild else {
            return u64::MAX;
        };
        let state = match (
            state.kind,
            state.parent.and_then(|parent| self.channels.get(&parent)),
        ) {
            (10..=12, Some(parent)) => parent,
            _ => state,
        };
        let all = self.guild_permissions(guild, user);
        if all == u64::MAX {
            return all;
        }
        let roles = self.guilds[&guild]
            .members
            .get(&user)
            .map(|member| member.roles.clone())
            .unwrap_or_default();
        let bits = |overwrite: &Value, name: &str| number(&overwrite[name]).unwrap_or(0);
        let of = |wanted: &dyn Fn(u64, u64) -> bool| {
            let matching = state.overwrites.iter().filter(|overwrite| {
                let target = number(&overwrite["id"]).unwrap_or(0);
                wanted(overwrite["type"].as_u64().unwrap_or(0), target)
            });
            matching.fold((0, 0), |(allow, deny), overwrite| {
                (allow | bits(overwrite, "allow"), deny | bits(overwrite, "deny"))
            })
        };
        let steps = [
            of(&|kind, id| kind == 0 && id == guild),
            of(&|kind, id| kind == 0 && roles.contains(&id)),
            of(&|kind, id| kind == 1 && id == user),
        ];
        steps
            .into_iter()
            .fold(all, |all, (allow, deny)| (all & !deny) | allow)
    }

    /// The position of the highest role; the owner stands above all.
    pub(super) fn position(&self, guild: u64, user: u64) -> u32 {
        let Some(state) = self.guilds.get(&guild) else {
            return 0;
        };
        if state.owner == user {
            return u32::MAX;
        }
        let roles = state
            .members
            .get(&user)
            .map(|member| member.roles.clone())
            .unwrap_or_default();
        roles
            .iter()
            .filter_map(|id| state.roles.get(id))
            .map(|role| role.position)
            .max()
            .unwrap_or(0)
    }

    /// Whether one may act on the other, as far as roles go.
    pub(super) fn outranks(&self, guild: u64, actor: u64, target: u64) -> bool {
        self.position(guild, actor) > self.position(guild, target)
    }

    pub(super) fn is_administrator(&self, guild: u64, user: u64) -> bool {
        self.guild_permissions(guild, user) == u64::MAX
    }
}
