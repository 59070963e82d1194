//! One rule, and what rules share with the defaults: exemptions, limits, counters, approval.

use super::part::{
    Fields, at_most, each, flag, items, scalar, shortened, span_of_time, text, texts, whole, word,
};
use super::shape::{COUNT, EXAMPLES, EXEMPT, LIMIT, NEEDS, RULE};
use super::{Across, AtLimit, Count, Exempt, Limit, Mode, Needs, Rule, action, example};
use crate::catalogue::{KEYS, Key};
use crate::diagnostic::{Code, Sink, did_you_mean};
use crate::event::EventKind;
use crate::expression::{self, Expr};
use crate::source::{At, Node, Span, Value};
use lockdown_events::Platform;

const MAX_CONDITIONS: usize = 50;
const MAX_ACTIONS: usize = 20;
const MAX_EXAMPLES: usize = 100;

pub(super) fn read(node: &Node, sink: &mut Sink) -> Option<Rule> {
    let before = sink.errors();
    let fields = Fields::read(node, RULE, "a rule", sink)?;
    let id = fields.get("id").and_then(|node| id(node, sink));
    let optional_text = |name, sink: &mut Sink| {
        let node = fields.get(name)?;
        text(node, "a text", sink).map(|text| text.value)
    };
    let about = optional_text("about", sink);
    let policy = optional_text("policy", sink);
    let platforms = fields.get("platforms").map_or_else(Vec::new, |node| {
        let of = |word: &str| {
            Platform::ALL
                .iter()
                .copied()
                .find(|platform| platform.as_str() == word)
        };
        each(node, sink, |item, sink| {
            word(item, &["discord", "telegram"], of, sink).map(|at| at.value)
        })
    });
    let events: Vec<At<EventKind>> = fields.get("events").map_or_else(Vec::new, |node| {
        each(node, sink, |item, sink| {
            word(item, EventKind::NAMES, example::kind, sink)
        })
    });
    if let Some(node) = fields.get("events").filter(|node| items(node).is_empty()) {
        sink.error(
            Code::MissingKey,
            node.span,
            "a rule judges at least one kind of event".to_owned(),
        );
    }
    let when = fields
        .get("when")
        .map_or_else(Vec::new, |node| conditions(node, sink));
    let count = fields.get("count").and_then(|node| count(node, sink));
    let exempt_node = fields.get("exempt");
    let exempts_nobody = exempt_node.is_some_and(is_none);
    let exempt = exempt_node
        .filter(|_| !exempts_nobody)
        .and_then(|node| exempt(node, sink));
    let then = fields.get("then").map_or_else(Vec::new, |node| {
        at_most(items(node).len(), MAX_ACTIONS, "actions", node.span, sink);
        if items(node).is_empty() {
            sink.error(Code::MissingKey, node.span, "a rule does something".to_owned())
                .hint("to only watch, write `then: [review NAME]` or `mode: shadow`");
        }
        each(node, sink, action::read)
    });
    for act in then
        .iter()
        .filter(|act| act.value.counted && !node_has(&fields, "count"))
    {
        sink.error(
            Code::CountedNothing,
            act.span,
            format!("`{}` needs a counter", act.value),
        )
        .hint("add `count:`, or leave `counted` away");
    }
    let mode = fields.get("mode").and_then(|node| mode(node, sink));
    let needs = fields.get("needs").and_then(|node| needs(node, sink));
    let limit = fields.get("limit").and_then(|node| limit(node, sink));
    let (hit, miss) = fields
        .get("examples")
        .map_or_else(Default::default, |node| examples(node, sink));
    Some(Rule {
        id: id.unwrap_or_else(|| At::new(String::new(), node.span)),
        about,
        policy,
        events,
        platforms,
        when,
        count,
        exempt,
        exempts_nobody,
        then,
        mode,
        needs,
        limit,
        hit,
        miss,
        broken: sink.errors() > before,
    })
}

fn node_has(fields: &Fields<'_>, name: &'static str) -> bool {
    fields.get(name).is_some()
}

fn id(node: &Node, sink: &mut Sink) -> Option<At<String>> {
    let id = text(node, "a name", sink)?;
    let sound = (1..=64).contains(&id.value.len())
        && id
            .value
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_'));
    if !sound {
        sink.error(
            Code::WrongType,
            id.span,
            format!("`{}` cannot be a rule's id", shortened(&id.value)),
        )
        .hint("1 to 64 small letters, digits, `-` and `_`");
    }
    sound.then_some(id)
}

fn is_none(node: &Node) -> bool {
    matches!(&node.value, Value::Scalar(scalar) if scalar.text == "none")
}

pub(super) fn conditions(node: &Node, sink: &mut Sink) -> Vec<Expr> {
    at_most(items(node).len(), MAX_CONDITIONS, "conditions", node.span, sink);
    each(node, sink, |item, sink| {
        let scalar = scalar(item, "a condition such as `links.count > 0`", sink)?;
        expression::parse(scalar, sink)
    })
}

pub(super) fn mode(node: &Node, sink: &mut Sink) -> Option<Mode> {
    word(node, Mode::NAMES, Mode::of, sink).map(|mode| mode.value)
}

pub(super) fn exempt(node: &Node, sink: &mut Sink) -> Option<Exempt> {
    let fields = Fields::read(node, EXEMPT, "an exemption", sink)?;
    let names = |name, sink: &mut Sink| fields.get(name).map_or_else(Vec::new, |node| texts(node, sink));
    Some(Exempt {
        staff: fields.get("staff").and_then(|node| flag(node, sink)),
        bots: fields.get("bots").and_then(|node| flag(node, sink)),
        roles: names("roles", sink),
        channels: names("channels", sink),
        labels: names("labels", sink),
        people: names("people", sink),
    })
}

pub(super) fn limit(node: &Node, sink: &mut Sink) -> Option<Limit> {
    let fields = Fields::read(node, LIMIT, "a limit", sink)?;
    let then = match fields.get("then") {
        None => AtLimit::Pause,
        Some(node) => {
            let of = |word: &str| match word {
                "pause" => Some(AtLimit::Pause),
                "wait" => Some(AtLimit::Wait),
                _ => None,
            };
            word(node, &["pause", "wait"], of, sink)?.value
        }
    };
    Some(Limit {
        actions: whole(fields.get("actions")?, 1, crate::counter::MOST - 1, sink)?,
        per: span_of_time(fields.get("per")?, sink)?,
        then,
    })
}

fn key(node: &Node, sink: &mut Sink) -> Option<At<Key>> {
    let name = text(node, "what to count by", sink)?;
    if let Some(info) = Key::find(&name.value) {
        return Some(At::new(info.key, name.span));
    }
    let names = KEYS.iter().map(|info| info.name);
    let message = format!("nothing is counted by `{}`", shortened(&name.value));
    let known = names.clone().collect::<Vec<_>>().join(", ");
    let fault = sink.error(Code::UnknownField, name.span, message);
    match did_you_mean(&name.value, names) {
        Some(name) => fault.hint(format!("did you mean {name}?")),
        None => fault.hint(format!("known: {known}")),
    }
    None
}

fn count(node: &Node, sink: &mut Sink) -> Option<Count> {
    let fields = Fields::read(node, COUNT, "a counter", sink)?;
    let of = each(fields.get("of")?, sink, key);
    if items(fields.get("of")?).is_empty() {
        sink.error(
            Code::MissingKey,
            node.span,
            "a counter counts by something".to_owned(),
        )
        .hint("`of: [author]`");
        return None;
    }
    let distinct = fields.get("distinct").map(|node| key(node, sink));
    let across = match fields.get("across") {
        None => Across::Guild,
        Some(node) => {
            let of = |word: &str| match word {
                "guild" => Some(Across::Guild),
                "network" => Some(Across::Network),
                _ => None,
            };
            word(node, &["guild", "network"], of, sink)?.value
        }
    };
    let within = span_of_time(fields.get("within")?, sink)?;
    if within > crate::counter::LONGEST {
        sink.error(
            Code::BadDuration,
            node.span,
            "a counter looks back at most 7d".to_owned(),
        );
    }
    Some(Count {
        of,
        distinct: distinct.flatten(),
        across,
        within,
        at_least: whole(fields.get("at_least")?, 1, crate::counter::MOST, sink)?,
        span: node.span,
    })
}

pub(super) fn needs(node: &Node, sink: &mut Sink) -> Option<Needs> {
    if matches!(&node.value, Value::Scalar(scalar) if scalar.text == "approval") {
        return Some(Needs {
            approval: 1,
            unless: None,
        });
    }
    let fields = Fields::read(node, NEEDS, "what is needed", sink)?;
    let unless = match fields.get("unless") {
        None => None,
        Some(node) => Some(expression::parse(scalar(node, "a condition", sink)?, sink)?),
    };
    Some(Needs {
        approval: whole(fields.get("approval")?, 1, 10, sink)?,
        unless,
    })
}

fn examples(node: &Node, sink: &mut Sink) -> (Vec<example::Example>, Vec<example::Example>) {
    let Some(fields) = Fields::read(node, EXAMPLES, "examples", sink) else {
        return Default::default();
    };
    let cases = |name, span: Span, sink: &mut Sink| {
        let Some(node) = fields.get(name) else {
            return Vec::new();
        };
        at_most(items(node).len(), MAX_EXAMPLES, "examples", span, sink);
        each(node, sink, example::read)
    };
    (cases("hit", node.span, sink), cases("miss", node.span, sink))
}
