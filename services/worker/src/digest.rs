//! Communities that want it are told each day what went on the day before, in their log channel, with a chart.
//!
//! A day is taken in the store before it is told and ended after, and the bot says it once: whoever dies between leaves it to
//! the next, and nobody reads it twice.

use chrono::{NaiveDate, TimeDelta};
use lockdown_bus::Bus;
use lockdown_events::EventId;
use lockdown_moderation::desk::{Desk, DeskError};
use lockdown_moderation::hands::{Said, Saying};
use lockdown_moderation::words::Words;
use lockdown_moderation::{GuildRef, digest};
use lockdown_runtime::{Clock, Context, chain};
use lockdown_store::guilds::Guild;
use lockdown_store::{Store, in_read, in_tx};
use std::time::Duration;

const EVERY: Duration = Duration::from_secs(20);
/// What could not be told is tried again after so long.
const AGAIN: TimeDelta = TimeDelta::minutes(2);
/// After so long it is not needed to know that a day was told.
const KEPT: TimeDelta = TimeDelta::days(30);

struct Digests {
    store: Store,
    bus: Bus,
    desk: Desk,
    clock: Clock,
}

/// Tells what is due, for ever.
pub(crate) async fn run(ctx: Context, store: Store, bus: Bus) {
    let digests = Digests {
        desk: Desk::new(store.clone(), ctx.clock.clone(), ctx.ids.clone()),
        clock: ctx.clock.clone(),
        store,
        bus,
    };
    loop {
        if let Err(error) = digests.round().await {
            tracing::warn!("Could not tell what went on in communities, and tries again: {error:#}");
        }
        digests.clock.sleep(EVERY).await;
    }
}

// === impl Digests ===

impl Digests {
    async fn round(&self) -> anyhow::Result<()> {
        let guilds = in_read!(self.store, |conn| { conn.guilds_with_digest().await })?;
        for guild in guilds {
            let of = GuildRef {
                platform: guild.platform,
                id: guild.native_id.clone(),
            };
            let settings = match self.desk.settings(&of).await {
                Ok((settings, _)) => settings,
                // What nobody can read asks for nothing.
                Err(DeskError::Refused(_)) => continue,
                Err(error) => return Err(error.into()),
            };
            let Some(wanted) = &settings.digest else { continue };
            let (now, zone) = (self.clock.now(), settings.zone());
            let Some(day) = digest::due(wanted.at, zone, now) else {
                continue;
            };
            let (_, begins, _) = digest::bounds(day, zone);
            let taken = in_tx!(self.store, |tx| {
                tx.take_digest(guild.id, begins, now, now + AGAIN).await
            })?;
            if taken && self.tell(&guild, of, day, &settings.locale).await? {
                let now = self.clock.now();
                in_tx!(self.store, |tx| { tx.end_digest(guild.id, begins, now).await })?;
            }
        }
        let old = self.clock.now() - KEPT;
        in_tx!(self.store, |tx| { tx.forget_digests(old, 100).await })?;
        Ok(())
    }

    /// Says whether nothing is left to be told.
    async fn tell(&self, guild: &Guild, of: GuildRef, day: NaiveDate, locale: &str) -> anyhow::Result<bool> {
        let digest = self.desk.digest(&of, day).await?;
        let saying = Saying {
            id: EventId(guild.id.0).follow_up(&format!("digest/{day}")),
            guild: of.id,
            to: None,
            text: digest.text(&guild.title, Words::common().tongue(Some(locale))),
            picture: Some(digest::chart(&digest)?),
        };
        let how = match saying.ask(&self.bus, of.platform).await {
            Ok(Said::Done) => "told",
            Ok(Said::Nowhere) => "no channel",
            Ok(Said::Refused { why }) => {
                tracing::info!(guild = %saying.guild, "What went on cannot be told: {why}");
                "refused"
            }
            Err(error) => {
                tracing::debug!(guild = %saying.guild, "What went on is told later: {}", chain(&error));
                return Ok(false);
            }
        };
        metrics::counter!("lockdown_digests_told_total", "how" => how).increment(1);
        Ok(true)
    }
}
