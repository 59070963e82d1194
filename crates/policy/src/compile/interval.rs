//! What comparisons leave possible, to find conditions that always or never hold.

use super::condition::Ir;
use crate::catalogue::{Kind, Slot};
use crate::expression::Op;
use std::collections::BTreeMap;

/// The values that a feature can still have, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Range {
    least: i64,
    most: i64,
}

/// What can be said of a condition without any event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Always {
    True,
    False,
}

/// Of one condition alone.
pub(super) fn always(ir: &Ir) -> Option<Always> {
    match ir {
        Ir::And(items) => {
            let said: Vec<Option<Always>> = items.iter().map(always).collect();
            if said.contains(&Some(Always::False)) || contradicts(items.iter()) {
                return Some(Always::False);
            }
            said.iter()
                .all(|said| *said == Some(Always::True))
                .then_some(Always::True)
        }
        Ir::Or(items) => {
            let said: Vec<Option<Always>> = items.iter().map(always).collect();
            if said.contains(&Some(Always::True)) {
                return Some(Always::True);
            }
            said.iter()
                .all(|said| *said == Some(Always::False))
                .then_some(Always::False)
        }
        Ir::Not(inner) => always(inner).map(|said| match said {
            Always::True => Always::False,
            Always::False => Always::True,
        }),
        Ir::Compare { slot, op, value } => {
            let possible = possible(*slot);
            let holds = |seen| op.holds(seen, *value);
            let (ends, inside) = (
                holds(possible.least) && holds(possible.most),
                within(possible, *value),
            );
            // `==` and `!=` change their answer only at the value itself.
            match op {
                Op::Equal => (!inside).then_some(Always::False),
                Op::NotEqual => (!inside).then_some(Always::True),
                _ if ends => Some(Always::True),
                _ if !holds(possible.least) && !holds(possible.most) => Some(Always::False),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Whether conditions that have to hold together leave nothing possible.
pub(super) fn contradicts<'i>(conditions: impl Iterator<Item = &'i Ir>) -> bool {
    let mut ranges = BTreeMap::new();
    let mut flags = BTreeMap::new();
    for condition in conditions {
        if !narrow(condition, &mut ranges, &mut flags) {
            return true;
        }
    }
    false
}

/// Narrows by one condition; false when nothing is left.
fn narrow(ir: &Ir, ranges: &mut BTreeMap<Slot, Range>, flags: &mut BTreeMap<Slot, bool>) -> bool {
    match ir {
        Ir::And(items) => items.iter().all(|item| narrow(item, ranges, flags)),
        Ir::Flag(slot) => *flags.entry(*slot).or_insert(true),
        Ir::Not(inner) => match &**inner {
            Ir::Flag(slot) => !*flags.entry(*slot).or_insert(false),
            _ => true,
        },
        Ir::Compare { slot, op, value } => {
            let range = ranges.entry(*slot).or_insert_with(|| possible(*slot));
            match op {
                Op::Less => range.most = range.most.min(value.saturating_sub(1)),
                Op::AtMost => range.most = range.most.min(*value),
                Op::Equal => {
                    range.least = range.least.max(*value);
                    range.most = range.most.min(*value);
                }
                Op::AtLeast => range.least = range.least.max(*value),
                Op::More => range.least = range.least.max(value.saturating_add(1)),
                Op::NotEqual => {}
            }
            range.least <= range.most
        }
        _ => true,
    }
}

fn within(range: Range, value: i64) -> bool {
    (range.least..=range.most).contains(&value)
}

fn possible(slot: Slot) -> Range {
    let most = match slot.feature().kind {
        Kind::Flag => 1,
        Kind::Word(words) => i64::try_from(words.len()).map_or(i64::MAX, |count| count - 1),
        _ if matches!(slot, Slot::TextCaps | Slot::SpamScore) => 100,
        _ => i64::MAX,
    };
    Range { least: 0, most }
}
