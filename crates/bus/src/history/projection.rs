//! State made from all events that ever were, whether they are still in the streams or in the archive only.

use super::archive::{Archive, ArchiveError};
use super::cursor::Cursor;
use super::query::Query;
use super::scan::{self, Entries, Next, Scan, Source};
use super::{History, Page};
use crate::engine::{Engine, EngineError, Stored};
use crate::place::{EntryId, Key, Stream};
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
    key: Option<Key>,
}

impl History {
    /// As [`History::page`], over all that ever was: what the archive has comes from there, whatever the streams still
    /// have, so that what it has forgotten stays so.
    pub async fn page_of_all(
        &self,
        archive: &dyn Archive,
        query: &Query,
        after: Option<&Cursor>,
        max: usize,
    ) -> Result<Page, ProjectError> {
        let (whole, places) = self.whole(archive, query, after).await?;
        super::page(whole, query, places, max).await
    }

    async fn whole<'a>(
        &self,
        archive: &'a dyn Archive,
        query: &Query,
        after: Option<&Cursor>,
    ) -> Result<(Whole<'a>, Cursor), ProjectError> {
        let mut places = scan::beginning(&*self.engine, query, after)
            .await
            .map_err(ProjectError::Engine)?;
        let key = query.key.clone();
        if let Some(from) = query.begins() {
            for (stream, place) in &mut places.0 {
                // The time lies before what the stream has left.
                if *place == EntryId::ZERO && after.and_then(|after| after.of(*stream)).is_none() {
                    let found = archive.place_at(*stream, key.as_ref(), from).await;
                    *place = found.map_err(ProjectError::Archive)?;
                }
            }
        }
        let whole = Whole {
            archive,
            engine: Arc::clone(&self.engine),
            key,
        };
        Ok((whole, places))
    }

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
        let (whole, places) = self.whole(archive, query, after).await?;
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
            let found = match &self.key {
                Some(key) => self.archive.page_of(stream, key, after, max).await,
                None => self.archive.page(stream, after, max).await,
            };
            found.map_err(ProjectError::Archive)
        };
        let found = archived().await?;
        if !found.is_empty() {
            return Ok(Entries { found, more: true });
        }
        let known = self.archive.last(stream).await.map_err(ProjectError::Archive)?;
        let last = self.engine.last(stream).await.map_err(ProjectError::Engine)?;
        // An archive that is further than its stream says nothing about what the stream has.
        let from = if known <= last { after.max(known) } else { after };
        let kept = self
            .engine
            .range(stream, from, EntryId::MAX, max)
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
