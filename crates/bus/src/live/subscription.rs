//! One subscription: what it hears, and how it ends.

use super::dispatcher::Wish;
use super::mailbox::{Fallen, Mailbox, Places, Taken};
use super::reach::{self, Reach};
use super::recovery::{Recovery, is_news, patiently};
use super::{CatchUp, Heard, ListenOptions, Shared, SubscribeError, lock};
use crate::backoff::Backoff;
use crate::engine::{Engine, EngineError};
use crate::glob::Glob;
use crate::place::Stream;
use compact_str::CompactString;
use futures_util::future::try_join_all;
use futures_util::stream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::oneshot;

/// What is heard on some patterns, until it is dropped. Each frame comes once, however many of them match.
pub struct Subscription {
    seat: Arc<Seat>,
    /// Present when it catches up.
    catching: Option<Catching>,
}

/// A place among those who listen, and the way to give it up.
pub(super) struct Seat {
    shared: Arc<Shared>,
    mailbox: Arc<Mailbox>,
    patterns: Vec<CompactString>,
    number: u64,
    left: AtomicBool,
}

/// What it takes to read again what was not heard.
struct Catching {
    engine: Arc<dyn Engine>,
    globs: Vec<Glob>,
    reach: Reach,
    /// Everything up to here was heard, or is known to be lost. Of every stream that the patterns reach.
    places: Places,
    recovery: Option<Recovery>,
    /// What to say of the recovery when it is over.
    missed: Missed,
    backoff: Backoff,
    failures: u32,
}

/// What no stream has.
#[derive(Default)]
struct Missed {
    count: u64,
    /// And something that cannot be counted.
    uncounted: bool,
}

// === impl Subscription ===

impl Subscription {
    pub(super) async fn begin(
        shared: &Arc<Shared>,
        patterns: &[&str],
        options: &ListenOptions,
    ) -> Result<Self, SubscribeError> {
        let mut own: Vec<CompactString> = patterns
            .iter()
            .map(|pattern| CompactString::new(pattern))
            .collect();
        own.sort_unstable();
        own.dedup();
        // Before the subscription is in force: what comes after these places is heard or read again.
        let catching = Catching::from_options(shared, &own, &options.catch_up).await?;
        let label = reach::label(own.first().map_or("", CompactString::as_str));
        let mailbox = Arc::new(Mailbox::new(options, label));
        let number = lock(&shared.table)
            .join(&own, &mailbox)
            .ok_or(SubscribeError::Closed)?;
        own.iter().for_each(|pattern| gauge(pattern).increment(1));
        // Should this future be dropped while it waits, the seat is given up with it.
        let subscription = Self {
            seat: Arc::new(Seat {
                shared: Arc::clone(shared),
                mailbox,
                patterns: own,
                number,
                left: AtomicBool::new(false),
            }),
            catching,
        };
        let (done, answer) = oneshot::channel();
        let seat = &subscription.seat;
        seat.wish(Wish::Join {
            number,
            patterns: seat.patterns.clone(),
            mailbox: Arc::clone(&seat.mailbox),
            done,
        });
        answer.await.unwrap_or(Err(SubscribeError::Closed))?;
        Ok(subscription)
    }

    /// What comes next; `None` when the bus was closed. Safe to cancel.
    pub async fn next(&mut self) -> Option<Heard> {
        loop {
            if self.seat.mailbox.is_shut() {
                return None;
            }
            if let Some(catching) = &mut self.catching
                && catching.recovery.is_some()
            {
                match catching.step().await {
                    Some(heard) => return Some(heard),
                    None => continue,
                }
            }
            let taken = self.seat.mailbox.take().await;
            let heard = match &mut self.catching {
                Some(catching) => catching.take(taken),
                None => match taken {
                    Taken::Said(said) => Some(Heard::Said(said)),
                    Taken::Fallen(fallen) => Some(Heard::Missed {
                        count: Some(fallen.all()),
                    }),
                    Taken::Gap(_) => Some(Heard::Missed { count: None }),
                    Taken::End => None,
                },
            };
            if heard.is_some() {
                return heard;
            }
        }
    }

    /// The same as a stream.
    pub fn into_stream(self) -> impl stream::Stream<Item = Heard> + Send {
        stream::unfold(self, |mut subscription| async move {
            let heard = subscription.next().await?;
            Some((heard, subscription))
        })
    }

    /// Ends it, and returns when the engine was told, if this was the last one that wanted to hear a pattern: while the
    /// engine is away, that is when it is back. Dropped, it ends as well, and nobody waits.
    pub async fn unsubscribe(self) {
        self.seat.leave_and_wait().await;
    }

    pub(super) fn seat(&self) -> &Arc<Seat> {
        &self.seat
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.seat.leave(None);
    }
}

// === impl Seat ===

impl Seat {
    pub(super) async fn leave_and_wait(&self) {
        let (done, answer) = oneshot::channel();
        self.leave(Some(done));
        // An error means that there is nobody left who could say anything.
        let _ = answer.await;
    }

    /// Nothing more is heard when this returns.
    pub(super) fn leave(&self, done: Option<oneshot::Sender<()>>) {
        if !self.left.swap(true, Ordering::AcqRel) {
            lock(&self.shared.table).leave(self.number, &self.patterns);
            self.mailbox.shut();
            self.patterns
                .iter()
                .for_each(|pattern| gauge(pattern).decrement(1));
        } else if done.is_none() {
            return;
        }
        self.wish(Wish::Leave {
            number: self.number,
            patterns: self.patterns.clone(),
            done,
        });
    }

    fn wish(&self, wish: Wish) {
        // If the dispatcher has ended, so has everything that could be wished for; what waits for an answer sees that.
        let _ = self.shared.wishes.send(wish);
    }
}

fn gauge(pattern: &str) -> metrics::Gauge {
    metrics::gauge!("lockdown_bus_subscribers", "channel" => reach::label(pattern))
}

// === impl Catching ===

impl Catching {
    async fn from_options(
        shared: &Arc<Shared>,
        patterns: &[CompactString],
        from: &CatchUp,
    ) -> Result<Option<Self>, SubscribeError> {
        let reach = Reach::of(patterns.iter().map(CompactString::as_str));
        let streams: Vec<Stream> = reach.streams().collect();
        let (places, recovery) = match from {
            CatchUp::No => return Ok(None),
            CatchUp::FromNow => {
                let lasts = streams.iter().map(|stream| async {
                    let last = patiently(shared.options.backoff, || shared.engine.last(*stream)).await?;
                    Ok((*stream, last))
                });
                let lasts = try_join_all(lasts).await.map_err(|error| match error {
                    EngineError::Closed => SubscribeError::Closed,
                    error => SubscribeError::Refused(Arc::new(error)),
                })?;
                (lasts.into_iter().collect(), None)
            }
            CatchUp::After(places) => {
                let places = streams.iter().map(|stream| {
                    let place = places.get(stream).copied();
                    (*stream, place.unwrap_or(crate::place::EntryId::ZERO))
                });
                (places.collect(), Some(Recovery::new(streams.iter().copied())))
            }
        };
        Ok(Some(Self {
            engine: Arc::clone(&shared.engine),
            globs: patterns.iter().map(|pattern| Glob::new(pattern)).collect(),
            reach,
            places,
            recovery,
            missed: Missed::default(),
            backoff: shared.options.backoff,
            failures: 0,
        }))
    }

    /// The next of what is read again, and at the end of it what could not be; nothing when there is more to do, or it
    /// was all.
    async fn step(&mut self) -> Option<Heard> {
        let recovery = self.recovery.as_mut()?;
        match recovery.next(&*self.engine, &self.globs, &mut self.places).await {
            Ok(Some(said)) => {
                self.failures = 0;
                return Some(Heard::Said(said));
            }
            Ok(None) => self.missed.uncounted |= recovery.lost,
            Err(EngineError::Away(error)) => {
                self.failures += 1;
                tracing::debug!(self.failures, "Could not read again what was not heard: {error}");
                tokio::time::sleep(self.backoff.pause(self.failures)).await;
                return None;
            }
            Err(error) => {
                tracing::warn!("Could not read again what was not heard: {error}");
                self.missed.uncounted = true;
            }
        }
        self.recovery = None;
        self.failures = 0;
        let missed = std::mem::take(&mut self.missed);
        match missed {
            Missed { uncounted: true, .. } => Some(Heard::Missed { count: None }),
            Missed { count: 0, .. } => None,
            Missed { count, .. } => Some(Heard::Missed { count: Some(count) }),
        }
    }

    fn take(&mut self, taken: Taken) -> Option<Heard> {
        match taken {
            Taken::Said(said) => {
                let news = said
                    .position
                    .is_none_or(|position| is_news(&mut self.places, position));
                return news.then_some(Heard::Said(said));
            }
            Taken::Fallen(Fallen { stored, live_only }) => {
                self.missed.count += live_only;
                let streams = (stored > 0).then(|| self.reach.streams());
                self.recovery = Some(Recovery::new(streams.into_iter().flatten()));
            }
            Taken::Gap(known) => {
                for (stream, id) in known.iter().flat_map(|known| known.iter()) {
                    if let Some(place) = self.places.get_mut(stream) {
                        *place = (*id).max(*place);
                    }
                }
                self.missed.uncounted |= self.reach.live_only;
                self.recovery = Some(Recovery::new(self.reach.streams()));
            }
            Taken::End => {}
        }
        None
    }
}
