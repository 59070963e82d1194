//! One JSON Schema file for each channel, complete in itself.

use crate::contract::{Contract, Entry, referred};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

pub(super) fn documents(contract: &Contract) -> Vec<(String, Value)> {
    let mut documents: Vec<(String, Value)> = contract
        .entries
        .iter()
        .map(|entry| (format!("{}.json", entry.stem()), document(contract, entry)))
        .collect();
    let mut envelope = contract.definitions["Envelope"].clone();
    envelope["$schema"] = SCHEMA.into();
    documents.push(("envelope.json".to_owned(), envelope));
    documents
}

const SCHEMA: &str = "https://json-schema.org/draft/2020-12/schema";

fn document(contract: &Contract, entry: &Entry) -> Value {
    let mut needed = BTreeSet::new();
    collect(contract, &entry.body, &mut needed);
    let definitions: Map<String, Value> = needed
        .into_iter()
        .map(|name| (name.clone(), contract.definitions[&name].clone()))
        .collect();
    let mut document = json!({ "$schema": SCHEMA, "title": entry.channel, "$defs": definitions });
    if let (Some(document), Some(body)) = (document.as_object_mut(), entry.body.as_object()) {
        document.extend(body.clone());
        // The row of the table says what it means on this channel; one body serves several.
        document.insert("description".to_owned(), entry.summary.into());
    }
    document
}

/// The definitions that a schema refers to, and those that they refer to.
fn collect(contract: &Contract, schema: &Value, needed: &mut BTreeSet<String>) {
    if let Some(name) = referred(schema)
        && needed.insert(name.to_owned())
    {
        collect(contract, &contract.definitions[name], needed);
    }
    match schema {
        Value::Object(members) => members
            .values()
            .for_each(|value| collect(contract, value, needed)),
        Value::Array(items) => items.iter().for_each(|value| collect(contract, value, needed)),
        _ => {}
    }
}
