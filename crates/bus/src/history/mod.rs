//! What was published, looked at again: by time, type and community, from a point on, or by what it is about.
//!
//! One code over either engine. A place is a [`Cursor`], which names an entry for each stream; so it stays right while
//! others append, across restarts, and where streams are trimmed.

mod aggregate;
mod archive;
mod cursor;
mod files;
mod follow;
mod projection;
mod query;
mod scan;
mod waker;

pub use aggregate::Aggregate;
pub(crate) use aggregate::about;
pub use archive::{Archive, ArchiveError, TrimError, archive_news, archive_then_trim};
pub use cursor::{Cursor, CursorError};
pub use files::FileArchive;
pub use follow::Follow;
pub use projection::{ProjectError, Projection};
pub use query::Query;

use crate::engine::{Engine, EngineError, Group, Stored};
use crate::place::{Class, EntryId, Stream};
use compact_str::CompactString;
use scan::{Entries, Kept, Next, Scan, Source};
use std::sync::Arc;
use waker::Waker;

/// Entries that one call looks at, whatever it finds; more or less.
const MOST_LOOKED_AT: usize = 2048;

/// Looks back over an engine. Cheap to clone; the clones share what wakes those who follow.
#[derive(Clone)]
pub struct History {
    engine: Arc<dyn Engine>,
    waker: Arc<Waker>,
}

/// Some of the answer.
#[derive(Debug, Clone)]
pub struct Page {
    /// By the time of appending; those of one stream in its order. A question that little answers to can have fewer
    /// than were asked for, or none, and go on all the same.
    pub entries: Vec<Stored>,
    /// Where it goes on; `None` at the end.
    pub next: Option<Cursor>,
    /// How far it came, also at the end: from here it can be followed.
    pub end: Cursor,
}

/// Entries that are about one thing.
struct About {
    engine: Arc<dyn Engine>,
    name: CompactString,
}

// === impl History ===

impl History {
    pub fn new(engine: Arc<dyn Engine>) -> Self {
        Self {
            waker: Arc::new(Waker::new(Arc::clone(&engine))),
            engine,
        }
    }

    /// Entries that answer the question, after a place, at most `max`. Looks at a bounded number of entries.
    pub async fn page(&self, query: &Query, after: Option<&Cursor>, max: usize) -> Result<Page, EngineError> {
        let places = scan::beginning(&*self.engine, query, after).await?;
        page(Kept(Arc::clone(&self.engine)), query, places, max).await
    }

    /// All kept events about something, after a place, at most `max`; found by an index, however much else there is.
    pub async fn of(
        &self,
        aggregate: &Aggregate,
        after: Option<&Cursor>,
        max: usize,
    ) -> Result<Page, EngineError> {
        let query = Query {
            key: Some(aggregate.key()),
            classes: aggregate.classes().to_vec(),
            ..Query::default()
        };
        let source = About {
            engine: Arc::clone(&self.engine),
            name: aggregate.name(),
        };
        let places = scan::beginning(&*self.engine, &query, after).await?;
        // What is indexed is asked for, whatever its body says.
        let all = Query::default();
        page(source, &all, places, max).await
    }

    /// Hands what answers the question, and was there when this began, to one group again: in pages, each of which is
    /// told with the number so far and the place from which a run that was cut off goes on. What was handed over after
    /// that place comes twice then. Of classes that the group does not read, it gets nothing.
    pub async fn replay(
        &self,
        query: &Query,
        after: Option<&Cursor>,
        group: &Group,
        mut progress: impl FnMut(u64, &Cursor) + Send,
    ) -> Result<u64, EngineError> {
        let mut query = query.clone();
        let read = |class: &Class| group.classes.contains(class);
        query.classes = query.matching_classes().into_iter().filter(read).collect();
        if query.classes.is_empty() {
            return Ok(0);
        }
        let places = scan::beginning(&*self.engine, &query, after).await?;
        let mut scan = Scan::new(Kept(Arc::clone(&self.engine)), &query, places, scan::PAGE);
        scan.up_to_now(&*self.engine).await?;
        let (mut replayed, mut page) = (0, Vec::new());
        loop {
            let ended = match scan.next() {
                Next::Entry(entry) => {
                    page.push(entry);
                    false
                }
                Next::Passed => false,
                Next::Hungry => {
                    scan.fill().await?;
                    false
                }
                Next::Ended => true,
            };
            if page.len() == scan::PAGE || (ended && !page.is_empty()) {
                self.engine.replay(group, &page).await?;
                replayed += page.len() as u64;
                page.clear();
                progress(replayed, &scan.cursor());
            }
            if ended {
                return Ok(replayed);
            }
        }
    }
}

async fn page<S: Source>(source: S, query: &Query, places: Cursor, max: usize) -> Result<Page, S::Error> {
    let mut scan = Scan::new(source, query, places, max);
    let mut entries = Vec::new();
    let mut looked_at = 0;
    while entries.len() < max {
        match scan.next() {
            Next::Entry(entry) => entries.push(entry),
            Next::Passed => {}
            Next::Hungry if looked_at >= MOST_LOOKED_AT => break,
            Next::Hungry => looked_at += scan.fill().await?,
            Next::Ended => break,
        }
    }
    let end = scan.cursor();
    Ok(Page {
        entries,
        next: (!scan.over()).then(|| end.clone()),
        end,
    })
}

// === impl About ===

impl Source for About {
    type Error = EngineError;

    async fn entries(&self, stream: Stream, after: EntryId, max: usize) -> Result<Entries, EngineError> {
        let found = self.engine.about(stream, &self.name, after, max).await?;
        Ok(Entries {
            more: found.len() == max,
            found,
        })
    }
}
