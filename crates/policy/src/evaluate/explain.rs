//! Why a verdict is what it is, and why an event was not caught.

use super::judge::{Judge, holds_here};
use super::verdict::{Outcome, Reached, Verdict};
use crate::catalogue::{Kind, Slot};
use crate::compile::{Asking, Condition, Exemption, Exemptions, Rule, RuleSet, Truth};
use crate::counter::{Counted, Counters};
use crate::document::Mode;
use crate::duration;
use crate::facts::Facts;
use crate::shared::Shared;
use lockdown_events::{EventId, Platform};
use serde::Serialize;

/// Longer parts of a text are cut in an explanation.
const LONGEST_SHOWN: usize = 80;

/// Everything that was asked about one event, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    pub rule_set: String,
    pub event_id: EventId,
    pub event: &'static str,
    /// Every rule, in the order of the file.
    pub rules: Vec<RuleTrace>,
    /// What is done, gravest of several sanctions only, with who asked for it.
    pub acts: Vec<ActTrace>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ladder: Option<LadderTrace>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleTrace {
    pub rule: Shared<str>,
    pub line: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<Shared<str>>,
    pub mode: &'static str,
    pub hit: bool,
    /// What became of it, in a sentence: for a rule that did not hit, why not.
    pub because: String,
    pub conditions: Vec<ConditionTrace>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counter: Option<CounterTrace>,
    pub exemptions: Shared<[Exemption]>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConditionTrace {
    pub condition: Shared<str>,
    pub line: u32,
    /// `true`, `false` or `unknown`.
    pub truth: &'static str,
    /// Each thing that it asks for, with the value seen.
    pub seen: Shared<[Seen]>,
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

/// One explanation as it is written. What many rules ask alike is written once.
struct Tracing<'a> {
    asking: Asking<'a>,
    rules: &'a RuleSet,
    /// What was seen by conditions that ask the same, in the order of [`RuleSet::asked`].
    seen: Vec<Option<Shared<[Seen]>>>,
    /// Whom the last rule did not concern.
    exempt: Option<(&'a Exemptions, Shared<[Exemption]>)>,
}

impl<C: Counters> Judge<C> {
    /// Judges once more, telling everything. Counters know the event by its id, so nothing is counted twice.
    pub fn explain(&mut self, rules: &RuleSet, facts: &Facts) -> (Verdict, Explanation) {
        let verdict = self.judge(rules, facts);
        let mut tracing = Tracing {
            asking: Asking::new(facts, &rules.lists),
            rules,
            seen: vec![None; rules.asked.len()],
            exempt: None,
        };
        let traces = rules
            .rules
            .iter()
            .enumerate()
            .map(|(index, rule)| self.trace(rule, index, &verdict, &mut tracing))
            .collect();
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
            rules: traces,
            acts: acts.collect(),
            ladder: verdict.ladder.clone(),
        };
        (verdict, explanation)
    }

    fn trace<'a>(
        &mut self,
        rule: &'a Rule,
        index: usize,
        verdict: &Verdict,
        tracing: &mut Tracing<'a>,
    ) -> RuleTrace {
        let facts = tracing.asking.facts;
        let judged = rule.events.has(facts.kind) && holds_here(rule, facts);
        let conditions: Vec<ConditionTrace> = if judged {
            rule.when
                .iter()
                .map(|condition| tracing.condition(condition))
                .collect()
        } else {
            Vec::new()
        };
        let exemptions = tracing.exemptions(&rule.exempt);
        let exempt = !self.everybody && exemptions.iter().any(|tried| tried.applies);
        let hit = verdict.hits.iter().find(|hit| hit.rule == index);
        let holds = judged && conditions.iter().all(|condition| condition.truth == "true");
        let count = rule
            .count
            .as_ref()
            .filter(|_| holds && !exempt && rule.mode != Mode::Disabled);
        let counter = count.and_then(|count| {
            let answer = self.counters().count(&[count.ask(facts)?]).pop()?;
            Some(CounterTrace {
                value: answer.value(),
                at_least: count.at_least,
                within: duration::show(count.within),
                events: answer.events,
            })
        });
        let because = match hit {
            Some(hit) => outcome(hit.outcome),
            None => self.why_not(rule, facts, &conditions, &exemptions, counter.as_ref()),
        };
        RuleTrace {
            rule: rule.id.clone(),
            line: rule.line,
            policy: rule.policy.clone(),
            mode: rule.mode.as_str(),
            hit: hit.is_some(),
            because,
            conditions,
            counter,
            exemptions,
        }
    }

    fn why_not(
        &self,
        rule: &Rule,
        facts: &Facts,
        conditions: &[ConditionTrace],
        exemptions: &[Exemption],
        counter: Option<&CounterTrace>,
    ) -> String {
        if rule.mode == Mode::Disabled {
            return "the rule is disabled".to_owned();
        }
        if !rule.events.has(facts.kind) {
            return format!("the rule does not judge the event {}", facts.kind.as_str());
        }
        if !holds_here(rule, facts) {
            return format!("the rule is not for {}", platform(facts.platform));
        }
        if let Some(tried) = exemptions.iter().find(|tried| tried.applies && !self.everybody) {
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
                _ => ["`", &condition.condition, "` does not hold"].concat(),
            };
        }
        match counter {
            Some(counter) => format!("the counter is at {} of {}", counter.value, counter.at_least),
            None => "what its counter counts by is unknown".to_owned(),
        }
    }
}

fn outcome(outcome: Outcome) -> String {
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
    .to_owned()
}

fn platform(platform: Platform) -> &'static str {
    match platform {
        Platform::Discord => "Discord",
        Platform::Telegram => "Telegram",
    }
}

// === impl Tracing ===

impl<'a> Tracing<'a> {
    fn exemptions(&mut self, exempt: &'a Exemptions) -> Shared<[Exemption]> {
        if let Some((last, tried)) = &self.exempt
            && *last == exempt
        {
            return tried.clone();
        }
        let tried = Shared::from(exempt.trace(self.asking.facts));
        self.exempt = Some((exempt, tried.clone()));
        tried
    }

    fn condition(&mut self, condition: &Condition) -> ConditionTrace {
        let truth = match condition.ir.ask(&mut self.asking) {
            Truth::True => "true",
            Truth::False => "false",
            Truth::Unknown => "unknown",
        };
        ConditionTrace {
            condition: condition.text.clone(),
            line: condition.line,
            truth,
            seen: self.seen(usize::from(condition.asks)),
        }
    }

    fn seen(&mut self, asks: usize) -> Shared<[Seen]> {
        if let Some(seen) = &self.seen[asks] {
            return seen.clone();
        }
        let slots = &self.rules.asked[asks];
        let all: Vec<Seen> = slots.iter().map(|slot| seen(*slot, &self.asking)).collect();
        let all = Shared::from(all);
        // More may be found in a text by what other rules look for.
        if !slots.iter().any(|slot| slot.feature().kind == Kind::Text) {
            self.seen[asks] = Some(all.clone());
        }
        all
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
