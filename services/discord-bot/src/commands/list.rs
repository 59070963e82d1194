//! The commands as Discord is told of them.
//!
//! What a command and an option are called and do stands in the files of words: `name.{word}`, `command.{path}`, and
//! `option.{command}.{option}` or `option.{option}`.

use crate::effects::permissions::{
    BAN_MEMBERS, KICK_MEMBERS, MANAGE_CHANNELS, MANAGE_MESSAGES, MANAGE_ROLES, MODERATE_MEMBERS,
};
use crate::words::WORDS;
use lockdown_moderation::words::Tongue;
use serde_json::{Map, Value, json};

/// Types of options.
const TEXT: u8 = 3;
const NUMBER: u8 = 4;
const FLAG: u8 = 5;
const USER: u8 = 6;
const CHANNEL: u8 = 7;
const ROLE: u8 = 8;

/// Channels in which something is said: text, voice, announcements, stages, forums, media.
const SPOKEN: [u8; 6] = [0, 2, 5, 13, 15, 16];

struct Command {
    name: &'static str,
    /// Who sees it in their menu; who may use it, is decided when it is used.
    permission: u64,
    takes: Takes,
}

enum Takes {
    Options(&'static [Opt]),
    /// Commands within it.
    Commands(&'static [(&'static str, &'static [Opt])]),
}

#[derive(Clone, Copy)]
struct Opt {
    name: &'static str,
    kind: u8,
    needed: bool,
    range: Option<(u64, u64)>,
}

// === impl Opt ===

impl Opt {
    const fn new(name: &'static str, kind: u8) -> Self {
        Self {
            name,
            kind,
            needed: false,
            range: None,
        }
    }

    const fn needed(self) -> Self {
        Self { needed: true, ..self }
    }

    const fn within(self, least: u64, most: u64) -> Self {
        Self {
            range: Some((least, most)),
            ..self
        }
    }
}

const WHO: Opt = Opt::new("user", USER).needed();
const REASON: Opt = Opt::new("reason", TEXT);
const NOTIFY: Opt = Opt::new("notify", FLAG);
const DURATION: Opt = Opt::new("duration", TEXT);
const DELETE: Opt = Opt::new("delete", TEXT);
const PLACE: Opt = Opt::new("channel", CHANNEL);
const GIVEN_ROLE: Opt = Opt::new("role", ROLE).needed();

const fn command(name: &'static str, permission: u64, options: &'static [Opt]) -> Command {
    Command {
        name,
        permission,
        takes: Takes::Options(options),
    }
}

const COMMANDS: &[Command] = &[
    command("ban", BAN_MEMBERS, &[WHO, DURATION, REASON, DELETE, NOTIFY]),
    command("softban", BAN_MEMBERS, &[WHO, REASON, DELETE, NOTIFY]),
    command("unban", BAN_MEMBERS, &[WHO, REASON]),
    command(
        "massban",
        BAN_MEMBERS,
        &[Opt::new("ids", TEXT).needed(), REASON, DELETE],
    ),
    command("kick", KICK_MEMBERS, &[WHO, REASON, NOTIFY]),
    command("mute", MODERATE_MEMBERS, &[WHO, DURATION, REASON, NOTIFY]),
    command("timeout", MODERATE_MEMBERS, &[WHO, DURATION, REASON, NOTIFY]),
    command("unmute", MODERATE_MEMBERS, &[WHO, REASON]),
    command("warn", MODERATE_MEMBERS, &[WHO, REASON.needed(), NOTIFY]),
    command("note", MODERATE_MEMBERS, &[WHO, Opt::new("text", TEXT).needed()]),
    command(
        "case",
        MODERATE_MEMBERS,
        &[Opt::new("number", NUMBER).needed().within(1, 1 << 50)],
    ),
    command(
        "purge",
        MANAGE_MESSAGES,
        &[
            Opt::new("count", NUMBER).needed().within(1, 1_000),
            Opt::new("user", USER),
            Opt::new("match", TEXT),
            Opt::new("bots", FLAG),
            Opt::new("invites", FLAG),
            Opt::new("attachments", FLAG),
            Opt::new("from", TEXT),
            PLACE,
            Opt::new("everywhere", FLAG),
            REASON,
        ],
    ),
    command("slowmode", MANAGE_CHANNELS, &[DURATION.needed(), PLACE, REASON]),
    command("lock", MANAGE_CHANNELS, &[PLACE, DURATION, REASON]),
    command("unlock", MANAGE_CHANNELS, &[PLACE, REASON]),
    Command {
        name: "lockdown",
        permission: MANAGE_CHANNELS,
        takes: Takes::Commands(&[("start", &[DURATION, REASON]), ("end", &[REASON])]),
    },
    Command {
        name: "role",
        permission: MANAGE_ROLES,
        takes: Takes::Commands(&[
            ("give", &[WHO, GIVEN_ROLE, REASON]),
            ("take", &[WHO, GIVEN_ROLE, REASON]),
        ]),
    },
];

/// All of them, for the one call that registers them.
pub(super) fn all() -> Value {
    COMMANDS.iter().map(Command::json).collect()
}

// === impl Command ===

impl Command {
    fn json(&self) -> Value {
        let options: Vec<Value> = match self.takes {
            Takes::Options(options) => options.iter().map(|option| option.json(self.name)).collect(),
            Takes::Commands(inner) => inner
                .iter()
                .map(|(name, options)| {
                    let options: Vec<Value> = options.iter().map(|option| option.json(self.name)).collect();
                    named(
                        name,
                        &[&format!("command.{}.{name}", self.name)],
                        json!({ "type": 1, "options": options }),
                    )
                })
                .collect(),
        };
        let rest = json!({
            "type": 1, "options": options, "contexts": [0], "integration_types": [0],
            "default_member_permissions": self.permission.to_string(),
        });
        named(self.name, &[&format!("command.{}", self.name)], rest)
    }
}

// === impl Opt ===

impl Opt {
    fn json(&self, command: &str) -> Value {
        let mut rest = json!({ "type": self.kind, "required": self.needed });
        if let Some((least, most)) = self.range {
            rest["min_value"] = json!(least);
            rest["max_value"] = json!(most);
        }
        if self.kind == CHANNEL {
            rest["channel_types"] = json!(SPOKEN);
        }
        let keys = [
            format!("option.{command}.{}", self.name),
            format!("option.{}", self.name),
        ];
        named(self.name, &[&keys[0], &keys[1]], rest)
    }
}

/// Adds what it is called and does, in every language; the first of these keys that there is.
fn named(name: &str, keys: &[&str], mut rest: Value) -> Value {
    let does = |tongue: &Tongue| {
        keys.iter()
            .find_map(|key| tongue.find(key))
            .unwrap_or_else(|| name.to_owned())
    };
    let (mut names, mut texts) = (Map::new(), Map::new());
    for tongue in WORDS.tongues() {
        names.insert(
            tongue.tag().to_owned(),
            json!(tongue.say(&format!("name.{name}"), &[])),
        );
        texts.insert(tongue.tag().to_owned(), json!(does(tongue)));
    }
    // Discord has no plain English: it is what stands there without a language.
    names.remove("en");
    texts.remove("en");
    rest["name"] = json!(name);
    rest["description"] = json!(does(WORDS.tongue(None)));
    rest["name_localizations"] = Value::Object(names);
    rest["description_localizations"] = Value::Object(texts);
    rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn check(list: &[Value]) {
        for tongue in WORDS.tongues() {
            let name = |part: &Value| {
                let localized = part["name_localizations"][tongue.tag()].as_str();
                localized.unwrap_or(part["name"].as_str().unwrap()).to_owned()
            };
            let names: BTreeSet<String> = list.iter().map(name).collect();
            assert_eq!(
                names.len(),
                list.len(),
                "two of the same name in {}: {names:?}",
                tongue.tag()
            );
            for name in names {
                let fits = |c: char| c.is_alphanumeric() && !c.is_uppercase() || c == '-' || c == '_';
                assert!(
                    (1..=32).contains(&name.chars().count()) && name.chars().all(fits),
                    "{name}"
                );
            }
        }
        for part in list {
            let name = part["name"].as_str().unwrap();
            assert_eq!(WORDS.tongue(None).say(&format!("name.{name}"), &[]), name);
            let localized = part["description_localizations"].as_object().unwrap();
            for text in localized.values().chain([&part["description"]]) {
                let text = text.as_str().unwrap();
                assert!(
                    (2..=100).contains(&text.chars().count()) && text != name,
                    "{name}: {text}"
                );
            }
            let options = part["options"].as_array().cloned().unwrap_or_default();
            // What is needed stands before what is not.
            let needed: Vec<bool> = options.iter().map(|option| option["required"] == true).collect();
            assert!(needed.is_sorted_by(|before, after| before >= after), "{name}");
            check(&options);
        }
    }

    #[test]
    fn discord_takes_them_in_every_language() {
        let all = all();
        let all = all.as_array().unwrap();
        assert!(all.len() <= 100);
        check(all);
        let ban = all.iter().find(|command| command["name"] == "ban").unwrap();
        assert_eq!(ban["name_localizations"]["pt-BR"], "banir");
        assert!(ban["options"][0]["description_localizations"]["pt-BR"].is_string());
    }
}
