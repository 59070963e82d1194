//! Other programs beside ours: BullMQ and apalis beside the bus, on the same server (`cargo xtask bench bus --peers`);
//! pyahocorasick, obscenity and a merged JavaScript expression beside the word lists (`cargo xtask bench policy --peers`).
//!
//! Their programs lie in `xtask/peers`, each with a manifest of its own. What they need comes from their registries into
//! `target/peers`; nothing else of the project needs any of it. To add one: a folder there, and a [`Peer`] here.

use super::bus::BUS;
use super::measured::Goal::{self, AtLeast, ToCompare};
use super::policy::POLICY;
use super::{Figure, servers};
use crate::workspace;
use anyhow::{Context, Result, bail};
use lockdown_testkit::provision::choice::Server;
use std::path::{Path, PathBuf};
use std::process::Command;

struct Peer {
    name: &'static str,
    /// Its folder in `xtask/peers`.
    folder: &'static str,
    files: &'static [&'static str],
    /// Makes it ready in its folder; returns the words that start it.
    prepare: fn(&Path) -> Result<Vec<PathBuf>>,
    /// What to do when that fails.
    advice: &'static str,
    /// How many times as fast we are to be, where that was promised.
    goal: Option<f64>,
}

const OF_BUS: &[Peer] = &[
    Peer {
        name: "bullmq",
        folder: "bullmq",
        files: &["package.json", "peer.js"],
        prepare: install_by_npm,
        advice: NODE,
        goal: Some(8.0),
    },
    Peer {
        name: "apalis",
        folder: "apalis",
        files: &["Cargo.toml", "src/main.rs"],
        prepare: build_apalis,
        advice: "it needs crates.io or a mirror of it, as every build does",
        goal: Some(3.5),
    },
];

const NODE: &str = "it needs Node.js 20 or newer with npm (Debian: `apt-get install nodejs npm`), and npm's registry or a \
                    mirror of it (`npm config set registry`)";

const OF_WORDS: &[Peer] = &[
    Peer {
        name: "pyahocorasick",
        folder: "pyahocorasick",
        files: &["requirements.txt", "peer.py"],
        prepare: install_pyahocorasick,
        advice: "it needs Python 3 with venv (Debian: `apt-get install python3-venv`), and PyPI or a mirror of it",
        goal: Some(3.0),
    },
    Peer {
        name: "obscenity",
        folder: "obscenity",
        files: &["package.json", "peer.js"],
        prepare: install_by_npm,
        advice: NODE,
        goal: Some(40.0),
    },
    Peer {
        name: "regexp",
        folder: "regexp",
        files: &["peer.js"],
        prepare: |folder| Ok(vec!["node".into(), folder.join("peer.js"), "apart".into()]),
        advice: NODE,
        goal: Some(50.0),
    },
    Peer {
        name: "regexp_together",
        folder: "regexp",
        files: &["peer.js"],
        prepare: |folder| Ok(vec!["node".into(), folder.join("peer.js"), "together".into()]),
        advice: NODE,
        goal: None,
    },
];

/// Ours against each peer; measured by the bus's bench, so that one process looks at all clocks.
pub(super) fn bus(quick: bool) -> Result<Vec<Figure>> {
    let mut words = vec!["peers".to_owned(), if quick { "2" } else { "5" }.to_owned()];
    words.extend(ready(OF_BUS)?);
    let mut rounds = BUS.measure(&words, &servers(&[Server::Redis])?)?;
    let mut figures = vec![
        BUS.figure(&mut rounds, "durable_eps", "1/s", &ToCompare)?,
        BUS.figure(&mut rounds, "cpu_us", "us", &ToCompare)?,
    ];
    for peer in OF_BUS {
        let name = peer.name;
        for (figure, unit, goal) in [
            (format!("{name}_eps"), "1/s", ToCompare),
            (format!("{name}_cpu_us"), "us", ToCompare),
            (format!("vs_{name}_ratio"), "ratio", peer.goal()),
        ] {
            figures.push(BUS.figure(&mut rounds, &figure, unit, &goal)?);
        }
    }
    Ok(figures)
}

/// The same words in the same messages.
pub(super) fn policy(quick: bool) -> Result<Vec<Figure>> {
    let folder = workspace::target()?.join("peers").display().to_string();
    let mut words = vec![
        "peers".to_owned(),
        if quick { "2" } else { "5" }.to_owned(),
        folder,
    ];
    words.extend(ready(OF_WORDS)?);
    let mut rounds = POLICY.measure(&words, &[])?;
    let mut figures = vec![
        POLICY.figure(&mut rounds, "plain1k_ns", "ns", &ToCompare)?,
        POLICY.figure(&mut rounds, "disguised1k_ns", "ns", &ToCompare)?,
    ];
    for peer in OF_WORDS {
        let name = peer.name;
        figures.push(POLICY.figure(&mut rounds, &format!("{name}_ns"), "ns", &ToCompare)?);
        let ratio = format!("vs_{name}_ratio");
        figures.push(POLICY.figure(&mut rounds, &ratio, "ratio", &peer.goal())?);
    }
    Ok(figures)
}

/// Makes them ready; how the bench starts each.
fn ready(peers: &[Peer]) -> Result<Vec<String>> {
    let target = workspace::target()?.join("peers");
    let mut words = Vec::new();
    let mut missing = String::new();
    for peer in peers {
        eprintln!("bench: getting {} ready", peer.name);
        match peer.ready(&target) {
            Ok(word) => words.push(word),
            Err(error) => missing += &format!("\n{}: {error:#}; {}", peer.name, peer.advice),
        }
    }
    if !missing.is_empty() {
        bail!("these peers are missing:{missing}");
    }
    Ok(words)
}

// === impl Peer ===

impl Peer {
    fn goal(&self) -> Goal {
        self.goal.map_or(ToCompare, AtLeast)
    }

    /// Its files in a folder outside the sources, what they need beside them; returns how the bench starts it.
    fn ready(&self, target: &Path) -> Result<String> {
        let from = workspace::root().join("xtask/peers").join(self.folder);
        let to = target.join(self.folder);
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

fn install_by_npm(folder: &Path) -> Result<Vec<PathBuf>> {
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

fn install_pyahocorasick(folder: &Path) -> Result<Vec<PathBuf>> {
    let python = folder.join("venv/bin/python");
    if !python.exists() {
        workspace::output(
            Command::new("python3")
                .args(["-m", "venv", "venv"])
                .current_dir(folder),
        )?;
    }
    let install = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "-r",
        "requirements.txt",
    ];
    workspace::output(Command::new(&python).args(install).current_dir(folder))?;
    Ok(vec![python, folder.join("peer.py")])
}

fn build_apalis(folder: &Path) -> Result<Vec<PathBuf>> {
    workspace::run(
        Command::new("cargo")
            .args(["build", "--quiet", "--release", "--target-dir", "target"])
            .current_dir(folder),
    )?;
    Ok(vec![folder.join("target/release/peer-apalis")])
}
