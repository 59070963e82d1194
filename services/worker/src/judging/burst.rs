//! Bursts: what one person does against one rule within moments is one thing, however many messages it takes.
//!
//! The first of them stands for all: it asks for what concerns the person, and the rule's limit counts it once. What comes
//! while that is under way only goes. Which one is the first lies on the bus, for all workers, by the times of the events: so
//! what is judged late, or twice, belongs where it belonged. Who has seen it there asks no more while the burst lasts: a flood
//! is one question.

use lockdown_bus::{Bus, EngineError, Standing};
use lockdown_policy::counter::First;
use lockdown_policy::{By, Facts, Millis, Outcome, Planned, RuleSet, Verdict};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A sanction that takes longer is slow; somebody who does it again after that has heard of it.
const LASTS: Millis = 15_000;
/// For so long, by the bus's clock, the first is known: as long as a worker may be away before it goes on.
const KNOWN: Duration = Duration::from_secs(180);
/// More than one tries only when workers take a person's events over from each other.
const TRIES: usize = 8;

/// Beyond so many, all are asked about again.
const MOST: usize = 10_000;

pub(super) struct Bursts {
    bus: Bus,
    /// The first of each that this worker has met.
    known: Mutex<HashMap<String, First>>,
}

// === impl Bursts ===

impl Bursts {
    pub(super) fn new(bus: Bus) -> Self {
        Self {
            bus,
            known: Mutex::default(),
        }
    }

    /// The burst to which an event belongs, by what it does against this rule.
    pub(super) async fn first(
        &self,
        set: &str,
        rules: &RuleSet,
        rule: usize,
        facts: &Facts,
    ) -> Result<First, EngineError> {
        let own = First {
            event_id: facts.event_id,
            at: facts.at,
        };
        let Some(key) = rules.burst_key(rule, facts) else {
            return Ok(own);
        };
        let key: String = key.0.iter().map(|byte| format!("{byte:02x}")).collect();
        let name = format!("burst/{set}/{key}");
        let known = self.known().get(&name).copied();
        if let Some(first) = known.filter(|first| belongs(own, *first)) {
            return Ok(first);
        }
        self.look(name, own).await
    }

    async fn look(&self, name: String, own: First) -> Result<First, EngineError> {
        let text = to_text(own);
        let mut before: Option<String> = None;
        for _ in 0..TRIES {
            let standing = before.as_deref().map_or(Standing::Absent, Standing::Is);
            let Some(stands) = self.bus.engine().mark(&name, &text, KNOWN, standing).await? else {
                self.note(name, own);
                return Ok(own);
            };
            match of_text(&stands) {
                Some(first) if first.event_id == own.event_id || belongs(own, first) => {
                    self.note(name, first);
                    return Ok(first);
                }
                // Older than what is known: it comes late, and belongs to nothing that goes on.
                Some(first) if own.at < first.at => return Ok(own),
                // What stood there has ended meanwhile, or an older release wrote it.
                _ => before = Some(stands).filter(|stands| !stands.is_empty()),
            }
        }
        Ok(own)
    }

    fn note(&self, name: String, first: First) {
        let mut known = self.known();
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(name, first);
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, First>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn belongs(event: First, first: First) -> bool {
    (event.at - first.at).abs() < LASTS
}

/// Leaves away what the first of a burst has asked for, and tells which rules that concerns.
pub(super) fn thin(
    verdict: &mut Verdict,
    burst: impl Fn(usize) -> Option<First>,
    facts: &Facts,
) -> Vec<(usize, First)> {
    let follows = |rule: usize| burst(rule).filter(|first| first.event_id != facts.event_id);
    let again = |planned: &Planned| match planned.by {
        By::Rule(rule) => follows(rule).is_some(),
        By::Step(_) => false,
    };
    verdict
        .acts
        .retain(|planned| is_for_each(planned) || !again(planned));
    if !verdict.acts.iter().any(|planned| planned.act.word() == "strike") {
        verdict.acts.retain(|planned| matches!(planned.by, By::Rule(_)));
    }
    let acting = verdict.hits.iter().filter(|hit| hit.outcome == Outcome::Acts);
    acting
        .filter_map(|hit| Some((hit.rule, follows(hit.rule)?)))
        .collect()
}

/// What is done to every message, and what only lasts longer when it is asked for again.
fn is_for_each(planned: &Planned) -> bool {
    matches!(planned.act.word(), "delete" | "hold" | "raise")
}

fn to_text(first: First) -> String {
    format!("{} {}", first.at, first.event_id)
}

fn of_text(text: &str) -> Option<First> {
    let (at, event_id) = text.split_once(' ')?;
    Some(First {
        at: at.parse().ok()?,
        event_id: lockdown_events::EventId(event_id.parse().ok()?),
    })
}
