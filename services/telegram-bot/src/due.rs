//! What is to be done at a time to come, by whichever process lives then: a message of ours is taken away, a
//! challenge ends.
//!
//! It stands on a board of the bus until it is done. To add one: a variant of [`Task`], and its arm in `lib.rs`.

use lockdown_bus::{Engine, EngineError, Standing};
use lockdown_events::{EventId, GuildId, MessageId, UserId};
use lockdown_runtime::{Ids, Shutdown, chain};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

const BOARD: &str = "telegram.due";
const BATCH: usize = 64;
/// The longest pause between two looks: another process may have put something down meanwhile.
const LOOK: Duration = Duration::from_secs(1);
/// Between looks at what another process is at, or what failed a moment ago.
const AGAIN: Duration = Duration::from_millis(250);
/// Who has not done it by then is taken for dead.
const LEASE: Duration = Duration::from_secs(30);

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Task {
    /// Takes a message of ours away.
    Delete { guild: GuildId, message: MessageId },
    /// The time of somebody at the door is over.
    Challenge {
        guild: GuildId,
        user: UserId,
        event: EventId,
    },
}

/// The board, and notes beside it that end by themselves. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Due {
    engine: Arc<dyn Engine>,
    ids: Ids,
}

// === impl Due ===

impl Due {
    pub(crate) fn new(engine: Arc<dyn Engine>, ids: Ids) -> Self {
        Self { engine, ids }
    }

    /// Has it done in so long. What was put down under the same name before is replaced.
    pub(crate) async fn put(&self, name: &str, task: &Task, due_in: Duration) -> Result<(), EngineError> {
        let text = serde_json::to_string(task).expect("a task can be written");
        self.engine.post(BOARD, name, &text, due_in).await.map(drop)
    }

    /// It need not be done any more.
    pub(crate) async fn cancel(&self, name: &str) -> Result<(), EngineError> {
        self.engine.unpost(BOARD, name).await.map(drop)
    }

    /// Does what is due until the process stops.
    pub(crate) async fn run<F>(self, act: impl Fn(Task) -> F, shutdown: Shutdown) -> anyhow::Result<()>
    where
        F: Future<Output = Result<(), String>>,
    {
        let working = async {
            loop {
                let pause = match self.look(&act).await {
                    Ok(pause) => pause,
                    Err(error) => {
                        tracing::warn!("Could not look at what is due: {}", chain(&error));
                        LOOK
                    }
                };
                tokio::time::sleep(pause).await;
            }
        };
        tokio::select! {
            () = working => {}
            () = shutdown.soft() => {}
        }
        Ok(())
    }

    /// Does what is due now; returns when to look again.
    async fn look<F>(&self, act: &impl Fn(Task) -> F) -> Result<Duration, EngineError>
    where
        F: Future<Output = Result<(), String>>,
    {
        let mut pause = LOOK;
        for posted in self.engine.posted(BOARD, BATCH).await? {
            if !posted.due_in.is_zero() {
                pause = pause.min(posted.due_in);
                break;
            }
            pause = AGAIN;
            let Ok(task) = serde_json::from_str(&posted.text) else {
                tracing::error!("Nobody can read what is due: {}", posted.item);
                self.engine.unpost(BOARD, &posted.item).await?;
                continue;
            };
            let (lease, own) = (format!("{BOARD}/{}", posted.item), self.ids.next().to_string());
            let held = self.engine.mark(&lease, &own, LEASE, Standing::Absent).await?;
            if held.is_some() {
                continue;
            }
            match act(task).await {
                Ok(()) => drop(self.engine.unpost(BOARD, &posted.item).await?),
                // The lease ends by itself, and then it is tried again.
                Err(words) => {
                    tracing::warn!("Could not do what was due: {words}");
                    continue;
                }
            }
            self.engine.unmark(&lease, &own).await?;
        }
        Ok(pause)
    }

    // --- notes ---

    /// Keeps a text under a name for so long, in place of what stood there.
    pub(crate) async fn note(&self, name: &str, text: &str, lasts: Duration) -> Result<(), EngineError> {
        loop {
            let stands = self.read(name).await?.unwrap_or_default();
            let standing = if stands.is_empty() {
                Standing::Absent
            } else {
                Standing::AbsentOr(&stands)
            };
            if self.engine.mark(name, text, lasts, standing).await?.is_none() {
                return Ok(());
            }
        }
    }

    /// Puts a note in place of another, if that still stands there; says whether it did.
    pub(crate) async fn replace(
        &self,
        name: &str,
        before: &str,
        text: &str,
        lasts: Duration,
    ) -> Result<bool, EngineError> {
        let stands = self.engine.mark(name, text, lasts, Standing::Is(before)).await?;
        Ok(stands.is_none())
    }

    /// What is kept under a name.
    pub(crate) async fn read(&self, name: &str) -> Result<Option<String>, EngineError> {
        // A value that nobody sets stands nowhere, so nothing changes.
        let stands = self
            .engine
            .mark(name, "", Duration::from_secs(1), Standing::Is("\u{0}"))
            .await?;
        Ok(stands.filter(|stands| !stands.is_empty()))
    }

    /// Takes a note away, if it is still this one; says whether it was.
    pub(crate) async fn strike(&self, name: &str, text: &str) -> Result<bool, EngineError> {
        self.engine.unmark(name, text).await
    }
}
