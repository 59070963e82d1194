//! The processes that are killed: `crates/bus/examples/chaos_child`.

use anyhow::{Context as _, Result};
use lockdown_testkit::server::process::{Farewell, Process};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Asked to end, it finishes what it has begun.
const FAREWELL: Farewell = Farewell {
    signal: Signal::TERM,
    grace: Duration::from_secs(30),
    orphaned: Signal::KILL,
};

/// What a process does for the bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Part {
    Publish,
    /// The group and the seat in it.
    Consume(&'static str, &'static str),
    Look,
}

/// How processes of one world are started.
pub(super) struct Nursery {
    pub(super) program: PathBuf,
    /// As the child's task names it.
    pub(super) engine: Value,
    pub(super) notes: PathBuf,
    pub(super) trouble: bool,
    pub(super) started: u32,
}

// === impl Part ===

impl Part {
    /// The start of its notes' name.
    pub(super) fn name(self) -> String {
        match self {
            Self::Publish => "publisher".to_owned(),
            Self::Consume(group, seat) => format!("{group}.{seat}"),
            Self::Look => "look".to_owned(),
        }
    }

    fn task(self) -> Value {
        match self {
            Self::Publish => json!("publish"),
            Self::Consume(group, name) => json!({"consume": {"group": group, "name": name}}),
            Self::Look => json!("look"),
        }
    }
}

// === impl Nursery ===

impl Nursery {
    /// Starts a process for these parts; says which run it is.
    pub(super) fn start(&mut self, parts: &[Part]) -> Result<(Process, u32)> {
        self.started += 1;
        let run = self.started;
        let task = json!({
            "engine": self.engine,
            "parts": parts.iter().map(|part| part.task()).collect::<Vec<_>>(),
            "notes": self.notes,
            "run": run,
            "trouble": self.trouble,
        });
        let said = said(&self.notes, run);
        let log =
            std::fs::File::create(&said).with_context(|| format!("could not make {}", said.display()))?;
        let mut command = Command::new(&self.program);
        command.arg(task.to_string()).stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(log);
        Ok((Process::start("a process of the bus", command, FAREWELL)?, run))
    }

    /// The last of what a process said, for when it ended by itself.
    pub(super) fn last_words(&self, run: u32) -> String {
        let text = std::fs::read_to_string(said(&self.notes, run)).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(10)..].join("\n  ")
    }
}

fn said(notes: &Path, run: u32) -> PathBuf {
    notes.join(format!("stderr.{run}"))
}
