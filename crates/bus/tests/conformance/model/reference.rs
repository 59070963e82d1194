//! What became of every event in every group, as it must be.

use chrono::{DateTime, Utc};
use lockdown_bus::{ConsumerName, DeadReason, Delivery, GroupName, Position, Stream};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a group was given once: an entry of a stream, or one of its inbox.
pub(super) struct Item {
    pub(super) envelope: Arc<str>,
    pub(super) inbox: bool,
    pub(super) stream: Stream,
    /// Where it lies, known since it was handed out: an event may lie in an inbox more than once.
    pub(super) entry: Option<Position>,
    /// How often it was handed out, without the times it came back untouched.
    pub(super) deliveries: u64,
    pub(super) attempts: u32,
    pub(super) state: State,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    Unread,
    /// `since` is the last word of its holder, between these times.
    Held {
        by: ConsumerName,
        since: (DateTime<Utc>, DateTime<Utc>),
    },
    /// Given back, or its holder went with a restart: anybody may have it.
    Free,
    Acked,
    Dead,
    Trimmed,
}

/// One group: its items in the order in which it must be handed them, by stream and by inbox.
#[derive(Default)]
pub(super) struct Model {
    pub(super) items: Vec<Item>,
}

pub(super) struct Letter {
    pub(super) group: GroupName,
    pub(super) envelope: Arc<str>,
    pub(super) reason: DeadReason,
    pub(super) attempts: u32,
}

// === impl State ===

impl State {
    pub(super) fn is_open(&self) -> bool {
        matches!(self, Self::Unread | Self::Held { .. } | Self::Free)
    }

    pub(super) fn is_held_by(&self, name: &ConsumerName) -> bool {
        matches!(self, Self::Held { by, .. } if by == name)
    }
}

// === impl Model ===

impl Model {
    pub(super) fn add(&mut self, stream: Stream, inbox: bool, envelope: &Arc<str>) {
        self.items.push(Item {
            envelope: Arc::clone(envelope),
            inbox,
            stream,
            entry: None,
            deliveries: 0,
            attempts: 0,
            state: State::Unread,
        });
    }

    /// The item that this delivery is, which may have been handed out before or not.
    pub(super) fn find(&self, delivery: &Delivery) -> Option<usize> {
        let like = |item: &Item| item.inbox == delivery.inbox && item.envelope == delivery.envelope;
        let known = |item: &Item| like(item) && item.entry == Some(delivery.entry);
        let new = |item: &Item| like(item) && item.entry.is_none();
        let mut items = self.items.iter();
        items.position(known).or_else(|| self.items.iter().position(new))
    }

    /// Whether everything before this one, in its stream or inbox, was handed out before.
    pub(super) fn is_next(&self, at: usize) -> bool {
        let item = &self.items[at];
        let before = self.items[..at].iter();
        !before
            .filter(|other| other.inbox == item.inbox && other.stream == item.stream)
            .any(|other| other.state == State::Unread)
    }

    pub(super) fn open(&self) -> usize {
        self.items.iter().filter(|item| item.state.is_open()).count()
    }

    /// How many are in each state.
    pub(super) fn count(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for item in &self.items {
            let name = match item.state {
                State::Unread => "unread",
                State::Held { .. } => "held",
                State::Free => "free",
                State::Acked => "acked",
                State::Dead => "dead",
                State::Trimmed => "trimmed",
            };
            *counts.entry(name).or_default() += 1;
        }
        counts
    }
}
