//! Values that fit a JSON Schema, for the property tests.

#[path = "../../fuzz/hostile.rs"]
pub(crate) mod hostile;

use proptest::prelude::*;
use proptest::strategy::Union;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

pub(crate) fn generator() -> SchemaGenerator {
    SchemaSettings::draft2020_12().into_generator()
}

/// Texts that break naive code: other scripts, invisible and bidirectional marks, quotes, control characters.
fn texts() -> BoxedStrategy<Value> {
    prop_oneof![
        "[a-zA-Z0-9 ]{0,20}",
        "\\PC{0,12}",
        Just("\u{0}\u{1f}\"\\/\n\u{2028}".to_owned()),
        Just("раура1 \u{202e}evil\u{200b} 🏳️‍🌈".to_owned()),
        Just("NULL null {} [] \u{feff}".to_owned()),
    ]
    .prop_map(Value::from)
    .boxed()
}

/// A strategy for values that fit `schema`. Beyond three levels of references optional members are left out.
pub(crate) fn fitting(schema: &Value, definitions: &Value, depth: usize) -> BoxedStrategy<Value> {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap();
        return fitting(&definitions[name], definitions, depth + 1);
    }
    if let Some(choices) = schema["anyOf"].as_array().or(schema["oneOf"].as_array()) {
        return Union::new(choices.iter().map(|choice| fitting(choice, definitions, depth))).boxed();
    }
    if let Some(words) = schema["enum"].as_array() {
        return proptest::sample::select(words.clone()).boxed();
    }
    if let Some(kinds) = schema["type"].as_array() {
        let each = kinds.iter().map(|kind| {
            let mut one = schema.clone();
            one["type"] = kind.clone();
            fitting(&one, definitions, depth)
        });
        return Union::new(each).boxed();
    }
    match (schema["type"].as_str(), schema["format"].as_str()) {
        (Some("string"), Some("uuid")) => "[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}"
            .prop_map(Value::from)
            .boxed(),
        (Some("string"), Some("date-time")) => {
            "20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])T(0[0-9]|1[0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z"
                .prop_map(Value::from)
                .boxed()
        }
        (Some("string"), None) if schema["pattern"].is_string() => {
            "-?[0-9]{1,19}".prop_map(Value::from).boxed()
        }
        (Some("string"), None) => texts(),
        (Some("integer"), Some("uint64")) => any::<u64>().prop_map(Value::from).boxed(),
        (Some("integer"), Some("uint32")) => any::<u32>().prop_map(Value::from).boxed(),
        (Some("boolean"), _) => any::<bool>().prop_map(Value::from).boxed(),
        (Some("null"), _) => Just(Value::Null).boxed(),
        (Some("array"), _) => {
            let items = fitting(&schema["items"], definitions, depth);
            let least = schema["minItems"].as_u64().unwrap_or(0) as usize;
            let most = schema["maxItems"].as_u64().unwrap_or(3) as usize;
            proptest::collection::vec(items, least..=most)
                .prop_map(Value::from)
                .boxed()
        }
        (Some("object"), _) => {
            let required = schema["required"].as_array().cloned().unwrap_or_default();
            let members = schema["properties"].as_object().cloned().unwrap_or_default();
            let mut strategy = Just(Map::new()).boxed();
            for (name, member) in members {
                let always = required.contains(&json!(name));
                if !always && depth > 3 {
                    continue;
                }
                let value = fitting(&member, definitions, depth);
                let value = if always {
                    value.prop_map(Some).boxed()
                } else {
                    proptest::option::of(value).boxed()
                };
                strategy = (strategy, value)
                    .prop_map(move |(mut object, value)| {
                        if let Some(value) = value {
                            object.insert(name.clone(), value);
                        }
                        object
                    })
                    .boxed();
            }
            strategy.prop_map(Value::from).boxed()
        }
        _ => panic!("no values are known for {schema}"),
    }
}
