//! What is asked of the backend by a route of the API, for the person who speaks to the bot.

use super::acts::why;
use super::input::Input;
use super::{Commands, PATIENCE};
use lockdown_bus::AskError;
use lockdown_events::{Platform, RouteRequest};
use lockdown_moderation::hands::RouteAnswer;
use lockdown_moderation::words::Tongue;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A question that is being put together.
pub(super) struct Question(RouteRequest);

// === impl Question ===

impl Question {
    pub(super) fn param(mut self, name: &str, value: &impl ToString) -> Self {
        self.0.params.insert(name.to_owned(), value.to_string());
        self
    }

    pub(super) fn query(mut self, name: &str, value: &impl ToString) -> Self {
        self.0.query.insert(name.to_owned(), value.to_string());
        self
    }

    pub(super) fn body(mut self, body: Value) -> Self {
        self.0.body = Some(body);
        self
    }

    /// The version that the asker has seen.
    pub(super) fn seen(mut self, version: Option<String>) -> Self {
        self.0.if_match = version;
        self
    }
}

// === impl Commands ===

impl Commands {
    pub(super) fn question(&self, input: &Input, route: &str) -> Question {
        Question(RouteRequest {
            platform: Platform::Discord,
            guild_id: input.guild.id.clone(),
            moderator_id: input.moderator.id.clone(),
            route: route.to_owned(),
            params: [].into(),
            query: [].into(),
            if_match: None,
            body: None,
            // Delivered twice, it is the same interaction.
            key: Some(format!("discord-{}", input.id)),
        })
    }

    /// The answer as it is; an error in words for the moderator.
    pub(super) async fn route(&self, question: Question, tongue: &Tongue) -> Result<RouteAnswer, String> {
        let asked = self.asked(&question).await;
        asked.map_err(|error| why(tongue, &error))
    }

    /// The same, `None` where it is refused with this code.
    pub(super) async fn route_unless(
        &self,
        code: &str,
        question: Question,
        tongue: &Tongue,
    ) -> Result<Option<RouteAnswer>, String> {
        match self.asked(&question).await {
            Ok(answer) => Ok(Some(answer)),
            Err(AskError::Refused(refused)) if refused.code == code => Ok(None),
            Err(error) => Err(why(tongue, &error)),
        }
    }

    async fn asked(&self, question: &Question) -> Result<RouteAnswer, AskError> {
        self.bus.requests().ask("route", &question.0, PATIENCE).await
    }

    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        question: Question,
        tongue: &Tongue,
    ) -> Result<T, String> {
        read(self.route(question, tongue).await?, tongue)
    }

    /// The same, `None` where it is refused with this code.
    pub(super) async fn ask_unless<T: DeserializeOwned>(
        &self,
        code: &str,
        question: Question,
        tongue: &Tongue,
    ) -> Result<Option<T>, String> {
        let answer = self.route_unless(code, question, tongue).await?;
        answer.map(|answer| read(answer, tongue)).transpose()
    }
}

fn read<T: DeserializeOwned>(answer: RouteAnswer, tongue: &Tongue) -> Result<T, String> {
    serde_json::from_value(answer.body.unwrap_or_default()).map_err(|error| {
        tracing::error!("The backend's answer to a command cannot be read: {error}");
        tongue.say("asked.failed", &[])
    })
}
