//! Whether the moderator may, and the bot can: looked at before anything is asked of Discord, since what it refuses counts
//! against the bot.

use super::Commands;
use super::input::Input;
use crate::checkup;
use crate::rest::RestError;
use crate::words::escape;
use lockdown_moderation::words::Tongue;

// === impl Commands ===

impl Commands {
    /// What the moderator may do in a channel; nothing where it is not known.
    pub(super) fn held_in(&self, input: &Input, channel: u64) -> u64 {
        let told = input.permissions_in(channel);
        let reckoned = || {
            let (guild, moderator) = (input.guild.number, input.moderator.number);
            self.discord
                .guilds
                .permissions_in(guild, channel, moderator, &input.roles)
        };
        told.or_else(reckoned).unwrap_or(0)
    }

    /// The moderator holds this permission in the channel, and so does the bot with what it needs to use it.
    pub(super) fn may(
        &self,
        input: &Input,
        channel: u64,
        permission: u64,
        bot_needs: u64,
    ) -> Result<(), String> {
        let place = format!("<#{channel}>");
        let tongue = input.tongue;
        if let Some(name) = lacking(tongue, self.held_in(input, channel), permission) {
            return Err(tongue.say("you.lack", &[("permission", &name), ("channel", &place)]));
        }
        let own = self
            .discord
            .guilds
            .own_permissions_in(input.guild.number, channel);
        match own.and_then(|held| lacking(tongue, held, permission | bot_needs)) {
            Some(name) => Err(tongue.say("bot.lacks", &[("permission", &name), ("channel", &place)])),
            None => Ok(()),
        }
    }

    /// Why Discord did not do it.
    pub(super) fn trouble(tongue: &Tongue, error: &RestError, channel: u64, permission: u64) -> String {
        let name = lacking(tongue, 0, permission).unwrap_or_default();
        match error {
            RestError::Limited { retry_after } => {
                tongue.say("discord.waits", &[("seconds", &retry_after.as_secs().max(1))])
            }
            RestError::Unavailable(_) | RestError::Token | RestError::Wrong(_) => {
                tracing::warn!("Discord did not do what a command asked for: {error}");
                tongue.say("discord.away", &[])
            }
            RestError::Refused { code: 10_003, .. } => tongue.say("channel.gone", &[]),
            RestError::Refused {
                code: 50_001 | 50_013,
                ..
            } => {
                let place = format!("<#{channel}>");
                tongue.say("bot.lacks", &[("permission", &name), ("channel", &place)])
            }
            RestError::Refused { code, message, .. } => tongue.say(
                "discord.refuses",
                &[("why", &escape(&format!("{message} ({code})")))],
            ),
        }
    }
}

/// The name of the first permission that is missing.
pub(super) fn lacking(tongue: &Tongue, held: u64, needed: u64) -> Option<String> {
    let missing = checkup::names(tongue, needed & !held);
    missing.into_iter().next()
}
