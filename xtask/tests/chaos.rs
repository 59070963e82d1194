//! `cargo xtask chaos bus` in short: a few kills, and an account that must be clean.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Stdio};

/// Runs it with these words, and returns its account.
fn account(words: &[&str]) -> Value {
    let xtask = Path::new(env!("CARGO_BIN_EXE_xtask"));
    // Cargo builds the examples beside the programs.
    let child = xtask.with_file_name("examples").join("chaos_child");
    assert!(
        child.exists(),
        "build it with `cargo build -p lockdown-bus --examples`"
    );
    let output = Command::new(xtask)
        .args(["chaos", "bus", "--json", "--child"])
        .arg(child)
        .args(words)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let account = String::from_utf8(output.stdout).unwrap();
    let account: Value = serde_json::from_str(account.lines().last().expect(&said)).expect(&said);
    for name in ["lost", "twice", "dead_wrong", "trimmed_unsettled"] {
        assert_eq!(account[name], 0, "{name}: {account}\n{said}");
    }
    assert!(output.status.success(), "{account}\n{said}");
    assert!(account["events"].as_u64() > Some(100), "{account}\n{said}");
    account
}

#[test]
fn a_killed_embedded_bus_loses_nothing() {
    let account = account(&["--rounds", "3", "--engine", "embedded", "--fsync", "always"]);
    assert_eq!((&account["kills"], &account["dead"]), (&3.into(), &0.into()));
}

#[test]
fn an_embedded_bus_in_trouble_keeps_its_word() {
    let account = account(&["--minutes", "0.1", "--engine", "embedded", "--fsync", "everysec"]);
    assert!(
        account["dead"].as_u64() > Some(0),
        "some events never succeed: {account}"
    );
}

#[cfg(test)]
mod fleet {
    use super::account;
    use lockdown_testkit::servers;

    #[test]
    fn a_bus_on_redis_loses_nothing_whatever_is_killed() {
        let redis = servers::redis_binary();
        let redis = redis.to_str().unwrap();
        let account = account(&[
            "--rounds",
            "3",
            "--engine",
            "redis",
            "--fsync",
            "always",
            "--redis-binary",
            redis,
        ]);
        assert_eq!((&account["kills"], &account["dead"]), (&3.into(), &0.into()));
    }

    #[test]
    fn a_bus_on_redis_in_trouble_keeps_its_word() {
        let redis = servers::redis_binary();
        let redis = redis.to_str().unwrap();
        let account = account(&[
            "--minutes",
            "0.1",
            "--engine",
            "redis",
            "--fsync",
            "always",
            "--redis-binary",
            redis,
        ]);
        assert!(
            account["dead"].as_u64() > Some(0),
            "some events never succeed: {account}"
        );
    }
}
