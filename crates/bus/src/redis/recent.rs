//! What the server has confirmed to this process in the last seconds.
//!
//! With `everysec` a server answers while its append-only file waits for the disk, so one that is killed then comes back
//! without its last confirmed events; so does a replica that takes the place of its primary. The publisher was told that
//! they are safe and has forgotten them, so they are remembered here until they must be on a disk, and looked for as soon
//! as another run of the server answers. A process that dies together with its server cannot do that.

use super::keys::Keys;
use crate::engine::Append;
use crate::place::{EntryId, Position, Stream};
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Redis waits two seconds for a disk that is busy, and then writes all the same.
const LASTS: Duration = Duration::from_secs(3);
/// Beyond either the oldest are forgotten sooner.
const EVENTS: usize = 100_000;
const BYTES: usize = 32 << 20;

pub(super) struct Recent {
    pub(super) keys: Keys,
    kept: Mutex<Kept>,
    put_back: AtomicU64,
}

/// Confirmed by one answer.
struct Batch {
    at: Instant,
    events: Vec<(Position, Append)>,
}

#[derive(Default)]
struct Kept {
    batches: VecDeque<Batch>,
    events: usize,
    bytes: usize,
    /// What the server calls its present run; not known where it does not let us ask.
    run: Option<String>,
    /// The first generation of the connection to that run. What an older one told is worth nothing.
    since: u64,
}

// === impl Recent ===

impl Recent {
    pub(super) fn new(keys: Keys) -> Self {
        Self {
            keys,
            kept: Mutex::default(),
            put_back: AtomicU64::new(0),
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers what a connection of this generation told. `false` when the server was looked through since, for what
    /// it had confirmed until then: whether these events are there is not known any more.
    pub(super) fn keep(&self, generation: u64, events: Vec<(Position, Append)>) -> bool {
        let now = Instant::now();
        let mut kept = self.kept();
        if generation < kept.since {
            return false;
        }
        if !events.is_empty() {
            kept.push(Batch { at: now, events });
        }
        kept.forget_before(now.checked_sub(LASTS));
        true
    }

    /// The server lives: what it confirmed long ago is safe.
    pub(super) fn lives(&self) {
        self.kept().forget_before(Instant::now().checked_sub(LASTS));
    }

    /// What is remembered, by stream and in its order, if this is another run of the server than before. From here on
    /// nothing counts that was told over connections before this one.
    pub(super) fn in_doubt(&self, run: Option<&str>, generation: u64) -> BTreeMap<Stream, Vec<EntryId>> {
        let mut kept = self.kept();
        let mut found: BTreeMap<Stream, Vec<EntryId>> = BTreeMap::new();
        if run.is_some() && run == kept.run.as_deref() {
            return found;
        }
        kept.since = generation;
        for (position, _) in kept.batches.iter().flat_map(|batch| &batch.events) {
            found.entry(position.stream).or_default().push(position.id);
        }
        for ids in found.values_mut() {
            // Answers to several calls may have been heard in another order.
            ids.sort_unstable();
            ids.dedup();
        }
        found
    }

    /// The events that were at these places, in the order of the places.
    pub(super) fn at(&self, stream: Stream, ids: &[EntryId]) -> Vec<(EntryId, Append)> {
        let wanted: HashSet<EntryId> = ids.iter().copied().collect();
        let kept = self.kept();
        let all = kept.batches.iter().flat_map(|batch| &batch.events);
        let mut found: Vec<(EntryId, Append)> = all
            .filter(|(position, _)| position.stream == stream && wanted.contains(&position.id))
            .map(|(position, event)| (position.id, event.clone()))
            .collect();
        found.sort_by_key(|(id, _)| *id);
        found.dedup_by_key(|(id, _)| *id);
        found
    }

    /// These are at other places now, where they can be lost again.
    pub(super) fn moved(&self, places: &HashMap<Position, Position>) {
        let now = Instant::now();
        for batch in &mut self.kept().batches {
            for (position, _) in &mut batch.events {
                if let Some(place) = places.get(position) {
                    *position = *place;
                    batch.at = now;
                }
            }
        }
        self.put_back.fetch_add(places.len() as u64, Ordering::Relaxed);
        metrics::counter!("lockdown_bus_put_back_total").increment(places.len() as u64);
    }

    /// All that could be done about the loss is done.
    pub(super) fn settled(&self, run: Option<String>) {
        self.kept().run = run;
    }

    pub(super) fn put_back(&self) -> u64 {
        self.put_back.load(Ordering::Relaxed)
    }
}

// === impl Kept ===

impl Kept {
    fn push(&mut self, batch: Batch) {
        self.events += batch.events.len();
        self.bytes += batch.bytes();
        self.batches.push_back(batch);
    }

    fn forget_before(&mut self, time: Option<Instant>) {
        while let Some(oldest) = self.batches.front() {
            let old = time.is_some_and(|time| oldest.at < time);
            if !old && self.events <= EVENTS && self.bytes <= BYTES {
                return;
            }
            self.events -= oldest.events.len();
            self.bytes -= oldest.bytes();
            self.batches.pop_front();
        }
    }
}

// === impl Batch ===

impl Batch {
    fn bytes(&self) -> usize {
        self.events.iter().map(|(_, event)| event.envelope.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::{Class, Key};
    use lockdown_events::EventId;
    use uuid::Uuid;

    fn event(major: u64, bytes: usize) -> (Position, Append) {
        let stream = Stream {
            class: Class::Moderation,
            partition: 0,
        };
        let id = EntryId { major, minor: 0 };
        let append = Append {
            event_id: EventId(Uuid::nil()),
            channel: "ban:created".into(),
            key: Key::none(),
            envelope: "x".repeat(bytes).into(),
            once: false,
            quiet: false,
            about: Vec::new(),
        };
        (Position { stream, id }, append)
    }

    fn majors(kept: &Kept) -> Vec<u64> {
        let all = kept.batches.iter().flat_map(|batch| &batch.events);
        all.map(|(position, _)| position.id.major).collect()
    }

    #[test]
    fn what_is_old_or_too_much_is_forgotten() {
        let (mut kept, start) = (Kept::default(), Instant::now());
        let push = |kept: &mut Kept, after: u64, events| {
            let at = start + Duration::from_secs(after);
            kept.push(Batch { at, events });
            kept.forget_before(Some(start + Duration::from_secs(after.saturating_sub(3))));
        };
        push(&mut kept, 0, vec![event(1, 1), event(2, 1)]);
        push(&mut kept, 3, vec![event(3, 1)]);
        assert_eq!(majors(&kept), [1, 2, 3]);
        push(&mut kept, 4, vec![event(4, 1)]);
        assert_eq!(majors(&kept), [3, 4]);
        push(&mut kept, 4, vec![event(5, BYTES)]);
        assert_eq!(majors(&kept), [5]);
        push(
            &mut kept,
            4,
            (0..EVENTS as u64).map(|number| event(number, 0)).collect(),
        );
        assert_eq!(
            (majors(&kept).len(), kept.events, kept.bytes),
            (EVENTS, EVENTS, 0)
        );
    }

    #[test]
    fn places_come_in_the_order_of_the_stream() {
        let recent = Recent::new(Keys::new("lockdown"));
        assert!(recent.keep(1, vec![event(4, 1)]) && recent.keep(1, vec![event(3, 1), event(5, 1)]));
        let found: Vec<_> = recent.in_doubt(None, 2).into_iter().collect();
        let [(stream, ids)] = found.as_slice() else {
            panic!("one stream: {found:?}")
        };
        let major = |ids: &[EntryId]| ids.iter().map(|id| id.major).collect::<Vec<_>>();
        assert_eq!(major(ids), [3, 4, 5]);
        let at: Vec<_> = recent
            .at(*stream, &ids[1..])
            .into_iter()
            .map(|(id, _)| id)
            .collect();
        assert_eq!(major(&at), [4, 5]);
    }

    #[test]
    fn an_answer_from_before_another_run_of_the_server_counts_for_nothing() {
        let recent = Recent::new(Keys::new("lockdown"));
        recent.settled(Some("one".to_owned()));
        assert!(recent.keep(1, vec![event(1, 1)]));
        // The same run, by another connection.
        assert!(recent.in_doubt(Some("one"), 2).is_empty());
        assert!(recent.keep(1, vec![event(2, 1)]));
        assert_eq!(recent.in_doubt(Some("two"), 3).len(), 1);
        assert!(!recent.keep(2, vec![event(3, 1)]));
        assert!(recent.keep(3, vec![event(4, 1)]));
    }
}
