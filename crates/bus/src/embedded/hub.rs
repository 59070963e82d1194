//! The live side: who listens, and what waits for them.

use super::ring::Entry;
use crate::engine::{EngineError, Frame, Live, LiveError};
use crate::glob::Glob;
use crate::live::frame;
use crate::place::Position;
use crate::stats::Listeners;
use async_trait::async_trait;
use compact_str::CompactString;
use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// What waits for one who does not read, at most; then the oldest make room, and a gap says so.
const MOST_FRAMES: usize = 16_384;
const MOST_BYTES: usize = 16 << 20;

/// Everybody who listens to this log.
#[derive(Debug, Default)]
pub(super) struct Hub {
    listeners: Mutex<Vec<Arc<Listener>>>,
}

/// An entry that was committed a moment ago.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) position: Position,
    pub(super) entry: Entry,
}

#[derive(Debug, Default)]
struct Listener {
    patterns: Mutex<Vec<(CompactString, Glob)>>,
    waiting: Mutex<Waiting>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    frames: VecDeque<(CompactString, Arc<str>)>,
    bytes: usize,
    /// Something was dropped before the first frame.
    gap: bool,
}

/// One listener's end; the listener goes with it.
#[derive(Debug)]
pub(super) struct EmbeddedLive {
    hub: Arc<Hub>,
    listener: Arc<Listener>,
    closed: CancellationToken,
}

// === impl Hub ===

impl Hub {
    /// Tells everybody whom it concerns; returns for each entry how many that were.
    pub(super) fn publish(&self, said: &[Said]) -> Vec<u64> {
        let listeners = lock(&self.listeners);
        if listeners.is_empty() {
            return vec![0; said.len()];
        }
        said.iter()
            .map(|said| {
                let mut text = None;
                let mut receivers = 0;
                for listener in listeners.iter().filter(|one| one.hears(&said.entry.channel)) {
                    let text =
                        text.get_or_insert_with(|| frame::with_place(said.position, &said.entry.envelope));
                    listener.tell(&said.entry.channel, text);
                    receivers += 1;
                }
                receivers
            })
            .collect()
    }

    pub(super) fn say(&self, channel: &str, text: &str) -> u64 {
        let listeners = lock(&self.listeners);
        let mut shared: Option<(CompactString, Arc<str>)> = None;
        let mut receivers = 0;
        for listener in listeners.iter().filter(|one| one.hears(channel)) {
            let (channel, text) = shared.get_or_insert_with(|| (channel.into(), text.into()));
            listener.tell(channel, text);
            receivers += 1;
        }
        receivers
    }

    pub(super) fn count(&self, channels: &[CompactString]) -> Listeners {
        let listeners = lock(&self.listeners);
        let mut counts = Listeners {
            channels: vec![0; channels.len()],
            patterns: 0,
        };
        let mut globs = BTreeSet::new();
        for listener in listeners.iter() {
            for (name, _) in lock(&listener.patterns).iter() {
                if name.contains(['*', '?', '[', '\\']) {
                    globs.insert(name.clone());
                }
                for (count, _) in counts
                    .channels
                    .iter_mut()
                    .zip(channels)
                    .filter(|(_, channel)| *channel == name)
                {
                    *count += 1;
                }
            }
        }
        counts.patterns = globs.len() as u64;
        counts
    }

    pub(super) fn listen(self: &Arc<Self>, closed: CancellationToken) -> EmbeddedLive {
        let listener = Arc::new(Listener::default());
        lock(&self.listeners).push(Arc::clone(&listener));
        EmbeddedLive {
            hub: Arc::clone(self),
            listener,
            closed,
        }
    }
}

// === impl Listener ===

impl Listener {
    fn hears(&self, channel: &str) -> bool {
        lock(&self.patterns).iter().any(|(_, glob)| glob.matches(channel))
    }

    fn tell(&self, channel: &CompactString, text: &Arc<str>) {
        {
            let mut waiting = lock(&self.waiting);
            waiting.bytes += text.len();
            waiting.frames.push_back((channel.clone(), Arc::clone(text)));
            while waiting.frames.len() > MOST_FRAMES || waiting.bytes > MOST_BYTES {
                waiting.gap = true;
                if waiting.take().is_none() {
                    break;
                }
            }
        }
        self.arrived.notify_one();
    }

    fn take(&self) -> Option<Frame> {
        let mut waiting = lock(&self.waiting);
        if std::mem::take(&mut waiting.gap) {
            return Some(Frame::Gap);
        }
        let (channel, text) = waiting.take()?;
        Some(Frame::Said { channel, text })
    }
}

// === impl Waiting ===

impl Waiting {
    fn take(&mut self) -> Option<(CompactString, Arc<str>)> {
        let frame = self.frames.pop_front()?;
        self.bytes -= frame.1.len();
        Some(frame)
    }
}

// === impl EmbeddedLive ===

impl EmbeddedLive {
    fn open(&self) -> Result<(), LiveError> {
        if self.closed.is_cancelled() {
            return Err(LiveError::Closed);
        }
        Ok(())
    }
}

#[async_trait]
impl Live for EmbeddedLive {
    async fn subscribe(&self, patterns: &[CompactString]) -> Result<(), LiveError> {
        self.open()?;
        let mut own = lock(&self.listener.patterns);
        for pattern in patterns {
            if own.iter().all(|(known, _)| known != pattern) {
                own.push((pattern.clone(), Glob::new(pattern)));
            }
        }
        Ok(())
    }

    async fn unsubscribe(&self, patterns: &[CompactString]) -> Result<(), LiveError> {
        self.open()?;
        lock(&self.listener.patterns).retain(|(known, _)| !patterns.contains(known));
        Ok(())
    }

    async fn next(&self) -> Result<Frame, LiveError> {
        loop {
            self.open()?;
            if let Some(frame) = self.listener.take() {
                return Ok(frame);
            }
            // A word that came since is not missed: `notify_one` is remembered until somebody waits.
            tokio::select! {
                () = self.listener.arrived.notified() => {}
                () = self.closed.cancelled() => {}
            }
        }
    }
}

impl Drop for EmbeddedLive {
    fn drop(&mut self) {
        lock(&self.hub.listeners).retain(|listener| !Arc::ptr_eq(listener, &self.listener));
    }
}

impl From<EngineError> for LiveError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Closed => Self::Closed,
            other => Self::Engine(other),
        }
    }
}

/// A panic elsewhere leaves these whole: every change is one call.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_gap_comes_before_what_is_left() {
        let hub = Arc::new(Hub::default());
        let live = hub.listen(CancellationToken::new());
        live.subscribe(&["*".into()]).await.unwrap();
        for n in 0..MOST_FRAMES + 3 {
            assert_eq!(hub.say("a", &n.to_string()), 1);
        }
        assert!(matches!(live.next().await, Ok(Frame::Gap)));
        for n in 3..MOST_FRAMES + 3 {
            let Ok(Frame::Said { text, .. }) = live.next().await else {
                panic!("a frame");
            };
            assert_eq!(*text, *n.to_string());
        }
        // One frame larger than everything is a gap of its own.
        hub.say("a", &"x".repeat(MOST_BYTES + 1));
        hub.say("a", "after");
        assert!(matches!(live.next().await, Ok(Frame::Gap)));
        assert!(matches!(live.next().await, Ok(Frame::Said { text, .. }) if &*text == "after"));
        drop(live);
        assert_eq!(hub.say("a", "nobody"), 0);
    }
}
