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
/// How many events are taken at once.
const PAGE: u64 = 200;
/// How long what nobody rang for waits: another process's events when its word was lost.
const POLL: Duration = Duration::from_millis(500);
/// How long a lane rests when an event could not be published, and a relay when the database is away.
const REST: Duration = Duration::from_secs(1);

/// Where events go.
pub trait Publish: Send + Sync {
    /// Returns once the event is kept there. It may have been published before, and is then not again.
    fn publish(&self, envelope: &Envelope) -> impl Future<Output = Result<(), String>> + Send;
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
        loop {
            let now = self.clock.now();
            let lane = in_tx!(self.store, |tx| {
                tx.claim_lane(now, &self.name, now + LEASE).await
            })?;
            let Some(lane) = lane else {
                return Ok(published);
            };
            published += self.drain_lane(lane).await?;
        }
    }

    async fn drain_lane(&self, lane: u64) -> Result<u64, StoreError> {
        let mut published = 0;
        loop {
            let page = in_read!(self.store, |conn| { conn.outbox_page(lane, PAGE).await })?;
            let (done, failed) = self.publish_page(&page).await;
            published += done.len() as u64;
            let now = self.clock.now();
            let last = failed.is_some() || (page.len() as u64) < PAGE;
            let kept = in_tx!(self.store, |tx| {
                tx.mark_events_published(&done, now).await?;
                if let Some((id, error)) = &failed {
                    tx.mark_event_failed(*id, error).await?;
                }
                if last {
                    let rest = failed.as_ref().and(TimeDelta::from_std(REST).ok());
                    tx.release_lane(lane, &self.name, rest.map(|rest| now + rest))
                        .await?;
                    return Ok::<_, StoreError>(false);
                }
                tx.extend_lane(lane, &self.name, now + LEASE).await
            })?;
            self.count(&page, &done, now);
            if !kept {
                return Ok(published);
            }
        }
    }

    /// One guild's events one after the other, guilds beside each other. What comes after one that failed, stays.
    async fn publish_page(&self, page: &[Pending]) -> (Vec<i64>, Option<(i64, String)>) {
        let mut guilds: BTreeMap<_, Vec<&Pending>> = BTreeMap::new();
        for pending in page {
            guilds.entry(pending.guild_id).or_default().push(pending);
        }
        let one_guild = async |events: Vec<&Pending>| {
            let mut done = Vec::new();
            for pending in events {
                if let Err(error) = self.publish_one(pending).await {
                    tracing::warn!(event.id = %pending.event_id, "Could not publish from the outbox: {error}");
                    return (done, Some((pending.id, error)));
                }
                done.push(pending.id);
            }
            (done, None)
        };
        let outcomes = join_all(guilds.into_values().map(one_guild)).await;
        let failed = outcomes.iter().find_map(|(_, failed)| failed.clone());
        (outcomes.into_iter().flat_map(|(done, _)| done).collect(), failed)
    }

    async fn publish_one(&self, pending: &Pending) -> Result<(), String> {
        let envelope = Envelope::decode(&pending.payload).map_err(|error| chain(&error))?;
        self.publish.publish(&envelope).await
    }

    fn count(&self, page: &[Pending], done: &[i64], now: DateTime<Utc>) {
        metrics::counter!("lockdown_store_outbox_published_total").increment(done.len() as u64);
        for pending in page.iter().filter(|pending| done.contains(&pending.id)) {
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
