//! What other programs take for the same words in the same messages: each a process that reads both from files and prints its
//! nanoseconds a message.

use super::pipeline::Bench;
use super::tell;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::Command;

#[derive(Deserialize)]
struct Told {
    ns: f64,
}

/// Ours and each peer in turn, so often; what they read is written to the folder. A peer is a name, `=`, and its words with line breaks between.
pub(crate) fn run(rounds: usize, folder: &Path, peers: &[String]) {
    let bench = Bench::new();
    let [words, messages] = ["peer-words.json", "peer-messages.json"].map(|name| folder.join(name));
    let write = |path: &PathBuf, lines: serde_json::Value| {
        std::fs::write(path, lines.to_string()).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    };
    write(&words, bench.thousand().into());
    write(&messages, bench.messages.clone().into());
    for _ in 0..rounds {
        let [plain, disguised] = bench.thousand_ns();
        tell("plain1k_ns", plain);
        tell("disguised1k_ns", disguised);
        for peer in peers {
            let (name, program) = peer
                .split_once('=')
                .expect("a peer is a name, a `=` and a command");
            let mut program = program.split('\n');
            let mut command = Command::new(program.next().expect("a command has a first word"));
            let output = command.args(program).arg(&words).arg(&messages).output();
            let output = output.unwrap_or_else(|error| panic!("{name} did not start: {error}"));
            let told: Told = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
                panic!("{name}: {error}: {}", String::from_utf8_lossy(&output.stderr));
            });
            // Who finds plain words only is held against the same.
            let ours = if name == "obscenity" { disguised } else { plain };
            tell(&format!("{name}_ns"), told.ns);
            tell(&format!("vs_{name}_ratio"), told.ns / ours);
        }
    }
}
