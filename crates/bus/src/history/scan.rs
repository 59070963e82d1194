//! Several streams read as one, by the time of appending.
//!
//! Each stream has its own place, so that nothing is missed or comes twice whatever is appended meanwhile, and whatever
//! the clocks say. Entries of one stream keep their order; where one of another stream with an earlier time comes to
//! light late, it comes late.

use super::cursor::Cursor;
use super::query::Query;
use crate::engine::{Engine, EngineError, Stored};
use crate::place::{EntryId, Stream};
use chrono::{DateTime, Utc};
use futures_util::future::try_join_all;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::Future;
use std::sync::Arc;

/// Entries read at once from a stream, at most.
pub(super) const PAGE: usize = 256;

/// Where the entries of a stream come from.
pub(super) trait Source: Sync {
    type Error;

    /// Those after this one, oldest first, at most `max`.
    fn entries(
        &self,
        stream: Stream,
        after: EntryId,
        max: usize,
    ) -> impl Future<Output = Result<Entries, Self::Error>> + Send;
}

pub(super) struct Entries {
    pub(super) found: Vec<Stored>,
    /// Whether others can follow.
    pub(super) more: bool,
}

/// The streams as the engine keeps them.
pub(super) struct Kept(pub(super) Arc<dyn Engine>);

pub(super) struct Scan<S> {
    source: S,
    query: Query,
    ends: Option<DateTime<Utc>>,
    lanes: Vec<Lane>,
    /// How many entries of a stream are read next.
    each: usize,
}

struct Lane {
    stream: Stream,
    /// The last entry that was passed.
    place: EntryId,
    /// The last entry that is of interest.
    until: EntryId,
    /// Read, and not passed yet.
    waiting: VecDeque<Stored>,
    /// Nothing came after what waits when it was read.
    ended: bool,
}

/// What a scan does next.
pub(super) enum Next {
    Entry(Stored),
    /// One that was not asked for.
    Passed,
    /// It needs [`Scan::fill`] first.
    Hungry,
    Ended,
}

// === impl Kept ===

impl Source for Kept {
    type Error = EngineError;

    async fn entries(&self, stream: Stream, after: EntryId, max: usize) -> Result<Entries, EngineError> {
        let found = self.0.range(stream, after, EntryId::MAX, max).await?;
        Ok(Entries {
            more: found.len() == max,
            found,
        })
    }
}

// === impl Scan ===

impl<S: Source> Scan<S> {
    /// Begins after `places`; a stream that is not named there is not read.
    pub(super) fn new(source: S, query: &Query, places: Cursor, expected: usize) -> Self {
        let lanes: Vec<Lane> = places.0.into_iter().map(Lane::new).collect();
        Self {
            source,
            ends: query.ends(),
            query: query.clone(),
            each: (2 * expected / lanes.len().max(1)).clamp(16, PAGE),
            lanes,
        }
    }

    /// Ends each stream after the entry that is its last one now.
    pub(super) async fn up_to_now(&mut self, engine: &dyn Engine) -> Result<(), EngineError> {
        let lasts = try_join_all(self.lanes.iter().map(|lane| engine.last(lane.stream))).await?;
        for (lane, last) in self.lanes.iter_mut().zip(lasts) {
            lane.until = last;
        }
        Ok(())
    }

    pub(super) fn next(&mut self) -> Next {
        loop {
            if self.lanes.iter().any(Lane::hungry) {
                return Next::Hungry;
            }
            let first = self
                .lanes
                .iter_mut()
                .filter(|lane| !lane.waiting.is_empty())
                .min_by_key(|lane| (lane.waiting[0].at, lane.stream));
            let Some(lane) = first else { return Next::Ended };
            let Some(entry) = lane.waiting.pop_front() else {
                return Next::Ended;
            };
            if entry.position.id > lane.until || self.ends.is_some_and(|end| entry.at >= end) {
                lane.waiting.clear();
                lane.ended = true;
                continue;
            }
            lane.place = entry.position.id;
            return if self.query.takes(&entry) {
                Next::Entry(entry)
            } else {
                Next::Passed
            };
        }
    }

    /// Reads on in every stream of which nothing waits; says how many entries came. Cancelled, it did nothing.
    pub(super) async fn fill(&mut self) -> Result<usize, S::Error> {
        let (source, each) = (&self.source, self.each);
        let hungry = self.lanes.iter().enumerate().filter(|(_, lane)| lane.hungry());
        let reads = hungry.map(|(at, lane)| async move {
            let entries = source.entries(lane.stream, lane.place, each).await?;
            Ok::<_, S::Error>((at, entries))
        });
        let read = try_join_all(reads).await?;
        // Whoever asks again found too little.
        self.each = (each * 2).min(PAGE);
        let mut count = 0;
        for (at, Entries { found, more }) in read {
            count += found.len();
            self.lanes[at].ended = !more;
            self.lanes[at].waiting = found.into();
        }
        Ok(count)
    }

    /// There may be more in these streams than when they ended.
    pub(super) fn again(&mut self, streams: &BTreeSet<Stream>) {
        for lane in &mut self.lanes {
            if streams.contains(&lane.stream) {
                lane.ended = false;
            }
        }
    }

    /// Whether nothing comes any more.
    pub(super) fn over(&self) -> bool {
        self.lanes
            .iter()
            .all(|lane| lane.ended && lane.waiting.is_empty())
    }

    pub(super) fn cursor(&self) -> Cursor {
        Cursor(self.lanes.iter().map(|lane| (lane.stream, lane.place)).collect())
    }
}

/// Where a question begins: after the cursor, else where its time begins.
pub(super) async fn beginning(
    engine: &dyn Engine,
    query: &Query,
    after: Option<&Cursor>,
) -> Result<Cursor, EngineError> {
    let places = query.streams().into_iter().map(|stream| async move {
        let known = after.and_then(|cursor| cursor.of(stream));
        let place = match (known, query.begins()) {
            (Some(place), _) => place,
            (None, Some(from)) => engine.place_at(stream, from).await?,
            (None, None) => EntryId::ZERO,
        };
        Ok::<_, EngineError>((stream, place))
    });
    let places: Vec<_> = try_join_all(places).await?;
    Ok(Cursor(BTreeMap::from_iter(places)))
}

// === impl Lane ===

impl Lane {
    fn new((stream, place): (Stream, EntryId)) -> Self {
        Self {
            stream,
            place,
            until: EntryId::MAX,
            waiting: VecDeque::new(),
            ended: false,
        }
    }

    fn hungry(&self) -> bool {
        !self.ended && self.waiting.is_empty()
    }
}
