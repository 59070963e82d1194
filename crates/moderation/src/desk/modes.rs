//! Communities under attack or closed: by whom and for how long, and that it ends.

use super::error::{DeskError, Stop};
use super::tell::Entry;
use super::{Desk, guild, held, rows};
use crate::who::{Actor, GuildRef};
use chrono::{DateTime, TimeDelta, Utc};
use lockdown_events::CorrelationId;
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

/// Who ends which mode of which guild before its time.
#[derive(Debug, Clone, PartialEq)]
pub struct EndModeAsk {
    pub by: Actor,
    pub guild: GuildRef,
    pub mode: Mode,
    pub chain: Option<CorrelationId>,
}

/// What a guild is in.
#[derive(Debug, Clone, PartialEq)]
pub struct RaisedMode {
    pub mode: Mode,
    pub by: Actor,
    pub at: DateTime<Utc>,
    /// Absent: until somebody ends it.
    pub ends_at: Option<DateTime<Utc>>,
}

/// What changed.
struct Change<'a> {
    by: &'a Actor,
    act: &'static str,
    mode: Mode,
    body: Value,
    chain: Option<&'a CorrelationId>,
}

// === impl Desk ===

impl Desk {
    /// What a guild is in; `None` where it is as always.
    pub async fn mode(&self, of: &GuildRef) -> Result<Option<RaisedMode>, DeskError> {
        let now = self.clock.now();
        Ok(in_read!(self.store, |conn| {
            let guild = guild(conn, of).await?;
            let raised = conn.guild_mode(guild.id).await?;
            let Some(raised) = raised.filter(|raised| !is_over(raised, now)) else {
                return Ok(None);
            };
            let people = rows::People::known(conn, rows::identity(&raised.raised_by).into_iter().collect());
            Ok::<_, Stop>(Some(RaisedMode {
                mode: raised.mode,
                by: people.await?.actor(&raised.raised_by),
                at: raised.raised_at,
                ends_at: raised.ends_at,
            }))
        })?)
    }

    /// Puts a guild into a mode and tells all who go by it; `false` when it is in that mode, which then lasts as long as the
    /// longer of the two, or when a rule asks for less than what is in force.
    pub async fn raise_mode(&self, ask: &ModeAsk) -> Result<bool, DeskError> {
        Ok(in_tx!(self.store, |tx| { self.raise(tx, ask).await })?)
    }

    async fn raise(&self, tx: &mut Tx, ask: &ModeAsk) -> Result<bool, Stop> {
        let now = self.clock.now();
        let guild = held(tx, &ask.guild).await?;
        let ends_at = ask.lasts.and_then(|lasts| now.checked_add_signed(lasts));
        let by = rows::name(tx, self, &ask.by, now).await?;
        let raised = GuildMode {
            guild_id: guild.id,
            mode: ask.mode,
            raised_by: by.text,
            raised_at: now,
            ends_at,
        };
        let by_hand = matches!(ask.by, Actor::Person(_) | Actor::Token(_));
        let change = Change {
            by: &ask.by,
            act: "mode:raise",
            mode: ask.mode,
            body: json!({ "mode": ask.mode.as_str(), "until": ends_at }),
            chain: ask.chain.as_ref(),
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
                if longer && by_hand {
                    self.tell_mode(tx, &guild, &change, now).await?;
                }
                return Ok(false);
            }
            if before.mode == Mode::Lockdown && !by_hand {
                return Ok(false);
            }
        }
        tx.save_guild_mode(&raised).await?;
        self.tell_mode(tx, &guild, &change, now).await?;
        Ok(true)
    }

    /// Ends a mode before its time, and tells all who go by it; `false` when the guild is not in it.
    pub async fn end_mode(&self, ask: &EndModeAsk) -> Result<bool, DeskError> {
        Ok(in_tx!(self.store, |tx| {
            let now = self.clock.now();
            let guild = held(tx, &ask.guild).await?;
            let stands = tx.guild_mode(guild.id).await?;
            if !stands.is_some_and(|stands| stands.mode == ask.mode && !is_over(&stands, now)) {
                return Ok(false);
            }
            tx.end_guild_mode(guild.id).await?;
            let (by, chain) = (&ask.by, ask.chain.as_ref());
            self.tell_end(tx, &guild, ask.mode, by, chain, now).await?;
            Ok::<_, Stop>(true)
        })?)
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
        self.tell_end(tx, &guild, mode.mode, &Actor::System, None, now)
            .await?;
        Ok(Some(GuildRef {
            platform: guild.platform,
            id: guild.native_id,
        }))
    }

    async fn tell_end(
        &self,
        tx: &mut Tx,
        guild: &Guild,
        mode: Mode,
        by: &Actor,
        chain: Option<&CorrelationId>,
        now: DateTime<Utc>,
    ) -> Result<(), Stop> {
        let change = Change {
            by,
            act: "mode:end",
            mode,
            body: json!({ "mode": mode.as_str() }),
            chain,
        };
        self.tell_mode(tx, guild, &change, now).await
    }

    async fn tell_mode(
        &self,
        tx: &mut Tx,
        guild: &Guild,
        change: &Change<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), Stop> {
        self.tell_config(tx, guild, "mode", change.chain, now).await?;
        let by = rows::name(tx, self, change.by, now).await?;
        let entry = Entry {
            by: &by,
            act: change.act,
            subject: format!("mode:{}", change.mode.as_str()),
            body: change.body.clone(),
            personal: None,
        };
        self.audit(tx, guild, entry, change.chain, now).await
    }
}

fn is_over(mode: &GuildMode, now: DateTime<Utc>) -> bool {
    mode.ends_at.is_some_and(|ends| ends <= now)
}
