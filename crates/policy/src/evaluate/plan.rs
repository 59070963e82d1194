//! What is done when several rules match: each thing once, of several sanctions the gravest, of several strikes the most.

use super::verdict::Hit;
use crate::compile::{Rule, RuleSet, Step};
use crate::counter::Counted;
use crate::document::Act;
use crate::duration::Millis;
use crate::facts::Facts;

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

/// What is to be done so far, one of each kind of rivals.
#[derive(Default)]
pub(super) struct Plan<'r> {
    acts: Vec<Draft<'r>>,
    strikes: Option<u32>,
}

/// As [`Planned`], of the rule set.
struct Draft<'r> {
    act: &'r Act,
    by: By,
    approval: u32,
    counted: Vec<Counted>,
}

// === impl Plan ===

impl<'r> Plan<'r> {
    /// Adds what a rule does.
    pub(super) fn rule(&mut self, rules: &'r RuleSet, hit: &Hit, approval: u32, facts: &Facts) {
        let rule = &rules.rules[hit.rule];
        let copies = copies(rule, hit, facts);
        for act in &rule.then {
            let counted = match act.word() {
                _ if act.counted => &hit.counted[..],
                "delete" => &copies,
                _ => &[],
            };
            self.add(act, By::Rule(hit.rule), approval, counted);
        }
    }

    pub(super) fn step(&mut self, step: &'r Step, approval: u32) {
        for act in &step.acts {
            self.add(act, By::Step(step.at), approval, &[]);
        }
    }

    /// The strikes that are given at once.
    pub(super) fn strikes(&self) -> Option<u32> {
        self.strikes
    }

    fn add(&mut self, act: &'r Act, by: By, approval: u32, counted: &[Counted]) {
        // Only what is done to a person waits: a message that has to go goes at once.
        let approval = if concerns_person(act) { approval } else { 0 };
        if approval == 0 && act.word() == "strike" {
            self.strikes = self.strikes.max(act.number);
        }
        let rival = self
            .acts
            .iter_mut()
            .find(|other| (other.approval == 0) == (approval == 0) && rivals(other.act, act));
        let Some(other) = rival else {
            self.acts.push(Draft {
                act,
                by,
                approval,
                counted: counted.to_vec(),
            });
            return;
        };
        if weight(act) > weight(other.act) {
            (other.act, other.by, other.approval) = (act, by, approval);
        }
        if !counted.is_empty() {
            other.counted.extend_from_slice(counted);
            other.counted.sort_by_key(|event| event.event_id);
            other.counted.dedup_by_key(|event| event.event_id);
        }
    }

    pub(super) fn done(self) -> Vec<Planned> {
        let mut kept = self.acts;
        // A message that is deleted is not held as well.
        if kept.iter().any(|planned| planned.act.word() == "delete") {
            kept.retain(|planned| planned.act.word() != "hold");
        }
        // What needs agreement and is no more than what is done anyway asks nobody.
        let at_once = |planned: &&Draft<'_>| planned.approval == 0 && planned.act.info.gravity >= SANCTION;
        let gravest = kept
            .iter()
            .filter(at_once)
            .map(|planned| weight(planned.act))
            .max();
        kept.retain(|planned| {
            planned.approval == 0
                || planned.act.info.gravity < SANCTION
                || Some(weight(planned.act)) > gravest
        });
        kept.sort_by_key(|planned| planned.approval > 0);
        let planned = kept.into_iter().map(|draft| Planned {
            act: draft.act.clone(),
            by: draft.by,
            approval: draft.approval,
            counted: draft.counted,
        });
        planned.collect()
    }
}

/// What somebody is sanctioned for goes whole: what made the rule hit, of theirs, earlier messages included. Nothing where
/// there are none.
fn copies(rule: &Rule, hit: &Hit, facts: &Facts) -> Vec<Counted> {
    if !rule.then.iter().any(concerns_person) {
        return Vec::new();
    }
    let theirs = |counted: &&Counted| counted.author == facts.author;
    let alike = facts.copies.iter().filter(|_| rule.again);
    let mut copies: Vec<Counted> = hit.counted.iter().filter(theirs).chain(alike).cloned().collect();
    if copies.iter().any(|copy| copy.event_id != facts.event_id) {
        copies.push(crate::compile::counted(facts, None));
        copies.sort_by_key(|copy| copy.event_id);
        copies.dedup_by_key(|copy| copy.event_id);
        copies
    } else {
        Vec::new()
    }
}

fn concerns_person(act: &Act) -> bool {
    act.info.gravity >= SANCTION || matches!(act.word(), "strike" | "take")
}

/// Whether only one of the two is done.
fn rivals(one: &Act, other: &Act) -> bool {
    let sanctions = one.info.gravity >= SANCTION && other.info.gravity >= SANCTION;
    sanctions || (one.word() == other.word() && one.name == other.name)
}

/// Which of two rivals is done: graver, longer, more.
fn weight(act: &Act) -> (u8, Millis, u32, bool) {
    let forever = act.duration.unwrap_or(Millis::MAX);
    (act.info.gravity, forever, act.number.unwrap_or(0), act.counted)
}
