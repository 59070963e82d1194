//! The live connection: one for the process, for ever.
//!
//! A task of ours owns it. What Redis pushes goes from the task that reads the socket into a bounded queue, so that a slow
//! listener neither fills our memory nor is cut off by the server. A server that is gone without a word is noticed by
//! asking it; an idle subscriber that waits to be told would wait for ever.

use super::connection::{Dialer, HEARTBEAT, Pause};
use super::error;
use super::listeners::Heard;
use super::{RedisEngine, reply};
use crate::engine::{EngineError, Frame, Live, LiveError};
use ::redis::aio::MultiplexedConnection;
use ::redis::{PushInfo, PushKind, RedisError};
use async_trait::async_trait;
use compact_str::CompactString;
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};

struct RedisLive {
    wishes: mpsc::Sender<Wish>,
    heard: Arc<Heard>,
    closing: CancellationToken,
    /// Ends the task with this value.
    _ends: DropGuard,
}

/// A change of what is listened to, answered when the server confirmed it.
struct Wish {
    what: Change,
    patterns: Vec<CompactString>,
    done: oneshot::Sender<Result<(), EngineError>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    Subscribe,
    Unsubscribe,
}

/// What the task owns.
struct Listener {
    dialer: Dialer,
    heard: Arc<Heard>,
    closing: CancellationToken,
    wishes: mpsc::Receiver<Wish>,
    /// All that is to be listened to.
    patterns: BTreeSet<CompactString>,
    /// The wish in hand when the connection was lost.
    waiting: Option<Wish>,
}

struct Line {
    connection: MultiplexedConnection,
    ended: Arc<Notify>,
}

impl RedisEngine {
    pub(super) async fn listen(&self) -> Result<Box<dyn Live>, EngineError> {
        if self.closing.is_cancelled() {
            return Err(EngineError::Closed);
        }
        let (wishes, to_come) = mpsc::channel(16);
        let closing = self.closing.child_token();
        let listener = Listener {
            dialer: self.calls.link().dialer().clone(),
            heard: Arc::new(Heard::new(
                self.options.live_frames,
                self.options.live_bytes,
                Arc::clone(&self.counters),
            )),
            closing: closing.clone(),
            wishes: to_come,
            patterns: BTreeSet::new(),
            waiting: None,
        };
        let line = listener.dial().await.map_err(error::engine)?;
        let live = RedisLive {
            wishes,
            heard: Arc::clone(&listener.heard),
            closing: closing.clone(),
            _ends: closing.drop_guard(),
        };
        listener.heard.in_force(false);
        tokio::spawn(listener.run(line));
        Ok(Box::new(live))
    }
}

// === impl RedisLive ===

impl RedisLive {
    async fn wish(&self, what: Change, patterns: &[CompactString]) -> Result<(), LiveError> {
        if patterns.is_empty() {
            return Ok(());
        }
        let (done, answer) = oneshot::channel();
        let wish = Wish {
            what,
            patterns: patterns.to_vec(),
            done,
        };
        self.wishes.send(wish).await.map_err(|_| LiveError::Closed)?;
        match answer.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(EngineError::Closed)) | Err(_) => Err(LiveError::Closed),
            Ok(Err(failed)) => Err(LiveError::Engine(failed)),
        }
    }
}

#[async_trait]
impl Live for RedisLive {
    async fn subscribe(&self, patterns: &[CompactString]) -> Result<(), LiveError> {
        self.wish(Change::Subscribe, patterns).await
    }

    async fn unsubscribe(&self, patterns: &[CompactString]) -> Result<(), LiveError> {
        self.wish(Change::Unsubscribe, patterns).await
    }

    async fn next(&self) -> Result<Frame, LiveError> {
        tokio::select! {
            biased;
            () = self.closing.cancelled() => Err(LiveError::Closed),
            frame = self.heard.take() => Ok(frame),
        }
    }
}

// === impl Listener ===

impl Listener {
    async fn run(mut self, first: Line) {
        let mut line = Some(first);
        let mut pause = Pause::default();
        let closing = self.closing.clone();
        loop {
            let round = async {
                let current = match line.take() {
                    Some(line) => line,
                    None => match self.again().await {
                        Ok(line) => line,
                        Err(failed) => {
                            tracing::debug!(error = %failed, "The live connection to Redis is still away");
                            tokio::time::sleep(pause.next()).await;
                            return;
                        }
                    },
                };
                pause = Pause::default();
                let reason = self.serve(current).await;
                tracing::warn!(reason, "Lost the live connection to Redis: {reason}");
            };
            tokio::select! {
                biased;
                () = closing.cancelled() => return,
                () = round => {}
            }
        }
    }

    async fn dial(&self) -> Result<Line, RedisError> {
        let epoch = self.heard.begin();
        let heard = Arc::clone(&self.heard);
        let ended = Arc::new(Notify::new());
        let ends = Arc::clone(&ended);
        let connection = self.dialer.live(move |push| {
            hear(&heard, epoch, &ends, &push);
            Ok(())
        });
        Ok(Line {
            connection: connection.await?,
            ended,
        })
    }

    /// Connects and subscribes to everything again, then tells of the gap.
    async fn again(&mut self) -> Result<Line, RedisError> {
        let mut line = self.dial().await?;
        let patterns: Vec<CompactString> = self.patterns.iter().cloned().collect();
        change(&mut line.connection, Change::Subscribe, &patterns).await?;
        self.heard.in_force(true);
        tracing::info!(patterns = patterns.len(), "Listening to Redis again");
        Ok(line)
    }

    /// Returns when the connection is of no more use, with the reason.
    async fn serve(&mut self, mut line: Line) -> String {
        let mut heartbeat = tokio::time::interval(HEARTBEAT);
        heartbeat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let wish = match self.waiting.take() {
                Some(wish) => wish,
                None => tokio::select! {
                    () = line.ended.notified() => return "the connection was closed".to_owned(),
                    wish = self.wishes.recv() => match wish {
                        Some(wish) => wish,
                        // The listener is dropped, which ends this task.
                        None => std::future::pending().await,
                    },
                    _ = heartbeat.tick() => {
                        let ping = ::redis::cmd("PING").exec_async(&mut line.connection).await;
                        match ping {
                            Err(failed) if error::ends_the_connection(&failed) => return failed.to_string(),
                            _ => continue,
                        }
                    }
                },
            };
            match change(&mut line.connection, wish.what, &wish.patterns).await {
                Ok(()) => {
                    for pattern in &wish.patterns {
                        match wish.what {
                            Change::Subscribe => self.patterns.insert(pattern.clone()),
                            Change::Unsubscribe => self.patterns.remove(pattern),
                        };
                    }
                    // Who no longer waits for the answer has what it wished for all the same.
                    let _ = wish.done.send(Ok(()));
                }
                Err(failed) if error::ends_the_connection(&failed) => {
                    self.waiting = Some(wish);
                    return failed.to_string();
                }
                Err(failed) => {
                    let _ = wish.done.send(Err(error::engine(failed)));
                }
            }
        }
    }
}

/// Returns when the server confirmed it.
async fn change(
    connection: &mut MultiplexedConnection,
    what: Change,
    patterns: &[CompactString],
) -> Result<(), RedisError> {
    let (globs, names): (Vec<&str>, Vec<&str>) = patterns
        .iter()
        .map(CompactString::as_str)
        .partition(|pattern| pattern.contains(['*', '?', '[', '\\']));
    if !names.is_empty() {
        match what {
            Change::Subscribe => connection.subscribe(&names).await?,
            Change::Unsubscribe => connection.unsubscribe(&names).await?,
        }
    }
    if !globs.is_empty() {
        match what {
            Change::Subscribe => connection.psubscribe(&globs).await?,
            Change::Unsubscribe => connection.punsubscribe(&globs).await?,
        }
    }
    Ok(())
}

/// Runs in the task that reads the socket: it must not wait.
fn hear(heard: &Heard, epoch: u64, ended: &Notify, push: &PushInfo) {
    let (by, data) = match (&push.kind, push.data.as_slice()) {
        (PushKind::Message, data) => (None, data),
        (PushKind::PMessage, [pattern, data @ ..]) => (reply::text(pattern), data),
        (PushKind::Disconnection, _) => {
            ended.notify_one();
            return;
        }
        // A change of the subscriptions was confirmed.
        _ => return heard.changed(epoch),
    };
    if let [channel, text] = data
        && let (Some(channel), Some(text)) = (reply::text(channel), reply::text(text))
    {
        heard.hear(epoch, by.as_deref(), &channel, &text);
    }
}
