//! What a group has open in one stream, or in its inbox.

use super::ranges::Ranges;
use crate::engine::Retry;
use std::collections::{BTreeMap, BTreeSet};

/// A consumer's name, as a number: entries are many, consumers few.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Consumer(pub(super) u32);

/// An entry that was handed out and is not settled.
#[derive(Debug, Clone)]
pub(super) struct Pending {
    pub(super) deliveries: u64,
    /// Nobody, when it was given back, or when its consumer ended with the process before.
    pub(super) held: Option<Held>,
    pub(super) retry: Option<Box<Retry>>,
    /// Whether it has a row of its own. One that was handed out once and has not failed needs none.
    pub(super) stored: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    pub(super) by: Consumer,
    /// The last word of its consumer, in microseconds since 1970.
    pub(super) since: i64,
}

/// The open entries by number, and which of them nobody holds.
#[derive(Debug, Default)]
pub(super) struct Open {
    entries: BTreeMap<u64, Pending>,
    free: BTreeSet<u64>,
}

/// How far a group has come in one stream.
#[derive(Debug, Clone, Default)]
pub(super) struct Bounds {
    /// Everything up to here is settled.
    pub(super) floor: u64,
    /// Everything up to here was handed out.
    pub(super) handed: u64,
    /// What is settled between the two.
    pub(super) settled: Ranges,
}

/// A group's part in one stream. The inbox has no bounds: what is not open there does not exist.
#[derive(Debug, Default)]
pub(super) struct Lane {
    pub(super) bounds: Bounds,
    pub(super) open: Open,
}

// === impl Open ===

impl Open {
    pub(super) fn get(&self, seq: u64) -> Option<&Pending> {
        self.entries.get(&seq)
    }

    /// Puts or removes an entry, and returns what was there.
    pub(super) fn set(&mut self, seq: u64, pending: Option<Pending>) -> Option<Pending> {
        let free = pending.as_ref().is_some_and(|pending| pending.held.is_none());
        let before = match pending {
            Some(pending) => self.entries.insert(seq, pending),
            None => self.entries.remove(&seq),
        };
        let was_free = before.as_ref().is_some_and(|before| before.held.is_none());
        match (was_free, free) {
            (true, false) => drop(self.free.remove(&seq)),
            (false, true) => drop(self.free.insert(seq)),
            _ => {}
        }
        before
    }

    pub(super) fn free(&self, max: usize) -> Vec<u64> {
        self.free.iter().copied().take(max).collect()
    }

    pub(super) fn has_free(&self) -> bool {
        !self.free.is_empty()
    }

    /// What others have held since this time or longer without a word.
    pub(super) fn silent(&self, but: Consumer, since: i64, max: usize) -> Vec<u64> {
        self.entries
            .iter()
            .filter(|(_, pending)| {
                pending
                    .held
                    .is_some_and(|held| held.by != but && held.since <= since)
            })
            .map(|(seq, _)| *seq)
            .take(max)
            .collect()
    }

    pub(super) fn holds(&self, consumer: Consumer) -> bool {
        self.entries
            .values()
            .any(|pending| pending.held.is_some_and(|held| held.by == consumer))
    }

    pub(super) fn held_by(&self, consumer: Consumer) -> u64 {
        let held = |pending: &&Pending| pending.held.is_some_and(|held| held.by == consumer);
        self.entries.values().filter(held).count() as u64
    }

    pub(super) fn count(&self) -> u64 {
        self.entries.len() as u64
    }

    pub(super) fn retrying(&self) -> u64 {
        let failed = |pending: &&Pending| pending.retry.is_some();
        self.entries.values().filter(failed).count() as u64
    }

    pub(super) fn first(&self) -> Option<u64> {
        self.entries.first_key_value().map(|(seq, _)| *seq)
    }

    pub(super) fn up_to(&self, seq: u64) -> Vec<u64> {
        self.entries.range(..=seq).map(|(seq, _)| *seq).collect()
    }
}

// === impl Bounds ===

impl Bounds {
    /// A group that begins after this entry.
    pub(super) fn after(seq: u64) -> Self {
        Self {
            floor: seq,
            handed: seq,
            settled: Ranges::default(),
        }
    }

    pub(super) fn settle(&mut self, seq: u64) {
        if seq <= self.floor {
            return;
        }
        if seq > self.floor + 1 {
            self.settled.insert(seq..=seq);
            return;
        }
        self.floor = self.settled.take_first(seq + 1).unwrap_or(seq);
    }

    /// Everything up to here is gone from the log.
    pub(super) fn forget_to(&mut self, seq: u64) {
        if seq <= self.floor {
            return;
        }
        self.settled.forget_to(seq);
        self.floor = self.settled.take_first(seq + 1).unwrap_or(seq);
        self.handed = self.handed.max(self.floor);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_floor_rises_with_the_first_gap(order in Just((1..=40_u64).collect::<Vec<_>>()).prop_shuffle(), count in 0..=40_usize) {
            let mut bounds = Bounds { handed: 40, ..Bounds::default() };
            let settled = &order[..count];
            for seq in settled {
                bounds.settle(*seq);
                bounds.settle(*seq);
            }
            let floor = (1..=40).take_while(|seq| settled.contains(seq)).count() as u64;
            prop_assert_eq!(bounds.floor, floor);
            let open: Vec<_> = bounds.settled.gaps(bounds.floor + 1..=40).flatten().collect();
            prop_assert_eq!(open, (floor + 1..=40).filter(|seq| !settled.contains(seq)).collect::<Vec<_>>());
        }
    }
}
