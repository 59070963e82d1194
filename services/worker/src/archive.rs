//! What the streams have goes into the store, so that history outlives their trimming. Messages do not: what people write is
//! kept no longer than is said.
//!
//! Each stream is read on from where the store has it, and its entries and the place are written in one transaction: no
//! group of the bus is needed, nothing is there twice, and nothing out of its order.

use async_trait::async_trait;
use lockdown_bus::{Archive, ArchiveError, Class, Engine, EntryId, Stored, Stream, TrimError, archive_news};
use lockdown_moderation::StoreArchive;
use lockdown_runtime::{Context, chain};
use lockdown_store::Store;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

const EVERY: Duration = Duration::from_secs(2);
const CLASSES: [Class; 2] = [Class::Moderation, Class::System];

/// The store's archive and another one: what is trimmed is in both.
pub(crate) struct Both {
    pub(crate) store: StoreArchive,
    pub(crate) other: Arc<dyn Archive>,
}

/// Archives what is new every two seconds, for ever. Only the log of this process counts from the first entry when its file
/// was lost: the places in Redis are times, and go on.
pub(crate) async fn run(ctx: Context, store: Store, engine: Arc<dyn Engine>) {
    let archive = StoreArchive::new(store);
    let mut failing = BTreeSet::new();
    loop {
        for stream in CLASSES.into_iter().flat_map(Class::streams) {
            let mut done = archive_news(&*engine, &archive, stream).await;
            if matches!(done, Err(TrimError::Foreign { .. })) && ctx.config.bus.url.is_none() {
                match archive.begin_anew(stream, ctx.clock.now()).await {
                    Ok(()) => {
                        tracing::warn!(
                            %stream,
                            "{stream} was begun anew: what was archived of it is kept aside, and is no part of its history"
                        );
                        done = archive_news(&*engine, &archive, stream).await;
                    }
                    Err(error) => tracing::warn!(
                        %stream,
                        "Could not keep aside what was archived of {stream}, and tries again: {}",
                        chain(&error)
                    ),
                }
            }
            tell(stream, done, &mut failing);
        }
        ctx.clock.sleep(EVERY).await;
    }
}

/// Says once what is wrong, and once that it is well again.
fn tell(stream: Stream, done: Result<u64, TrimError>, failing: &mut BTreeSet<Stream>) {
    match done {
        Ok(count) => {
            metrics::counter!("lockdown_archived_total", "stream" => stream.to_string()).increment(count);
            if failing.remove(&stream) {
                tracing::info!(%stream, "{stream} is archived again");
            }
        }
        Err(error) => {
            if failing.insert(stream) {
                tracing::warn!(
                    %stream,
                    "Could not archive {stream}, and tries again: {}",
                    chain(&error)
                );
            }
        }
    }
}

// === impl Both ===

#[async_trait]
impl Archive for Both {
    async fn put(&self, entries: &[Stored]) -> Result<(), ArchiveError> {
        self.store.put(entries).await?;
        self.other.put(entries).await
    }

    async fn page(&self, stream: Stream, after: EntryId, max: usize) -> Result<Vec<Stored>, ArchiveError> {
        self.store.page(stream, after, max).await
    }

    async fn last(&self, stream: Stream) -> Result<EntryId, ArchiveError> {
        Ok(self.store.last(stream).await?.min(self.other.last(stream).await?))
    }
}
