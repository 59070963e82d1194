//! Judges one event after the other.

use super::plan::Plan;
use super::verdict::{Hit, Outcome, Reached, Verdict};
use crate::catalogue::Slot;
use crate::compile::{Asking, Gate, Ir, Rule, RuleSet, Search, Truth, ask_limit};
use crate::counter::{Answer, Counters, First};
use crate::document::Mode;
use crate::facts::Facts;
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

/// Holds the counters, and which rules are paused.
#[derive(Debug)]
pub struct Judge<C> {
    counters: C,
    /// By guild and rule.
    paused: HashSet<(String, String)>,
    /// The bursts that the event belongs to, by the rule's place.
    bursts: HashMap<usize, First>,
    /// Judges everybody, as if nobody were exempt: a replay asks who would have been hit.
    pub(crate) everybody: bool,
    left: Search,
}

// === impl Judge ===

impl<C: Counters> Judge<C> {
    pub fn new(counters: C) -> Self {
        Self {
            counters,
            paused: HashSet::new(),
            bursts: HashMap::new(),
            everybody: false,
            left: Search::default(),
        }
    }

    pub fn counters(&mut self) -> &mut C {
        &mut self.counters
    }

    /// From now on the rule matches and does nothing, until [`Judge::resume`].
    pub fn pause(&mut self, guild: &str, rule: &str) {
        self.paused.insert((guild.to_owned(), rule.to_owned()));
    }

    /// What the event does against this rule belongs to a burst, which a limit counts as one.
    pub fn belongs(&mut self, rule: usize, first: First) {
        self.bursts.insert(rule, first);
    }

    /// The burst that the event belongs to, as far as it was told.
    pub fn burst(&self, rule: usize) -> Option<First> {
        self.bursts.get(&rule).copied()
    }

    pub fn resume(&mut self, guild: &str, rule: &str) {
        self.paused.remove(&(guild.to_owned(), rule.to_owned()));
    }

    pub(crate) fn is_paused(&self, guild: &str, rule: &str) -> bool {
        !self.paused.is_empty() && self.paused.contains(&(guild.to_owned(), rule.to_owned()))
    }

    /// The verdict on one event. The same event judged again by the same rules gives the same one.
    pub fn judge(&mut self, rules: &RuleSet, facts: &Facts) -> Verdict {
        let mut left = std::mem::take(&mut self.left);
        let mut asking = Asking::again(facts, &rules.lists, &mut left);
        let alive = self.alive(rules, &mut asking);
        let verdict = if alive.is_empty() {
            Verdict {
                rule_set: Arc::clone(&rules.hash),
                hits: Vec::new(),
                acts: Vec::new(),
                ladder: None,
            }
        } else {
            self.weigh(rules, &alive, &mut asking)
        };
        asking.leave(&mut left);
        self.left = left;
        verdict
    }

    /// The rules whose conditions hold, in the order of the file.
    fn alive(&self, rules: &RuleSet, asking: &mut Asking<'_>) -> Vec<u16> {
        let (facts, gates) = (asking.facts, &rules.by_event[asking.facts.kind as usize]);
        let rule = |gate: &Gate| &rules.rules[usize::from(gate.rule)];
        let is_open = |gate: &Gate| gate.is_open(facts) && facts.concerns(&rule(gate).id);
        let mut alive = Vec::new();
        for gate in &gates.all {
            if is_open(gate) && self.is_alive(rule(gate), asking) {
                alive.push(gate.rule);
            }
        }
        for listed in &gates.listed {
            let mut each = listed.gates.iter().map(|(_, gate)| gate);
            if !each.any(|gate| is_open(gate) && self.looks(rule(gate), asking)) {
                continue;
            }
            for list in asking
                .search
                .reached(facts, asking.lists, listed.slot, listed.kind)
            {
                for gate in listed.of(list) {
                    if is_open(gate) && self.is_alive(rule(gate), asking) {
                        alive.push(gate.rule);
                    }
                }
            }
        }
        alive.sort_unstable();
        alive
    }

    /// Whether a rule is worth looking through text. Exemptions compare names: they are asked when what is cheaper holds, and
    /// before that.
    fn looks(&self, rule: &Rule, asking: &mut Asking<'_>) -> bool {
        let facts = asking.facts;
        rule.is_for(facts.platform)
            && hold(rule, &rule.order[..usize::from(rule.cheap)], asking)
            && (self.everybody || !rule.exempt.apply(facts))
    }

    fn is_alive(&self, rule: &Rule, asking: &mut Asking<'_>) -> bool {
        self.looks(rule, asking) && hold(rule, &rule.order[usize::from(rule.cheap)..], asking)
    }

    /// Asks the counters of the rules whose conditions hold, and decides.
    fn weigh(&mut self, rules: &RuleSet, alive: &[u16], asking: &mut Asking<'_>) -> Verdict {
        let facts = asking.facts;
        let answers = self.answers(rules, alive, facts);
        let mut hits = Vec::new();
        for (index, answer) in alive.iter().zip(answers) {
            let rule = &rules.rules[usize::from(*index)];
            let counted = match (&rule.count, answer) {
                (None, _) => Vec::new(),
                (Some(count), Some(answer)) if answer.value() >= count.at_least => answer.events,
                (Some(_), _) => continue,
            };
            let outcome = match rule.mode {
                Mode::Shadow => Outcome::Shadow,
                _ if self.is_paused(&facts.guild, &rule.id) => Outcome::Paused,
                _ => Outcome::Acts,
            };
            hits.push(Hit {
                rule: usize::from(*index),
                outcome,
                span: span(rule, asking),
                counted,
            });
        }
        self.limits(rules, facts, &mut hits);
        decide(rules, hits, asking)
    }

    fn answers(&mut self, rules: &RuleSet, alive: &[u16], facts: &Facts) -> Vec<Option<Answer>> {
        let asks: Vec<_> = alive
            .iter()
            .map(|index| {
                rules.rules[usize::from(*index)]
                    .count
                    .as_ref()
                    .and_then(|count| count.ask(facts))
            })
            .collect();
        let asked: Vec<_> = asks.iter().flatten().cloned().collect();
        if asked.is_empty() {
            return vec![None; alive.len()];
        }
        let mut answers = self.counters.count(&asked).into_iter();
        asks.iter()
            .map(|ask| ask.as_ref().and_then(|_| answers.next()))
            .collect()
    }

    /// Stops rules that have acted too often.
    fn limits(&mut self, rules: &RuleSet, facts: &Facts, hits: &mut [Hit]) {
        let mut limited: Vec<(&mut Hit, crate::document::Limit)> = hits
            .iter_mut()
            .filter(|hit| hit.outcome == Outcome::Acts)
            .filter_map(|hit| {
                let rule = &rules.rules[hit.rule];
                let limit = rule
                    .limit
                    .filter(|_| rule.then.iter().any(|act| act.info.gravity > 0))?;
                Some((hit, limit))
            })
            .collect();
        if limited.is_empty() {
            return;
        }
        let asks: Vec<_> = limited
            .iter()
            .map(|(hit, limit)| {
                let first = self.bursts.get(&hit.rule);
                ask_limit(&rules.rules[hit.rule].id, limit.per, facts, first)
            })
            .collect();
        let answers = self.counters.count(&asks);
        for ((hit, limit), answer) in limited.iter_mut().zip(answers) {
            if answer.value() > limit.actions {
                hit.outcome = Outcome::AtLimit(limit.then);
            }
        }
    }

    /// One rule by itself, whatever its mode and exemptions: for examples. Whether it hits, and why not.
    pub(crate) fn alone(&mut self, rules: &RuleSet, index: usize, facts: &Facts) -> (bool, String) {
        let rule = &rules.rules[index];
        if !rule.events.has(facts.kind) {
            return (
                false,
                format!("the rule does not judge the event {}", facts.kind.as_str()),
            );
        }
        let mut asking = Asking::new(facts, &rules.lists);
        for condition in &rule.when {
            let truth = condition.ir.ask(&mut asking);
            if truth != Truth::True {
                let word = if truth == Truth::Unknown {
                    "is unknown"
                } else {
                    "does not hold"
                };
                return (false, format!("`{}` {word}", condition.text));
            }
        }
        let Some(count) = &rule.count else {
            return (true, "all conditions hold".to_owned());
        };
        let Some(ask) = count.ask(facts) else {
            return (false, "what the counter counts by is unknown".to_owned());
        };
        let value = self.counters.count(&[ask]).first().map_or(0, Answer::value);
        (
            value >= count.at_least,
            format!(
                "the counter is at {value} of {}; `times:` repeats an example",
                count.at_least
            ),
        )
    }
}

/// Whether these conditions of a rule hold.
fn hold(rule: &Rule, order: &[u16], asking: &mut Asking<'_>) -> bool {
    let mut conditions = order.iter().map(|place| &rule.when[usize::from(*place)]);
    conditions.all(|condition| condition.ir.ask(asking) == Truth::True)
}

fn decide(rules: &RuleSet, hits: Vec<Hit>, asking: &mut Asking<'_>) -> Verdict {
    let mut plan = Plan::default();
    for hit in hits.iter().filter(|hit| hit.outcome == Outcome::Acts) {
        let rule = &rules.rules[hit.rule];
        let approval = approval(rule.approval, rule.unless.as_deref(), asking);
        plan.rule(rules, hit, approval, asking.facts);
    }
    let ladder = plan.strikes().map(|strikes| {
        let before = asking
            .facts
            .number(Slot::AuthorStrikes)
            .and_then(|value| u32::try_from(value).ok());
        let after = before.unwrap_or(0).saturating_add(strikes);
        let passed = |step: &&crate::compile::Step| step.at > before.unwrap_or(0) && step.at <= after;
        let steps = rules.ladder.as_ref().map_or(&[][..], |ladder| &ladder.steps);
        let step = steps.iter().rev().find(passed);
        if let Some(step) = step {
            let approval = approval(step.approval, step.unless.as_ref(), asking);
            plan.step(step, approval);
        }
        Reached {
            before,
            after,
            step: step.map(|step| step.at),
        }
    });
    Verdict {
        rule_set: Arc::clone(&rules.hash),
        hits,
        acts: plan.done(),
        ladder,
    }
}

fn approval(needed: u32, unless: Option<&Ir>, asking: &mut Asking<'_>) -> u32 {
    match unless {
        Some(unless) if needed > 0 && unless.ask(asking) == Truth::True => 0,
        _ => needed,
    }
}

/// Where the first text condition of a rule found something in what the author typed.
fn span(rule: &Rule, asking: &mut Asking<'_>) -> Option<[u32; 2]> {
    let range = rule
        .when
        .iter()
        .find_map(|condition| found(&condition.ir, asking))?;
    let typed = asking
        .facts
        .text(Slot::Content)
        .or_else(|| asking.facts.text(Slot::Text))?;
    // Behind what was typed stand the other surfaces: they have no place in the message's own text.
    let units = |part: &str| u32::try_from(part.encode_utf16().count()).ok();
    let start = units(typed.get(..range.start)?)?;
    Some([start, start + units(typed.get(range)?)?])
}

fn found(ir: &Ir, asking: &mut Asking<'_>) -> Option<Range<usize>> {
    match ir {
        Ir::And(items) | Ir::Or(items) => items.iter().find_map(|item| found(item, asking)),
        Ir::Text {
            slot: slot @ (Slot::Text | Slot::Content),
            list,
        } => {
            let (slot, list) = (*slot, *list);
            // Only what was asked already: nothing is looked for to show it.
            let known = asking
                .search
                .found
                .iter()
                .find(|(s, l, _)| (*s, *l) == (slot, list));
            known.and_then(|(_, _, range)| range.clone())
        }
        _ => None,
    }
}
