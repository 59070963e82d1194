//! Webhooks: events that are sent to others, signed, until they are taken or given up.
//!
//! A consumer puts down a delivery for each webhook that wants an event, once; senders, in any number of processes, take what
//! is due under a lease and keep what came of it. When it is tried again, and when a webhook is disabled, the store
//! decides with the rows.

pub(crate) mod address;
mod send;
pub(crate) mod sign;

use anyhow::Context as _;
use lockdown_bus::{
    Backoff, Bus, Cache, CacheOptions, ConsumerOptions, Glob, GroupName, Handler, HandlerError, Received,
    Start,
};
use lockdown_events::{CacheInvalidation, GuildId, Platform, TYPES};
use lockdown_runtime::{Clock, Context, Ids, chain};
use lockdown_store::guilds::CommunityId;
use lockdown_store::webhooks::{DeliveryId, NewDelivery, WebhookId};
use lockdown_store::{Store, StoreError, in_read, in_tx};
use send::Sender;
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// The group by which every backend shares the events.
const GROUP: &str = "webhooks";
/// Under which the webhooks are remembered; whoever changes one has it forgotten.
const REMEMBERED: &str = "webhooks";
const PAGE: u64 = 200;

/// Nobody waits for it, so an outage of the store is waited for.
const OPTIONS: ConsumerOptions = ConsumerOptions {
    in_hand: 4_096,
    concurrency: 64,
    visibility: Duration::from_secs(10),
    patience: Duration::from_secs(60),
    backoff: Backoff {
        first: Duration::from_millis(200),
        cap: Duration::from_secs(60),
    },
    attempts: 1_000,
    poison: 5,
};

/// What is remembered of a webhook, also of one that is disabled: it may be enabled at any moment.
struct Hearing {
    id: WebhookId,
    /// Absent: of every community.
    community: Option<CommunityId>,
    topics: Vec<Glob>,
}

/// Puts deliveries down.
struct Collector {
    store: Store,
    clock: Clock,
    ids: Ids,
    hearing: Cache<Arc<Vec<Hearing>>>,
    communities: Cache<CommunityId>,
    news: Arc<Notify>,
}

/// Where an event happened.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Place {
    #[serde(default)]
    platform: Platform,
    guild_id: GuildId,
}

/// Sends events to who wants them until the process stops.
pub(crate) async fn start(ctx: &Context, store: Store, bus: &Bus) -> anyhow::Result<()> {
    let news = Arc::new(Notify::new());
    let lasts = |seconds| CacheOptions {
        entries: 10_000,
        lasts: Duration::from_secs(seconds),
    };
    let collector = Arc::new(Collector {
        store: store.clone(),
        clock: ctx.clock.clone(),
        ids: ctx.ids.clone(),
        hearing: bus
            .cache(lasts(30))
            .await
            .context("could not remember webhooks")?,
        communities: bus
            .cache(lasts(30))
            .await
            .context("could not remember communities")?,
        news: Arc::clone(&news),
    });
    let sender =
        Sender::new(ctx, store, bus.clone(), news).context("could not set up the sender of webhooks")?;
    let group = GroupName::new(GROUP).context("the group has no name")?;
    let types = TYPES.iter().map(|info| info.name);
    let handler = Handler::new("deliver", types, move |received| {
        let collector = Arc::clone(&collector);
        async move { collector.take(&received).await }
    });
    bus.consume(group, &Start::Now, vec![handler.side_by_side()], OPTIONS)
        .await
        .context("could not consume events for webhooks")?;
    ctx.tasks.spawn("webhooks", async move {
        sender.run().await;
        Ok(())
    });
    Ok(())
}

/// Has every process look again which webhooks there are.
pub(crate) async fn changed(bus: &Bus) {
    let what = CacheInvalidation {
        keys: vec![REMEMBERED.to_owned()],
        ..CacheInvalidation::default()
    };
    // Whoever does not hear it looks again before long.
    if let Err(error) = bus.invalidate(what).await {
        tracing::warn!("Could not tell that a webhook was changed: {}", chain(&error));
    }
}

// === impl Collector ===

impl Collector {
    async fn take(&self, received: &Received) -> Result<(), HandlerError> {
        self.put_down(received).await.map_err(|error| {
            if error.is_passing() {
                HandlerError::Again(chain(&error))
            } else {
                HandlerError::Never(chain(&error))
            }
        })
    }

    async fn put_down(&self, received: &Received) -> Result<(), StoreError> {
        let hearing = self.hearing.get(REMEMBERED, &[], || self.load()).await?;
        let topic = received.envelope.event_type();
        let mut wanted = Vec::new();
        for webhook in hearing.iter() {
            let typed = webhook.topics.iter().any(|glob| glob.matches(topic));
            if typed && (webhook.community.is_none() || webhook.community == self.community(received).await?)
            {
                wanted.push(webhook.id);
            }
        }
        if wanted.is_empty() {
            return Ok(());
        }
        let (payload, at) = (received.envelope.encode(), self.clock.now());
        let new: Vec<(DeliveryId, WebhookId)> = wanted
            .into_iter()
            .map(|webhook| (DeliveryId(self.ids.next()), webhook))
            .collect();
        in_tx!(self.store, |tx| {
            for (id, webhook_id) in &new {
                let new = NewDelivery {
                    id: *id,
                    webhook_id: *webhook_id,
                    event_id: received.envelope.event_id,
                    topic,
                    payload: &payload,
                    at,
                };
                // Who is disabled, or was deleted since, wants nothing.
                tx.insert_delivery(new).await?;
            }
            Ok::<_, StoreError>(())
        })?;
        self.news.notify_one();
        Ok(())
    }

    async fn load(&self) -> Result<Arc<Vec<Hearing>>, StoreError> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = in_read!(self.store, |conn| { conn.webhooks(None, after, PAGE).await })?;
            after = page.last().map(|webhook| webhook.id);
            let is_last = (page.len() as u64) < PAGE;
            all.extend(page.into_iter().map(|webhook| Hearing {
                id: webhook.id,
                community: webhook.community_id,
                topics: webhook.topics.0.iter().map(|topic| Glob::new(topic)).collect(),
            }));
            if is_last {
                return Ok(Arc::new(all));
            }
        }
    }

    /// The community in which it happened, if in one that is known.
    async fn community(&self, received: &Received) -> Result<Option<CommunityId>, StoreError> {
        let Ok(place) = serde_json::from_str::<Place>(received.envelope.data().get()) else {
            return Ok(None);
        };
        let key = format!("community:{}:{}", place.platform, place.guild_id);
        let load = || async {
            let found = in_read!(self.store, |conn| {
                conn.guild(place.platform, &place.guild_id).await
            });
            // That one is not there yet is not remembered: it may be there in a moment.
            let found = found.map_err(Some)?.ok_or(None::<StoreError>)?;
            Ok(found.community_id)
        };
        match self.communities.get(&key, &[], load).await {
            Ok(community) => Ok(Some(community)),
            Err(None) => Ok(None),
            Err(Some(error)) => Err(error),
        }
    }
}
