//! The commands as Discord is told of them.

use serde_json::{Value, json};

/// Types of options.
const TEXT: u8 = 3;
const NUMBER: u8 = 4;
const FLAG: u8 = 5;
const USER: u8 = 6;

/// Who sees a command in their menu, as bits; who may use it, the desk says.
const BAN: u64 = 1 << 2;
const KICK: u64 = 1 << 1;
const MODERATE: u64 = 1 << 40;

/// Name, what it does, permission, options: name, type, whether it is needed, what it is.
type Row = (
    &'static str,
    &'static str,
    u64,
    &'static [(&'static str, u8, bool, &'static str)],
);

const WHO: (&str, u8, bool, &str) = ("user", USER, true, "Whom it concerns; an id works too");
const REASON: (&str, u8, bool, &str) = ("reason", TEXT, false, "Why, for the record and the person");
const NOTIFY: (&str, u8, bool, &str) = ("notify", FLAG, false, "Whether the person is told");
const DURATION: (&str, u8, bool, &str) = ("duration", TEXT, false, "Such as 1h30m, 3 days or forever");
const DELETE: (&str, u8, bool, &str) = (
    "delete",
    TEXT,
    false,
    "How far back to delete messages, at most 7 days",
);

const ROWS: &[Row] = &[
    (
        "ban",
        "Ban somebody",
        BAN,
        &[WHO, DURATION, REASON, DELETE, NOTIFY],
    ),
    (
        "softban",
        "Remove somebody and what they said; they may return",
        BAN,
        &[WHO, REASON, DELETE, NOTIFY],
    ),
    ("unban", "End a ban", BAN, &[WHO, REASON]),
    (
        "kick",
        "Remove somebody, who may return",
        KICK,
        &[WHO, REASON, NOTIFY],
    ),
    (
        "mute",
        "Keep somebody silent",
        MODERATE,
        &[WHO, DURATION, REASON, NOTIFY],
    ),
    (
        "timeout",
        "Keep somebody silent",
        MODERATE,
        &[WHO, DURATION, REASON, NOTIFY],
    ),
    ("unmute", "Let somebody speak again", MODERATE, &[WHO, REASON]),
    (
        "warn",
        "Warn somebody",
        MODERATE,
        &[WHO, ("reason", TEXT, true, "What for"), NOTIFY],
    ),
    (
        "note",
        "Write down something about somebody",
        MODERATE,
        &[WHO, ("text", TEXT, true, "What to remember")],
    ),
    (
        "case",
        "Show a case",
        MODERATE,
        &[("number", NUMBER, true, "Its number")],
    ),
];

/// All of them, for the one call that registers them.
pub(super) fn all() -> Value {
    let option = |(name, kind, required, description): &(&str, u8, bool, &str)| json!({ "name": name, "type": kind, "required": required, "description": description });
    let command = |(name, description, permission, options): &Row| {
        let options: Vec<Value> = options.iter().map(option).collect();
        json!({
            "name": name, "type": 1, "description": description, "options": options, "contexts": [0],
            "default_member_permissions": permission.to_string(), "integration_types": [0],
        })
    };
    ROWS.iter().map(command).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn discord_takes_them() {
        let all = all();
        let all = all.as_array().unwrap();
        assert!(all.len() <= 100);
        for command in all {
            let name = command["name"].as_str().unwrap();
            assert!(
                name.len() <= 32 && name.chars().all(|c| c.is_ascii_lowercase()),
                "{name}"
            );
            let options = command["options"].as_array().unwrap();
            // What is needed stands before what is not.
            let needed: Vec<bool> = options.iter().map(|option| option["required"] == true).collect();
            assert!(needed.is_sorted_by(|before, after| before >= after), "{name}");
            let texts = options
                .iter()
                .chain([command])
                .map(|part| part["description"].as_str().unwrap());
            assert!(
                texts
                    .into_iter()
                    .all(|text| (1..=100).contains(&text.chars().count())),
                "{name}"
            );
        }
    }
}
