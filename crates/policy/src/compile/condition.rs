//! A condition as it is asked: nodes with numeric slots, and an answer that may be "unknown".

use super::list::CompiledList;
use crate::catalogue::{Cost, Slot};
use crate::expression::Op;
use crate::facts::Facts;
use crate::text::{Text, Work};
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Truth {
    False,
    True,
    /// What was asked is not known. Neither a condition nor its opposite then holds.
    Unknown,
}

/// What one event's conditions are asked with. What was found in a text is kept, since other rules ask for it too.
pub(crate) struct Asking<'a> {
    pub(crate) facts: &'a Facts,
    pub(crate) lists: &'a [CompiledList],
    pub(crate) found: Vec<(Slot, u16, Option<Range<usize>>)>,
    /// Texts that were read for it.
    texts: Vec<(Slot, Text)>,
    /// Texts of earlier events: read into again, they need no memory.
    spare: Vec<Text>,
    /// What may still be done for this event.
    pub(crate) work: Work,
}

/// What is left of an [`Asking`], empty.
#[derive(Debug, Default)]
pub(crate) struct Left {
    found: Vec<(Slot, u16, Option<Range<usize>>)>,
    texts: Vec<(Slot, Text)>,
    spare: Vec<Text>,
}

/// A rule and the first thing that it asks, side by side: most rules end here, without being looked at.
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

// === impl Gate ===

impl Gate {
    pub(crate) fn new<'i>(rule: u16, mut conditions: impl Iterator<Item = &'i Ir>) -> Self {
        let asks = conditions.find_map(|ir| match ir {
            Ir::Compare { slot, op, value } => Some(Asks::new(*slot, *op, *value)),
            Ir::Flag(slot) => Some(Asks::new(*slot, Op::NotEqual, 0)),
            _ => None,
        });
        Self { rule, asks }
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

// === impl Truth ===

impl Truth {
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
    pub(crate) fn new(facts: &'a Facts, lists: &'a [CompiledList]) -> Self {
        Self {
            facts,
            lists,
            found: Vec::new(),
            texts: Vec::new(),
            spare: Vec::new(),
            work: Work::default(),
        }
    }

    /// The same, with what an earlier one left.
    pub(crate) fn again(facts: &'a Facts, lists: &'a [CompiledList], left: &mut Left) -> Self {
        Self {
            facts,
            lists,
            found: std::mem::take(&mut left.found),
            texts: std::mem::take(&mut left.texts),
            spare: std::mem::take(&mut left.spare),
            work: Work::default(),
        }
    }

    /// Leaves its memory to a later one.
    pub(crate) fn leave(mut self, left: &mut Left) {
        self.found.clear();
        self.spare.extend(self.texts.drain(..).map(|(_, text)| text));
        *left = Left {
            found: self.found,
            texts: self.texts,
            spare: self.spare,
        };
    }

    /// Where something of a list stands in a text.
    pub(crate) fn find(&mut self, slot: Slot, list: u16) -> Option<Range<usize>> {
        if let Some((_, _, range)) = self.found.iter().find(|(s, l, _)| (*s, *l) == (slot, list)) {
            return range.clone();
        }
        let place = self.texts.iter().position(|(read, _)| *read == slot);
        let place = match place {
            Some(place) => place,
            None => {
                let raw = self.facts.text(slot)?;
                if !self.work.glance(raw.len()) || !self.lists[usize::from(list)].may_have(raw) {
                    self.found.push((slot, list, None));
                    return None;
                }
                let mut text = self.spare.pop().unwrap_or_default();
                let most = self.work.read(raw.len());
                text.read(&raw[..raw.floor_char_boundary(most)]);
                self.texts.push((slot, text));
                self.texts.len() - 1
            }
        };
        let range = self.lists[usize::from(list)].find(&self.texts[place].1, &mut self.work);
        self.found.push((slot, list, range.clone()));
        range
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
                let list = &asking.lists[usize::from(*list)];
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
            Self::LooksLike { slot, list } => facts.words(*slot).map_or(Truth::Unknown, |words| {
                let list = &asking.lists[usize::from(*list)];
                Truth::of(words.iter().any(|word| list.is_imitated_by(word)))
            }),
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
