//! The community's rules in Discord's own AutoMod, as far as it can do what they say: what it stops, nobody ever sees.
//!
//! What AutoMod is to have is reckoned anew from the rules in force and from the guild (`plan`), and compared with what it has:
//! so it does not matter who changed what, when, or how often one looks. Of AutoMod's rules only those are touched that we
//! made. A guild chooses whether it wants this; one that wants it no more gets its places back.
//!
//! What AutoMod stops by a rule of ours is judged by the rule of the community that it was made of, as the message that it
//! would have been: so the rest of what that rule does is done too, once.
//!
//! To give AutoMod more to do: `lockdown_policy::native`, and its part of `plan`.

mod given;
mod plan;
mod settle;
mod shown;
mod wire;

pub(crate) use shown::Shown;

use crate::effects::Discord;
use crate::modlog::of;
use crate::rest::RestError;
use anyhow::Context as _;
use lockdown_bus::{Bus, EngineError, Heard, ListenOptions, Subscription};
use lockdown_events::{Event, GuildEvent, Platform};
use lockdown_moderation::hands::SettingsBook;
use lockdown_runtime::{Context, chain};
use plan::Left;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// What changes together is looked at together.
const SOON: Duration = Duration::from_millis(300);
/// What could not be done is tried again after so long.
const AGAIN: Duration = Duration::from_secs(20);
/// A pause that ended, and what was missed, is found after so long.
const LOOK: Duration = Duration::from_secs(300);
/// For so long it is waited for what a rule of AutoMod was made of.
const PATIENCE: Duration = Duration::from_secs(5);
const MOST: usize = 100_000;

/// Keeps AutoMod as the rules want it. Cheap to clone.
#[derive(Clone)]
pub(crate) struct AutoMod {
    shared: Arc<Shared>,
}

struct Shared {
    bus: Bus,
    discord: Discord,
    book: SettingsBook,
    /// The guilds in which rules of ours stand.
    board: String,
    state: Mutex<State>,
    /// Counts what was seen to: whoever waits for something looks again.
    rounds: watch::Sender<u64>,
    stopping: CancellationToken,
}

#[derive(Default)]
struct State {
    /// When a guild is to be looked at.
    due: HashMap<u64, Instant>,
    /// The guild that is looked at now.
    at_work: Option<u64>,
    /// Guilds in which rules of ours stand, or may stand.
    ours: HashSet<u64>,
    known: HashMap<u64, Known>,
    /// Where the right is lacking, which was said.
    lacking: HashSet<u64>,
}

/// What is known of a guild that was looked at.
#[derive(Debug, Clone, Default)]
struct Known {
    /// What each of AutoMod's rules that we made was made of.
    made_of: HashMap<u64, Vec<String>>,
    left: BTreeMap<String, Left>,
    /// What Discord made of what we sent, where that is not the same: by the name, what was asked for and what stands.
    as_told: HashMap<String, (String, String)>,
    /// What Discord refused, by the name, with its words.
    refused: HashMap<String, (String, String)>,
}

#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("{0}")]
    Rest(#[from] RestError),
    #[error("the bus does not keep what stands there")]
    Board(#[from] EngineError),
    #[error("the backend does not tell of the rules: {0}")]
    Rules(String),
    /// Another process is at it.
    #[error("another process sees to it")]
    Busy,
    #[error("the bot stops")]
    Stopping,
}

// === impl State ===

impl State {
    fn is_unsettled(&self, guild: u64) -> bool {
        let soon = Instant::now() + SOON;
        self.at_work == Some(guild) || self.due.get(&guild).is_some_and(|at| *at <= soon)
    }
}

// === impl AutoMod ===

impl AutoMod {
    /// Sees to the guilds of this process until it stops.
    pub(crate) async fn start(
        ctx: &Context,
        bus: Bus,
        discord: Discord,
        book: SettingsBook,
    ) -> anyhow::Result<Self> {
        let board = format!("discord/automod/{}", discord.guilds.own());
        let posted = bus.board(&board, MOST).await;
        let posted = posted.context("could not learn where AutoMod has rules of ours")?;
        let heard = bus
            .live()
            .subscribe(&["guild:config"], &ListenOptions::default())
            .await
            .context("could not listen for changed rules")?;
        let ours = posted.iter().filter_map(|posted| posted.item.parse().ok());
        let state = State {
            ours: ours.collect(),
            ..State::default()
        };
        let automod = Self {
            shared: Arc::new(Shared {
                bus,
                discord,
                book,
                board,
                state: Mutex::new(state),
                rounds: watch::Sender::new(0),
                stopping: ctx.shutdown.soft_token(),
            }),
        };
        let keeping = automod.clone();
        ctx.tasks.spawn("automod", async move {
            keeping.keep(heard).await;
            Ok(())
        });
        Ok(automod)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something changed in a guild on which it depends what AutoMod is to have.
    pub(crate) fn changed(&self, guild: u64) {
        self.look(guild, SOON);
        self.shared.rounds.send_modify(|rounds| *rounds += 1);
    }

    /// The bot is no longer there.
    pub(crate) fn forget(&self, guild: u64) {
        let mut state = self.state();
        state.due.remove(&guild);
        state.known.remove(&guild);
        state.lacking.remove(&guild);
    }

    fn look(&self, guild: u64, after: Duration) {
        let at = Instant::now() + after;
        let mut state = self.state();
        let due = state.due.entry(guild).or_insert(at);
        *due = at.min(*due);
    }

    /// The community's rules of which a rule of AutoMod was made; none where people made it. Waits until it is known.
    pub(crate) async fn made_of(&self, guild: u64, rule: u64) -> Vec<String> {
        let mut rounds = self.shared.rounds.subscribe();
        let found = async {
            loop {
                {
                    let state = self.state();
                    let known = state.known.get(&guild);
                    if let Some(rules) = known.and_then(|known| known.made_of.get(&rule)) {
                        return rules.clone();
                    }
                    // Nothing of ours stands there, or all that does was looked at.
                    let settled = known.is_some() && !state.is_unsettled(guild);
                    if settled || !state.ours.contains(&guild) {
                        return Vec::new();
                    }
                }
                if rounds.changed().await.is_err() {
                    return Vec::new();
                }
            }
        };
        tokio::time::timeout(PATIENCE, found).await.unwrap_or_default()
    }

    /// What AutoMod does of a guild's rules; `None` where the guild does not want it.
    pub(crate) fn shown(&self, guild: u64) -> Option<Shown> {
        let state = self.state();
        let known = state.known.get(&guild)?;
        Some(Shown {
            first: known.made_of.values().flatten().cloned().collect(),
            left: known.left.clone(),
        })
    }

    async fn keep(&self, mut heard: Subscription) {
        let mut rounds = self.shared.rounds.subscribe();
        loop {
            let next = self.state().due.values().min().copied();
            let wait = next.unwrap_or_else(|| Instant::now() + LOOK);
            tokio::select! {
                () = self.shared.stopping.cancelled() => return,
                () = tokio::time::sleep_until(wait) => {}
                _ = rounds.changed() => continue,
                said = heard.next() => match said {
                    Some(Heard::Said(said)) => {
                        let event = said.envelope().ok().and_then(|envelope| envelope.event().ok());
                        if let Some(Event::Guild(GuildEvent::Config(config))) = event
                            && config.platform == Platform::Discord
                            && let Ok(guild) = config.guild_id.as_str().parse()
                        {
                            // The book hears of it on its own way, perhaps later.
                            self.shared.book.changed(&of(&config.guild_id));
                            self.look(guild, SOON);
                        }
                        continue;
                    }
                    Some(Heard::Missed { .. }) => self.look_at_all(),
                    None => return,
                },
            }
            let now = Instant::now();
            let due: Vec<u64> = {
                let state = self.state();
                let due = state.due.iter().filter(|(_, at)| **at <= now);
                due.map(|(guild, _)| *guild).collect()
            };
            for guild in due {
                if self.shared.stopping.is_cancelled() {
                    return;
                }
                self.see_to(guild).await;
            }
        }
    }

    fn look_at_all(&self) {
        let all: Vec<u64> = self.state().known.keys().copied().collect();
        for guild in all {
            self.look(guild, SOON);
        }
    }

    async fn see_to(&self, guild: u64) {
        {
            let mut state = self.state();
            state.due.remove(&guild);
            state.at_work = Some(guild);
        }
        match self.settle(guild).await {
            Ok(true) => self.look(guild, LOOK),
            Ok(false) | Err(Trouble::Stopping) => {}
            // To ask again at once would count against the bot.
            Err(Trouble::Rest(RestError::Refused {
                status: 403, message, ..
            })) => {
                self.lacks(guild, &message);
                self.look(guild, LOOK);
            }
            Err(error) => {
                tracing::info!(guild, "AutoMod is seen to later: {}", chain(&error));
                self.look(guild, AGAIN);
            }
        }
        self.state().at_work = None;
        self.shared.rounds.send_modify(|rounds| *rounds += 1);
    }

    /// Says it once.
    fn lacks(&self, guild: u64, what: &str) {
        if self.state().lacking.insert(guild) {
            tracing::warn!(guild, "AutoMod is left as it is: {what}");
        }
    }
}
