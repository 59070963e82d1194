//! Rules that name words: many lists with a rule for each, beside one rule for all words; judged from the facts on.

use super::{compile, corpus, tell};
use lockdown_policy::counter::InMemory;
use lockdown_policy::{Facts, Judge, RuleSet};
use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

pub(crate) struct Bench {
    /// Two thousand words and two hundred patterns: in one list of each, and in a hundred of each.
    few: Arc<RuleSet>,
    many: Arc<RuleSet>,
    events: Vec<Facts>,
}

const LISTS: usize = 100;

// === impl Bench ===

impl Bench {
    pub(crate) fn new() -> Self {
        let (terms, patterns) = (corpus::terms(20 * LISTS), corpus::patterns(2 * LISTS));
        let events = corpus::messages(1_000, &terms);
        let events = (1..).zip(events).map(|(number, text)| {
            let line = serde_json::json!({ "text": text }).to_string();
            let facts = Facts::of_json(&line, number).expect("the line is sound");
            facts.expect("messages are judged")
        });
        Self {
            few: compile("few.yml", &rules(1, &terms, &patterns)),
            many: compile("many.yml", &rules(LISTS, &terms, &patterns)),
            events: events.collect(),
        }
    }

    pub(crate) fn round(&self, quick: bool) {
        let passes = if quick { 3 } else { 10 };
        let mut judge = Judge::new(InMemory::new());
        let mut least = [f64::MAX; 2];
        for _ in 0..passes {
            for (rules, least) in [&self.few, &self.many].into_iter().zip(&mut least) {
                let begun = Instant::now();
                for facts in &self.events {
                    black_box(judge.judge(rules, black_box(facts)));
                }
                *least = least.min(begun.elapsed().as_secs_f64() * 1e6 / self.events.len() as f64);
            }
        }
        let [few, many] = least;
        tell("lists2_us", few);
        tell("lists200_us", many);
        tell("lists200_to_2", many / few);
    }
}

/// These words and patterns in so many lists of each, with a rule for each list.
fn rules(lists: usize, terms: &[String], patterns: &[String]) -> String {
    let mut text = "version: 1\nlists:\n".to_owned();
    let mut put = |line: String| writeln!(text, "{line}").expect("a string takes every line");
    for (number, some) in terms.chunks(terms.len() / lists).enumerate() {
        put(format!(
            "  w{number}: {{words: [{}], fold: true}}",
            some.join(", ")
        ));
    }
    for (number, some) in patterns.chunks(patterns.len() / lists).enumerate() {
        put(format!("  p{number}:\n    regexes:"));
        some.iter()
            .for_each(|pattern| put(format!("      - '{pattern}'")));
    }
    put("rules:".to_owned());
    for number in 0..lists {
        for (list, asks) in [("w", "has_any"), ("p", "matches")] {
            put(format!(
                "  - {{id: {list}{number}, events: [message], when: [text.{asks}({list}{number})], then: [hold]}}"
            ));
        }
    }
    text
}
