//! The parts of a message that carry text beside its content.

use super::{id, list, object, text};
use lockdown_events::{Attachment, Button, Embed, EmbedField, Poll, Sticker, Surface};
use serde_json::Value;

/// Texts of one message that are taken from places without a member of their own, at most.
const MOST: usize = 200;

/// What is found while a message is read.
#[derive(Default)]
pub(super) struct Found {
    pub(super) surfaces: Vec<Surface>,
    pub(super) buttons: Vec<Button>,
    pub(super) links: Vec<String>,
}

// === impl Found ===

impl Found {
    pub(super) fn add(&mut self, place: &str, text: Option<String>) {
        if let Some(text) = text.filter(|_| self.surfaces.len() < MOST) {
            self.surfaces.push(Surface {
                place: place.to_owned(),
                text,
            });
        }
    }

    /// Every text in here, wherever it stands and whatever it is for.
    pub(super) fn add_all(&mut self, place: &str, value: &Value) {
        match value {
            Value::String(_) => self.add(place, text(value)),
            Value::Array(list) => list.iter().for_each(|value| self.add_all(place, value)),
            Value::Object(members) => {
                for (name, value) in members {
                    // What only programs read.
                    if !matches!(
                        name.as_str(),
                        "id" | "custom_id" | "type" | "proxy_url" | "hash" | "icon" | "avatar"
                    ) {
                        self.add_all(place, value);
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Rows, sections, containers: buttons are known, all other text is taken from wherever it stands.
    pub(super) fn components(&mut self, value: &Value) {
        match value {
            Value::Array(list) => list.iter().for_each(|value| self.components(value)),
            Value::Object(members) if members.get("type").and_then(Value::as_u64) == Some(2) => {
                let member = |name: &str| members.get(name).and_then(text);
                let button = Button {
                    label: member("label")
                        .or_else(|| members.get("emoji").and_then(|emoji| text(&emoji["name"])))
                        .unwrap_or_default(),
                    url: member("url"),
                };
                self.buttons.push(button);
            }
            Value::Object(members) => {
                for (name, value) in members {
                    match (name.as_str(), value) {
                        ("components" | "accessory" | "component" | "items" | "options", nested) => {
                            self.components(nested);
                        }
                        ("id" | "custom_id" | "type", _) => {}
                        (_, other) => self.add_all("component", other),
                    }
                }
            }
            Value::String(_) => self.add_all("component", value),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    pub(super) fn embed(&mut self, value: &Value) -> Option<Embed> {
        let Some(members) = object(value) else {
            self.add_all("embed", value);
            return None;
        };
        for place in ["author", "provider", "footer"] {
            self.links.extend(text(&value[place]["url"]));
        }
        for (name, value) in members {
            let known = [
                "type",
                "title",
                "description",
                "url",
                "author",
                "footer",
                "provider",
                "fields",
                "timestamp",
                "color",
                "image",
                "thumbnail",
                "video",
                "id",
                "flags",
                "content_scan_version",
                "reference_id",
            ];
            if !known.contains(&name.as_str()) {
                self.add_all("embed", value);
            }
        }
        // Alternative texts of the pictures.
        for place in ["image", "thumbnail", "video"] {
            self.add("embed", text(&value[place]["description"]));
        }
        let field = |field: &Value| EmbedField {
            name: text(&field["name"]).unwrap_or_default(),
            value: text(&field["value"]).unwrap_or_default(),
        };
        // A part that should be an object and is a text is what it says.
        let part = |name: &str, inner: &str| text(&value[name][inner]).or_else(|| text(&value[name]));
        Some(Embed {
            kind: text(&value["type"]),
            title: text(&value["title"]),
            description: text(&value["description"]),
            url: text(&value["url"]),
            author: part("author", "name"),
            footer: part("footer", "text"),
            provider: part("provider", "name"),
            fields: list(&value["fields"]).map(field).collect(),
        })
    }
}

pub(super) fn attachment(value: &Value) -> Attachment {
    let voice = value.get("waveform").is_some_and(|waveform| !waveform.is_null());
    Attachment {
        id: id(&value["id"]).map(|id| id.to_string()).unwrap_or_default(),
        kind: voice.then(|| "voice".to_owned()),
        name: text(&value["title"])
            .zip(text(&value["filename"]))
            .map(|(title, name)| {
                if name.contains(&title) {
                    name
                } else {
                    format!("{title} {name}")
                }
            })
            .or_else(|| text(&value["filename"]))
            .or_else(|| text(value)),
        description: text(&value["description"]),
        content_type: text(&value["content_type"]),
        size: value["size"].as_u64(),
        url: text(&value["url"]),
        sha256: None,
        perceptual_hash: None,
    }
}

pub(super) fn sticker(value: &Value) -> Sticker {
    Sticker {
        id: id(&value["id"]).map(|id| id.to_string()).unwrap_or_default(),
        name: text(&value["name"]),
        set: text(&value["tags"]),
    }
}

pub(super) fn poll(value: &Value) -> Option<Poll> {
    object(value)?;
    let answer = |answer: &Value| text(&answer["poll_media"]["text"]).or_else(|| text(&answer["text"]));
    Some(Poll {
        question: text(&value["question"]["text"])
            .or_else(|| text(&value["question"]))
            .unwrap_or_default(),
        answers: list(&value["answers"]).filter_map(answer).collect(),
    })
}
