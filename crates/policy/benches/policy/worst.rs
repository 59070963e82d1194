//! The dearest events that somebody can send: all that is done with one, from its facts to the verdict.

use super::{compile, corpus, tell, time};
use lockdown_events::{EventId, Message};
use lockdown_policy::counter::InMemory;
use lockdown_policy::detect::spam::Classifier;
use lockdown_policy::{EventKind, Facts, Judge, Learned, PRESETS, RuleSet};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;

pub(crate) struct Bench {
    rules: Vec<(&'static str, Arc<RuleSet>)>,
    messages: Vec<(String, Message)>,
}

// === impl Bench ===

impl Bench {
    pub(crate) fn new() -> Self {
        let compile = |name: &'static str, text: &str| (name, compile(name, text));
        let presets = PRESETS.iter().map(|preset| compile(preset.name, preset.text));
        let rules = presets.chain([compile("many", &many())]).collect();
        let mut messages: Vec<(String, Message)> = Vec::new();
        let mut add = |name: &str, parts: Value| {
            let mut body =
                json!({ "guildId": "1", "messageId": "1", "channelId": "1", "authorId": "1", "content": "" });
            for (key, value) in parts.as_object().into_iter().flatten() {
                body[key] = value.clone();
            }
            let message = serde_json::from_value(body).expect("it is a message");
            messages.push((name.to_owned(), message));
        };
        for (name, text) in corpus::hostile() {
            add(name, json!({ "content": text.repeat(64) }));
        }
        let parts = corpus::hostile()
            .into_iter()
            .map(|(_, text)| json!({ "description": text }));
        add(
            "every text embedded",
            json!({ "embeds": parts.collect::<Vec<_>>() }),
        );
        let people: Vec<String> = (0..100_000).map(|id| id.to_string()).collect();
        add("mentions of people", json!({ "mentions": { "users": people } }));
        let file = |id: u32| json!({ "id": id.to_string(), "kind": "photo", "size": 3, "name": format!("{id}.exe") });
        add(
            "files",
            json!({ "attachments": (0..10_000).map(file).collect::<Vec<_>>() }),
        );
        let links: Vec<String> = (0..10_000)
            .map(|id| format!("https://a{id}.example.com/"))
            .collect();
        add("hidden links", json!({ "hiddenLinks": links }));
        add(
            "deep link",
            json!({ "content": format!("https://{}example.com/{}", "a.".repeat(4_000), "b/".repeat(4_000)) }),
        );
        add(
            "links in links",
            json!({ "content": format!("{}{}", "[a.com](".repeat(1_000), "http://b.ru)".repeat(1_000)) }),
        );
        Self { rules, messages }
    }

    pub(crate) fn round(&self) {
        let mut learned = Learned::new(Classifier::base());
        let mut worst = (0.0, "", "");
        for (kind, message) in &self.messages {
            for (name, rules) in &self.rules {
                let mut judge = Judge::new(InMemory::new());
                let mut number = 0;
                let mut one = || {
                    number += 1;
                    let id = EventId(uuid::Uuid::from_u128(number));
                    let mut facts = Facts::of_message(id, EventKind::Message, 0, black_box(message));
                    learned.add(&mut facts, &[rules.as_ref()], None);
                    black_box(judge.judge(rules, &facts));
                };
                // Patterns are compiled when they first run.
                one();
                let nanos = (0..3).map(|_| time(1, 1, &mut one).0).fold(f64::MAX, f64::min);
                if nanos > worst.0 {
                    worst = (nanos, kind.as_str(), *name);
                }
            }
        }
        eprintln!(
            "bench: the dearest event is \"{}\" by the rules \"{}\"",
            worst.1, worst.2
        );
        tell("worst_event_ms", worst.0 / 1e6);
    }
}

/// As many lists as a file may have, and rules that ask them all.
fn many() -> String {
    let terms = corpus::terms(1_500);
    let patterns = corpus::patterns(50);
    let mut text = "version: 1\nlists:\n".to_owned();
    let mut put = |line: String| writeln!(text, "{line}").expect("a string takes every line");
    for (number, some) in terms.chunks(10).enumerate() {
        put(format!(
            "  w{number}: {{words: [{}], fold: true}}",
            some.join(", ")
        ));
    }
    for (number, pattern) in patterns.iter().enumerate() {
        put(format!("  p{number}:\n    regexes:\n      - '{pattern}'"));
    }
    put("rules:".to_owned());
    for number in 0..150 {
        put(format!(
            "  - {{id: w{number}, events: [message], when: [text.has_any(w{number})], then: [hold]}}"
        ));
    }
    for number in 0..50 {
        put(format!(
            "  - {{id: p{number}, events: [message], when: [text.matches(p{number})], then: [hold]}}"
        ));
    }
    text
}
