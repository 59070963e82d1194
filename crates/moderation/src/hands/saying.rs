//! What workers have to say on a platform: to one moderator, or where a community has its log. The bot says it, once, however
//! often it is asked to.

use crate::platform::{Platform, PlatformError};
use anyhow::Context as _;
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use lockdown_bus::{AskError, Asked, Bus, Did, OnceError};
use lockdown_events::{EventId, GuildId, Platform as Name, RequestError, UserId};
use lockdown_runtime::{Context, chain};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// A platform may have the bot wait for its turn.
const PATIENCE: Duration = Duration::from_secs(45);

/// Where a platform shows moderators what goes on in a community.
#[async_trait]
pub trait LogChannel: Send + Sync {
    /// Says it there, with the picture beside it; `false` where the community has no such channel.
    async fn say(&self, saying: &Saying) -> Result<bool, PlatformError>;
}

/// Something to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saying {
    /// The same for every attempt, and for nothing else.
    pub id: EventId,
    pub guild: GuildId,
    /// To whom, as a direct message; in the log channel without.
    pub to: Option<UserId>,
    pub text: String,
    /// In PNG, for the log channel.
    pub picture: Option<Vec<u8>>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "said")]
pub enum Said {
    /// Now, or by an attempt before this one.
    Done,
    /// The community has no log channel.
    Nowhere,
    /// The platform refuses it, and would again.
    Refused { why: String },
}

/// `request:say:{platform}`
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Question {
    id: EventId,
    guild_id: GuildId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user_id: Option<UserId>,
    text: String,
    /// As base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    picture: Option<String>,
}

// === impl Saying ===

impl Saying {
    /// Has the bot of a platform say it. After an error it may have been said: to be asked again with the same id.
    pub async fn ask(&self, bus: &Bus, platform: Name) -> Result<Said, AskError> {
        let question = Question {
            id: self.id,
            guild_id: self.guild.clone(),
            user_id: self.to.clone(),
            text: self.text.clone(),
            picture: self.picture.as_ref().map(|picture| BASE64.encode(picture)),
        };
        bus.requests().ask(&name(platform), &question, PATIENCE).await
    }
}

fn name(platform: Name) -> String {
    format!("say:{platform}")
}

/// Says for workers what they have to say on this platform, until the process stops.
pub async fn answer_sayings(
    ctx: &Context,
    bus: &Bus,
    platform: Arc<dyn Platform>,
    log: Arc<dyn LogChannel>,
) -> anyhow::Result<()> {
    let (name, once) = (name(platform.limits().platform), bus.once().clone());
    let answering = bus.requests().answer(&name, move |asked: Asked<Question>| {
        let (platform, log, once) = (Arc::clone(&platform), Arc::clone(&log), once.clone());
        async move {
            let question = asked.data;
            let id = question.id;
            let said = once.run("hands.say", id, |_| async {
                say(&*platform, &*log, question).await
            });
            match said.await {
                Ok(Did::Now(said)) => Ok(said),
                Ok(Did::Before) => Ok(Said::Done),
                Err(OnceError::Effect(error)) => Err(away(chain(&error))),
                Err(error @ (OnceError::Busy | OnceError::Engine(_))) => Err(away(chain(&error))),
            }
        }
    });
    let answering = answering
        .await
        .context("could not listen to what workers have to say")?;
    let stopping = ctx.shutdown.clone();
    ctx.tasks.spawn("sayings", async move {
        stopping.soft().await;
        answering.stop().await;
        Ok(())
    });
    Ok(())
}

async fn say(
    platform: &dyn Platform,
    log: &dyn LogChannel,
    question: Question,
) -> Result<Said, PlatformError> {
    let picture = question.picture.map(|picture| BASE64.decode(picture));
    let Ok(picture) = picture.transpose() else {
        let why = "the picture is not base64".to_owned();
        return Ok(Said::Refused { why });
    };
    let saying = Saying {
        id: question.id,
        guild: question.guild_id,
        to: question.user_id,
        text: question.text,
        picture,
    };
    let said = match &saying.to {
        Some(user) => platform.message(user, &saying.text).await.map(|()| true),
        None => log.say(&saying).await,
    };
    match said {
        Ok(true) => Ok(Said::Done),
        Ok(false) => Ok(Said::Nowhere),
        Err(error) if error.is_permanent() => Ok(Said::Refused { why: chain(&error) }),
        Err(error) => Err(error),
    }
}

fn away(message: String) -> RequestError {
    RequestError {
        code: "unavailable".to_owned(),
        message,
    }
}
