//! State made from all events that ever were, whether they are still in the streams or in the archive only.

use super::History;
use super::archive::{Archive, ArchiveError};
use super::cursor::Cursor;
use super::query::Query;
use super::scan::{self, Entries, Next, Scan, Source};
use crate::engine::{Engine, EngineError, Stored};
use crate::place::{EntryId, Stream};
use std::sync::Arc;

/// Something that is made from events, one after the other.
pub trait Projection: Send {
    fn apply(&mut self, stored: &Stored);
}

/// Why a projection is not finished.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    #[error("could not read the streams")]
    Engine(#[source] EngineError),
    #[error("could not read the archive")]
    Archive(#[source] ArchiveError),
}

/// The archive, and the streams where it ends.
struct Whole<'a> {
    archive: &'a dyn Archive,
    engine: Arc<dyn Engine>,
}

impl History {
    /// Feeds a projection with what answers the question, after a place, up to the present: from the archive first, then
    /// from the streams, each entry once, also while they are trimmed by [`super::archive_then_trim`]. Returns how far
    /// it came: from there it can be followed, or projected on.
    pub async fn project(
        &self,
        archive: &dyn Archive,
        query: &Query,
        after: Option<&Cursor>,
        projection: &mut dyn Projection,
    ) -> Result<Cursor, ProjectError> {
        let places = scan::beginning(&*self.engine, query, after)
            .await
            .map_err(ProjectError::Engine)?;
        let whole = Whole {
            archive,
            engine: Arc::clone(&self.engine),
        };
        let mut scan = Scan::new(whole, query, places, scan::PAGE);
        loop {
            match scan.next() {
                Next::Entry(stored) => projection.apply(&stored),
                Next::Passed => {}
                Next::Hungry => {
                    scan.fill().await?;
                }
                Next::Ended => return Ok(scan.cursor()),
            }
        }
    }
}

// === impl Whole ===

impl Source for Whole<'_> {
    type Error = ProjectError;

    async fn entries(&self, stream: Stream, after: EntryId, max: usize) -> Result<Entries, ProjectError> {
        let archived = async || {
            let found = self.archive.page(stream, after, max).await;
            found.map_err(ProjectError::Archive)
        };
        let found = archived().await?;
        if !found.is_empty() {
            return Ok(Entries { found, more: true });
        }
        let kept = self
            .engine
            .range(stream, after, EntryId::MAX, max)
            .await
            .map_err(ProjectError::Engine)?;
        // What was trimmed since the first look was archived before: where that shows nothing, nothing is missing.
        let found = archived().await?;
        if !found.is_empty() {
            return Ok(Entries { found, more: true });
        }
        Ok(Entries {
            more: kept.len() == max,
            found: kept,
        })
    }
}
