//! The archive of the bus, in the store.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use lockdown_bus::{Archive, ArchiveError, EntryId, Key, Position, Stored, Stream};
use lockdown_store::archive::{Archived, Entry, EntryPlace};
use lockdown_store::{Store, StoreError, in_read, in_tx};

/// History that outlives the streams. Erasure and retention reach it; whoever reads history asks it first, so that what is
/// gone from it is gone. Cheap to clone.
#[derive(Clone)]
pub struct StoreArchive {
    store: Store,
}

// === impl StoreArchive ===

impl StoreArchive {
    pub fn new(store: Store) -> Self {
        Self { store }
    }
}

#[async_trait]
impl Archive for StoreArchive {
    async fn put(&self, entries: &[Stored]) -> Result<(), ArchiveError> {
        let entries: Vec<Entry> = entries.iter().map(entry).collect();
        let put = in_tx!(self.store, |tx| { tx.archive_entries(&entries).await });
        put.map(drop).map_err(failed)
    }

    async fn page(&self, stream: Stream, after: EntryId, max: usize) -> Result<Vec<Stored>, ArchiveError> {
        let name = stream.to_string();
        let found = in_read!(self.store, |conn| {
            conn.archived_entries(&name, place(after), max as u64).await
        });
        Ok(entries(stream, found.map_err(failed)?))
    }

    async fn last(&self, stream: Stream) -> Result<EntryId, ArchiveError> {
        let name = stream.to_string();
        let last = in_read!(self.store, |conn| { conn.archived_up_to(&name).await });
        last.map(id).map_err(failed)
    }

    async fn page_of(
        &self,
        stream: Stream,
        key: &Key,
        after: EntryId,
        max: usize,
    ) -> Result<Vec<Stored>, ArchiveError> {
        let Some((platform, guild)) = key.named() else {
            return self.page(stream, after, max).await;
        };
        let name = stream.to_string();
        let found = in_read!(self.store, |conn| {
            conn.archived_entries_of(&name, platform, &guild, place(after), max as u64)
                .await
        });
        Ok(entries(stream, found.map_err(failed)?))
    }

    async fn place_at(
        &self,
        stream: Stream,
        key: Option<&Key>,
        at: DateTime<Utc>,
    ) -> Result<EntryId, ArchiveError> {
        let Some((platform, guild)) = key.and_then(Key::named) else {
            return Ok(EntryId::ZERO);
        };
        let name = stream.to_string();
        let found = in_read!(self.store, |conn| {
            conn.archived_before(&name, platform, &guild, at).await
        });
        found.map(id).map_err(failed)
    }
}

fn entry(stored: &Stored) -> Entry {
    Entry {
        stream: stored.position.stream.to_string(),
        place: place(stored.position.id),
        at: stored.at,
        topic: stored.channel.to_string(),
        envelope: stored.envelope.to_string(),
    }
}

fn entries(stream: Stream, found: Vec<Archived>) -> Vec<Stored> {
    let stored = |archived: Archived| Stored {
        position: Position {
            stream,
            id: EntryId {
                major: archived.major,
                minor: archived.minor,
            },
        },
        at: archived.at,
        channel: archived.topic.into(),
        envelope: archived.envelope.into(),
    };
    found.into_iter().map(stored).collect()
}

fn place(id: EntryId) -> EntryPlace {
    EntryPlace {
        major: id.major,
        minor: id.minor,
    }
}

fn id(place: EntryPlace) -> EntryId {
    EntryId {
        major: place.major,
        minor: place.minor,
    }
}

fn failed(error: StoreError) -> ArchiveError {
    if error.is_passing() {
        return ArchiveError::Away(error.into());
    }
    ArchiveError::Unreadable {
        place: "the store".to_owned(),
        source: error.into(),
    }
}
