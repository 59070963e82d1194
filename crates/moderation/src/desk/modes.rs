//! Communities under attack or closed: by whom and for how long, and that it ends.

use super::error::{DeskError, Stop};
use super::tell::Entry;
use super::{Desk, guild, rows};
use crate::who::{Actor, GuildRef};
use chrono::{DateTime, TimeDelta, Utc};
use lockdown_events::{CorrelationId, Event, GuildConfig, GuildEvent};
use lockdown_store::guilds::Guild;
use lockdown_store::modes::{GuildMode, Mode};
use lockdown_store::{Tx, in_read, in_tx};
use serde_json::{Value, json};

/// Who puts which guild into which mode.
#[derive(Debug, Clone, PartialEq)]
pub struct ModeAsk {
    pub by: Actor,
    pub guild: GuildRef,
    pub mode: Mode,
    /// Until somebody ends it, without.
    pub lasts: Option<TimeDelta>,
    pub chain: Option<CorrelationId>,
}

/// What changed.
struct Change<'a> {
    by: &'a Actor,
    act: &'static str,
    body: Value,
    chain: Option<&'a CorrelationId>,
}

// === impl Desk ===

impl Desk {
    /// Puts a guild into a mode and tells all who go by it; `false` when it is in that mode, which then lasts as long as the
    /// longer of the two, or when a rule asks for less than what is in force.
    pub async fn raise_mode(&self, ask: &ModeAsk) -> Result<bool, DeskError> {
        Ok(in_tx!(self.store, |tx| { self.raise(tx, ask).await })?)
    }

    async fn raise(&self, tx: &mut Tx, ask: &ModeAsk) -> Result<bool, Stop> {
        let now = self.clock.now();
        let guild = guild(tx, &ask.guild).await?;
        tx.hold_cases(guild.id).await?;
        let ends_at = ask.lasts.and_then(|lasts| now.checked_add_signed(lasts));
        let by = rows::name(tx, self, &ask.by, now).await?;
        let raised = GuildMode {
            guild_id: guild.id,
            mode: ask.mode,
            raised_by: by.text,
            raised_at: now,
            ends_at,
        };
        let before = tx.guild_mode(guild.id).await?;
        if let Some(before) = before.filter(|before| !is_over(before, now)) {
            if before.mode == ask.mode {
                let longer = match (before.ends_at, ends_at) {
                    (None, _) => false,
                    (Some(_), None) => true,
                    (Some(before), Some(ends)) => ends > before,
                };
                if longer {
                    tx.save_guild_mode(&GuildMode { ends_at, ..before }).await?;
                }
                return Ok(false);
            }
            let by_hand = ask.by.person().is_some();
            if before.mode == Mode::Lockdown && !by_hand {
                return Ok(false);
            }
        }
        tx.save_guild_mode(&raised).await?;
        let change = Change {
            by: &ask.by,
            act: "mode:raise",
            body: json!({ "mode": ask.mode.as_str(), "until": ends_at }),
            chain: ask.chain.as_ref(),
        };
        self.tell_mode(tx, &guild, &change, now).await?;
        Ok(true)
    }

    /// Ends modes whose time is up, at most so many; tells which.
    pub async fn end_modes(&self, most: u64) -> Result<Vec<(GuildRef, Mode)>, DeskError> {
        let over = in_read!(self.store, |conn| {
            Ok::<_, Stop>(conn.modes_over(self.clock.now(), most).await?)
        })?;
        let mut ended = Vec::new();
        for mode in over {
            let done = in_tx!(self.store, |tx| { self.end(tx, &mode).await })?;
            ended.extend(done.map(|guild| (guild, mode.mode)));
        }
        Ok(ended)
    }

    /// When the next mode ends by itself.
    pub async fn next_mode_end(&self) -> Result<Option<DateTime<Utc>>, DeskError> {
        Ok(in_read!(self.store, |conn| {
            Ok::<_, Stop>(conn.next_mode_end().await?)
        })?)
    }

    async fn end(&self, tx: &mut Tx, mode: &GuildMode) -> Result<Option<GuildRef>, Stop> {
        let now = self.clock.now();
        let Some(guild) = tx.guild_by_key(mode.guild_id).await? else {
            return Ok(None);
        };
        tx.hold_cases(guild.id).await?;
        // Another worker may have ended it, or somebody made it last.
        let stands = tx.guild_mode(guild.id).await?;
        if !stands.is_some_and(|stands| is_over(&stands, now)) {
            return Ok(None);
        }
        tx.end_guild_mode(guild.id).await?;
        let change = Change {
            by: &Actor::System,
            act: "mode:end",
            body: json!({ "mode": mode.mode.as_str() }),
            chain: None,
        };
        self.tell_mode(tx, &guild, &change, now).await?;
        Ok(Some(GuildRef {
            platform: guild.platform,
            id: guild.native_id,
        }))
    }

    async fn tell_mode(
        &self,
        tx: &mut Tx,
        guild: &Guild,
        change: &Change<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), Stop> {
        let version = tx.next_config_version(guild.id).await?;
        let told = GuildEvent::Config(GuildConfig {
            platform: guild.platform,
            guild_id: guild.native_id.clone(),
            version: version.unwrap_or_default(),
            rule_set_hash: None,
            changed: vec!["mode".to_owned()],
        });
        self.publish(tx, guild.id, &Event::Guild(told), change.chain, now)
            .await?;
        let by = rows::name(tx, self, change.by, now).await?;
        let entry = Entry {
            by: &by,
            act: change.act,
            subject: "mode".to_owned(),
            body: change.body.clone(),
            personal: None,
        };
        self.audit(tx, guild, entry, change.chain, now).await
    }
}

fn is_over(mode: &GuildMode, now: DateTime<Utc>) -> bool {
    mode.ends_at.is_some_and(|ends| ends <= now)
}
