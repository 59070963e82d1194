//! `cargo xtask generate`: files that are made from the code and kept in the repository.

mod asyncapi;
mod events_page;
mod rules_page;
mod schemas;

use crate::contract::Contract;
use crate::workspace;
use anyhow::{Context, Result};
use lockdown_runtime::config;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Every generated file by its path from the root. Whole folders of them are in [`FOLDERS`].
pub(crate) fn files() -> Result<BTreeMap<PathBuf, String>> {
    let root = workspace::root();
    let mut files = BTreeMap::new();
    let contract = Contract::draft_2020();
    files.insert("docs/EVENTS.md".into(), events_page::page(&contract));
    files.insert("docs/asyncapi.json".into(), pretty(&asyncapi::document(&root)?)?);
    files.insert("docs/openapi.json".into(), pretty(&openapi()?)?);
    files.insert(".env.example".into(), config::env_example());
    files.insert("docs/CONFIGURATION.md".into(), config::reference());
    files.insert("docs/RULES.md".into(), rules_page::page());
    files.insert(
        "docs/rules.schema.json".into(),
        pretty(&lockdown_policy::schema())?,
    );
    for (name, schema) in schemas::documents(&contract) {
        files.insert(Path::new("docs/schemas").join(name), pretty(&schema)?);
    }
    Ok(files)
}

/// Folders in which nothing else may lie.
const FOLDERS: &[&str] = &["docs/schemas"];

pub(crate) fn run() -> Result<()> {
    let root = workspace::root();
    let stale = stale()?;
    for (path, text) in files()? {
        let path = root.join(path);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("could not make {}", folder.display()))?;
        }
        std::fs::write(&path, text).with_context(|| format!("could not write {}", path.display()))?;
    }
    for fault in &stale {
        if fault.kind == StaleKind::Spare {
            std::fs::remove_file(root.join(&fault.path))
                .with_context(|| format!("could not remove {}", fault.path.display()))?;
        }
        println!("{fault}");
    }
    println!(
        "{} generated files are fresh, {} of them changed",
        files()?.len(),
        stale.len()
    );
    Ok(())
}

/// A generated file that is not what the code makes.
pub(crate) struct Stale {
    path: PathBuf,
    kind: StaleKind,
}

#[derive(PartialEq)]
enum StaleKind {
    Missing,
    Different,
    Spare,
}

impl std::fmt::Display for Stale {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = match self.kind {
            StaleKind::Missing => "missing",
            StaleKind::Different => "out of date",
            StaleKind::Spare => "no longer generated",
        };
        write!(f, "{}: {kind}", self.path.display())
    }
}

/// What `run` would change.
pub(crate) fn stale() -> Result<Vec<Stale>> {
    let root = workspace::root();
    let files = files()?;
    let mut stale = Vec::new();
    for (path, text) in &files {
        let kind = match std::fs::read_to_string(root.join(path)) {
            Ok(found) if found == *text => continue,
            Ok(_) => StaleKind::Different,
            Err(_) => StaleKind::Missing,
        };
        stale.push(Stale {
            path: path.clone(),
            kind,
        });
    }
    for folder in FOLDERS {
        let Ok(entries) = std::fs::read_dir(root.join(folder)) else {
            continue;
        };
        for entry in entries {
            let path = Path::new(folder).join(entry.context("could not list a folder")?.file_name());
            if !files.contains_key(&path) {
                stale.push(Stale {
                    path,
                    kind: StaleKind::Spare,
                });
            }
        }
    }
    Ok(stale)
}

/// Printed by an example of the backend, so that this program does not link all that the backend does.
fn openapi() -> Result<serde_json::Value> {
    let mut printing = workspace::cargo();
    printing.args(["run", "--quiet", "-p", "lockdown-backend", "--example", "openapi"]);
    let text = workspace::output(&mut printing)?;
    serde_json::from_str(&text).context("the backend did not print JSON")
}

fn pretty(value: &serde_json::Value) -> Result<String> {
    let mut text = serde_json::to_string_pretty(value).context("could not write JSON")?;
    text.push('\n');
    Ok(text)
}
