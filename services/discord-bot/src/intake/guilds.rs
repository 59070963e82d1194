//! What is known of the guilds: owners, roles, channels, and our own roles in them.

use crate::read;
use lockdown_runtime::config::Shards as Part;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

pub(crate) const ADMINISTRATOR: u64 = 1 << 3;

/// For how long what was read of a guild that another process hears of is believed.
const FRESH: Duration = Duration::from_secs(5);

/// Every guild of this process, and who we are.
pub(crate) struct Guilds {
    own: u64,
    /// The shards of this process; all, as long as nothing is said.
    part: OnceLock<Part>,
    known: RwLock<HashMap<u64, Guild>>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Guild {
    pub(crate) name: String,
    pub(crate) owner: u64,
    pub(crate) roles: HashMap<u64, Role>,
    pub(crate) channels: HashMap<u64, Channel>,
    pub(crate) own_roles: Vec<u64>,
    /// When it was read over HTTP, where no gateway of ours tells what changes.
    read: Option<Instant>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Role {
    pub(crate) name: String,
    pub(crate) position: u32,
    pub(crate) permissions: u64,
    /// Discord gives and takes it, and nobody else.
    pub(crate) managed: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Channel {
    pub(crate) name: String,
    /// Discord's number for what it is: 0 is a text channel.
    pub(crate) kind: u64,
    /// The channel above, when it is a thread.
    pub(crate) above: Option<u64>,
    /// What roles and members may there otherwise than elsewhere. For reckoning only: to be written back, they are read
    /// afresh.
    pub(crate) overwrites: Vec<Overwrite>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Overwrite {
    pub(crate) target: u64,
    pub(crate) of_member: bool,
    pub(crate) allow: u64,
    pub(crate) deny: u64,
}

// === impl Guilds ===

impl Guilds {
    pub(crate) fn new(own: u64) -> Self {
        Self {
            own,
            part: OnceLock::new(),
            known: RwLock::default(),
        }
    }

    /// Which guilds this process hears of.
    pub(crate) fn are_of(&self, part: Part) {
        let _ = self.part.set(part);
    }

    /// Whether this process hears what happens there; else another one does.
    pub(crate) fn hears(&self, guild: u64) -> bool {
        self.part.get().is_none_or(|part| {
            let shard = (guild >> 22) % u64::from(part.of);
            (u64::from(part.first)..=u64::from(part.last)).contains(&shard)
        })
    }

    /// What is known of a guild is as it is now: we hear what changes, or have just read it.
    pub(crate) fn is_current(&self, id: u64) -> bool {
        let known = self.read();
        let guild = known.get(&id);
        guild.is_some_and(|guild| self.hears(id) || guild.read.is_some_and(|at| at.elapsed() < FRESH))
    }

    /// Keeps what was read over HTTP of a guild that another process hears of, or that we have not heard of yet.
    pub(crate) fn put_read(&self, id: u64, body: &Value) {
        self.put(id, body);
        self.change(id, |guild| guild.read = Some(Instant::now()));
    }

    /// The bot's own id.
    pub(crate) fn own(&self) -> u64 {
        self.own
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<u64, Guild>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<u64, Guild>> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps what a whole guild object says; returns what was known before. What came over HTTP names no channels and no
    /// members: those stay.
    pub(crate) fn put(&self, id: u64, body: &Value) -> Option<Guild> {
        let each = |name: &str| body[name].as_array().into_iter().flatten();
        let mut known = self.write();
        let before = known.get(&id).cloned();
        let mut guild = Guild {
            name: body["name"].as_str().unwrap_or_default().to_owned(),
            owner: read::id(&body["owner_id"]).unwrap_or(0),
            roles: each("roles")
                .filter_map(|role| Some((read::id(&role["id"])?, Role::read(role))))
                .collect(),
            ..before.clone().unwrap_or_default()
        };
        if body["channels"].is_array() {
            let channels = each("channels").chain(each("threads"));
            guild.channels = channels
                .filter_map(|channel| Some((read::id(&channel["id"])?, Channel::read(channel))))
                .collect();
        }
        let me = each("members").find(|member| read::id(&member["user"]["id"]) == Some(self.own));
        if let Some(me) = me {
            guild.own_roles = role_ids(me);
        }
        known.insert(id, guild);
        before
    }

    /// A guild as it is known now.
    pub(crate) fn get(&self, id: u64) -> Option<Guild> {
        self.read().get(&id).cloned()
    }

    pub(crate) fn knows(&self, id: u64) -> bool {
        self.read().contains_key(&id)
    }

    pub(crate) fn forget(&self, id: u64) -> Option<Guild> {
        self.write().remove(&id)
    }

    /// Changes a known guild.
    pub(crate) fn change<T>(&self, id: u64, change: impl FnOnce(&mut Guild) -> T) -> Option<T> {
        self.write().get_mut(&id).map(change)
    }

    /// The guild of a channel, when the event did not say it.
    pub(crate) fn of_channel(&self, channel: u64) -> Option<u64> {
        let known = self.read();
        known
            .iter()
            .find(|(_, guild)| guild.channels.contains_key(&channel))
            .map(|(id, _)| *id)
    }

    pub(crate) fn channel(&self, guild: u64, channel: u64) -> Option<Channel> {
        self.read().get(&guild)?.channels.get(&channel).cloned()
    }

    /// What we may do there; `None` where the guild is not known.
    pub(crate) fn own_permissions(&self, guild: u64) -> Option<u64> {
        let known = self.read();
        let guild_state = known.get(&guild)?;
        if guild_state.owner == self.own {
            return Some(u64::MAX);
        }
        Some(guild_state.permissions(guild, &guild_state.own_roles))
    }

    /// What somebody with these roles may do in a channel; `None` where it is not known.
    pub(crate) fn permissions_in(&self, guild: u64, channel: u64, user: u64, roles: &[u64]) -> Option<u64> {
        let known = self.read();
        let state = known.get(&guild)?;
        if state.owner == user {
            return Some(u64::MAX);
        }
        let place = state.channels.get(&channel)?;
        // A thread has the overwrites of its channel.
        let place = match place.above {
            Some(above) => state.channels.get(&above)?,
            None => place,
        };
        let all = state.permissions(guild, roles);
        Some(if all == u64::MAX {
            all
        } else {
            place.permissions(all, guild, user, roles)
        })
    }

    /// What we may do in a channel.
    pub(crate) fn own_permissions_in(&self, guild: u64, channel: u64) -> Option<u64> {
        let roles = self.read().get(&guild)?.own_roles.clone();
        self.permissions_in(guild, channel, self.own, &roles)
    }

    /// Our own member object changed.
    pub(crate) fn own_member(&self, guild: u64, member: &Value) {
        self.change(guild, |guild| guild.own_roles = role_ids(member));
    }
}

// === impl Guild ===

impl Guild {
    /// What these roles may do together.
    pub(crate) fn permissions(&self, id: u64, roles: &[u64]) -> u64 {
        let held = roles.iter().chain([&id]).filter_map(|role| self.roles.get(role));
        let all = held.fold(0, |all, role| all | role.permissions);
        if all & ADMINISTRATOR != 0 { u64::MAX } else { all }
    }

    /// The position of the highest of these roles.
    pub(crate) fn position(&self, roles: &[u64]) -> u32 {
        let held = roles.iter().filter_map(|role| self.roles.get(role));
        held.map(|role| role.position).max().unwrap_or(0)
    }

    /// The channels in which people speak, threads aside, in their order.
    pub(crate) fn spoken(&self) -> Vec<u64> {
        let spoken = self.channels.iter().filter(|(_, channel)| channel.is_spoken());
        let mut spoken: Vec<u64> = spoken.map(|(id, _)| *id).collect();
        spoken.sort_unstable();
        spoken
    }
}

// === impl Role ===

impl Role {
    pub(crate) fn read(body: &Value) -> Self {
        Self {
            name: body["name"].as_str().unwrap_or_default().to_owned(),
            position: body["position"]
                .as_u64()
                .and_then(|position| position.try_into().ok())
                .unwrap_or(0),
            permissions: read::id(&body["permissions"]).unwrap_or(0),
            managed: body["managed"] == true,
        }
    }
}

// === impl Channel ===

impl Channel {
    /// Text, voice, announcements, stages, forums, media: where somebody speaks, threads aside.
    pub(crate) fn is_spoken(&self) -> bool {
        matches!(self.kind, 0 | 2 | 5 | 13 | 15 | 16)
    }

    pub(crate) fn read(body: &Value) -> Self {
        // Announcement, public and private threads.
        let thread = matches!(body["type"].as_u64(), Some(10..=12));
        Self {
            name: body["name"].as_str().unwrap_or_default().to_owned(),
            kind: body["type"].as_u64().unwrap_or(0),
            above: read::id(&body["parent_id"]).filter(|_| thread),
            overwrites: body["permission_overwrites"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Overwrite::read)
                .collect(),
        }
    }

    fn permissions(&self, all: u64, guild: u64, user: u64, roles: &[u64]) -> u64 {
        let of = |wanted: &dyn Fn(&Overwrite) -> bool| {
            let found = self.overwrites.iter().filter(|overwrite| wanted(overwrite));
            found.fold((0, 0), |(allow, deny), one| (allow | one.allow, deny | one.deny))
        };
        // Everybody first, then the roles together, then the member: what comes later stands above.
        let steps = [
            of(&|one| !one.of_member && one.target == guild),
            of(&|one| !one.of_member && one.target != guild && roles.contains(&one.target)),
            of(&|one| one.of_member && one.target == user),
        ];
        steps
            .into_iter()
            .fold(all, |all, (allow, deny)| all & !deny | allow)
    }
}

// === impl Overwrite ===

impl Overwrite {
    fn read(body: &Value) -> Option<Self> {
        Some(Self {
            target: read::id(&body["id"])?,
            of_member: body["type"].as_u64() == Some(1),
            allow: read::id(&body["allow"]).unwrap_or(0),
            deny: read::id(&body["deny"]).unwrap_or(0),
        })
    }
}

/// The roles of a member object.
pub(crate) fn role_ids(member: &Value) -> Vec<u64> {
    member["roles"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(read::id)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_stands_nearer_to_somebody_counts_more() {
        let guilds = Guilds::new(9);
        guilds.put(1, &json!({
            "owner_id": "5", "members": [{ "user": { "id": "9" }, "roles": ["2"] }],
            "roles": [
                { "id": "1", "permissions": "7" }, { "id": "2", "permissions": "8" }, { "id": "3", "permissions": "16" },
            ],
            "channels": [{ "id": "20", "type": 0, "permission_overwrites": [
                { "id": "1", "type": 0, "allow": "0", "deny": "3" },
                { "id": "3", "type": 0, "allow": "1", "deny": "4" },
                { "id": "6", "type": 1, "allow": "4", "deny": "0" },
            ] }],
            "threads": [{ "id": "21", "type": 11, "parent_id": "20" }],
        }));
        let held = |channel, user, roles: &[u64]| guilds.permissions_in(1, channel, user, roles);
        assert_eq!(held(20, 7, &[]), Some(4));
        assert_eq!(held(20, 7, &[3]), Some(16 | 1));
        assert_eq!(held(20, 6, &[3]), Some(16 | 1 | 4));
        assert_eq!(
            held(21, 6, &[3]),
            Some(16 | 1 | 4),
            "a thread is like its channel"
        );
        assert_eq!(held(20, 5, &[]), Some(u64::MAX), "the owner");
        assert_eq!(
            guilds.own_permissions_in(1, 21),
            Some(u64::MAX),
            "8 is an administrator"
        );
        assert_eq!(held(22, 7, &[]), None);
    }
}
