//! How often something happened: what rules with `count:` ask.
//!
//! Whoever keeps counters keeps single events, in their own time, up to [`MOST`] a key: a threshold is never higher,
//! so nothing is estimated, the events that were counted can be shown and acted on, and one that is delivered again
//! is known for the same.

mod memory;

pub use memory::InMemory;

use crate::duration::{DAY, Millis};
use lockdown_events::EventId;
use serde::Serialize;

/// The highest threshold, and how many events a key keeps.
pub const MOST: u32 = 1_000;
/// How far a counter looks back at most.
pub const LONGEST: Millis = 7 * DAY;

/// A counter, and what belongs together in it. It does not depend on the rule set's version: a rule that is changed
/// elsewhere keeps its count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct CounterKey(pub [u8; 16]);

/// One question: note this event, and say what stands in the window with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    pub key: CounterKey,
    /// Whether all communities share it.
    pub network: bool,
    pub at: Millis,
    pub within: Millis,
    pub event: Counted,
}

/// An event that was counted, with what is needed to act on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counted {
    pub event_id: EventId,
    /// What has to differ, for a counter of distinct ones.
    #[serde(skip)]
    pub distinct: Option<u64>,
    pub author: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// What stands in the window, the asking event included.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// In the order of their time.
    pub events: Vec<Counted>,
}

// === impl Answer ===

impl Answer {
    /// How many, or how many different ones.
    pub fn value(&self) -> u32 {
        let mut members: Vec<u64> = self.events.iter().filter_map(|event| event.distinct).collect();
        let plain = self.events.len() - members.len();
        members.sort_unstable();
        members.dedup();
        u32::try_from(plain + members.len()).unwrap_or(u32::MAX)
    }
}

/// Keeps counters. Asked once an event, for all rules that are still alive.
pub trait Counters {
    fn count(&mut self, asks: &[Ask]) -> Vec<Answer>;
}
