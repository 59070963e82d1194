//! What a moderator asked for, and where.

use super::list;
use crate::intake::{Attached, role_ids};
use crate::read::{self, Place};
use crate::words::WORDS;
use lockdown_events::{ChannelId, GuildId, Message, MessageId, MessageRef, UserId};
use lockdown_moderation::Zone;
use lockdown_moderation::words::Tongue;
use serde_json::{Value, json};

/// What somebody asked for in a guild: by a command, a menu, a button or a form. A button or a form is a command too, with
/// its options in its id.
pub(super) struct Input {
    pub(super) id: u64,
    pub(super) token: String,
    pub(super) kind: Kind,
    /// `lockdown start`
    pub(super) path: String,
    pub(super) guild: Numbered<GuildId>,
    pub(super) channel: Numbered<ChannelId>,
    pub(super) moderator: Numbered<UserId>,
    /// The moderator's roles.
    pub(super) roles: Vec<u64>,
    /// What Discord lets the moderator do in this channel, as of now.
    pub(super) permissions: u64,
    /// Their language.
    pub(super) tongue: &'static Tongue,
    /// The clock by which they mean dates.
    pub(super) zone: Zone,
    options: Vec<Value>,
    resolved: Value,
}

/// How it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Command,
    /// A button, or a line in the menu of a person or a message.
    Press,
    /// A form that was filled in.
    Form,
    /// Nothing yet: an option is being typed.
    Typing,
}

/// An id, and Discord's number of it.
pub(super) struct Numbered<T> {
    pub(super) id: T,
    pub(super) number: u64,
}

// === impl Input ===

impl Input {
    /// `None` when it is none of these, or was not used in a guild.
    pub(super) fn read(interaction: &Value) -> Option<Self> {
        let data = &interaction["data"];
        let (kind, path, options) = match (interaction["type"].as_u64()?, data["type"].as_u64()) {
            (2, Some(2 | 3)) => {
                let (path, options) = menu(data, &interaction["channel_id"])?;
                (Kind::Press, path, options)
            }
            (asked @ (2 | 4), _) => {
                let kind = if asked == 2 { Kind::Command } else { Kind::Typing };
                let (path, options) = command(data)?;
                (kind, path, options)
            }
            (asked @ (3 | 5), _) => {
                let kind = if asked == 3 { Kind::Press } else { Kind::Form };
                let (path, mut options) = of_custom_id(data["custom_id"].as_str()?);
                fields(&data["components"], &mut options);
                (kind, path, options)
            }
            _ => return None,
        };
        Some(Self {
            id: read::id(&interaction["id"])?,
            token: interaction["token"].as_str()?.to_owned(),
            kind,
            path,
            guild: Numbered::read(&interaction["guild_id"], GuildId::new)?,
            channel: Numbered::read(&interaction["channel_id"], ChannelId::new)?,
            moderator: Numbered::read(&interaction["member"]["user"]["id"], UserId::new)?,
            roles: role_ids(&interaction["member"]),
            permissions: all_of(read::id(&interaction["member"]["permissions"]).unwrap_or(0)),
            tongue: WORDS.tongue(interaction["locale"].as_str()),
            zone: Zone::default(),
            options,
            resolved: data["resolved"].clone(),
        })
    }

    /// What somebody said in a channel, as a command without its words.
    pub(super) fn spoken(
        message: &Value,
        (guild, channel, author): (u64, u64, u64),
        roles: Vec<u64>,
        held: u64,
    ) -> Option<Self> {
        Some(Self {
            id: read::id(&message["id"])?,
            token: String::new(),
            kind: Kind::Command,
            path: String::new(),
            guild: Numbered::of(guild, GuildId::new)?,
            channel: Numbered::of(channel, ChannelId::new)?,
            moderator: Numbered::of(author, UserId::new)?,
            roles,
            permissions: held,
            tongue: WORDS.tongue(None),
            zone: Zone::default(),
            options: Vec::new(),
            resolved: Value::Null,
        })
    }

    pub(super) fn put_options(&mut self, options: Vec<Value>) {
        self.options = options;
    }

    /// The id of a button or a form that asks for `path` with the same options as this, but for those that it asks for
    /// itself.
    pub(super) fn custom_id(&self, path: &str, asked: &[&str]) -> String {
        let plain = self.options.iter().filter_map(|option| {
            let name = option["name"].as_str().filter(|name| !asked.contains(name))?;
            let value = match &option["value"] {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            Some(format!("{name}={value}"))
        });
        let all: Vec<String> = plain.collect();
        if all.is_empty() {
            return path.to_owned();
        }
        format!("{path}/{}", all.join("&"))
    }

    /// The option that is being typed, and what stands there so far.
    pub(super) fn typed(&self) -> Option<(&str, &str)> {
        let option = self.options.iter().find(|option| option["focused"] == true)?;
        Some((
            option["name"].as_str()?,
            option["value"].as_str().unwrap_or_default(),
        ))
    }

    /// The messages that are named as evidence, each as `channel-message`, a link, or an id in this channel.
    pub(super) fn evidence(&self) -> Result<Vec<MessageRef>, String> {
        let Some(text) = self.text("evidence") else {
            return Ok(Vec::new());
        };
        let words = text.split([' ', ',', '\n']).filter(|word| !word.is_empty());
        words
            .map(|word| {
                self.message(word)
                    .ok_or_else(|| self.tongue.say("evidence.wrong", &[]))
            })
            .collect()
    }

    fn message(&self, word: &str) -> Option<MessageRef> {
        let mut parts = word.rsplit(['/', '-']);
        let message: u64 = parts.next()?.parse().ok()?;
        let channel = match parts.next() {
            Some(channel) => channel.parse().ok()?,
            None => self.channel.number,
        };
        Some(MessageRef {
            channel_id: ChannelId::new(&channel.to_string()).ok(),
            message_id: MessageId::new(&message.to_string()).ok()?,
        })
    }

    fn value(&self, name: &str) -> Option<&Value> {
        let option = self.options.iter().find(|option| option["name"] == name)?;
        Some(&option["value"])
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        let text = self.value(name)?.as_str()?.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        let value = self.value(name)?;
        // In the id of a form it is a text.
        value.as_bool().or_else(|| value.as_str()?.parse().ok())
    }

    /// What was attached to the command.
    pub(super) fn file(&self) -> Option<Attached> {
        let found = self.resolved("attachments", self.number("file")?);
        Some(Attached {
            name: found["filename"].as_str().unwrap_or_default().to_owned(),
            size: found["size"].as_u64().unwrap_or(0),
            url: Some(found["url"].as_str()?.to_owned()),
            sha256: None,
        })
    }

    pub(super) fn number(&self, name: &str) -> Option<u64> {
        read::id(self.value(name)?)
    }

    /// The person of the option `user`.
    pub(super) fn user(&self) -> Result<UserId, String> {
        let id = self.number("user").filter(|id| *id > 0);
        id.and_then(|id| UserId::new(&id.to_string()).ok())
            .ok_or_else(|| self.tongue.say("nobody", &[]))
    }

    /// What Discord tells of what the options name: `channels`, `roles`, `attachments`.
    pub(super) fn resolved(&self, kind: &str, id: u64) -> &Value {
        &self.resolved[kind][id.to_string()]
    }

    /// The message in whose menu it was asked for.
    pub(super) fn message_of_menu(&self) -> Option<Message> {
        let place = Place {
            guild: self.guild.id.clone(),
            channel: self.channel.number,
            above: None,
            title: None,
        };
        let of_menu = self.resolved["messages"].as_object()?.values().next()?;
        read::message(of_menu, place)
    }

    /// What the moderator may do in a channel, where Discord tells it with the command.
    pub(super) fn permissions_in(&self, channel: u64) -> Option<u64> {
        if channel == self.channel.number {
            return Some(self.permissions);
        }
        read::id(&self.resolved("channels", channel)["permissions"]).map(all_of)
    }
}

// === impl Numbered ===

impl<T> Numbered<T> {
    fn read<E>(value: &Value, id: impl FnOnce(&str) -> Result<T, E>) -> Option<Self> {
        Self::of(read::id(value)?, id)
    }

    fn of<E>(number: u64, id: impl FnOnce(&str) -> Result<T, E>) -> Option<Self> {
        let id = id(&number.to_string()).ok()?;
        Some(Self { id, number })
    }
}

/// The path and the options of a command.
fn command(data: &Value) -> Option<(String, Vec<Value>)> {
    let (mut path, mut options) = (data["name"].as_str()?.to_owned(), &data["options"]);
    // A group holds a command, which holds its options.
    while let Some(inner) = options
        .get(0)
        .filter(|option| matches!(option["type"].as_u64(), Some(1 | 2)))
    {
        path = format!("{path} {}", inner["name"].as_str()?);
        options = &inner["options"];
    }
    Some((path, options.as_array().cloned().unwrap_or_default()))
}

/// A line in the menu of a person or of a message: of the message, its author is meant.
fn menu(data: &Value, channel: &Value) -> Option<(String, Vec<Value>)> {
    let path = list::menu(data["name"].as_str()?)?;
    let target = data["target_id"].as_str()?;
    let message = &data["resolved"]["messages"][target];
    if data["type"] == 2 {
        return Some((path.to_owned(), vec![json!({ "name": "user", "value": target })]));
    }
    let channel = message["channel_id"].as_str().or(channel.as_str())?;
    let options = vec![
        json!({ "name": "user", "value": message["author"]["id"] }),
        json!({ "name": "evidence", "value": format!("{channel}-{target}") }),
    ];
    Some((path.to_owned(), options))
}

/// `case undo/number=17`
fn of_custom_id(id: &str) -> (String, Vec<Value>) {
    let (path, rest) = id.split_once('/').unwrap_or((id, ""));
    let options = rest.split('&').filter_map(|pair| pair.split_once('='));
    let options = options.map(|(name, value)| json!({ "name": name, "value": value }));
    (path.to_owned(), options.collect())
}

/// What was written into a form, wherever its fields stand.
fn fields(components: &Value, options: &mut Vec<Value>) {
    for part in components.as_array().into_iter().flatten() {
        if let Some(name) = part["custom_id"].as_str()
            && part["value"].is_string()
        {
            options.push(json!({ "name": name, "value": part["value"] }));
        }
        fields(&part["components"], options);
        if part["component"].is_object() {
            fields(&json!([part["component"]]), options);
        }
    }
}

/// An administrator may do everything.
fn all_of(permissions: u64) -> u64 {
    if permissions & crate::effects::permissions::ADMINISTRATOR != 0 {
        u64::MAX
    } else {
        permissions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_button_and_a_form_are_commands() {
        let interaction = |kind: u8, data: Value| {
            let body = json!({
                "id": "1", "token": "t", "type": kind, "guild_id": "7", "channel_id": "8", "data": data,
                "member": { "user": { "id": "9" }, "permissions": "8", "roles": [] }, "locale": "en-US",
            });
            Input::read(&body).unwrap()
        };
        let button = interaction(3, json!({ "custom_id": "case undo/number=17" }));
        assert_eq!((button.kind, button.path.as_str()), (Kind::Press, "case undo"));
        assert_eq!(button.number("number"), Some(17));
        assert_eq!(button.custom_id("case undo", &[]), "case undo/number=17");
        let field = json!({ "type": 4, "custom_id": "reason", "value": "wrong = person & all" });
        for part in [json!({ "components": [field] }), json!({ "component": field })] {
            let form = interaction(
                5,
                json!({ "custom_id": "case undo/number=17", "components": [part] }),
            );
            assert_eq!(form.text("reason").as_deref(), Some("wrong = person & all"));
            assert_eq!((form.kind, form.number("number")), (Kind::Form, Some(17)));
        }
        let menu = interaction(
            2,
            json!({ "type": 3, "name": "Warn", "target_id": "4", "resolved": {
                "messages": { "4": { "id": "4", "channel_id": "8", "author": { "id": "5" } } } } }),
        );
        assert_eq!((menu.kind, menu.path.as_str()), (Kind::Press, "warn"));
        assert_eq!(menu.user().unwrap().as_str(), "5");
        let kept = &menu.evidence().unwrap()[0];
        assert_eq!(
            (
                kept.channel_id.as_ref().unwrap().as_str(),
                kept.message_id.as_str()
            ),
            ("8", "4")
        );
        let typing = interaction(
            4,
            json!({ "name": "mute", "type": 1, "options": [{ "name": "duration", "type": 3, "value": "1", "focused": true }] }),
        );
        assert_eq!(
            (typing.kind, typing.typed()),
            (Kind::Typing, Some(("duration", "1")))
        );
    }
}
