//! Rules as data: each file of `tests/cases` is a rule file, then events as JSON lines, each with its verdict.
//!
//! `=> id | acts` names the rules that hit (`~` before one that only watches, `!` before one at its limit), then what is
//! done: `?n` after what waits for n moderators, `@n` for the step of the ladder, `[…]` for the messages it is done to.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use lockdown_policy::catalogue::FEATURES;
use lockdown_policy::counter::InMemory;
use lockdown_policy::{Facts, Judge, Outcome, RuleSet, Source, Surroundings, Verdict, check, render};
use std::fmt::Write;
use std::path::Path;

fn say(rules: &RuleSet, verdict: &Verdict) -> String {
    if verdict.is_empty() {
        return "-".to_owned();
    }
    let ids: Vec<&str> = rules.ids().collect();
    let hits: Vec<String> = verdict
        .hits
        .iter()
        .map(|hit| {
            let mark = match hit.outcome {
                Outcome::Acts => "",
                Outcome::Shadow => "~",
                Outcome::AtLimit(_) => "!",
                Outcome::Paused => "=",
            };
            format!("{mark}{}", ids[hit.rule])
        })
        .collect();
    let acts: Vec<String> = verdict
        .acts
        .iter()
        .map(|planned| {
            let mut text = planned.act.to_string();
            if !planned.counted.is_empty() {
                let messages: Vec<&str> = planned
                    .counted
                    .iter()
                    .filter_map(|event| event.message.as_deref())
                    .collect();
                write!(text, " [{}]", messages.join(", ")).unwrap();
            }
            if planned.approval > 0 {
                write!(text, " ?{}", planned.approval).unwrap();
            }
            text
        })
        .collect();
    let acts = if acts.is_empty() {
        "-".to_owned()
    } else {
        acts.join("; ")
    };
    let step = verdict.ladder.as_ref().and_then(|reached| reached.step);
    let step = step.map(|at| format!(" @{at}")).unwrap_or_default();
    format!("{} | {acts}{step}", hits.join(", "))
}

/// Plays a file; how many verdicts it has.
fn play(path: &Path, wrong: &mut String) -> usize {
    let text = std::fs::read_to_string(path).unwrap();
    let (rules, events) = text.split_once("\n%%\n").unwrap();
    let name = path.file_name().unwrap().to_string_lossy();
    let source = Source::new(&name, rules);
    let checked = check(&source, &Surroundings::default());
    let Some(rules) = checked.rules else {
        panic!("{}", render(&checked.diagnostics, &source, false));
    };
    let mut judge = Judge::new(InMemory::new());
    let mut lines = events
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    let mut number = 0;
    while let Some(event) = lines.next() {
        let expected = lines.next().and_then(|line| line.strip_prefix("=> ")).unwrap();
        let facts =
            Facts::of_json(event, 1_000 + number).unwrap_or_else(|error| panic!("{name}: {event}: {error}"));
        let facts = facts.unwrap();
        let (verdict, explanation) = judge.explain(&rules, &facts);
        let said = say(&rules, &verdict);
        if said != expected {
            let why: Vec<String> = explanation
                .rules()
                .map(|rule| format!("  {}: {}", rule.rule, rule.because))
                .collect();
            writeln!(
                wrong,
                "{name}: {event}\n  expected {expected}\n  found    {said}\n{}",
                why.join("\n")
            )
            .unwrap();
        }
        // Whatever judged it first, the same event judged again gives the same.
        assert_eq!(judge.judge(&rules, &facts), verdict, "{name}: {event}");
        number += 1;
    }
    usize::try_from(number).unwrap()
}

#[test]
fn the_cases_turn_out_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let (mut tried, mut wrong) = (0, String::new());
    for entry in std::fs::read_dir(folder).unwrap() {
        tried += play(&entry.unwrap().path(), &mut wrong);
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(tried >= 155, "only {tried} verdicts were tried");
}

#[test]
fn every_feature_has_a_case() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let files = std::fs::read_dir(folder).unwrap();
    let cases: String = files
        .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    let missing: Vec<&str> = FEATURES
        .iter()
        .map(|feature| feature.path)
        .filter(|path| !cases.contains(path))
        .collect();
    assert_eq!(missing, [""; 0], "add a case to tests/cases for each");
}
