//! Publishes what waits in the outbox.

use super::{CHANNEL, Pending};
use crate::error::StoreError;
use crate::store::Store;
use crate::{in_read, in_tx};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use lockdown_events::Envelope;
use lockdown_runtime::{Clock, chain};
use sqlx::postgres::PgListener;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long a lane is kept for a relay that has gone silent.
const LEASE: TimeDelta = TimeDelta::seconds(30);
/// How many events of a lane are taken at once.
const PAGE: u64 = 200;
/// How long what nobody rang for waits: another process's events when its word was lost.
const POLL: Duration = Duration::from_millis(500);
/// How long a lane rests when an event could not be published, and a relay when the database is away.
const REST: Duration = Duration::from_secs(1);

/// An event that was refused so often is parked. One refusal may be a mistake in the settings of the bus that somebody is
/// about to mend, and parking breaks the order of what is put back later.
const REFUSALS: u64 = 5;

/// Where events go.
pub trait Publish: Send + Sync {
    /// Returns once the event is kept there. It may have been published before, and is then not again.
    fn publish(&self, envelope: &Envelope) -> impl Future<Output = Result<(), Unpublished>> + Send;
}

/// Why an event was not published.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unpublished {
    /// Another try may work.
    #[error("{0}")]
    Away(String),
    /// Another try would fail the same way.
    #[error("{0}")]
    Refused(String),
}

/// What came of a page.
#[derive(Default)]
struct Page {
    published: Vec<i64>,
    parked: Vec<(i64, String)>,
    /// The events after these stay, each in its guild.
    failed: Vec<(i64, String)>,
}

/// Drains the outbox. Any number of them may, in any number of processes.
pub struct Relay<P> {
    store: Store,
    publish: P,
    clock: Clock,
    /// Among all relays: a new one for each start.
    name: String,
}

// === impl Relay ===

impl<P: Publish> Relay<P> {
    pub fn new(store: Store, publish: P, clock: Clock, name: String) -> Self {
        Self {
            store,
            publish,
            clock,
            name,
        }
    }

    /// Runs until it is dropped.
    pub async fn run(&self) {
        let drain = async {
            loop {
                match self.drain().await {
                    Ok(_) => {
                        tokio::select! {
                            () = self.store.wake().woken() => {}
                            () = tokio::time::sleep(POLL) => {}
                        }
                    }
                    Err(error) => {
                        tracing::warn!("Could not drain the outbox: {}", chain(&error));
                        tokio::time::sleep(REST).await;
                    }
                }
            }
        };
        tokio::join!(drain, self.hear());
    }

    /// Publishes what waits, as far as nobody else is at it; says how many.
    pub async fn drain(&self) -> Result<u64, StoreError> {
        let mut published = 0;
        let now = self.clock.now();
        let mut held = in_tx!(self.store, |tx| {
            tx.claim_lanes(now, &self.name, now + LEASE).await
        })?;
        while !held.is_empty() {
            let lanes = in_read!(self.store, |conn| {
                let mut lanes = Vec::with_capacity(held.len());
                for lane in &held {
                    lanes.push((*lane, conn.outbox_page(*lane, PAGE).await?));
                }
                Ok::<_, StoreError>(lanes)
            })?;
            let mut publishing = Vec::with_capacity(lanes.len());
            for (_, waiting) in &lanes {
                publishing.push(self.publish_page(waiting));
            }
            let pages = join_all(publishing).await;
            published += pages.iter().map(|page| page.published.len() as u64).sum::<u64>();
            held = self.settle(&lanes, &pages).await?;
        }
        Ok(published)
    }

    /// Writes down what came of some pages, and takes what waits by now: one commit for both, since a commit is what costs.
    async fn settle(&self, lanes: &[(u64, Vec<Pending>)], pages: &[Page]) -> Result<Vec<u64>, StoreError> {
        let now = self.clock.now();
        let (mut drained, mut resting, mut going_on) = (Vec::new(), Vec::new(), Vec::new());
        for ((lane, waiting), page) in lanes.iter().zip(pages) {
            let like = if !page.failed.is_empty() {
                &mut resting
            } else if (waiting.len() as u64) < PAGE {
                &mut drained
            } else {
                &mut going_on
            };
            like.push(*lane);
        }
        let published: Vec<i64> = pages.iter().flat_map(|page| &page.published).copied().collect();
        let rest = TimeDelta::from_std(REST).unwrap_or_default();
        let held = in_tx!(self.store, |tx| {
            tx.mark_events_published(&published, now).await?;
            for page in pages {
                for (id, error) in &page.parked {
                    tx.park_event(*id, error, now).await?;
                }
                for (id, error) in &page.failed {
                    tx.mark_event_failed(*id, error).await?;
                }
            }
            if !resting.is_empty() {
                tx.release_lanes(&resting, &self.name, Some(now + rest)).await?;
            }
            if !drained.is_empty() {
                tx.release_lanes(&drained, &self.name, None).await?;
            }
            let mut held = Vec::new();
            if !going_on.is_empty() {
                held = tx.extend_lanes(&going_on, &self.name, now + LEASE).await?;
            }
            held.extend(tx.claim_lanes(now, &self.name, now + LEASE).await?);
            Ok::<_, StoreError>(held)
        })?;
        for ((_, waiting), page) in lanes.iter().zip(pages) {
            self.count(waiting, page, now);
        }
        Ok(held)
    }

    /// One guild's events one after the other, guilds beside each other. What comes after one that failed, stays; what comes
    /// after one that is parked, goes on.
    async fn publish_page(&self, waiting: &[Pending]) -> Page {
        let mut guilds: BTreeMap<_, Vec<&Pending>> = BTreeMap::new();
        for pending in waiting {
            guilds.entry(pending.guild_id).or_default().push(pending);
        }
        let one_guild = async |events: Vec<&Pending>| {
            let mut page = Page::default();
            for pending in events {
                match self.publish_one(pending).await {
                    Ok(()) => page.published.push(pending.id),
                    Err(Unpublished::Refused(error)) if pending.attempts + 1 >= REFUSALS => {
                        tracing::error!(
                            event.id = %pending.event_id, event.topic = pending.topic,
                            "Parked an event that is refused for good, and that nobody will hear of: {error}"
                        );
                        page.parked.push((pending.id, error));
                    }
                    Err(error) => {
                        tracing::warn!(event.id = %pending.event_id, "Could not publish from the outbox: {error}");
                        page.failed.push((pending.id, error.to_string()));
                        break;
                    }
                }
            }
            page
        };
        let mut whole = Page::default();
        for page in join_all(guilds.into_values().map(one_guild)).await {
            whole.published.extend(page.published);
            whole.parked.extend(page.parked);
            whole.failed.extend(page.failed);
        }
        whole
    }

    async fn publish_one(&self, pending: &Pending) -> Result<(), Unpublished> {
        let envelope =
            Envelope::decode(&pending.payload).map_err(|error| Unpublished::Refused(chain(&error)))?;
        self.publish.publish(&envelope).await
    }

    fn count(&self, waiting: &[Pending], page: &Page, now: DateTime<Utc>) {
        metrics::counter!("lockdown_store_outbox_published_total").increment(page.published.len() as u64);
        metrics::counter!("lockdown_store_outbox_parked_total").increment(page.parked.len() as u64);
        for pending in waiting
            .iter()
            .filter(|pending| page.published.contains(&pending.id))
        {
            let waited = (now - pending.created_at).to_std().unwrap_or_default();
            metrics::histogram!("lockdown_store_outbox_seconds").record(waited);
        }
    }

    /// Passes on what other processes tell through Postgres; the poll stands behind it.
    async fn hear(&self) {
        let Some(pool) = self.store.pool() else {
            return;
        };
        loop {
            let heard: Result<(), sqlx::Error> = async {
                let mut listener = PgListener::connect_with(pool).await?;
                listener.listen(CHANNEL).await?;
                loop {
                    listener.recv().await?;
                    self.store.wake().wake_here();
                }
            }
            .await;
            if let Err(error) = heard {
                tracing::debug!("Could not listen to the outbox: {error}");
            }
            tokio::time::sleep(REST).await;
        }
    }
}
