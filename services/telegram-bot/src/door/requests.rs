//! Those who ask to be let in. Telegram waits ten seconds for an answer to some of them.

use super::{Door, passing};
use crate::client::{AnswerJoinQuery, CallError, Class};
use lockdown_events::{EventId, GuildId, UserId, UserJoinRequested};
use lockdown_moderation::{JoinRequests, Right};
use lockdown_runtime::chain;
use serde::Serialize;
use teloxide::payloads::{ApproveChatJoinRequest, DeclineChatJoinRequest};
use teloxide::prelude::ChatId;

// === impl Door ===

impl Door {
    pub(super) async fn asked(&self, asked: &UserJoinRequested, event: EventId) -> Result<(), String> {
        let (guild, user) = (&asked.guild_id, &asked.user_id);
        let settings = self.speaker.settings(guild).await;
        let settings = &settings.telegram;
        match settings.join_requests {
            JoinRequests::Queue => self.query(asked, "queue").await.map(drop),
            JoinRequests::Approve => match self.query(asked, "approve").await? {
                true => Ok(()),
                false => self.let_in(guild, user).await,
            },
            JoinRequests::Decline => match self.query(asked, "decline").await? {
                true => Ok(()),
                false => self.turn_away(guild, user).await,
            },
            JoinRequests::Captcha => {
                self.query(asked, "queue").await?;
                let name = asked.names.display_name.as_deref().unwrap_or(user.as_str());
                if self.challenge_alone(guild, user, name, event, settings).await? {
                    return Ok(());
                }
                // Where nothing can be asked, nobody is kept out; in the group they may be asked still.
                self.let_in(guild, user).await
            }
        }
    }

    /// Answers the query of a request, if it has one; says whether that settled it.
    async fn query(&self, asked: &UserJoinRequested, result: &'static str) -> Result<bool, String> {
        let Some(query) = &asked.query_id else {
            return Ok(false);
        };
        let chat = self.client.chat(&asked.guild_id).map_err(|error| chain(&error))?;
        let make = |_| AnswerJoinQuery {
            chat_join_request_query_id: query.clone(),
            result,
        };
        match self.client.call(Class::Sanction, chat, make).await {
            Ok(_) => Ok(true),
            // Too late for it, it waits as those without a query do.
            Err(CallError::Refused { words, .. }) if words.contains("query") => Ok(false),
            Err(error) => {
                let error = error.platform(Right::Kick);
                passing("answer who asks to join", &asked.guild_id, &asked.user_id, &error)?;
                Ok(false)
            }
        }
    }

    pub(super) async fn let_in(&self, guild: &GuildId, user: &UserId) -> Result<(), String> {
        let Ok(id) = user.as_str().parse().map(teloxide::types::UserId) else {
            return Ok(());
        };
        let make = |chat| ApproveChatJoinRequest::new(chat, id);
        self.answer_request(guild, user, make).await
    }

    pub(super) async fn turn_away(&self, guild: &GuildId, user: &UserId) -> Result<(), String> {
        let Ok(id) = user.as_str().parse().map(teloxide::types::UserId) else {
            return Ok(());
        };
        let make = |chat| DeclineChatJoinRequest::new(chat, id);
        self.answer_request(guild, user, make).await
    }

    async fn answer_request<P>(
        &self,
        guild: &GuildId,
        user: &UserId,
        make: impl Fn(ChatId) -> P + Send + Sync,
    ) -> Result<(), String>
    where
        P: teloxide::requests::Payload + Serialize + Send + Sync + 'static,
    {
        let chat = self.client.chat(guild).map_err(|error| chain(&error))?;
        match self.client.call(Class::Sanction, chat, make).await {
            Ok(_) => Ok(()),
            // An administrator was faster, or they took it back.
            Err(CallError::Refused { words, .. }) if words.contains("HIDE_REQUESTER_MISSING") => Ok(()),
            Err(error) => passing(
                "answer who asks to join",
                guild,
                user,
                &error.platform(Right::Kick),
            ),
        }
    }
}
