//! Why a verdict is what it is, and why an event was not caught.
//!
//! What has to be seen while the facts are at hand is noted in a few flat tables; sentences are made of it when somebody reads.

use super::judge::Judge;
use super::verdict::{Outcome, Reached, Verdict};
use crate::catalogue::{Kind, Slot};
use crate::compile::{Asking, Condition, Exemption, Exemptions, Rule, RuleSet, Truth};
use crate::counter::{Counted, Counters};
use crate::document::Mode;
use crate::duration;
use crate::event::EventKind;
use crate::facts::Facts;
use lockdown_events::{EventId, Platform};
use serde::{Serialize, Serializer};
use std::sync::Arc;

/// Longer parts of a text are cut in an explanation.
const LONGEST_SHOWN: usize = 80;

/// Everything that was asked about one event, and what came of it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    pub rule_set: String,
    pub event_id: EventId,
    pub event: &'static str,
    #[serde(serialize_with = "rules")]
    rules: Noted,
    /// What is done, gravest of several sanctions only, with who asked for it.
    pub acts: Vec<ActTrace>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ladder: Option<LadderTrace>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleTrace<'a> {
    pub rule: &'a str,
    pub line: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<&'a str>,
    pub mode: &'static str,
    pub hit: bool,
    /// What became of it, in a sentence: for a rule that did not hit, why not.
    pub because: String,
    pub conditions: Vec<ConditionTrace<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counter: Option<&'a CounterTrace>,
    pub exemptions: &'a [Exemption],
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConditionTrace<'a> {
    pub condition: &'a str,
    pub line: u32,
    /// `true`, `false` or `unknown`.
    pub truth: &'static str,
    /// Each thing that it asks for, with the value seen.
    pub seen: &'a [Seen],
}

/// A value that was seen. Whoever keeps explanations drops values by their class when their time is over; truths stay.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Seen {
    pub field: &'static str,
    /// What the value says about a person: none, behaviour, content, identity.
    pub pii: &'static str,
    /// `None` when it is unknown.
    pub value: Option<String>,
    /// Why it is unknown, or what was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CounterTrace {
    pub value: u32,
    pub at_least: u32,
    pub within: String,
    pub events: Vec<Counted>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ActTrace {
    pub act: String,
    /// `rule spam` or `ladder 3`.
    pub by: String,
    /// How many moderators have to agree first.
    pub approval: u32,
}

pub type LadderTrace = Reached;

/// What was seen of each rule, in the order of the file.
#[derive(Debug, Clone)]
struct Noted {
    of: Arc<[Rule]>,
    kind: EventKind,
    platform: Platform,
    rules: Vec<Note>,
    /// The truths of the conditions that were asked, rule by rule, and where in `seen` stands what they saw.
    truths: Vec<(Truth, u32)>,
    /// What conditions that ask the same saw is here once.
    seen: Vec<Vec<Seen>>,
    /// The same of rules that concern the same people.
    exemptions: Vec<Vec<Exemption>>,
}

#[derive(Debug, Clone)]
struct Note {
    /// Its place among all rules.
    rule: u16,
    /// What it hit with.
    outcome: Option<Outcome>,
    /// Where its truths are.
    truths: (u32, u32),
    exemptions: u16,
    /// One of them applied.
    exempt: bool,
    counter: Option<Box<CounterTrace>>,
}

/// An explanation that is being noted.
struct Tracing<'a> {
    asking: Asking<'a>,
    rules: &'a RuleSet,
    noted: Noted,
    /// For each of [`RuleSet::asked`] its place in `seen`, once that is known.
    seen: Vec<Option<u32>>,
    /// Whom the last rule did not concern.
    exempt: Option<&'a Exemptions>,
}

impl<C: Counters> Judge<C> {
    /// Judges once more, telling everything. Counters know the event by its id, so nothing is counted twice.
    pub fn explain(&mut self, rules: &RuleSet, facts: &Facts) -> (Verdict, Explanation) {
        let verdict = self.judge(rules, facts);
        let mut tracing = Tracing::new(rules, facts);
        for (index, rule) in (0..).zip(&*rules.rules) {
            self.note(rule, index, &verdict, &mut tracing);
        }
        let acts = verdict.acts.iter().map(|planned| ActTrace {
            act: planned.act.to_string(),
            by: match planned.by {
                super::By::Rule(index) => format!("rule {}", rules.rules[index].id),
                super::By::Step(at) => format!("ladder {at}"),
            },
            approval: planned.approval,
        });
        let explanation = Explanation {
            rule_set: rules.hash().to_owned(),
            event_id: facts.event_id,
            event: facts.kind.as_str(),
            rules: tracing.noted,
            acts: acts.collect(),
            ladder: verdict.ladder.clone(),
        };
        (verdict, explanation)
    }

    fn note<'a>(&mut self, rule: &'a Rule, index: u16, verdict: &Verdict, tracing: &mut Tracing<'a>) {
        let facts = tracing.asking.facts;
        let from = tracing.noted.truths.len();
        let mut holds = rule.events.has(facts.kind) && rule.is_for(facts.platform);
        if holds {
            for condition in &rule.when {
                holds &= tracing.condition(condition) == Truth::True;
            }
        }
        let exemptions = tracing.exemptions(&rule.exempt);
        let tried = &tracing.noted.exemptions[usize::from(exemptions)];
        let exempt = !self.everybody && tried.iter().any(|tried| tried.applies);
        let hit = verdict.hits.iter().find(|hit| hit.rule == usize::from(index));
        let count = rule
            .count
            .as_ref()
            .filter(|_| holds && !exempt && rule.mode != Mode::Disabled);
        let counter = count.and_then(|count| {
            let answer = self.counters().count(&[count.ask(facts)?]).pop()?;
            Some(Box::new(CounterTrace {
                value: answer.value(),
                at_least: count.at_least,
                within: duration::show(count.within),
                events: answer.events,
            }))
        });
        tracing.noted.rules.push(Note {
            rule: index,
            outcome: hit.map(|hit| hit.outcome),
            truths: (from as u32, tracing.noted.truths.len() as u32),
            exemptions,
            exempt,
            counter,
        });
    }
}

fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Acts => "all conditions hold",
        Outcome::Shadow => "all conditions hold; the rule only watches",
        Outcome::Paused => "all conditions hold; the rule is paused",
        Outcome::AtLimit(crate::document::AtLimit::Pause) => {
            "all conditions hold; the rule is at its limit and pauses"
        }
        Outcome::AtLimit(crate::document::AtLimit::Wait) => {
            "all conditions hold; the rule is at its limit and waits"
        }
    }
}

fn platform(platform: Platform) -> &'static str {
    match platform {
        Platform::Discord => "Discord",
        Platform::Telegram => "Telegram",
    }
}

// === impl Explanation ===

impl Explanation {
    /// Every rule, in the order of the file.
    pub fn rules(&self) -> impl ExactSizeIterator<Item = RuleTrace<'_>> {
        self.rules.traces()
    }

    /// What it says of this one rule alone.
    pub(crate) fn of_rule(&self, rule: usize) -> Self {
        Self {
            rule_set: self.rule_set.clone(),
            event_id: self.event_id,
            event: self.event,
            rules: self.rules.of_rule(rule),
            acts: self.acts.clone(),
            ladder: self.ladder.clone(),
        }
    }
}

fn rules<S: Serializer>(noted: &Noted, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(noted.traces())
}

// === impl Noted ===

impl Noted {
    fn of_rule(&self, rule: usize) -> Self {
        let mut one = Self {
            of: Arc::clone(&self.of),
            kind: self.kind,
            platform: self.platform,
            rules: Vec::new(),
            truths: Vec::new(),
            seen: Vec::new(),
            exemptions: Vec::new(),
        };
        if let Some(note) = self.rules.iter().find(|note| usize::from(note.rule) == rule) {
            let (from, to) = note.truths;
            let truths = &self.truths[from as usize..to as usize];
            one.truths = truths
                .iter()
                .zip(0..)
                .map(|((truth, _), place)| (*truth, place))
                .collect();
            one.seen = truths
                .iter()
                .map(|(_, seen)| self.seen[*seen as usize].clone())
                .collect();
            one.exemptions
                .push(self.exemptions[usize::from(note.exemptions)].clone());
            one.rules.push(Note {
                truths: (0, to - from),
                exemptions: 0,
                ..note.clone()
            });
        }
        one
    }

    fn traces(&self) -> impl ExactSizeIterator<Item = RuleTrace<'_>> {
        self.rules.iter().map(|note| self.trace(note))
    }

    fn trace<'a>(&'a self, note: &'a Note) -> RuleTrace<'a> {
        let rule = &self.of[usize::from(note.rule)];
        let (from, to) = note.truths;
        let truths = &self.truths[from as usize..to as usize];
        let conditions: Vec<ConditionTrace<'_>> = rule
            .when
            .iter()
            .zip(truths)
            .map(|(condition, (truth, seen))| ConditionTrace {
                condition: &condition.text,
                line: condition.line,
                truth: truth.as_str(),
                seen: &self.seen[*seen as usize],
            })
            .collect();
        RuleTrace {
            rule: &rule.id,
            line: rule.line,
            policy: rule.policy.as_deref(),
            mode: rule.mode.as_str(),
            hit: note.outcome.is_some(),
            because: match note.outcome {
                Some(hit) => outcome(hit).to_owned(),
                None => self.why_not(rule, note, &conditions),
            },
            conditions,
            counter: note.counter.as_deref(),
            exemptions: &self.exemptions[usize::from(note.exemptions)],
        }
    }

    fn why_not(&self, rule: &Rule, note: &Note, conditions: &[ConditionTrace<'_>]) -> String {
        if rule.mode == Mode::Disabled {
            return "the rule is disabled".to_owned();
        }
        if !rule.events.has(self.kind) {
            return format!("the rule does not judge the event {}", self.kind.as_str());
        }
        if !rule.is_for(self.platform) {
            return format!("the rule is not for {}", platform(self.platform));
        }
        let mut tried = self.exemptions[usize::from(note.exemptions)].iter();
        if note.exempt
            && let Some(tried) = tried.find(|tried| tried.applies)
        {
            return format!("exempt: {}", tried.exemption);
        }
        if let Some(condition) = conditions.iter().find(|condition| condition.truth != "true") {
            let unknown = condition.seen.iter().find(|seen| seen.value.is_none());
            return match (condition.truth, unknown) {
                ("unknown", Some(seen)) => {
                    format!(
                        "`{}`: {} is {}",
                        condition.condition,
                        seen.field,
                        seen.note.as_deref().unwrap_or("unknown")
                    )
                }
                _ => format!("`{}` does not hold", condition.condition),
            };
        }
        match &note.counter {
            Some(counter) => format!("the counter is at {} of {}", counter.value, counter.at_least),
            None => "what its counter counts by is unknown".to_owned(),
        }
    }
}

// === impl Tracing ===

impl<'a> Tracing<'a> {
    fn new(rules: &'a RuleSet, facts: &'a Facts) -> Self {
        let conditions = rules.rules.iter().map(|rule| rule.when.len()).sum();
        Self {
            asking: Asking::new(facts, &rules.lists),
            rules,
            noted: Noted {
                of: Arc::clone(&rules.rules),
                kind: facts.kind,
                platform: facts.platform,
                rules: Vec::with_capacity(rules.rules.len()),
                truths: Vec::with_capacity(conditions),
                seen: Vec::with_capacity(rules.asked.len()),
                exemptions: Vec::new(),
            },
            seen: vec![None; rules.asked.len()],
            exempt: None,
        }
    }

    /// The place of what came of these exemptions.
    fn exemptions(&mut self, exempt: &'a Exemptions) -> u16 {
        if self.exempt.is_none_or(|last| last != exempt) {
            self.noted.exemptions.push(exempt.trace(self.asking.facts));
            self.exempt = Some(exempt);
        }
        (self.noted.exemptions.len() - 1) as u16
    }

    fn condition(&mut self, condition: &Condition) -> Truth {
        let truth = condition.ir.ask(&mut self.asking);
        let seen = self.seen(usize::from(condition.asks));
        self.noted.truths.push((truth, seen));
        truth
    }

    /// The place of what is seen by who asks this.
    fn seen(&mut self, asks: usize) -> u32 {
        if let Some(seen) = self.seen[asks] {
            return seen;
        }
        let slots = &self.rules.asked[asks];
        let all = slots.iter().map(|slot| seen(*slot, &self.asking)).collect();
        self.noted.seen.push(all);
        let place = (self.noted.seen.len() - 1) as u32;
        // More may be found in a text by what other rules look for.
        if !slots.iter().any(|slot| slot.feature().kind == Kind::Text) {
            self.seen[asks] = Some(place);
        }
        place
    }
}

fn seen(slot: Slot, asking: &Asking<'_>) -> Seen {
    let (facts, feature) = (asking.facts, slot.feature());
    let value = facts.show(slot);
    let note = match (&value, feature.kind) {
        (None, _) if !feature.on(facts.platform) => Some(format!("unknown on {}", platform(facts.platform))),
        (None, _) if !feature.events.has(facts.kind) => {
            Some(format!("unknown on the event {}", facts.kind.as_str()))
        }
        (None, _) => Some("unknown".to_owned()),
        (Some(_), Kind::Text) => matched(slot, asking),
        (Some(_), _) => None,
    };
    Seen {
        field: feature.path,
        pii: feature.pii.as_str(),
        value: value.map(shorten),
        note,
    }
}

/// What was found in a text.
fn matched(slot: Slot, asking: &Asking<'_>) -> Option<String> {
    let text = asking.facts.text(slot)?;
    let found = asking.search.found.iter().filter(|(known, ..)| *known == slot);
    let parts: Vec<String> = found
        .filter_map(|(_, list, range)| {
            let part = text.get(range.clone()?)?;
            let list = &asking.lists.all[usize::from(*list)].name;
            Some(format!("{list}: \"{}\"", shorten(part.to_owned())))
        })
        .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn shorten(text: String) -> String {
    match text.char_indices().nth(LONGEST_SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
