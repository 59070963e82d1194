//! The AsyncAPI document: every channel, message and schema, with the golden files as examples.

use crate::contract::{Contract, Entry, Kind};
use anyhow::Result;
use serde_json::{Map, Value, json};
use std::path::Path;

pub(super) fn document(root: &Path) -> Result<Value> {
    let contract = Contract::asyncapi();
    let (mut channels, mut operations, mut messages) = (Map::new(), Map::new(), Map::new());
    for entry in &contract.entries {
        let name = entry.stem();
        messages.insert(name.clone(), message(entry, root)?);
        if matches!(entry.kind, Kind::Response) {
            continue;
        }
        channels.insert(name.clone(), channel(entry, &name));
        operations.insert(format!("{}.{name}", verb(entry.kind)), operation(entry, &name));
    }
    channels.insert(
        "response".to_owned(),
        json!({
            "address": null,
            "description": "Whatever channel beginning with `response:` the request named.",
            "messages": { "response": { "$ref": "#/components/messages/response" } },
        }),
    );
    Ok(json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "LOCKDOWN events",
            "version": "1",
            "description": "What LOCKDOWN says on the bus. Every event is appended to a durable stream and published live on the channel that bears its type; a live frame carries `streamId`, its place in the stream.",
            "license": { "name": "MIT OR Apache-2.0" },
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": { "messages": messages, "schemas": contract.definitions },
    }))
}

/// Seen from LOCKDOWN: it sends events and receives requests.
fn verb(kind: Kind) -> &'static str {
    match kind {
        Kind::Request => "answer",
        Kind::Event(_) | Kind::Live | Kind::Response => "say",
    }
}

fn channel(entry: &Entry, name: &str) -> Value {
    let mut channel = json!({
        "address": entry.channel,
        "description": entry.summary,
        "messages": { name: { "$ref": format!("#/components/messages/{name}") } },
    });
    if let Some((_, parameter)) = entry.channel.split_once('{') {
        let parameter = parameter.trim_end_matches('}');
        channel["parameters"] = json!({ parameter: { "description": "A moderator's id." } });
    }
    if let Kind::Event(info) = entry.kind {
        channel["description"] =
            format!("{} Published by: {}.", entry.summary, info.publishers.join(", ")).into();
    }
    channel
}

fn operation(entry: &Entry, name: &str) -> Value {
    let channel = json!({ "$ref": format!("#/channels/{name}") });
    match entry.kind {
        Kind::Request => json!({
            "action": "receive",
            "channel": channel,
            "summary": entry.summary,
            "reply": {
                "address": { "location": "$message.payload#/responseChannel" },
                "channel": { "$ref": "#/channels/response" },
            },
        }),
        Kind::Event(_) | Kind::Live | Kind::Response => {
            json!({ "action": "send", "channel": channel, "summary": entry.summary })
        }
    }
}

fn message(entry: &Entry, root: &Path) -> Result<Value> {
    let payload = match entry.kind {
        Kind::Event(info) => json!({
            "allOf": [
                { "$ref": "#/components/schemas/Envelope" },
                { "properties": {
                    "eventType": { "const": info.name }, "version": { "const": info.version }, "data": entry.body,
                } },
            ],
        }),
        Kind::Live => json!({
            "allOf": [{ "$ref": "#/components/schemas/Envelope" }, { "properties": { "data": entry.body } }],
        }),
        Kind::Request => json!({
            "allOf": [{ "$ref": "#/components/schemas/Request" }, { "properties": { "data": entry.body } }],
        }),
        Kind::Response => entry.body.clone(),
    };
    Ok(json!({
        "name": entry.channel,
        "summary": entry.summary,
        "payload": payload,
        "examples": [{ "payload": entry.golden(root)? }],
    }))
}
