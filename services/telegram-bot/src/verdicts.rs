//! What the rules said of messages, done: deletions here, what concerns people by way of a case.

use crate::administrators::Administrators;
use crate::client::CallError;
use crate::log::Log;
use crate::platform::Telegram;
use crate::sweeper::Sweeper;
use crate::updates::Memory;
use anyhow::Context as _;
use lockdown_bus::{Bus, ConsumerOptions, GroupName, Handler, HandlerError, Received, Start};
use lockdown_events::{
    Event, GuildId, MessageId, ModerationEvent, Platform, Verdict, VerdictAct, VerdictMode, VerdictSubject,
};
use lockdown_moderation::{PlatformError, Right};
use lockdown_runtime::chain;
use std::sync::Arc;

/// The group by which the bot's processes share verdicts.
const GROUP: &str = "telegram-bot.verdicts";

/// The rule language's words for it. Telegram cannot hide a message, so what is held is taken away too: its text is in its
/// event.
const ACTS: [&str; 2] = ["delete", "hold"];

/// Carries out what verdicts ask for.
pub(crate) struct Verdicts {
    pub(crate) administrators: Arc<Administrators>,
    pub(crate) memory: Arc<Memory>,
    pub(crate) sweeper: Arc<Sweeper>,
    pub(crate) telegram: Arc<Telegram>,
    pub(crate) log: Arc<Log>,
}

// === impl Verdicts ===

impl Verdicts {
    /// Carries out verdicts until the bus is closed.
    pub(crate) async fn start(self, bus: &Bus) -> anyhow::Result<()> {
        let this = Arc::new(self);
        let handler = Handler::new("verdict", ["moderation:automod"], move |received| {
            let this = Arc::clone(&this);
            async move { this.handle(&received).await }
        });
        // Wide, since each waits for Telegram: what waits together goes in one call.
        let options = ConsumerOptions {
            in_hand: 4_096,
            concurrency: 1_024,
            ..ConsumerOptions::default()
        };
        let group = GroupName::new(GROUP).context("the group has no name")?;
        bus.consume(group, &Start::Oldest, vec![handler.side_by_side()], options)
            .await
            .context("could not consume verdicts")
    }

    async fn handle(&self, received: &Received) -> Result<(), HandlerError> {
        let Event::Moderation(ModerationEvent::Automod(verdict)) = &received.event else {
            return Ok(());
        };
        if verdict.platform != Platform::Telegram || verdict.mode != VerdictMode::Live {
            return Ok(());
        }
        let wanted: Vec<VerdictAct> = verdict
            .actions
            .iter()
            .filter(|act| ACTS.contains(&act.act.as_str()))
            .cloned()
            .collect();
        if wanted.is_empty() {
            return Ok(());
        }
        // What the rules do not know, because somebody was promoted a moment ago.
        let staff = self
            .administrators
            .is_staff(&verdict.guild_id, &verdict.user_id)
            .await;
        if staff.map_err(|error| failed(error, verdict))? {
            tracing::info!(trace = %verdict.trace_id, "Left what somebody wrote who keeps order");
            return Ok(());
        }
        if verdict.subject == VerdictSubject::Reaction {
            let done = self
                .telegram
                .delete_reactions(&verdict.guild_id, &verdict.user_id)
                .await;
            return done.map_err(|error| settle(&error, verdict));
        }
        for (guild, messages) in self.targets(verdict, &wanted) {
            self.log.keep_evidence(&guild, &messages).await;
            let done = self.sweeper.delete(&guild, &messages).await;
            done.map_err(|error| failed(error, verdict))?;
        }
        Ok(())
    }

    /// The messages to delete, by chat, with what belongs to their albums.
    fn targets(&self, verdict: &Verdict, acts: &[VerdictAct]) -> Vec<(GuildId, Vec<MessageId>)> {
        let mut targets: Vec<(GuildId, Vec<MessageId>)> = Vec::new();
        let mut add = |guild: &GuildId, message: &MessageId| {
            let of_chat = match targets.iter_mut().find(|(known, _)| known == guild) {
                Some((_, messages)) => messages,
                None => &mut targets.push_mut((guild.clone(), Vec::new())).1,
            };
            let album = self.memory.doom_album(guild, message);
            for message in std::iter::once(message).chain(&album) {
                if !of_chat.contains(message) {
                    of_chat.push(message.clone());
                }
            }
        };
        for act in acts {
            for named in &act.messages {
                let chat = named.channel_id.as_ref();
                let guild = chat.and_then(|chat| GuildId::new(chat.as_str()).ok());
                add(guild.as_ref().unwrap_or(&verdict.guild_id), &named.message_id);
            }
            // What was counted may leave out what it was counted for.
            if let Some(message) = &verdict.message_id {
                add(&verdict.guild_id, message);
            }
        }
        targets
    }
}

fn failed(error: CallError, verdict: &Verdict) -> HandlerError {
    settle(&error.platform(Right::Delete), verdict)
}

/// What becomes of a verdict that could not be carried out.
fn settle(error: &PlatformError, verdict: &Verdict) -> HandlerError {
    if error.is_permanent() {
        tracing::error!(guild = %verdict.guild_id, trace = %verdict.trace_id, "Could not delete a message: {error}");
        HandlerError::Never(chain(error))
    } else {
        HandlerError::Again(chain(error))
    }
}
