//! BullMQ and apalis beside our bus, on the same server: `cargo xtask bench bus --peers`.
//!
//! Their programs lie in `xtask/peers`, each with a manifest of its own. What they need comes from their registries into
//! `target/peers`; nothing else of the project needs any of it. To add one: a folder there, and a [`Peer`] here.

use super::bus::BUS;
use super::measured::Goal::{AtLeast, ToCompare};
use super::{Figure, servers};
use crate::workspace;
use anyhow::{Context, Result, bail};
use lockdown_testkit::provision::choice::Server;
use std::path::{Path, PathBuf};
use std::process::Command;

struct Peer {
    name: &'static str,
    files: &'static [&'static str],
    /// Makes it ready in its folder; returns the words that start it.
    prepare: fn(&Path) -> Result<Vec<PathBuf>>,
    /// What to do when that fails.
    advice: &'static str,
    /// How many times as fast we are to be.
    goal: f64,
}

const PEERS: &[Peer] = &[
    Peer {
        name: "bullmq",
        files: &["package.json", "peer.js"],
        prepare: install_bullmq,
        advice: "it needs Node.js 20 or newer with npm (Debian: `apt-get install nodejs npm`), and npm's registry or a \
                 mirror of it (`npm config set registry`)",
        goal: 8.0,
    },
    Peer {
        name: "apalis",
        files: &["Cargo.toml", "src/main.rs"],
        prepare: build_apalis,
        advice: "it needs crates.io or a mirror of it, as every build does",
        goal: 3.5,
    },
];

/// Ours against each peer; measured by the bus's bench, so that one process looks at all clocks.
pub(super) fn run(quick: bool) -> Result<Vec<Figure>> {
    let target = workspace::target()?.join("peers");
    let mut words = vec!["peers".to_owned(), if quick { "2" } else { "5" }.to_owned()];
    let mut missing = String::new();
    for peer in PEERS {
        eprintln!("bench: getting {} ready", peer.name);
        match peer.ready(&target) {
            Ok(word) => words.push(word),
            Err(error) => missing += &format!("\n{}: {error:#}; {}", peer.name, peer.advice),
        }
    }
    if !missing.is_empty() {
        bail!("these peers are missing:{missing}");
    }
    let mut rounds = BUS.measure(&words, &servers(&[Server::Redis])?)?;
    let mut figures = vec![
        BUS.figure(&mut rounds, "durable_eps", "1/s", &ToCompare)?,
        BUS.figure(&mut rounds, "cpu_us", "us", &ToCompare)?,
    ];
    for peer in PEERS {
        let name = peer.name;
        for (figure, unit, goal) in [
            (format!("{name}_eps"), "1/s", ToCompare),
            (format!("{name}_cpu_us"), "us", ToCompare),
            (format!("vs_{name}_ratio"), "ratio", AtLeast(peer.goal)),
        ] {
            figures.push(BUS.figure(&mut rounds, &figure, unit, &goal)?);
        }
    }
    Ok(figures)
}

// === impl Peer ===

impl Peer {
    /// Its files in a folder outside the sources, what they need beside them; returns how the bench starts it.
    fn ready(&self, target: &Path) -> Result<String> {
        let from = workspace::root().join("xtask/peers").join(self.name);
        let to = target.join(self.name);
        for file in self.files {
            let (from, to) = (from.join(file), to.join(file));
            let folder = to.parent().expect("it lies in the peer's folder");
            std::fs::create_dir_all(folder)
                .with_context(|| format!("could not make {}", folder.display()))?;
            // Untouched where it is the same, so that it is not built again.
            let text = std::fs::read(&from).with_context(|| format!("could not read {}", from.display()))?;
            if std::fs::read(&to).is_ok_and(|there| there == text) {
                continue;
            }
            std::fs::write(&to, text).with_context(|| format!("could not write {}", to.display()))?;
        }
        let words: Vec<String> = (self.prepare)(&to)?
            .iter()
            .map(|word| word.display().to_string())
            .collect();
        Ok(format!("{}={}", self.name, words.join("\n")))
    }
}

fn install_bullmq(folder: &Path) -> Result<Vec<PathBuf>> {
    // What is there already needs no network.
    let install = [
        "install",
        "--no-package-lock",
        "--no-audit",
        "--no-fund",
        "--prefer-offline",
    ];
    workspace::output(Command::new("npm").args(install).current_dir(folder))?;
    Ok(vec!["node".into(), folder.join("peer.js")])
}

fn build_apalis(folder: &Path) -> Result<Vec<PathBuf>> {
    workspace::run(
        Command::new("cargo")
            .args(["build", "--quiet", "--release", "--target-dir", "target"])
            .current_dir(folder),
    )?;
    Ok(vec![folder.join("target/release/peer-apalis")])
}
