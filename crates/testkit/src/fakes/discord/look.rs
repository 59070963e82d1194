//! What the test sees of it.

use super::gateway::Audience;
use super::interactions::Interaction;
use super::world::{Recorded, number};
use super::{FakeDiscord, lock};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

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

    /// Somebody uses a command in a channel; the returned token finds the answers. `options` are as Discord sends them.
    pub fn command(&self, bot: u64, user: u64, channel: u64, name: &str, options: &Value) -> String {
        let mut world = lock(&self.world);
        let id = world.id();
        let token = format!("interaction-{id}");
        let guild = world
            .channels
            .get(&channel)
            .and_then(|channel| channel.guild)
            .unwrap_or_default();
        let of_bot = world.commands.get(&bot).into_iter().flatten();
        let command = of_bot
            .into_iter()
            .find(|command| command["name"] == name)
            .and_then(|command| command["id"].as_str());
        let command = command.unwrap_or("1").to_owned();
        let mentioned: Vec<u64> = options
            .as_array()
            .into_iter()
            .flatten()
            .filter(|option| option["type"] == 6)
            .filter_map(|option| number(&option["value"]))
            .collect();
        let mut resolved = json!({ "users": {}, "members": {} });
        for user in mentioned {
            resolved["users"][user.to_string()] = world.user_json(user);
            if let Some(member) = world.member_part(guild, user) {
                resolved["members"][user.to_string()] = member;
            }
        }
        let mut member = world.member_json(guild, user).unwrap_or_default();
        member["permissions"] = json!(world.channel_permissions(channel, user).to_string());
        let body = json!({
            "id": id.to_string(), "application_id": bot.to_string(), "type": 2, "token": token, "version": 1,
            "guild_id": guild.to_string(), "channel_id": channel.to_string(), "member": member, "locale": "en-US",
            "guild_locale": "en-US", "app_permissions": world.channel_permissions(channel, bot).to_string(),
            "data": { "id": command, "name": name, "type": 1, "options": options, "resolved": resolved },
            "entitlements": [], "context": 0, "authorizing_integration_owners": {}, "attachment_size_limit": 10_485_760,
        });
        let made = world.now();
        world.interactions.insert(
            token.clone(),
            Interaction {
                id,
                bot,
                made,
                acknowledged: None,
                original: None,
                follow_ups: Vec::new(),
            },
        );
        world.emit(guild, Audience::Bot(bot), "INTERACTION_CREATE", &body);
        token
    }

    /// What the command was answered, as it stands now; follow-ups after it.
    pub fn replies(&self, token: &str) -> Vec<Value> {
        let world = lock(&self.world);
        let Some(interaction) = world.interactions.get(token) else {
            return Vec::new();
        };
        let follow_ups = interaction.follow_ups.iter().cloned();
        interaction.original.iter().cloned().chain(follow_ups).collect()
    }

    /// Interactions that the bot has not answered at all.
    pub fn unanswered(&self, bot: u64) -> usize {
        let world = lock(&self.world);
        world
            .interactions
            .values()
            .filter(|known| known.bot == bot && known.acknowledged.is_none())
            .count()
    }

    /// Sessions that have a connection now.
    pub fn connected(&self) -> usize {
        lock(&self.world).gateway.connected()
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
