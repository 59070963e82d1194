//! The whole file.

use super::part::{Fields, at_most, each, items, shortened, span_of_time, whole};
use super::shape::{DEFAULTS, FILE, LADDER, STEP};
use super::{Defaults, Document, Ladder, Rule, Step, action, list, rule};
use crate::diagnostic::{Code, Sink};
use crate::source::{At, Node, Source, Value, parse};
use std::collections::HashSet;

const MAX_RULES: usize = 500;
const MAX_LISTS: usize = 200;
const MAX_STEPS: usize = 20;

/// Reads a file; what is wrong goes to the sink. `None` when there is nothing to check further.
pub(crate) fn document(source: &Source, sink: &mut Sink) -> Option<Document> {
    let root = parse(source, sink)?;
    let fields = Fields::read(&root, FILE, "a rule file", sink)?;
    if let Some(node) = fields.get("version") {
        whole(node, 1, 1, sink);
    }
    let defaults = fields.get("defaults").and_then(|node| defaults(node, sink));
    let mut lists = Vec::new();
    match fields.get("lists").map(|node| (node, &node.value)) {
        None | Some((_, Value::Null)) => {}
        Some((node, Value::Map(entries))) => {
            if at_most(entries.len(), MAX_LISTS, "lists", node.span, sink) {
                lists.extend(entries.iter().filter_map(|entry| list::read(entry, sink)));
            }
        }
        Some((node, _)) => {
            sink.error(
                Code::WrongType,
                node.span,
                format!("expected lists by their names, not {}", node.noun()),
            );
        }
    }
    let ladder = fields.get("ladder").and_then(|node| ladder(node, sink));
    let mut rules = Vec::new();
    if let Some(node) = fields.get("rules") {
        // Of too many, the first are still checked, so that their faults show at once.
        at_most(items(node).len(), MAX_RULES, "rules", node.span, sink);
        for item in items(node).iter().take(MAX_RULES) {
            rules.extend(rule::read(item, sink));
        }
    }
    twice(&rules, sink);
    Some(Document {
        defaults: defaults.unwrap_or_default(),
        lists,
        ladder,
        rules,
    })
}

fn defaults(node: &Node, sink: &mut Sink) -> Option<Defaults> {
    let fields = Fields::read(node, DEFAULTS, "the defaults", sink)?;
    Some(Defaults {
        exempt: fields
            .get("exempt")
            .and_then(|node| rule::exempt(node, sink))
            .unwrap_or_default(),
        limit: fields.get("limit").and_then(|node| rule::limit(node, sink)),
        mode: fields.get("mode").and_then(|node| rule::mode(node, sink)),
    })
}

fn ladder(node: &Node, sink: &mut Sink) -> Option<Ladder> {
    let fields = Fields::read(node, LADDER, "the ladder", sink)?;
    let decay = fields.get("decay").and_then(|node| span_of_time(node, sink));
    let steps = fields.get("steps")?;
    at_most(items(steps).len(), MAX_STEPS, "steps", steps.span, sink);
    let mut steps = each(steps, sink, |node, sink| {
        let fields = Fields::read(node, STEP, "a step", sink)?;
        let at = fields.get("at")?;
        Some(Step {
            at: At::new(whole(at, 1, 10_000, sink)?, at.span),
            acts: each(fields.get("do")?, sink, action::read),
            needs: fields.get("needs").and_then(|node| rule::needs(node, sink)),
        })
    });
    for step in &steps {
        for act in step
            .acts
            .iter()
            .filter(|act| act.value.counted || act.value.word() == "strike")
        {
            sink.error(
                Code::BadAction,
                act.span,
                format!("`{}` is no step of a ladder", act.value),
            );
        }
    }
    steps.sort_by_key(|step| step.at.value);
    for pair in steps
        .windows(2)
        .filter(|pair| pair[0].at.value == pair[1].at.value)
    {
        sink.error(
            Code::Duplicate,
            pair[1].at.span,
            format!("two steps at {} strikes", pair[1].at.value),
        );
    }
    Some(Ladder { decay, steps })
}

fn twice(rules: &[Rule], sink: &mut Sink) {
    let mut seen = HashSet::new();
    for rule in rules.iter().filter(|rule| !rule.id.value.is_empty()) {
        if !seen.insert(&rule.id.value) {
            sink.error(
                Code::Duplicate,
                rule.id.span,
                format!("two rules are called `{}`", shortened(&rule.id.value)),
            );
        }
    }
}
