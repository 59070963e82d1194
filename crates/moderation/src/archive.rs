//! The archive of the bus, in the store; and the counts by hours, which are made as events are archived.

use crate::counts::{self, Tally};
use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use lockdown_bus::{Archive, ArchiveError, Class, EntryId, Key, Position, Stored, Stream};
use lockdown_store::archive::{Archived, Entry, EntryPlace};
use lockdown_store::{Conn, Store, StoreError, in_read, in_tx};

/// Entries read, and counts written, at once.
const PAGE: u64 = 1_000;

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

    /// Keeps what it has of a stream aside, when the log was begun anew and counts its entries from the first again. It is
    /// counted and kept as before, and found by nobody who reads the stream.
    pub async fn begin_anew(&self, stream: Stream, now: DateTime<Utc>) -> Result<(), StoreError> {
        let (name, aside) = (stream.to_string(), format!("{stream}@{}", now.timestamp()));
        in_tx!(self.store, |tx| { tx.set_archive_aside(&name, &aside).await })
    }

    /// Counts once more what the archived events of a class say, in whole hours from a time on: from then on all of them
    /// must be there. Returns how many events were counted. Nothing is archived while the new counts are put in place, and
    /// whoever reads them sees the old ones or the new ones.
    pub async fn recount(&self, class: Class, since: DateTime<Utc>) -> Result<u64, StoreError> {
        let begun = counts::hour(since);
        let since = if begun < since {
            begun + TimeDelta::hours(1)
        } else {
            begun
        };
        let (mut tally, mut events) = (Tally::default(), 0);
        let mut places = Vec::new();
        let known = in_read!(self.store, |conn| { conn.archived_streams().await })?;
        let class_prefix = format!("{}.", class.as_str());
        for stream in known.into_iter().filter(|name| name.starts_with(&class_prefix)) {
            let mut after = EntryPlace::ZERO;
            loop {
                let (page, last, count) =
                    in_read!(self.store, |conn| { page(conn, &stream, after, since).await })?;
                tally.merge(page);
                events += count;
                let Some(last) = last else { break };
                after = last;
            }
            places.push((stream, after));
        }
        let rest = in_tx!(self.store, |tx| {
            let (mut tally, mut events) = (tally.clone(), 0);
            for (stream, after) in &places {
                tx.hold_archive(stream).await?;
                let mut after = *after;
                loop {
                    let (page, last, count) = page(tx, stream, after, since).await?;
                    tally.merge(page);
                    events += count;
                    let Some(last) = last else { break };
                    after = last;
                }
            }
            tx.clear_guild_counts(counts::measures(class), since).await?;
            for portion in tally.from(since).chunks(1_000) {
                tx.add_guild_counts(portion).await?;
            }
            Ok::<_, StoreError>(events)
        })?;
        Ok(events + rest)
    }
}

/// What the entries after a place say; the last of them, and how many were counted.
async fn page(
    conn: &mut Conn,
    stream: &str,
    after: EntryPlace,
    since: DateTime<Utc>,
) -> Result<(Tally, Option<EntryPlace>, u64), StoreError> {
    let entries = conn.archived_entries(stream, after, PAGE).await?;
    let (mut tally, mut events) = (Tally::default(), 0);
    for entry in entries.iter().filter(|entry| entry.at >= since) {
        tally.add(conn, entry.at, &entry.envelope).await?;
        events += 1;
    }
    let last = entries.last().map(|entry| EntryPlace {
        major: entry.major,
        minor: entry.minor,
    });
    Ok((tally, last, events))
}

#[async_trait]
impl Archive for StoreArchive {
    async fn put(&self, entries: &[Stored]) -> Result<(), ArchiveError> {
        let entries: Vec<Entry> = entries.iter().map(entry).collect();
        let put = in_tx!(self.store, |tx| {
            let mut tally = Tally::default();
            for added in tx.archive_entries(&entries).await? {
                tally.add(tx, added.at, &added.envelope).await?;
            }
            tx.add_guild_counts(&tally.all()).await
        });
        put.map_err(failed)
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
