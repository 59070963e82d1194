//! The service in a process of its own, without what it needs.

use std::process::Command;

const NEEDED: &[&str] = &["REDIS_URL", "TELEGRAM_TOKEN"];

#[test]
fn alone_without_what_it_needs_it_says_so_and_stops() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lockdown-telegram-bot"));
    let output = command
        .env_clear()
        .current_dir(env!("CARGO_TARGET_TMPDIR"))
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    for variable in NEEDED {
        assert!(
            said.contains(&format!("{variable}: found nothing")),
            "{variable} is not named: {said}"
        );
    }
}
