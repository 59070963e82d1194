//! What is done when several rules match: each thing once, of several sanctions the gravest, of several strikes the most.

use crate::compile::{RuleSet, Step};
use crate::counter::Counted;
use crate::document::Act;
use crate::duration::Millis;

/// One thing to do.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    pub act: Act,
    pub by: By,
    /// How many moderators have to agree first.
    pub approval: u32,
    /// For an action on what was counted: everything that it is done to.
    pub counted: Vec<Counted>,
}

/// What asked for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// A rule, by its place in the rule set.
    Rule(usize),
    /// A step of the ladder, by its strikes.
    Step(u32),
}

/// From this gravity on something is done to a person, and only the gravest of them.
const SANCTION: u8 = 2;

#[derive(Default)]
pub(super) struct Plan {
    acts: Vec<Planned>,
}

// === impl Plan ===

impl Plan {
    /// Adds what a rule does.
    pub(super) fn rule(&mut self, rules: &RuleSet, index: usize, approval: u32, counted: &[Counted]) {
        for act in &rules.rules[index].then {
            let counted = if act.counted { counted.to_vec() } else { Vec::new() };
            self.add(act, By::Rule(index), approval, counted);
        }
    }

    pub(super) fn step(&mut self, step: &Step, approval: u32) {
        for act in &step.acts {
            self.add(act, By::Step(step.at), approval, Vec::new());
        }
    }

    /// The strikes that are given at once.
    pub(super) fn strikes(&self) -> Option<u32> {
        let strikes = self.acts.iter().filter(|planned| planned.approval == 0);
        strikes
            .filter_map(|planned| (planned.act.word() == "strike").then_some(planned.act.number?))
            .max()
    }

    fn add(&mut self, act: &Act, by: By, approval: u32, counted: Vec<Counted>) {
        // Only what is done to a person waits: a message that has to go goes at once.
        let approval = if concerns_person(act) { approval } else { 0 };
        self.acts.push(Planned {
            act: act.clone(),
            by,
            approval,
            counted,
        });
    }

    pub(super) fn done(self) -> Vec<Planned> {
        let mut kept: Vec<Planned> = Vec::new();
        for planned in self.acts {
            let rival = kept.iter_mut().find(|other| rivals(other, &planned));
            match rival {
                None => kept.push(planned),
                Some(other) => {
                    if weight(&planned.act) > weight(&other.act) {
                        let counted = std::mem::take(&mut other.counted);
                        *other = planned;
                        other.counted.extend(counted);
                    } else {
                        other.counted.extend(planned.counted);
                    }
                    other.counted.sort_by_key(|event| event.event_id);
                    other.counted.dedup_by_key(|event| event.event_id);
                }
            }
        }
        // A message that is deleted is not held as well.
        if kept.iter().any(|planned| planned.act.word() == "delete") {
            kept.retain(|planned| planned.act.word() != "hold");
        }
        // What needs agreement and is no more than what is done anyway asks nobody.
        let at_once = |planned: &&Planned| planned.approval == 0 && planned.act.info.gravity >= SANCTION;
        let gravest = kept
            .iter()
            .filter(at_once)
            .map(|planned| weight(&planned.act))
            .max();
        kept.retain(|planned| {
            planned.approval == 0
                || planned.act.info.gravity < SANCTION
                || Some(weight(&planned.act)) > gravest
        });
        kept.sort_by_key(|planned| planned.approval > 0);
        kept
    }
}

fn concerns_person(act: &Act) -> bool {
    act.info.gravity >= SANCTION || matches!(act.word(), "strike" | "take")
}

/// Whether only one of the two is done.
fn rivals(one: &Planned, other: &Planned) -> bool {
    let sanction = |planned: &Planned| planned.act.info.gravity >= SANCTION;
    if (one.approval == 0) != (other.approval == 0) {
        return false;
    }
    if sanction(one) && sanction(other) {
        return true;
    }
    one.act.word() == other.act.word() && one.act.name == other.act.name
}

/// Which of two rivals is done: graver, longer, more.
fn weight(act: &Act) -> (u8, Millis, u32, bool) {
    let forever = act.duration.unwrap_or(Millis::MAX);
    (act.info.gravity, forever, act.number.unwrap_or(0), act.counted)
}
