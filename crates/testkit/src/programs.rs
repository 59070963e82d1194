//! Programs of this workspace that a test runs.

use crate::server::scratch::Scratch;
use std::path::PathBuf;
use std::process::Command;

/// An example, which cargo builds beside the tests: in `target/debug/examples`, where the test is in `target/debug/deps`.
pub fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its program");
    let beside = test.ancestors().nth(2).expect("a test lies in `deps`");
    let program = beside.join("examples").join(name);
    assert!(
        program.exists(),
        "{} is missing: build it with `cargo build --workspace --examples`",
        program.display()
    );
    program
}

/// A service of its own, with nothing in its environment and no `.env` where it runs, stops as one that is used
/// wrongly, and names all that it lacks.
pub fn stops_and_names(program: &str, needed: &[&str]) {
    let empty = Scratch::create(&std::env::temp_dir()).expect("a directory of its own");
    let output = Command::new(program)
        .env_clear()
        .current_dir(empty.path())
        .output()
        .expect("it can be run");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    for variable in needed {
        assert!(
            said.contains(&format!("{variable}: found nothing")),
            "{variable} is not named: {said}"
        );
    }
}
