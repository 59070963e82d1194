//! What Discord answered to which case, for those who wait for it.

use lockdown_bus::{Bus, Heard, ListenOptions, SubscribeError};
use lockdown_events::{Envelope, Event, GuildId, ModerationEvent, ModerationLog, Platform};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// An outcome may be there before it is asked for.
const REMEMBERED: usize = 512;

#[derive(Clone, Default)]
pub(super) struct Outcomes {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    recent: Mutex<VecDeque<ModerationLog>>,
    changed: Notify,
}

// === impl Outcomes ===

impl Outcomes {
    /// Hears every outcome from now on, for as long as the bus is open.
    pub(super) async fn listen(bus: &Bus) -> Result<Self, SubscribeError> {
        let mut heard = bus
            .live()
            .subscribe(&["moderation:log"], &ListenOptions::default())
            .await?;
        let outcomes = Self::default();
        let keeping = outcomes.clone();
        tokio::spawn(async move {
            while let Some(heard) = heard.next().await {
                let Heard::Said(said) = heard else {
                    continue;
                };
                let event = Envelope::decode(&said.text)
                    .ok()
                    .and_then(|envelope| envelope.event().ok());
                if let Some(Event::Moderation(ModerationEvent::Log(log))) = event {
                    keeping.keep(log);
                }
            }
        });
        Ok(outcomes)
    }

    fn keep(&self, log: ModerationLog) {
        if log.platform != Platform::Discord {
            return;
        }
        let mut recent = self.shared.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.len() == REMEMBERED {
            recent.pop_front();
        }
        recent.push_back(log);
        drop(recent);
        self.shared.changed.notify_waiters();
    }

    fn known(&self, guild: &GuildId, case: u64) -> Option<ModerationLog> {
        let recent = self.shared.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent
            .iter()
            .rev()
            .find(|log| log.guild_id == *guild && log.case_number == case)
            .cloned()
    }

    /// What came of a case; `None` when it is not known within this time.
    pub(super) async fn of(&self, guild: &GuildId, case: u64, patience: Duration) -> Option<ModerationLog> {
        let deadline = Instant::now() + patience;
        loop {
            let changed = self.shared.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if let Some(log) = self.known(guild, case) {
                return Some(log);
            }
            tokio::time::timeout_at(deadline, changed).await.ok()?;
        }
    }
}
