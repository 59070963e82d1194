//! Which rules judge where: compiled once, and kept until they change.

use super::Judging;
use super::lists::Lists;
use anyhow::Context as _;
use chrono::{DateTime, TimeDelta, Utc};
use lockdown_bus::{Bus, Heard, ListenOptions};
use lockdown_events::{ChannelId, Event, GuildEvent, GuildId, Platform};
use lockdown_policy::detect::taught::Taught;
use lockdown_policy::{RuleSet, Severity, Source, Surroundings, check};
use lockdown_runtime::{Clock, Context};
use lockdown_store::guilds::GuildKey;
use lockdown_store::modes::Mode;
use lockdown_store::pauses::RulePause;
use lockdown_store::policies::{InForce, Place, PolicyId, PolicyMode};
use lockdown_store::{Conn, Store, StoreError, in_read};
use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A change is told by an event; one that was missed is found after so long.
const LASTS: TimeDelta = TimeDelta::seconds(30);
/// Guilds whose rules are read at the same time, at most.
const READING: usize = 32;

/// One policy that judges in a guild.
pub(super) struct Set {
    pub(super) name: String,
    place: Place,
    pub(super) mode: PolicyMode,
    pub(super) policy: PolicyId,
    pub(super) version: u64,
    sha256: Vec<u8>,
    pub(super) rules: Arc<RuleSet>,
    /// Those that it was compiled with.
    lists: Arc<Lists>,
    /// Rules that do nothing, and until when.
    paused: Vec<(String, DateTime<Utc>)>,
}

/// All that judge in a guild.
#[derive(Default)]
pub(super) struct Sets {
    sets: Vec<Set>,
    /// What the guild is in, where it is not as always.
    mode: Option<Mode>,
    lessons: Lessons,
}

/// What a guild taught the classifier.
#[derive(Clone, Default)]
struct Lessons {
    version: Option<u64>,
    taught: Option<Arc<Taught>>,
}

pub(super) struct Rules {
    store: Store,
    clock: Clock,
    known: Mutex<Book>,
    /// Of the guilds that share one, the rules of one are read at a time: many who ask for the same are answered by one read.
    reading: [tokio::sync::Mutex<()>; READING],
    spread: RandomState,
    lists: Mutex<Arc<Lists>>,
}

/// What is known of the guilds' rules.
#[derive(Default)]
struct Book {
    guilds: HashMap<(Platform, GuildId), Known>,
    /// Counts the changes that were told: what was read while one came may be from before it.
    changes: u64,
}

struct Known {
    sets: Arc<Sets>,
    at: DateTime<Utc>,
    /// A change was told since.
    stale: bool,
}

// === impl Set ===

impl Set {
    /// The channel that has it for itself.
    pub(super) fn place(&self) -> Option<&ChannelId> {
        match &self.place {
            Place::Guild => None,
            Place::Channel(id) => Some(id),
        }
    }

    /// The rules that do nothing now, since they acted too often.
    pub(super) fn paused(&self, now: DateTime<Utc>) -> impl Iterator<Item = &str> {
        let paused = self.paused.iter().filter(move |(_, ends)| *ends > now);
        paused.map(|(rule, _)| rule.as_str())
    }
}

// === impl Sets ===

impl Sets {
    pub(super) fn is_empty(&self) -> bool {
        self.sets.is_empty()
    }

    /// The mode of the guild, by the rule language's word.
    pub(super) fn mode(&self) -> &'static str {
        self.mode.map_or("normal", Mode::as_str)
    }

    /// What was taught there about spam.
    pub(super) fn taught(&self) -> Option<&Taught> {
        self.lessons.taught.as_deref()
    }

    /// Those that judge in a channel: its own stand in the place of the guild's of the same name.
    pub(super) fn for_channel(&self, channel: Option<&str>) -> impl Iterator<Item = &Set> {
        let own = move |set: &Set| match &set.place {
            Place::Channel(id) => channel == Some(id.as_str()),
            Place::Guild => false,
        };
        self.sets.iter().filter(move |set| {
            let replaced = || self.sets.iter().any(|other| own(other) && other.name == set.name);
            let here = own(set) || (set.place == Place::Guild && !replaced());
            here && set.mode != PolicyMode::Off
        })
    }
}

// === impl Lessons ===

impl Lessons {
    /// These, or newer ones.
    async fn renewed(&self, conn: &mut Conn, guild: GuildKey) -> Result<Self, StoreError> {
        let version = conn.spam_model_version(guild).await?;
        if version == self.version {
            return Ok(self.clone());
        }
        let bytes = match version {
            Some(version) => conn.spam_model(guild, version).await?,
            None => None,
        };
        let taught = bytes.and_then(|bytes| match Taught::from_bytes(&bytes) {
            Ok(taught) => Some(Arc::new(taught)),
            Err(error) => {
                tracing::warn!("What a community taught about spam says nothing to this release: {error}");
                None
            }
        });
        Ok(Self { version, taught })
    }
}

// === impl Rules ===

impl Rules {
    pub(super) fn new(store: Store, clock: Clock) -> Self {
        Self {
            store,
            clock,
            known: Mutex::default(),
            spread: RandomState::new(),
            reading: std::array::from_fn(|_| tokio::sync::Mutex::default()),
            lists: Mutex::default(),
        }
    }

    fn known(&self) -> MutexGuard<'_, Book> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The rules of this guild, read again when they may have changed. While the store is away, those known last judge on.
    pub(super) async fn of(&self, platform: Platform, guild: &GuildId) -> Result<Arc<Sets>, StoreError> {
        let key = (platform, guild.clone());
        let now = self.clock.now();
        if let Ok(sets) = self.fresh(&key, now) {
            return Ok(sets);
        }
        let place = self.spread.hash_one(&key) as usize % READING;
        let _reading = self.reading[place].lock().await;
        let (before, changes) = match self.fresh(&key, now) {
            Ok(sets) => return Ok(sets),
            Err(before) => before,
        };
        let sets = match self.load(platform, guild, before.as_deref()).await {
            Ok(sets) => Arc::new(sets),
            Err(error) => match before {
                Some(before) if error.is_passing() => return Ok(before),
                _ => return Err(error),
            },
        };
        let mut book = self.known();
        let known = Known {
            sets: Arc::clone(&sets),
            at: now,
            stale: book.changes != changes,
        };
        book.guilds.insert(key, known);
        Ok(sets)
    }

    /// What is known and still holds; else what was known last, and how many changes were told by then.
    fn fresh(
        &self,
        key: &(Platform, GuildId),
        now: DateTime<Utc>,
    ) -> Result<Arc<Sets>, (Option<Arc<Sets>>, u64)> {
        let book = self.known();
        match book.guilds.get(key) {
            Some(known) if !known.stale && now - known.at < LASTS => Ok(Arc::clone(&known.sets)),
            known => Err((known.map(|known| Arc::clone(&known.sets)), book.changes)),
        }
    }

    pub(super) fn forget(&self, platform: Platform, guild: &GuildId) {
        let mut book = self.known();
        book.changes += 1;
        if let Some(known) = book.guilds.get_mut(&(platform, guild.clone())) {
            known.stale = true;
        }
    }

    /// From now on rules are compiled with these.
    pub(super) fn set_lists(&self, lists: Arc<Lists>) {
        *self.lists.lock().unwrap_or_else(PoisonError::into_inner) = lists;
        self.forget_all();
    }

    fn forget_all(&self) {
        let mut book = self.known();
        book.changes += 1;
        for known in book.guilds.values_mut() {
            known.stale = true;
        }
    }

    async fn load(
        &self,
        platform: Platform,
        guild: &GuildId,
        before: Option<&Sets>,
    ) -> Result<Sets, StoreError> {
        let now = self.clock.now();
        let last = before.map(|before| before.lessons.clone()).unwrap_or_default();
        let lists = Arc::clone(&self.lists.lock().unwrap_or_else(PoisonError::into_inner));
        let known = |policy: &InForce| {
            let sets = before.map_or(&[][..], |before| &before.sets);
            sets.iter().find(|set| {
                (&set.name, set.mode, &set.place) == (&policy.name, policy.mode, &policy.channel_native_id)
            })
        };
        let still = |policy: &InForce| {
            known(policy).filter(|last| last.sha256 == policy.sha256 && Arc::ptr_eq(&last.lists, &lists))
        };
        let (found, pauses, mode, lessons) = in_read!(self.store, |conn| {
            let Some(guild) = conn.guild(platform, guild).await? else {
                return Ok((Vec::new(), Vec::new(), None, Lessons::default()));
            };
            let mut found = Vec::new();
            for policy in conn.policies_in_force(guild.id).await? {
                let body = match still(&policy) {
                    Some(_) => None,
                    None => conn.policy_version(policy.policy_id, policy.version).await?,
                };
                found.push((policy, body.map(|version| version.body)));
            }
            let pauses = conn.paused_rules(guild.id, now).await?;
            // Its end is told by whoever ends it.
            let mode = conn.guild_mode(guild.id).await?.map(|mode| mode.mode);
            let lessons = last.renewed(conn, guild.id).await?;
            Ok::<_, StoreError>((found, pauses, mode, lessons))
        })?;
        let mut sets = Vec::with_capacity(found.len());
        for (policy, body) in found {
            let compiled = body.and_then(|body| compile(&policy.name, &body, &lists, platform, guild));
            // What does not compile never was in force here, or was by an older release: the last good one judges on.
            let last = || known(&policy).map(|last| Arc::clone(&last.rules));
            let Some(rules) = compiled.or_else(last) else {
                continue;
            };
            let of_this =
                |pause: &&RulePause| (pause.policy_id, pause.version) == (policy.policy_id, policy.version);
            let paused = pauses.iter().filter(of_this);
            sets.push(Set {
                paused: paused.map(|pause| (pause.rule.clone(), pause.ends_at)).collect(),
                name: policy.name,
                place: policy.channel_native_id,
                mode: policy.mode,
                policy: policy.policy_id,
                version: policy.version,
                sha256: policy.sha256,
                rules,
                lists: Arc::clone(&lists),
            });
        }
        Ok(Sets { sets, mode, lessons })
    }
}

fn compile(
    name: &str,
    body: &str,
    lists: &Lists,
    platform: Platform,
    guild: &GuildId,
) -> Option<Arc<RuleSet>> {
    let surroundings = Surroundings {
        platforms: vec![platform],
        banks: lists.banks(),
        ..Surroundings::default()
    };
    let checked = check(&Source::new(name, body), &surroundings);
    if checked.rules.is_none() {
        let first = checked
            .diagnostics
            .iter()
            .find(|found| found.severity == Severity::Error)
            .map(|found| format!("{}:{}: {}", found.line, found.column, found.message));
        let why = first.unwrap_or_default();
        metrics::counter!("lockdown_rules_broken_total").increment(1);
        tracing::error!(%platform, %guild, name, "The rules {name} cannot be used, so the last good ones judge on: {why}");
    }
    checked.rules
}

/// Hears which guilds changed their rules, until the process stops.
pub(super) async fn listen(ctx: &Context, bus: &Bus, judging: Arc<Judging>) -> anyhow::Result<()> {
    let mut heard = bus
        .live()
        .subscribe(&["guild:config"], &ListenOptions::default())
        .await
        .context("could not listen for changed rules")?;
    let stopping = ctx.shutdown.clone();
    ctx.tasks.spawn("rule-changes", async move {
        loop {
            let said = tokio::select! {
                said = heard.next() => said,
                () = stopping.soft() => return Ok(()),
            };
            match said {
                Some(Heard::Said(said)) => {
                    let event = said.envelope().ok().and_then(|envelope| envelope.event().ok());
                    if let Some(Event::Guild(GuildEvent::Config(config))) = event {
                        judging.rules.forget(config.platform, &config.guild_id);
                    }
                }
                // Which ones is not known, so every guild's are read again.
                Some(Heard::Missed { .. }) => judging.rules.forget_all(),
                None => {
                    stopping.soft().await;
                    return Ok(());
                }
            }
        }
    });
    Ok(())
}
