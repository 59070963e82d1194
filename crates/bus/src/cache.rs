//! What a process remembers of what is elsewhere, and how it is told to forget.
//!
//! A cache hears every `cache:invalidate`: by keys, by a pattern over keys, by tags. When something may have been missed
//! it forgets everything, before it answers again. What is being loaded while it is invalidated is handed out, but not
//! kept.

use crate::glob::Glob;
use crate::live::{Heard, Hub, ListenOptions, SubscribeError, Subscription};
use crate::speaker::{SayError, Speaker};
use lockdown_events::{CacheInvalidation, Live};
use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};
use tokio::sync::OnceCell;

const CHANNEL: &str = "cache:invalidate";

/// How much is remembered, and for how long at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheOptions {
    pub entries: usize,
    /// The bound of what can be wrong while the bus is away and nobody can tell us.
    pub lasts: Duration,
}

/// All caches of this process.
#[derive(Clone)]
pub(crate) struct Caches {
    speaker: Speaker,
    hub: Hub,
    all: Arc<Mutex<Vec<Weak<dyn Forget>>>>,
    listening: Arc<OnceCell<()>>,
}

/// Values by key, loaded where they are missing. Cheap to clone; clones are one cache.
pub struct Cache<V> {
    kept: Arc<Kept<V>>,
}

struct Kept<V> {
    options: CacheOptions,
    state: Mutex<State<V>>,
}

struct State<V> {
    values: HashMap<String, Value<V>>,
    /// What is being loaded now, by the number of the load.
    loading: HashMap<u64, Loading>,
    loads: u64,
}

struct Value<V> {
    value: V,
    tags: Vec<String>,
    since: Instant,
}

struct Loading {
    key: String,
    tags: Vec<String>,
    /// It was invalidated meanwhile.
    stale: bool,
}

/// A load that is given up leaves nothing behind.
struct Load<'a, V> {
    kept: &'a Kept<V>,
    number: u64,
}

trait Forget: Send + Sync {
    /// Without a `what`, everything.
    fn forget(&self, what: Option<&CacheInvalidation>);
}

// === impl CacheOptions ===

impl Default for CacheOptions {
    fn default() -> Self {
        Self {
            entries: 10_000,
            lasts: Duration::from_secs(60),
        }
    }
}

// === impl Caches ===

impl Caches {
    pub(crate) fn new(speaker: Speaker, hub: Hub) -> Self {
        Self {
            speaker,
            hub,
            all: Arc::default(),
            listening: Arc::default(),
        }
    }

    pub(crate) async fn cache<V: Clone + Send + 'static>(
        &self,
        options: CacheOptions,
    ) -> Result<Cache<V>, SubscribeError> {
        let listen = || async {
            let heard = self.hub.subscribe(&[CHANNEL], &ListenOptions::default()).await?;
            tokio::spawn(hear(heard, Arc::clone(&self.all)));
            Ok(())
        };
        self.listening.get_or_try_init(listen).await?;
        let kept = Arc::new(Kept {
            options,
            state: Mutex::new(State {
                values: HashMap::new(),
                loading: HashMap::new(),
                loads: 0,
            }),
        });
        let forgetful: Weak<dyn Forget> = Arc::downgrade(&(Arc::clone(&kept) as Arc<dyn Forget>));
        lock(&self.all).push(forgetful);
        Ok(Cache { kept })
    }

    /// Forgets here at once, and has every other process forget. What fails to be said is forgotten here all the same.
    pub(crate) async fn invalidate(&self, what: CacheInvalidation) -> Result<(), SayError> {
        forget(&self.all, Some(&what));
        self.speaker.say(&Live::CacheInvalidation(what)).await.map(drop)
    }
}

fn forget(all: &Mutex<Vec<Weak<dyn Forget>>>, what: Option<&CacheInvalidation>) {
    lock(all).retain(|cache| {
        let cache = cache.upgrade();
        if let Some(cache) = &cache {
            cache.forget(what);
        }
        cache.is_some()
    });
}

async fn hear(mut heard: Subscription, all: Arc<Mutex<Vec<Weak<dyn Forget>>>>) {
    loop {
        match heard.next().await {
            Some(Heard::Said(said)) => match said.envelope().and_then(|envelope| envelope.live()) {
                Ok(Live::CacheInvalidation(what)) => forget(&all, Some(&what)),
                // Somebody wants something forgotten, and cannot say what.
                _ => forget(&all, None),
            },
            Some(Heard::Missed { .. }) => forget(&all, None),
            None => return forget(&all, None),
        }
    }
}

// === impl Cache ===

impl<V> Clone for Cache<V> {
    fn clone(&self) -> Self {
        Self {
            kept: Arc::clone(&self.kept),
        }
    }
}

impl<V: Clone> Cache<V> {
    /// What is remembered under the key; else what `load` brings, which is remembered under the key and the tags.
    pub async fn get<E, Fut>(&self, key: &str, tags: &[&str], load: impl FnOnce() -> Fut) -> Result<V, E>
    where
        Fut: Future<Output = Result<V, E>>,
    {
        if let Some(value) = self.kept.find(key) {
            return Ok(value);
        }
        let loading = self.kept.begin(key, tags);
        let value = load().await?;
        loading.keep(value.clone());
        Ok(value)
    }

    /// How many values are remembered.
    pub fn len(&self) -> usize {
        lock(&self.kept.state).values.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

// === impl Kept ===

impl<V: Clone> Kept<V> {
    fn find(&self, key: &str) -> Option<V> {
        let mut state = lock(&self.state);
        let found = state.values.get(key)?;
        if found.since.elapsed() >= self.options.lasts {
            state.values.remove(key);
            return None;
        }
        Some(found.value.clone())
    }
}

impl<V> Kept<V> {
    fn begin(&self, key: &str, tags: &[&str]) -> Load<'_, V> {
        let mut state = lock(&self.state);
        state.loads += 1;
        let number = state.loads;
        let loading = Loading {
            key: key.to_owned(),
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            stale: false,
        };
        state.loading.insert(number, loading);
        Load { kept: self, number }
    }
}

impl<V> Load<'_, V> {
    fn keep(self, value: V) {
        let mut state = lock(&self.kept.state);
        let Some(Loading { key, tags, stale }) = state.loading.remove(&self.number) else {
            return;
        };
        if stale {
            return;
        }
        if state.values.len() >= self.kept.options.entries && !state.values.contains_key(&key) {
            state.make_room(self.kept.options.lasts);
        }
        let since = Instant::now();
        state.values.insert(key, Value { value, tags, since });
    }
}

impl<V> Drop for Load<'_, V> {
    fn drop(&mut self) {
        lock(&self.kept.state).loading.remove(&self.number);
    }
}

impl<V> State<V> {
    /// Drops what is over, or else a tenth of what is oldest: not one for each that comes.
    fn make_room(&mut self, lasts: Duration) {
        let full = self.values.len();
        self.values.retain(|_, value| value.since.elapsed() < lasts);
        if self.values.len() < full {
            return;
        }
        let mut ages: Vec<Instant> = self.values.values().map(|value| value.since).collect();
        let (_, bound, _) = ages.select_nth_unstable(full / 10);
        let bound = *bound;
        self.values.retain(|_, value| value.since > bound);
    }
}

impl<V: Send> Forget for Kept<V> {
    fn forget(&self, what: Option<&CacheInvalidation>) {
        let pattern = what.and_then(|what| what.pattern.as_deref()).map(Glob::new);
        let concerns = |key: &str, tags: &[String]| {
            what.is_none_or(|what| {
                what.keys.iter().any(|gone| gone == key)
                    || pattern.as_ref().is_some_and(|pattern| pattern.matches(key))
                    || tags.iter().any(|tag| what.tags.contains(tag))
            })
        };
        let mut state = lock(&self.state);
        state.values.retain(|key, value| !concerns(key, &value.tags));
        for loading in state.loading.values_mut() {
            loading.stale |= concerns(&loading.key, &loading.tags);
        }
    }
}

/// A panic elsewhere leaves these whole: every change is one call.
fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
