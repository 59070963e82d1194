//! AutoMod: its rules with Discord's limits, and what they stop.

use super::super::gateway::Audience;
use super::super::permissions::{ADMINISTRATOR, MANAGE_GUILD};
use super::super::world::{World, number};
use super::{Answer, Call, Outcome, Refusal, may};
use regex::{Regex, RegexBuilder};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const KEYWORD: u64 = 1;
const MENTION_SPAM: u64 = 5;
const BLOCK: u64 = 1;

pub(super) fn list(world: &World, bot: u64, guild: u64) -> Outcome {
    may(world, bot, guild, MANAGE_GUILD)?;
    Answer::ok(world.guilds[&guild].automod.values().cloned().collect())
}

pub(super) fn get(world: &World, bot: u64, guild: u64, rule: u64) -> Outcome {
    may(world, bot, guild, MANAGE_GUILD)?;
    let found = world.guilds[&guild].automod.get(&rule);
    Answer::ok(found.cloned().ok_or_else(|| Refusal::unknown(0))?)
}

pub(super) fn create(world: &mut World, bot: u64, guild: u64, call: &Call) -> Outcome {
    may(world, bot, guild, MANAGE_GUILD)?;
    Answer::ok(make(world, bot, guild, &call.body)?)
}

/// Makes a rule, whoever does.
pub(crate) fn make(world: &mut World, by: u64, guild: u64, body: &Value) -> Result<Value, Refusal> {
    let kind = body["trigger_type"].as_u64().unwrap_or(0);
    let most = match kind {
        KEYWORD => 6,
        3 | 4 | MENTION_SPAM | 6 => 1,
        _ => {
            return Err(Refusal::form(
                "trigger_type",
                "BASE_TYPE_CHOICES",
                "Value must be one of {1, 3, 4, 5, 6}.",
            ));
        }
    };
    let same = |rule: &&Value| rule["trigger_type"].as_u64() == Some(kind);
    if world
        .guilds
        .get(&guild)
        .is_some_and(|state| state.automod.values().filter(same).count() >= most)
    {
        let text = "Maximum number of rules of this type exceeded";
        return Err(Refusal::form(
            "trigger_type",
            "AUTO_MODERATION_MAX_RULES_OF_TYPE_EXCEEDED",
            text,
        ));
    }
    let id = world.id();
    let mut rule = json!({
        "id": id.to_string(), "guild_id": guild.to_string(), "creator_id": by.to_string(), "name": "", "event_type": 1,
        "trigger_type": kind, "trigger_metadata": {}, "actions": [], "enabled": false, "exempt_roles": [], "exempt_channels": [],
    });
    write(&mut rule, body)?;
    if let Some(state) = world.guilds.get_mut(&guild) {
        state.automod.insert(id, rule.clone());
    }
    world.emit(
        guild,
        Audience::AutoModerationRules,
        "AUTO_MODERATION_RULE_CREATE",
        &rule,
    );
    Ok(rule)
}

pub(super) fn change(world: &mut World, bot: u64, (guild, rule): (u64, u64), call: &Call) -> Outcome {
    let mut changed = get(world, bot, guild, rule)?.body.unwrap_or_default();
    // What a rule looks for stays of its kind.
    write(&mut changed, &call.body)?;
    if let Some(state) = world.guilds.get_mut(&guild) {
        state.automod.insert(rule, changed.clone());
    }
    world.emit(
        guild,
        Audience::AutoModerationRules,
        "AUTO_MODERATION_RULE_UPDATE",
        &changed,
    );
    Answer::ok(changed)
}

pub(super) fn delete(world: &mut World, bot: u64, (guild, rule): (u64, u64)) -> Outcome {
    get(world, bot, guild, rule)?;
    remove(world, guild, rule);
    Answer::nothing()
}

/// Takes a rule away, whoever does.
pub(crate) fn remove(world: &mut World, guild: u64, rule: u64) {
    let gone = world
        .guilds
        .get_mut(&guild)
        .and_then(|state| state.automod.remove(&rule));
    if let Some(rule) = gone {
        world.emit(
            guild,
            Audience::AutoModerationRules,
            "AUTO_MODERATION_RULE_DELETE",
            &rule,
        );
    }
}

/// Writes what a body says over a rule, when Discord would take it.
fn write(rule: &mut Value, body: &Value) -> Result<(), Refusal> {
    for name in [
        "name",
        "event_type",
        "trigger_metadata",
        "actions",
        "enabled",
        "exempt_roles",
        "exempt_channels",
    ] {
        if let Some(value) = body.get(name).filter(|value| !value.is_null()) {
            rule[name] = value.clone();
        }
    }
    let long = |member: &str, most: usize| {
        Refusal::form(
            member,
            "BASE_TYPE_BAD_LENGTH",
            &format!("Must be between 1 and {most} in length."),
        )
    };
    let texts = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let length = |value: &Value| value.as_str().unwrap_or_default().encode_utf16().count();
    if !(1..=100).contains(&length(&rule["name"])) {
        return Err(long("name", 100));
    }
    let actions = texts(&rule["actions"]);
    let saying = |action: &Value| length(&action["metadata"]["custom_message"]) > 150;
    if !(1..=5).contains(&actions.len()) || actions.iter().any(saying) {
        return Err(long("actions", 5));
    }
    // Somebody is timed out by keywords and mentions alone.
    let kind = rule["trigger_type"].as_u64().unwrap_or(0);
    if actions.iter().any(|action| action["type"] == 3) && !matches!(kind, KEYWORD | MENTION_SPAM) {
        return Err(Refusal::form(
            "actions",
            "AUTO_MODERATION_INVALID_ACTION",
            "This action cannot be used with this rule.",
        ));
    }
    for (name, most) in [("exempt_roles", 20), ("exempt_channels", 50)] {
        let ids = texts(&rule[name]);
        let distinct: BTreeSet<_> = ids.iter().map(Value::to_string).collect();
        if ids.len() > most || distinct.len() != ids.len() {
            return Err(long(name, most));
        }
    }
    let looks = &rule["trigger_metadata"];
    for (name, most, longest) in [
        ("keyword_filter", 1_000, 60),
        ("regex_patterns", 10, 260),
        ("allow_list", 100, 60),
    ] {
        let entries = texts(&looks[name]);
        if entries.len() > most
            || entries
                .iter()
                .any(|entry| !(1..=longest).contains(&length(entry)))
        {
            return Err(long(name, longest));
        }
    }
    if texts(&looks["regex_patterns"])
        .iter()
        .any(|pattern| regex(pattern.as_str().unwrap_or_default()).is_none())
    {
        return Err(Refusal::form(
            "regex_patterns",
            "AUTO_MODERATION_INVALID_REGEX",
            "This is not a valid regex.",
        ));
    }
    if looks["mention_total_limit"]
        .as_u64()
        .is_some_and(|limit| limit > 50)
    {
        return Err(Refusal::form(
            "mention_total_limit",
            "NUMBER_TYPE_MAX",
            "int value should be less than or equal to 50.",
        ));
    }
    Ok(())
}

/// Has AutoMod look at what somebody wants to say, or to make of a message; whether it stops them. Each action of each rule
/// that hits is told.
pub(crate) fn stops(
    world: &mut World,
    (guild, channel): (u64, u64),
    user: u64,
    text: &str,
    message: Option<u64>,
) -> bool {
    let held = world.guild_permissions(guild, user);
    let never =
        held & (ADMINISTRATOR | MANAGE_GUILD) != 0 || world.users.get(&user).is_none_or(|user| user.bot);
    let Some(state) = world.guilds.get(&guild).filter(|_| !never) else {
        return false;
    };
    let places = [
        Some(channel),
        world.channels.get(&channel).and_then(|state| state.parent),
    ];
    let roles = state
        .members
        .get(&user)
        .map(|member| member.roles.clone())
        .unwrap_or_default();
    let has = |list: &Value, id: u64| {
        list.as_array()
            .into_iter()
            .flatten()
            .any(|known| number(known) == Some(id))
    };
    let concerned = |rule: &&Value| {
        rule["enabled"] == true
            && rule["event_type"] == 1
            && !roles.iter().any(|role| has(&rule["exempt_roles"], *role))
            && !places
                .iter()
                .flatten()
                .any(|place| has(&rule["exempt_channels"], *place))
    };
    let hits: Vec<(Value, Option<String>)> = state
        .automod
        .values()
        .filter(concerned)
        .filter_map(|rule| Some((rule.clone(), hit(rule, text)?)))
        .collect();
    let mut stopped = false;
    for (rule, keyword) in hits {
        for action in rule["actions"].as_array().into_iter().flatten() {
            stopped |= action["type"] == BLOCK;
            let mut body = json!({
                "guild_id": guild.to_string(), "channel_id": channel.to_string(), "user_id": user.to_string(),
                "rule_id": rule["id"], "rule_trigger_type": rule["trigger_type"], "action": action, "content": text,
                "matched_keyword": keyword, "matched_content": keyword.as_ref().map(|_| text),
            });
            if let Some(message) = message {
                body["message_id"] = json!(message.to_string());
            }
            world.emit(
                guild,
                Audience::AutoModeration,
                "AUTO_MODERATION_ACTION_EXECUTION",
                &body,
            );
        }
    }
    stopped
}

/// Whether a rule hits, and by which of its words.
fn hit(rule: &Value, text: &str) -> Option<Option<String>> {
    let looks = &rule["trigger_metadata"];
    if rule["trigger_type"] == MENTION_SPAM {
        let called: BTreeSet<&str> = text
            .split("<@")
            .skip(1)
            .filter_map(|rest| rest.split('>').next())
            .collect();
        let most = looks["mention_total_limit"].as_u64()?;
        return (called.len() as u64 > most).then_some(None);
    }
    let entries = |name: &str| {
        looks[name]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
    };
    let lower = text.to_lowercase();
    let word = entries("keyword_filter").find(|keyword| stands_in(&lower, &keyword.to_lowercase()));
    let shape = || {
        let fits = |pattern: &&str| regex(pattern).is_some_and(|regex| regex.is_match(text));
        entries("regex_patterns").find(fits)
    };
    word.or_else(shape).map(|found| Some(found.to_owned()))
}

/// Without regard to case, where that can be had.
fn regex(pattern: &str) -> Option<Regex> {
    let build = |unicode: bool, alike: bool| {
        let mut regex = RegexBuilder::new(pattern);
        regex.unicode(unicode).case_insensitive(alike).build().ok()
    };
    build(false, true)
        .or_else(|| build(true, true))
        .or_else(|| build(true, false))
}

/// As a whole word, or at whose beginning or end, where it has a star there.
fn stands_in(text: &str, keyword: &str) -> bool {
    let (before, rest) = match keyword.strip_prefix('*') {
        Some(rest) => (true, rest),
        None => (false, keyword),
    };
    let (behind, core) = match rest.strip_suffix('*') {
        Some(core) => (true, core),
        None => (false, rest),
    };
    let ends = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
    !core.is_empty()
        && text.match_indices(core).any(|(at, _)| {
            (before || ends(text[..at].chars().next_back()))
                && (behind || ends(text[at + core.len()..].chars().next()))
        })
}
