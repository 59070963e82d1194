//! How long each kind of data is kept, and the sweep that removes what is older.
//!
//! What belongs to a guild is kept as long as that guild chose, or as [`RetentionKind::keep`] says. What belongs to the
//! installation is kept as [`RetentionOptions`] says. To add a kind of a guild's: a variant, its days, its statement, and its
//! word in the `CHECK` of the table `retention`.

use super::erase::Counts;
use crate::dbx::query::row;
use crate::dbx::{Conn, Tx, sqls, text_enum};
use crate::error::StoreError;
use crate::guilds::GuildKey;
use crate::store::Store;
use crate::{in_read, in_tx};
use chrono::{DateTime, TimeDelta, Utc};
use lockdown_runtime::{Clock, Config};
use std::collections::BTreeMap;

/// How many rows one transaction removes.
const BATCH: u64 = 500;

text_enum! {
    /// What a guild keeps for a while.
    RetentionKind {
        /// Names and reasons in the audit log. The entries stay, and the chain verifies.
        AuditPersonal = "audit_personal",
        /// Notes that a moderator deleted.
        DeletedNotes = "deleted_notes",
        /// What a platform said when it refused something, for sanctions that are over.
        SanctionErrors = "sanction_errors",
    }
}

/// What belongs to the installation.
#[derive(Debug, Clone, Copy)]
enum Own {
    Published,
    Processed,
    /// These say themselves until when they stay.
    Messages,
    Evidence,
    Notifications,
    DeadLetters,
    /// These end at a time of their own.
    Requests,
    Sessions,
    SignIns,
    Deliveries,
    ArchivedDecisions,
    ArchivedPeople,
    Counts,
    LiftedBans,
}

/// How long something is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    Days(u32),
    Forever,
}

/// What is in force in a guild.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    pub kind: RetentionKind,
    pub keep: Keep,
    /// The guild chose it.
    pub is_chosen: bool,
}

/// How long the installation keeps what belongs to no guild.
#[derive(Debug, Clone, Copy)]
pub struct RetentionOptions {
    /// Events that were published: the bus has them from then on.
    pub published: TimeDelta,
    /// Events whose effect stands: longer than the bus can deliver one again, from its log or from its dead letters.
    pub processed: TimeDelta,
    pub notifications: TimeDelta,
    /// Dead letters that wait no more.
    pub dead_letters: TimeDelta,
    /// What was sent to a community's own programs, or given up.
    pub deliveries: TimeDelta,
    /// Archived events of the bus's class `mod`: decisions, outcomes, verdicts, audit.
    pub archived_decisions: TimeDelta,
    /// Archived events of the bus's class `sys`: people, communities, and what no class is for.
    pub archived_people: TimeDelta,
    /// What was counted by hours.
    pub counts: TimeDelta,
    /// That a federation's ban ended: long after everybody who knew the ban has heard of it.
    pub lifted_bans: TimeDelta,
}

/// Removes what is older than it is kept. Any number of them may, at the same time.
pub struct Sweeper {
    store: Store,
    clock: Clock,
    options: RetentionOptions,
}

row! {
    Chosen {
        guild_id: GuildKey,
        kind: RetentionKind,
        days: Option<u64>,
    }
}

row! {
    /// Entries from the oldest one on, so many of them.
    Due {
        /// The first that stays.
        kept: Option<u64>,
        last: u64,
    }
}

sqls! {
    CHOSEN = "SELECT guild_id, kind, days FROM retention";
    CHOSEN_BY = "SELECT guild_id, kind, days FROM retention WHERE guild_id = $1";
    CHOOSE = "INSERT INTO retention (guild_id, kind, days, updated_at) VALUES ($1, $2, $3, $4) \
        ON CONFLICT (guild_id, kind) DO UPDATE SET days = excluded.days, updated_at = excluded.updated_at";
    FORGET_CHOICE = "DELETE FROM retention WHERE guild_id = $1 AND kind = $2";
    // Entries are in the order of their times, so the oldest one that is left tells whether there is anything to do.
    OLDEST = "SELECT seq FROM audit_log WHERE guild_id = $1 AND at < $2 \
        AND seq = COALESCE((SELECT s.seq FROM audit_swept s WHERE s.guild_id = $1), 0) + 1";
    DUE = "SELECT MIN(CASE WHEN at >= $3 THEN seq END) AS kept, MAX(seq) AS last FROM \
        (SELECT seq, at FROM audit_log WHERE guild_id = $1 AND seq >= $2 ORDER BY seq LIMIT $4) oldest";
    AUDIT_PERSONAL = "UPDATE audit_pii SET salt = NULL, pii = NULL, erased_at = $4 \
        WHERE guild_id = $1 AND seq >= $2 AND seq <= $3 AND erased_at IS NULL";
    SWEPT = "INSERT INTO audit_swept (guild_id, seq) VALUES ($1, $2) \
        ON CONFLICT (guild_id) DO UPDATE SET seq = excluded.seq WHERE audit_swept.seq < excluded.seq";
    DELETED_NOTES = "DELETE FROM notes WHERE id IN \
        (SELECT id FROM notes WHERE guild_id = $1 AND deleted_at IS NOT NULL AND deleted_at < $2 LIMIT $3)";
    SANCTION_ERRORS = "UPDATE sanctions SET last_error = NULL WHERE id IN \
        (SELECT id FROM sanctions WHERE guild_id = $1 AND last_error IS NOT NULL AND ended_at IS NOT NULL \
            AND ended_at < $2 LIMIT $3)";
}

// === impl RetentionKind ===

impl RetentionKind {
    /// How long it is kept where a guild chose nothing.
    pub fn keep(self) -> Keep {
        Keep::Days(match self {
            // As long as somebody may still ask why.
            Self::AuditPersonal => 2 * 365,
            // Time to notice a mistake.
            Self::DeletedNotes => 30,
            Self::SanctionErrors => 90,
        })
    }
}

// === impl Keep ===

impl Keep {
    fn of(days: Option<u64>) -> Self {
        days.map_or(Self::Forever, |days| {
            Self::Days(u32::try_from(days).unwrap_or(u32::MAX))
        })
    }

    /// What is older than this goes. `None`: nothing does.
    fn until(self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match self {
            Self::Forever => None,
            Self::Days(days) => now.checked_sub_signed(TimeDelta::days(days.into())),
        }
    }
}

impl std::fmt::Display for Keep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Forever => f.write_str("for ever"),
            Self::Days(1) => f.write_str("1 day"),
            Self::Days(days) => write!(f, "{days} days"),
        }
    }
}

// === impl RetentionOptions ===

impl Default for RetentionOptions {
    fn default() -> Self {
        Self {
            published: TimeDelta::days(7),
            // The bus keeps moderation for 30 days, and a dead letter for 30 more.
            processed: TimeDelta::days(62),
            notifications: TimeDelta::days(90),
            dead_letters: TimeDelta::days(90),
            deliveries: TimeDelta::days(30),
            archived_decisions: TimeDelta::days(365),
            archived_people: TimeDelta::days(90),
            counts: TimeDelta::days(2 * 365),
            lifted_bans: TimeDelta::days(30),
        }
    }
}

impl RetentionOptions {
    /// As the installation chose.
    pub fn of(config: &Config) -> Self {
        Self {
            archived_decisions: TimeDelta::days(config.store.archive_decisions_days.into()),
            archived_people: TimeDelta::days(config.store.archive_people_days.into()),
            ..Self::default()
        }
    }

    fn own(&self) -> [(Own, &'static str, TimeDelta); 14] {
        [
            (Own::Published, "published_events", self.published),
            (Own::Processed, "processed_events", self.processed),
            (Own::Messages, "messages", TimeDelta::zero()),
            (Own::Evidence, "evidence", TimeDelta::zero()),
            (Own::Notifications, "notifications", self.notifications),
            (Own::DeadLetters, "dead_letters", self.dead_letters),
            (Own::Requests, "idempotency_keys", TimeDelta::zero()),
            (Own::Sessions, "sessions", TimeDelta::zero()),
            (Own::SignIns, "sign_ins", TimeDelta::zero()),
            (Own::Deliveries, "webhook_deliveries", self.deliveries),
            (
                Own::ArchivedDecisions,
                "archived_decisions",
                self.archived_decisions,
            ),
            (Own::ArchivedPeople, "archived_people", self.archived_people),
            (Own::Counts, "guild_counts", self.counts),
            (Own::LiftedBans, "federation_bans", self.lifted_bans),
        ]
    }
}

// === impl Conn ===

impl Conn {
    /// What is in force in a guild, every kind.
    pub async fn retention(&mut self, guild: GuildKey) -> Result<Vec<Kept>, StoreError> {
        let chosen: Vec<Chosen> = self.query(&CHOSEN_BY).bind(guild).all().await?;
        let of_kind = |kind: &RetentionKind| {
            let chosen = chosen.iter().find(|chosen| chosen.kind == *kind);
            Kept {
                kind: *kind,
                keep: chosen.map_or(kind.keep(), |chosen| Keep::of(chosen.days)),
                is_chosen: chosen.is_some(),
            }
        };
        Ok(RetentionKind::ALL.iter().map(of_kind).collect())
    }
}

// === impl Tx ===

impl Tx {
    /// Chooses for a guild; `None` goes back to what the code says.
    pub async fn set_retention(
        &mut self,
        guild: GuildKey,
        kind: RetentionKind,
        keep: Option<Keep>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let days = match keep {
            None => {
                return self
                    .query(&FORGET_CHOICE)
                    .bind(guild)
                    .bind(kind)
                    .execute()
                    .await
                    .map(drop);
            }
            Some(Keep::Forever) => None,
            Some(Keep::Days(days)) => Some(u64::from(days)),
        };
        let query = self.query(&CHOOSE).bind(guild).bind(kind).bind(days).bind(now);
        query.execute().await.map(drop)
    }

    /// Takes what is personal out of a batch of a guild's oldest entries, of those before a time. Says out of how many, and
    /// whether there may be more.
    async fn sweep_audit(
        &mut self,
        guild: GuildKey,
        before: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<(u64, bool), StoreError> {
        let oldest = self.query(&OLDEST).bind(guild).bind(before);
        let Some(oldest) = oldest.value::<u64>("seq").await? else {
            return Ok((0, false));
        };
        let due = self.query(&DUE).bind(guild).bind(oldest).bind(before).bind(BATCH);
        let due: Due = due.one().await?;
        let last = due.kept.map_or(due.last, |kept| kept - 1);
        let taken = self
            .query(&AUDIT_PERSONAL)
            .bind(guild)
            .bind(oldest)
            .bind(last)
            .bind(now);
        let taken = taken.execute().await?;
        self.query(&SWEPT).bind(guild).bind(last).execute().await?;
        Ok((taken, due.kept.is_none()))
    }

    /// Removes a batch of what a guild keeps no more.
    async fn sweep_guild(
        &mut self,
        guild: GuildKey,
        kind: RetentionKind,
        before: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<(u64, bool), StoreError> {
        let statement = match kind {
            RetentionKind::AuditPersonal => return self.sweep_audit(guild, before, now).await,
            RetentionKind::DeletedNotes => &DELETED_NOTES,
            RetentionKind::SanctionErrors => &SANCTION_ERRORS,
        };
        let removed = self
            .query(statement)
            .bind(guild)
            .bind(before)
            .bind(BATCH)
            .execute()
            .await?;
        Ok((removed, removed == BATCH))
    }
}

// === impl Sweeper ===

impl Sweeper {
    pub fn new(store: Store, clock: Clock, options: RetentionOptions) -> Self {
        Self {
            store,
            clock,
            options,
        }
    }

    /// Removes everything that is older than it is kept; says how much of each kind.
    pub async fn sweep(&self) -> Result<Counts, StoreError> {
        let mut counts = Counts::new();
        let now = self.clock.now();
        for (own, word, keep) in self.options.own() {
            let before = now - keep;
            loop {
                let done = in_tx!(self.store, |tx| {
                    match own {
                        Own::Published => tx.forget_published(before, BATCH).await,
                        Own::Processed => tx.forget_processed(before, BATCH).await,
                        Own::Messages => tx.purge_messages(before, BATCH).await,
                        Own::Evidence => tx.forget_evidence(before, BATCH).await,
                        Own::Notifications => tx.forget_notifications(before, BATCH).await,
                        Own::DeadLetters => tx.forget_dead_letters(before, BATCH).await,
                        Own::Requests => tx.forget_requests(before, BATCH).await,
                        Own::Sessions => tx.forget_sessions(before, BATCH).await,
                        Own::SignIns => tx.forget_sign_ins(before, BATCH).await,
                        Own::Deliveries => tx.forget_deliveries(before, BATCH).await,
                        Own::ArchivedDecisions => forget_archived(tx, "mod.", before).await,
                        Own::Counts => tx.forget_guild_counts(before, BATCH).await,
                        Own::LiftedBans => tx.forget_lifted_federation_bans(before, BATCH).await,
                        Own::ArchivedPeople => forget_archived(tx, "sys.", before).await,
                    }
                })?;
                count(&mut counts, word, done);
                if done < BATCH {
                    break;
                }
            }
        }
        let chosen: Vec<Chosen> = in_read!(self.store, |conn| { conn.query(&CHOSEN).all().await })?;
        let chosen: BTreeMap<_, _> = chosen
            .into_iter()
            .map(|one| ((one.guild_id, one.kind), Keep::of(one.days)))
            .collect();
        for guild in in_read!(self.store, |conn| { conn.guilds().await })? {
            for kind in RetentionKind::ALL {
                let keep = chosen.get(&(guild.id, *kind)).copied().unwrap_or(kind.keep());
                if let Some(before) = keep.until(now) {
                    self.sweep_guild(guild.id, *kind, before, &mut counts).await?;
                }
            }
        }
        Ok(counts)
    }

    async fn sweep_guild(
        &self,
        guild: GuildKey,
        kind: RetentionKind,
        before: DateTime<Utc>,
        counts: &mut Counts,
    ) -> Result<(), StoreError> {
        loop {
            let now = self.clock.now();
            let (done, more) = in_tx!(self.store, |tx| {
                tx.sweep_guild(guild, kind, before, now).await
            })?;
            count(counts, kind.as_str(), done);
            if !more {
                return Ok(());
            }
        }
    }
}

/// From the first stream of a class that has something.
async fn forget_archived(tx: &mut Tx, class: &str, before: DateTime<Utc>) -> Result<u64, StoreError> {
    let mut removed = 0;
    for stream in tx.archived_streams().await? {
        if removed < BATCH && stream.starts_with(class) {
            removed += tx.forget_archived(&stream, before, BATCH - removed).await?;
        }
    }
    Ok(removed)
}

fn count(counts: &mut Counts, kind: &'static str, done: u64) {
    *counts.entry(kind).or_default() += done;
    metrics::counter!("lockdown_store_retention_removed_total", "kind" => kind).increment(done);
}
