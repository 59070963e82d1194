//! Whether somebody who is judged keeps order in the community.

use super::Judging;
use anyhow::Context as _;
use chrono::{DateTime, TimeDelta, Utc};
use lockdown_bus::{Bus, Heard, ListenOptions};
use lockdown_events::{Event, GuildEvent, GuildId, Platform, UserEvent, UserId};
use lockdown_moderation::desk::Facts as _;
use lockdown_moderation::hands::AskedRanks;
use lockdown_moderation::{Actor, GuildRef, Keepers, UserRef};
use lockdown_policy::Facts;
use lockdown_policy::catalogue::Slot;
use lockdown_runtime::{Clock, Context};
use lockdown_store::Store;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// For so long it is known who keeps order, unless a change is told.
const LASTS: TimeDelta = TimeDelta::seconds(30);
/// Beyond so many, all are asked about again.
const MOST: usize = 10_000;

pub(super) struct People {
    ranks: AskedRanks,
    clock: Clock,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// `None` where it is told of one person at a time.
    communities: Lasting<(Platform, GuildId), Option<Arc<Keepers>>>,
    people: Lasting<(Platform, GuildId, UserId), bool>,
    /// Counts the changes that were told: what was asked while one came may be from before it.
    changes: u64,
}

struct Lasting<K, V>(HashMap<K, (V, DateTime<Utc>)>);

// === impl Lasting ===

impl<K, V> Default for Lasting<K, V> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Hash + Eq, V: Clone> Lasting<K, V> {
    fn get(&self, key: &K, now: DateTime<Utc>) -> Option<V> {
        let (value, at) = self.0.get(key)?;
        (now - *at < LASTS).then(|| value.clone())
    }

    fn keep(&mut self, key: K, value: V, now: DateTime<Utc>) {
        if self.0.len() >= MOST {
            self.0.clear();
        }
        self.0.insert(key, (value, now));
    }
}

// === impl People ===

impl People {
    pub(super) fn new(store: Store, bus: Bus, clock: Clock) -> Self {
        Self {
            ranks: AskedRanks::new(bus, store),
            clock,
            known: Mutex::default(),
        }
    }

    /// Whether the author keeps order in a community, by the platform or by us; `None` when it cannot be found out now. Most
    /// who are asked about do not, so a community is asked once for those who do.
    pub(super) async fn keeps_order(
        &self,
        (platform, guild): (Platform, &GuildId),
        facts: &Facts,
    ) -> Option<bool> {
        let author = UserId::new(&facts.author).ok()?;
        let of = GuildRef {
            platform,
            id: guild.clone(),
        };
        if let Some(keepers) = self.keepers(&of).await {
            if keepers.people.contains(&author) {
                return Some(true);
            }
            // Where an event tells nothing of somebody's membership, they may have some role.
            let roles = facts.words(Slot::AuthorRoles);
            let told = roles.filter(|roles| !roles.is_empty() || facts.is_known(Slot::AuthorMemberAge));
            if keepers.roles.is_empty() {
                return Some(false);
            }
            if let Some(roles) = told {
                let keeps = |role: &String| keepers.roles.iter().any(|keeper| keeper.as_str() == role);
                return Some(roles.iter().any(keeps));
            }
        }
        self.is_keeper(of, author).await
    }

    async fn keepers(&self, of: &GuildRef) -> Option<Arc<Keepers>> {
        let (key, now) = ((of.platform, of.id.clone()), self.clock.now());
        let changes = {
            let known = self.lock();
            match known.communities.get(&key, now) {
                Some(keepers) => return keepers,
                None => known.changes,
            }
        };
        let keepers = self.ranks.keepers(of).await.map(Arc::new);
        let mut known = self.lock();
        if known.changes == changes {
            known.communities.keep(key, keepers.clone(), now);
        }
        keepers
    }

    async fn is_keeper(&self, of: GuildRef, author: UserId) -> Option<bool> {
        let (key, now) = ((of.platform, of.id.clone(), author), self.clock.now());
        if let Some(known) = self.lock().people.get(&key, now) {
            return Some(known);
        }
        let who = UserRef::new(of.platform, key.2.clone());
        let ranks = self.ranks.ranks(&of, &Actor::System, &who).await;
        let staff = ranks.subject_keeps_order()?;
        self.lock().people.keep(key, staff, now);
        Some(staff)
    }

    /// Somebody was made one who keeps order, or is none any more.
    fn note(&self, event: &Event) {
        let (platform, guild) = (event.platform(), event.guild_id());
        let mut known = self.lock();
        match event {
            Event::User(UserEvent::Updated(change)) => {
                let person = (platform, guild.clone(), change.user_id.clone());
                known.people.0.remove(&person);
                if change.administrator.is_none() {
                    return;
                }
            }
            Event::Guild(GuildEvent::Update(_) | GuildEvent::Config(_)) => {
                let other = |of: &(Platform, GuildId, UserId)| (of.0, &of.1) != (platform, guild);
                known.people.0.retain(|of, _| other(of));
            }
            _ => return,
        }
        known.changes += 1;
        known.communities.0.remove(&(platform, guild.clone()));
    }

    fn forget_all(&self) {
        let mut known = self.lock();
        *known = Known {
            changes: known.changes + 1,
            ..Known::default()
        };
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hears who keeps order now, until the process stops.
pub(super) async fn listen(ctx: &Context, bus: &Bus, judging: Arc<Judging>) -> anyhow::Result<()> {
    let mut heard = bus
        .live()
        .subscribe(
            &["user:updated", "guild:update", "guild:config"],
            &ListenOptions::default(),
        )
        .await
        .context("could not listen for who keeps order")?;
    let stopping = ctx.shutdown.clone();
    ctx.tasks.spawn("keepers", async move {
        let stop = stopping.soft_token();
        while let Some(said) = stop.run_until_cancelled(heard.next()).await {
            match said {
                Some(Heard::Said(said)) => {
                    if let Ok(Ok(event)) = said.envelope().map(|envelope| envelope.event()) {
                        judging.people.note(&event);
                    }
                }
                // Whose standing changed is not known.
                Some(Heard::Missed { .. }) => judging.people.forget_all(),
                None => break,
            }
        }
        stopping.soft().await;
        Ok(())
    });
    Ok(())
}
