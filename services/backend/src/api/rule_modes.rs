//! Single rules: whether they act, and those that paused since they acted too often.

use super::access::Needs;
use super::input::{Body, Nothing, Shape, Take};
use super::route::{Done, Found, InGuild, Raw, Route};
use super::rules::{InForce, enforce, judged, noted, refuse_faulty};
use super::version::{CONDITIONS, seen};
use crate::problem::{Code, Problem};
use axum::http::Method;
use chrono::{DateTime, Utc};
use lockdown_moderation::Right;
use lockdown_moderation::desk::{ResumeAsk, RulesAsk, RulesVersion, Seen};
use lockdown_policy::{self as policy, amend};
use schemars::{JsonSchema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Somebody else may change the rules at the same time, so often.
const TRIES: usize = 5;

/// Whether a rule acts.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "RuleMode")]
enum Mode {
    Live,
    /// It says what it would have done.
    Shadow,
    Disabled,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewRuleMode")]
struct New {
    mode: Mode,
    /// Why, in at most 500 characters: for the list of versions.
    #[schemars(length(max = 500))]
    note: Option<String>,
}

struct Change {
    new: New,
    seen: Seen,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "RuleState")]
struct State {
    id: String,
    /// What it is for, as the file says.
    about: Option<String>,
    #[schemars(with = "Mode")]
    mode: &'static str,
    /// When it acts again by itself, where it paused since it acted too often.
    paused_until: Option<DateTime<Utc>>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RuleStates")]
struct Listed {
    version: u64,
    /// In the order of the file.
    rules: Vec<State>,
}

pub(super) fn routes() -> Vec<Route> {
    let configure = Needs::Right(Right::Configure);
    let hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    vec![
        Route::of_guild(Method::GET, "/rules/list", "listRules", Needs::AnyRight, list)
            .says(
                "List the rules in force",
                "Each with whether it acts, and until when it paused where it acted too often.",
            )
            .refuses(&[Code::NoRules, Code::BadRules])
            .answer(json!({ "version": 4, "rules": [
                { "id": "scam", "about": null, "mode": "live", "pausedUntil": "2026-11-20T10:06:00Z" }] })),
        Route::of_guild(Method::PUT, "/rules/{ruleId}/mode", "setRuleMode", configure, set)
            .says(
                "Say whether a rule acts",
                "Changes that one word of the file, and keeps the rest of it as people wrote it, by a new version. Under a new \
                 version no rule is paused.",
            )
            .refuses(&[Code::NoRules, Code::UnknownRule, Code::BadRules, Code::Stale])
            .sample(json!({ "mode": "shadow", "note": "hits too many" }))
            .answer(json!({ "version": 5, "changed": true, "ruleSetHash": hash, "rules": ["scam"], "warnings": [] })),
        Route::of_guild(Method::DELETE, "/rules/{ruleId}/pause", "resumeRule", configure, resume)
            .says(
                "Have a paused rule act again",
                "Before the time of its pause is up. It pauses again when it still acts too often.",
            )
            .refuses(&[Code::NotPaused]),
    ]
}

// === impl Mode ===

impl From<Mode> for policy::Mode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Live => Self::Live,
            Mode::Shadow => Self::Shadow,
            Mode::Disabled => Self::Disabled,
        }
    }
}

// === impl Change ===

impl Take for Change {
    fn take(raw: &Raw) -> Result<Self, Problem> {
        let Body(new) = Body::take(raw)?;
        let seen = seen(&raw.headers);
        Ok(Self { new, seen })
    }

    fn describe(generator: &mut SchemaGenerator) -> Shape {
        Shape {
            headers: CONDITIONS,
            ..Body::<New>::describe(generator)
        }
    }
}

async fn newest(asked: &InGuild) -> Result<RulesVersion, Problem> {
    let found = asked.call.api.desk.rules(&asked.guild_ref(), None).await?;
    found.ok_or_else(|| Problem::of(Code::NoRules))
}

async fn list(asked: InGuild, _: Nothing) -> Result<Found<Listed>, Problem> {
    let newest = newest(&asked).await?;
    let good = judged(&asked, newest.text).await?.map_err(refuse_faulty)?;
    let paused = asked.call.api.desk.paused_rules(&asked.guild_ref()).await?;
    let until = |rule: &str| {
        let pause = paused.iter().find(|pause| pause.rule == rule);
        pause.map(|pause| pause.ends_at)
    };
    let rules = good.rules().about().zip(good.rules().modes());
    let rules = rules.map(|((id, about), mode)| State {
        id: id.to_owned(),
        about: about.map(str::to_owned),
        mode: mode.as_str(),
        paused_until: until(id),
    });
    Ok(Found(Listed {
        version: newest.version,
        rules: rules.collect(),
    }))
}

async fn set(asked: InGuild, change: Change) -> Result<InForce, Problem> {
    let rule: String = asked.call.param("ruleId")?;
    let mode = policy::Mode::from(change.new.mode);
    let note = noted(change.new.note, Code::Invalid)?;
    let note = note.unwrap_or_else(|| format!("{rule}: {}", mode.as_str()));
    let mut tries = 0;
    loop {
        let newest = newest(&asked).await?;
        if !change.seen.holds(newest.version) {
            return Err(Problem::of(Code::Stale));
        }
        let text = amend::with_mode(&newest.text, &rule, mode);
        let text = text.map_err(|amend::ByHand| {
            let detail =
                format!("No rule `{rule}` stands in the rules so that its mode could be written there.");
            Problem::new(Code::UnknownRule, detail)
        })?;
        let ask = RulesAsk {
            by: asked.call.actor(),
            guild: asked.guild_ref(),
            seen: Seen::OneOf(vec![newest.version]),
            note: Some(note.clone()),
            chain: Some(asked.call.chain.clone()),
        };
        let enforced = enforce(&asked, &ask, text, None).await;
        tries += 1;
        match enforced {
            // Somebody changed other rules meanwhile: then theirs are what is changed.
            Err(problem) if problem.code == Code::Stale && tries < TRIES => {}
            enforced => return enforced,
        }
    }
}

async fn resume(asked: InGuild, _: Nothing) -> Result<Done, Problem> {
    let ask = ResumeAsk {
        by: asked.call.actor(),
        guild: asked.guild_ref(),
        rule: asked.call.param("ruleId")?,
        chain: Some(asked.call.chain.clone()),
    };
    if asked.call.api.desk.resume_rule(&ask).await? {
        return Ok(Done);
    }
    Err(Problem::new(
        Code::NotPaused,
        format!("The rule `{}` is not paused.", ask.rule),
    ))
}
