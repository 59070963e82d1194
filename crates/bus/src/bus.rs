//! A process's part of the bus, with everything that stands on an engine.

use crate::beginning::patiently;
use crate::cache::{Cache, CacheOptions, Caches};
use crate::consumer::{Consumer, ConsumerOptions, Handler};
use crate::embedded::OpenError;
use crate::engine::{Engine, EngineError, Posted, Start};
use crate::glob::Glob;
use crate::history::History;
use crate::later::Later;
use crate::live::{Hub, HubOptions, ListenOptions, SubscribeError, Subscription};
use crate::once::{Once, OnceOptions};
use crate::place::{ConsumerName, GroupName, Key};
use crate::presence::{Presence, PresenceOptions};
use crate::publisher::{PublishError, Published, Publisher, PublisherOptions};
use crate::requests::Requests;
use crate::speaker::{SayError, Speaker};
use crate::spool::{Spool, SpoolOptions};
use crate::stats::BusStats;
use chrono::{DateTime, Utc};
use compact_str::{CompactString, format_compact};
use futures_util::FutureExt;
use futures_util::future::join_all;
use lockdown_events::{
    CacheInvalidation, EncodeError, Envelope, Event, EventId, LIVE, Live, Notification, Source, TYPES,
    Traceparent, UserId,
};
use lockdown_runtime::{Clock, Ids, telemetry};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What platforms tell bots comes one by one, thousands a second, and a call for each would cost more than all else that is
/// done with it.
const PACE: Duration = Duration::from_millis(2);

/// How a process uses the bus.
#[derive(Debug, Clone)]
pub struct BusOptions {
    /// Who it is: the source of its events, and the beginning of its name among others.
    pub source: Source,
    pub publisher: PublisherOptions,
    /// Where events are kept while the bus is away; without it, publishers wait and then fail.
    pub spool: Option<(PathBuf, SpoolOptions)>,
    pub live: HubOptions,
    pub presence: PresenceOptions,
    pub once: OnceOptions,
}

/// The bus, as a process has it. Cheap to clone.
#[derive(Clone)]
pub struct Bus {
    shared: Arc<Shared>,
    /// What the events that are published through this handle say they come from.
    source: Source,
}

struct Shared {
    engine: Arc<dyn Engine>,
    speaker: Speaker,
    name: ConsumerName,
    publisher: Publisher,
    spool: Option<Arc<Spool>>,
    hub: Hub,
    requests: Requests,
    presence: Presence,
    later: Later,
    once: Once,
    caches: Caches,
    history: History,
    consumers: Mutex<Vec<Consumer>>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// Why the bus could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("could not open the journal for events that the bus cannot take")]
    Spool(#[source] OpenError),
}

/// Why an event was not published, or not known to be.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    #[error("the event cannot be put on the wire")]
    Encode(#[source] EncodeError),
    #[error("the event was not published")]
    Publish(#[source] PublishError),
    /// Only of one that is to be published later.
    #[error("the event could not be put down for later")]
    Later(#[source] EngineError),
}

// === impl BusOptions ===

impl BusOptions {
    pub fn new(source: Source) -> Self {
        let pace = match source {
            Source::DiscordBot | Source::TelegramBot => PACE,
            _ => Duration::ZERO,
        };
        Self {
            source,
            publisher: PublisherOptions {
                pace,
                ..PublisherOptions::default()
            },
            spool: None,
            live: HubOptions::default(),
            presence: PresenceOptions::default(),
            once: OnceOptions::default(),
        }
    }
}

// === impl Bus ===

impl Bus {
    pub async fn start(
        engine: Arc<dyn Engine>,
        options: BusOptions,
        clock: Clock,
        ids: Ids,
    ) -> Result<Self, StartError> {
        let name = process_name(&options.source, &ids);
        let spool = match options.spool {
            None => None,
            Some((path, spool)) => {
                let (engine, clock) = (Arc::clone(&engine), clock.clone());
                Some(Arc::new(
                    Spool::open(&path, spool, engine, clock)
                        .await
                        .map_err(StartError::Spool)?,
                ))
            }
        };
        let publisher = Publisher::start_with(Arc::clone(&engine), options.publisher, spool.clone());
        let hub = Hub::start(Arc::clone(&engine), options.live);
        let speaker = Speaker {
            engine: Arc::clone(&engine),
            clock: clock.clone(),
            ids: ids.clone(),
            source: options.source.clone(),
        };
        let shared = Shared {
            requests: Requests::new(speaker.clone(), hub.clone(), name.as_str()),
            presence: Presence::new(speaker.clone(), options.presence),
            later: Later::new(Arc::clone(&engine), publisher.clone(), clock),
            once: Once::new(Arc::clone(&engine), ids, options.once),
            caches: Caches::new(speaker.clone(), hub.clone()),
            history: History::new(Arc::clone(&engine)),
            consumers: Mutex::default(),
            engine,
            speaker,
            name,
            publisher,
            spool,
            hub,
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        let (sweeping, publishing) = (shared.presence.clone(), shared.later.clone());
        for work in [
            sweeping.keep_sweeping().boxed(),
            publishing.keep_publishing().boxed(),
        ] {
            shared
                .tasks
                .spawn(shared.stop.clone().run_until_cancelled_owned(work));
        }
        Ok(Self {
            shared: Arc::new(shared),
            source: options.source,
        })
    }

    /// The same bus for another service of this process.
    #[must_use]
    pub fn of(&self, source: Source) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            source,
        }
    }

    /// This process among all that use the bus.
    pub fn name(&self) -> &ConsumerName {
        &self.shared.name
    }

    pub fn engine(&self) -> &Arc<dyn Engine> {
        &self.shared.engine
    }

    /// What is on a board, for those who begin by it: an engine that is away is waited for.
    pub async fn board(&self, name: &str, most: usize) -> Result<Vec<Posted>, EngineError> {
        let engine = self.engine();
        patiently(&**engine, "read what was kept", || engine.posted(name, most)).await
    }

    // --- events ---

    /// Publishes an event that begins a chain of its own.
    pub async fn publish(&self, event: &Event) -> Result<Published, EventError> {
        let envelope = self.envelope(EventId(self.shared.speaker.ids.next()), None, event)?;
        self.publish_as_it_is(&envelope, false).await
    }

    /// Publishes what follows from another event: in its chain, and once for each `purpose`, also when that event is
    /// handled again.
    pub async fn publish_after(
        &self,
        cause: &Envelope,
        purpose: &str,
        event: &Event,
    ) -> Result<Published, EventError> {
        let envelope = self.envelope(cause.event_id.follow_up(purpose), Some(cause), event)?;
        self.publish_as_it_is(&envelope, true).await
    }

    /// Publishes what somebody else wrapped. `once`: it may have been published before, and is then not again.
    pub async fn publish_as_it_is(&self, envelope: &Envelope, once: bool) -> Result<Published, EventError> {
        self.shared
            .publisher
            .publish(envelope, Key::of(envelope), once)
            .await
            .map_err(EventError::Publish)
    }

    /// Publishes an event at a time to come, whatever becomes of this process; the id cancels it.
    pub async fn publish_later(&self, event: &Event, at: DateTime<Utc>) -> Result<EventId, EventError> {
        let id = EventId(self.shared.speaker.ids.next());
        let envelope = self.envelope(id, None, event)?;
        self.shared
            .later
            .publish(&envelope, at)
            .await
            .map_err(EventError::Later)?;
        Ok(id)
    }

    /// Takes back an event that waits for its time; says whether it did wait.
    pub async fn cancel_later(&self, id: EventId) -> Result<bool, EngineError> {
        self.shared.later.cancel(id).await
    }

    /// Consumes as part of a group until the bus is closed.
    pub async fn consume(
        &self,
        group: GroupName,
        start: &Start,
        handlers: Vec<Handler>,
        options: ConsumerOptions,
    ) -> Result<(), EngineError> {
        let consumer = Consumer::start(
            Arc::clone(&self.shared.engine),
            group,
            self.shared.name.clone(),
            start,
            handlers,
            options,
            self.shared.speaker.clock.clone(),
        )
        .await?;
        self.shared.consumers().push(consumer);
        Ok(())
    }

    /// Makes a handler's effects happen once.
    pub fn once(&self) -> &Once {
        &self.shared.once
    }

    fn envelope(&self, id: EventId, cause: Option<&Envelope>, event: &Event) -> Result<Envelope, EventError> {
        let speaker = &self.shared.speaker;
        let mut envelope = Envelope::new(
            id,
            speaker.clock.now(),
            self.source.clone(),
            cause.map(|cause| cause.correlation_id.clone()),
            event,
        )
        .map_err(EventError::Encode)?;
        // Where this process makes no traces, it does not interrupt that of others either.
        envelope.traceparent = telemetry::traceparent()
            .and_then(|text| Traceparent::new(&text))
            .or_else(|| cause.and_then(|cause| cause.traceparent.clone()));
        Ok(envelope)
    }

    /// What was published, as far back as it is kept.
    pub fn history(&self) -> &History {
        &self.shared.history
    }

    // --- live ---

    /// What is said now, on all channels.
    pub fn live(&self) -> &Hub {
        &self.shared.hub
    }

    pub fn requests(&self) -> &Requests {
        &self.shared.requests
    }

    pub fn presence(&self) -> &Presence {
        &self.shared.presence
    }

    /// Says something to one moderator, or to all; returns how many processes listened.
    pub async fn notify(&self, notification: Notification) -> Result<u64, SayError> {
        self.shared.speaker.say(&Live::Notification(notification)).await
    }

    /// What is said to everybody, and to this moderator.
    pub async fn notifications(&self, user: Option<&UserId>) -> Result<Subscription, SubscribeError> {
        let mut channels = vec!["notifications:broadcast".to_owned()];
        if let Some(user) = user {
            channels.push(format!("notifications:{}", Glob::escape(user.as_str())));
        }
        let channels: Vec<&str> = channels.iter().map(String::as_str).collect();
        self.shared
            .hub
            .subscribe(&channels, &ListenOptions::default())
            .await
    }

    /// A cache that forgets what any process invalidates.
    pub async fn cache<V: Clone + Send + 'static>(
        &self,
        options: CacheOptions,
    ) -> Result<Cache<V>, SubscribeError> {
        self.shared.caches.cache(options).await
    }

    /// Has every cache of every process forget this.
    pub async fn invalidate(&self, what: CacheInvalidation) -> Result<(), SayError> {
        self.shared.caches.invalidate(what).await
    }

    // --- how it is ---

    /// What there is, who reads and who listens.
    pub async fn stats(&self) -> Result<BusStats, EngineError> {
        let engine = &self.shared.engine;
        let types = TYPES.iter().map(|info| info.name);
        // What varies with a user is nobody's to list.
        let live = LIVE
            .iter()
            .map(|info| info.channel)
            .filter(|name| !name.contains('{'));
        let channels: Vec<CompactString> = types.chain(live).map(CompactString::from).collect();
        let listeners = engine.listeners(&channels).await?;
        Ok(BusStats {
            round_trip: engine.ping().await?,
            log: engine.stats().await?,
            channels: channels.into_iter().zip(listeners.channels).collect(),
            patterns: listeners.patterns,
            subscriptions: self.shared.hub.subscriptions(),
            queued: self.shared.publisher.queued(),
            spooled: match &self.shared.spool {
                Some(spool) => Some(spool.waiting().await?),
                None => None,
            },
        })
    }

    // --- the end ---

    /// Stops consuming, with so much time for what runs; publishes what was accepted; lets go of everything but the
    /// engine. A second call does no harm.
    pub async fn close(&self, grace: Duration) {
        let consumers = std::mem::take(&mut *self.shared.consumers());
        join_all(consumers.into_iter().map(|consumer| consumer.stop(grace))).await;
        self.shared.stop.cancel();
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
        self.shared.publisher.close().await;
        if let Some(spool) = &self.shared.spool {
            spool.close().await;
        }
        self.shared.hub.close();
    }
}

// === impl Shared ===

impl Shared {
    fn consumers(&self) -> MutexGuard<'_, Vec<Consumer>> {
        // A panic elsewhere leaves it whole: every change is one call.
        self.consumers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Service, machine, process and boot: never used again.
fn process_name(source: &Source, ids: &Ids) -> ConsumerName {
    let allowed = |text: &str, most: usize| -> String {
        text.trim()
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || c == '-' {
                    c
                } else {
                    '-'
                }
            })
            .take(most)
            .collect()
    };
    let service = allowed(&source.to_string(), 24);
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_else(|_| "host".to_owned());
    let boot = ids.next().simple().to_string();
    let name = format_compact!("{service}.{}.{}.{boot}", allowed(&host, 24), std::process::id());
    ConsumerName::new(&name).expect("made of allowed characters, and short")
}
