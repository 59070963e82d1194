//! Communities that are closed: whoever may say so, a rule, a command or the API, raises the mode `lockdown`, and the bot of the
//! platform closes the community for as long as it is in force.
//!
//! A bot goes by what is in force when it hears of a change, not by what the event tells: so it does not matter how often and in
//! which order it hears.

use super::settings::{RaisedTold, asked_mode};
use crate::platform::PlatformError;
use anyhow::Context as _;
use async_trait::async_trait;
use lockdown_bus::{AskError, Bus, ConsumerOptions, GroupName, Handler, HandlerError, Received, Start};
use lockdown_events::{Event, GuildEvent, GuildId, ModerationDeed, ModerationEvent, Platform as Name};
use lockdown_runtime::chain;
use std::sync::Arc;

/// The word of the mode.
const LOCKDOWN: &str = "lockdown";

/// Closes communities of a platform, and opens them again.
#[async_trait]
pub trait Closing: Send + Sync {
    /// Lets nobody speak but those who keep order; tells in how many places that was changed, and nothing where it was so
    /// already.
    async fn close(&self, guild: &GuildId, raised: &RaisedTold) -> Result<Option<u64>, PlatformError>;

    /// Lets everybody speak as before; nothing where the mode had not closed it.
    async fn open(&self, guild: &GuildId) -> Result<Option<u64>, PlatformError>;
}

/// Follows the modes of a platform's communities until the bus is closed.
pub async fn follow_modes(bus: &Bus, platform: Name, closing: Arc<dyn Closing>) -> anyhow::Result<()> {
    let group = GroupName::new(&format!("hands.{platform}.modes")).context("the group has no name")?;
    let own = bus.clone();
    let handler = Handler::new("mode", ["guild:config"], move |received: Arc<Received>| {
        let (bus, closing) = (own.clone(), Arc::clone(&closing));
        async move { take(&bus, platform, &*closing, &received).await }
    });
    let options = ConsumerOptions {
        attempts: 1_000,
        ..ConsumerOptions::default()
    };
    bus.consume(group, &Start::Oldest, vec![handler], options)
        .await
        .context("could not consume what communities are in")
}

async fn take(
    bus: &Bus,
    platform: Name,
    closing: &dyn Closing,
    received: &Received,
) -> Result<(), HandlerError> {
    let Event::Guild(GuildEvent::Config(config)) = &received.event else {
        return Ok(());
    };
    if config.platform != platform || !config.changed.iter().any(|part| part == "mode") {
        return Ok(());
    }
    let guild = &config.guild_id;
    let raised = match asked_mode(bus, platform, guild).await {
        Ok(raised) => raised.filter(|raised| raised.mode == LOCKDOWN),
        Err(AskError::Refused(refused)) if refused.code.starts_with("unknown_") => return Ok(()),
        Err(error) => return Err(HandlerError::Again(chain(&error))),
    };
    let (word, done) = match &raised {
        Some(raised) => ("lockdown_start", closing.close(guild, raised).await),
        None => ("lockdown_end", closing.open(guild).await),
    };
    let deed = |word: &str| ModerationDeed {
        moderator_id: raised.as_ref().and_then(|raised| raised.moderator_id.clone()),
        reason: raised
            .as_ref()
            .map(|raised| format!("the mode {LOCKDOWN}, by {}", raised.by)),
        after: raised
            .as_ref()
            .and_then(|raised| raised.ends_at.map(|at| at.to_rfc3339())),
        ..ModerationDeed::new(platform, guild.clone(), word)
    };
    let deed = match done {
        Ok(None) => return Ok(()),
        Ok(Some(count)) => ModerationDeed {
            count: Some(count),
            ..deed(word)
        },
        Err(error) if error.is_permanent() => {
            let why = chain(&error);
            tracing::warn!(%guild, "A community is not closed or opened as its mode says: {why}");
            ModerationDeed {
                reason: Some(why),
                ..deed(&format!("{word}_failed"))
            }
        }
        Err(error) => return Err(HandlerError::Again(chain(&error))),
    };
    let event = Event::Moderation(ModerationEvent::Deed(deed));
    let said = bus.publish_after(&received.envelope, "hands/mode", &event).await;
    said.map(drop).map_err(|error| HandlerError::Again(chain(&error)))
}
