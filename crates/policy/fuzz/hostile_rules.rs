//! What must hold for any bytes as a rule file. The fuzzer calls it by the million; the tests call it on the kept corpus.

use lockdown_policy::counter::InMemory;
use lockdown_policy::{Facts, Judge, MOST, Severity, Source, Surroundings, check, format, render};

/// Checks, shows, formats and runs. Every fault has a place in the file; every rule set judges and explains.
pub(crate) fn any_bytes(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let source = Source::new("fuzz.yml", text);
    let checked = check(&source, &Surroundings::default());
    assert!(checked.diagnostics.len() <= MOST);
    assert_eq!(checked.rules.is_some(), checked.count(Severity::Error) == 0);
    let lines = u32::try_from(text.split('\n').count()).expect("a file that was read is short");
    for found in &checked.diagnostics {
        assert!(
            (1..=lines).contains(&found.line) && found.column >= 1 && found.length >= 1,
            "{found:?}"
        );
    }
    let shown = render(&checked.diagnostics, &source, false);
    assert!(
        !shown.chars().any(|c| c.is_control() && c != '\n'),
        "a control character reached the terminal"
    );

    if let Ok(formatted) = format(&source) {
        let again = Source::new("fuzz.yml", &formatted);
        assert_eq!(
            format(&again).as_deref(),
            Ok(formatted.as_str()),
            "the layout is not stable"
        );
        if let (Some(rules), Some(same)) = (&checked.rules, check(&again, &Surroundings::default()).rules) {
            assert_eq!(rules.hash(), same.hash(), "the layout changed what the rules say");
        }
    }

    let Some(rules) = checked.rules else {
        return;
    };
    let mut judge = Judge::new(InMemory::new());
    for line in [
        r#"{"text": "free nitro https://dlscord.gift/x discord.gg/abc"}"#,
        r#"{"event": "join", "text": "", "facts": {"author.account_age": "1h"}}"#,
        r#"{"event": "nickname", "text": "badword"}"#,
        r#"{"event": "edit", "text": "", "platform": "telegram", "facts": {"author.strikes": 3}}"#,
    ] {
        let facts = Facts::of_json(line, 1)
            .expect("the line is sound")
            .expect("it is judged");
        let first = judge.judge(&rules, &facts);
        let (again, explanation) = judge.explain(&rules, &facts);
        assert_eq!(first, again, "the same event was judged differently");
        assert_eq!(explanation.rules().len(), rules.len());
        for hit in &first.hits {
            assert!(explanation.rules().nth(hit.rule).is_some_and(|rule| rule.hit));
        }
    }
}
