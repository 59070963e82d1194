//! What is said in a group and is no command for us: what Telegram itself says, posts of the linked channel, commands for
//! other bots, words that the bot answers. And what becomes of commands once they were given.

use super::deed::Deed;
use super::parse::is_command;
use super::{Commands, Said, Stop, is_alone};
use crate::client::Class;
use lockdown_bus::HandlerError;
use lockdown_events::{AuthorKind, Envelope, Message};
use lockdown_moderation::CommandsOf;
use std::sync::Arc;
use teloxide::payloads::UnpinChatMessage;
use teloxide::types::MessageId;

// === impl Commands ===

impl Commands {
    pub(super) async fn overhear(
        self: &Arc<Self>,
        message: &Message,
        envelope: &Envelope,
    ) -> Result<(), HandlerError> {
        let settings = self.speaker.settings(&message.guild_id).await;
        let chosen = &settings.telegram;
        if let Some(service) = &message.service {
            let mut cleaned = chosen.clean_service.iter();
            if cleaned.any(|cleaned| cleaned.as_str() == service) {
                self.remove(message);
            }
            return Ok(());
        }
        if chosen.unpin_channel_posts && message.author.kind == AuthorKind::LinkedChannel {
            self.unpin_post(message);
        }
        if chosen.clean_commands.contains(&CommandsOf::Others) && is_command(message) {
            self.remove(message);
        }
        self.answer(message, envelope).await
    }

    /// Telegram pins what comes from the linked channel by itself.
    fn unpin_post(self: &Arc<Self>, message: &Message) {
        let (Ok(chat), Ok(number)) = (
            self.client.chat_of_messages(&message.guild_id),
            message.message_id.as_str().parse(),
        ) else {
            return;
        };
        let (this, guild) = (Arc::clone(self), message.guild_id.clone());
        tokio::spawn(async move {
            let make = |chat| UnpinChatMessage {
                message_id: Some(MessageId(number)),
                ..UnpinChatMessage::new(chat)
            };
            if let Err(error) = this.client.call(Class::Delete, chat, make).await {
                tracing::warn!(%guild, "Could not unpin a post of the linked channel: {error}");
            }
        });
    }

    /// Whether the community keeps a command from whoever gives it.
    pub(super) async fn is_disabled(&self, said: &Said, deed: Deed) -> Result<bool, Stop> {
        let message = &said.message;
        let settings = self.speaker.settings(&message.guild_id).await;
        let mut disabled = settings.telegram.disabled.iter();
        let named = disabled.any(|word| Deed::of(word).is_some_and(|(known, _)| known == deed));
        if !named || is_alone(message) {
            return Ok(false);
        }
        let staff = self
            .administrators
            .is_staff(&message.guild_id, &message.author_id);
        Ok(!staff.await?)
    }

    /// Whether a command goes once it was given. A call that stands among other words is part of what somebody said.
    pub(super) async fn cleans_commands_of(&self, message: &Message) -> Result<bool, Stop> {
        let text = message.content.trim();
        let is_said = !text.starts_with(['/', '!']) && Deed::bare(text).is_none();
        let settings = self.speaker.settings(&message.guild_id).await;
        let chosen = &settings.telegram.clean_commands;
        if chosen.is_empty() || is_said || is_alone(message) {
            return Ok(false);
        }
        let staff = self
            .administrators
            .is_staff(&message.guild_id, &message.author_id);
        let whose = if staff.await? {
            CommandsOf::Staff
        } else {
            CommandsOf::Members
        };
        Ok(chosen.contains(&whose))
    }
}
