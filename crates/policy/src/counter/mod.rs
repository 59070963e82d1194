//! How often something happened: what rules with `count:` ask.
//!
//! Whoever keeps counters keeps single events, in their own time, up to [`MOST`] a key: a threshold is never higher,
//! so nothing is estimated, the events that were counted can be shown and acted on, and one that is delivered again
//! is known for the same.

//!
//! - [`InMemory`]: for tests, replays and one process. It gives what any other keeper of counters gives.
//! - [`Asked`]: answers that somebody fetches, from wherever several processes count together.
//! - [`window()`]: what of the events that were noted belongs together.

mod asked;
mod memory;
mod window;

pub use asked::Asked;
pub use memory::InMemory;
pub use window::window;

use crate::duration::{DAY, Millis};
use lockdown_events::EventId;
use serde::Serialize;
use serde_json::json;

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

// === impl Counted ===

impl Counted {
    /// As it is kept where several processes count: the same event always has the same text.
    pub fn to_text(&self) -> String {
        json!([
            self.event_id,
            self.distinct,
            self.author,
            self.channel,
            self.message
        ])
        .to_string()
    }

    /// What [`Counted::to_text`] wrote; `None` for anything else.
    pub fn of_text(text: &str) -> Option<Self> {
        let (event_id, distinct, author, channel, message) = serde_json::from_str(text).ok()?;
        Some(Self {
            event_id,
            distinct,
            author,
            channel,
            message,
        })
    }
}

/// The event that began a burst: what one person does against one rule within moments is one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct First {
    pub event_id: EventId,
    pub at: Millis,
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
        value(self.events.iter())
    }
}

fn value<'e>(events: impl Iterator<Item = &'e Counted>) -> u32 {
    let (mut plain, mut members) = (0_usize, Vec::new());
    for event in events {
        match event.distinct {
            Some(member) => members.push(member),
            None => plain += 1,
        }
    }
    members.sort_unstable();
    members.dedup();
    u32::try_from(plain + members.len()).unwrap_or(u32::MAX)
}

/// Keeps counters. Asked once an event, for all rules that are still alive.
pub trait Counters {
    fn count(&mut self, asks: &[Ask]) -> Vec<Answer>;
}
