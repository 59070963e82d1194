//! The event contract as the generators and the golden check see it: every channel with its schema and example.

use anyhow::{Context, Result};
use lockdown_events::{ChannelInfo, Envelope, LIVE, REQUESTS, Request, Response, TYPES, TypeInfo};
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// What is said on one channel.
pub(crate) struct Entry {
    pub(crate) kind: Kind,
    pub(crate) channel: &'static str,
    pub(crate) summary: &'static str,
    /// The schema of the body; definitions stand in [`Contract::definitions`].
    pub(crate) body: Value,
}

#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Event(&'static TypeInfo),
    Live,
    Request,
    /// The answer to a request, on the channel that the request names.
    Response,
}

pub(crate) struct Contract {
    pub(crate) entries: Vec<Entry>,
    pub(crate) definitions: Map<String, Value>,
}

// === impl Contract ===

impl Contract {
    /// JSON Schema of today, definitions under `$defs`.
    pub(crate) fn draft_2020() -> Self {
        Self::with(SchemaSettings::draft2020_12())
    }

    /// The dialect of AsyncAPI, definitions where its documents keep them.
    pub(crate) fn asyncapi() -> Self {
        Self::with(
            SchemaSettings::draft07()
                .with(|settings| settings.definitions_path = "/components/schemas".into()),
        )
    }

    fn with(settings: SchemaSettings) -> Self {
        let mut generator = settings.into_generator();
        let mut entries: Vec<Entry> = TYPES
            .iter()
            .map(|info| Entry {
                kind: Kind::Event(info),
                channel: info.name,
                summary: info.summary,
                body: info.schema(&mut generator).to_value(),
            })
            .collect();
        for (kind, channels) in [(Kind::Live, LIVE), (Kind::Request, REQUESTS)] {
            entries.extend(channels.iter().map(|info| channel(kind, info, &mut generator)));
        }
        entries.push(Entry {
            kind: Kind::Response,
            channel: "response",
            summary: "The answer to a request.",
            body: generator.subschema_for::<Response<Value>>().to_value(),
        });
        generator.subschema_for::<Envelope>();
        generator.subschema_for::<Request<Value>>();
        Self {
            entries,
            definitions: generator.take_definitions(true),
        }
    }
}

fn channel(kind: Kind, info: &'static ChannelInfo, generator: &mut SchemaGenerator) -> Entry {
    Entry {
        kind,
        channel: info.channel,
        summary: info.summary,
        body: info.schema(generator).to_value(),
    }
}

// === impl Entry ===

impl Entry {
    /// The channel as a file name: `ban:created` is `ban.created`.
    pub(crate) fn stem(&self) -> String {
        self.channel.replace(':', ".").replace(['{', '}'], "")
    }

    pub(crate) fn golden_path(&self, root: &Path) -> PathBuf {
        golden_folder(root).join(format!("{}.json", self.stem()))
    }

    /// The golden file: what stands on the wire.
    pub(crate) fn golden(&self, root: &Path) -> Result<Value> {
        let path = self.golden_path(root);
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("`{}` has no golden file: write {}", self.channel, path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))
    }
}

pub(crate) fn golden_folder(root: &Path) -> PathBuf {
    root.join("crates/events/tests/golden")
}

/// The name of the definition that a schema refers to.
pub(crate) fn referred(schema: &Value) -> Option<&str> {
    schema["$ref"]
        .as_str()
        .and_then(|reference| reference.rsplit('/').next())
}
