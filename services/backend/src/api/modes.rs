//! Modes: communities under attack or closed, put there by rules or by hand.

use super::access::Needs;
use super::input::{Body, Nothing};
use super::route::{Done, Found, InGuild, Made, Route};
use crate::problem::{Code, Problem};
use axum::http::Method;
use chrono::{DateTime, Utc};
use lockdown_moderation::Right;
use lockdown_moderation::desk::{EndModeAsk, ModeAsk, RaisedMode};
use lockdown_store::modes::Mode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// What a community is in, where it is not as always.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "GuildMode")]
enum Name {
    Raid,
    Lockdown,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "NewMode")]
struct New {
    mode: Name,
    /// How long, as `15m`; until somebody ends it without.
    duration: Option<String>,
    /// The end as a time, in place of `duration`.
    expires_at: Option<DateTime<Utc>>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "RaisedMode")]
struct Raised {
    #[schemars(with = "Name")]
    mode: &'static str,
    /// A person's id on their platform, `rule:<id>` or `token:<name>`.
    raised_by: String,
    raised_at: DateTime<Utc>,
    /// `null`: when somebody ends it.
    ends_at: Option<DateTime<Utc>>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RaisedModes")]
struct Listed {
    /// Empty where it is as always.
    modes: Vec<Raised>,
}

pub(super) fn routes() -> Vec<Route> {
    let raid = json!({ "mode": "raid", "raisedBy": "rule:join-raid", "raisedAt": "2026-11-20T09:06:00Z",
        "endsAt": "2026-11-20T09:21:00Z" });
    // Whoever is there when it begins must not have to wait for somebody else.
    let needs = Needs::Right(Right::Ban);
    vec![
        Route::of_guild(Method::GET, "/modes", "listModes", Needs::AnyRight, list)
            .says(
                "Show whether a community is under attack or closed",
                "The mode that its rules judge by, with its end.",
            )
            .answer(json!({ "modes": [raid.clone()] })),
        Route::of_guild(Method::POST, "/modes", "raiseMode", needs, raise)
            .says(
                "Say that a community is under attack, or close it",
                "In place of the mode that it is in. Where it is in this one, it ends at the later of the two times. Rules ask \
                 for it by `guild.mode`.",
            )
            .refuses(&[Code::BadDuration])
            .sample(json!({ "mode": "raid", "duration": "15m" }))
            .answer(raid),
        Route::of_guild(Method::DELETE, "/modes/{mode}", "endMode", needs, end)
            .says("End a mode before its time", "Then the community is as always.")
            .refuses(&[Code::NotRaised]),
    ]
}

// === impl Name ===

impl From<Name> for Mode {
    fn from(name: Name) -> Self {
        match name {
            Name::Raid => Self::Raid,
            Name::Lockdown => Self::Lockdown,
        }
    }
}

// === impl Raised ===

impl From<RaisedMode> for Raised {
    fn from(raised: RaisedMode) -> Self {
        Self {
            mode: raised.mode.as_str(),
            raised_by: raised.by.to_string(),
            raised_at: raised.at,
            ends_at: raised.ends_at,
        }
    }
}

async fn list(asked: InGuild, _: Nothing) -> Result<Found<Listed>, Problem> {
    let raised = asked.call.api.desk.mode(&asked.guild_ref()).await?;
    let modes = raised.into_iter().map(Raised::from).collect();
    Ok(Found(Listed { modes }))
}

async fn raise(asked: InGuild, Body(new): Body<New>) -> Result<Made<Raised>, Problem> {
    let ends = asked.ends(new.duration.as_deref(), new.expires_at).await?;
    let ask = ModeAsk {
        by: asked.call.actor(),
        guild: asked.guild_ref(),
        mode: new.mode.into(),
        lasts: ends.at().map(|at| at - asked.call.now()),
        chain: Some(asked.call.chain.clone()),
    };
    let desk = &asked.call.api.desk;
    let is_new = desk.raise_mode(&ask).await?;
    let raised = desk.mode(&ask.guild).await?.map(Raised::from);
    // Somebody else may have ended it since.
    let raised = raised.ok_or_else(|| Problem::of(Code::Overtaken))?;
    Ok(if is_new {
        Made::New(raised)
    } else {
        Made::Known(raised)
    })
}

async fn end(asked: InGuild, _: Nothing) -> Result<Done, Problem> {
    let name: String = asked.call.param("mode")?;
    let mode = Mode::ALL.iter().copied().find(|mode| mode.as_str() == name);
    let ask = EndModeAsk {
        by: asked.call.actor(),
        guild: asked.guild_ref(),
        mode: mode.ok_or_else(|| Problem::new(Code::NotFound, "The modes are `raid` and `lockdown`."))?,
        chain: Some(asked.call.chain.clone()),
    };
    if asked.call.api.desk.end_mode(&ask).await? {
        return Ok(Done);
    }
    Err(Problem::new(
        Code::NotRaised,
        format!("The community is not in the mode `{name}`."),
    ))
}
