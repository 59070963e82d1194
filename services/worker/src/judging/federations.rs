//! Who is banned in a federation that the community goes by: whoever comes or writes there is wished away.
//!
//! All of it is in memory, since every message is looked at: where which federation's bans hold, and whom each has banned. A change
//! is told, and then only what is newer than what is known is read. Whether it still is so is for the desk to see, which has the
//! records; what is known here may be late by a moment.

use super::Judging;
use anyhow::Context as _;
use chrono::{DateTime, TimeDelta, Utc};
use lockdown_bus::{Bus, HandlerError, Heard, ListenOptions, Received};
use lockdown_events::{
    Action, AuthorKind, Event, GuildId, Live, Message, MessageEvent, MessageRef, ModerationAction,
    ModerationEvent, Origin, Platform, UserEvent, UserId,
};
use lockdown_moderation::federation;
use lockdown_runtime::{Clock, Context, chain};
use lockdown_store::federations::{FederationBanId, FederationId};
use lockdown_store::{Store, StoreError, in_read};
use std::collections::{HashMap, HashSet};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A change is told; one that was missed is found after so long.
const EVERY: Duration = Duration::from_secs(30);
/// How many changes are read at once.
const PAGE: u64 = 1_000;
/// Somebody who writes on while they are dealt with is wished away once in so long.
const RESTS: TimeDelta = TimeDelta::seconds(30);
/// Beyond so many, all are forgotten: then somebody may be wished for again, which is the same case.
const MOST: usize = 10_000;

pub(super) struct Federations {
    store: Store,
    bus: Bus,
    clock: Clock,
    known: Mutex<Known>,
    wished: Mutex<HashMap<(Platform, GuildId, UserId), DateTime<Utc>>>,
}

#[derive(Default)]
struct Known {
    /// The federations whose bans hold in a guild.
    places: HashMap<(Platform, GuildId), Vec<FederationId>>,
    banned: HashMap<FederationId, Banned>,
}

/// Whom a federation has banned.
struct Banned {
    version: u64,
    /// The last change that was read.
    last: (u64, FederationBanId),
    users: HashSet<UserId>,
}

/// Reads what there is to know, and again whenever it may have changed, until the process stops.
pub(super) async fn keep(ctx: &Context, bus: &Bus, judging: Arc<Judging>) -> anyhow::Result<()> {
    let mut heard = bus
        .live()
        .subscribe(&["cache:invalidate"], &ListenOptions::default())
        .await
        .context("could not listen for changed federations")?;
    judging.federations.read().await;
    let (clock, stopping) = (ctx.clock.clone(), ctx.shutdown.clone());
    ctx.tasks.spawn("federations", async move {
        let mut rest = pin!(clock.sleep(EVERY));
        loop {
            let said = tokio::select! {
                said = heard.next() => said,
                () = &mut rest => {
                    rest.set(clock.sleep(EVERY));
                    judging.federations.read().await;
                    continue;
                }
                () = stopping.soft() => return Ok(()),
            };
            match said {
                Some(Heard::Said(said)) => {
                    let live = said.envelope().ok().and_then(|envelope| envelope.live().ok());
                    let Some(Live::CacheInvalidation(what)) = live else {
                        continue;
                    };
                    if !what.keys.iter().any(|key| key == federation::REMEMBERED) {
                        continue;
                    }
                }
                Some(Heard::Missed { .. }) => {}
                None => {
                    stopping.soft().await;
                    return Ok(());
                }
            }
            judging.federations.read().await;
        }
    });
    Ok(())
}

// === impl Federations ===

impl Federations {
    pub(super) fn new(store: Store, bus: Bus, clock: Clock) -> Self {
        Self {
            store,
            bus,
            clock,
            known: Mutex::default(),
            wished: Mutex::default(),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads what is newer. While the store is away, what was known last counts on.
    async fn read(&self) {
        if let Err(error) = self.read_on().await {
            tracing::warn!(
                "Could not read what changed of federations, and tries again: {}",
                chain(&error)
            );
        }
    }

    async fn read_on(&self) -> Result<(), StoreError> {
        let (places, versions) = in_read!(self.store, |conn| {
            let places = conn.federation_places().await?;
            Ok::<_, StoreError>((places, conn.federation_versions().await?))
        })?;
        {
            let mut known = self.known();
            known.places.clear();
            for place in places {
                let there = (place.platform, place.guild_native_id);
                known.places.entry(there).or_default().push(place.federation_id);
            }
            let there: HashSet<FederationId> = versions.iter().map(|of| of.id).collect();
            known.banned.retain(|id, _| there.contains(id));
        }
        for of in versions {
            self.read_of(of.id, of.version).await?;
        }
        Ok(())
    }

    async fn read_of(&self, id: FederationId, version: u64) -> Result<(), StoreError> {
        loop {
            let last = {
                let mut known = self.known();
                let banned = known.banned.entry(id).or_default();
                if banned.version >= version {
                    return Ok(());
                }
                banned.last
            };
            let changes = in_read!(self.store, |conn| {
                conn.federation_changes(id, last, PAGE).await
            })?;
            let is_all = u64::try_from(changes.len()).is_ok_and(|many| many < PAGE);
            let mut known = self.known();
            let banned = known.banned.entry(id).or_default();
            for change in changes {
                banned.last = (change.version, change.id);
                if change.lifted_at.is_some() {
                    banned.users.remove(&change.user_native_id);
                } else {
                    banned.users.insert(change.user_native_id);
                }
            }
            if is_all {
                banned.version = version;
            }
        }
    }

    /// The federations that have banned somebody and hold in a guild.
    fn against(&self, platform: Platform, guild: &GuildId, user: &UserId) -> Vec<FederationId> {
        let known = self.known();
        if known.places.is_empty() {
            return Vec::new();
        }
        let there = known.places.get(&(platform, guild.clone()));
        let bans = |id: &&FederationId| {
            let banned = known.banned.get(id);
            banned.is_some_and(|banned| banned.users.contains(user))
        };
        there.into_iter().flatten().filter(bans).copied().collect()
    }

    /// Whether whoever comes or writes is banned; then that is wished for there.
    pub(super) async fn look(&self, received: &Received) -> Result<(), HandlerError> {
        let Some((user, message)) = who(&received.event) else {
            return Ok(());
        };
        let (platform, guild) = (received.event.platform(), received.event.guild_id());
        let against = self.against(platform, guild, user);
        if against.is_empty() || !self.is_news(platform, guild, user) {
            return Ok(());
        }
        for id in against {
            let wish = wish(id, platform, guild, user, message);
            let event = Event::Moderation(ModerationEvent::Action(wish));
            let purpose = format!("federation/{id}");
            let said = self.bus.publish_after(&received.envelope, &purpose, &event).await;
            said.map_err(|error| HandlerError::Again(chain(&error)))?;
            metrics::counter!("lockdown_federations_sighted_total").increment(1);
        }
        self.wished()
            .insert((platform, guild.clone(), user.clone()), self.clock.now());
        Ok(())
    }

    fn is_news(&self, platform: Platform, guild: &GuildId, user: &UserId) -> bool {
        let mut wished = self.wished();
        if wished.len() >= MOST {
            wished.clear();
        }
        let last = wished.get(&(platform, guild.clone(), user.clone()));
        last.is_none_or(|at| self.clock.now() - *at >= RESTS)
    }

    fn wished(&self) -> MutexGuard<'_, HashMap<(Platform, GuildId, UserId), DateTime<Utc>>> {
        self.wished.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Banned ===

impl Default for Banned {
    fn default() -> Self {
        Self {
            version: 0,
            last: (0, FederationBanId(Default::default())),
            users: HashSet::new(),
        }
    }
}

/// Who came or wrote, if it was a person of their own.
fn who(event: &Event) -> Option<(&UserId, Option<&Message>)> {
    match event {
        Event::User(UserEvent::Joined(joined)) => Some((&joined.user_id, None)),
        Event::Message(MessageEvent::Created(message) | MessageEvent::Edited(message)) => {
            let is_person = message.author.kind == AuthorKind::Person;
            is_person.then_some((&message.author_id, Some(&**message)))
        }
        _ => None,
    }
}

/// It says who and by which federation; the desk has the rest.
fn wish(
    id: FederationId,
    platform: Platform,
    guild: &GuildId,
    user: &UserId,
    message: Option<&Message>,
) -> ModerationAction {
    let evidence = message.map(|message| MessageRef {
        channel_id: Some(message.channel_id.clone()),
        message_id: message.message_id.clone(),
    });
    ModerationAction {
        platform,
        guild_id: guild.clone(),
        action: Action::Ban,
        user_id: user.clone(),
        moderator_id: None,
        reason: None,
        expires_at: None,
        origin: Origin::Automod,
        case_number: None,
        delete_message_seconds: None,
        notify: None,
        points: None,
        native_id: None,
        batch_id: None,
        trace_id: None,
        rule: Some(federation::rule(id)),
        rule_set_hash: None,
        evidence: evidence.into_iter().collect(),
    }
}
