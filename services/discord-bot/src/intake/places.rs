//! How far each channel and each audit log was read, so that whatever was missed is found again.
//!
//! Kept on a board of the bus, an item for each guild: there it survives this process and its machine. It is written
//! some time after it changed, so it may lie behind, never ahead: what it lies behind by is read again and published
//! under the same ids.

use super::Seen;
use crate::read::id_at;
use lockdown_bus::Bus;
use lockdown_runtime::{Clock, Shutdown, chain};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often what changed is written.
const EVERY: Duration = Duration::from_secs(2);
/// Far longer than anything can be read again.
const KEPT: Duration = Duration::from_secs(90 * 24 * 3600);
const GUILDS: usize = 100_000;

pub(crate) struct Places {
    bus: Bus,
    board: String,
    clock: Clock,
    state: Mutex<HashMap<u64, Guild>>,
}

#[derive(Default)]
struct Guild {
    audit: Reached,
    channels: HashMap<u64, Reached>,
    changed: bool,
    /// We are no longer there, and what is kept of it is to go.
    left: bool,
}

#[derive(Clone, Copy, Default)]
struct Reached {
    last: u64,
    /// Where a gap begins that is being read: until it is, this is how far we are.
    gap: Option<u64>,
}

/// As it is written.
#[derive(Serialize, Deserialize)]
struct Written {
    audit: u64,
    channels: HashMap<u64, u64>,
}

// === impl Places ===

impl Places {
    /// Reads what was kept.
    pub(crate) async fn open(bus: Bus, own: u64, clock: Clock) -> Result<Self, lockdown_bus::EngineError> {
        let board = format!("discord/places/{own}");
        let posted = bus.board(&board, GUILDS).await?;
        let mut state = HashMap::new();
        for item in posted {
            let (Ok(id), Ok(written)) = (item.item.parse(), serde_json::from_str::<Written>(&item.text))
            else {
                tracing::warn!("Could not read how far a guild was read: it is read from now on");
                continue;
            };
            let reached = |last| Reached { last, gap: None };
            let channels = written
                .channels
                .into_iter()
                .map(|(id, last)| (id, reached(last)))
                .collect();
            let guild = Guild {
                audit: reached(written.audit),
                channels,
                changed: false,
                left: false,
            };
            state.insert(id, guild);
        }
        Ok(Self {
            bus,
            board,
            clock,
            state: Mutex::new(state),
        })
    }

    fn state(&self) -> MutexGuard<'_, HashMap<u64, Guild>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what changed, from time to time, until the process stops.
    pub(crate) async fn keep_writing(&self, shutdown: &Shutdown) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(EVERY) => self.keep().await,
                () = shutdown.soft() => return,
            }
        }
    }

    /// Writes what changed.
    pub(crate) async fn keep(&self) {
        let left: Vec<u64> = self
            .state()
            .iter()
            .filter(|(_, guild)| guild.left)
            .map(|(id, _)| *id)
            .collect();
        for guild in left {
            match self.bus.engine().unpost(&self.board, &guild.to_string()).await {
                Ok(_) => drop(self.state().remove(&guild)),
                Err(error) => tracing::debug!("Could not forget guild {guild}: {}", chain(&error)),
            }
        }
        let changed: Vec<(u64, String)> = {
            let mut state = self.state();
            let changed = state.iter_mut().filter(|(_, guild)| guild.changed && !guild.left);
            changed
                .filter_map(|(id, guild)| {
                    guild.changed = false;
                    Some((*id, serde_json::to_string(&guild.written()).ok()?))
                })
                .collect()
        };
        for (guild, text) in changed {
            if let Err(error) = self
                .bus
                .engine()
                .post(&self.board, &guild.to_string(), &text, KEPT)
                .await
            {
                tracing::debug!("Could not keep how far guild {guild} was read: {}", chain(&error));
                if let Some(guild) = self.state().get_mut(&guild) {
                    guild.changed = true;
                }
            }
        }
    }

    /// Something is safe on the bus.
    pub(crate) fn seen(&self, seen: Seen) {
        let (guild, message, at) = match seen {
            Seen::Message {
                guild,
                channel,
                message,
            } => (guild, Some(channel), message),
            Seen::Audit { guild, entry } => (guild, None, entry),
            Seen::Nothing => return,
        };
        let mut state = self.state();
        let guild = state.entry(guild).or_default();
        let reached = match message {
            Some(channel) => guild.channels.entry(channel).or_default(),
            None => &mut guild.audit,
        };
        if at > reached.last {
            reached.last = at;
            guild.changed = true;
        }
    }

    /// A guild shows itself with its channels and the last message of each. Returns the channels with what was missed,
    /// as the last message that was not, and the same for the audit log. A guild that is new to us begins now.
    pub(crate) fn compare(
        &self,
        guild: u64,
        channels: &[(u64, Option<u64>)],
    ) -> (Vec<(u64, u64)>, Option<u64>) {
        let now = id_at(self.clock.now());
        let mut state = self.state();
        if state.get(&guild).is_some_and(|known| known.left) {
            state.remove(&guild);
        }
        let new = !state.contains_key(&guild);
        let known = state.entry(guild).or_default();
        known.changed = true;
        // The last thing that we saw there at all.
        let seen = known.channels.values().map(|reached| reached.safe()).max();
        let seen = seen.unwrap_or(0).max(known.audit.safe());
        known
            .channels
            .retain(|id, _| channels.iter().any(|(shown, _)| shown == id));
        let mut gaps = Vec::new();
        for (channel, newest) in channels {
            let newest = newest.unwrap_or(0);
            let reached = match known.channels.get_mut(channel) {
                Some(reached) => reached,
                None => {
                    // It was made while we were away, or it is a thread that sleeps no more: what came after all that we
                    // saw is new. The first message of a post in a forum bears the post's own id.
                    let last = if new {
                        newest
                    } else {
                        seen.max(channel.saturating_sub(1))
                    };
                    known
                        .channels
                        .entry(*channel)
                        .or_insert(Reached { last, gap: None })
                }
            };
            if newest > reached.last || reached.gap.is_some() {
                let after = *reached.gap.get_or_insert(reached.last);
                gaps.push((*channel, after));
            }
        }
        if new || known.audit.last == 0 {
            known.audit.last = now;
            return (gaps, None);
        }
        let after = *known.audit.gap.get_or_insert(known.audit.last);
        (gaps, Some(after))
    }

    /// A gap was read: all that was said in the channel is on the bus.
    pub(crate) fn filled(&self, guild: u64, channel: u64) {
        let mut state = self.state();
        let Some(guild) = state.get_mut(&guild) else {
            return;
        };
        guild.changed = true;
        if let Some(reached) = guild.channels.get_mut(&channel) {
            reached.gap = None;
        }
    }

    /// The same for an audit log.
    pub(crate) fn filled_audit(&self, guild: u64) {
        if let Some(guild) = self.state().get_mut(&guild) {
            guild.audit.gap = None;
            guild.changed = true;
        }
    }

    /// We are no longer there.
    pub(crate) fn forget(&self, guild: u64) {
        if let Some(guild) = self.state().get_mut(&guild) {
            guild.left = true;
        }
    }
}

// === impl Guild ===

impl Guild {
    fn written(&self) -> Written {
        Written {
            audit: self.audit.safe(),
            channels: self
                .channels
                .iter()
                .map(|(id, reached)| (*id, reached.safe()))
                .collect(),
        }
    }
}

// === impl Reached ===

impl Reached {
    fn safe(self) -> u64 {
        self.gap.unwrap_or(self.last)
    }
}
