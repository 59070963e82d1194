//! The newest entries, kept in memory: whoever keeps up is handed out of here, and the file is not read.

use compact_str::CompactString;
use std::collections::VecDeque;
use std::sync::Arc;

/// What of an entry is handed out.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) channel: CompactString,
    pub(super) envelope: Arc<str>,
}

/// The newest entries of each stream, without gaps; together no more than a number of bytes.
#[derive(Debug)]
pub(super) struct Ring {
    streams: Vec<VecDeque<Entry>>,
    /// The number of the first entry kept of each stream.
    first: Vec<u64>,
    /// The stream of every entry, in the order of appending.
    order: VecDeque<u8>,
    bytes: usize,
    most: usize,
}

/// What an entry takes beside its envelope.
const OVERHEAD: usize = 96;

// === impl Ring ===

impl Ring {
    pub(super) fn new(streams: usize, most: usize) -> Self {
        Self {
            streams: vec![VecDeque::new(); streams],
            first: vec![1; streams],
            order: VecDeque::new(),
            bytes: 0,
            most,
        }
    }

    /// Adds the entry that follows the last one of its stream.
    pub(super) fn push(&mut self, stream: usize, seq: u64, entry: Entry) {
        if self.streams[stream].is_empty() {
            self.first[stream] = seq;
        }
        self.bytes += entry.envelope.len() + OVERHEAD;
        self.streams[stream].push_back(entry);
        self.order.push_back(u8::try_from(stream).expect("few streams"));
        while self.bytes > self.most {
            let Some(oldest) = self.order.pop_front() else {
                return;
            };
            let oldest = usize::from(oldest);
            if let Some(entry) = self.streams[oldest].pop_front() {
                self.bytes -= entry.envelope.len() + OVERHEAD;
                self.first[oldest] += 1;
            }
        }
    }

    pub(super) fn get(&self, stream: usize, seq: u64) -> Option<&Entry> {
        let at = seq.checked_sub(self.first[stream])?;
        self.streams[stream].get(usize::try_from(at).ok()?)
    }

    pub(super) fn clear(&mut self) {
        self.streams.iter_mut().for_each(VecDeque::clear);
        self.order.clear();
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_make_room() {
        let entry = |text: &str| Entry {
            channel: "a".into(),
            envelope: text.into(),
        };
        let mut ring = Ring::new(2, 3 * (OVERHEAD + 1));
        ring.push(0, 5, entry("a"));
        ring.push(1, 1, entry("b"));
        ring.push(0, 6, entry("c"));
        let found = |ring: &Ring, stream, seq| ring.get(stream, seq).map(|entry| entry.envelope.to_string());
        assert_eq!(found(&ring, 0, 5).as_deref(), Some("a"));
        ring.push(1, 2, entry("d"));
        assert_eq!(found(&ring, 0, 4), None);
        assert_eq!(found(&ring, 0, 5), None);
        assert_eq!(found(&ring, 0, 6).as_deref(), Some("c"));
        assert_eq!(found(&ring, 1, 1).as_deref(), Some("b"));
        assert_eq!(found(&ring, 1, 2).as_deref(), Some("d"));
        assert_eq!(found(&ring, 1, 3), None);
        // One that is larger than everything leaves nothing.
        ring.push(0, 7, entry(&"x".repeat(1000)));
        assert_eq!(found(&ring, 0, 7), None);
        ring.push(0, 8, entry("e"));
        assert_eq!(found(&ring, 0, 8).as_deref(), Some("e"));
        ring.clear();
        assert_eq!(found(&ring, 0, 8), None);
        ring.push(0, 9, entry("f"));
        assert_eq!(found(&ring, 0, 9).as_deref(), Some("f"));
    }
}
