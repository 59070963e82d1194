//! Channels in which nobody may speak for a while, and guilds that are closed as a whole.
//!
//! What stood in a channel before is put down on a board of the bus, as Discord wrote it, before anything is changed. So a
//! second lock changes nothing, a new process goes on where the old one was, and an unlock restores every bit, also of
//! those that nobody knows yet. Who changed an overwrite by hand meanwhile keeps the change.

use super::Discord;
use super::silence::Change;
use crate::rest::RestError;
use chrono::{DateTime, TimeDelta, Utc};
use lockdown_bus::{Bus, EngineError};
use lockdown_runtime::chain;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Nothing takes an item off its board but we.
const KEPT: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
const MOST: usize = 100_000;
/// What did not work is tried again after so long.
const AGAIN: TimeDelta = TimeDelta::seconds(60);
/// Discord keeps invites closed for a day at most: they are closed again well before that.
const PAUSE: TimeDelta = TimeDelta::hours(23);
const RENEW: TimeDelta = TimeDelta::hours(20);

/// The channels and guilds that we closed. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Locks {
    shared: Arc<Shared>,
}

struct Shared {
    bus: Bus,
    discord: Discord,
    channels_board: String,
    guilds_board: String,
    state: Mutex<State>,
    /// One at a time in each guild.
    busy: Mutex<HashMap<u64, Arc<tokio::sync::Mutex<()>>>>,
}

#[derive(Default)]
struct State {
    channels: HashMap<u64, Lock>,
    guilds: HashMap<u64, Closed>,
}

/// A channel that is locked.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Lock {
    guild: u64,
    until: Option<DateTime<Utc>>,
    /// It was locked with the whole guild, and is opened with it.
    wide: bool,
    changes: Vec<Change>,
}

/// A guild that is closed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Closed {
    until: Option<DateTime<Utc>>,
    /// When its invites are to be closed once more.
    pause_again: Option<DateTime<Utc>>,
    /// The mode of the community closed it, and opens it when that is over.
    #[serde(default)]
    by_mode: bool,
}

/// Whose time is over.
struct Due {
    /// Each with its guild.
    channels: Vec<(u64, u64)>,
    guilds: Vec<u64>,
    /// Guilds that stay closed, and whose invites would open.
    pauses: Vec<(u64, Closed)>,
}

/// What came of a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Locked {
    Now,
    Already,
    /// Nobody could speak there before.
    Silent,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum LockError {
    #[error("{0}")]
    Rest(#[from] RestError),
    /// What stood there could not be kept, so nothing was changed.
    #[error("what stands there now could not be kept, so nothing was changed")]
    Board(#[from] EngineError),
    /// Its bits are no numbers: to change some of them would destroy others.
    #[error(
        "Discord says something of the channel's permissions that is not understood, so nothing was changed"
    )]
    Unreadable,
}

/// Somebody's wish about a channel.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) guild: u64,
    pub(crate) until: Option<DateTime<Utc>>,
    pub(crate) wide: bool,
    pub(crate) audit: &'a str,
}

/// What a timer ended.
pub(crate) enum Ended {
    Channel { guild: u64, channel: u64 },
    Guild { guild: u64, channels: usize },
}

// === impl Locks ===

impl Locks {
    /// Reads what the process before us kept.
    pub(crate) async fn open(bus: Bus, discord: Discord) -> Result<Self, EngineError> {
        let own = discord.guilds.own();
        let (channels_board, guilds_board) =
            (format!("discord/locks/{own}"), format!("discord/closed/{own}"));
        let mut state = State::default();
        for posted in bus.board(&channels_board, MOST).await? {
            match (posted.item.parse(), serde_json::from_str(&posted.text)) {
                (Ok(channel), Ok(lock)) => drop(state.channels.insert(channel, lock)),
                _ => tracing::error!(
                    channel = posted.item,
                    "What stood in a locked channel cannot be read: unlock it by hand"
                ),
            }
        }
        for posted in bus.board(&guilds_board, MOST).await? {
            if let (Ok(guild), Ok(closed)) = (posted.item.parse(), serde_json::from_str(&posted.text)) {
                state.guilds.insert(guild, closed);
            }
        }
        Ok(Self {
            shared: Arc::new(Shared {
                bus,
                discord,
                channels_board,
                guilds_board,
                state: Mutex::new(state),
                busy: Mutex::default(),
            }),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn of_guild(&self, guild: u64) -> Arc<tokio::sync::Mutex<()>> {
        let mut busy = self.shared.busy.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(busy.entry(guild).or_default())
    }

    /// Keeps everybody silent in a channel but those who keep order.
    pub(crate) async fn lock(&self, channel: u64, wanted: Wanted<'_>) -> Result<Locked, LockError> {
        let busy = self.of_guild(wanted.guild);
        let _alone = busy.lock().await;
        let known = self.state().channels.get(&channel).cloned();
        let (lock, said) = match known {
            Some(lock) if wanted.wide => (lock, Locked::Already),
            // Locked alone, it stays so when its guild is opened.
            Some(lock) => (
                Lock {
                    until: wanted.until,
                    wide: false,
                    ..lock
                },
                Locked::Already,
            ),
            None => {
                let changes = self.shared.discord.silencing(wanted.guild, channel).await?;
                if changes.is_empty() {
                    return Ok(Locked::Silent);
                }
                let Wanted {
                    guild, until, wide, ..
                } = wanted;
                (
                    Lock {
                        guild,
                        until,
                        wide,
                        changes,
                    },
                    Locked::Now,
                )
            }
        };
        self.keep(channel, &lock).await?;
        let discord = &self.shared.discord;
        match discord.put_changes(channel, &lock.changes, wanted.audit).await {
            Ok(()) => Ok(said),
            Err(error) => {
                if said == Locked::Now {
                    // Half a lock is none: what was changed is changed back, now or when Discord lets us.
                    let undone = discord.undo_changes(channel, &lock.changes, wanted.audit);
                    if undone.await.is_ok() {
                        self.forget(channel).await;
                    } else {
                        let until = Some(self.shared.discord.now());
                        self.keep(channel, &Lock { until, ..lock }).await?;
                    }
                }
                Err(error.into())
            }
        }
    }

    /// Lets them speak again as before; `false` when the channel is none that we locked.
    pub(crate) async fn unlock(&self, guild: u64, channel: u64, audit: &str) -> Result<bool, LockError> {
        let busy = self.of_guild(guild);
        let _alone = busy.lock().await;
        let known = self.state().channels.get(&channel).cloned();
        let Some(lock) = known.filter(|lock| lock.guild == guild) else {
            return Ok(false);
        };
        self.shared
            .discord
            .undo_changes(channel, &lock.changes, audit)
            .await?;
        self.forget(channel).await;
        Ok(true)
    }

    /// Remembers that a guild is closed, and closes its invites where we may; says whether it was open.
    pub(crate) async fn close(
        &self,
        guild: u64,
        until: Option<DateTime<Utc>>,
        by_mode: bool,
    ) -> Result<bool, LockError> {
        let mut closed = Closed {
            until,
            pause_again: None,
            by_mode: by_mode || self.is_closed_by_mode(guild),
        };
        if let Err(error) = self.pause(guild, &mut closed).await {
            tracing::info!(guild, "The invites of a closed guild stay open: {error}");
        }
        self.keep_guild(guild, &closed).await?;
        Ok(self.state().guilds.insert(guild, closed).is_none())
    }

    async fn pause(&self, guild: u64, closed: &mut Closed) -> Result<(), RestError> {
        let now = self.shared.discord.now();
        let until = closed.until.map_or(now + PAUSE, |until| until.min(now + PAUSE));
        self.shared.discord.pause_invites(guild, Some(until)).await?;
        closed.pause_again = Some(now + RENEW);
        Ok(())
    }

    /// Opens a guild and the channels that were locked with it; how many, and what went wrong last. `None` when it is not
    /// closed.
    pub(crate) async fn reopen(&self, guild: u64, audit: &str) -> Option<(usize, Option<LockError>)> {
        let closed = self.state().guilds.get(&guild).cloned()?;
        let wide: Vec<u64> = {
            let state = self.state();
            let of_guild = state
                .channels
                .iter()
                .filter(|(_, lock)| lock.guild == guild && lock.wide);
            of_guild.map(|(channel, _)| *channel).collect()
        };
        let (mut opened, mut trouble) = (0, None);
        for channel in wide {
            match self.unlock(guild, channel, audit).await {
                Ok(_) => opened += 1,
                Err(error) => trouble = Some(error),
            }
        }
        if closed.pause_again.is_some()
            && let Err(error) = self.shared.discord.pause_invites(guild, None).await
        {
            tracing::info!(guild, "Invites stay closed until Discord opens them: {error}");
        }
        // What could not be opened is tried again by the timer.
        if trouble.is_none() {
            self.state().guilds.remove(&guild);
            if let Err(error) = self
                .shared
                .bus
                .engine()
                .unpost(&self.shared.guilds_board, &guild.to_string())
                .await
            {
                tracing::warn!(
                    guild,
                    "Could not forget that a guild was closed: {}",
                    chain(&error)
                );
            }
        } else {
            let until = Some(self.shared.discord.now() + AGAIN);
            let closed = Closed {
                until,
                pause_again: None,
                by_mode: closed.by_mode,
            };
            if self.keep_guild(guild, &closed).await.is_ok() {
                self.state().guilds.insert(guild, closed);
            }
        }
        Some((opened, trouble))
    }

    pub(crate) fn is_closed(&self, guild: u64) -> bool {
        self.state().guilds.contains_key(&guild)
    }

    pub(crate) fn is_closed_by_mode(&self, guild: u64) -> bool {
        self.state()
            .guilds
            .get(&guild)
            .is_some_and(|closed| closed.by_mode)
    }

    /// Learns what another process closed of a guild.
    pub(crate) async fn recall(&self, guild: u64) -> Result<(), EngineError> {
        let shared = &self.shared;
        let guilds = shared.bus.engine().posted(&shared.guilds_board, MOST).await?;
        let channels = shared.bus.engine().posted(&shared.channels_board, MOST).await?;
        let mut state = self.state();
        for posted in guilds
            .into_iter()
            .filter(|posted| posted.item == guild.to_string())
        {
            if let Ok(closed) = serde_json::from_str(&posted.text) {
                state.guilds.entry(guild).or_insert(closed);
            }
        }
        for posted in channels {
            if let (Ok(channel), Ok(lock)) = (posted.item.parse(), serde_json::from_str::<Lock>(&posted.text))
                && lock.guild == guild
            {
                state.channels.entry(channel).or_insert(lock);
            }
        }
        Ok(())
    }

    /// Ends what is due, and closes invites once more that stay closed; says what it ended.
    pub(crate) async fn sweep(&self) -> Vec<Ended> {
        let now = self.shared.discord.now();
        let Due {
            channels,
            guilds,
            pauses,
        } = self.due(now);
        let mut ended = Vec::new();
        for (channel, guild) in channels {
            match self.unlock(guild, channel, "the time of the lock is over").await {
                Ok(true) => ended.push(Ended::Channel { guild, channel }),
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(
                        guild,
                        channel,
                        "A locked channel is opened later: {}",
                        chain(&error)
                    );
                    self.put_off(channel, now + AGAIN).await;
                }
            }
        }
        for guild in guilds {
            match self.reopen(guild, "the time of the lockdown is over").await {
                Some((channels, None)) => ended.push(Ended::Guild { guild, channels }),
                Some((_, Some(error))) => {
                    tracing::warn!(guild, "A closed guild is opened later: {}", chain(&error));
                }
                None => {}
            }
        }
        for (guild, mut closed) in pauses {
            if let Err(error) = self.pause(guild, &mut closed).await {
                tracing::info!(guild, "Invites could not be kept closed: {error}");
                closed.pause_again = Some(now + AGAIN);
            }
            if self.keep_guild(guild, &closed).await.is_ok() {
                self.state().guilds.insert(guild, closed);
            }
        }
        ended
    }

    fn due(&self, now: DateTime<Utc>) -> Due {
        let state = self.state();
        let over = |until: Option<DateTime<Utc>>| until.is_some_and(|until| until <= now);
        let open = |closed: &Closed| !over(closed.until) && over(closed.pause_again);
        // The others are swept by the process that hears of them, and locked or opened them.
        let ours = |guild: u64| self.shared.discord.guilds.hears(guild);
        let channels = state.channels.iter();
        let channels = channels.filter(|(_, lock)| ours(lock.guild) && over(lock.until));
        let closed = || state.guilds.iter().filter(|(guild, _)| ours(**guild));
        let guilds = closed().filter(|(_, closed)| over(closed.until));
        let pauses = closed().filter(|(_, closed)| open(closed));
        Due {
            channels: channels.map(|(channel, lock)| (*channel, lock.guild)).collect(),
            guilds: guilds.map(|(guild, _)| *guild).collect(),
            pauses: pauses.map(|(guild, closed)| (*guild, closed.clone())).collect(),
        }
    }

    async fn put_off(&self, channel: u64, until: DateTime<Utc>) {
        let lock = self.state().channels.get(&channel).cloned();
        if let Some(lock) = lock
            && let Err(error) = self
                .keep(
                    channel,
                    &Lock {
                        until: Some(until),
                        ..lock
                    },
                )
                .await
        {
            tracing::debug!(channel, "Could not put off the end of a lock: {}", chain(&error));
        }
    }

    async fn keep(&self, channel: u64, lock: &Lock) -> Result<(), EngineError> {
        let text = serde_json::to_string(lock).unwrap_or_default();
        let board = &self.shared.channels_board;
        self.shared
            .bus
            .engine()
            .post(board, &channel.to_string(), &text, KEPT)
            .await?;
        self.state().channels.insert(channel, lock.clone());
        Ok(())
    }

    async fn keep_guild(&self, guild: u64, closed: &Closed) -> Result<(), EngineError> {
        let text = serde_json::to_string(closed).unwrap_or_default();
        let board = &self.shared.guilds_board;
        self.shared
            .bus
            .engine()
            .post(board, &guild.to_string(), &text, KEPT)
            .await
            .map(drop)
    }

    async fn forget(&self, channel: u64) {
        self.state().channels.remove(&channel);
        let board = &self.shared.channels_board;
        // Read again by a later process it restores what is so already.
        if let Err(error) = self.shared.bus.engine().unpost(board, &channel.to_string()).await {
            tracing::warn!(channel, "Could not forget a lock: {}", chain(&error));
        }
    }
}
