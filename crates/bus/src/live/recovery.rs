//! Reading again from the streams what was not heard.

use super::Said;
use super::frame;
use super::mailbox::Places;
use crate::backoff::Backoff;
use crate::engine::{Engine, EngineError};
use crate::glob::Glob;
use crate::place::{EntryId, Position, Stream};
use std::collections::VecDeque;
use std::future::Future;

/// Entries read at once.
const PAGE: usize = 128;

/// Goes through the streams, each from the place up to which it is known to its end. Every step can be cancelled: what
/// was achieved is in here and in the places.
#[derive(Debug)]
pub(super) struct Recovery {
    streams: Vec<Stream>,
    /// Of the stream at the end of `streams`: where it ends, as of the moment when its turn came.
    until: Option<EntryId>,
    page: VecDeque<Said>,
    /// How far the page goes.
    read: EntryId,
    /// Something was not there any more.
    pub(super) lost: bool,
}

// === impl Recovery ===

impl Recovery {
    pub(super) fn new(streams: impl Iterator<Item = Stream>) -> Self {
        Self {
            streams: streams.collect(),
            until: None,
            page: VecDeque::new(),
            read: EntryId::ZERO,
            lost: false,
        }
    }

    /// The next event that was not heard, in the order of its stream; nothing when all are through.
    pub(super) async fn next(
        &mut self,
        engine: &dyn Engine,
        globs: &[Glob],
        places: &mut Places,
    ) -> Result<Option<Said>, EngineError> {
        loop {
            let Some(stream) = self.streams.last().copied() else {
                return Ok(None);
            };
            let place = places.entry(stream).or_insert(EntryId::ZERO);
            if let Some(said) = self.page.pop_front() {
                if let Some(position) = said.position {
                    *place = position.id;
                }
                return Ok(Some(said));
            }
            *place = self.read.max(*place);
            let until = match self.until {
                Some(until) => until,
                None => {
                    let last = engine.last(stream).await?;
                    if last < *place {
                        // Another log than the one we listened to: all of it is new.
                        self.lost = true;
                        *place = EntryId::ZERO;
                    }
                    self.until = Some(last);
                    last
                }
            };
            if until > *place && self.turn_page(engine, globs, stream, *place, until).await? {
                continue;
            }
            *place = until.max(*place);
            self.streams.pop();
            self.until = None;
            self.read = EntryId::ZERO;
        }
    }

    /// Reads on from an entry, that entry included: if it is not there any more, neither may others be that came after
    /// it. Says whether there was something.
    async fn turn_page(
        &mut self,
        engine: &dyn Engine,
        globs: &[Glob],
        stream: Stream,
        place: EntryId,
        until: EntryId,
    ) -> Result<bool, EngineError> {
        let mut stored = engine.range(stream, before(place), until, PAGE).await?;
        if place > EntryId::ZERO {
            if stored.first().is_some_and(|first| first.position.id == place) {
                stored.remove(0);
            } else {
                self.lost = true;
            }
        }
        let Some(last) = stored.last() else {
            return Ok(false);
        };
        self.read = last.position.id;
        self.page = stored
            .into_iter()
            .filter(|stored| globs.iter().any(|glob| glob.matches(&stored.channel)))
            .map(|stored| Said {
                text: frame::with_place(stored.position, &stored.envelope),
                channel: stored.channel,
                position: Some(stored.position),
            })
            .collect();
        Ok(true)
    }
}

/// The greatest id below this one.
fn before(id: EntryId) -> EntryId {
    match (id.major, id.minor) {
        (0, 0) => EntryId::ZERO,
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

/// Whether the frame is news; if it is, the place moves on.
pub(super) fn is_news(places: &mut Places, position: Position) -> bool {
    match places.get_mut(&position.stream) {
        Some(place) if position.id <= *place => false,
        Some(place) => {
            *place = position.id;
            true
        }
        None => true,
    }
}

/// Asks until the engine can be reached.
pub(super) async fn patiently<T, F>(backoff: Backoff, ask: impl Fn() -> F) -> Result<T, EngineError>
where
    F: Future<Output = Result<T, EngineError>>,
{
    let mut failures = 0;
    loop {
        match ask().await {
            Err(EngineError::Away(error)) => {
                failures += 1;
                tracing::debug!("Could not look into the streams, try {failures}: {error}");
                tokio::time::sleep(backoff.pause(failures)).await;
            }
            answer => return answer,
        }
    }
}
