//! A condition as it is asked: nodes with numeric slots, and an answer that may be "unknown".

use super::list::Lists;
use super::search::Search;
use crate::catalogue::{Cost, Slot};
use crate::expression::Op;
use crate::facts::Facts;
use std::ops::Range;

#[derive(Debug, Clone)]
pub(crate) enum Ir {
    And(Box<[Self]>),
    Or(Box<[Self]>),
    Not(Box<Self>),
    Flag(Slot),
    Known(Slot),
    Compare {
        slot: Slot,
        op: Op,
        value: i64,
    },
    Has {
        slot: Slot,
        word: Box<str>,
    },
    Listed {
        slot: Slot,
        list: u16,
        hosts: bool,
        all: bool,
    },
    LooksLike {
        slot: Slot,
        list: u16,
    },
    Text {
        slot: Slot,
        list: u16,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Truth {
    False,
    True,
    /// What was asked is not known. Neither a condition nor its opposite then holds.
    Unknown,
}

/// What one event's conditions are asked with. What was found in a text is kept, since other rules ask for it too.
pub(crate) struct Asking<'a> {
    pub(crate) facts: &'a Facts,
    pub(crate) lists: &'a Lists,
    pub(crate) search: Search,
}

// === impl Truth ===

impl Truth {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::True => "true",
            Self::False => "false",
            Self::Unknown => "unknown",
        }
    }

    fn of(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }

    fn not(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            Self::Unknown => Self::Unknown,
        }
    }
}

// === impl Asking ===

impl<'a> Asking<'a> {
    pub(crate) fn new(facts: &'a Facts, lists: &'a Lists) -> Self {
        Self::again(facts, lists, &mut Search::default())
    }

    /// The same, with the memory of an earlier one.
    pub(crate) fn again(facts: &'a Facts, lists: &'a Lists, left: &mut Search) -> Self {
        Self {
            facts,
            lists,
            search: std::mem::take(left),
        }
    }

    /// Leaves its memory to a later one.
    pub(crate) fn leave(mut self, left: &mut Search) {
        self.search.forget();
        *left = self.search;
    }

    /// Where something of a list stands in a text.
    fn find(&mut self, slot: Slot, list: u16) -> Option<Range<usize>> {
        self.search.find(self.facts, self.lists, slot, list)
    }
}

// === impl Ir ===

impl Ir {
    pub(crate) fn ask(&self, asking: &mut Asking<'_>) -> Truth {
        let facts = asking.facts;
        match self {
            Self::And(items) => {
                let mut truth = Truth::True;
                for item in items {
                    match item.ask(asking) {
                        Truth::False => return Truth::False,
                        Truth::Unknown => truth = Truth::Unknown,
                        Truth::True => {}
                    }
                }
                truth
            }
            Self::Or(items) => {
                let mut truth = Truth::False;
                for item in items {
                    match item.ask(asking) {
                        Truth::True => return Truth::True,
                        Truth::Unknown => truth = Truth::Unknown,
                        Truth::False => {}
                    }
                }
                truth
            }
            Self::Not(inner) => inner.ask(asking).not(),
            Self::Flag(slot) => facts
                .number(*slot)
                .map_or(Truth::Unknown, |value| Truth::of(value != 0)),
            Self::Known(slot) => Truth::of(facts.is_known(*slot)),
            Self::Compare { slot, op, value } => facts
                .number(*slot)
                .map_or(Truth::Unknown, |seen| Truth::of(op.holds(seen, *value))),
            Self::Has { slot, word } => facts.words(*slot).map_or(Truth::Unknown, |words| {
                Truth::of(words.iter().any(|known| **known == **word))
            }),
            Self::Listed {
                slot,
                list,
                hosts,
                all,
            } => {
                let Some(words) = facts.words(*slot) else {
                    return Truth::Unknown;
                };
                let list = &asking.lists.all[usize::from(*list)];
                let on = |word: &String| {
                    if *hosts {
                        list.has_host(word)
                    } else {
                        list.has_value(word)
                    }
                };
                // Of nothing, nothing is on a list.
                Truth::of(if *all {
                    !words.is_empty() && words.iter().all(on)
                } else {
                    words.iter().any(on)
                })
            }
            Self::LooksLike { slot, list } => {
                let Some(words) = facts.words(*slot) else {
                    return Truth::Unknown;
                };
                let list = &asking.lists.all[usize::from(*list)];
                let work = &mut asking.search.work;
                Truth::of(words.iter().any(|word| list.is_imitated_by(word, work)))
            }
            Self::Text { slot, list } => {
                if !facts.is_known(*slot) {
                    return Truth::Unknown;
                }
                Truth::of(asking.find(*slot, *list).is_some())
            }
        }
    }

    /// The cost of the dearest thing that it may ask.
    pub(crate) fn cost(&self) -> Cost {
        match self {
            Self::And(items) | Self::Or(items) => items.iter().map(Self::cost).max().unwrap_or(Cost::Event),
            Self::Not(inner) => inner.cost(),
            Self::LooksLike { .. } | Self::Text { .. } => Cost::Text,
            Self::Flag(slot)
            | Self::Known(slot)
            | Self::Compare { slot, .. }
            | Self::Has { slot, .. }
            | Self::Listed { slot, .. } => slot.feature().cost,
        }
    }

    /// When it is asked among a rule's conditions: what stands in the facts before what has to be looked for, and what seldom
    /// holds before what often does.
    pub(crate) fn rank(&self) -> (Cost, bool, Cost) {
        let cost = self.cost();
        let read = if cost < Cost::Text { Cost::Event } else { cost };
        (read, !self.is_rare(), cost)
    }

    /// Whether most events are not so.
    fn is_rare(&self) -> bool {
        match self {
            Self::Flag(_) | Self::Has { .. } => true,
            Self::Compare { op, value, .. } => match op {
                Op::AtLeast | Op::Equal => *value > 0,
                Op::More => *value >= 0,
                Op::Less | Op::AtMost | Op::NotEqual => false,
            },
            _ => false,
        }
    }

    /// The slots of which it asks whether they are known.
    pub(crate) fn guards(&self, found: &mut Vec<Slot>) {
        match self {
            Self::And(items) | Self::Or(items) => items.iter().for_each(|item| item.guards(found)),
            Self::Not(inner) => inner.guards(found),
            Self::Known(slot) => found.push(*slot),
            _ => {}
        }
    }

    /// Calls back for every slot that is asked.
    pub(crate) fn slots(&self, found: &mut impl FnMut(Slot)) {
        match self {
            Self::And(items) | Self::Or(items) => items.iter().for_each(|item| item.slots(found)),
            Self::Not(inner) => inner.slots(found),
            Self::Flag(slot)
            | Self::Known(slot)
            | Self::Compare { slot, .. }
            | Self::Has { slot, .. }
            | Self::Listed { slot, .. }
            | Self::LooksLike { slot, .. }
            | Self::Text { slot, .. } => found(*slot),
        }
    }
}
