//! From a rule file to a rule set: what was read is checked against the catalogue and the community, and becomes an
//! immutable [`RuleSet`]. A file with an error becomes none, so that whoever has a good one keeps it.

mod check;
mod condition;
mod counter;
mod examples;
mod exempt;
mod gate;
mod hash;
mod interval;
mod lint;
mod list;
mod matcher;
mod rule;
mod search;
mod surroundings;

pub(crate) use condition::{Asking, Ir, Truth};
pub(crate) use counter::{ask_limit, counted};
pub use exempt::Exemption;
pub(crate) use exempt::Exemptions;
pub(crate) use gate::Gate;
use gate::Gates;
pub(crate) use hash::Hasher;
pub(crate) use rule::{Condition, Rule};
pub(crate) use search::Search;
pub use surroundings::{BANKS, SharedList, Surroundings};

use crate::catalogue::Slot;
use crate::counter::CounterKey;
use crate::diagnostic::{Diagnostic, Severity, Sink};
use crate::document::{Act, Mode, document};
use crate::duration::Millis;
use crate::facts::Facts;
use crate::source::Source;
use std::sync::Arc;

/// What came of a file.
#[derive(Debug)]
pub struct Checked {
    pub diagnostics: Vec<Diagnostic>,
    /// `None` when there are errors.
    pub rules: Option<Arc<RuleSet>>,
}

/// The rules of a community, ready to judge. Immutable: a new version is a new one.
#[derive(Debug)]
pub struct RuleSet {
    pub(crate) hash: Arc<str>,
    pub(crate) rules: Arc<[Rule]>,
    /// The rules that judge each kind of event.
    pub(crate) by_event: Box<[Gates]>,
    pub(crate) lists: list::Lists,
    pub(crate) ladder: Option<Ladder>,
    pub(crate) slots: u128,
    /// The combinations of slots that conditions ask.
    pub(crate) asked: Box<[Box<[Slot]>]>,
}

#[derive(Debug)]
pub(crate) struct Ladder {
    pub(crate) decay: Option<Millis>,
    /// From the lowest.
    pub(crate) steps: Box<[Step]>,
}

#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) at: u32,
    pub(crate) acts: Box<[Act]>,
    pub(crate) approval: u32,
    pub(crate) unless: Option<Ir>,
}

/// Reads, checks and compiles a file, and tries its examples.
pub fn check(source: &Source, surroundings: &Surroundings) -> Checked {
    let mut sink = Sink::new();
    let rules = document(source, &mut sink).and_then(|document| {
        let rules = rule::compile(source, &document, surroundings, &mut sink)?;
        examples::run(&rules, &document, surroundings, &mut sink);
        Some(rules)
    });
    let rules = rules.filter(|_| !sink.has_errors());
    Checked {
        diagnostics: sink.finish(source),
        rules: rules.map(Arc::new),
    }
}

// === impl Checked ===

impl Checked {
    pub fn count(&self, severity: Severity) -> usize {
        self.diagnostics
            .iter()
            .filter(|found| found.severity == severity)
            .count()
    }
}

// === impl RuleSet ===

impl RuleSet {
    /// The version: hex SHA-256 over what the rules mean. Comments, blanks and the order of keys do not change it.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    pub fn len(&self) -> usize {
        self.rules.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The ids of the rules, in the order of the file.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().map(|rule| &*rule.id)
    }

    /// Each rule's id with what it is for, in the order of the file.
    pub fn about(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.rules.iter().map(|rule| (&*rule.id, rule.about.as_deref()))
    }

    /// Whether each rule acts, in the order of the file.
    pub fn modes(&self) -> impl Iterator<Item = Mode> {
        self.rules.iter().map(|rule| rule.mode)
    }

    /// Whether any rule asks this: what nobody asks need not be found out.
    pub fn asks(&self, slot: Slot) -> bool {
        self.slots & (1 << slot as u32) != 0
    }

    /// Names what one person does against one of the rules; `None` when there is no such rule.
    pub fn burst_key(&self, rule: usize, facts: &Facts) -> Option<CounterKey> {
        let rule = self.rules.get(rule)?;
        Some(counter::burst_key(&rule.id, facts))
    }

    /// How long a strike counts; for ever without.
    pub fn strikes_decay(&self) -> Option<Millis> {
        self.ladder.as_ref()?.decay
    }
}
