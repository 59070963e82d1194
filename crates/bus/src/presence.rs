//! Who is on-line.
//!
//! Everybody who is there stands on one board of the engine, and puts off its end again and again. Whoever stops doing so
//! is taken off by any process that looks, which alone says so. Ends are told by the engine's clock.

use crate::engine::{EngineError, Posted};
use crate::speaker::{SayError, Speaker};
use chrono::{DateTime, TimeDelta, Utc};
use lockdown_events::{Live, Presence as Said, PresenceKind, PresenceState};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const BOARD: &str = "presence";
/// More are not shown, and not taken off in one go.
const MOST: usize = 10_000;

/// How often somebody says that it is there, and how long that is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PresenceOptions {
    pub heartbeat: Duration,
    pub lasts: Duration,
}

/// Who is on-line, and who goes. Cheap to clone.
#[derive(Clone)]
pub struct Presence {
    speaker: Speaker,
    options: PresenceOptions,
}

/// As long as it is held, its subject is on-line.
pub struct Online {
    presence: Presence,
    subject: Arc<Subject>,
    stop: CancellationToken,
    beats: JoinHandle<()>,
}

#[derive(Debug)]
struct Subject {
    kind: PresenceKind,
    id: String,
    detail: Option<String>,
}

// === impl PresenceOptions ===

impl Default for PresenceOptions {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(10),
            lasts: Duration::from_secs(30),
        }
    }
}

// === impl Presence ===

impl Presence {
    pub(crate) fn new(speaker: Speaker, options: PresenceOptions) -> Self {
        Self { speaker, options }
    }

    /// Says that somebody is there, from now until the value is dropped. `id` is unique within the kind.
    pub async fn online(
        &self,
        kind: PresenceKind,
        id: &str,
        detail: Option<String>,
    ) -> Result<Online, SayError> {
        let subject = Arc::new(Subject {
            kind,
            id: id.to_owned(),
            detail,
        });
        self.beat(&subject).await?;
        let stop = CancellationToken::new();
        let (presence, beating, stopping) = (self.clone(), Arc::clone(&subject), stop.clone());
        let beats = tokio::spawn(async move {
            loop {
                tokio::select! {
                    biased;
                    () = stopping.cancelled() => return,
                    () = presence.speaker.clock.sleep(presence.options.heartbeat) => {}
                }
                if let Err(error) = presence.beat(&beating).await {
                    tracing::debug!(
                        id = beating.id,
                        "Could not say that {} is there: {error}",
                        beating.id
                    );
                }
            }
        });
        Ok(Online {
            presence: self.clone(),
            subject,
            stop,
            beats,
        })
    }

    /// Everybody who is on-line.
    pub async fn list(&self) -> Result<Vec<Said>, EngineError> {
        let posted = self.speaker.engine.posted(BOARD, MOST).await?;
        let there = posted.iter().filter(|posted| !posted.due_in.is_zero());
        Ok(there.filter_map(|posted| self.said(posted)).collect())
    }

    /// Takes off those who are silent, and says so; returns how many. Of many processes that look, one says it.
    pub async fn sweep(&self) -> Result<usize, SayError> {
        let gone = self
            .speaker
            .engine
            .take_due(BOARD, MOST)
            .await
            .map_err(SayError::Engine)?;
        for posted in &gone {
            if let Some(said) = self.said(posted) {
                self.say(said, PresenceState::Offline).await?;
            }
        }
        Ok(gone.len())
    }

    /// Sweeps for ever.
    pub(crate) async fn keep_sweeping(self) {
        loop {
            self.speaker.clock.sleep(self.options.heartbeat / 2).await;
            if let Err(error) = self.sweep().await {
                tracing::debug!("Could not look for who went: {error}");
            }
        }
    }

    async fn beat(&self, subject: &Subject) -> Result<(), SayError> {
        let said = subject.said(self.speaker.clock.now());
        let text = serde_json::to_string(&said).expect("a presence is JSON");
        let new = self
            .speaker
            .engine
            .post(BOARD, &subject.item(), &text, self.options.lasts)
            .await
            .map_err(SayError::Engine)?;
        if new {
            self.say(said, PresenceState::Online).await?;
        }
        Ok(())
    }

    async fn leave(&self, subject: &Subject) -> Result<(), SayError> {
        let there = self
            .speaker
            .engine
            .unpost(BOARD, &subject.item())
            .await
            .map_err(SayError::Engine)?;
        if there.is_some() {
            let said = subject.said(self.speaker.clock.now());
            self.say(said, PresenceState::Offline).await?;
        }
        Ok(())
    }

    async fn say(&self, said: Said, state: PresenceState) -> Result<(), SayError> {
        let said = Live::Presence(Said { state, ..said });
        self.speaker.say(&said).await.map(drop)
    }

    /// What stands on the board, with the time of the last word by our clock, not by that of whoever wrote it.
    fn said(&self, posted: &Posted) -> Option<Said> {
        let said: Said = serde_json::from_str(&posted.text).ok()?;
        let silent = self.options.lasts.saturating_sub(posted.due_in);
        let last_seen = self.speaker.clock.now() - TimeDelta::from_std(silent).unwrap_or_default();
        Some(Said { last_seen, ..said })
    }
}

// === impl Online ===

impl Online {
    /// Goes, and says so.
    pub async fn leave(mut self) -> Result<(), SayError> {
        self.stop.cancel();
        // A heartbeat under way would bring it back. The task only sleeps and beats: it ends.
        let _ = (&mut self.beats).await;
        self.presence.leave(&self.subject).await
    }
}

impl Drop for Online {
    /// Without a goodbye the others notice when the time is over.
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

// === impl Subject ===

impl Subject {
    fn item(&self) -> String {
        format!("{}/{}", self.kind, self.id)
    }

    fn said(&self, last_seen: DateTime<Utc>) -> Said {
        Said {
            kind: self.kind,
            id: self.id.clone(),
            state: PresenceState::Online,
            last_seen,
            detail: self.detail.clone(),
        }
    }
}
