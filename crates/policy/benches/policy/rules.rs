//! Rules without text: 50 of four conditions each, over a mix of events of which one in twenty is hit.

use super::{compile, tell, time};
use lockdown_policy::counter::InMemory;
use lockdown_policy::{Facts, Judge, PRESETS, RuleSet};
use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;

pub(crate) struct Bench {
    fifty: String,
    rules: Arc<RuleSet>,
    events: Vec<Facts>,
    lines: Vec<String>,
}

// === impl Bench ===

impl Bench {
    pub(crate) fn new() -> Self {
        let fifty = fifty();
        let rules = compile("fifty.yml", &fifty);
        let lines: Vec<String> = (0..200).map(line).collect();
        let events = lines
            .iter()
            .zip(0..)
            .map(|(line, number)| {
                let facts = Facts::of_json(line, number).expect("the line is sound");
                facts.expect("messages are judged")
            })
            .collect();
        Self {
            fifty,
            rules,
            events,
            lines,
        }
    }

    pub(crate) fn round(&self, quick: bool) {
        let batches = if quick { 300 } else { 2_000 };
        let mut judge = Judge::new(InMemory::new());
        let mut next = self.events.iter().cycle();
        let mut event = || next.next().expect("a cycle has no end");
        let (mean, p99) = time(batches, 200, || {
            black_box(judge.judge(&self.rules, black_box(event())));
        });
        tell("rules50_us", mean / 1e3);
        tell("rules50_p99_us", p99 / 1e3);
        let (mean, _) = time(batches / 10, 20, || {
            black_box(judge.explain(&self.rules, black_box(event())));
        });
        tell("explain50_us", mean / 1e3);
        let messages: Vec<lockdown_events::Message> = self.lines.iter().map(|line| message(line)).collect();
        let mut next = messages.iter().cycle();
        let id = self.events[0].event_id;
        let (mean, _) = time(batches / 10, 200, || {
            let message = next.next().expect("a cycle has no end");
            black_box(Facts::of_message(
                id,
                lockdown_policy::EventKind::Message,
                0,
                black_box(message),
            ));
        });
        tell("facts_us", mean / 1e3);
        let counted = compile(
            "counted.yml",
            "version: 1\nrules:\n  - {id: a, events: [message], count: {of: [author], within: 10s, at_least: 1000}, then: [hold]}\n",
        );
        let mut judge = Judge::new(InMemory::new());
        let mut facts = self.events[0].clone();
        let mut number = 0_u128;
        let (mean, _) = time(batches / 10, 100, || {
            number += 1;
            facts.at += 1_000;
            facts.event_id = lockdown_events::EventId(uuid::Uuid::from_u128(number));
            black_box(judge.judge(&counted, &facts));
        });
        tell("count_us", mean / 1e3);
        let (mean, _) = time(10, 2, || {
            black_box(compile("fifty.yml", black_box(&self.fifty)));
        });
        tell("check50_ms", mean / 1e6);
        let (mean, _) = time(10, 2, || {
            black_box(compile("standard.yml", black_box(PRESETS[1].text)));
        });
        tell("check_preset_ms", mean / 1e6);
    }
}

/// Fifty rules that ask different things with different thresholds.
fn fifty() -> String {
    let mut text = "version: 1\ndefaults:\n  exempt: {staff: true, roles: [trusted]}\nrules:\n".to_owned();
    let fields = [
        "mentions.users",
        "text.emoji",
        "links.count",
        "attachments.count",
        "text.lines",
    ];
    for rule in 0..50 {
        let one = fields[rule % 5];
        let other = fields[(rule + 1) % 5];
        let (few, many) = (2 + rule / 5, 4 + rule / 3);
        writeln!(
            text,
            "  - {{id: r{rule}, events: [message, edit], when: [{one} >= {many}, {other} > {few} or author.member_age < 1h, \
             not author.kind == channel, text.length < 4000], then: [delete, strike 1]}}"
        )
        .expect("a string takes every line");
    }
    text
}

/// One in twenty has much of everything.
fn line(number: u32) -> String {
    let much = number.is_multiple_of(20);
    let text = if much {
        "😀 look http://a.example.com http://b.example.com http://c.example.com http://d.example.com\n\n\n\n\n😀😀😀😀😀😀".to_owned()
    } else {
        format!("message {number}, as people write them in a chat, of about sixty bytes")
    };
    let users: Vec<String> = (0..if much { 8 } else { number % 3 })
        .map(|id| id.to_string())
        .collect();
    serde_json::json!({ "text": text, "body": { "mentions": { "users": users } },
        "facts": { "author.member_age": if much { "10m" } else { "90d" }, "author.roles": ["member"], "author.staff": false } })
    .to_string()
}

fn message(line: &str) -> lockdown_events::Message {
    let value: serde_json::Value = serde_json::from_str(line).expect("the line is JSON");
    let body = serde_json::json!({ "guildId": "1", "messageId": "1", "channelId": "1", "authorId": "1",
        "content": value["text"], "mentions": value["body"]["mentions"] });
    serde_json::from_value(body).expect("it is a message")
}
