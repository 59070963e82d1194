//! The one task that listens for this process: it tells everybody what was said, and the engine what is wanted.

use super::mailbox::{Mailbox, Places};
use super::table::Table;
use super::{HubOptions, Said, SubscribeError, frame, lock};
use crate::engine::{Engine, EngineError, Frame, Live, LiveError};
use compact_str::CompactString;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use tokio::sync::{mpsc, oneshot};

/// Frames told in a row before the dispatcher looks at anything else.
const RUN: usize = 64;

/// What a subscription asks of the dispatcher. What it listens to stands in the table before it asks.
pub(super) enum Wish {
    Join {
        number: u64,
        patterns: Vec<CompactString>,
        mailbox: Arc<Mailbox>,
        done: oneshot::Sender<Result<(), SubscribeError>>,
    },
    Leave {
        number: u64,
        patterns: Vec<CompactString>,
        done: Option<oneshot::Sender<()>>,
    },
    /// Ends everything.
    Close,
}

/// Owns the connection. The engine is asked for one change at a time, and for all that is wanted by then; frames flow
/// meanwhile.
pub(super) struct Dispatcher {
    engine: Arc<dyn Engine>,
    table: Arc<Mutex<Table>>,
    options: HubOptions,
    wishes: mpsc::UnboundedReceiver<Wish>,
    /// Opened when somebody first wants to hear something.
    live: Option<Arc<dyn Live>>,
    /// What the engine was asked for.
    work: Option<BoxFuture<'static, Done>>,
    in_force: HashSet<CompactString>,
    /// Patterns of which the last change to be made is under way.
    leaving: HashSet<CompactString>,
    /// Patterns that somebody came to or went from since they were last looked at.
    touched: HashSet<CompactString>,
    /// Patterns that were refused together, to be asked for one by one.
    alone: Vec<CompactString>,
    joining: HashMap<u64, Joining>,
    left: Vec<(Vec<CompactString>, oneshot::Sender<()>)>,
    /// The last entry of each stream that was told since the last gap.
    places: Places,
    failures: u32,
}

struct Joining {
    patterns: Vec<CompactString>,
    mailbox: Arc<Mailbox>,
    done: oneshot::Sender<Result<(), SubscribeError>>,
}

/// What the engine answered.
enum Done {
    Opened(Result<Box<dyn Live>, EngineError>),
    Subscribed(Vec<CompactString>, Result<(), LiveError>),
    Unsubscribed(Result<(), LiveError>),
}

/// Nothing can be heard any more.
struct Ended;

// === impl Dispatcher ===

impl Dispatcher {
    pub(super) fn new(
        engine: Arc<dyn Engine>,
        table: Arc<Mutex<Table>>,
        options: HubOptions,
        wishes: mpsc::UnboundedReceiver<Wish>,
    ) -> Self {
        Self {
            engine,
            table,
            options,
            wishes,
            live: None,
            work: None,
            in_force: HashSet::new(),
            leaving: HashSet::new(),
            touched: HashSet::new(),
            alone: Vec::new(),
            joining: HashMap::new(),
            left: Vec::new(),
            places: Places::new(),
            failures: 0,
        }
    }

    /// Runs until the engine is closed, or everybody who could ask for something is gone.
    pub(super) async fn run(mut self) {
        while let Ok(()) = self.turn().await {}
        lock(&self.table).end();
        // Who still waits for an answer hears that the end has come, because it never comes.
    }

    async fn turn(&mut self) -> Result<(), Ended> {
        self.work_on();
        let live = self.live.clone();
        tokio::select! {
            wish = self.wishes.recv() => self.take(wish.ok_or(Ended)?),
            done = or_never(self.work.as_mut()) => {
                self.work = None;
                self.done(done)
            }
            heard = or_never(live.as_ref().map(|live| live.next())) => {
                self.hear(heard)?;
                for _ in 1..RUN {
                    match live.as_ref().and_then(|live| live.next().now_or_never()) {
                        Some(heard) => self.hear(heard)?,
                        None => break,
                    }
                }
                // Frames that are always there must not keep everything else off this thread.
                tokio::task::consume_budget().await;
                Ok(())
            }
        }
    }

    fn take(&mut self, wish: Wish) -> Result<(), Ended> {
        match wish {
            Wish::Join {
                number,
                patterns,
                mailbox,
                done,
            } => {
                self.touched.extend(patterns.iter().cloned());
                let joining = Joining {
                    patterns,
                    mailbox,
                    done,
                };
                self.joining.insert(number, joining);
                self.answer_join(number);
            }
            Wish::Leave {
                number,
                patterns,
                done,
            } => {
                self.joining.remove(&number);
                self.touched.extend(patterns.iter().cloned());
                if let Some(done) = done {
                    self.left.push((patterns, done));
                    self.answer_leavers();
                }
            }
            Wish::Close => return Err(Ended),
        }
        Ok(())
    }

    /// Asks the engine for the next change, unless it is busy with one.
    fn work_on(&mut self) {
        if self.work.is_some() || self.touched.is_empty() && self.alone.is_empty() {
            return;
        }
        let (mut wanted, mut unwanted) = (Vec::new(), Vec::new());
        {
            let table = lock(&self.table);
            self.touched
                .retain(|pattern| table.wants(pattern) != self.in_force.contains(pattern));
            self.alone
                .retain(|pattern| table.wants(pattern) && !self.in_force.contains(pattern));
            for pattern in &self.touched {
                if table.wants(pattern) {
                    wanted.push(pattern.clone());
                } else {
                    unwanted.push(pattern.clone());
                }
            }
        }
        // Those who wait are helped first.
        if wanted.is_empty() {
            wanted.extend(self.alone.pop());
        }
        let Some(live) = self.live.clone() else {
            if !wanted.is_empty() {
                let (engine, failures) = (Arc::clone(&self.engine), self.failures);
                let pause = self.options.backoff.pause(failures);
                self.work = Some(Box::pin(async move {
                    if failures > 0 {
                        tokio::time::sleep(pause).await;
                    }
                    Done::Opened(engine.live().await)
                }));
            }
            return;
        };
        if !wanted.is_empty() {
            for pattern in &wanted {
                self.touched.remove(pattern);
            }
            self.work = Some(Box::pin(async move {
                let result = live.subscribe(&wanted).await;
                Done::Subscribed(wanted, result)
            }));
        } else if !unwanted.is_empty() {
            for pattern in &unwanted {
                self.touched.remove(pattern);
                // Whoever comes to it from now on has to wait for it anew.
                self.in_force.remove(pattern);
            }
            self.leaving.extend(unwanted.iter().cloned());
            self.work = Some(Box::pin(async move {
                Done::Unsubscribed(live.unsubscribe(&unwanted).await)
            }));
        }
    }

    fn done(&mut self, done: Done) -> Result<(), Ended> {
        match done {
            Done::Opened(Ok(live)) => {
                self.live = Some(Arc::from(live));
                self.failures = 0;
            }
            Done::Opened(Err(EngineError::Closed)) => return Err(Ended),
            Done::Opened(Err(EngineError::Away(error))) => {
                self.failures = self.failures.saturating_add(1);
                tracing::debug!("Could not begin to listen, try {}: {error}", self.failures);
            }
            Done::Opened(Err(error)) => {
                let error = Arc::new(error);
                for (_, joining) in self.joining.drain() {
                    joining.refuse(&error);
                }
                self.touched.clear();
            }
            Done::Subscribed(patterns, Ok(())) => {
                self.in_force.extend(patterns);
                let numbers: Vec<u64> = self.joining.keys().copied().collect();
                numbers.into_iter().for_each(|number| self.answer_join(number));
            }
            Done::Subscribed(_, Err(LiveError::Closed)) => return Err(Ended),
            Done::Subscribed(patterns, Err(LiveError::Engine(error))) => {
                if let [pattern] = patterns.as_slice() {
                    tracing::warn!("Could not listen to `{pattern}`: {error}");
                    let error = Arc::new(error);
                    let refused = |_: &u64, joining: &mut Joining| joining.patterns.contains(pattern);
                    for (_, joining) in self.joining.extract_if(refused) {
                        joining.refuse(&error);
                    }
                } else {
                    self.alone.extend(patterns);
                }
            }
            Done::Unsubscribed(Err(LiveError::Closed)) => return Err(Ended),
            Done::Unsubscribed(result) => {
                if let Err(error) = result {
                    // What is still said is told to nobody.
                    tracing::warn!("Could not stop listening: {error}");
                }
                self.leaving.clear();
                self.answer_leavers();
            }
        }
        Ok(())
    }

    fn answer_join(&mut self, number: u64) {
        let Some(joining) = self.joining.get(&number) else {
            return;
        };
        if joining
            .patterns
            .iter()
            .all(|pattern| self.in_force.contains(pattern))
            && let Some(joining) = self.joining.remove(&number)
        {
            joining.mailbox.in_force.store(true, Ordering::Relaxed);
            // If it is gone, it has left, or will.
            let _ = joining.done.send(Ok(()));
        }
    }

    fn answer_leavers(&mut self) {
        let table = lock(&self.table);
        let still_heard = |pattern: &CompactString| {
            !table.wants(pattern) && (self.in_force.contains(pattern) || self.leaving.contains(pattern))
        };
        for (_, done) in self
            .left
            .extract_if(.., |(patterns, _)| !patterns.iter().any(still_heard))
        {
            // It may not want to know any more.
            let _ = done.send(());
        }
    }

    fn hear(&mut self, heard: Result<Frame, LiveError>) -> Result<(), Ended> {
        match heard {
            Ok(Frame::Said { channel, text }) => {
                let position = frame::place_of(&channel, &text);
                let said = Said {
                    channel,
                    text,
                    position,
                };
                lock(&self.table).tell(&said);
                if let Some(position) = position {
                    self.places.insert(position.stream, position.id);
                }
            }
            Ok(Frame::Gap) => self.tell_gap(),
            Err(LiveError::Closed) => return Err(Ended),
            // It survives everything else by its own account.
            Err(LiveError::Engine(error)) => {
                tracing::error!("The live connection broke for good: {error}");
                return Err(Ended);
            }
        }
        Ok(())
    }

    fn tell_gap(&mut self) {
        metrics::counter!("lockdown_bus_live_gaps_total").increment(1);
        let places = Arc::new(std::mem::take(&mut self.places));
        lock(&self.table).gap(&places);
    }
}

// === impl Joining ===

impl Joining {
    fn refuse(self, error: &Arc<EngineError>) {
        let _ = self.done.send(Err(SubscribeError::Refused(Arc::clone(error))));
    }
}

async fn or_never<F: Future>(future: Option<F>) -> F::Output {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}
