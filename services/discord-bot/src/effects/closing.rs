//! Guilds that are closed, by a rule or by whoever raised the mode `lockdown`.

use super::locks::{Locked, Wanted};
use super::orders::{Orders, Trouble};
use super::rank::permissions::{MANAGE_CHANNELS, MANAGE_ROLES};
use super::{discord_id, fault};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use lockdown_events::GuildId;
use lockdown_moderation::PlatformError;
use lockdown_moderation::hands::{Closing, RaisedTold};
use lockdown_runtime::chain;

// === impl Orders ===

impl Orders {
    /// Locks every channel that people speak in, and closes the invites, for as long as the mode lasts; how many channels,
    /// and nothing where it was so already. `is_told`: also then, since an attempt before this one may have done it.
    pub(super) async fn close_all(
        &self,
        guild: u64,
        until: Option<DateTime<Utc>>,
        audit: &str,
        is_told: bool,
    ) -> Result<Option<u64>, Trouble> {
        let again = !self.locks.close(guild, until, true).await?;
        let known = self.discord.guilds.get(guild).unwrap_or_default();
        let (mut locked, mut open) = (0, Vec::new());
        for channel in known.spoken() {
            let needed = MANAGE_CHANNELS | MANAGE_ROLES;
            let held = self.discord.guilds.own_permissions_in(guild, channel);
            if held.is_some_and(|held| held & needed != needed) {
                open.push(channel);
                continue;
            }
            let wanted = Wanted {
                guild,
                until: None,
                wide: true,
                audit,
            };
            match self.locks.lock(channel, wanted).await {
                Ok(Locked::Now) => locked += 1,
                Ok(Locked::Already | Locked::Silent) => {}
                Err(error) => match Trouble::from(error) {
                    Trouble::Again(why) => return Err(Trouble::Again(why)),
                    Trouble::Refused(why) => {
                        tracing::warn!(guild, channel, "A channel stays open in a lockdown: {why}");
                        open.push(channel);
                    }
                },
            }
        }
        if locked == 0 && !open.is_empty() && !again {
            return Err(Trouble::Refused(
                "no channel could be locked: give the bot Manage Channels and Manage Roles".to_owned(),
            ));
        }
        Ok((!again || locked > 0 || is_told).then_some(locked))
    }
}

#[async_trait]
impl Closing for Orders {
    async fn close(&self, guild: &GuildId, raised: &RaisedTold) -> Result<Option<u64>, PlatformError> {
        let number = discord_id(guild.as_str())?;
        let known = self.discord.know(number).await;
        known.map_err(|error| self.discord.why_not(error, number))?;
        let audit = format!("lockdown, by {}", raised.by);
        let closed = self.close_all(number, raised.ends_at, &audit, false).await;
        closed.map_err(|trouble| match trouble {
            Trouble::Again(why) => fault(why),
            Trouble::Refused(why) => PlatformError::Refused(why),
        })
    }

    async fn open(&self, guild: &GuildId) -> Result<Option<u64>, PlatformError> {
        let number = discord_id(guild.as_str())?;
        let recalled = self.locks.recall(number).await;
        recalled.map_err(|error| fault(chain(&error)))?;
        if !self.locks.is_closed_by_mode(number) {
            return Ok(None);
        }
        let opened = self.locks.reopen(number, "the lockdown is over").await;
        Ok(opened.map(|(opened, trouble)| {
            if let Some(error) = trouble {
                tracing::warn!(
                    guild = number,
                    "A closed guild is opened later: {}",
                    chain(&error)
                );
            }
            opened as u64
        }))
    }
}
