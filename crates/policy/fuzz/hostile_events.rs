//! What must hold for any events. The fuzzer calls it by the million; the tests call it on the kept corpus.

use lockdown_policy::counter::InMemory;
use lockdown_policy::{Facts, Judge, PRESETS, Recorded, Replay, RuleSet, Source, Surroundings, check};
use std::sync::{Arc, LazyLock};

/// The presets, and the rules of the cases that ask for every feature.
static RULES: LazyLock<Vec<Arc<RuleSet>>> = LazyLock::new(|| {
    let cases = [
        include_str!("../tests/cases/content.case"),
        include_str!("../tests/cases/catalogue.case"),
    ];
    let cases = cases.map(|case| case.split_once("\n%%\n").map_or(case, |(rules, _)| rules));
    let texts = PRESETS.iter().map(|preset| preset.text).chain(cases);
    let compile = |text| check(&Source::new("rules.yml", text), &Surroundings::default()).rules;
    texts
        .map(|text| compile(text).expect("the rules are sound"))
        .collect()
});

/// Each line is an event: as JSON where it is some, else as what somebody typed. All rule sets judge them one after the other,
/// explain them, see some of them again, and replay them.
pub(crate) fn any_events(text: &str) {
    let mut facts = Vec::new();
    for (number, line) in (0..).zip(text.split('\n').take(20)) {
        match Facts::of_json(line, number) {
            Ok(Some(read)) => facts.push(read),
            Ok(None) => {}
            Err(_) => {
                let line = serde_json::json!({ "text": line }).to_string();
                let read = Facts::of_json(&line, number).expect("any text is a message");
                facts.extend(read);
            }
        }
    }
    for rules in RULES.iter() {
        let mut judge = Judge::new(InMemory::new());
        let mut replay = Replay::new(rules, None);
        for facts in &facts {
            let live = judge.judge(rules, facts);
            let paused: Vec<String> = live.to_pause(rules).map(str::to_owned).collect();
            let (again, explanation) = judge.explain(rules, facts);
            assert_eq!(live, again, "the same event was judged differently");
            assert_eq!(explanation.rules().len(), rules.len());
            serde_json::to_string(&explanation).expect("an explanation can be told");
            for hit in &live.hits {
                assert!(explanation.rules().nth(hit.rule).is_some_and(|rule| rule.hit));
                let [start, end] = hit.span.unwrap_or_default();
                assert!(start <= end, "{:?} is no part of a text", hit.span);
            }
            paused.iter().for_each(|rule| judge.pause(&facts.guild, rule));
            let recorded = Recorded {
                facts: facts.clone(),
                outcome: None,
            };
            // A replay knows the strikes that it gave; whoever asks live brings them.
            let again = replay.event(recorded);
            assert_eq!(again.hits, live.hits, "the replay gave another verdict");
        }
    }
}
