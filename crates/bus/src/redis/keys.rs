//! The names of everything that lies in Redis.
//!
//! All keys of a partition share its hash tag, so that a script may use them together on a Cluster.

use crate::engine::Group;
use crate::place::{GroupName, Stream};
use compact_str::{CompactString, format_compact};
use lockdown_events::EventId;

#[derive(Debug, Clone)]
pub(super) struct Keys {
    prefix: CompactString,
}

/// One of the two streams that a group reads in a partition: the events, and the group's own inbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Lane {
    pub(super) stream: Stream,
    pub(super) inbox: bool,
}

// === impl Keys ===

impl Keys {
    pub(super) fn new(prefix: &str) -> Self {
        Self {
            prefix: prefix.into(),
        }
    }

    pub(super) fn events(&self, stream: Stream) -> CompactString {
        format_compact!("{}:{{{stream}}}:ev", self.prefix)
    }

    pub(super) fn inbox(&self, stream: Stream, group: &GroupName) -> CompactString {
        format_compact!("{}:{{{stream}}}:in:{group}", self.prefix)
    }

    pub(super) fn lane(&self, lane: Lane, group: &GroupName) -> CompactString {
        if lane.inbox {
            self.inbox(lane.stream, group)
        } else {
            self.events(lane.stream)
        }
    }

    /// The retry records of a group: a hash from [`Lane::mark`] and entry to what failed when.
    pub(super) fn attempts(&self, stream: Stream, group: &GroupName) -> CompactString {
        format_compact!("{}:{{{stream}}}:att:{group}", self.prefix)
    }

    pub(super) fn dead(&self, stream: Stream) -> CompactString {
        format_compact!("{}:{{{stream}}}:dlq", self.prefix)
    }

    /// Holds the id of the entry that this event became.
    pub(super) fn once(&self, stream: Stream, event: &EventId) -> CompactString {
        format_compact!("{}:{{{stream}}}:once:{event}", self.prefix)
    }

    /// Written at every connection: see [`super::restore`].
    pub(super) fn seam(&self) -> CompactString {
        format_compact!("{}:seam", self.prefix)
    }

    /// Where other programs put their events.
    pub(super) fn inlet(&self) -> CompactString {
        format_compact!("{}:in", self.prefix)
    }

    /// The ids of the entries that are about what has this name.
    pub(super) fn about(&self, stream: Stream, name: &str) -> CompactString {
        format_compact!("{}:{{{stream}}}:about:{name}", self.prefix)
    }

    pub(super) fn mark(&self, name: &str) -> CompactString {
        format_compact!("{}:mark:{name}", self.prefix)
    }

    pub(super) fn tally(&self, name: &str) -> CompactString {
        format_compact!("{}:tally:{name}", self.prefix)
    }

    /// When each item of a board is due, and what each says.
    pub(super) fn board(&self, board: &str) -> [CompactString; 2] {
        ["due", "text"].map(|part| format_compact!("{}:{{board.{board}}}:{part}", self.prefix))
    }
}

// === impl Lane ===

impl Lane {
    pub(super) fn of(group: &Group) -> impl Iterator<Item = Self> {
        let streams = group.classes.iter().flat_map(|class| class.streams());
        streams.flat_map(|stream| [false, true].map(|inbox| Self { stream, inbox }))
    }

    /// What tells the entries of the two lanes apart where both are named: their ids can be the same.
    pub(super) fn mark(self) -> &'static str {
        if self.inbox { "in/" } else { "ev/" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::Class;

    #[test]
    fn every_key_of_a_partition_has_its_hash_tag() {
        let keys = Keys::new("lockdown");
        let stream = Stream {
            class: Class::Moderation,
            partition: 2,
        };
        let group = GroupName::new("worker.rules").unwrap();
        assert_eq!(keys.events(stream), "lockdown:{mod.2}:ev");
        assert_eq!(keys.inbox(stream, &group), "lockdown:{mod.2}:in:worker.rules");
        assert_eq!(keys.attempts(stream, &group), "lockdown:{mod.2}:att:worker.rules");
        assert_eq!(keys.dead(stream), "lockdown:{mod.2}:dlq");
    }
}
