//! What people do in Discord's own client, and what the test puts there.

use super::gateway::Audience;
use super::permissions::{BOT, EVERYBODY};
use super::rest::{
    automod_stops, carry_out_ban, kick_log, lift_ban, log, mute, remove_member, set_role, updated, write,
};
use super::world::{Channel, Guild, Member, Role, User, World, merge, number};
use super::{FakeDiscord, lock};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

// === impl FakeDiscord ===

impl FakeDiscord {
    /// Somebody with an account.
    pub fn person(&self, name: &str) -> u64 {
        let mut world = lock(&self.world);
        let id = world.id();
        world.users.insert(id, user(name, false));
        id
    }

    /// An account that is a bot, though none of ours.
    pub fn other_bot(&self, name: &str) -> u64 {
        let mut world = lock(&self.world);
        let id = world.id();
        world.users.insert(id, user(name, true));
        id
    }

    /// Puts members into somebody's user object.
    pub fn describe(&self, user: u64, over: Value) {
        if let (Some(user), Value::Object(over)) = (lock(&self.world).users.get_mut(&user), over) {
            user.extra.extend(over);
        }
    }

    /// Nobody can write to them any more.
    pub fn close_dms(&self, user: u64) {
        if let Some(user) = lock(&self.world).users.get_mut(&user) {
            user.dms_closed = true;
        }
    }

    /// A guild with its owner, without channels.
    pub fn guild(&self, name: &str, owner: u64) -> u64 {
        self.guild_of(name, owner, (0, 1))
    }

    /// A guild of which this shard hears, of so many.
    pub fn guild_of(&self, name: &str, owner: u64, (shard, of): (u64, u64)) -> u64 {
        let mut world = lock(&self.world);
        let mut id = world.id();
        while (id >> 22) % of != shard {
            id += 1 << 22;
        }
        world.last_id = id;
        let everybody = Role {
            id,
            name: "@everyone".to_owned(),
            permissions: EVERYBODY,
            position: 0,
            managed: false,
        };
        let now = world.now();
        world.guilds.insert(
            id,
            Guild {
                id,
                name: name.to_owned(),
                owner,
                roles: BTreeMap::from([(id, everybody)]),
                members: BTreeMap::from([(owner, member(now))]),
                bans: BTreeMap::new(),
                audit: Vec::new(),
                automod: BTreeMap::new(),
                away: false,
            },
        );
        id
    }

    /// The owner invites the bot, with the permissions that a moderation bot asks for and a role at 50.
    pub fn invite(&self, guild: u64, bot: u64) {
        self.invite_with(guild, bot, BOT, 50);
    }

    pub fn invite_with(&self, guild: u64, bot: u64, permissions: u64, position: u32) {
        let role = self.role(guild, "bot", position, permissions);
        let mut world = lock(&self.world);
        let now = world.now();
        if let Some(state) = world.guilds.get_mut(&guild) {
            let roles = BTreeSet::from([role]);
            state.members.insert(bot, Member { roles, ..member(now) });
        }
        if let Some(body) = world.guild_json(guild) {
            world.emit(guild, Audience::Bot(bot), "GUILD_CREATE", &body);
        }
    }

    /// The guild removes the bot.
    pub fn expel(&self, guild: u64, bot: u64) {
        let mut world = lock(&self.world);
        world.emit(
            guild,
            Audience::Bot(bot),
            "GUILD_DELETE",
            &json!({ "id": guild.to_string() }),
        );
        if let Some(state) = world.guilds.get_mut(&guild) {
            state.members.remove(&bot);
        }
    }

    pub fn role(&self, guild: u64, name: &str, position: u32, permissions: u64) -> u64 {
        self.make_role(guild, name, (position, permissions), false)
    }

    /// A role of an integration, which no bot can give or take.
    pub fn managed_role(&self, guild: u64, name: &str, position: u32) -> u64 {
        self.make_role(guild, name, (position, 0), true)
    }

    fn make_role(&self, guild: u64, name: &str, (position, permissions): (u32, u64), managed: bool) -> u64 {
        let mut world = lock(&self.world);
        let id = world.id();
        let role = Role {
            id,
            name: name.to_owned(),
            permissions,
            position,
            managed,
        };
        let body = json!({ "guild_id": guild.to_string(), "role": role.json() });
        if let Some(state) = world.guilds.get_mut(&guild) {
            state.roles.insert(id, role);
        }
        world.emit(guild, Audience::Guilds, "GUILD_ROLE_CREATE", &body);
        id
    }

    /// Changes what a role may do.
    pub fn permit(&self, guild: u64, role: u64, permissions: u64) {
        let mut world = lock(&self.world);
        let Some(state) = world
            .guilds
            .get_mut(&guild)
            .and_then(|state| state.roles.get_mut(&role))
        else {
            return;
        };
        state.permissions = permissions;
        let body = json!({ "guild_id": guild.to_string(), "role": state.json() });
        world.emit(guild, Audience::Guilds, "GUILD_ROLE_UPDATE", &body);
    }

    pub fn give(&self, guild: u64, user: u64, role: u64) {
        set_role(&mut lock(&self.world), guild, (user, role), true);
    }

    pub fn nick(&self, guild: u64, user: u64, nick: Option<&str>) {
        let mut world = lock(&self.world);
        if let Some(member) = world
            .guilds
            .get_mut(&guild)
            .and_then(|state| state.members.get_mut(&user))
        {
            member.nick = nick.map(str::to_owned);
        }
        updated(&mut world, guild, user);
    }

    pub fn join(&self, guild: u64, user: u64) {
        let mut world = lock(&self.world);
        let now = world.now();
        let Some(state) = world
            .guilds
            .get_mut(&guild)
            .filter(|state| !state.bans.contains_key(&user))
        else {
            return;
        };
        state.members.insert(user, member(now));
        if let Some(mut body) = world.member_json(guild, user) {
            body["guild_id"] = json!(guild.to_string());
            world.emit(guild, Audience::Members, "GUILD_MEMBER_ADD", &body);
        }
    }

    pub fn leave(&self, guild: u64, user: u64) {
        remove_member(&mut lock(&self.world), guild, user);
    }

    pub fn channel(&self, guild: u64, name: &str) -> u64 {
        self.place(guild, name, 0, None)
    }

    /// A public thread below a channel.
    pub fn thread(&self, guild: u64, parent: u64, name: &str) -> u64 {
        self.place(guild, name, 11, Some(parent))
    }

    fn place(&self, guild: u64, name: &str, kind: u8, parent: Option<u64>) -> u64 {
        let mut world = lock(&self.world);
        let id = world.id();
        let channel = Channel {
            id,
            guild: Some(guild),
            name: name.to_owned(),
            kind,
            parent,
            overwrites: Vec::new(),
            slowmode: 0,
            recipient: None,
            messages: BTreeMap::new(),
            last_message: None,
        };
        let body = channel.json();
        world.channels.insert(id, channel);
        let event = if kind == 11 {
            "THREAD_CREATE"
        } else {
            "CHANNEL_CREATE"
        };
        world.emit(guild, Audience::Guilds, event, &body);
        id
    }

    /// Sets a channel's overwrites as raw JSON, unknown bits included.
    pub fn overwrite(&self, channel: u64, overwrites: Vec<Value>) {
        let mut world = lock(&self.world);
        let Some(state) = world.channels.get_mut(&channel) else {
            return;
        };
        state.overwrites = overwrites;
        let (guild, body) = (state.guild, state.json());
        if let Some(guild) = guild {
            world.emit(guild, Audience::Guilds, "CHANNEL_UPDATE", &body);
        }
    }

    /// Somebody uploads a file; the attachment as it then stands in a message.
    pub fn upload(&self, name: &str, bytes: &[u8]) -> Value {
        let mut world = lock(&self.world);
        let id = world.id();
        let path = format!("{id}/{}", name.replace(' ', "_"));
        world.files.insert(path.clone(), bytes.to_vec());
        let url = format!("{}/attachments/{path}", self.url());
        json!({ "id": id.to_string(), "filename": name, "size": bytes.len(), "url": url, "proxy_url": url })
    }

    /// Somebody says something.
    pub fn say(&self, user: u64, channel: u64, text: &str) -> u64 {
        self.say_with(user, channel, text, &json!({}))
    }

    /// Somebody says something, with these members over those that the message would have. `null` stands there too; an
    /// absent one is one that the test takes away with [`FakeDiscord::emit`].
    pub fn say_with(&self, user: u64, channel: u64, text: &str, over: &Value) -> u64 {
        let id = lock(&self.world).id();
        self.put(id, user, channel, text, over);
        id
    }

    /// A message that was said so long ago. Nobody is told of it now.
    pub fn said(&self, user: u64, channel: u64, text: &str, age: TimeDelta) -> u64 {
        let mut world = lock(&self.world);
        let lose = std::mem::replace(&mut world.gateway.lose, usize::MAX);
        let id = world.id_of(age);
        drop(world);
        self.put(id, user, channel, text, &json!({}));
        lock(&self.world).gateway.lose = lose;
        id
    }

    fn put(&self, id: u64, user: u64, channel: u64, text: &str, over: &Value) {
        let mut world = lock(&self.world);
        let guild = world.channels.get(&channel).and_then(|state| state.guild);
        let over = over.as_object().cloned().unwrap_or_default();
        if let Some(guild) = guild
            && automod_stops(&mut world, (guild, channel), user, text, None)
        {
            return;
        }
        write(&mut world, id, guild, channel, user, text, &over);
    }

    /// Somebody edits their message.
    pub fn edit(&self, channel: u64, message: u64, text: &str) {
        let over = Map::from_iter([("content".to_owned(), json!(text))]);
        let mut world = lock(&self.world);
        let Some(state) = world.channels.get(&channel) else {
            return;
        };
        let author = state
            .messages
            .get(&message)
            .and_then(|message| number(&message["author"]["id"]));
        if let (Some(guild), Some(author)) = (state.guild, author)
            && automod_stops(&mut world, (guild, channel), author, text, Some(message))
        {
            return;
        }
        super::rest::amend(&mut world, channel, message, &over);
    }

    /// Somebody puts a reaction under a message, or takes it away again.
    pub fn react(&self, user: u64, channel: u64, message: u64, emoji: &str, put: bool) {
        let mut world = lock(&self.world);
        let Some(guild) = world.channels.get(&channel).and_then(|state| state.guild) else {
            return;
        };
        let mut body = json!({
            "guild_id": guild.to_string(), "channel_id": channel.to_string(), "message_id": message.to_string(),
            "user_id": user.to_string(), "emoji": { "id": null, "name": emoji }, "burst": false, "type": 0,
        });
        if put {
            body["member"] = world.member_json(guild, user).unwrap_or_default();
        }
        let name = if put {
            "MESSAGE_REACTION_ADD"
        } else {
            "MESSAGE_REACTION_REMOVE"
        };
        world.emit(guild, Audience::Reactions(channel), name, &body);
    }

    /// Messages are taken away by hand.
    pub fn delete(&self, channel: u64, messages: &[u64]) {
        super::rest::remove_messages(&mut lock(&self.world), channel, messages);
    }

    /// A moderator bans in Discord's own client.
    pub fn ban_by(&self, moderator: u64, guild: u64, user: u64, reason: Option<&str>) {
        carry_out_ban(&mut lock(&self.world), moderator, guild, user, reason, 0);
    }

    pub fn unban_by(&self, moderator: u64, guild: u64, user: u64) {
        lift_ban(&mut lock(&self.world), moderator, guild, user, None);
    }

    pub fn kick_by(&self, moderator: u64, guild: u64, user: u64, reason: Option<&str>) {
        let mut world = lock(&self.world);
        remove_member(&mut world, guild, user);
        kick_log(&mut world, moderator, guild, user, reason);
    }

    /// A moderator gives a role, or takes it.
    pub fn set_role_by(&self, moderator: u64, guild: u64, (user, role): (u64, u64), give: bool) {
        let mut world = lock(&self.world);
        set_role(&mut world, guild, (user, role), give);
        let key = if give { "$add" } else { "$remove" };
        let change = json!({ "key": key, "new_value": [{ "id": role.to_string(), "name": "role" }] });
        log(
            &mut world,
            guild,
            moderator,
            25,
            Some(user),
            json!({ "reason": null, "changes": [change] }),
        );
    }

    /// `None` ends the time-out.
    pub fn time_out_by(
        &self,
        moderator: u64,
        guild: u64,
        user: u64,
        until: Option<DateTime<Utc>>,
        reason: Option<&str>,
    ) {
        mute(&mut lock(&self.world), moderator, guild, user, until, reason);
    }

    /// Tells every bot in the guild whatever the test likes.
    pub fn emit(&self, guild: u64, name: &str, body: &Value) {
        lock(&self.world).emit(guild, Audience::Guilds, name, body);
    }

    /// The guild is away, or back.
    pub fn set_away(&self, guild: u64, away: bool) {
        let mut world = lock(&self.world);
        if away {
            let body = json!({ "id": guild.to_string(), "unavailable": true });
            world.emit(guild, Audience::Guilds, "GUILD_DELETE", &body);
        }
        if let Some(state) = world.guilds.get_mut(&guild) {
            state.away = away;
        }
        if !away && let Some(body) = world.guild_json(guild) {
            world.emit(guild, Audience::Guilds, "GUILD_CREATE", &body);
        }
    }

    /// Puts members into somebody's member object.
    pub fn describe_member(&self, guild: u64, user: u64, over: Value) {
        let mut world: std::sync::MutexGuard<'_, World> = lock(&self.world);
        let member = world
            .guilds
            .get_mut(&guild)
            .and_then(|state| state.members.get_mut(&user));
        if let (Some(member), Value::Object(over)) = (member, over) {
            let mut extra = Value::Object(std::mem::take(&mut member.extra));
            merge(&mut extra, &over);
            member.extra = extra.as_object().cloned().unwrap_or_default();
        }
    }
}

pub(super) fn user(name: &str, bot: bool) -> User {
    User {
        name: name.to_owned(),
        bot,
        dms_closed: false,
        locale: "en-US".to_owned(),
        extra: Map::new(),
    }
}

fn member(now: DateTime<Utc>) -> Member {
    Member {
        roles: BTreeSet::new(),
        nick: None,
        joined_at: now,
        muted_until: None,
        extra: Map::new(),
    }
}
