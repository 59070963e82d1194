//! Tells those who follow that there is something to read, over one live connection for all of them.
//!
//! What is heard is only a hint: what there is, is read from the streams.

use super::query::Query;
use crate::backoff::Backoff;
use crate::engine::{Engine, EngineError, Frame, Live, LiveError};
use crate::live::frame::place_of;
use crate::place::{Position, Stream};
use compact_str::CompactString;
use lockdown_events::TypeInfo;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Whoever was not woken looks by himself: what wakes us is quick, but may fail.
const POLL: Duration = Duration::from_secs(5);
/// And again and again for a while when something was announced that is not there yet.
const POLL_SOON: Duration = Duration::from_millis(100);
const BACKOFF: Backoff = Backoff {
    first: Duration::from_millis(50),
    cap: Duration::from_secs(5),
};

/// Listens as long as somebody follows, and to no more than they ask for.
pub(super) struct Waker {
    engine: Arc<dyn Engine>,
    followers: Mutex<Followers>,
    /// Somebody came or went.
    changed: Notify,
}

#[derive(Default)]
struct Followers {
    all: Vec<Arc<Follower>>,
    listening: bool,
}

struct Follower {
    query: Query,
    streams: BTreeSet<Stream>,
    channels: BTreeSet<CompactString>,
    /// Where there may be something new.
    fresh: Mutex<BTreeSet<Stream>>,
    /// What it asks for is listened to.
    in_force: AtomicBool,
    /// When something was last heard that may come into the streams later.
    announced: Mutex<Option<Instant>>,
    news: Notify,
}

/// One follower's place among those who are told. Dropped, it is given up.
pub(super) struct Ticket {
    waker: Arc<Waker>,
    follower: Arc<Follower>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

// === impl Waker ===

impl Waker {
    pub(super) fn new(engine: Arc<dyn Engine>) -> Self {
        Self {
            engine,
            followers: Mutex::default(),
            changed: Notify::new(),
        }
    }

    /// Has this follower told from some moment on; at that moment it is told to look everywhere.
    pub(super) fn follow(this: &Arc<Self>, query: &Query) -> Ticket {
        let follower = Arc::new(Follower {
            streams: query.streams(),
            channels: query.channels(),
            query: query.clone(),
            fresh: Mutex::default(),
            in_force: AtomicBool::new(false),
            announced: Mutex::default(),
            news: Notify::new(),
        });
        let mut followers = lock(&this.followers);
        followers.all.push(Arc::clone(&follower));
        if followers.listening {
            this.changed.notify_one();
        } else {
            followers.listening = true;
            tokio::spawn(Arc::clone(this).listen());
        }
        drop(followers);
        Ticket {
            waker: Arc::clone(this),
            follower,
        }
    }

    /// All that has to be heard; `None` when nobody follows any more, and then nobody listens.
    fn wanted(&self) -> Option<BTreeSet<CompactString>> {
        let mut followers = lock(&self.followers);
        if followers.all.is_empty() {
            followers.listening = false;
            return None;
        }
        let channels = followers.all.iter().flat_map(|follower| &follower.channels);
        Some(channels.cloned().collect())
    }

    async fn listen(self: Arc<Self>) {
        let mut failures = 0;
        while self.wanted().is_some() {
            let ended = match self.engine.live().await {
                Ok(live) => {
                    failures = 0;
                    self.hear(live).await
                }
                Err(failed) => Err(failed),
            };
            match ended {
                Ok(()) => return,
                Err(EngineError::Closed) => {
                    lock(&self.followers).listening = false;
                    // They find out by themselves that it is closed.
                    self.tell_all();
                    return;
                }
                Err(failed) => {
                    failures += 1;
                    tracing::warn!(error = %failed, "Cannot listen for news: those who follow look by themselves");
                    tokio::time::sleep(BACKOFF.pause(failures)).await;
                }
            }
        }
    }

    /// Returns when nobody follows any more.
    async fn hear(&self, live: Box<dyn Live>) -> Result<(), EngineError> {
        // Of an earlier connection nothing is left.
        for follower in &lock(&self.followers).all {
            follower.in_force.store(false, Ordering::Relaxed);
        }
        let mut heard = BTreeSet::new();
        while let Some(wanted) = self.wanted() {
            if wanted != heard {
                let more: Vec<_> = wanted.difference(&heard).cloned().collect();
                live.subscribe(&more).await.map_err(engine_error)?;
                let less: Vec<_> = heard.difference(&wanted).cloned().collect();
                live.unsubscribe(&less).await.map_err(engine_error)?;
                heard = wanted;
            }
            // What came before the subscription was in force was not heard.
            for follower in &lock(&self.followers).all {
                if follower.channels.is_subset(&heard) && !follower.in_force.swap(true, Ordering::Relaxed) {
                    follower.tell_all();
                }
            }
            loop {
                tokio::select! {
                    frame = live.next() => match frame.map_err(engine_error)? {
                        Frame::Said { channel, text } => self.tell(&channel, &text),
                        Frame::Gap => self.tell_all(),
                    },
                    () = self.changed.notified() => break,
                }
            }
        }
        Ok(())
    }

    fn tell(&self, channel: &str, frame: &str) {
        let place = place_of(channel, frame);
        for follower in &lock(&self.followers).all {
            let concerned = place.is_none_or(|place| follower.streams.contains(&place.stream));
            if !concerned || !follower.query.takes_type(channel) || !follower.query.takes_place(frame) {
                continue;
            }
            if let Some(Position { stream, .. }) = place {
                follower.tell([stream]);
            } else if TypeInfo::find(channel).is_some() {
                // Said by somebody else, to be appended in a moment and then without a word; or never.
                *lock(&follower.announced) = Some(Instant::now());
                follower.tell_all();
            }
        }
    }

    fn tell_all(&self) {
        for follower in &lock(&self.followers).all {
            follower.tell_all();
        }
    }
}

fn engine_error(failed: LiveError) -> EngineError {
    match failed {
        LiveError::Closed => EngineError::Closed,
        LiveError::Engine(failed) => failed,
    }
}

// === impl Follower ===

impl Follower {
    fn tell_all(&self) {
        self.tell(self.streams.iter().copied());
    }

    fn tell(&self, streams: impl IntoIterator<Item = Stream>) {
        lock(&self.fresh).extend(streams);
        self.news.notify_one();
    }
}

// === impl Ticket ===

impl Ticket {
    /// Streams in which there may be something new: as soon as that is known, and all of them when it was quiet for
    /// long. Safe to cancel.
    pub(super) async fn news(&self) -> BTreeSet<Stream> {
        let announced = *lock(&self.follower.announced);
        let soon = announced.is_some_and(|at| at.elapsed() < POLL);
        let waited = tokio::time::timeout(if soon { POLL_SOON } else { POLL }, async {
            loop {
                let fresh = std::mem::take(&mut *lock(&self.follower.fresh));
                if !fresh.is_empty() {
                    return fresh;
                }
                self.follower.news.notified().await;
            }
        });
        waited.await.unwrap_or_else(|_| self.follower.streams.clone())
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        lock(&self.waker.followers)
            .all
            .retain(|follower| !Arc::ptr_eq(follower, &self.follower));
        self.waker.changed.notify_one();
    }
}
