//! Messages that the rules want gone.
//!
//! A verdict is put down on a board of the bus before its event counts as handled, and taken off when the message is gone:
//! so a flood is removed in batches although its verdicts come one by one, and what a dead process left is removed by
//! the next one. To remove twice does no harm.

use super::{Discord, discord_id};
use crate::intake::{Recent, Said};
use crate::modlog::ModLog;
use crate::read::time_of;
use futures_util::future::join_all;
use lockdown_bus::{Bus, ConsumerOptions, GroupName, Handler, HandlerError, Received, Start};
use lockdown_events::{Event, ModerationEvent, Platform as PlatformName, Verdict, VerdictMode};
use lockdown_moderation::{Missing, PlatformError};
use lockdown_runtime::{Context, Tasks, chain};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

const BOARD: &str = "discord/removals";
const GROUP: &str = "discord.removals";
/// What is not removed by then is taken up again.
const DUE: Duration = Duration::from_secs(60);
const SWEEP: Duration = Duration::from_secs(15);
const SWEPT: usize = 1_000;
/// A channel in which the bot may not remove is left alone for so long: each try counts against the bot.
const LEFT_ALONE: Duration = Duration::from_secs(60);
/// What could not be removed by then stays.
const GIVEN_UP: chrono::TimeDelta = chrono::TimeDelta::days(1);
/// What one call removes.
const BATCH: usize = 100;
/// From one call in a channel to the next, unless a whole batch waits: a flood in one channel leaves the others their share of
/// what Discord lets a bot ask.
const BETWEEN: Duration = Duration::from_millis(200);
/// The acts that take a message away. Discord cannot hide one, so what is held is taken away too: its text is in its event.
const ACTS: [&str; 2] = ["delete", "hold"];

/// Removes what verdicts name. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Removals {
    shared: Arc<Shared>,
}

struct Shared {
    bus: Bus,
    discord: Discord,
    recent: Arc<Recent>,
    log: ModLog,
    /// What waits, by channel. A channel that is here has a task at work.
    waiting: Mutex<HashMap<u64, Vec<Removal>>>,
    /// Channels in which the bot may not remove, and until when they are left alone.
    forbidden: Mutex<HashMap<u64, Instant>>,
    tasks: Tasks,
    stopping: CancellationToken,
}

#[derive(Debug, Clone)]
struct Removal {
    guild: u64,
    channel: u64,
    message: u64,
    audit: String,
}

// === impl Removals ===

impl Removals {
    /// Takes up what was left, and removes what comes, until the process stops.
    pub(crate) async fn start(
        ctx: &Context,
        bus: Bus,
        discord: Discord,
        recent: Arc<Recent>,
        log: ModLog,
    ) -> anyhow::Result<()> {
        let removals = Self {
            shared: Arc::new(Shared {
                bus: bus.clone(),
                discord,
                recent,
                log,
                waiting: Mutex::default(),
                forbidden: Mutex::default(),
                tasks: ctx.tasks.clone(),
                stopping: ctx.shutdown.soft_token(),
            }),
        };
        let handling = removals.clone();
        let handler = Handler::new(
            "remove",
            ["moderation:automod"],
            move |received: Arc<Received>| {
                let removals = handling.clone();
                async move { removals.handle(&received).await }
            },
        );
        let handler = handler.side_by_side();
        let options = ConsumerOptions {
            attempts: 1_000,
            ..ConsumerOptions::default()
        };
        bus.consume(GroupName::new(GROUP)?, &Start::Oldest, vec![handler], options)
            .await?;
        let stopping = ctx.shutdown.soft_token();
        ctx.tasks.spawn("removals", async move {
            stopping.run_until_cancelled(removals.keep_sweeping()).await;
            Ok(())
        });
        Ok(())
    }

    async fn handle(&self, received: &Received) -> Result<(), HandlerError> {
        let Event::Moderation(ModerationEvent::Automod(verdict)) = &received.event else {
            return Ok(());
        };
        if verdict.platform != PlatformName::Discord || verdict.mode != VerdictMode::Live {
            return Ok(());
        }
        for removal in removals_of(verdict) {
            let again = |error| HandlerError::Again(chain(&error));
            self.shared
                .bus
                .engine()
                .post(BOARD, &removal.item(), &removal.audit, DUE)
                .await
                .map_err(again)?;
            self.take_up(removal);
        }
        Ok(())
    }

    /// What a process before us left, and what did not work a while ago.
    async fn keep_sweeping(&self) {
        let engine = self.shared.bus.engine();
        let mut left = engine.posted(BOARD, SWEPT).await.unwrap_or_default();
        loop {
            for posted in left {
                match Removal::of(&posted.item, &posted.text) {
                    Some(removal) => self.take_up(removal),
                    None => {
                        tracing::warn!("Something on the board of removals cannot be read, and is dropped");
                        self.take_off(&posted.item).await;
                    }
                }
            }
            tokio::time::sleep(SWEEP).await;
            left = match engine.put_off_due(BOARD, DUE, SWEPT).await {
                Ok(due) => due,
                Err(error) => {
                    tracing::debug!(
                        "Could not look for messages that are still to be removed: {}",
                        chain(&error)
                    );
                    Vec::new()
                }
            };
        }
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<u64, Vec<Removal>>> {
        self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands it to the channel's task, which takes all that came while it was at work at once. In a channel that is left
    /// alone it waits on the board.
    fn take_up(&self, removal: Removal) {
        let channel = removal.channel;
        let alone = self
            .forbidden()
            .get(&channel)
            .is_some_and(|until| *until > Instant::now());
        if alone {
            return;
        }
        let mut waiting = self.waiting();
        if let Some(queue) = waiting.get_mut(&channel) {
            queue.push(removal);
            return;
        }
        waiting.insert(channel, vec![removal]);
        drop(waiting);
        let (removals, stopping) = (self.clone(), self.shared.stopping.clone());
        self.shared.tasks.spawn_finite("removal", async move {
            stopping.run_until_cancelled(removals.work(channel)).await;
            Ok(())
        });
    }

    async fn work(&self, channel: u64) {
        let mut last: Option<Instant> = None;
        loop {
            if let Some(last) = last
                && (1..BATCH).contains(&self.waiting().get(&channel).map_or(0, Vec::len))
            {
                tokio::time::sleep_until(last + BETWEEN).await;
            }
            last = Some(Instant::now());
            let batch = {
                let mut waiting = self.waiting();
                let Some(queue) = waiting.get_mut(&channel) else {
                    return;
                };
                if queue.is_empty() {
                    waiting.remove(&channel);
                    return;
                }
                let most = queue.len().min(BATCH);
                queue.drain(..most).collect::<Vec<_>>()
            };
            self.remove(channel, &batch).await;
        }
    }

    async fn remove(&self, channel: u64, batch: &[Removal]) {
        let Some(first) = batch.first() else {
            return;
        };
        let messages: Vec<u64> = batch.iter().map(|removal| removal.message).collect();
        let discord = &self.shared.discord;
        // As they were: once they are gone, nobody can look.
        let mut said: Vec<(u64, Option<Said>)> = messages
            .iter()
            .map(|message| (*message, self.shared.recent.of(*message)))
            .collect();
        let files = self.shared.log.keep_files(first.guild, &mut said).await;
        let outcome = discord
            .remove(first.guild, channel, &messages, &first.audit)
            .await;
        match outcome {
            Ok(deleted) => {
                self.forbidden().remove(&channel);
                metrics::counter!("lockdown_discord_removed_total").increment(deleted.deleted as u64);
                self.forget(batch).await;
                let (log, stopping) = (self.shared.log.clone(), self.shared.stopping.clone());
                let (guild, why) = (first.guild, first.audit.clone());
                self.shared.tasks.spawn_finite("archive", async move {
                    let writing = log.archive((guild, channel), &why, &said, &files);
                    stopping.run_until_cancelled(writing).await;
                    Ok(())
                });
            }
            Err(error @ PlatformError::Forbidden(_)) => self.leave_alone(channel, batch, &error).await,
            // One that Discord never takes away would keep the others.
            Err(error) if is_of_one(&error) && batch.len() > 1 => {
                for one in batch {
                    Box::pin(self.remove(channel, std::slice::from_ref(one))).await;
                }
            }
            Err(error) if error.is_permanent() => {
                metrics::counter!("lockdown_discord_not_removed_total").increment(batch.len() as u64);
                let guild = first.guild;
                tracing::warn!(
                    guild,
                    channel,
                    "{} messages could not be removed: {}",
                    batch.len(),
                    chain(&error)
                );
                self.forget(batch).await;
            }
            // They stay on the board, and are taken up again when they are due.
            Err(error) => tracing::info!(
                channel,
                "{} messages are removed later: {}",
                batch.len(),
                chain(&error)
            ),
        }
    }

    /// Tries again from time to time, for as long as what was said is new; says so once.
    async fn leave_alone(&self, channel: u64, batch: &[Removal], error: &PlatformError) {
        let until = Instant::now() + LEFT_ALONE;
        if self.forbidden().insert(channel, until).is_none() {
            let guild = batch.first().map_or(0, |removal| removal.guild);
            tracing::warn!(
                guild,
                channel,
                "Messages in channel {channel} are not removed: {}. Give the bot View Channel and Manage Messages there; it \
                 then goes on by itself",
                chain(error)
            );
        }
        let now = self.shared.discord.now();
        let old: Vec<Removal> = batch
            .iter()
            .filter(|removal| now - time_of(removal.message) > GIVEN_UP)
            .cloned()
            .collect();
        metrics::counter!("lockdown_discord_not_removed_total").increment(old.len() as u64);
        self.forget(&old).await;
    }

    fn forbidden(&self) -> MutexGuard<'_, HashMap<u64, Instant>> {
        self.shared
            .forbidden
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    async fn forget(&self, batch: &[Removal]) {
        let taken_off = batch
            .iter()
            .map(|removal| async move { self.take_off(&removal.item()).await });
        join_all(taken_off).await;
    }

    async fn take_off(&self, item: &str) {
        if let Err(error) = self.shared.bus.engine().unpost(BOARD, item).await {
            tracing::debug!(
                "Could not take a removed message off the board: {}",
                chain(&error)
            );
        }
    }
}

/// Whether it may be the fault of one message among many.
fn is_of_one(error: &PlatformError) -> bool {
    matches!(
        error,
        PlatformError::Refused(_) | PlatformError::NotFound(Missing::Message)
    )
}

// === impl Removal ===

impl Removal {
    fn item(&self) -> String {
        format!("{}/{}/{}", self.guild, self.channel, self.message)
    }

    fn of(item: &str, audit: &str) -> Option<Self> {
        let mut parts = item.split('/').map(str::parse);
        let mut next = || parts.next()?.ok();
        Some(Self {
            guild: next()?,
            channel: next()?,
            message: next()?,
            audit: audit.to_owned(),
        })
    }
}

/// The messages that a verdict wants gone: those it names, else the one it judged.
fn removals_of(verdict: &Verdict) -> Vec<Removal> {
    let acts = verdict
        .actions
        .iter()
        .filter(|act| ACTS.contains(&act.act.as_str()));
    let rules: Vec<&str> = verdict.rules.iter().map(|hit| hit.rule.as_str()).collect();
    let audit: String = format!("rules: {}", rules.join(", ")).chars().take(400).collect();
    let guild = discord_id(verdict.guild_id.as_str());
    let judged = || {
        let (channel, message) = verdict.channel_id.as_ref().zip(verdict.message_id.as_ref())?;
        Some((channel.as_str(), message.as_str()))
    };
    let mut removals: Vec<Removal> = Vec::new();
    for act in acts {
        let named = act.messages.iter().filter_map(|message| {
            let channel = message.channel_id.as_ref().or(verdict.channel_id.as_ref())?;
            Some((channel.as_str(), message.message_id.as_str()))
        });
        let wanted: Vec<(&str, &str)> = if act.messages.is_empty() {
            judged().into_iter().collect()
        } else {
            named.collect()
        };
        for (channel, message) in wanted {
            let (Ok(guild), Ok(channel), Ok(message)) = (&guild, discord_id(channel), discord_id(message))
            else {
                tracing::warn!("A verdict names a message that is none of Discord's");
                continue;
            };
            if !removals
                .iter()
                .any(|known| known.channel == channel && known.message == message)
            {
                removals.push(Removal {
                    guild: *guild,
                    channel,
                    message,
                    audit: audit.clone(),
                });
            }
        }
    }
    removals
}
