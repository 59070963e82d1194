//! Counters in memory: for tests, replays and one process.

use super::{Answer, Ask, Counted, CounterKey, Counters, MOST, window};
use crate::duration::Millis;
use std::collections::HashMap;
use std::collections::VecDeque;

/// How often keys that nobody asks any more are looked for.
const SWEEP_EVERY: u64 = 10_000;

#[derive(Debug, Default)]
pub struct InMemory {
    keys: HashMap<CounterKey, Window>,
    asked: u64,
}

#[derive(Debug, Default)]
struct Window {
    /// In the order in which they were noted.
    events: VecDeque<(Millis, Counted)>,
    within: Millis,
}

// === impl InMemory ===

impl InMemory {
    pub fn new() -> Self {
        Self::default()
    }

    /// How many events are kept.
    pub fn kept(&self) -> usize {
        self.keys.values().map(|window| window.events.len()).sum()
    }

    /// Drops what no window reaches any more.
    pub fn sweep(&mut self, now: Millis) {
        self.keys.retain(|_, window| {
            let oldest = now.saturating_sub(window.within);
            window.events.iter().any(|(at, _)| *at > oldest)
        });
    }
}

impl Counters for InMemory {
    fn count(&mut self, asks: &[Ask]) -> Vec<Answer> {
        asks.iter()
            .map(|ask| {
                self.asked += 1;
                if self.asked.is_multiple_of(SWEEP_EVERY) {
                    self.sweep(ask.at);
                }
                self.keys.entry(ask.key).or_default().note(ask)
            })
            .collect()
    }
}

// === impl Window ===

impl Window {
    fn note(&mut self, ask: &Ask) -> Answer {
        self.within = self.within.max(ask.within);
        // Of an event that was noted before, the time it had then holds, and what was noted since is not counted to it.
        let known = self
            .events
            .iter()
            .position(|(_, event)| event.event_id == ask.event.event_id);
        let place = known.unwrap_or_else(|| {
            self.events.push_back((ask.at, ask.event.clone()));
            // One that is told late still finds those that are as much older than it.
            let oldest = ask.at.saturating_sub(self.within.saturating_mul(2));
            while self.events.len() > MOST as usize
                || (self.events.len() > 1 && self.events.front().is_some_and(|(at, _)| *at <= oldest))
            {
                self.events.pop_front();
            }
            self.events.len() - 1
        });
        window(&self.events.make_contiguous()[..=place], ask.within)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lockdown_events::EventId;

    fn ask(event: u64, at: Millis, distinct: Option<u64>) -> Ask {
        let id = format!("0199c2d4-0000-7000-8000-{event:012}");
        Ask {
            key: CounterKey([7; 16]),
            network: false,
            at,
            within: 10_000,
            event: Counted {
                event_id: EventId(id.parse().unwrap()),
                distinct,
                author: "1".to_owned(),
                channel: None,
                message: Some(event.to_string()),
            },
        }
    }

    #[test]
    fn a_window_slides_with_the_events() {
        let mut counters = InMemory::new();
        let mut value = |event, at| counters.count(&[ask(event, at, None)])[0].value();
        assert_eq!(value(1, 1_000), 1);
        assert_eq!(value(2, 5_000), 2);
        // The first is exactly as old as the window is long: it is out.
        assert_eq!(value(3, 11_000), 2);
        assert_eq!(value(4, 90_000), 1);
        // One from before stands alone and changes nothing.
        assert_eq!(value(5, 10_000), 1);
        assert_eq!(value(6, 91_000), 2);
    }

    #[test]
    fn a_redelivered_event_counts_once_and_is_answered_the_same() {
        let mut counters = InMemory::new();
        let first: Vec<Answer> = (1..=3)
            .map(|event| counters.count(&[ask(event, 1_000, None)]).remove(0))
            .collect();
        let again: Vec<Answer> = (1..=3)
            .map(|event| counters.count(&[ask(event, 1_000, None)]).remove(0))
            .collect();
        assert_eq!(first, again);
        assert_eq!(first[2].value(), 3);
        assert_eq!(counters.kept(), 3);
    }

    #[test]
    fn distinct_ones_are_counted_once() {
        let mut counters = InMemory::new();
        let values: Vec<u32> = [(1, 7), (2, 7), (3, 8), (4, 7), (5, 9)]
            .into_iter()
            .map(|(event, member)| counters.count(&[ask(event, 1_000, Some(member))])[0].value())
            .collect();
        assert_eq!(values, [1, 1, 2, 2, 3]);
    }

    #[test]
    fn a_key_keeps_no_more_than_a_threshold_can_ask() {
        let mut counters = InMemory::new();
        for event in 0..3_000 {
            counters.count(&[ask(event, 1_000 + i64::try_from(event).unwrap(), None)]);
        }
        assert_eq!(counters.kept(), MOST as usize);
        counters.sweep(1_000_000);
        assert_eq!(counters.kept(), 0);
    }
}
