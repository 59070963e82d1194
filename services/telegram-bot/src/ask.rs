//! Questions to the backend, which has the records: what is wished for, what became of it, and every route of its API.

use lockdown_bus::{AskError, Bus};
use lockdown_events::{
    Action, CaseRequest, GuildId, ModerationAction, Platform, RequestError, RouteRequest, UserId,
};
use lockdown_moderation::Settings;
use lockdown_moderation::hands::RouteAnswer;
use lockdown_moderation::words::Tongue;
use lockdown_runtime::chain;
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;

/// How long the backend may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a change is tried again that somebody else came first with.
const TRIES: u32 = 4;

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Unanswered {
    Refused(RequestError),
    /// Somebody who decides is away: it is worth another try.
    Away(String),
}

/// As much of the answer to `request:moderation` as is needed here.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Wished {
    pub(crate) new: bool,
    pub(crate) case_number: u64,
    pub(crate) step: Option<Step>,
}

/// What else follows from it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Step {
    pub(crate) action: Action,
    pub(crate) case_number: u64,
}

/// As much of the answer to `request:case`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Told {
    pub(crate) state: String,
    pub(crate) error: Option<String>,
    pub(crate) explanation: String,
    /// All of it.
    #[serde(skip)]
    pub(crate) case: Value,
}

/// Asks the backend. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Asking {
    bus: Bus,
}

/// A question by a route of the API.
pub(crate) struct Route<'a> {
    pub(crate) guild: &'a GuildId,
    pub(crate) moderator: &'a UserId,
    /// Its `operationId`.
    pub(crate) route: &'a str,
    pub(crate) params: &'a [(&'a str, String)],
    pub(crate) query: &'a [(&'a str, String)],
    pub(crate) body: Option<Value>,
    pub(crate) if_match: Option<String>,
    pub(crate) key: Option<String>,
}

// === impl Unanswered ===

impl Unanswered {
    /// In words for whoever asked.
    pub(crate) fn words(&self, tongue: &Tongue) -> String {
        let words = match self {
            Self::Refused(refused) => tongue.refusal(refused),
            Self::Away(_) => tongue.say("asked.nobody", &[]),
        };
        let mut letters = words.chars();
        let first = letters.next().map(|letter| letter.to_uppercase().to_string());
        first.unwrap_or_default() + letters.as_str()
    }
}

impl From<AskError> for Unanswered {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Refused(refused) if refused.code != "unavailable" => Self::Refused(refused),
            error => Self::Away(chain(&error)),
        }
    }
}

// === impl Route ===

impl<'a> Route<'a> {
    pub(crate) fn new(guild: &'a GuildId, moderator: &'a UserId, route: &'a str) -> Self {
        Self {
            guild,
            moderator,
            route,
            params: &[],
            query: &[],
            body: None,
            if_match: None,
            key: None,
        }
    }
}

// === impl Asking ===

impl Asking {
    pub(crate) fn new(bus: Bus) -> Self {
        Self { bus }
    }

    pub(crate) async fn wish(&self, wish: &ModerationAction) -> Result<Wished, Unanswered> {
        Ok(self.bus.requests().ask("moderation", wish, PATIENCE).await?)
    }

    pub(crate) async fn case(&self, guild: &GuildId, case_number: u64) -> Result<Told, Unanswered> {
        let question = CaseRequest {
            platform: Platform::Telegram,
            guild_id: guild.clone(),
            case_number,
        };
        let case: Value = self.bus.requests().ask("case", &question, PATIENCE).await?;
        let told = Told::deserialize(&case).map_err(|error| Unanswered::Away(error.to_string()))?;
        Ok(Told { case, ..told })
    }

    pub(crate) async fn route(&self, route: Route<'_>) -> Result<RouteAnswer, Unanswered> {
        let named = |pairs: &[(&str, String)]| {
            let pairs = pairs.iter();
            pairs
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect()
        };
        let question = RouteRequest {
            platform: Platform::Telegram,
            guild_id: route.guild.clone(),
            moderator_id: route.moderator.clone(),
            route: route.route.to_owned(),
            params: named(route.params),
            query: named(route.query),
            if_match: route.if_match,
            body: route.body,
            key: route.key,
        };
        Ok(self.bus.requests().ask("route", &question, PATIENCE).await?)
    }

    /// Changes what a community chose: these come in place of what was there, and `null` is what nobody chose. What is
    /// chosen then.
    pub(crate) async fn choose(
        &self,
        guild: &GuildId,
        moderator: &UserId,
        change: &[(&str, Value)],
    ) -> Result<Settings, Unanswered> {
        let change = |settings: &mut Value| {
            for (path, value) in change {
                let mut at = &mut *settings;
                for name in path.split('.') {
                    at = &mut at[name];
                }
                *at = value.clone();
            }
        };
        self.change(guild, moderator, change).await
    }

    /// The same, as a whole.
    pub(crate) async fn change(
        &self,
        guild: &GuildId,
        moderator: &UserId,
        change: impl Fn(&mut Value),
    ) -> Result<Settings, Unanswered> {
        let mut tries = 0;
        loop {
            let shown = self.route(Route::new(guild, moderator, "getSettings")).await?;
            let mut settings = shown.body.unwrap_or_default();
            change(&mut settings);
            let put = Route {
                body: Some(settings),
                if_match: shown.etag,
                ..Route::new(guild, moderator, "putSettings")
            };
            tries += 1;
            match self.route(put).await {
                Err(Unanswered::Refused(refused)) if refused.code == "stale" && tries < TRIES => {}
                Err(why) => return Err(why),
                Ok(answer) => {
                    let settings = Settings::deserialize(answer.body.unwrap_or_default());
                    return settings.map_err(|error| Unanswered::Away(error.to_string()));
                }
            }
        }
    }
}
