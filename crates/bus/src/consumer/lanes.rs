//! Who may run now: one event of a community at a time, the communities side by side.

use crate::FastHash;
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// Queues by key. A key that runs does not run again before it is done.
#[derive(Debug)]
pub(super) struct Lanes<K, T> {
    lanes: HashMap<K, Lane<T>, FastHash>,
    /// Keys that have something to run and do not run, in the order of their turn.
    ready: VecDeque<K>,
    /// Queues that are no longer used, for the next lane: most lanes live for one event.
    spare: Vec<VecDeque<T>>,
}

#[derive(Debug)]
struct Lane<T> {
    waiting: VecDeque<T>,
    running: bool,
}

// === impl Lanes ===

impl<K: Clone + Eq + Hash, T> Lanes<K, T> {
    pub(super) fn new() -> Self {
        Self {
            lanes: HashMap::default(),
            ready: VecDeque::new(),
            spare: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, key: &K, item: T) {
        let lane = self.lanes.entry(key.clone()).or_insert_with(|| Lane {
            waiting: self.spare.pop().unwrap_or_default(),
            running: false,
        });
        if lane.waiting.is_empty() && !lane.running {
            self.ready.push_back(key.clone());
        }
        lane.waiting.push_back(item);
    }

    /// The next item that may run; its key runs until [`Lanes::done`].
    pub(super) fn next(&mut self) -> Option<(K, T)> {
        let key = self.ready.pop_front()?;
        let lane = self.lanes.get_mut(&key)?;
        lane.running = true;
        let item = lane.waiting.pop_front()?;
        Some((key, item))
    }

    pub(super) fn done(&mut self, key: &K) {
        let Some(lane) = self.lanes.get_mut(key) else {
            return;
        };
        lane.running = false;
        if lane.waiting.is_empty() {
            self.spare.extend(self.lanes.remove(key).map(|lane| lane.waiting));
        } else {
            self.ready.push_back(key.clone());
        }
    }

    /// Everything that waits, and no longer does.
    pub(super) fn drain(&mut self) -> Vec<T> {
        self.ready.clear();
        self.lanes
            .values_mut()
            .flat_map(|lane| lane.waiting.drain(..))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_runs_one_at_a_time_and_in_order_and_others_beside_it() {
        let next = |lanes: &mut Lanes<_, _>| lanes.next().map(|(_, item)| item);
        let mut lanes = Lanes::new();
        for (key, item) in [("a", 1), ("a", 2), ("b", 10), ("a", 3), ("b", 11)] {
            lanes.push(&key, item);
        }
        assert_eq!([(); 3].map(|()| next(&mut lanes)), [Some(1), Some(10), None]);
        lanes.done(&"a");
        assert_eq!([(); 2].map(|()| next(&mut lanes)), [Some(2), None]);
        lanes.done(&"b");
        lanes.done(&"a");
        assert_eq!([(); 3].map(|()| next(&mut lanes)), [Some(11), Some(3), None]);
        lanes.done(&"a");
        lanes.done(&"b");
        assert!(lanes.lanes.is_empty(), "an idle key costs memory");
        lanes.push(&"a", 4);
        assert_eq!(next(&mut lanes), Some(4));
        lanes.push(&"a", 5);
        assert_eq!((next(&mut lanes), lanes.drain()), (None, vec![5]));
    }
}
