//! What the rules say about one event.

use super::plan::Planned;
use crate::compile::RuleSet;
use crate::counter::Counted;
use crate::document::AtLimit;
use lockdown_events::{ChannelId, MessageId, MessageRef, RuleHit, VerdictAct};
use serde::Serialize;
use std::sync::Arc;

#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    pub rule_set: Arc<str>,
    pub hits: Vec<Hit>,
    /// What is done at once, then what waits for moderators; of several sanctions the gravest.
    pub acts: Vec<Planned>,
    pub ladder: Option<Reached>,
}

/// A rule that matched.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// Its place in the rule set.
    pub rule: usize,
    pub outcome: Outcome,
    /// The part of the message's own text that matched, in UTF-16 units as both platforms count.
    pub span: Option<[u32; 2]>,
    /// What its counter counted, this event included.
    pub counted: Vec<Counted>,
}

/// What became of a rule that matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Acts,
    /// It would have acted.
    Shadow,
    /// It acted too often: it is to be paused, or waits.
    AtLimit(AtLimit),
    /// It was paused before.
    Paused,
}

/// A step of the ladder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reached {
    /// Strikes before this verdict; `None` when nobody knew them, and then they counted as none.
    pub before: Option<u32>,
    pub after: u32,
    /// The highest step that these strikes passed; `None` when they passed none.
    pub step: Option<u32>,
}

// === impl Verdict ===

impl Verdict {
    /// Whether any rule matched, acting or not.
    pub fn is_empty(&self) -> bool {
        self.hits.is_empty()
    }

    /// Whether rules that act matched.
    pub fn acts(&self) -> bool {
        self.hits.iter().any(|hit| hit.outcome == Outcome::Acts)
    }

    /// The rules that have to be paused, since they acted too often.
    pub fn to_pause<'r>(&self, rules: &'r RuleSet) -> impl Iterator<Item = &'r str> {
        let hits = self
            .hits
            .iter()
            .filter(|hit| hit.outcome == Outcome::AtLimit(AtLimit::Pause));
        hits.filter_map(|hit| rules.rules.get(hit.rule))
            .map(|rule| &*rule.id)
    }

    /// The matched rules as `moderation:automod` tells them; shadow ones when `shadow`, acting ones otherwise.
    pub fn rule_hits(&self, rules: &RuleSet, shadow: bool) -> Vec<RuleHit> {
        let wanted = if shadow { Outcome::Shadow } else { Outcome::Acts };
        let hits = self.hits.iter().filter(|hit| hit.outcome == wanted);
        hits.filter_map(|hit| {
            let rule = rules.rules.get(hit.rule)?;
            Some(RuleHit {
                rule: rule.id.to_string(),
                policy: rule.policy.as_deref().map(str::to_owned),
                span: hit.span,
            })
        })
        .collect()
    }

    /// What is to be done as `moderation:automod` tells it: what waits for nobody.
    pub fn verdict_acts(&self) -> Vec<VerdictAct> {
        let at_once = self.acts.iter().filter(|planned| planned.approval == 0);
        at_once
            .map(|planned| VerdictAct {
                act: planned.act.word().to_owned(),
                argument: planned.act.argument(),
                messages: planned.counted.iter().filter_map(message).collect(),
                roles: Vec::new(),
            })
            .collect()
    }
}

fn message(counted: &Counted) -> Option<MessageRef> {
    Some(MessageRef {
        channel_id: counted.channel.as_deref().and_then(|id| ChannelId::new(id).ok()),
        message_id: MessageId::new(counted.message.as_deref()?).ok()?,
    })
}
