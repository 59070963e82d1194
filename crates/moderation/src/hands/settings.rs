//! The settings of guilds, as bots know them: asked from the backend, kept until they change.

use crate::settings::Settings;
use crate::who::GuildRef;
use anyhow::Context as _;
use chrono::{DateTime, TimeDelta, Utc};
use lockdown_bus::{AskError, Bus, Heard, ListenOptions};
use lockdown_events::{Event, GuildEvent, GuildId, Platform, SettingsRequest, UserId};
use lockdown_runtime::{Clock, Context, chain};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A change is told by an event; one that was missed is found after so long.
const LASTS: TimeDelta = TimeDelta::seconds(60);
const PATIENCE: Duration = Duration::from_secs(3);

/// The answer to `request:settings`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SettingsTold {
    pub version: u64,
    pub settings: Settings,
    /// Absent where the community is as always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<RaisedTold>,
}

/// What a community is in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RaisedTold {
    pub mode: String,
    /// A person's id, `rule:<id>` or `token:<name>`.
    pub by: String,
    /// Where a person said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moderator_id: Option<UserId>,
    /// Absent: until somebody ends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<DateTime<Utc>>,
}

/// What a community is in now; `None` where it is as always.
pub(super) async fn asked_mode(
    bus: &Bus,
    platform: Platform,
    guild: &GuildId,
) -> Result<Option<RaisedTold>, AskError> {
    let question = SettingsRequest {
        platform,
        guild_id: guild.clone(),
    };
    let told: SettingsTold = bus.requests().ask("settings", &question, PATIENCE).await?;
    Ok(told.mode)
}

/// What every guild chose. Cheap to clone.
#[derive(Clone)]
pub struct SettingsBook {
    bus: Bus,
    clock: Clock,
    known: Arc<Mutex<Known>>,
}

#[derive(Default)]
struct Known {
    guilds: HashMap<GuildRef, Entry>,
    /// How many changes were told of, of whichever guild.
    told: u64,
}

struct Entry {
    settings: Arc<Settings>,
    at: DateTime<Utc>,
    /// A change was told since.
    stale: bool,
}

// === impl SettingsBook ===

impl SettingsBook {
    /// An empty book, which hears of changes until the process stops.
    pub async fn open(ctx: &Context, bus: &Bus) -> anyhow::Result<Self> {
        let mut heard = bus
            .live()
            .subscribe(&["guild:config"], &ListenOptions::default())
            .await
            .context("could not listen for changed settings")?;
        let book = Self {
            bus: bus.clone(),
            clock: ctx.clock.clone(),
            known: Arc::default(),
        };
        let (stopping, hearing) = (ctx.shutdown.clone(), book.clone());
        ctx.tasks.spawn("settings", async move {
            let stop = stopping.soft_token();
            while let Some(said) = stop.run_until_cancelled(heard.next()).await {
                match said {
                    Some(Heard::Said(said)) => {
                        let event = said.envelope().ok().and_then(|envelope| envelope.event().ok());
                        if let Some(Event::Guild(GuildEvent::Config(config))) = event {
                            let of = GuildRef {
                                platform: config.platform,
                                id: config.guild_id,
                            };
                            hearing.forget(|guild| *guild == of);
                        }
                    }
                    // Which ones is not known, so every guild's are asked for again.
                    Some(Heard::Missed { .. }) => hearing.forget(|_| true),
                    None => break,
                }
            }
            stopping.soft().await;
            Ok(())
        });
        Ok(book)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forget(&self, which: impl Fn(&GuildRef) -> bool) {
        let mut known = self.known();
        known.told += 1;
        for (_, entry) in known.guilds.iter_mut().filter(|(guild, _)| which(guild)) {
            entry.stale = true;
        }
    }

    /// Somebody changed it through us: the next who asks hears of it, whenever the event comes.
    pub fn changed(&self, guild: &GuildRef) {
        self.forget(|known| known == guild);
    }

    /// What this guild chose. While nobody answers, what was known last, or else what nobody chose.
    pub async fn of(&self, guild: &GuildRef) -> Arc<Settings> {
        let now = self.clock.now();
        let told = {
            let known = self.known();
            match known.guilds.get(guild) {
                Some(entry) if !entry.stale && now - entry.at < LASTS => {
                    return Arc::clone(&entry.settings);
                }
                Some(_) | None => known.told,
            }
        };
        let question = SettingsRequest {
            platform: guild.platform,
            guild_id: guild.id.clone(),
        };
        let asked = self
            .bus
            .requests()
            .ask::<_, SettingsTold>("settings", &question, PATIENCE)
            .await;
        let mut known = self.known();
        match asked {
            Ok(answer) => {
                let settings = Arc::new(answer.settings);
                // What changed while it was asked for may not be in the answer.
                let entry = Entry {
                    settings: Arc::clone(&settings),
                    at: now,
                    stale: known.told != told,
                };
                known.guilds.insert(guild.clone(), entry);
                settings
            }
            Err(error) => {
                tracing::debug!(%guild, "The settings could not be asked for: {}", chain(&error));
                let entry = known.guilds.get(guild);
                entry.map_or_else(Arc::default, |entry| Arc::clone(&entry.settings))
            }
        }
    }
}
