//! What a platform shows of the sanctions against people: whoever compares it with the records asks, and the bot that can
//! look answers.

use crate::duration::Term;
use crate::platform::Platform;
use crate::who::GuildRef;
use anyhow::Context as _;
use futures_util::future::join_all;
use lockdown_bus::{Answering, AskError, Asked, Bus};
use lockdown_events::{GuildId, RanksRequest, RequestError, UserId};
use lockdown_runtime::Clock;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// Nobody waits for it, and the bot has more urgent things to ask.
const PATIENCE: Duration = Duration::from_secs(30);
/// More than anybody who asks looks at once.
const MOST: usize = 50;

/// The answer to `request:shown:{platform}`.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    /// In the order asked.
    people: Vec<Shown>,
}

/// What holds against one person; `None` where it cannot be read now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shown {
    pub user_id: UserId,
    pub banned: Option<bool>,
    /// Nobody knows it of those who are not there.
    pub muted: Option<bool>,
}

/// Answers for this platform until it is stopped.
pub(super) async fn answer(
    bus: &Bus,
    platform: Arc<dyn Platform>,
    clock: Clock,
) -> anyhow::Result<Answering> {
    let name = format!("shown:{}", platform.limits().platform);
    let answering = bus
        .requests()
        .answer_looking(&name, move |asked: Asked<RanksRequest>| {
            let (platform, clock) = (Arc::clone(&platform), clock.clone());
            async move { look(&*platform, &clock, asked.data).await }
        });
    answering
        .await
        .context("could not listen to questions about what the platform shows")
}

async fn look(platform: &dyn Platform, clock: &Clock, asked: RanksRequest) -> Result<Told, RequestError> {
    if asked.user_ids.len() > MOST {
        return Err(RequestError {
            code: "too_many".to_owned(),
            message: format!("at most {MOST} people are looked up at once"),
        });
    }
    let guild = &asked.guild_id;
    let people = asked
        .user_ids
        .into_iter()
        .map(|user| shows(platform, clock, guild, user));
    Ok(Told {
        people: join_all(people).await,
    })
}

async fn shows(platform: &dyn Platform, clock: &Clock, guild: &GuildId, user_id: UserId) -> Shown {
    let banned = platform.is_banned(guild, &user_id).await.ok();
    let member = match banned {
        Some(true) => None,
        _ => platform.member(guild, &user_id).await.ok().flatten(),
    };
    let holds = |until: Term| !until.is_over(clock.now());
    Shown {
        muted: member.map(|member| member.muted.is_some_and(holds)),
        user_id,
        banned,
    }
}

/// Asks the bot of a guild's platform what it shows of these people.
pub async fn ask_shown(bus: &Bus, guild: &GuildRef, people: &[UserId]) -> Result<Vec<Shown>, AskError> {
    let name = format!("shown:{}", guild.platform);
    let mut shown = Vec::with_capacity(people.len());
    for user_ids in people.chunks(MOST) {
        let question = RanksRequest {
            guild_id: guild.id.clone(),
            keepers: false,
            user_ids: user_ids.to_vec(),
        };
        let told: Told = bus.requests().ask(&name, &question, PATIENCE).await?;
        shown.extend(told.people);
    }
    Ok(shown)
}
