//! Where a file holds conditions and actions, and how they are written.

use super::action;
use crate::diagnostic::Sink;
use crate::expression;
use crate::source::{Node, Value};

/// Calls back for each condition and action that can be read, with its one way to write it.
pub(crate) fn visit(root: &Node, found: &mut impl FnMut(&Node, String)) {
    for (key, node) in entries(root) {
        match key {
            "rules" => items(node).iter().for_each(|rule| visit_rule(rule, found)),
            "ladder" => {
                let steps = entries(node).filter(|(key, _)| *key == "steps");
                steps.flat_map(|(_, steps)| items(steps)).for_each(|step| {
                    for (key, node) in entries(step) {
                        visit_part(key, node, found);
                    }
                });
            }
            _ => {}
        }
    }
}

fn visit_rule(rule: &Node, found: &mut impl FnMut(&Node, String)) {
    for (key, node) in entries(rule) {
        visit_part(key, node, found);
    }
}

fn visit_part(key: &str, node: &Node, found: &mut impl FnMut(&Node, String)) {
    match key {
        "when" => items(node).iter().for_each(|item| condition(item, found)),
        "then" | "do" => {
            for item in items(node) {
                if let Some(act) = action::read(item, &mut Sink::new()) {
                    found(item, act.value.to_string());
                }
            }
        }
        "needs" => {
            let unless = entries(node).filter(|(key, _)| *key == "unless");
            unless.for_each(|(_, node)| condition(node, found));
        }
        _ => {}
    }
}

fn condition(node: &Node, found: &mut impl FnMut(&Node, String)) {
    if let Value::Scalar(scalar) = &node.value
        && let Some(read) = expression::parse(scalar, &mut Sink::new())
    {
        found(node, read.to_string());
    }
}

fn entries(node: &Node) -> impl Iterator<Item = (&str, &Node)> {
    let entries = match &node.value {
        Value::Map(entries) => entries.as_slice(),
        _ => &[],
    };
    entries.iter().map(|entry| (entry.key.as_str(), &entry.node))
}

fn items(node: &Node) -> &[Node] {
    super::part::items(node)
}
