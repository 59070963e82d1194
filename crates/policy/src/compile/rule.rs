//! The rules themselves, and the rule set made of them.

use super::check::Checker;
use super::condition::Ir;
use super::counter::CompiledCount;
use super::exempt::Exemptions;
use super::gate::Gates;
use super::hash::Hasher;
use super::surroundings::Surroundings;
use super::{Ladder, RuleSet, Step, lint, list};
use crate::catalogue::{Cost, Slot};
use crate::diagnostic::{Code, Sink};
use crate::document::{Act, Document, Limit, Mode, Needs, Rule as Read};
use crate::event::{EventKind, Events};
use crate::expression::Expr;
use crate::source::Source;
use lockdown_events::Platform;
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) id: Box<str>,
    pub(crate) policy: Option<Box<str>>,
    pub(crate) about: Option<Box<str>>,
    pub(crate) line: u32,
    pub(crate) events: Events,
    /// Everywhere when empty.
    pub(crate) platforms: Box<[Platform]>,
    pub(crate) mode: Mode,
    /// In the order of the file.
    pub(crate) when: Box<[Condition]>,
    /// The order in which they are asked: cheapest first, of those what seldom holds.
    pub(crate) order: Box<[u16]>,
    /// How many of these cost less than looking through text.
    pub(crate) cheap: u16,
    pub(crate) count: Option<Box<CompiledCount>>,
    /// Asks whether somebody did the same before: what they did then is known, and goes with what they do now.
    pub(crate) again: bool,
    pub(crate) exempt: Exemptions,
    pub(crate) then: Box<[Act]>,
    pub(crate) approval: u32,
    pub(crate) unless: Option<Box<Ir>>,
    pub(crate) limit: Option<Limit>,
}

#[derive(Debug)]
pub(crate) struct Condition {
    pub(crate) ir: Ir,
    /// The slots that it asks, by their place in [`RuleSet::asked`].
    pub(crate) asks: u16,
    /// As the formatter writes it.
    pub(crate) text: Box<str>,
    pub(crate) line: u32,
}

// === impl Rule ===

impl Rule {
    pub(crate) fn is_for(&self, platform: Platform) -> bool {
        self.platforms.is_empty() || self.platforms.contains(&platform)
    }
}

/// `None` when something is wrong, which was told.
pub(super) fn compile(
    source: &Source,
    document: &Document,
    surroundings: &Surroundings,
    sink: &mut Sink,
) -> Option<RuleSet> {
    let lists = list::compile(&document.lists, surroundings, sink);
    let checker = Checker {
        lists: &lists.all,
        used: RefCell::new(vec![false; lists.all.len()]),
    };
    let rules: Vec<Option<Rule>> = document
        .rules
        .iter()
        .map(|rule| one(source, document, rule, &checker, surroundings, sink))
        .collect();
    let ladder = ladder(document, &checker, sink);
    let used = checker.used.into_inner();
    lint::document(document, &used, surroundings, sink);
    let mut rules: Box<[Rule]> = rules.into_iter().collect::<Option<_>>()?;
    if sink.has_errors() {
        return None;
    }
    let by_event = EventKind::ALL.iter().map(|kind| {
        let judged = (0..)
            .zip(&rules)
            .filter(|(_, rule)| rule.events.has(*kind) && rule.mode != Mode::Disabled);
        Gates::of(judged, &lists)
    });
    let by_event: Vec<Gates> = by_event.collect();
    let asked = asked(&mut rules);
    let slots = slots(&rules);
    Some(RuleSet {
        hash: version(&rules, document, surroundings),
        rules: rules.into(),
        by_event: by_event.into(),
        lists,
        ladder,
        slots,
        asked,
    })
}

fn one(
    source: &Source,
    document: &Document,
    rule: &Read,
    checker: &Checker<'_>,
    surroundings: &Surroundings,
    sink: &mut Sink,
) -> Option<Rule> {
    let compiled: Vec<(&Expr, Option<Ir>)> = rule
        .when
        .iter()
        .map(|expr| (expr, checker.condition(expr, sink)))
        .collect();
    let whole = compiled.iter().all(|(_, ir)| ir.is_some());
    let compiled: Vec<(&Expr, Ir)> = compiled
        .into_iter()
        .filter_map(|(expr, ir)| Some((expr, ir?)))
        .collect();
    lint::conditions(rule, &compiled, surroundings, sink);
    for (expr, ir) in &compiled {
        lint::named(ir, expr, surroundings, sink);
    }
    let limit = rule.limit.or(document.defaults.limit);
    lint::actions(rule, limit.as_ref(), surroundings, sink);
    let events: Events = rule.events.iter().map(|event| event.value).collect();
    for key in rule
        .count
        .iter()
        .flat_map(|count| count.of.iter().chain(&count.distinct))
    {
        if !key.value.info().events.any_of(events) {
            let message = format!(
                "nothing can be counted by {} on these events",
                key.value.info().name
            );
            sink.error(Code::NotOnEvent, key.span, message);
        }
    }
    let (approval, unless) = approval(rule.needs.as_ref(), checker, sink)?;
    whole.then_some(())?;

    let when: Box<[Condition]> = compiled
        .into_iter()
        .map(|(expr, ir)| Condition {
            ir,
            asks: 0,
            text: expr.to_string().into(),
            line: source.line_of(expr.span.start),
        })
        .collect();
    let mut order: Vec<u16> = (0..).zip(&when).map(|(index, _)| index).collect();
    order.sort_by_key(|index| when[usize::from(*index)].ir.rank());
    let texts: Vec<&str> = when.iter().map(|condition| &*condition.text).collect();
    let count = rule
        .count
        .as_ref()
        .map(|count| Box::new(CompiledCount::new(count, &texts)));
    let exempt = match (&rule.exempt, rule.exempts_nobody) {
        (_, true) => Exemptions::default(),
        (Some(own), false) => Exemptions::new(&own.over(&document.defaults.exempt)),
        (None, false) => Exemptions::new(&document.defaults.exempt),
    };
    let mut again = false;
    for condition in &*when {
        condition
            .ir
            .slots(&mut |slot| again |= matches!(slot, Slot::NearDuplicates | Slot::ImagesBurst));
    }
    Some(Rule {
        id: rule.id.value.as_str().into(),
        policy: rule.policy.as_deref().map(Into::into),
        about: rule.about.as_deref().map(Into::into),
        line: source.line_of(rule.id.span.start),
        events,
        platforms: rule.platforms.clone().into(),
        mode: rule.mode.or(document.defaults.mode).unwrap_or(Mode::Live),
        cheap: order.partition_point(|index| when[usize::from(*index)].ir.cost() < Cost::Text) as u16,
        when,
        order: order.into(),
        count,
        again,
        exempt,
        then: rule.then.iter().map(|act| act.value.clone()).collect(),
        approval,
        unless: unless.map(Box::new),
        limit,
    })
}

fn approval(needs: Option<&Needs>, checker: &Checker<'_>, sink: &mut Sink) -> Option<(u32, Option<Ir>)> {
    let Some(needs) = needs else {
        return Some((0, None));
    };
    let unless = match &needs.unless {
        None => None,
        Some(expr) => Some(checker.condition(expr, sink)?),
    };
    Some((needs.approval, unless))
}

fn ladder(document: &Document, checker: &Checker<'_>, sink: &mut Sink) -> Option<Ladder> {
    let ladder = document.ladder.as_ref()?;
    let steps = ladder.steps.iter().filter_map(|step| {
        let (approval, unless) = approval(step.needs.as_ref(), checker, sink)?;
        Some(Step {
            at: step.at.value,
            acts: step.acts.iter().map(|act| act.value.clone()).collect(),
            approval,
            unless,
        })
    });
    Some(Ladder {
        decay: ladder.decay,
        steps: steps.collect(),
    })
}

/// What conditions ask, each combination once.
fn asked(rules: &mut [Rule]) -> Box<[Box<[Slot]>]> {
    let mut asked: Vec<Box<[Slot]>> = Vec::new();
    let mut places: HashMap<Box<[Slot]>, u16> = HashMap::new();
    for condition in rules.iter_mut().flat_map(|rule| &mut rule.when) {
        let mut slots = Vec::new();
        condition.ir.slots(&mut |slot| {
            if !slots.contains(&slot) {
                slots.push(slot);
            }
        });
        condition.asks = *places.entry(slots.into()).or_insert_with_key(|slots| {
            asked.push(slots.clone());
            (asked.len() - 1) as u16
        });
    }
    asked.into()
}

/// Everything that any rule asks.
fn slots(rules: &[Rule]) -> u128 {
    let mut asked = 0;
    let mut add = |slot: Slot| asked |= 1 << slot as u32;
    for rule in rules {
        for condition in &rule.when {
            condition.ir.slots(&mut add);
        }
        if let Some(unless) = &rule.unless {
            unless.slots(&mut add);
        }
        for slot in rule.count.iter().flat_map(|count| count.slots()) {
            add(slot);
        }
        if rule.exempt.names_labels() {
            add(Slot::AuthorLabels);
        }
    }
    asked
}

/// What the rules mean, as one hash: the same for the same rules in another layout.
fn version(rules: &[Rule], document: &Document, surroundings: &Surroundings) -> Arc<str> {
    let mut hasher = Hasher::new("lockdown rules 1");
    let mut put = |text: &str| {
        hasher.part(text.as_bytes());
    };
    for (rule, read) in rules.iter().zip(&document.rules) {
        put(&rule.id);
        put(&format!("{:?} {:?} {:?}", rule.policy, rule.platforms, rule.mode));
        rule.events.iter().for_each(|event| put(event.as_str()));
        put("when");
        rule.when.iter().for_each(|condition| put(&condition.text));
        put("then");
        rule.then.iter().for_each(|act| put(&act.to_string()));
        put(&rule.exempt.canonical());
        put(&format!("{:?}", rule.limit));
        let unless = read.needs.as_ref().and_then(|needs| needs.unless.as_ref());
        put(&format!(
            "{} {}",
            rule.approval,
            unless.map(ToString::to_string).unwrap_or_default()
        ));
        if let Some(count) = &read.count {
            let names: Vec<&str> = count.of.iter().map(|key| key.value.info().name).collect();
            let distinct = count.distinct.as_ref().map(|key| key.value.info().name);
            put(&format!(
                "{names:?} {distinct:?} {:?} {} {}",
                count.across, count.within, count.at_least
            ));
        }
    }
    put("lists");
    for list in &document.lists {
        put(&list.name.value);
        put(&format!("{} {}", list.kind.as_str(), list.fold));
        let mut entries: Vec<&str> = list.entries.iter().map(|entry| entry.value.as_str()).collect();
        entries.sort_unstable();
        entries.iter().for_each(|entry| put(entry));
        for name in &list.subscribe {
            put(&name.value);
            let shared = surroundings
                .shared
                .as_ref()
                .and_then(|shared| shared.get(&name.value));
            put(shared.map_or("", |shared| &*shared.hash));
        }
    }
    let mut banks: Vec<(&String, &Arc<str>)> = surroundings
        .banks
        .iter()
        .map(|(name, list)| (name, &list.hash))
        .collect();
    banks.sort_unstable();
    for (name, hash) in banks {
        put(name);
        put(hash);
    }
    put("ladder");
    if let Some(ladder) = &document.ladder {
        put(&format!("{:?}", ladder.decay));
        for step in &ladder.steps {
            put(&step.at.value.to_string());
            step.acts.iter().for_each(|act| put(&act.value.to_string()));
            if let Some(needs) = &step.needs {
                let unless = needs.unless.as_ref().map(ToString::to_string);
                put(&format!("{} {}", needs.approval, unless.unwrap_or_default()));
            }
        }
    }
    hasher.hex()
}
