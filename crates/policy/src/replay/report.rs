//! What a replay tells.

use crate::duration::Millis;
use crate::evaluate::Explanation;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub rule_set: String,
    /// The version that was live, when it was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compared_with: Option<String>,
    pub events: u64,
    /// The times of the first and the last event, in milliseconds since 1970.
    pub from: Option<Millis>,
    pub to: Option<Millis>,
    /// Messages whose text is not kept any more: rules that ask for words could not hit them.
    pub without_text: u64,
    /// Events that at least one rule hit.
    pub hits: u64,
    pub people: usize,
    /// How often each step of the ladder was reached, by its strikes.
    pub ladder: BTreeMap<u32, u64>,
    /// In the order of the file.
    pub rules: Vec<RuleReport>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleReport {
    pub rule: String,
    pub mode: &'static str,
    pub hits: u64,
    /// By day in UTC.
    pub by_day: BTreeMap<String, u64>,
    /// How many different people were hit.
    pub people: usize,
    /// Those who were hit most, with how often.
    pub most_hit: Vec<(String, u64)>,
    /// Events of staff that only the exemption spared.
    pub staff_spared: u64,
    /// Events that only some exemption spared, those of staff included.
    pub spared: u64,
    /// Hits on which it did nothing since it was at its limit or paused by it.
    pub withheld: u64,
    /// What it would have done, each with how often.
    pub acts: BTreeMap<String, u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub against_live: Option<Difference>,
    pub precision: Precision,
    pub samples: Vec<Explanation>,
}

/// Beside the rule of the same id in the live version.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    pub both: u64,
    /// It hits what the live version does not.
    pub added: u64,
    /// The live version hits what it does not.
    pub removed: u64,
}

/// How often people found a hit right, as far as they looked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Precision {
    pub upheld: u64,
    pub dismissed: u64,
    /// The share of hits of which nobody said anything.
    pub unlabelled_share: f64,
    /// `None` when nobody said anything of any hit.
    pub precision: Option<f64>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            events, hits, people, ..
        } = self;
        writeln!(f, "{events} events, {hits} of them hit, {people} people")?;
        if self.without_text > 0 {
            writeln!(
                f,
                "{} messages are kept without their text: rules that look for words could not hit them",
                self.without_text
            )?;
        }
        for (step, times) in &self.ladder {
            writeln!(f, "the ladder's step at {step} strikes: {times} times")?;
        }
        for rule in &self.rules {
            write!(f, "\n{rule}")?;
        }
        Ok(())
    }
}

impl fmt::Display for RuleReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            rule,
            mode,
            hits,
            people,
            ..
        } = self;
        writeln!(f, "{rule} ({mode}): {hits} hits on {people} people")?;
        let join = |map: &BTreeMap<String, u64>| -> String {
            let parts: Vec<String> = map
                .iter()
                .map(|(name, count)| format!("{name} {count}"))
                .collect();
            parts.join(", ")
        };
        if !self.by_day.is_empty() {
            writeln!(f, "  by day: {}", join(&self.by_day))?;
        }
        if !self.acts.is_empty() {
            writeln!(f, "  done: {}", join(&self.acts))?;
        }
        if self.spared > 0 {
            writeln!(
                f,
                "  spared by an exemption: {}, of them staff: {}",
                self.spared, self.staff_spared
            )?;
        }
        if self.withheld > 0 {
            writeln!(f, "  withheld at the limit: {}", self.withheld)?;
        }
        if let Some(difference) = &self.against_live {
            let Difference { both, added, removed } = difference;
            writeln!(
                f,
                "  against the live version: {both} the same, {added} more, {removed} fewer"
            )?;
        }
        let Precision {
            upheld, dismissed, ..
        } = self.precision;
        if let Some(precision) = self.precision.precision {
            let unlabelled = self.precision.unlabelled_share * 100.0;
            writeln!(
                f,
                "  right in {:.0} % of the hits that people judged ({upheld} upheld, {dismissed} dismissed); {unlabelled:.0} % were never judged",
                precision * 100.0
            )?;
        }
        Ok(())
    }
}
