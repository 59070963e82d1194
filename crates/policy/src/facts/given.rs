//! Facts as somebody writes them down: a line of JSON for the command line and for tests.

use super::{Facts, word_number};
use crate::catalogue::{Feature, Kind, Slot};
use crate::duration;
use crate::event::EventKind;
use lockdown_events::{Envelope, EventId, Message, Names, Platform, UserJoined, UserUpdated};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// Where nobody says when: the same moment always, so that a file gives the same verdicts on every day.
const SOME_TIME: i64 = 1_767_225_600_000;

/// One line: a text is enough, and everything else can be said.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    #[serde(default, alias = "t", alias = "content")]
    text: String,
    /// A label, of data that was made for a classifier.
    #[serde(default, rename = "y")]
    _label: Option<Value>,
    #[serde(default)]
    event: Option<EventKind>,
    #[serde(default)]
    platform: Platform,
    /// Milliseconds since 1970.
    at: Option<i64>,
    /// The same id twice is the same event delivered twice.
    id: Option<u64>,
    author: Option<String>,
    guild: Option<String>,
    channel: Option<String>,
    /// Members of the contract's own body for this kind of event.
    #[serde(default)]
    body: Map<String, Value>,
    /// Paths of the catalogue with their values.
    #[serde(default)]
    facts: Map<String, Value>,
}

// === impl Facts ===

impl Facts {
    /// Reads a line of JSON: an event of the contract, or `{"text": "…"}` with what else is known. `number` tells lines
    /// without an id apart. `Ok(None)` for an event that rules do not judge.
    pub fn of_json(line: &str, number: u64) -> Result<Option<Self>, String> {
        let value: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
        if value.get("eventType").is_some() || value.get("type").is_some() {
            let envelope = Envelope::decode(line).map_err(|error| error.to_string())?;
            envelope.event().map_err(|error| error.to_string())?;
            return Ok(Self::of_envelope(&envelope));
        }
        let given = Given::deserialize(value).map_err(|error| error.to_string())?;
        Self::of_given(given, number).map(Some)
    }

    fn of_given(given: Given, number: u64) -> Result<Self, String> {
        let kind = given.event.unwrap_or(EventKind::Message);
        let number = given.id.unwrap_or(number);
        let id = EventId(Uuid::from_u128(u128::from(number) + 1));
        let at = given.at.unwrap_or(SOME_TIME + i64::try_from(number).unwrap_or(0));
        let mut body = json!({
            "platform": given.platform,
            "guildId": given.guild.as_deref().unwrap_or("1"),
        });
        let author = given.author.as_deref().unwrap_or("1");
        let mut put = |name: &str, value: Value| body[name] = value;
        match kind {
            EventKind::Join => put("userId", author.into()),
            EventKind::Nickname => {
                put("userId", author.into());
                let names = Names {
                    nick: Some(given.text.clone()),
                    ..Names::default()
                };
                put(
                    "names",
                    serde_json::to_value(names).map_err(|error| error.to_string())?,
                );
            }
            _ => {
                put("authorId", author.into());
                put("channelId", given.channel.as_deref().unwrap_or("1").into());
                put("messageId", (number + 1).to_string().into());
                put("content", given.text.as_str().into());
            }
        }
        for (name, value) in given.body {
            body[name] = value;
        }
        let mut facts = match kind {
            EventKind::Join => Self::of_join(id, at, &read::<UserJoined>(body)?),
            EventKind::Nickname => {
                Self::of_names(id, at, &read::<UserUpdated>(body)?).ok_or("no name is part of this change")?
            }
            EventKind::Message | EventKind::Edit => Self::of_message(id, kind, at, &read::<Message>(body)?),
            EventKind::Reaction | EventKind::Native => {
                let message = read::<Message>(body)?;
                let mut facts = Self::new(id, kind, message.platform, at);
                message.guild_id.as_str().clone_into(&mut facts.guild);
                message.author_id.as_str().clone_into(&mut facts.author);
                facts.channel = Some(message.channel_id.as_str().to_owned());
                facts.message = Some(message.message_id.as_str().to_owned());
                facts.add_words(Slot::Channel, [message.channel_id.as_str()]);
                facts.set_text(Slot::Text, message.content);
                facts
            }
        };
        for (path, value) in &given.facts {
            facts.give(path, value)?;
        }
        Ok(facts)
    }

    /// Sets a feature by its path; `null` makes it unknown.
    pub fn give(&mut self, path: &str, value: &Value) -> Result<(), String> {
        let feature = Feature::find(path).ok_or_else(|| format!("unknown field {path}"))?;
        let slot = feature.slot;
        self.forget(slot);
        let wrong = || format!("{path} is {}, not {value}", feature.kind.noun());
        match (feature.kind, value) {
            (_, Value::Null) => {}
            (Kind::Flag, Value::Bool(flag)) => self.set_flag(slot, *flag),
            (Kind::Number, Value::Number(number)) => {
                let number = number.as_i64().filter(|number| *number >= 0).ok_or_else(wrong)?;
                self.set_number(slot, number);
            }
            (Kind::Duration, Value::String(text)) => {
                self.set_number(slot, duration::parse(text).ok_or_else(wrong)?);
            }
            (Kind::Word(words), Value::String(text)) => {
                self.set_number(slot, word_number(words, text).ok_or_else(wrong)?);
            }
            (Kind::Text, Value::String(text)) => self.set_text(slot, text.clone()),
            (Kind::Words | Kind::Hosts, Value::Array(items)) => {
                let words: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
                self.add_words(slot, words.ok_or_else(wrong)?);
            }
            _ => return Err(wrong()),
        }
        Ok(())
    }
}

fn read<T: serde::de::DeserializeOwned>(body: Value) -> Result<T, String> {
    serde_json::from_value(body).map_err(|error| error.to_string())
}
