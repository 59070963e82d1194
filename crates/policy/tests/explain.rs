//! An explanation says of every rule what it asked, what it saw, and what came of it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use lockdown_policy::counter::InMemory;
use lockdown_policy::{Facts, Judge, RuleSet, Source, Surroundings, check};
use serde_json::{Value, json};
use std::sync::Arc;

const RULES: &str = "version: 1
defaults:
  exempt: {staff: true, roles: [trusted]}
lists:
  bad: {words: [plonker], fold: true}
ladder:
  steps: [{at: 2, do: [timeout 1h]}]
rules:
  - id: links
    policy: spam
    events: [message]
    when: [links.count > 0, author.account_age < 7d]
    then: [delete, strike 2]
  - id: flood
    events: [message]
    when: [text.length >= 3]
    count: {of: [author], within: 10s, at_least: 2}
    then: [hold]
  - {id: words, events: [message], when: [text.has_any(bad)], exempt: none, mode: shadow, then: [delete]}
  - {id: joins, events: [join], when: [author.labels.has(spammer)], then: [alert mods]}
  - {id: off, events: [message], when: [text.length >= 3], mode: disabled, then: [hold]}
";

fn rules() -> Arc<RuleSet> {
    let checked = check(&Source::new("r.yml", RULES), &Surroundings::default());
    checked
        .rules
        .unwrap_or_else(|| panic!("{:?}", checked.diagnostics))
}

/// The explanations of one event after the other, as they are told.
fn told(events: &[Value]) -> Vec<Value> {
    let rules = rules();
    let mut judge = Judge::new(InMemory::new());
    let explained = events.iter().zip(1..).map(|(event, number)| {
        let facts = Facts::of_json(&event.to_string(), number).unwrap().unwrap();
        let (_, explanation) = judge.explain(&rules, &facts);
        let told = serde_json::to_value(&explanation).unwrap();
        assert_eq!(told["ruleSet"], rules.hash());
        assert_eq!(told["rules"].as_array().unwrap().len(), rules.len());
        told
    });
    explained.collect()
}

fn because(told: &Value) -> Vec<&str> {
    let rules = told["rules"].as_array().unwrap();
    rules
        .iter()
        .map(|rule| rule["because"].as_str().unwrap())
        .collect()
}

#[test]
fn a_hit_is_told_with_all_that_was_seen() {
    let event = |at: i64| {
        json!({ "text": "see http://a.example.com, pl0nker", "author": "7", "at": at,
            "facts": { "author.account_age": "1h", "author.staff": false, "author.roles": ["member"] } })
    };
    let told = told(&[event(1_000), event(2_000)]);
    assert_eq!(
        because(&told[0]),
        [
            "all conditions hold",
            "the counter is at 1 of 2",
            "all conditions hold; the rule only watches",
            "the rule does not judge the event message",
            "the rule is disabled",
        ]
    );
    let links = &told[0]["rules"][0];
    assert_eq!(
        (&links["rule"], &links["line"], &links["policy"], &links["hit"]),
        (&json!("links"), &json!(9), &json!("spam"), &json!(true))
    );
    assert_eq!(
        links["conditions"],
        json!([
            { "condition": "links.count > 0", "line": 12, "truth": "true",
                "seen": [{ "field": "links.count", "pii": "behaviour", "value": "1" }] },
            { "condition": "author.account_age < 7d", "line": 12, "truth": "true",
                "seen": [{ "field": "author.account_age", "pii": "behaviour", "value": "1h" }] },
        ])
    );
    assert_eq!(
        links["exemptions"],
        json!([{ "exemption": "staff", "applies": false }, { "exemption": "role trusted", "applies": false }])
    );
    let words = &told[0]["rules"][2]["conditions"][0]["seen"][0];
    assert_eq!(words["note"], "bad: \"pl0nker\"", "what was found in the text");
    assert_eq!(told[0]["ladder"]["step"], 2);
    let acts = told[0]["acts"].as_array().unwrap();
    assert!(
        acts.contains(&json!({ "act": "timeout 1h", "by": "ladder 2", "approval": 0 })),
        "{acts:?}"
    );
    // The second message of the two completes the counter, with the first one's id.
    let counter = &told[1]["rules"][1]["counter"];
    assert_eq!((&counter["value"], &counter["atLeast"]), (&json!(2), &json!(2)));
    let ids: Vec<&Value> = counter["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| &event["eventId"])
        .collect();
    assert_eq!(ids, [&told[0]["eventId"], &told[1]["eventId"]]);
}

#[test]
fn what_was_not_caught_says_why_not() {
    let told = told(&[
        json!({ "text": "see http://a.example.com", "platform": "telegram" }),
        json!({ "text": "hi http://a.example.com", "facts": { "author.account_age": "1h", "author.staff": true } }),
        json!({ "event": "join", "facts": { "author.labels": ["cleared"], "author.staff": false } }),
    ]);
    assert_eq!(
        because(&told[0])[..3],
        [
            "`author.account_age < 7d`: author.account_age is unknown on Telegram",
            "the counter is at 1 of 2",
            "`text.has_any(bad)` does not hold",
        ]
    );
    assert_eq!(because(&told[1])[..2], ["exempt: staff", "exempt: staff"]);
    assert_eq!(
        because(&told[2])[2..4],
        [
            "the rule does not judge the event join",
            "`author.labels.has(spammer)` does not hold"
        ]
    );
    assert_eq!(told[2]["rules"][0]["conditions"], json!([]), "nothing was asked");
}
