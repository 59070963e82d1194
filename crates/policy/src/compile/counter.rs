//! A rule's counter, and its limit, as questions to whoever counts.

use super::hash::Hasher;
use crate::catalogue::{Key, Slot};
use crate::counter::{Ask, Counted, CounterKey, First};
use crate::document::{Across, Count};
use crate::duration::Millis;
use crate::facts::Facts;
use crate::text::Text;

#[derive(Debug)]
pub(crate) struct CompiledCount {
    /// What is counted: conditions and keys, not the rule's name or threshold, so that an edit elsewhere starts no new count.
    identity: CounterKey,
    of: Box<[Key]>,
    distinct: Option<Key>,
    network: bool,
    pub(crate) within: Millis,
    pub(crate) at_least: u32,
}

// === impl CompiledCount ===

impl CompiledCount {
    /// `conditions` are canonical.
    pub(super) fn new(count: &Count, conditions: &[&str]) -> Self {
        let mut sorted = conditions.to_vec();
        sorted.sort_unstable();
        let mut hasher = Hasher::new("lockdown counter 1");
        for condition in sorted {
            hasher.part(condition.as_bytes());
        }
        hasher.part(&count.within.to_le_bytes());
        for key in &count.of {
            hasher.part(key.value.info().name.as_bytes());
        }
        hasher.part(b"distinct");
        if let Some(key) = &count.distinct {
            hasher.part(key.value.info().name.as_bytes());
        }
        Self {
            identity: hasher.key(),
            of: count.of.iter().map(|key| key.value).collect(),
            distinct: count.distinct.as_ref().map(|key| key.value),
            network: count.across == Across::Network,
            within: count.within,
            at_least: count.at_least,
        }
    }

    /// `None` when what it counts by is not known of this event.
    pub(crate) fn ask(&self, facts: &Facts) -> Option<Ask> {
        let mut hasher = Hasher::new("lockdown count 1");
        hasher.part(&self.identity.0);
        if !self.network {
            hasher.part(facts.platform.as_str().as_bytes());
            hasher.part(facts.guild.as_bytes());
        }
        for key in &self.of {
            value(*key, facts, &mut hasher)?;
        }
        let distinct = match self.distinct {
            None => None,
            Some(key) => {
                let mut member = Hasher::new("lockdown member 1");
                value(key, facts, &mut member)?;
                Some(member.number())
            }
        };
        Some(Ask {
            key: hasher.key(),
            network: self.network,
            at: facts.at,
            within: self.within,
            event: counted(facts, distinct),
        })
    }

    /// The slots whose values it counts by.
    pub(crate) fn slots(&self) -> impl Iterator<Item = Slot> {
        self.of.iter().chain(&self.distinct).filter_map(|key| match key {
            Key::Values(slot) => Some(*slot),
            Key::Fingerprint => Some(Slot::Text),
            Key::Author | Key::Guild | Key::Channel => None,
        })
    }
}

/// The question for a rule's limit. Of a burst, all count as the first.
pub(crate) fn ask_limit(rule: &str, per: Millis, facts: &Facts, first: Option<&First>) -> Ask {
    let mut hasher = Hasher::new("lockdown limit 1");
    for part in [facts.platform.as_str(), &facts.guild, rule] {
        hasher.part(part.as_bytes());
    }
    let event = match first {
        Some(first) => Counted {
            event_id: first.event_id,
            distinct: None,
            author: facts.author.clone(),
            channel: None,
            message: None,
        },
        None => counted(facts, None),
    };
    Ask {
        key: hasher.key(),
        network: false,
        at: first.map_or(facts.at, |first| first.at),
        within: per,
        event,
    }
}

pub(crate) fn counted(facts: &Facts, distinct: Option<u64>) -> Counted {
    Counted {
        event_id: facts.event_id,
        distinct,
        author: facts.author.clone(),
        channel: facts.channel.clone(),
        message: facts.message.clone(),
    }
}

fn value(key: Key, facts: &Facts, hasher: &mut Hasher) -> Option<()> {
    match key {
        // The same account is the same person in every community, but not on another platform.
        Key::Author => {
            hasher.part(facts.platform.as_str().as_bytes());
            hasher.part(facts.author.as_bytes());
        }
        Key::Guild => {
            hasher.part(facts.platform.as_str().as_bytes());
            hasher.part(facts.guild.as_bytes());
        }
        Key::Channel => {
            hasher.part(facts.guild.as_bytes());
            hasher.part(facts.channel.as_ref()?.as_bytes());
        }
        Key::Fingerprint => {
            hasher.part(&fingerprint(facts.text(Slot::Text)?)?.to_le_bytes());
        }
        Key::Values(slot) => {
            let mut words: Vec<&str> = facts.words(slot)?.iter().map(String::as_str).collect();
            if words.is_empty() {
                return None;
            }
            words.sort_unstable();
            words.dedup();
            for word in words {
                hasher.part(word.as_bytes());
            }
        }
    }
    Some(())
}

/// Names the bursts of one person against one rule.
pub(super) fn burst_key(rule: &str, facts: &Facts) -> CounterKey {
    let mut hasher = Hasher::new("lockdown burst 1");
    for part in [facts.platform.as_str(), &facts.guild, rule, &facts.author] {
        hasher.part(part.as_bytes());
    }
    hasher.key()
}

/// The text without what disguises it; `None` when it has no letters or digits.
fn fingerprint(text: &str) -> Option<u64> {
    let letters: String = Text::of(text)
        .joined()
        .as_str()
        .chars()
        .filter(|c| c.is_alphanumeric())
        .collect();
    if letters.is_empty() {
        return None;
    }
    let mut hasher = Hasher::new("lockdown text 1");
    hasher.part(letters.as_bytes());
    Some(hasher.number())
}
