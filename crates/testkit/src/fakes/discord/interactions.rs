//! What people ask of the bot by command, button and menu.

use super::gateway::Audience;
use super::world::{World, number};
use super::{FakeDiscord, lock};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

/// One interaction and what the bot said to it.
pub(super) struct Interaction {
    pub(super) id: u64,
    pub(super) bot: u64,
    pub(super) made: DateTime<Utc>,
    /// The first answer: its type, and when it came.
    pub(super) acknowledged: Option<u64>,
    /// The answer to the command itself, as it stands now.
    pub(super) original: Option<Value>,
    pub(super) follow_ups: Vec<Value>,
}

// === impl FakeDiscord ===

impl FakeDiscord {
    /// The language of somebody's client, such as `pt-BR`.
    pub fn speak(&self, user: u64, locale: &str) {
        if let Some(user) = lock(&self.world).users.get_mut(&user) {
            locale.clone_into(&mut user.locale);
        }
    }

    /// Somebody uses a command in a channel; the returned token finds the answers. A command within a group has the name of
    /// the group before its own, with a space between. `options` are as Discord sends them.
    pub fn command(&self, bot: u64, user: u64, channel: u64, name: &str, options: &Value) -> String {
        let mut world = lock(&self.world);
        let mut parts = name.split(' ');
        let first = parts.next().unwrap_or_default();
        let options = parts.rev().fold(
            options.clone(),
            |options, part| json!([{ "name": part, "type": 1, "options": options }]),
        );
        let of_bot = world.commands.get(&bot).into_iter().flatten();
        let command = of_bot
            .into_iter()
            .find(|command| command["name"] == first)
            .and_then(|command| command["id"].as_str());
        let command = command.unwrap_or("1").to_owned();
        let mut resolved = world.resolved(user, channel, bot, &options);
        resolved["attachments"] = self.attached(&world, &options);
        let data =
            json!({ "id": command, "name": first, "type": 1, "options": options, "resolved": resolved });
        world.ask(bot, (user, channel), 2, &json!({ "data": data }))
    }

    /// Somebody uses a command where they are alone with the bot.
    pub fn private_command(&self, bot: u64, user: u64, name: &str) -> String {
        let mut world = lock(&self.world);
        let (id, token) = world.begin(bot);
        let body = json!({
            "id": id.to_string(), "application_id": bot.to_string(), "type": 2, "token": token, "version": 1,
            "channel_id": "1", "user": world.user_json(user), "locale": "en-US", "context": 1,
            "data": { "id": "1", "name": name, "type": 1, "options": [] },
        });
        // It comes by the first connection, whatever guilds that hears of.
        let guild = world.guilds.keys().next().copied().unwrap_or_default();
        world.emit(guild, Audience::Bot(bot), "INTERACTION_CREATE", &body);
        token
    }

    /// The files of [`FakeDiscord::upload`] that options name.
    fn attached(&self, world: &World, options: &Value) -> Value {
        let mut attached = json!({});
        let mut left: Vec<&Value> = options.as_array().into_iter().flatten().collect();
        while let Some(option) = left.pop() {
            left.extend(option["options"].as_array().into_iter().flatten());
            let Some(id) = option["value"].as_str().filter(|_| option["type"] == 11) else {
                continue;
            };
            let found = world
                .files
                .iter()
                .find_map(|(path, bytes)| Some((path.strip_prefix(id)?, bytes)));
            if let Some((name, bytes)) = found {
                let (name, url) = (
                    name.trim_start_matches('/'),
                    format!("{}/attachments/{id}{name}", self.url()),
                );
                attached[id] =
                    json!({ "id": id, "filename": name, "size": bytes.len(), "url": url, "proxy_url": url });
            }
        }
        attached
    }

    /// Somebody types an option of a command, the one that is `focused`; what they are offered is in the answer's `choices`.
    pub fn typing(&self, bot: u64, user: u64, channel: u64, name: &str, options: &Value) -> String {
        let data = json!({ "id": "1", "name": name, "type": 1, "options": options });
        lock(&self.world).ask(bot, (user, channel), 4, &json!({ "data": data }))
    }

    /// Somebody chooses a line in the menu of a person; the bot has to have registered it.
    pub fn user_menu(&self, bot: u64, user: u64, channel: u64, name: &str, target: u64) -> String {
        let mut world = lock(&self.world);
        let command = world.menu(bot, name, 2);
        let options = json!([{ "type": 6, "value": target.to_string() }]);
        let resolved = world.resolved(user, channel, bot, &options);
        let data = json!({ "id": command, "name": name, "type": 2, "target_id": target.to_string(), "resolved": resolved });
        world.ask(bot, (user, channel), 2, &json!({ "data": data }))
    }

    /// Somebody chooses a line in the menu of a message.
    pub fn message_menu(&self, bot: u64, user: u64, channel: u64, name: &str, message: u64) -> String {
        let mut world = lock(&self.world);
        let command = world.menu(bot, name, 3);
        let target = message.to_string();
        let found = world.channels[&channel].messages[&message].clone();
        let mut messages = json!({});
        messages[&target] = found;
        let data = json!({
            "id": command, "name": name, "type": 3, "target_id": target, "resolved": { "messages": messages },
        });
        world.ask(bot, (user, channel), 2, &json!({ "data": data }))
    }

    /// Somebody presses a button of the bot's message, found by what its id begins with.
    ///
    /// # Panics
    ///
    /// When the message has no such button, or it cannot be pressed.
    pub fn press(&self, bot: u64, user: u64, channel: u64, message: u64, button: &str) -> String {
        let mut world = lock(&self.world);
        let found = world.channels[&channel].messages[&message].clone();
        let rows = found["components"].as_array().into_iter().flatten();
        let mut buttons = rows.flat_map(|row| row["components"].as_array().into_iter().flatten());
        let pressed = buttons.find(|one| one["custom_id"].as_str().is_some_and(|id| id.starts_with(button)));
        let pressed = pressed.unwrap_or_else(|| panic!("there is no button `{button}`"));
        assert!(
            pressed["disabled"] != true,
            "the button `{button}` cannot be pressed"
        );
        let data = json!({ "custom_id": pressed["custom_id"], "component_type": 2 });
        world.ask(
            bot,
            (user, channel),
            3,
            &json!({ "data": data, "message": found }),
        )
    }

    /// Somebody fills in the form that an interaction was answered with, and sends it.
    ///
    /// # Panics
    ///
    /// When it was not answered with a form that has these fields.
    pub fn fill_in(&self, bot: u64, user: u64, channel: u64, token: &str, fields: &[(&str, &str)]) -> String {
        let mut world = lock(&self.world);
        let known = world
            .interactions
            .get(token)
            .filter(|known| known.acknowledged == Some(9));
        let form = known.and_then(|known| known.original.clone());
        let mut form = form.expect("it was answered with a form");
        for (name, value) in fields {
            let mut rows = form["components"].as_array_mut().into_iter().flatten();
            let row = rows.find(|row| row["components"][0]["custom_id"] == *name);
            let row = row.unwrap_or_else(|| panic!("the form has no field `{name}`"));
            row["components"][0]["value"] = json!(value);
        }
        let data = json!({ "custom_id": form["custom_id"], "components": form["components"] });
        world.ask(bot, (user, channel), 5, &json!({ "data": data }))
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
}

// === impl World ===

impl World {
    /// The id of a menu's line that the bot has registered.
    fn menu(&self, bot: u64, name: &str, kind: u8) -> String {
        let of_bot = self.commands.get(&bot).into_iter().flatten();
        let mut found = of_bot.filter(|command| command["name"] == name && command["type"] == kind);
        let id = found.next().and_then(|command| command["id"].as_str());
        id.unwrap_or_else(|| panic!("the bot has no menu `{name}`"))
            .to_owned()
    }

    /// Sends an interaction of this type to the bot.
    fn ask(&mut self, bot: u64, (user, channel): (u64, u64), kind: u8, rest: &Value) -> String {
        let (id, token) = self.begin(bot);
        let guild = self.channels.get(&channel).and_then(|channel| channel.guild);
        let guild = guild.unwrap_or_default();
        let mut member = self.member_json(guild, user).unwrap_or_default();
        member["permissions"] = json!(self.channel_permissions(channel, user).to_string());
        let locale = self.users.get(&user).map_or("en-US", |user| user.locale.as_str());
        let mut body = json!({
            "id": id.to_string(), "application_id": bot.to_string(), "type": kind, "token": token, "version": 1,
            "guild_id": guild.to_string(), "channel_id": channel.to_string(), "member": member, "locale": locale,
            "guild_locale": "en-US", "app_permissions": self.channel_permissions(channel, bot).to_string(),
            "entitlements": [], "context": 0, "authorizing_integration_owners": {}, "attachment_size_limit": 10_485_760,
        });
        if let (Some(body), Some(rest)) = (body.as_object_mut(), rest.as_object()) {
            body.extend(rest.clone());
        }
        self.emit(guild, Audience::Bot(bot), "INTERACTION_CREATE", &body);
        token
    }

    /// An interaction that is to be answered, and its token.
    fn begin(&mut self, bot: u64) -> (u64, String) {
        let id = self.id();
        let token = format!("interaction-{id}");
        let made = self.now();
        let interaction = Interaction {
            id,
            bot,
            made,
            acknowledged: None,
            original: None,
            follow_ups: Vec::new(),
        };
        self.interactions.insert(token.clone(), interaction);
        (id, token)
    }

    /// What the options of a command name, in full.
    fn resolved(&self, asking: u64, at: u64, bot: u64, options: &Value) -> Value {
        let mut resolved = json!({ "users": {}, "members": {}, "channels": {}, "roles": {} });
        let guild = self
            .channels
            .get(&at)
            .and_then(|channel| channel.guild)
            .unwrap_or_default();
        let mut left: Vec<&Value> = options.as_array().into_iter().flatten().collect();
        while let Some(option) = left.pop() {
            left.extend(option["options"].as_array().into_iter().flatten());
            let Some(id) = number(&option["value"]) else {
                continue;
            };
            let name = id.to_string();
            match option["type"].as_u64() {
                Some(6) => {
                    resolved["users"][&name] = self.user_json(id);
                    if let Some(member) = self.member_part(guild, id) {
                        resolved["members"][&name] = member;
                    }
                }
                Some(7) => {
                    let Some(channel) = self.channels.get(&id) else {
                        continue;
                    };
                    resolved["channels"][&name] = json!({
                        "id": name, "name": channel.name, "type": channel.kind,
                        "permissions": self.channel_permissions(id, asking).to_string(),
                        "app_permissions": self.channel_permissions(id, bot).to_string(),
                    });
                }
                Some(8) => {
                    let role = self.guilds.get(&guild).and_then(|guild| guild.roles.get(&id));
                    resolved["roles"][&name] = role.map(super::world::Role::json).unwrap_or_default();
                }
                _ => {}
            }
        }
        resolved
    }
}
