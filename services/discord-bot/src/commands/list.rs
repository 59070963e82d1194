//! The commands as Discord is told of them.
//!
//! What a command and an option are called and do stands in the files of words: `name.{word}`, `command.{path}`, and
//! `option.{command}.{option}` or `option.{option}`.

use crate::effects::permissions::{
    BAN_MEMBERS, KICK_MEMBERS, MANAGE_CHANNELS, MANAGE_GUILD, MANAGE_MESSAGES, MANAGE_ROLES, MODERATE_MEMBERS,
};
use crate::words::WORDS;
use lockdown_moderation::words::Tongue;
use serde_json::{Map, Value, json};

/// Types of options.
const TEXT: u8 = 3;
pub(super) const NUMBER: u8 = 4;
pub(super) const FLAG: u8 = 5;
pub(super) const USER: u8 = 6;
pub(super) const CHANNEL: u8 = 7;
pub(super) const ROLE: u8 = 8;
pub(super) const FILE: u8 = 11;

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
pub(super) struct Opt {
    pub(super) name: &'static str,
    pub(super) kind: u8,
    pub(super) needed: bool,
    range: Option<(u64, u64)>,
    pub(super) choices: &'static [&'static str],
    /// What is typed is completed.
    completed: bool,
}

// === impl Opt ===

impl Opt {
    const fn new(name: &'static str, kind: u8) -> Self {
        Self {
            name,
            kind,
            needed: false,
            range: None,
            choices: &[],
            completed: false,
        }
    }

    const fn needed(self) -> Self {
        Self { needed: true, ..self }
    }

    const fn completed(self) -> Self {
        Self {
            completed: true,
            ..self
        }
    }

    /// Without help of what moderators wrote before.
    const fn plain(self) -> Self {
        Self {
            completed: false,
            ..self
        }
    }

    const fn one_of(self, choices: &'static [&'static str]) -> Self {
        Self { choices, ..self }
    }

    const fn within(self, least: u64, most: u64) -> Self {
        Self {
            range: Some((least, most)),
            ..self
        }
    }
}

const WHO: Opt = Opt::new("user", USER).needed();
const REASON: Opt = Opt::new("reason", TEXT).completed();
const NOTIFY: Opt = Opt::new("notify", FLAG);
const DURATION: Opt = Opt::new("duration", TEXT).completed();
const DELETE: Opt = Opt::new("delete", TEXT).completed();
const CASE: Opt = Opt::new("number", NUMBER).needed().completed().within(1, 1 << 50);
const PLACE: Opt = Opt::new("channel", CHANNEL);
const RULE: Opt = Opt::new("rule", TEXT).needed().completed();
const GIVEN_ROLE: Opt = Opt::new("role", ROLE).needed();
const EVIDENCE: Opt = Opt::new("evidence", TEXT);
const ATTACHED: Opt = Opt::new("file", FILE);
/// Of every command that answers a moderator; see [`Command::json`].
const SHOW: Opt = Opt::new("show", FLAG);

const ACTIONS: [&str; 9] = [
    "ban", "unban", "kick", "mute", "unmute", "warn", "unwarn", "note", "softban",
];

/// The lines in the menus of people and messages: what they are called in the files of words, the command that they are,
/// and where: 2 in those of people, 3 in those of messages.
const MENUS: &[(&str, &str, u8, u64)] = &[
    ("menu.menu", "menu", 2, MODERATE_MEMBERS),
    ("menu.note", "note", 2, MODERATE_MEMBERS),
    ("menu.warn", "warn", 2, MODERATE_MEMBERS),
    ("menu.mute", "mute", 2, MODERATE_MEMBERS),
    ("menu.ban", "ban", 2, BAN_MEMBERS),
    ("menu.clean", "clean", 2, MANAGE_MESSAGES),
    ("menu.history", "history", 2, MODERATE_MEMBERS),
    ("menu.menu", "menu", 3, MODERATE_MEMBERS),
    ("menu.note", "note", 3, MODERATE_MEMBERS),
    ("menu.warn", "warn", 3, MODERATE_MEMBERS),
    ("menu.mute", "mute", 3, MODERATE_MEMBERS),
    ("menu.ban", "ban", 3, BAN_MEMBERS),
    ("menu.clean", "clean", 3, MANAGE_MESSAGES),
    ("menu.history", "history", 3, MODERATE_MEMBERS),
    ("menu.remove", "remove", 3, MANAGE_MESSAGES),
    ("menu.why", "rules why", 3, MODERATE_MEMBERS),
    // Anybody may report.
    ("menu.report", "report", 2, 0),
    ("menu.report", "report", 3, 0),
];

const fn command(name: &'static str, permission: u64, options: &'static [Opt]) -> Command {
    Command {
        name,
        permission,
        takes: Takes::Options(options),
    }
}

const MUTE: &[Opt] = &[WHO, DURATION, REASON, NOTIFY, EVIDENCE, ATTACHED];

const COMMANDS: &[Command] = &[
    command(
        "ban",
        BAN_MEMBERS,
        &[WHO, DURATION, REASON, DELETE, NOTIFY, EVIDENCE, ATTACHED],
    ),
    command(
        "softban",
        BAN_MEMBERS,
        &[WHO, REASON, DELETE, NOTIFY, EVIDENCE, ATTACHED],
    ),
    command("unban", BAN_MEMBERS, &[WHO, REASON]),
    command(
        "massban",
        BAN_MEMBERS,
        // Without both, a form asks for the ids.
        &[Opt::new("ids", TEXT), REASON, DELETE, NOTIFY, ATTACHED],
    ),
    command(
        "kick",
        KICK_MEMBERS,
        &[WHO, REASON, DELETE, NOTIFY, EVIDENCE, ATTACHED],
    ),
    command("mute", MODERATE_MEMBERS, MUTE),
    command("timeout", MODERATE_MEMBERS, MUTE),
    command(
        "unmute",
        MODERATE_MEMBERS,
        &[WHO, Opt::new("in", TEXT).completed(), REASON],
    ),
    command(
        "warn",
        MODERATE_MEMBERS,
        &[WHO, REASON.needed(), NOTIFY, EVIDENCE, ATTACHED],
    ),
    command(
        "note",
        MODERATE_MEMBERS,
        &[WHO, Opt::new("text", TEXT).needed(), EVIDENCE, ATTACHED],
    ),
    Command {
        name: "case",
        permission: MODERATE_MEMBERS,
        takes: Takes::Commands(&[
            ("view", &[CASE]),
            (
                "list",
                &[
                    Opt::new("user", USER),
                    Opt::new("moderator", USER),
                    Opt::new("type", TEXT).one_of(&ACTIONS),
                    Opt::new("before", NUMBER).within(1, 1 << 50),
                    Opt::new("hidden", FLAG),
                ],
            ),
            ("reason", &[CASE, REASON.needed()]),
            ("duration", &[CASE, DURATION.needed()]),
            ("evidence", &[CASE, EVIDENCE, ATTACHED]),
            ("note", &[CASE, Opt::new("text", TEXT).needed()]),
            ("hide", &[CASE]),
            ("unhide", &[CASE]),
            ("void", &[CASE, REASON.needed()]),
            ("undo", &[CASE, REASON]),
            ("explain", &[CASE]),
        ]),
    },
    command("history", MODERATE_MEMBERS, &[WHO]),
    command("userinfo", MODERATE_MEMBERS, &[WHO]),
    // Anybody may report.
    command("report", 0, &[WHO, REASON.plain(), EVIDENCE]),
    Command {
        name: "rules",
        permission: MANAGE_GUILD,
        takes: Takes::Commands(&[
            ("check", &[]),
            ("list", &[]),
            ("enable", &[RULE]),
            ("shadow", &[RULE]),
            ("disable", &[RULE]),
            ("resume", &[RULE]),
            ("why", &[Opt::new("text", TEXT).needed()]),
        ]),
    },
    Command {
        name: "raid",
        permission: BAN_MEMBERS,
        takes: Takes::Commands(&[("on", &[DURATION]), ("off", &[]), ("status", &[])]),
    },
    command("doctor", MANAGE_GUILD, &[]),
    Command {
        name: "config",
        permission: MANAGE_GUILD,
        takes: Takes::Commands(&[
            ("show", &[]),
            (
                "set",
                &[
                    Opt::new("log", CHANNEL),
                    Opt::new("language", TEXT).one_of(&["en", "pt-BR"]),
                    Opt::new("timezone", TEXT),
                    Opt::new("message_days", NUMBER).within(0, 3_650),
                    Opt::new("automod", FLAG),
                    Opt::new("mute_role", ROLE),
                    Opt::new("delete_hours", NUMBER).within(0, 168),
                ],
            ),
        ]),
    },
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
    command(
        "lock",
        MANAGE_CHANNELS,
        &[PLACE, DURATION, REASON, Opt::new("message", TEXT)],
    ),
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
            ("give", &[WHO, GIVEN_ROLE, DURATION, REASON]),
            ("take", &[WHO, GIVEN_ROLE, DURATION, REASON]),
        ]),
    },
];

/// All of them, for the one call that registers them.
pub(super) fn all() -> Value {
    let menus = MENUS.iter().map(|(key, _, kind, permission)| {
        let names = WORDS.tongues().iter().skip(1);
        let names = names.map(|tongue| (tongue.tag().to_owned(), json!(tongue.say(key, &[]))));
        json!({
            "name": WORDS.tongue(None).say(key, &[]), "name_localizations": names.collect::<Map<_, _>>(), "type": kind,
            "contexts": [0], "integration_types": [0], "default_member_permissions": allowed(*permission),
        })
    });
    COMMANDS.iter().map(Command::json).chain(menus).collect()
}

/// What a command takes, or one within a group; `None` where there is no such command, or it asks by a form.
pub(super) fn options(name: &str, within: Option<&str>) -> Option<&'static [Opt]> {
    let command = COMMANDS.iter().find(|command| command.name == name)?;
    match (&command.takes, within) {
        (Takes::Options(options), None) => Some(options),
        (Takes::Commands(inner), Some(within)) if (name, within) != ("rules", "check") => {
            let found = inner.iter().find(|(name, _)| *name == within);
            found.map(|(_, options)| *options)
        }
        _ => None,
    }
}

/// The command that a line of a menu is, by its name.
pub(super) fn menu(name: &str) -> Option<&'static str> {
    let english = WORDS.tongue(None);
    let found = MENUS.iter().find(|(key, ..)| english.say(key, &[]) == name);
    found.map(|(_, path, ..)| *path)
}

/// `null` is everybody.
fn allowed(permission: u64) -> Value {
    match permission {
        0 => Value::Null,
        bits => json!(bits.to_string()),
    }
}

// === impl Command ===

impl Command {
    fn json(&self) -> Value {
        // What asks by a form, and what anybody may use, shows nothing to all.
        let options = |options: &[Opt], within: &str| -> Vec<Value> {
            let shown = self.permission != 0 && (self.name, within) != ("rules", "check");
            let all = options.iter().chain(shown.then_some(&SHOW));
            all.map(|option| option.json(self.name)).collect()
        };
        let options: Vec<Value> = match self.takes {
            Takes::Options(of) => options(of, ""),
            Takes::Commands(inner) => inner
                .iter()
                .map(|(name, of)| {
                    let options = options(of, name);
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
            "default_member_permissions": allowed(self.permission),
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
        if self.completed {
            rest["autocomplete"] = json!(true);
        }
        if !self.choices.is_empty() {
            let choice = |name: &&str| json!({ "name": name, "value": name });
            rest["choices"] = self.choices.iter().map(choice).collect();
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
        let of = |kind: u8| all.iter().filter(move |command| command["type"] == kind);
        assert!(of(1).count() <= 100 && of(2).count() <= 15 && of(3).count() <= 15);
        check(&of(1).cloned().collect::<Vec<_>>());
        for menu in of(2).chain(of(3)) {
            let name = menu["name"].as_str().unwrap();
            assert!(
                (1..=32).contains(&name.chars().count()) && super::menu(name).is_some(),
                "{name}"
            );
        }
        let ban = all.iter().find(|command| command["name"] == "ban").unwrap();
        assert_eq!(ban["name_localizations"]["pt-BR"], "banir");
        assert!(ban["options"][0]["description_localizations"]["pt-BR"].is_string());
    }
}
