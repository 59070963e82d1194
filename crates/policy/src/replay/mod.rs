//! What rules would have done: the same judge over events that are over, in their own time.
//!
//! [`Replay`] takes one event after the other, so whoever reads them from a store or a file keeps none in memory.

mod report;
mod tally;

pub use report::{Difference, Precision, Report, RuleReport};

use crate::catalogue::Slot;
use crate::compile::RuleSet;
use crate::counter::{CounterKey, InMemory};
use crate::duration::Millis;
use crate::evaluate::{Judge, Outcome, Verdict};
use crate::facts::Facts;
use std::collections::HashMap;
use tally::{Seen, Tally};

/// An event that is over.
#[derive(Debug, Clone)]
pub struct Recorded {
    pub facts: Facts,
    /// What people made of it later.
    pub outcome: Option<Judged>,
}

/// What people made of an event: of a report, an appeal, a reversal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judged {
    /// It was against the rules.
    Upheld,
    /// It was not.
    Dismissed,
}

/// A rule set over the past, beside the one that was live then, if any.
pub struct Replay<'r> {
    rules: &'r RuleSet,
    judge: Judge<InMemory>,
    /// Judges everybody, to tell who is spared by exemptions alone.
    everybody: Judge<InMemory>,
    live: Option<(&'r RuleSet, Judge<InMemory>)>,
    /// Strikes that this replay itself gave.
    strikes: HashMap<(String, String), Vec<(Millis, u32)>>,
    /// What detectors remember of lately.
    lately: HashMap<CounterKey, Vec<(Millis, String)>>,
    tally: Tally,
}

// === impl Replay ===

impl<'r> Replay<'r> {
    pub fn new(rules: &'r RuleSet, live: Option<&'r RuleSet>) -> Self {
        let mut everybody = Judge::new(InMemory::new());
        everybody.everybody = true;
        Self {
            rules,
            judge: Judge::new(InMemory::new()),
            everybody,
            live: live.map(|live| (live, Judge::new(InMemory::new()))),
            strikes: HashMap::new(),
            lately: HashMap::new(),
            tally: Tally::new(rules),
        }
    }

    /// Sets what detectors make of what was said and who came before, as far as these rules ask for it. For events as they
    /// were published, once for each, before it is judged.
    pub fn remember(&mut self, facts: &mut Facts) {
        let asking: Vec<&RuleSet> = std::iter::once(self.rules)
            .chain(self.live.as_ref().map(|(rules, _)| *rules))
            .collect();
        for lately in facts.lately(&asking) {
            let stands = self.lately.entry(lately.key).or_default();
            let oldest = facts.at.saturating_sub(lately.within);
            stands.retain(|(at, _)| *at > oldest);
            stands.push((facts.at, lately.text.clone()));
            let spare = stands.len().saturating_sub(lately.most);
            stands.drain(..spare);
            facts.add_lately(&lately, stands);
        }
    }

    /// Takes the next event; events come in the order of their time. Its verdict is the one that it would have had.
    pub fn event(&mut self, mut recorded: Recorded) -> Verdict {
        let facts = &mut recorded.facts;
        let person = (facts.guild.clone(), facts.author.clone());
        if !facts.is_known(Slot::AuthorStrikes) {
            let decay = self.rules.strikes_decay().unwrap_or(Millis::MAX);
            let now = facts.at;
            let given = self.strikes.get(&person).map_or(0, |given| {
                let counts = given.iter().filter(|(at, _)| now.saturating_sub(*at) < decay);
                counts.map(|(_, strikes)| *strikes).sum()
            });
            facts.set_number(Slot::AuthorStrikes, i64::from(given));
        }
        let facts = &recorded.facts;
        let verdict = self.judge.judge(self.rules, facts);
        let paused: Vec<&str> = verdict.to_pause(self.rules).collect();
        for rule in paused {
            self.judge.pause(&facts.guild, rule);
        }
        if let Some(reached) = &verdict.ladder {
            let given = reached.after - reached.before.unwrap_or(0);
            self.strikes.entry(person).or_default().push((facts.at, given));
        }
        let everybody = self.everybody.judge(self.rules, facts);
        let live = self.live.as_mut().map(|(rules, judge)| {
            let verdict = judge.judge(rules, facts);
            let ids: Vec<&str> = rules.ids().collect();
            verdict
                .hits
                .iter()
                .map(|hit| ids[hit.rule].to_owned())
                .collect::<Vec<String>>()
        });
        self.tally.note(&Seen {
            rules: self.rules,
            recorded: &recorded,
            verdict: &verdict,
            everybody: &everybody,
            live: live.as_deref(),
        });
        let wants_sample =
            |hit: &crate::evaluate::Hit| hit.outcome != Outcome::Paused && self.tally.wants_sample(hit.rule);
        let samples: Vec<usize> = verdict
            .hits
            .iter()
            .filter(|hit| wants_sample(hit))
            .map(|hit| hit.rule)
            .collect();
        if !samples.is_empty() {
            let (_, explanation) = self.judge.explain(self.rules, facts);
            for rule in samples {
                self.tally.sample(rule, &explanation);
            }
        }
        verdict
    }

    pub fn report(self) -> Report {
        let live = self.live.as_ref().map(|(rules, _)| rules.hash().to_owned());
        self.tally.report(self.rules, live)
    }
}
