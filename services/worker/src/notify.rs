//! Moderators are told of what concerns them where they want to be told: by direct message and in the log channel.
//!
//! A notification is handed on once: then it stands on its way to everybody who wants it, each with the time that they chose. What is due
//! to one is told in one message, by the bot of the platform. Whoever does not keep order there any more is told nothing.

use chrono::{DateTime, TimeDelta, Utc};
use lockdown_bus::Bus;
use lockdown_events::{EventId, Platform};
use lockdown_moderation::desk::{Desk, DeskError, Facts as _};
use lockdown_moderation::hands::{AskedRanks, Said, Saying};
use lockdown_moderation::notices::{When, Wishes, letter};
use lockdown_moderation::{Actor, GuildRef, Limits, Rank, Settings, UserRef};
use lockdown_runtime::{Clock, Context, Ids, chain};
use lockdown_store::guilds::{Guild, GuildKey};
use lockdown_store::notifications::Notification;
use lockdown_store::people::Identity;
use lockdown_store::tellings::{BatchId, Telling, TellingId};
use lockdown_store::{Store, StoreError, in_read, in_tx};
use std::collections::HashSet;
use std::time::Duration;

const EVERY: Duration = Duration::from_secs(2);
const AT_ONCE: u64 = 100;
/// After what failed it is tried again, less and less often, for most of a day.
const FIRST_PAUSE: TimeDelta = TimeDelta::seconds(15);
const LONGEST_PAUSE: TimeDelta = TimeDelta::hours(1);
const TRIES: u64 = 30;

struct Notify {
    store: Store,
    bus: Bus,
    desk: Desk,
    ranks: AskedRanks,
    clock: Clock,
    ids: Ids,
}

/// What is told in one message.
struct Batch {
    id: BatchId,
    guild: Guild,
    recipient: Option<UserRef>,
    attempts: u64,
}

/// Whether they are told.
enum Stands {
    KeepsOrder,
    NotAnyMore,
    Unknown,
}

/// Tells what there is to tell, for ever.
pub(crate) async fn run(ctx: Context, store: Store, bus: Bus) {
    let notify = Notify {
        desk: Desk::new(store.clone(), ctx.clock.clone(), ctx.ids.clone()),
        ranks: AskedRanks::new(bus.clone(), store.clone()),
        clock: ctx.clock.clone(),
        ids: ctx.ids.clone(),
        store,
        bus,
    };
    loop {
        if let Err(error) = notify.round().await {
            tracing::warn!("Could not tell moderators, and tries again: {error:#}");
        }
        notify.clock.sleep(EVERY).await;
    }
}

// === impl Notify ===

impl Notify {
    async fn round(&self) -> anyhow::Result<()> {
        let waiting = in_read!(self.store, |conn| {
            conn.notifications_to_hand_on(AT_ONCE).await
        })?;
        for notification in waiting {
            self.hand_on(&notification).await?;
        }
        let now = self.clock.now();
        let due = in_read!(self.store, |conn| { conn.due_tellings(now, AT_ONCE).await })?;
        let mut begun = HashSet::new();
        for telling in due {
            if begun.insert((telling.guild_id, telling.recipient_id))
                && let Some(batch) = self.begin(&telling, now).await?
            {
                self.tell(&batch).await?;
            }
        }
        Ok(())
    }

    /// Puts it on its way to everybody whom it concerns.
    async fn hand_on(&self, notification: &Notification) -> anyhow::Result<()> {
        let now = self.clock.now();
        let mut tellings = Vec::new();
        // What is said to one person, or to all of an installation, shows on the dashboard.
        let guild = notification
            .guild_id
            .filter(|_| notification.recipient_id.is_none());
        if let Some(guild) = guild
            && let Some(settings) = self.settings(guild).await?
        {
            let (kind, level) = (notification.kind, notification.level);
            if settings.notifications.channel.contains(&kind) {
                tellings.push((guild, None, now));
            }
            let wishers = in_read!(self.store, |conn| { conn.notification_wishers(guild).await })?;
            for wisher in wishers {
                let wishes: Wishes = serde_json::from_value(wisher.wishes.0).unwrap_or_default();
                match wishes.when(kind, level, settings.zone(), now) {
                    When::Now => tellings.push((guild, Some(wisher.identity_id), now)),
                    When::At(at) => tellings.push((guild, Some(wisher.identity_id), at)),
                    When::Never => {}
                }
            }
        }
        let id = notification.id;
        in_tx!(self.store, |tx| {
            if tx.hand_on_notification(id, now).await? {
                for (guild, to, at) in &tellings {
                    let purpose = to.map_or_else(|| "tell".to_owned(), |to| format!("tell/{to}"));
                    let telling = TellingId(EventId(id.0).follow_up(&purpose).0);
                    tx.insert_telling(telling, id, *guild, *to, *at).await?;
                }
            }
            Ok::<_, StoreError>(())
        })?;
        Ok(())
    }

    /// What a guild chose; `None` where no bot is any more.
    async fn settings(&self, guild: GuildKey) -> anyhow::Result<Option<Settings>> {
        let guild = in_read!(self.store, |conn| { conn.guild_by_key(guild).await })?;
        let Some(guild) = guild.filter(|guild| guild.left_at.is_none()) else {
            return Ok(None);
        };
        self.chosen(&of(&guild)).await.map(Some)
    }

    /// What nobody can read is as if nobody had chosen it: what waits must not wait for that.
    async fn chosen(&self, guild: &GuildRef) -> anyhow::Result<Settings> {
        match self.desk.settings(guild).await {
            Ok((settings, _)) => Ok(settings),
            Err(DeskError::Refused(_)) => Ok(Settings::default()),
            Err(error) => Err(error.into()),
        }
    }

    /// The batch of something that is due, with all that is due to the same; `None` where it is not wanted now.
    async fn begin(&self, telling: &Telling, now: DateTime<Utc>) -> anyhow::Result<Option<Batch>> {
        let (guild, recipient) = (telling.guild_id, telling.recipient_id);
        let found = in_read!(self.store, |conn| {
            let found = conn.guild_by_key(guild).await?;
            let person = match recipient {
                Some(id) => conn.identity_by_id(id).await?,
                None => None,
            };
            Ok::<_, StoreError>(found.map(|guild| (guild, person)))
        })?;
        let Some((guild, person)) = found else {
            return Ok(None);
        };
        let who = |person: &Identity| UserRef::new(person.platform, person.native_id.clone());
        let batch = |id| Batch {
            id,
            guild: guild.clone(),
            recipient: person.as_ref().map(who),
            attempts: telling.attempts,
        };
        if let Some(id) = telling.batch_id {
            return Ok(Some(batch(id)));
        }
        if let Some(person) = &person
            && self.is_to_wait(&guild, person, now).await?
        {
            return Ok(None);
        }
        let id = BatchId(self.ids.next());
        let many = in_tx!(self.store, |tx| {
            tx.begin_telling(id, guild.id, telling.recipient_id, now).await
        })?;
        Ok((many > 0).then(|| batch(id)))
    }

    /// Whether all that is due to somebody came due in quiet hours, since nobody was there to tell it before; then it waits
    /// for their end.
    async fn is_to_wait(&self, guild: &Guild, person: &Identity, now: DateTime<Utc>) -> anyhow::Result<bool> {
        let of = (of(guild), UserRef::new(person.platform, person.native_id.clone()));
        let wishes = self.desk.wishes(&of.0, &of.1).await?;
        if wishes.quiet.is_none() {
            return Ok(false);
        }
        let zone = self.chosen(&of.0).await?.zone();
        let due = in_read!(self.store, |conn| {
            conn.tellings_to(guild.id, person.id, now).await
        })?;
        let mut all = true;
        for (telling, level) in due.iter().map(|due| (due.id, due.level)) {
            match wishes.quiet_until(level, zone, now) {
                Some(until) => {
                    in_tx!(self.store, |tx| { tx.postpone_telling(telling, until).await })?;
                }
                None => all = false,
            }
        }
        Ok(all)
    }

    async fn tell(&self, batch: &Batch) -> anyhow::Result<()> {
        let told = in_read!(self.store, |conn| { conn.telling_batch(batch.id).await })?;
        // Retention may have come first.
        if told.is_empty() {
            return self.end(batch, "forgotten").await;
        }
        let guild = of(&batch.guild);
        let mut zone = self.chosen(&guild).await?.zone();
        if let Some(who) = &batch.recipient {
            match self.stands(&guild, who).await {
                Stands::KeepsOrder => zone = self.desk.wishes(&guild, who).await?.zone(zone),
                Stands::NotAnyMore => return self.end(batch, "left out").await,
                Stands::Unknown => return self.put_off(batch, "nobody says how they stand").await,
            }
        }
        let saying = Saying {
            id: EventId(batch.id.0),
            to: batch.recipient.as_ref().map(|who| who.id.clone()),
            text: letter(&batch.guild.title, &told, zone, longest(guild.platform)),
            picture: None,
            guild: guild.id,
        };
        match saying.ask(&self.bus, batch.guild.platform).await {
            Ok(Said::Done) => self.end(batch, "told").await,
            Ok(Said::Nowhere) => self.end(batch, "no channel").await,
            Ok(Said::Refused { why }) => {
                tracing::info!(guild = %batch.guild.native_id, "A notification cannot be told: {why}");
                self.end(batch, "refused").await
            }
            Err(error) => self.put_off(batch, &chain(&error)).await,
        }
    }

    async fn stands(&self, guild: &GuildRef, who: &UserRef) -> Stands {
        let ranks = self.ranks.ranks(guild, &Actor::System, who).await;
        match ranks.subject {
            _ if ranks.subject_grant.is_some() => Stands::KeepsOrder,
            Rank::Unknown => Stands::Unknown,
            rank if rank.is_staff() => Stands::KeepsOrder,
            _ => Stands::NotAnyMore,
        }
    }

    async fn end(&self, batch: &Batch, how: &'static str) -> anyhow::Result<()> {
        let way = if batch.recipient.is_some() {
            "direct"
        } else {
            "channel"
        };
        metrics::counter!("lockdown_notifications_told_total", "way" => way, "how" => how).increment(1);
        in_tx!(self.store, |tx| { tx.end_telling(batch.id).await })?;
        Ok(())
    }

    async fn put_off(&self, batch: &Batch, why: &str) -> anyhow::Result<()> {
        if batch.attempts >= TRIES {
            tracing::warn!(guild = %batch.guild.native_id, "A notification is not told any more: {why}");
            return self.end(batch, "given up").await;
        }
        tracing::debug!(guild = %batch.guild.native_id, "A notification is told later: {why}");
        let doubled = i32::try_from(batch.attempts.min(16)).unwrap_or(16);
        let pause = (FIRST_PAUSE * (1 << doubled)).min(LONGEST_PAUSE);
        let until = self.clock.now() + pause;
        in_tx!(self.store, |tx| { tx.put_off_telling(batch.id, until).await })?;
        Ok(())
    }
}

fn of(guild: &Guild) -> GuildRef {
    GuildRef {
        platform: guild.platform,
        id: guild.native_id.clone(),
    }
}

fn longest(platform: Platform) -> usize {
    Limits::of(platform).message
}
