//! Reads the small parts of a file: words, numbers, durations, lists, and the keys of a mapping.

use super::shape::Key;
use crate::diagnostic::{Code, Sink, did_you_mean};
use crate::duration::{self, Millis};
use crate::source::{At, Node, Scalar, Span, Value};

/// Of a list, more faults than these are not told one by one.
const MOST_FAULTS: usize = 20;

/// The keys of a mapping that are known.
pub(super) struct Fields<'n> {
    found: Vec<(&'static str, &'n Node)>,
}

// === impl Fields ===

impl<'n> Fields<'n> {
    /// Tells what is not a key here and what is missing; `None` when it is no mapping at all.
    pub(super) fn read(node: &'n Node, keys: &'static [Key], what: &str, sink: &mut Sink) -> Option<Self> {
        let Value::Map(entries) = &node.value else {
            let names: Vec<&str> = keys.iter().map(|key| key.name).collect();
            sink.error(
                Code::WrongType,
                node.span,
                format!(
                    "expected {what} with keys such as {}, not {}",
                    names[..names.len().min(3)].join(", "),
                    node.noun()
                ),
            );
            return None;
        };
        let mut found = Vec::new();
        for entry in entries {
            match keys.iter().find(|key| key.name == entry.key) {
                Some(key) => found.push((key.name, &entry.node)),
                None => {
                    let names: Vec<&str> = keys.iter().map(|key| key.name).collect();
                    let fault = sink.error(
                        Code::UnknownKey,
                        entry.key_span,
                        format!("`{}` is no key of {what}", shortened(&entry.key)),
                    );
                    match did_you_mean(&entry.key, names.iter().copied()) {
                        Some(name) => fault.hint(format!("did you mean `{name}`?")),
                        None => fault.hint(format!("known here: {}", names.join(", "))),
                    }
                }
            }
        }
        for key in keys.iter().filter(|key| key.required) {
            if !entries.iter().any(|entry| entry.key == key.name) {
                let span = entries.first().map_or(node.span, |entry| entry.key_span);
                sink.error(Code::MissingKey, span, format!("{what} needs `{}`", key.name))
                    .hint(key.doc);
            }
        }
        Some(Self { found })
    }

    pub(super) fn get(&self, name: &'static str) -> Option<&'n Node> {
        self.found
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, node)| *node)
    }
}

pub(super) fn shortened(text: &str) -> String {
    const LONGEST: usize = 60;
    if text.chars().count() <= LONGEST {
        return text.escape_debug().to_string();
    }
    let text: String = text.chars().take(LONGEST).collect();
    format!("{}…", text.escape_debug())
}

pub(super) fn scalar<'n>(node: &'n Node, expected: &str, sink: &mut Sink) -> Option<&'n Scalar> {
    if let Value::Scalar(scalar) = &node.value {
        return Some(scalar);
    }
    let fault = sink.error(
        Code::WrongType,
        node.span,
        format!("expected {expected}, not {}", node.noun()),
    );
    if matches!(node.value, Value::Map(_)) {
        fault.hint("a value that holds `: ` needs quotes");
    }
    None
}

pub(super) fn text(node: &Node, expected: &str, sink: &mut Sink) -> Option<At<String>> {
    let scalar = scalar(node, expected, sink)?;
    Some(At::new(scalar.text.clone(), node.span))
}

pub(super) fn flag(node: &Node, sink: &mut Sink) -> Option<bool> {
    let scalar = scalar(node, "true or false", sink)?;
    match scalar.text.as_str() {
        "true" if scalar.is_plain() => Some(true),
        "false" if scalar.is_plain() => Some(false),
        other => {
            sink.error(
                Code::WrongType,
                node.span,
                format!("expected true or false, not `{}`", shortened(other)),
            );
            None
        }
    }
}

pub(super) fn whole(node: &Node, least: u32, most: u32, sink: &mut Sink) -> Option<u32> {
    let scalar = scalar(node, "a number", sink)?;
    let number = scalar.text.replace('_', "").parse::<u32>().ok();
    let number = number.filter(|number| (least..=most).contains(number));
    if number.is_none() {
        let range = if least == most {
            format!("expected {least}")
        } else {
            format!("expected a whole number from {least} to {most}")
        };
        let message = format!("{range}, not `{}`", shortened(&scalar.text));
        sink.error(Code::WrongType, node.span, message);
    }
    number
}

pub(super) fn span_of_time(node: &Node, sink: &mut Sink) -> Option<Millis> {
    let scalar = scalar(node, "a duration such as 7d", sink)?;
    let millis = duration::parse(&scalar.text).filter(|millis| *millis > 0);
    if millis.is_none() {
        let message = format!(
            "expected a duration such as 7d, not `{}`",
            shortened(&scalar.text)
        );
        sink.error(Code::BadDuration, node.span, message)
            .hint("durations are 30s, 10m, 1h30m, 7d, 2w");
    }
    millis
}

pub(super) fn word<T>(
    node: &Node,
    known: &[&str],
    of: impl Fn(&str) -> Option<T>,
    sink: &mut Sink,
) -> Option<At<T>> {
    let scalar = scalar(node, "a word", sink)?;
    if let Some(value) = of(&scalar.text) {
        return Some(At::new(value, node.span));
    }
    let message = format!("expected {}, not `{}`", one_of(known), shortened(&scalar.text));
    let fault = sink.error(Code::WrongType, node.span, message);
    if matches!(scalar.text.as_str(), "off" | "no" | "false") && known.contains(&"disabled") {
        fault.hint("write `disabled`");
    } else if let Some(name) = did_you_mean(&scalar.text, known.iter().copied()) {
        fault.hint(format!("did you mean `{name}`?"));
    }
    None
}

pub(super) fn one_of(known: &[&str]) -> String {
    match known {
        [] => String::new(),
        [only] => format!("`{only}`"),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// The items of a list, or what stands there alone.
pub(super) fn items(node: &Node) -> &[Node] {
    match &node.value {
        Value::List(items) => items,
        Value::Null => &[],
        Value::Scalar(_) | Value::Map(_) => std::slice::from_ref(node),
    }
}

/// Reads each item; after many faults the rest of the list is taken without a word on each.
pub(super) fn each<'n, T>(
    node: &'n Node,
    sink: &mut Sink,
    mut read: impl FnMut(&'n Node, &mut Sink) -> Option<T>,
) -> Vec<T> {
    let before = sink.errors();
    let mut values = Vec::new();
    for item in items(node) {
        if sink.errors() > before + MOST_FAULTS {
            break;
        }
        values.extend(read(item, sink));
    }
    values
}

pub(super) fn texts(node: &Node, sink: &mut Sink) -> Vec<At<String>> {
    each(node, sink, |item, sink| text(item, "a word", sink))
}

/// Tells of more than fit.
pub(super) fn at_most(count: usize, most: usize, what: &str, span: Span, sink: &mut Sink) -> bool {
    if count > most {
        sink.error(
            Code::TooLarge,
            span,
            format!("at most {most} {what}, not {count}"),
        );
    }
    count <= most
}
