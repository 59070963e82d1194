//! Whether somebody who is judged keeps order in the community.

use chrono::{DateTime, TimeDelta, Utc};
use lockdown_bus::Bus;
use lockdown_events::{GuildId, Platform, UserId};
use lockdown_moderation::desk::Facts as _;
use lockdown_moderation::hands::AskedRanks;
use lockdown_moderation::{Actor, GuildRef, UserRef};
use lockdown_runtime::Clock;
use lockdown_store::Store;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// For so long it is known whether somebody keeps order: one who floods is asked about once.
const LASTS: TimeDelta = TimeDelta::seconds(30);
/// Beyond so many, all are asked about again.
const MOST: usize = 10_000;

type Known = HashMap<(Platform, GuildId, UserId), (bool, DateTime<Utc>)>;

pub(super) struct People {
    ranks: AskedRanks,
    clock: Clock,
    staff: Mutex<Known>,
}

// === impl People ===

impl People {
    pub(super) fn new(store: Store, bus: Bus, clock: Clock) -> Self {
        Self {
            ranks: AskedRanks::new(bus, store),
            clock,
            staff: Mutex::default(),
        }
    }

    /// Whether somebody keeps order in a community, by the platform or by us; `None` when it cannot be found out now.
    pub(super) async fn keeps_order(
        &self,
        (platform, guild): (Platform, &GuildId),
        author: &str,
    ) -> Option<bool> {
        let author = UserId::new(author).ok()?;
        let key = (platform, guild.clone(), author);
        let now = self.clock.now();
        if let Some((staff, at)) = self.lock().get(&key)
            && now - *at < LASTS
        {
            return Some(*staff);
        }
        let of = GuildRef {
            platform,
            id: guild.clone(),
        };
        let who = UserRef::new(platform, key.2.clone());
        let ranks = self.ranks.ranks(&of, &Actor::System, &who).await;
        let staff = ranks.subject_keeps_order()?;
        let mut known = self.lock();
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(key, (staff, now));
        Some(staff)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.staff.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
