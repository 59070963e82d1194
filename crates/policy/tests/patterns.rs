//! Regular expressions over the views of a text.

use lockdown_policy::text::Text;
use lockdown_policy::text::patterns::{PatternFault, Patterns};
use proptest::prelude::*;
use std::ops::ControlFlow;

fn matched<'a>(patterns: &Patterns, raw: &'a str) -> Vec<(usize, &'a str)> {
    let mut all = Vec::new();
    let complete = patterns.scan(&Text::of(raw), |matched| {
        all.push((matched.pattern, &raw[matched.span]));
        ControlFlow::Continue(())
    });
    assert!(complete);
    all.sort_unstable();
    all
}

#[test]
fn patterns_see_folded_and_joined_text() {
    let sources = [
        "free +nitro",
        "f+r[e3]+ n[i1]tr[o0]",
        r"\b\d{3}-\d{4}\b",
        "(steam|epic) gift",
        "слов[оа]",
        "x.z",
        r"^\W",
        "GIVEAWAY",
    ];
    let (patterns, faults) = Patterns::build(sources);
    assert_eq!(faults, []);
    for (raw, expected) in [
        ("FREE  nitro", vec![(0, "FREE  nitro")]),
        ("ffr33 n1tr0", vec![(1, "ffr33 n1tr0")]),
        ("call 555-0199 now", vec![(2, "555-0199")]),
        ("an Epic gift", vec![(3, "Epic gift")]),
        ("СЛОВО", vec![(4, "СЛОВО")]),
        ("xüz", vec![(5, "xüz")]),
        ("g\u{200B}iveａway", vec![(7, "g\u{200B}iveａway")]),
        ("g i v e a w a y", vec![(7, "g i v e a w a y")]),
        ("!", vec![(6, "!")]),
        ("nothing of it, 12-34", vec![]),
    ] {
        assert_eq!(matched(&patterns, raw), expected, "in {raw:?}");
    }
}

#[test]
fn what_would_cost_too_much_is_refused() {
    for (source, fault) in [
        ("a{1000}{1000}", Some(PatternFault::TooLarge)),
        (r"(\w{50}){50}x{5000}", Some(PatternFault::TooLarge)),
        (r"[\w\W]{0,2000}жx", Some(PatternFault::TooLarge)),
        ("a*", Some(PatternFault::Always)),
        ("", Some(PatternFault::Always)),
        ("(", Some(PatternFault::Syntax("unclosed group".to_owned()))),
        ("^(a+)+$", None),
        ("free.{0,50}nitro", None),
    ] {
        assert_eq!(Patterns::check(source).err(), fault, "{source}");
    }
    assert_eq!(Patterns::check(&"a".repeat(513)), Err(PatternFault::TooLong));
    let deep = format!("{}a{}", "(".repeat(100), ")".repeat(100));
    assert!(matches!(Patterns::check(&deep), Err(PatternFault::Syntax(_))));
    let (patterns, faults) = Patterns::build(["(", "good"]);
    assert_eq!((patterns.len(), faults.len()), (2, 1));
    assert_eq!(matched(&patterns, "( good"), [(1, "good")]);
}

#[test]
fn a_set_may_not_cost_more_than_its_share() {
    let sources = vec!["[01]*1[01]{200}2"; 50];
    let (patterns, faults) = Patterns::build(sources);
    assert_eq!(faults, []);
    let text = Text::of(&"01".repeat(2_000));
    assert!(!patterns.scan(&text, |_| ControlFlow::Continue(())));
}

proptest! {
    /// The letters that a pattern is filtered by never hide a match.
    #[test]
    fn filters_hide_nothing(
        source in "([a-e013]{1,4}|\\[[a-e0-4]{2}\\]\\+?|[a-e]\\+|\\.| |(\\([a-e]{1,3}\\|[a-e4]{1,3}\\))){1,5}",
        raw in "[a-eA-E0-4 @$!.á]{0,24}",
    ) {
        let (patterns, faults) = Patterns::build([source.as_str()]);
        prop_assume!(faults.is_empty());
        let text = Text::of(&raw);
        let regex = regex::RegexBuilder::new(&source).case_insensitive(true).build().unwrap();
        let expected = regex.is_match(text.folded().as_str()) || regex.is_match(text.joined().as_str());
        let mut found = false;
        patterns.scan(&text, |_| {
            found = true;
            ControlFlow::Break(())
        });
        prop_assert_eq!(found, expected, "{} in {:?}", source, raw);
    }
}
