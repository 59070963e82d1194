//! What the test sees of it.

use super::world::Recorded;
use super::{FakeDiscord, lock};
use chrono::{DateTime, Utc};
use serde_json::Value;

// === impl FakeDiscord ===

impl FakeDiscord {
    /// Every request that came, in order.
    pub fn requests(&self) -> Vec<Recorded> {
        lock(&self.world).requests.clone()
    }

    /// The requests of one kind, such as `PUT guilds/{}/bans/{}`.
    pub fn requests_to(&self, call: &str) -> Vec<Recorded> {
        let world = lock(&self.world);
        let same = |request: &&Recorded| format!("{} {}", request.method, request.template) == call;
        world.requests.iter().filter(same).cloned().collect()
    }

    /// Answers with 401, 403 and 429 that a careful bot does not get.
    pub fn invalid_requests(&self) -> usize {
        lock(&self.world).limits.invalid
    }

    /// Answers with 429.
    pub fn limited_requests(&self) -> usize {
        lock(&self.world).limits.limited
    }

    /// Requests that came while all were to wait.
    pub fn requests_during_pause(&self) -> usize {
        lock(&self.world).limits.during_pause
    }

    /// The messages of a channel, oldest first.
    pub fn messages(&self, channel: u64) -> Vec<Value> {
        let world = lock(&self.world);
        let messages = world
            .channels
            .get(&channel)
            .map(|channel| channel.messages.values().cloned().collect());
        messages.unwrap_or_default()
    }

    pub fn has_message(&self, channel: u64, message: u64) -> bool {
        let world = lock(&self.world);
        world
            .channels
            .get(&channel)
            .is_some_and(|channel| channel.messages.contains_key(&message))
    }

    /// What was written to somebody alone.
    pub fn direct_messages(&self, user: u64) -> Vec<String> {
        let world = lock(&self.world);
        let channel = world
            .channels
            .values()
            .find(|channel| channel.recipient == Some(user));
        let messages = channel.into_iter().flat_map(|channel| channel.messages.values());
        messages
            .filter_map(|message| message["content"].as_str().map(str::to_owned))
            .collect()
    }

    /// The reason of a ban, when there is one and it has a reason.
    pub fn ban_reason(&self, guild: u64, user: u64) -> Option<String> {
        lock(&self.world).guilds.get(&guild)?.bans.get(&user)?.clone()
    }

    pub fn is_banned(&self, guild: u64, user: u64) -> bool {
        lock(&self.world)
            .guilds
            .get(&guild)
            .is_some_and(|guild| guild.bans.contains_key(&user))
    }

    pub fn is_member(&self, guild: u64, user: u64) -> bool {
        lock(&self.world)
            .guilds
            .get(&guild)
            .is_some_and(|guild| guild.members.contains_key(&user))
    }

    pub fn muted_until(&self, guild: u64, user: u64) -> Option<DateTime<Utc>> {
        lock(&self.world)
            .guilds
            .get(&guild)?
            .members
            .get(&user)?
            .muted_until
    }

    /// The roles that somebody has, in the order of their numbers.
    pub fn roles(&self, guild: u64, user: u64) -> Vec<u64> {
        let world = lock(&self.world);
        let member = world
            .guilds
            .get(&guild)
            .and_then(|guild| guild.members.get(&user));
        member.map_or_else(Vec::new, |member| member.roles.iter().copied().collect())
    }

    pub fn has_role(&self, guild: u64, user: u64, role: u64) -> bool {
        let world = lock(&self.world);
        let member = world
            .guilds
            .get(&guild)
            .and_then(|guild| guild.members.get(&user));
        member.is_some_and(|member| member.roles.contains(&role))
    }

    /// Whether somebody has all of these permissions in a channel.
    pub fn may(&self, user: u64, channel: u64, permissions: u64) -> bool {
        lock(&self.world).channel_permissions(channel, user) & permissions == permissions
    }

    /// A guild's audit log, oldest first.
    pub fn audit(&self, guild: u64) -> Vec<Value> {
        lock(&self.world)
            .guilds
            .get(&guild)
            .map(|guild| guild.audit.clone())
            .unwrap_or_default()
    }

    /// A channel as the API shows it.
    pub fn channel_json(&self, channel: u64) -> Option<Value> {
        lock(&self.world)
            .channels
            .get(&channel)
            .map(super::world::Channel::json)
    }

    /// The commands that the bot registered.
    pub fn commands(&self, bot: u64) -> Vec<Value> {
        lock(&self.world).commands.get(&bot).cloned().unwrap_or_default()
    }

    /// Sessions that have a connection now.
    pub fn connected(&self) -> usize {
        lock(&self.world).gateway.connected()
    }

    /// The shards that have a connection, as `(which, of how many)`; one that has several stands there several times.
    pub fn shards(&self) -> Vec<(u64, u64)> {
        let shards = lock(&self.world).gateway.shards();
        let each = |(shard, count)| std::iter::repeat_n(shard, count);
        shards.into_iter().flat_map(each).collect()
    }

    /// Identifies that came before their turn.
    pub fn early_identifies(&self) -> usize {
        lock(&self.world).gateway.too_early
    }

    /// How often somebody identified.
    pub fn identifies(&self) -> usize {
        lock(&self.world).gateway.identifies
    }

    /// Connections to the gateway so far.
    pub fn connections(&self) -> u64 {
        lock(&self.world).gateway.connections
    }

    /// What clients sent to the gateway, by opcode.
    pub fn heard(&self) -> Vec<(u64, Value)> {
        lock(&self.world).gateway.heard.clone()
    }
}
