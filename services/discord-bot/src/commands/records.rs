//! What moderators did, for Discord's audit log and for our own record.

use super::Commands;
use super::input::Input;
use crate::effects::Ended;
use lockdown_events::{ChannelId, GuildId, ModerationDeed, ModerationEvent, Platform};
use lockdown_moderation::Limits;
use lockdown_runtime::chain;
use std::time::Duration;

/// How often a record is offered to a bus that is away, a second apart.
const RECORD_TRIES: usize = 15;

// === impl Commands ===

impl Commands {
    /// The line for Discord's audit log: who and why.
    pub(super) fn audit(&self, input: &Input) -> String {
        let reason = input.text("reason").unwrap_or_else(|| format!("/{}", input.path));
        let words: Vec<&str> = reason.split_whitespace().collect();
        let line = format!("{}: {}", input.moderator.id, words.join(" "));
        let most = Limits::of(Platform::Discord).audit_reason.unwrap_or(512);
        let mut used = 0;
        line.chars()
            .take_while(|c| {
                used += c.len_utf16();
                used <= most
            })
            .collect()
    }

    /// What the moderator did, for the record.
    pub(super) fn deed(&self, input: &Input, deed: &str, channel: Option<u64>) -> ModerationDeed {
        ModerationDeed {
            moderator_id: Some(input.moderator.id.clone()),
            channel_id: channel.and_then(|channel| ChannelId::new(&channel.to_string()).ok()),
            reason: input.text("reason"),
            ..ModerationDeed::new(Platform::Discord, input.guild.id.clone(), deed)
        }
    }

    /// Tells of a deed that is no case.
    pub(super) async fn record(&self, deed: ModerationDeed) {
        let event = ModerationEvent::Deed(deed).into();
        for _ in 0..RECORD_TRIES {
            match self.bus.publish(&event).await {
                Ok(_) => return,
                Err(error) => tracing::info!("The record of a command waits for the bus: {}", chain(&error)),
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        metrics::counter!("lockdown_discord_events_lost_total").increment(1);
        tracing::error!("What a moderator did is not on record: the bus did not take it");
    }

    /// A timer of ours ended something.
    pub(super) async fn ended(&self, ended: Ended) {
        let (guild, channel, deed, count) = match ended {
            Ended::Channel { guild, channel } => (guild, Some(channel), "unlock", None),
            Ended::Guild { guild, channels } => (guild, None, "lockdown_end", Some(channels as u64)),
        };
        let Ok(guild) = GuildId::new(&guild.to_string()) else {
            return;
        };
        let deed = ModerationDeed {
            channel_id: channel.and_then(|channel| ChannelId::new(&channel.to_string()).ok()),
            count,
            ..ModerationDeed::new(Platform::Discord, guild, deed)
        };
        self.record(deed).await;
    }
}
