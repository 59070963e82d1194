//! A message for each member and type that a message of Telegram's can be made of, as far as they say something to a reader:
//! `shapes.txt` has them, and each of its members stands in at least one message. To add one: there.

use super::tests::{all_texts, spoken};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

const SHAPES: &str = include_str!("shapes.txt");
/// The text that is looked for.
const MARK: &str = "MARKx";

/// What stands at a place.
#[derive(Debug, Clone)]
enum Part {
    Text,
    Type(String),
    Many(Box<Part>),
}

#[derive(Debug)]
enum Shape {
    Members {
        /// What is always the same.
        fixed: Map<String, Value>,
        speaking: Vec<(String, Part)>,
    },
    OneOf(Vec<Part>),
}

struct Generator {
    shapes: BTreeMap<String, Shape>,
    /// Members that stood in a message.
    stood: BTreeSet<String>,
}

// === impl Part ===

impl Part {
    fn read(text: &str) -> Self {
        match text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
            Some(inner) => Self::Many(Box::new(Self::read(inner))),
            None if text == "text" => Self::Text,
            None => Self::Type(text.to_owned()),
        }
    }
}

// === impl Generator ===

impl Generator {
    fn new() -> Self {
        let lines = SHAPES.lines().filter(|line| !line.starts_with('#'));
        let whole = lines.collect::<Vec<_>>().join("\n").replace("\n  ", " ");
        let types = whole.lines().filter(|line| !line.is_empty());
        let shapes = types.map(|line| {
            let end = line.find([':', ' ']).unwrap();
            let (name, rest) = line.split_at(end);
            let shape = match rest.strip_prefix(" = ") {
                Some(variants) => Shape::OneOf(variants.split(" | ").map(Part::read).collect()),
                None => members(rest.strip_prefix(": ").unwrap()),
            };
            (name.to_owned(), shape)
        });
        Self {
            shapes: shapes.collect(),
            stood: BTreeSet::new(),
        }
    }

    /// Everything that can stand there with one text in it. A type within itself is its shortest self.
    fn values(&mut self, part: &Part, within: &[String]) -> Vec<Value> {
        let name = match part {
            Part::Text => return vec![json!(MARK)],
            Part::Many(part) => {
                let each = self.values(part, within).into_iter();
                return each.map(|value| json!([value])).collect();
            }
            Part::Type(name) => name,
        };
        let whole = !within.contains(name);
        let within: Vec<String> = within.iter().chain([name]).cloned().collect();
        let (fixed, members) = match &self.shapes[name] {
            Shape::Members { fixed, speaking } => (fixed.clone(), speaking.clone()),
            Shape::OneOf(parts) => {
                let parts = parts[..if whole { parts.len() } else { 1 }].to_vec();
                let each = parts.iter().flat_map(|part| self.values(part, &within));
                return each.collect();
            }
        };
        let mut values = Vec::new();
        for (member, part) in &members[..if whole { members.len() } else { 1 }] {
            for value in self.values(part, &within) {
                let mut object = fixed.clone();
                object.insert(member.clone(), value);
                values.push(Value::Object(object));
                self.stood.insert(format!("{name}.{member}"));
            }
        }
        values
    }
}

fn members(text: &str) -> Shape {
    let (mut fixed, mut speaking) = (Map::new(), Vec::new());
    for member in text.split(", ") {
        if let Some((name, part)) = member.split_once(": ") {
            speaking.push((name.to_owned(), Part::read(part)));
        } else if let Some((name, word)) = member.split_once('=') {
            fixed.insert(name.to_owned(), word.into());
        } else if let Some(name) = member.strip_suffix('#') {
            fixed.insert(name.to_owned(), 9.into());
        } else {
            speaking.push((member.to_owned(), Part::Text));
        }
    }
    Shape::Members { fixed, speaking }
}

#[test]
fn no_text_of_any_member_of_any_type_is_lost() {
    let mut generator = Generator::new();
    let messages = generator.values(&Part::Type("Message".to_owned()), &[]);
    let (mut lost, mut unnamed) = (Vec::new(), BTreeSet::new());
    for extra in &messages {
        let message = spoken(extra);
        if !all_texts(&message).contains(MARK) {
            lost.push(extra.to_string());
        }
        unnamed.extend(message.unparsed);
    }
    assert_eq!(lost, [""; 0]);
    assert_eq!(unnamed, BTreeSet::new(), "members that the reader does not know");
    let mut all = BTreeSet::new();
    for (name, shape) in &generator.shapes {
        if let Shape::Members { speaking, .. } = shape {
            all.extend(speaking.iter().map(|(member, _)| format!("{name}.{member}")));
        }
    }
    let left: Vec<&String> = all.difference(&generator.stood).collect();
    assert_eq!(left, Vec::<&String>::new(), "members that stand in no message");
}
