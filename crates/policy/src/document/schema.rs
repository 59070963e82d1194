//! The JSON Schema with which an editor completes and checks a rule file.

use super::shape::{FILE, Key, Shape};
use serde_json::{Map, Value, json};

/// From the same keys as the reader.
pub fn schema() -> Value {
    let mut schema = object(FILE);
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!("LOCKDOWN rules");
    schema
}

fn object(keys: &[Key]) -> Value {
    let properties: Map<String, Value> = keys
        .iter()
        .map(|key| {
            let mut schema = of(&key.shape);
            schema["description"] = json!(key.doc);
            (key.name.to_owned(), schema)
        })
        .collect();
    let required: Vec<&str> = keys
        .iter()
        .filter(|key| key.required)
        .map(|key| key.name)
        .collect();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

fn of(shape: &Shape) -> Value {
    match shape {
        // A word list may hold what YAML takes for a number.
        Shape::Text => json!({ "type": ["string", "number", "boolean"] }),
        Shape::Flag => json!({ "type": "boolean" }),
        Shape::Whole(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Shape::Duration => {
            json!({ "type": "string", "pattern": "^([0-9]+[wdhms])+$", "examples": ["30s", "10m", "1h30m", "7d"] })
        }
        Shape::Word(words) => json!({ "enum": words }),
        Shape::Condition => {
            json!({ "type": "string", "examples": ["text.has_any(slurs)", "author.member_age < 1d and links.count > 0"] })
        }
        Shape::Action => {
            let forms: Vec<String> = crate::catalogue::ACTIONS
                .iter()
                .map(|info| format!("{}( .+)?", info.word))
                .collect();
            json!({ "type": "string", "pattern": format!("^({})$", forms.join("|")) })
        }
        Shape::List(item) => {
            let item = of(item);
            json!({ "anyOf": [{ "type": "array", "items": item }, item] })
        }
        Shape::Object(keys) => object(keys),
        Shape::Named(item) => json!({ "type": "object", "additionalProperties": of(item) }),
        Shape::Either(shapes) => json!({ "anyOf": shapes.iter().map(of).collect::<Vec<_>>() }),
        Shape::Facts => {
            let paths: Map<String, Value> = crate::catalogue::FEATURES
                .iter()
                .map(|feature| (feature.path.to_owned(), json!({ "description": feature.doc })))
                .collect();
            json!({ "type": "object", "properties": paths, "additionalProperties": false })
        }
    }
}
