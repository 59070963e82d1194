//! What this process reads: its consumers, their connections, and what it has handed out for them.

use super::keys::Lane;
use super::wire::Wire;
use crate::engine::Delivery;
use crate::place::{Class, ConsumerName, EntryId, GroupName};
use compact_str::CompactString;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Default)]
pub(super) struct Readers {
    all: Mutex<HashMap<(GroupName, ConsumerName), Arc<Reader>>>,
}

/// One consumer of one group in this process.
#[derive(Default)]
pub(super) struct Reader {
    /// Held through a whole read: a consumer reads one after the other.
    pub(super) reading: tokio::sync::Mutex<Reading>,
    held: Mutex<Held>,
    cursors: Mutex<HashMap<Lane, CompactString>>,
}

#[derive(Default)]
pub(super) struct Reading {
    /// Its own, for a read that blocks would hold up everything else. Away while a call is under way: if the call is
    /// given up, the connection is gone with it and the server stops serving it.
    pub(super) connection: Option<Wire>,
    /// What the server calls the last connection, so that it can be told to forget it.
    pub(super) client: Option<i64>,
    /// An answer may have been lost, and with it entries that the server counts as ours.
    pub(super) lost: bool,
    /// Read beyond what was asked for.
    pub(super) surplus: VecDeque<Delivery>,
    /// The lanes that had more than their share last time.
    pub(super) busy: Vec<Lane>,
    lanes: Option<(Vec<Class>, Arc<Lanes>)>,
}

/// The lanes of a group with their keys.
pub(super) type Lanes = Vec<(Lane, CompactString)>;

#[derive(Default)]
struct Held {
    entries: HashMap<Lane, BTreeSet<EntryId>>,
    /// The last entry that was acknowledged.
    acknowledged: BTreeMap<Lane, EntryId>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

// === impl Readers ===

impl Readers {
    pub(super) fn of(&self, group: &GroupName, consumer: &ConsumerName) -> Arc<Reader> {
        let mut all = lock(&self.all);
        Arc::clone(all.entry((group.clone(), consumer.clone())).or_default())
    }

    pub(super) fn forget(&self, group: &GroupName, consumer: &ConsumerName) {
        lock(&self.all).remove(&(group.clone(), consumer.clone()));
    }

    pub(super) fn drain(&self) -> Vec<((GroupName, ConsumerName), Arc<Reader>)> {
        lock(&self.all).drain().collect()
    }

    /// The entry up to which all is acknowledged, as far as this process knows.
    pub(super) fn acknowledged(&self, group: &GroupName, lane: Lane) -> EntryId {
        let all = lock(&self.all);
        let readers = all.iter().filter(|((known, _), _)| known == group);
        let (mut place, mut first_held) = (EntryId::ZERO, EntryId::MAX);
        for (_, reader) in readers {
            let held = lock(&reader.held);
            place = place.max(held.acknowledged.get(&lane).copied().unwrap_or(EntryId::ZERO));
            let first = held.entries.get(&lane).and_then(|entries| entries.first());
            first_held = first_held.min(first.copied().unwrap_or(EntryId::MAX));
        }
        if first_held <= place {
            before(first_held)
        } else {
            place
        }
    }
}

fn before(id: EntryId) -> EntryId {
    match (id.major, id.minor) {
        (0, 0) => id,
        (major, 0) => EntryId {
            major: major - 1,
            minor: u64::MAX,
        },
        (major, minor) => EntryId {
            major,
            minor: minor - 1,
        },
    }
}

// === impl Reader ===

impl Reader {
    pub(super) fn hold(&self, deliveries: &[Delivery]) {
        let mut held = lock(&self.held);
        for delivery in deliveries {
            held.entries
                .entry(lane_of(delivery))
                .or_default()
                .insert(delivery.entry.id);
        }
    }

    pub(super) fn holds(&self, lane: Lane, id: EntryId) -> bool {
        lock(&self.held)
            .entries
            .get(&lane)
            .is_some_and(|entries| entries.contains(&id))
    }

    pub(super) fn settled<'a>(&self, deliveries: impl Iterator<Item = &'a Delivery>, acknowledged: bool) {
        let mut held = lock(&self.held);
        for delivery in deliveries {
            let (lane, id) = (lane_of(delivery), delivery.entry.id);
            if let Some(entries) = held.entries.get_mut(&lane) {
                entries.remove(&id);
            }
            if acknowledged {
                let place = held.acknowledged.entry(lane).or_insert(id);
                *place = id.max(*place);
            }
        }
    }

    /// Keeps of what is held only what the server says is.
    pub(super) fn keep_only(&self, lane: Lane, ids: &BTreeSet<EntryId>) {
        if let Some(entries) = lock(&self.held).entries.get_mut(&lane) {
            entries.retain(|id| ids.contains(id));
        }
    }

    pub(super) fn cursor(&self, lane: Lane) -> CompactString {
        lock(&self.cursors)
            .get(&lane)
            .cloned()
            .unwrap_or_else(|| "-".into())
    }

    pub(super) fn set_cursor(&self, lane: Lane, cursor: CompactString) {
        lock(&self.cursors).insert(lane, cursor);
    }
}

// === impl Reading ===

impl Reading {
    pub(super) fn lanes(&mut self, classes: &[Class], make: impl FnOnce() -> Lanes) -> Arc<Lanes> {
        match &self.lanes {
            Some((known, lanes)) if known == classes => Arc::clone(lanes),
            _ => {
                let lanes = Arc::new(make());
                self.lanes = Some((classes.to_vec(), Arc::clone(&lanes)));
                lanes
            }
        }
    }
}

pub(super) fn lane_of(delivery: &Delivery) -> Lane {
    Lane {
        stream: delivery.entry.stream,
        inbox: delivery.inbox,
    }
}
