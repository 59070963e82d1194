//! Where entries go before they are trimmed.

use crate::engine::{Engine, EngineError, Stored, Trimmed};
use crate::place::{EntryId, Key, Stream};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use std::path::PathBuf;

/// Entries copied at once.
const PAGE: usize = 512;

/// Keeps what the streams let go: of each stream everything from its first entry up to some last one.
#[async_trait]
pub trait Archive: Send + Sync {
    /// Adds entries, which are in the order of their stream. Those up to the last one that it has are there already and
    /// are passed over. When it returns, they survive what the archive survives.
    async fn put(&self, entries: &[Stored]) -> Result<(), ArchiveError>;

    /// Entries after this one, oldest first, at most `max`; none only when there are none.
    async fn page(&self, stream: Stream, after: EntryId, max: usize) -> Result<Vec<Stored>, ArchiveError>;

    /// The last entry that it has of a stream; also where its own retention has taken it away since.
    async fn last(&self, stream: Stream) -> Result<EntryId, ArchiveError>;

    /// As [`Archive::page`], for one community: an archive with an index leaves others out, one without does not.
    async fn page_of(
        &self,
        stream: Stream,
        _key: &Key,
        after: EntryId,
        max: usize,
    ) -> Result<Vec<Stored>, ArchiveError> {
        self.page(stream, after, max).await
    }

    /// A place in a stream before all that it has from this time on, of one community or of all: the later, the less is
    /// read in vain.
    async fn place_at(
        &self,
        _stream: Stream,
        _key: Option<&Key>,
        _at: DateTime<Utc>,
    ) -> Result<EntryId, ArchiveError> {
        Ok(EntryId::ZERO)
    }
}

/// Why an archive could not do it.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// Worth trying again.
    #[error("the archive cannot be used")]
    Away(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Worth trying again.
    #[error(
        "the archive is being written by process {holder}, which does not end: it holds `{}`",
        lock.display()
    )]
    Busy { lock: PathBuf, holder: String },
    #[error("the archive holds something unreadable in {place}")]
    Unreadable {
        place: String,
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Why nothing, or less than all, was trimmed. Nothing is lost, and another try goes on.
#[derive(Debug, thiserror::Error)]
pub enum TrimError {
    #[error("could not trim {stream}")]
    Engine { stream: Stream, source: EngineError },
    #[error("could not archive {stream}")]
    Archive { stream: Stream, source: ArchiveError },
    #[error(
        "the archive has {stream} up to {archived}, but it ends with {last}: it is the archive of another log; give this \
         log a directory of its own"
    )]
    Foreign {
        stream: Stream,
        archived: EntryId,
        last: EntryId,
    },
}

/// Brings an archive up to the present of a stream, so that it has everything before anything is trimmed. Returns how many
/// entries it was handed. Any number may do so at the same time.
pub async fn archive_news(
    engine: &dyn Engine,
    archive: &dyn Archive,
    stream: Stream,
) -> Result<u64, TrimError> {
    let mut copied = lacking(engine, archive, stream).await?;
    let mut count = 0;
    loop {
        let entries = engine
            .range(stream, copied, EntryId::MAX, PAGE)
            .await
            .map_err(|source| TrimError::Engine { stream, source })?;
        let Some(end) = entries.last() else {
            return Ok(count);
        };
        copied = end.position.id;
        archive
            .put(&entries)
            .await
            .map_err(|source| TrimError::Archive { stream, source })?;
        count += entries.len() as u64;
        if entries.len() < PAGE {
            return Ok(count);
        }
    }
}

/// After which entry the archive lacks what the stream has.
async fn lacking(engine: &dyn Engine, archive: &dyn Archive, stream: Stream) -> Result<EntryId, TrimError> {
    let archived = archive
        .last(stream)
        .await
        .map_err(|source| TrimError::Archive { stream, source })?;
    let last = engine
        .last(stream)
        .await
        .map_err(|source| TrimError::Engine { stream, source })?;
    if archived > last {
        return Err(TrimError::Foreign {
            stream,
            archived,
            last,
        });
    }
    Ok(archived)
}

/// As [`Engine::trim`], but whatever goes is in the archive before. Cut off between the two, an entry lies in both.
pub async fn archive_then_trim(
    engine: &dyn Engine,
    archive: &dyn Archive,
    stream: Stream,
    before: DateTime<Utc>,
    most: u64,
) -> Result<Trimmed, TrimError> {
    let engine_error = |source| TrimError::Engine { stream, source };
    let archive_error = |source| TrimError::Archive { stream, source };
    let archived = lacking(engine, archive, stream).await?;
    let old = engine.place_at(stream, before).await.map_err(engine_error)?;
    let length = engine.length(stream).await.map_err(engine_error)?;
    let mut too_many = usize::try_from(length.saturating_sub(most)).unwrap_or(usize::MAX);

    // What is too much is counted from the first entry, also where the archive has it from a try before.
    let mut copied = EntryId::ZERO;
    while too_many > 0 || copied.max(archived) < old {
        let (after, until, page) = if too_many > 0 {
            (copied, EntryId::MAX, too_many.min(PAGE))
        } else {
            (copied.max(archived), old, PAGE)
        };
        let entries = engine
            .range(stream, after, until, page)
            .await
            .map_err(engine_error)?;
        let Some(end) = entries.last() else { break };
        copied = end.position.id;
        too_many -= too_many.min(entries.len());
        archive.put(&entries).await.map_err(archive_error)?;
    }
    // What came meanwhile is not in the archive, and stays.
    engine
        .trim_until(stream, before, most, copied.max(archived))
        .await
        .map_err(engine_error)
}
