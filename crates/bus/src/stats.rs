//! What there is in a log, and how far its readers are.

use crate::place::{ConsumerName, EntryId, GroupName, Stream};
use compact_str::CompactString;
use std::time::Duration;

/// A log as it was a moment ago. It is no snapshot: its parts are asked for one after the other while others go on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// All streams, in their order.
    pub streams: Vec<StreamStats>,
    /// The groups that the log knows, by name, and those it knows only from their dead letters.
    pub groups: Vec<GroupStats>,
}

/// What lies in a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamStats {
    pub stream: Stream,
    pub length: u64,
    /// The oldest entry; none where nothing lies.
    pub first: Option<EntryId>,
    /// The newest that was ever appended.
    pub last: EntryId,
    /// Appended in all, with what was trimmed since.
    pub appended: u64,
    /// What it takes in the engine's memory, by estimate; none where that is not known by stream.
    pub bytes: Option<u64>,
    /// Dead letters of all groups.
    pub dead: u64,
}

/// How far a group is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupStats {
    pub name: GroupName,
    /// The streams that it reads.
    pub lanes: Vec<LaneStats>,
    /// Events in its inbox, handed out or not.
    pub inbox: u64,
    /// Open events that have failed, and wait for another try or have one under way.
    pub retrying: u64,
    /// Its dead letters.
    pub dead: u64,
    /// Who reads, by name, and who read before and still holds something.
    pub consumers: Vec<ConsumerStats>,
}

/// How far a group is in one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneStats {
    pub stream: Stream,
    /// The last entry that was handed out.
    pub place: EntryId,
    /// Entries that were not handed out yet; none where they are too many to be counted and the engine lost count.
    pub lag: Option<u64>,
    /// Handed out and not settled.
    pub pending: u64,
    /// How long ago the oldest of them was appended.
    pub oldest: Option<Duration>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerStats {
    pub name: ConsumerName,
    /// What it holds, in all streams and the inbox.
    pub pending: u64,
    /// How long it has said nothing.
    pub idle: Duration,
}

/// Who listens now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listeners {
    /// By channel, in the order asked for; those that listen by a pattern are not among them.
    pub channels: Vec<u64>,
    /// Patterns that are listened to in all.
    pub patterns: u64,
}

/// What came of removing a group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Removal {
    pub removed: bool,
    /// Events that the group had not settled: lost for it if it is gone, and the reason if it is not. Counted up to
    /// 10,000 a stream where the engine keeps no count.
    pub open: u64,
}

/// The bus as a process sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BusStats {
    /// How long the engine took to answer.
    pub round_trip: Duration,
    pub log: Stats,
    /// Every event type and live channel with who listens to it by name, in all processes.
    pub channels: Vec<(CompactString, u64)>,
    /// Patterns that are listened to, in all processes.
    pub patterns: u64,
    /// Subscriptions of this process.
    pub subscriptions: usize,
    /// Events of this process that wait to be published, and those on its disk; none without a spool.
    pub queued: usize,
    pub spooled: Option<u64>,
}

// === impl Stats ===

impl Stats {
    pub fn group(&self, name: &GroupName) -> Option<&GroupStats> {
        self.groups.iter().find(|group| group.name == *name)
    }
}

// === impl GroupStats ===

impl GroupStats {
    pub(crate) fn new(name: GroupName) -> Self {
        Self {
            name,
            lanes: Vec::new(),
            inbox: 0,
            retrying: 0,
            dead: 0,
            consumers: Vec::new(),
        }
    }

    /// What waits to be handed out; none when that is not known of some stream.
    pub fn lag(&self) -> Option<u64> {
        self.lanes.iter().map(|lane| lane.lag).sum()
    }

    /// What is handed out and not settled, but for the inbox.
    pub fn pending(&self) -> u64 {
        self.lanes.iter().map(|lane| lane.pending).sum()
    }

    pub fn oldest(&self) -> Option<Duration> {
        self.lanes.iter().filter_map(|lane| lane.oldest).max()
    }
}
