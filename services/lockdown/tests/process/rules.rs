//! `lockdown rules` as a moderator meets it.

use super::output;
use serde_json::Value;
use std::path::PathBuf;

const RULES: &str = "version: 1\nlists:\n  slurs: {words: [badword]}\nrules:\n  - id: slurs\n    events: [message]\n    when: [text.has_any(slurs)]\n    then: [delete, timeout 10m]\n";

fn file(folder: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn said(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = output(arguments, &[]);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_fault_is_shown_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let good = file(&folder, "good.yml", RULES);
    let bad = file(&folder, "bad.yml", &RULES.replace("(slurs)", "(slursh)"));
    let (good, bad) = (good.to_str().unwrap(), bad.to_str().unwrap());

    let (code, stdout, _) = said(&["rules", "check", good]);
    assert_eq!(code, Some(0));
    assert!(stdout.contains("1 rules, 0 warnings"), "{stdout}");

    let (code, _, stderr) = said(&["rules", "check", bad]);
    assert_eq!(code, Some(1));
    for part in [
        "error[no_list]: no list called \"slursh\"",
        "bad.yml:7:25",
        "^^^^^^",
        "hint: did you mean slurs?",
    ] {
        assert!(stderr.contains(part), "{part} is missing:\n{stderr}");
    }
    assert!(!stderr.contains('\u{1b}'), "no colour goes into a pipe");

    let (code, stdout, _) = said(&["rules", "check", "--json", good, bad]);
    let told: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, &told["ok"]), (Some(1), &Value::Bool(false)));
    assert_eq!(told["files"][0]["rules"][0], "slurs");
    let fault = &told["files"][1]["diagnostics"][0];
    assert_eq!(
        (&fault["line"], &fault["column"], &fault["length"]),
        (&7.into(), &25.into(), &6.into())
    );

    assert_eq!(said(&["rules", "check"]).0, Some(2));
    let (code, _, stderr) = said(&["rules", "check", "no/such/file.yml"]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("no/such/file.yml"), "{stderr}");
}

#[test]
fn messages_get_a_verdict_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let rules = file(&folder, "rules.yml", RULES);
    let messages = file(
        &folder,
        "m.jsonl",
        "{\"text\": \"you badword\"}\n{\"t\": \"hello\", \"y\": 0}\n",
    );
    let (rules, messages) = (rules.to_str().unwrap(), messages.to_str().unwrap());
    let (code, stdout, _) = said(&["rules", "test", rules, "--messages", messages]);
    assert_eq!(code, Some(0));
    assert_eq!(stdout, "1: slurs -> delete, timeout 10m\n2: pass\n");

    let (_, stdout, _) = said(&[
        "rules",
        "test",
        rules,
        "--messages",
        messages,
        "--json",
        "--explain",
    ]);
    let lines: Vec<Value> = stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["rules"][0]["span"], serde_json::json!([4, 11]));
    assert_eq!(
        lines[1]["explanation"]["rules"][0]["because"],
        "`text.has_any(slurs)` does not hold"
    );

    let broken = file(&folder, "broken.jsonl", "{\"text\": \"a\"}\nnonsense\n");
    let (code, _, stderr) = said(&["rules", "test", rules, "--messages", broken.to_str().unwrap()]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("line 2"), "{stderr}");
}

#[test]
fn the_past_is_replayed() {
    let folder = tempfile::tempdir().unwrap();
    let live = file(&folder, "live.yml", RULES);
    let next = file(&folder, "next.yml", &RULES.replace("badword]", "badword, worse]"));
    let events = file(
        &folder,
        "events.jsonl",
        "{\"text\": \"badword\", \"outcome\": \"upheld\"}\n{\"text\": \"worse\", \"author\": \"2\", \"outcome\": \"dismissed\"}\n{\"text\": \"worse\", \"author\": \"3\"}\n",
    );
    let path = |path: &PathBuf| path.to_str().unwrap().to_owned();
    let (code, stdout, _) = said(&[
        "rules",
        "replay",
        &path(&next),
        "--events",
        &path(&events),
        "--against",
        &path(&live),
        "--json",
    ]);
    assert_eq!(code, Some(0));
    let report: Value = serde_json::from_str(&stdout).unwrap();
    let rule = &report["rules"][0];
    assert_eq!((&rule["hits"], &rule["people"]), (&3.into(), &3.into()));
    assert_eq!(
        rule["againstLive"],
        serde_json::json!({ "both": 1, "added": 2, "removed": 0 })
    );
    assert_eq!(rule["precision"]["precision"], 0.5);
}

#[test]
fn files_get_their_layout() {
    let folder = tempfile::tempdir().unwrap();
    let rules = file(
        &folder,
        "rules.yml",
        &RULES
            .replace("    when: [text", "    when:   \n      - (text")
            .replace("slurs)]", "slurs))  # why"),
    );
    let path = rules.to_str().unwrap();
    assert_eq!(said(&["rules", "fmt", "--check", path]).0, Some(1));
    assert_eq!(said(&["rules", "fmt", path]).0, Some(0));
    let formatted = std::fs::read_to_string(&rules).unwrap();
    assert!(
        formatted.contains("    when:\n      - text.has_any(slurs)  # why\n"),
        "{formatted}"
    );
    assert_eq!(said(&["rules", "fmt", "--check", path]).0, Some(0));
    let (code, stdout, _) = said(&["rules", "preset"]);
    assert_eq!((code, stdout.lines().count()), (Some(0), 5));
}
