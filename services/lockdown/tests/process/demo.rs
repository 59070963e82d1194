//! The demo, as somebody sees it who only looks.

use crate::lockdown;

/// It fails where a scene does not come about, so the whole chain is in here: bots, rules, decisions, commands, record.
#[test]
fn the_story_comes_about_and_leaves_nothing() {
    let place = tempfile::tempdir().unwrap();
    let output = lockdown(&[("LOCKDOWN_HTTP_ADDR", "127.0.0.1:0")])
        .env("TMPDIR", place.path())
        .args(["demo", "--once", "--pace", "0"])
        .output()
        .unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    let wrong = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{told}\n{wrong}");
    for words in [
        "the rule `imitation` banned mallory",
        "the rule `flood` muted dave",
        "**By**: @mia",
        "Unmuted @ben (Case #4)",
        "olga banned eve",
        "telegram #1   ban      Vlad      applied    by automod",
    ] {
        assert!(told.contains(words), "not told: {words}\n{told}");
    }
    let left: Vec<_> = std::fs::read_dir(place.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_pace_that_is_none_is_refused() {
    for pace in ["fast", "-1", "100000"] {
        let output = lockdown(&[])
            .args(["demo", &format!("--pace={pace}")])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{pace}");
    }
}
