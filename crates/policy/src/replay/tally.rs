//! Counts while a replay goes on.

use super::report::{Difference, Precision, Report, RuleReport};
use super::{Judged, Recorded};
use crate::catalogue::Slot;
use crate::compile::RuleSet;
use crate::duration::Millis;
use crate::evaluate::{Explanation, Outcome, Verdict};
use crate::event::EventKind;
use chrono::DateTime;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Of each rule, this many hits are explained.
const SAMPLES: usize = 3;
/// Of each rule, this many people are named.
const NAMED: usize = 5;

/// What one event came to.
pub(super) struct Seen<'a> {
    pub(super) rules: &'a RuleSet,
    pub(super) recorded: &'a Recorded,
    pub(super) verdict: &'a Verdict,
    pub(super) everybody: &'a Verdict,
    pub(super) live: Option<&'a [String]>,
}

pub(super) struct Tally {
    events: u64,
    from: Option<Millis>,
    to: Option<Millis>,
    without_text: u64,
    hits: u64,
    people: HashSet<String>,
    ladder: BTreeMap<u32, u64>,
    rules: Vec<RuleTally>,
}

#[derive(Default)]
struct RuleTally {
    hits: u64,
    by_day: BTreeMap<String, u64>,
    people: HashMap<String, u64>,
    staff_spared: u64,
    spared: u64,
    withheld: u64,
    acts: BTreeMap<String, u64>,
    difference: Difference,
    upheld: u64,
    dismissed: u64,
    samples: Vec<Explanation>,
}

// === impl Tally ===

impl Tally {
    pub(super) fn new(rules: &RuleSet) -> Self {
        Self {
            events: 0,
            from: None,
            to: None,
            without_text: 0,
            hits: 0,
            people: HashSet::new(),
            ladder: BTreeMap::new(),
            rules: rules.rules.iter().map(|_| RuleTally::default()).collect(),
        }
    }

    pub(super) fn note(&mut self, seen: &Seen<'_>) {
        let facts = &seen.recorded.facts;
        self.events += 1;
        self.from = Some(self.from.map_or(facts.at, |from| from.min(facts.at)));
        self.to = Some(self.to.map_or(facts.at, |to| to.max(facts.at)));
        let texts = matches!(facts.kind, EventKind::Message | EventKind::Edit);
        self.without_text += u64::from(texts && !facts.is_known(Slot::Text));
        if !seen.verdict.is_empty() {
            self.hits += 1;
            self.people.insert(facts.author.clone());
        }
        if let Some(step) = seen.verdict.ladder.as_ref().and_then(|reached| reached.step) {
            *self.ladder.entry(step).or_default() += 1;
        }
        let day = DateTime::from_timestamp_millis(facts.at).map(|at| at.date_naive().to_string());
        for (index, rule) in self.rules.iter_mut().enumerate() {
            let hit = seen.verdict.hits.iter().find(|hit| hit.rule == index);
            let live = seen
                .live
                .map(|live| live.iter().any(|id| **id == *seen.rules.rules[index].id));
            match (hit.is_some(), live) {
                (true, Some(true)) => rule.difference.both += 1,
                (true, Some(false)) => rule.difference.added += 1,
                (false, Some(true)) => rule.difference.removed += 1,
                _ => {}
            }
            let Some(hit) = hit else {
                let spared = seen.everybody.hits.iter().any(|hit| hit.rule == index)
                    && seen.rules.rules[index].exempt.apply(facts);
                rule.spared += u64::from(spared);
                rule.staff_spared += u64::from(spared && facts.number(Slot::AuthorStaff) == Some(1));
                continue;
            };
            rule.hits += 1;
            if let Some(day) = &day {
                *rule.by_day.entry(day.clone()).or_default() += 1;
            }
            *rule.people.entry(facts.author.clone()).or_default() += 1;
            match hit.outcome {
                Outcome::Acts | Outcome::Shadow => {
                    for act in &seen.rules.rules[index].then {
                        *rule.acts.entry(act.to_string()).or_default() += 1;
                    }
                }
                Outcome::AtLimit(_) | Outcome::Paused => rule.withheld += 1,
            }
            match seen.recorded.outcome {
                Some(Judged::Upheld) => rule.upheld += 1,
                Some(Judged::Dismissed) => rule.dismissed += 1,
                None => {}
            }
        }
    }

    pub(super) fn wants_sample(&self, rule: usize) -> bool {
        self.rules[rule].samples.len() < SAMPLES
    }

    /// Keeps what the explanation says of this one rule.
    pub(super) fn sample(&mut self, rule: usize, explanation: &Explanation) {
        self.rules[rule].samples.push(explanation.of_rule(rule));
    }

    pub(super) fn report(self, rules: &RuleSet, live: Option<String>) -> Report {
        let compared = live.is_some();
        let rules_told = self.rules.into_iter().zip(&*rules.rules).map(|(tally, rule)| {
            let mut most_hit: Vec<(String, u64)> = tally
                .people
                .iter()
                .map(|(id, count)| (id.clone(), *count))
                .collect();
            most_hit.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            most_hit.truncate(NAMED);
            RuleReport {
                rule: rule.id.to_string(),
                mode: rule.mode.as_str(),
                hits: tally.hits,
                by_day: tally.by_day,
                people: tally.people.len(),
                most_hit,
                staff_spared: tally.staff_spared,
                spared: tally.spared,
                withheld: tally.withheld,
                acts: tally.acts,
                against_live: compared.then_some(tally.difference),
                precision: precision(tally.hits, tally.upheld, tally.dismissed),
                samples: tally.samples,
            }
        });
        Report {
            rule_set: rules.hash().to_owned(),
            compared_with: live,
            events: self.events,
            from: self.from,
            to: self.to,
            without_text: self.without_text,
            hits: self.hits,
            people: self.people.len(),
            ladder: self.ladder,
            rules: rules_told.collect(),
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a share of so many hits needs no more digits"
)]
fn precision(hits: u64, upheld: u64, dismissed: u64) -> Precision {
    let judged = upheld + dismissed;
    let share = |part: u64, whole: u64| {
        if whole == 0 {
            0.0
        } else {
            part as f64 / whole as f64
        }
    };
    Precision {
        upheld,
        dismissed,
        unlabelled_share: share(hits - judged, hits),
        precision: (judged > 0).then(|| share(upheld, judged)),
    }
}
