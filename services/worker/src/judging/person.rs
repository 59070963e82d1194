//! What is known of whoever is judged: from the store what their rules ask for, from the platform whether they keep order.

use chrono::{DateTime, TimeDelta, Utc};
use lockdown_bus::Bus;
use lockdown_events::{GuildId, Platform, UserId};
use lockdown_moderation::desk::Facts as _;
use lockdown_moderation::hands::AskedRanks;
use lockdown_moderation::{Actor, GuildRef, Rank, UserRef};
use lockdown_policy::catalogue::Slot;
use lockdown_policy::{Facts, Record, RuleSet};
use lockdown_runtime::Clock;
use lockdown_store::{Store, StoreError, in_read};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// For so long it is known whether somebody keeps order: one who floods is asked about once.
const LASTS: TimeDelta = TimeDelta::seconds(30);
/// Beyond so many, all are asked about again.
const MOST: usize = 10_000;
/// How far back somebody's messages are counted.
const LOOKS_BACK: TimeDelta = TimeDelta::days(90);

/// Everything that [`People::record`] can find out.
const OF_THE_STORE: [Slot; 4] = [
    Slot::AuthorStrikes,
    Slot::AuthorLabels,
    Slot::AuthorFirstSeen,
    Slot::AuthorMessages,
];

type Known = HashMap<(Platform, GuildId, UserId), (bool, DateTime<Utc>)>;

pub(super) struct People {
    store: Store,
    ranks: AskedRanks,
    clock: Clock,
    staff: Mutex<Known>,
}

/// Whether these rules ask anything that only the store knows.
pub(super) fn is_asked_by(rules: &RuleSet) -> bool {
    OF_THE_STORE.iter().any(|slot| rules.asks(*slot))
}

// === impl People ===

impl People {
    pub(super) fn new(store: Store, bus: Bus, clock: Clock) -> Self {
        Self {
            ranks: AskedRanks::new(bus, store.clone(), clock.clone()),
            store,
            clock,
            staff: Mutex::default(),
        }
    }

    /// What the rules ask for, of what the store knows. Somebody whom it does not know has neither strikes nor labels, and
    /// is seen for the first time.
    pub(super) async fn record(
        &self,
        (platform, guild): (Platform, &GuildId),
        facts: &Facts,
        rules: &RuleSet,
    ) -> Result<Record, StoreError> {
        let now = self.clock.now();
        let asks = |slot| rules.asks(slot);
        let unknown = Record {
            strikes: Some(0),
            labels: Some(Vec::new()),
            first_seen: Some(facts.at),
            messages: Some(0),
            ..Record::default()
        };
        let Ok(author) = UserId::new(&facts.author) else {
            return Ok(Record::default());
        };
        in_read!(self.store, |conn| {
            let Some(guild) = conn.guild(platform, guild).await? else {
                return Ok(unknown.clone());
            };
            let Some(identity) = conn.identity(platform, &author).await? else {
                return Ok(unknown.clone());
            };
            let mut record = Record {
                first_seen: Some(identity.first_seen.timestamp_millis()),
                ..Record::default()
            };
            if asks(Slot::AuthorStrikes) {
                let points = conn.points(guild.id, identity.id, now).await?;
                record.strikes = Some(u32::try_from(points.max(0)).unwrap_or(u32::MAX));
            }
            if asks(Slot::AuthorLabels) {
                let labels = conn.labels_in_force(guild.id, identity.id, now).await?;
                record.labels = Some(labels.into_iter().map(|label| label.name).collect());
            }
            if asks(Slot::AuthorMessages) {
                let days = conn
                    .user_activity(guild.id, identity.id, now - LOOKS_BACK, now)
                    .await?;
                record.messages = Some(days.iter().map(|day| day.messages).sum());
            }
            Ok(record)
        })
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
        let ours = ranks.subject_grant.is_some_and(|grant| grant.position > 0);
        let staff = match ranks.subject {
            _ if ours => true,
            Rank::Unknown => return None,
            rank => rank.is_staff(),
        };
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
