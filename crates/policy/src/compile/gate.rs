//! Which rules are looked at for an event. Most end here: by the first number that they ask, or because nothing of the list that
//! they ask first was found in a text.

use super::condition::Ir;
use super::list::{Holds, Lists};
use super::rule::Rule;
use crate::catalogue::{ListKind, Slot};
use crate::expression::Op;
use crate::facts::Facts;

/// The rules that judge one kind of event.
#[derive(Debug, Default)]
pub(crate) struct Gates {
    /// Those that ask no list of the file first.
    pub(crate) all: Box<[Gate]>,
    /// Those that do: where one of them has to look through a text, the lists that are reached name the others.
    pub(crate) listed: Box<[Listed]>,
}

/// Rules that ask for words, or for patterns, of one text.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) slot: Slot,
    pub(crate) kind: ListKind,
    /// With the list of each; list by list.
    pub(crate) gates: Vec<(u16, Gate)>,
}

/// A rule and the first thing that it asks, side by side.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    pub(crate) rule: u16,
    asks: Option<Asks>,
}

/// A slot, and the values from one to another that it has to have, or not to have.
#[derive(Debug, Clone, Copy)]
struct Asks {
    slot: Slot,
    least: i64,
    most: i64,
    inside: bool,
}

// === impl Gates ===

impl Gates {
    pub(super) fn of<'r>(rules: impl Iterator<Item = (u16, &'r Rule)>, lists: &Lists) -> Self {
        let mut all = Vec::new();
        let mut listed: Vec<Listed> = Vec::new();
        for (index, rule) in rules {
            let gate = Gate::new(index, rule);
            let Some((slot, list)) = own_list(rule, lists) else {
                all.push(gate);
                continue;
            };
            let kind = lists.all[usize::from(list)].kind;
            match listed
                .iter_mut()
                .find(|known| (known.slot, known.kind) == (slot, kind))
            {
                Some(known) => known.gates.push((list, gate)),
                None => listed.push(Listed {
                    slot,
                    kind,
                    gates: vec![(list, gate)],
                }),
            }
        }
        for listed in &mut listed {
            listed.gates.sort_by_key(|(list, _)| *list);
        }
        Self {
            all: all.into(),
            listed: listed.into(),
        }
    }
}

/// What the rule asks first of all that costs as much as looking through a text, if that is a list that shares nothing.
fn own_list(rule: &Rule, lists: &Lists) -> Option<(Slot, u16)> {
    let first = rule.order.get(usize::from(rule.cheap))?;
    let Ir::Text { slot, list } = rule.when[usize::from(*first)].ir else {
        return None;
    };
    match &lists.all[usize::from(list)].holds {
        Holds::Text(shared) if shared.is_empty() => Some((slot, list)),
        _ => None,
    }
}

// === impl Listed ===

impl Listed {
    /// The rules that ask for this list.
    pub(crate) fn of(&self, list: u16) -> impl Iterator<Item = &Gate> {
        let from = self.gates.partition_point(|(other, _)| *other < list);
        let theirs = self.gates[from..]
            .iter()
            .take_while(move |(other, _)| *other == list);
        theirs.map(|(_, gate)| gate)
    }
}

// === impl Gate ===

impl Gate {
    fn new(index: u16, rule: &Rule) -> Self {
        let mut conditions = rule.order.iter().map(|place| &rule.when[usize::from(*place)].ir);
        let asks = conditions.find_map(|ir| match ir {
            Ir::Compare { slot, op, value } => Some(Asks::new(*slot, *op, *value)),
            Ir::Flag(slot) => Some(Asks::new(*slot, Op::NotEqual, 0)),
            _ => None,
        });
        Self { rule: index, asks }
    }

    /// False when the rule cannot hit.
    pub(crate) fn is_open(&self, facts: &Facts) -> bool {
        self.asks.is_none_or(|asks| {
            facts
                .number(asks.slot)
                .is_some_and(|seen| (asks.least <= seen && seen <= asks.most) == asks.inside)
        })
    }
}

// === impl Asks ===

impl Asks {
    fn new(slot: Slot, op: Op, value: i64) -> Self {
        // An empty range where nothing is less or more.
        let (least, most) = match op {
            Op::Less => (i64::MIN, value.saturating_sub(1)),
            Op::AtMost => (i64::MIN, value),
            Op::Equal | Op::NotEqual => (value, value),
            Op::AtLeast => (value, i64::MAX),
            Op::More => (value.saturating_add(1), i64::MAX),
        };
        let none = (op == Op::Less && value == i64::MIN) || (op == Op::More && value == i64::MAX);
        let (least, most) = if none { (1, 0) } else { (least, most) };
        Self {
            slot,
            least,
            most,
            inside: op != Op::NotEqual,
        }
    }
}
