//! A rule's examples: a text, or a text with what else is known.

use super::part::{Fields, each, items, scalar, shortened, text, whole, word};
use super::shape::EXAMPLE;
use crate::catalogue::{Feature, Kind, Slot};
use crate::diagnostic::{Code, Sink, did_you_mean};
use crate::duration;
use crate::event::EventKind;
use crate::source::{Node, Span, Value};

#[derive(Debug, Clone)]
pub(crate) struct Example {
    pub(crate) text: String,
    pub(crate) event: Option<EventKind>,
    pub(crate) times: u32,
    pub(crate) facts: Vec<(Slot, FactValue)>,
    pub(crate) span: Span,
}

/// A value as an example gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FactValue {
    Number(i64),
    Words(Vec<String>),
}

pub(super) fn read(node: &Node, sink: &mut Sink) -> Option<Example> {
    let mut example = Example {
        text: String::new(),
        event: None,
        times: 1,
        facts: Vec::new(),
        span: node.span,
    };
    if let Value::Scalar(scalar) = &node.value {
        example.text.clone_from(&scalar.text);
        return Some(example);
    }
    let fields = Fields::read(node, EXAMPLE, "an example", sink)?;
    if let Some(node) = fields.get("text") {
        example.text = text(node, "the text of a message", sink)?.value;
    }
    if let Some(node) = fields.get("event") {
        example.event = word(node, EventKind::NAMES, kind, sink).map(|kind| kind.value);
    }
    if let Some(node) = fields.get("times") {
        example.times = whole(node, 1, crate::counter::MOST, sink)?;
    }
    if let Some(node) = fields.get("facts") {
        example.facts = facts(node, sink);
    }
    Some(example)
}

pub(super) fn kind(word: &str) -> Option<EventKind> {
    EventKind::ALL.iter().copied().find(|kind| kind.as_str() == word)
}

fn facts(node: &Node, sink: &mut Sink) -> Vec<(Slot, FactValue)> {
    let Value::Map(entries) = &node.value else {
        sink.error(
            Code::WrongType,
            node.span,
            format!("expected paths with their values, not {}", node.noun()),
        );
        return Vec::new();
    };
    let mut facts = Vec::new();
    for entry in entries {
        let Some(feature) = Feature::find(&entry.key) else {
            let message = format!("unknown field {}", shortened(&entry.key));
            let fault = sink.error(Code::UnknownField, entry.key_span, message);
            let paths = crate::catalogue::FEATURES.iter().map(|feature| feature.path);
            if let Some(path) = did_you_mean(&entry.key, paths) {
                fault.hint(format!("did you mean {path}?"));
            }
            continue;
        };
        if let Some(value) = value(feature, &entry.node, sink) {
            facts.push((feature.slot, value));
        }
    }
    facts
}

fn value(feature: &Feature, node: &Node, sink: &mut Sink) -> Option<FactValue> {
    if matches!(feature.kind, Kind::Text | Kind::Words | Kind::Hosts) {
        let words = each(node, sink, |item, sink| {
            text(item, "a word", sink).map(|word| word.value)
        });
        return (words.len() == items(node).len()).then_some(FactValue::Words(words));
    }
    let written = &scalar(node, feature.kind.noun(), sink)?.text;
    let value = match feature.kind {
        Kind::Flag => match written.as_str() {
            "true" => Some(1),
            "false" => Some(0),
            _ => None,
        },
        Kind::Duration => duration::parse(written),
        Kind::Word(words) => crate::facts::word_number(words, written),
        _ => written.parse().ok().filter(|number| *number >= 0),
    };
    if value.is_none() {
        let message = format!(
            "{} is {}, not `{}`",
            feature.path,
            feature.kind.noun(),
            shortened(written)
        );
        sink.error(Code::WrongType, node.span, message);
    }
    value.map(FactValue::Number)
}
