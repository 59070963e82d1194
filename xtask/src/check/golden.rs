//! Whether the golden files show the whole contract: each channel, each type, each member.

use crate::contract::{Contract, Kind, golden_folder, referred};
use anyhow::{Context, Result};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

/// What the golden files do not show, one line each.
pub(super) fn faults(root: &Path) -> Result<Vec<String>> {
    let contract = Contract::draft_2020();
    let mut faults = Vec::new();
    let mut shown = BTreeSet::new();
    let mut files = BTreeSet::new();
    for entry in &contract.entries {
        files.insert(entry.golden_path(root));
        match entry.golden(root) {
            Ok(golden) => {
                let enveloped = matches!(entry.kind, Kind::Event(_) | Kind::Live);
                let wrapper = match entry.kind {
                    Kind::Event(_) | Kind::Live => Some("Envelope"),
                    Kind::Request => Some("Request"),
                    Kind::Response => None,
                };
                if let Some(name) = wrapper {
                    visit(&contract, name, &contract.definitions[name], &golden, &mut shown);
                }
                let body = if enveloped || wrapper.is_some() {
                    &golden["data"]
                } else {
                    &golden
                };
                visit(&contract, entry.channel, &entry.body, body, &mut shown);
            }
            Err(error) => faults.push(format!("{error:#}")),
        }
    }
    for file in std::fs::read_dir(golden_folder(root)).context("could not list the golden files")? {
        let path = file.context("could not list the golden files")?.path();
        if !files.contains(&path) {
            faults.push(format!(
                "{}: belongs to no channel of the contract",
                path.display()
            ));
        }
    }
    for (name, schema) in &contract.definitions {
        let members = schema["properties"]
            .as_object()
            .into_iter()
            .flat_map(|members| members.keys());
        for member in members {
            // Only a live frame has one, and it is not part of what is stored.
            let live_frame = name == "Envelope" && member == "streamId";
            // The body stands in a golden file of its own; an answer carries data or an error, never both.
            let either = (name == "Response" || name == "Request") && member == "data";
            if !live_frame && !either && !shown.contains(&format!("{name}.{member}")) {
                faults.push(format!("`{name}.{member}` is in no golden file"));
            }
        }
    }
    for (name, file) in public_types(root)? {
        if !contract.definitions.contains_key(&name) {
            faults.push(format!(
                "`{name}` ({file}) is public but on no channel: give it a row and a golden file"
            ));
        } else if !shown.contains(&name) {
            faults.push(format!("`{name}` ({file}) is in no golden file"));
        }
    }
    Ok(faults)
}

/// Notes each definition and member that a value has.
fn visit(contract: &Contract, name: &str, schema: &Value, value: &Value, shown: &mut BTreeSet<String>) {
    if value.is_null() {
        return;
    }
    if let Some(referred) = referred(schema) {
        return visit(contract, referred, &contract.definitions[referred], value, shown);
    }
    shown.insert(name.to_owned());
    for choice in schema["anyOf"].as_array().into_iter().flatten() {
        visit(contract, name, choice, value, shown);
    }
    for item in value.as_array().into_iter().flatten() {
        visit(contract, name, &schema["items"], item, shown);
    }
    for (member, schema) in schema["properties"].as_object().into_iter().flatten() {
        if let Some(value) = value.get(member) {
            shown.insert(format!("{name}.{member}"));
            visit(contract, &format!("{name}.{member}"), schema, value, shown);
        }
    }
}

/// The types of `events` that are written on the wire: they derive a schema, or are words of a `text_enum!`.
fn public_types(root: &Path) -> Result<Vec<(String, String)>> {
    let folder = root.join("crates/events/src");
    let mut types = Vec::new();
    for entry in std::fs::read_dir(&folder).context("could not list the sources of events")? {
        let path = entry.context("could not list the sources of events")?.path();
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("could not read {}", path.display()))?;
        let file = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        types.extend(types_in(&text).into_iter().map(|name| (name, file.clone())));
    }
    Ok(types)
}

fn types_in(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let (mut derives, mut words) = (false, false);
    for line in text.lines() {
        let line = line.trim_start();
        derives |= line.starts_with("#[derive(") && line.contains("JsonSchema");
        words |= line.starts_with("text_enum!");
        let declared = line
            .strip_prefix("pub struct ")
            .or_else(|| line.strip_prefix("pub enum "));
        let name_of = |text: &str| {
            text.split(|c: char| !c.is_alphanumeric())
                .next()
                .unwrap_or_default()
                .to_owned()
        };
        if let Some(rest) = declared {
            if derives {
                names.push(name_of(rest));
            }
            derives = false;
        } else if words && line.ends_with('{') && line.starts_with(char::is_uppercase) {
            names.push(name_of(line));
            words = false;
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_of_the_wire_are_found_in_the_source() {
        let source = "
            #[derive(Debug, JsonSchema)]
            #[serde(rename_all = \"camelCase\")]
            pub struct Seen<T> {}
            pub struct NotOnTheWire;
            text_enum! {
                /// Words.
                #[derive(Default)]
                Word {
                    A = \"a\",
                }
            }
        ";
        assert_eq!(types_in(source), ["Seen", "Word"]);
    }

    #[test]
    fn the_contract_is_shown_whole() {
        assert_eq!(faults(&crate::workspace::root()).unwrap(), Vec::<String>::new());
    }
}
