//! Bad input of every kind: a bounded cost, a diagnostic, never a panic.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../fuzz/hostile_events.rs"]
mod hostile_events;
#[path = "../fuzz/hostile_rules.rs"]
mod hostile_rules;

use lockdown_policy::counter::InMemory;
use lockdown_policy::{Code, Facts, Judge, MOST, PRESETS, Severity, Source, Surroundings, check, format};
use proptest::prelude::*;
use std::fmt::Write;

fn codes(text: &str) -> Vec<Code> {
    let checked = check(&Source::new("bad.yml", text), &Surroundings::default());
    assert!(
        checked.rules.is_none(),
        "taken: {}",
        text.chars().take(300).collect::<String>()
    );
    assert!(checked.count(Severity::Error) > 0);
    assert!(checked.diagnostics.len() <= MOST);
    checked.diagnostics.iter().map(|found| found.code).collect()
}

fn rules(count: usize, when: &str) -> String {
    let mut text = "version: 1\nrules:\n".to_owned();
    for index in 0..count {
        writeln!(
            text,
            "  - {{id: r{index}, events: [message], when: [{when}], then: [delete]}}"
        )
        .unwrap();
    }
    text
}

#[test]
fn what_is_no_rule_file_is_refused() {
    for text in [
        "",
        "\0",
        "just text",
        "[1, 2]",
        "a: [",
        "version: 1",
        "{{{{{{{{",
        "\u{feff}---\n---\n",
        "- - - - -",
        "? a\n? b",
    ] {
        codes(text);
    }
}

#[test]
fn bombs_do_not_go_off() {
    let mut laughs = "a: &a [x,x,x,x,x,x,x,x,x]\n".to_owned();
    for (name, before) in "bcdefghi".chars().zip("abcdefgh".chars()) {
        writeln!(
            laughs,
            "{name}: &{name} [*{before},*{before},*{before},*{before},*{before},*{before}]"
        )
        .unwrap();
    }
    assert_eq!(codes(&laughs), [Code::NotYaml]);
    codes(&"[".repeat(100_000));
    codes(&"{a: ".repeat(100_000));
    codes(&"- ".repeat(100_000));
    codes(&format!(
        "version: 1\nrules:\n  - {{id: a, events: [message], when: [\"{}\"], then: [delete]}}\n",
        "(".repeat(4_000)
    ));
    codes(&rules(1, &format!("{}author.bot", "not ".repeat(900))));
    let long = vec!["links.count > 0"; 260].join(" or ");
    codes(&rules(1, &long));
    assert_eq!(codes(&"x".repeat(3_000_000)), [Code::TooLarge]);
}

#[test]
fn ten_thousand_rules_are_too_many() {
    assert!(codes(&rules(10_000, "links.count > 0")).contains(&Code::TooLarge));
    // The same with a fault in each: no more is told than anybody reads.
    assert_eq!(codes(&rules(10_000, "links.cuont > 0")).len(), MOST);
    assert!(
        check(
            &Source::new("many.yml", &rules(500, "links.count > 0")),
            &Surroundings::default()
        )
        .rules
        .is_some()
    );
}

#[test]
fn an_explosive_pattern_is_refused() {
    for pattern in [r"\w{500}{500}", "a{1000}{1000}", "(?=x)", r"(a)\1", "(", "[z-a]"] {
        let text = format!(
            "version: 1\nlists:\n  p: {{regexes: ['{pattern}']}}\nrules:\n  - {{id: a, events: [message], when: [text.matches(p)], then: [delete]}}\n"
        );
        assert_eq!(codes(&text), [Code::BadPattern], "{pattern}");
    }
}

#[test]
fn huge_messages_are_judged() {
    let mentions: Vec<String> = (0..100_000).map(|id| id.to_string()).collect();
    let words = "https://a.example.com/x [a](http://b.ru) <:kek:123456789012345678> ".repeat(16_000);
    let lone = "\\ud800 \\udfff".to_owned();
    for body in [
        serde_json::json!({ "text": "hello", "body": { "mentions": { "users": mentions } } }).to_string(),
        serde_json::json!({ "text": words }).to_string(),
        serde_json::json!({ "text": "a\u{301}".repeat(500_000) }).to_string(),
        serde_json::json!({ "text": "[".repeat(500_000) + &"](".repeat(250_000) }).to_string(),
        format!("{{\"text\": \"{lone}\"}}"),
    ] {
        let facts = Facts::of_json(&body, 0);
        let Ok(Some(facts)) = facts else { continue };
        for preset in PRESETS {
            let rules = check(&Source::new(preset.name, preset.text), &Surroundings::default())
                .rules
                .unwrap();
            let mut judge = Judge::new(InMemory::new());
            judge.explain(&rules, &facts);
        }
    }
}

#[test]
fn the_kept_corpus_holds() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/rules");
    let mut tried = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        hostile_rules::any_bytes(&std::fs::read(entry.unwrap().path()).unwrap());
        tried += 1;
    }
    assert!(tried >= 8, "the corpus has only {tried} inputs");
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/evaluator");
    let mut tried = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        hostile_events::any_events(&std::fs::read_to_string(entry.unwrap().path()).unwrap());
        tried += 1;
    }
    assert!(tried >= 3, "the corpus of events has only {tried} inputs");
}

/// A preset with a part of it exchanged, so that what is tried is nearly right.
fn mutated() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        Just(String::new()),
        Just("&a ".to_owned()),
        Just("*a".to_owned()),
        Just("!x ".to_owned()),
        Just(": ".to_owned()),
        Just("\n".to_owned()),
        Just(" #".to_owned()),
        Just("(".to_owned()),
        Just("'".to_owned()),
        Just("|\n".to_owned()),
        Just("author.member_age < 1d".to_owned()),
        "[a-z0-9_. ()<>=\"'{}\\[\\],:-]{0,12}",
        "\\PC{0,6}",
    ];
    (0..PRESETS.len(), any::<prop::sample::Index>(), 0..40_usize, part).prop_map(
        |(preset, at, length, part)| {
            let text = PRESETS[preset].text;
            let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
            let from = at.index(places.len());
            let start = places[from];
            let end = places.get(from + length).copied().unwrap_or(text.len());
            format!("{}{part}{}", &text[..start], &text[end..])
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn nearly_right_files_never_panic(text in mutated()) {
        hostile_rules::any_bytes(text.as_bytes());
    }

    #[test]
    fn any_text_never_panics(text in "\\PC{0,200}") {
        hostile_rules::any_bytes(text.as_bytes());
    }

    #[test]
    fn layout_changes_nothing_that_rules_say(preset in 0..PRESETS.len(), spaces in prop::collection::vec(0..4_usize, 20)) {
        // Each line with blanks behind it, and blank lines between.
        let mut text = String::new();
        for (index, line) in PRESETS[preset].text.lines().enumerate() {
            let more = spaces[index % spaces.len()];
            writeln!(text, "{line}{}{}", " ".repeat(more), "\n".repeat(usize::from(more == 3))).unwrap();
        }
        let hash = |text: &str| {
            let rules = check(&Source::new("p.yml", text), &Surroundings::default()).rules.unwrap();
            rules.hash().to_owned()
        };
        let source = Source::new("p.yml", &text);
        let formatted = format(&source).unwrap();
        prop_assert_eq!(hash(&formatted), hash(PRESETS[preset].text));
        prop_assert_eq!(&format(&Source::new("p.yml", &formatted)).unwrap(), &formatted);
        prop_assert!(formatted.lines().all(|line| line.trim_end() == line));
    }
}
