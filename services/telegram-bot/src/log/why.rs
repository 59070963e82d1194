//! What made rules hit, in words: each rule with what it saw and what it counted. To add the words for a new thing that rules
//! can ask for: `seen.` and its path, in every language.

use lockdown_events::Verdict;
use lockdown_moderation::words::{Tongue, With};
use serde_json::Value;

/// So much of what one rule saw is told; the trace has all of it.
const MOST_SEEN: usize = 8;
/// So much of a value.
const LONGEST: usize = 60;

/// The rules that hit, a line each.
pub(super) fn why(tongue: &Tongue, verdict: &Verdict) -> Option<String> {
    let rules = verdict.explanation.as_ref()?.get("rules")?.as_array()?;
    let hits = rules.iter().filter(|rule| rule["hit"] == true);
    let lines: Vec<String> = hits.filter_map(|rule| line(tongue, rule)).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

fn line(tongue: &Tongue, rule: &Value) -> Option<String> {
    let mut parts: Vec<String> = Vec::new();
    let conditions = list(rule, "conditions").filter(|condition| condition["truth"] == "true");
    for part in conditions.flat_map(|condition| list(condition, "seen")) {
        if let Some(words) = seen(tongue, part)
            && !parts.contains(&words)
        {
            parts.push(words);
        }
    }
    parts.truncate(MOST_SEEN);
    parts.extend(counted(tongue, &rule["counter"]));
    let rule = rule["rule"].as_str()?;
    (!parts.is_empty()).then(|| format!("{rule}: {}", parts.join("; ")))
}

fn list<'v>(of: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> + use<'v> {
    of[name].as_array().into_iter().flatten()
}

/// One thing with its value. What is yes or no is told where it is so; of a text what was found in it.
fn seen(tongue: &Tongue, part: &Value) -> Option<String> {
    let field = part["field"].as_str()?;
    let value = part["note"].as_str().or(part["value"].as_str())?;
    let name = tongue
        .find(&format!("seen.{field}"))
        .unwrap_or_else(|| field.to_owned());
    match value {
        "true" => Some(name),
        "false" => None,
        value => Some(format!("{name}: {}", shown(value))),
    }
}

fn counted(tongue: &Tongue, counter: &Value) -> Option<String> {
    let (value, most) = (counter["value"].as_u64()?, counter["atLeast"].as_u64()?);
    let within = counter["within"].as_str()?;
    let within = within
        .parse()
        .map_or_else(|_| within.to_owned(), |span| tongue.span(span));
    let told: With<'_> = &[("count", &value), ("most", &most), ("time", &within)];
    Some(tongue.say("seen.counter", told))
}

fn shown(value: &str) -> String {
    match value.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}\u{2026}", &value[..end]),
        None => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::WORDS;
    use lockdown_events::Platform;
    use lockdown_policy::catalogue::FEATURES;
    use serde_json::json;

    #[test]
    fn everything_that_rules_ask_for_has_words() {
        for feature in FEATURES.iter().filter(|feature| feature.on(Platform::Telegram)) {
            for tongue in WORDS.tongues() {
                let words = tongue.find(&format!("seen.{}", feature.path));
                assert!(words.is_some(), "{}: seen.{}", tongue.tag(), feature.path);
            }
        }
    }

    #[test]
    fn a_verdict_says_its_rules_the_score_and_its_parts() {
        let seen = |field: &str, value: &str| json!({ "field": field, "value": value });
        let found = json!({ "field": "text", "value": "all of it", "note": "bad: \"scam\"" });
        let rules = json!([
            { "rule": "filter", "hit": true, "conditions": [
                { "truth": "true", "seen": [seen("text.spam_score", "97"), seen("links.hidden", "2"), found] },
                { "truth": "false", "seen": [seen("author.strikes", "9")] },
                { "truth": "true", "seen": [seen("text.obfuscated", "true"), seen("author.avatar", "false"), seen("text.new", "7")] },
            ] },
            { "rule": "quiet", "hit": false, "conditions": [{ "truth": "true", "seen": [seen("text.length", "5")] }] },
            { "rule": "flood", "hit": true, "conditions": [],
                "counter": { "value": 7, "atLeast": 6, "within": "5s", "events": [] } },
        ]);
        let verdict = json!({
            "platform": "telegram", "guildId": "-1", "userId": "1", "eventId": "0199c2d4-0000-7000-8000-000000000002", "subject": "message", "messageId": "2", "traceId": "0199c2d4-0000-7000-8000-000000000001",
            "ruleSetHash": "h", "mode": "live", "rules": [], "actions": [], "explanation": { "rules": rules },
        });
        let verdict: Verdict = serde_json::from_value(verdict).unwrap();
        assert_eq!(
            why(WORDS.tongue(None), &verdict).unwrap(),
            "filter: spam score in percent: 97; hidden links: 2; text: bad: \"scam\"; a disguised text; text.new: 7\n\
             flood: 7 within 5 seconds, 6 are too many"
        );
        let russian = why(WORDS.tongue(Some("ru")), &verdict).unwrap();
        assert!(
            russian.ends_with("flood: 7 за 5 секунд, слишком много уже 6"),
            "{russian}"
        );
        let nothing = Verdict {
            explanation: None,
            ..verdict
        };
        assert_eq!(why(WORDS.tongue(None), &nothing), None);
    }
}
