//! One part of a rule file changed, and the rest as somebody wrote it: comments, quotes, order.
//!
//! What these cannot do without touching the rest, such as a rule in the middle of `rules: [{id: a}, {id: b}]`, they leave
//! to a person. What they write is read again and compared before it is given back. To add another change: a function that
//! writes it, which ends in `checked`.

mod list;
mod rule;

pub use list::{with_items, with_words};
pub use rule::{with_mode, with_rule};

use crate::diagnostic::Sink;
use crate::source::{Entry, Node, Source, Span, Value, parse};
use serde_json::Value as Json;

/// A file that cannot be changed in parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the rules are written in a way that only a person can change")]
pub struct ByHand;

/// What a file says, as JSON in which every value is a text; `None` where it is no YAML.
pub fn read(text: &str) -> Option<Json> {
    Some(json(&tree(&Source::new("rules.yml", text))?))
}

/// The rules of a file with what they say, by their names, in its order.
pub fn rules(text: &str) -> Vec<(String, Json)> {
    let file = read(text).unwrap_or_default();
    let rules = file["rules"].as_array().cloned().unwrap_or_default();
    let named = rules.into_iter();
    named
        .filter_map(|rule| Some((rule["id"].as_str()?.to_owned(), rule)))
        .collect()
}

/// What stands behind a key: one text stands for a list of one.
pub fn texts(of: &Json) -> Vec<String> {
    match of {
        Json::String(one) => vec![one.clone()],
        Json::Array(many) => many.iter().filter_map(Json::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// The entries of a list of words.
pub fn words(text: &str, list: &str) -> Vec<String> {
    items(text, list, "words")
}

/// The items of a kind, such as `domains`, that stand on a list.
pub fn items(text: &str, list: &str, kind: &str) -> Vec<String> {
    let file = read(text).unwrap_or_default();
    texts(&file["lists"][list][kind])
}

/// The new text, if it says the same as the old one apart from what was meant.
fn checked(before: &str, after: String, without: impl Fn(&mut Json)) -> Result<String, ByHand> {
    let mut both = [before, &after].map(|text| read(text).unwrap_or_default());
    both.iter_mut().for_each(|file| {
        without(file);
        let rules = &mut file["rules"];
        if rules.is_null() {
            *rules = Json::Array(Vec::new());
        }
    });
    let [old, new] = both;
    if old == new { Ok(after) } else { Err(ByHand) }
}

/// Lines as a text, which end as those of the one before did.
fn joined(before: &str, lines: &[String]) -> String {
    let end = if before.contains("\r\n") { "\r\n" } else { "\n" };
    lines.join(end) + end
}

fn tree(source: &Source) -> Option<Node> {
    let mut sink = Sink::new();
    let root = parse(source, &mut sink)?;
    (!sink.has_errors() && matches!(root.value, Value::Map(_))).then_some(root)
}

fn find<'n>(node: &'n Node, key: &str) -> Option<&'n Entry> {
    match &node.value {
        Value::Map(entries) => entries.iter().find(|entry| entry.key == key),
        _ => None,
    }
}

fn scalar(entry: &Entry) -> Option<String> {
    match &entry.node.value {
        Value::Scalar(scalar) => Some(scalar.text.clone()),
        _ => None,
    }
}

fn json(node: &Node) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Scalar(scalar) => Json::from(scalar.text.as_str()),
        Value::List(items) => items.iter().map(json).collect(),
        Value::Map(entries) => {
            let entries = entries.iter();
            entries
                .map(|entry| (entry.key.clone(), json(&entry.node)))
                .collect()
        }
    }
}

/// From 0.
fn line_of(source: &Source, span: Span) -> usize {
    source.line_of(span.start).saturating_sub(1) as usize
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// Where what begins on a line of this depth ends.
fn block_end(lines: &[String], begin: usize, depth: usize) -> usize {
    let rest = lines[begin + 1..].iter();
    let ends = |line: &String| !line.trim().is_empty() && indent(line) <= depth;
    let length = rest.clone().position(ends).unwrap_or(lines.len() - begin - 1);
    // Empty lines before the next thing are its own.
    let empty = lines[begin + 1..begin + 1 + length].iter().rev();
    let empty = empty.take_while(|line| line.trim().is_empty()).count();
    begin + 1 + length - empty
}

#[cfg(test)]
const OWN: &str = "# ours\nversion: 1\nrules:\n- id: mine # first\n  when: [text.length > 5]\n  then: [delete]\n\n# the end\n";
