//! A rule of AutoMod as Discord writes it.

use super::given::Exempt;
use super::plan::{Trigger, Wanted};
use crate::read;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// By which ours are known, beside who made them.
const MARK: &str = "LOCKDOWN";
/// Characters of what whoever was stopped is told.
const SAYING: usize = 150;
const KEYWORD: u64 = 1;
const MENTION_SPAM: u64 = 5;
const ON_MESSAGES: u64 = 1;
const BLOCK: u64 = 1;

/// A rule as it stands there, with what matters to us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) id: u64,
    pub(super) name: String,
    /// What it does, as a text to compare.
    pub(super) does: String,
}

/// What a guild has.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Those that we made, the oldest first.
    pub(super) ours: Vec<Standing>,
    pub(super) keyword_rules: usize,
    pub(super) mention_rules: usize,
}

// === impl Found ===

impl Found {
    pub(super) fn of(list: &Value, own: u64) -> Self {
        let mut found = Self::default();
        for rule in list.as_array().into_iter().flatten() {
            match Standing::of(rule, own) {
                Some(standing) => found.ours.push(standing),
                None => match rule["trigger_type"].as_u64() {
                    Some(KEYWORD) => found.keyword_rules += 1,
                    Some(MENTION_SPAM) => found.mention_rules += 1,
                    _ => {}
                },
            }
        }
        found.ours.sort_unstable_by_key(|standing| standing.id);
        found
    }
}

// === impl Standing ===

impl Standing {
    /// `None` when people made it: whatever it is called, it is theirs.
    pub(super) fn of(rule: &Value, own: u64) -> Option<Self> {
        let name = rule["name"].as_str()?;
        let ours = read::id(&rule["creator_id"]) == Some(own) && name.starts_with(MARK);
        ours.then_some(())?;
        Some(Self {
            id: read::id(&rule["id"])?,
            name: name.to_owned(),
            does: does(rule),
        })
    }
}

/// What of a rule says what it does, in one order and one spelling.
fn does(rule: &Value) -> String {
    let texts = |list: &Value| -> BTreeSet<String> {
        let texts = list.as_array().into_iter().flatten();
        texts.filter_map(Value::as_str).map(str::to_lowercase).collect()
    };
    let looks = &rule["trigger_metadata"];
    let actions = rule["actions"].as_array().into_iter().flatten();
    let actions: Vec<_> = actions
        .map(|action| {
            (
                action["type"].as_u64(),
                action["metadata"]["custom_message"].as_str(),
            )
        })
        .collect();
    let parts = (
        rule["enabled"].as_bool(),
        (rule["trigger_type"].as_u64(), rule["event_type"].as_u64()),
        texts(&looks["keyword_filter"]),
        texts(&looks["regex_patterns"]),
        texts(&looks["allow_list"]),
        looks["mention_total_limit"].as_u64(),
        (texts(&rule["exempt_roles"]), texts(&rule["exempt_channels"])),
        actions,
    );
    format!("{parts:?}")
}

// === impl Wanted ===

impl Wanted {
    /// What it is called: the same for the same place in the plan.
    pub(super) fn name(&self, number: usize) -> String {
        match self.trigger {
            Trigger::Keywords { .. } => format!("{MARK} words {number}"),
            Trigger::Mentions(_) => format!("{MARK} mentions"),
        }
    }

    /// As Discord takes it, with what whoever is stopped is told.
    pub(super) fn body(&self, name: &str, saying: &str) -> Value {
        let (kind, looks) = match &self.trigger {
            Trigger::Keywords { keywords, patterns } => {
                let looks =
                    json!({ "keyword_filter": keywords, "regex_patterns": patterns, "allow_list": [] });
                (KEYWORD, looks)
            }
            Trigger::Mentions(most) => (MENTION_SPAM, json!({ "mention_total_limit": most })),
        };
        let saying: String = saying.chars().take(SAYING).collect();
        let Exempt { roles, channels } = &self.exempt;
        json!({
            "name": name, "event_type": ON_MESSAGES, "trigger_type": kind, "trigger_metadata": looks, "enabled": true,
            "actions": [{ "type": BLOCK, "metadata": { "custom_message": saying } }],
            "exempt_roles": ids(roles), "exempt_channels": ids(channels),
        })
    }
}

/// What a body asks for, to compare with what stands there.
pub(super) fn asks_for(body: &Value) -> String {
    does(body)
}

fn ids(of: &BTreeSet<u64>) -> Vec<String> {
    of.iter().map(u64::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ours_are_known_and_compared_whatever_discord_adds() {
        let wanted = Wanted {
            trigger: Trigger::Keywords {
                keywords: ["b".to_owned(), "a".to_owned()].into(),
                patterns: BTreeSet::new(),
            },
            exempt: Exempt {
                roles: [7].into(),
                channels: BTreeSet::new(),
            },
            rules: vec!["it".to_owned()],
        };
        let body = wanted.body(&wanted.name(1), &"x".repeat(200));
        let told = body["actions"][0]["metadata"]["custom_message"].as_str().unwrap();
        assert_eq!(told.len(), 150);
        let mut there = body.clone();
        (there["id"], there["creator_id"], there["guild_id"]) = (json!("5"), json!("9"), json!("1"));
        there["trigger_metadata"]["keyword_filter"] = json!(["B", "a"]);
        there["trigger_metadata"]["mention_raid_protection_enabled"] = json!(false);
        let own = Standing::of(&there, 9).unwrap();
        assert_eq!(
            (own.id, own.name.as_str(), &own.does),
            (5, "LOCKDOWN words 1", &asks_for(&body))
        );
        there["enabled"] = json!(false);
        assert_ne!(Standing::of(&there, 9).unwrap().does, asks_for(&body));
        assert_eq!(Standing::of(&there, 8), None, "somebody else made it");
        there["name"] = json!("my own");
        let found = Found::of(&json!([there, { "id": "6", "name": "x", "trigger_type": 5 }]), 9);
        assert_eq!(
            (found.ours.len(), found.keyword_rules, found.mention_rules),
            (0, 1, 1)
        );
    }
}
