//! `lockdown detect`, as an operator calls it.

use std::io::Write as _;
use std::process::{Command, Stdio};

fn lockdown(words: &[&str], stdin: &str) -> (bool, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_lockdown"))
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    // It may end before it has read everything.
    let _ = child.stdin.take().expect("a pipe").write_all(stdin.as_bytes());
    let output = child.wait_with_output().expect("it ends");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (output.status.success(), text(output.stdout), text(output.stderr))
}

#[test]
fn what_was_taught_is_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let (train, model) = (folder.path().join("train.jsonl"), folder.path().join("our.model"));
    let (train, model) = (train.to_str().unwrap(), model.to_str().unwrap());
    let lines: String = (0..40)
        .map(|n| {
            format!(
                "{{\"t\":\"sell your old carpet to uncle number {n} today\",\"y\":1}}\n{{\"t\":\"who plays the new map tonight at {n}\",\"y\":0}}\n"
            )
        })
        .collect();
    std::fs::write(train, lines).unwrap();
    let (done, _, told) = lockdown(&["detect", "train", train, "--model", model], "");
    assert!(done && told.contains("80 messages, 40 of them spam"), "{told}");

    let ask = "{\"t\":\"sell your old carpet today\"}\n{\"t\":\"who plays tonight\"}\n";
    let (done, scores, told) = lockdown(&["detect", "score", "--model", model], ask);
    assert!(done, "{told}");
    let scores: Vec<f32> = scores.lines().map(|line| line.parse().unwrap()).collect();
    assert!(
        scores.len() == 2 && scores[0] > 0.5 && scores[1] < 0.5,
        "{scores:?}"
    );
    let (done, json, _) = lockdown(&["detect", "score", "--json"], ask);
    assert!(
        done && json.lines().all(|line| line.contains("\"abstains\":")),
        "{json}"
    );
}

#[test]
fn what_is_no_message_is_said_with_its_place() {
    for (words, stdin, part) in [
        (
            vec!["detect", "train"],
            "{\"t\":\"a\",\"y\":1}\n",
            "both kinds are needed",
        ),
        (vec!["detect", "train"], "{\"t\":\"a\"}\n", "stdin:1 has no label"),
        (
            vec!["detect", "score"],
            "{\"t\":\"a\"}\nnonsense\n",
            "stdin:2 is no message",
        ),
        (
            vec!["detect", "score", "--model", "/dev/null"],
            "",
            "is no model to work with",
        ),
    ] {
        let (done, _, told) = lockdown(&words, stdin);
        assert!(!done && told.contains(part), "{words:?}: {told}");
    }
}
