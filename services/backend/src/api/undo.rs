//! Undo: how things would stand without a case, and making them so; and what is said of a decision afterwards.

use super::access::Needs;
use super::cases::checked;
use super::input::{Body, Nothing};
use super::route::{Found, InGuild, Route};
use super::sanctions::example;
use crate::problem::{Code, Problem};
use axum::http::Method;
use chrono::{DateTime, Utc};
use lockdown_events::{Action, UserId};
use lockdown_moderation::desk::{Acted, CaseView, DeskError, ReviewAsk, UndoAsk};
use lockdown_moderation::{Case, CaseNumber, Left, Plan, Reversal, ReversalAct, Right, Scope};

use lockdown_store::reviews;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Why {
    /// Why, in at most 1,000 characters: of every case that comes of it.
    reason: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "UndoPlan")]
struct PlanBody {
    /// In one line.
    summary: String,
    steps: Vec<Step>,
    left: Vec<LeftBody>,
}

/// What ends, or stands again.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "UndoStep")]
struct Step {
    /// The case that it undoes.
    case_number: u64,
    user_id: UserId,
    action: Action,
    /// The case that stands again by it.
    restores_case_number: Option<u64>,
    /// Until when that stands; absent: for ever, or nothing stands.
    expires_at: Option<DateTime<Utc>>,
}

/// What stays as it is.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "UndoLeft")]
struct LeftBody {
    case_number: u64,
    #[schemars(extend("enum" = ["superseded", "included", "banned", "no_difference", "over", "irreversible", "words"]))]
    why: &'static str,
    /// The case because of which.
    by_case_number: Option<u64>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Undone")]
pub(super) struct UndoneBody {
    results: Vec<StepDone>,
    left: Vec<LeftBody>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "UndoResult")]
struct StepDone {
    #[serde(flatten)]
    step: Step,
    /// The case that it became, or that had made it so.
    case: Option<CaseView>,
    /// It was so already.
    already: bool,
    /// Why it did not come to be: a code as problems have it.
    code: Option<String>,
    /// The same for people.
    detail: Option<String>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "ReviewVerdict")]
enum Verdict {
    /// Looked at again, and right.
    Upheld,
    /// Taken back: too hard, or no longer needed.
    Overturned,
    /// Wrong from the start.
    Mistaken,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewReview {
    verdict: Verdict,
    /// Why, in at most 1,000 characters.
    reason: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CaseReview")]
struct Reviewed {
    verdict: Verdict,
    /// `false`: the same was said before.
    changed: bool,
}

pub(super) fn routes() -> Vec<Route> {
    let undo = Needs::Right(Right::Undo);
    let review = Needs::Right(Right::EditOthers);
    let step = json!({ "caseNumber": 17, "userId": "531122", "action": "unban", "restoresCaseNumber": null,
        "expiresAt": null });
    let mut done = step.clone();
    done["case"] = example("unban");
    done["already"] = json!(false);
    vec![
        Route::of_guild(Method::GET, "/cases/{caseNumber}/undo", "previewUndo", undo, preview)
            .says(
                "Show what an undo would do",
                "The person would stand as without the case: what it had replaced and has time left stands again.",
            )
            .refuses(&[Code::UnknownCase, Code::Denied])
            .answer(json!({ "summary": "1 × unban", "steps": [step], "left": [] })),
        Route::of_guild(Method::POST, "/cases/{caseNumber}/undo", "undoCase", undo, carry_out)
            .says(
                "Undo a case",
                "Each step becomes a case of its own, with a result of its own; a newer decision that comes between stands.",
            )
            .refuses(&[Code::UnknownCase, Code::Denied, Code::BadReason])
            .sample(json!({ "reason": "the rule was wrong" }))
            .answer(json!({ "results": [done], "left": [] })),
        Route::of_guild(Method::PUT, "/cases/{caseNumber}/review", "reviewCase", review, put_review)
            .says("Say whether a decision was right", "Rules are measured by it. What was said last counts.")
            .refuses(&[Code::UnknownCase, Code::Denied, Code::BadReason])
            .sample(json!({ "verdict": "mistaken", "reason": "it was a quote" }))
            .answer(json!({ "verdict": "mistaken", "changed": true })),
    ]
}

// === impl PlanBody ===

impl From<&Plan> for PlanBody {
    fn from(plan: &Plan) -> Self {
        Self {
            summary: plan.to_string(),
            steps: plan.reversals.iter().map(Step::from).collect(),
            left: left(plan),
        }
    }
}

impl From<&Reversal> for Step {
    fn from(reversal: &Reversal) -> Self {
        let (action, restores, ends) = match reversal.act {
            ReversalAct::Lift { action } => (action, None, None),
            ReversalAct::Restore { case, action, ends } => (action, Some(case.0), ends.at()),
        };
        Self {
            case_number: reversal.undoes.0,
            user_id: reversal.subject.id.clone(),
            action,
            restores_case_number: restores,
            expires_at: ends,
        }
    }
}

fn left(plan: &Plan) -> Vec<LeftBody> {
    let body = |(number, left): &(CaseNumber, Left)| {
        let (why, by) = match left {
            Left::Superseded { by } => ("superseded", Some(by)),
            Left::Included { by } => ("included", Some(by)),
            Left::Banned { by } => ("banned", Some(by)),
            Left::NoDifference => ("no_difference", None),
            Left::Over => ("over", None),
            Left::Irreversible => ("irreversible", None),
            Left::Words => ("words", None),
        };
        LeftBody {
            case_number: number.0,
            why,
            by_case_number: by.map(|by| by.0),
        }
    };
    plan.left.iter().map(body).collect()
}

// === impl StepDone ===

impl StepDone {
    fn of(reversal: &Reversal, result: Result<Acted, DeskError>) -> Result<Self, Problem> {
        let step = Step::from(reversal);
        let done = |case: Option<&Case>, already| Self {
            step: Step::from(reversal),
            case: case.map(CaseView::from),
            already,
            code: None,
            detail: None,
        };
        match result {
            Ok(Acted::Recorded(case) | Acted::Again(case)) => Ok(done(Some(&case), false)),
            Ok(Acted::Already(case)) => Ok(done(case.as_ref(), true)),
            Ok(Acted::Moot(_)) => Ok(done(None, true)),
            Err(DeskError::Refused(refused)) => Ok(Self {
                step,
                case: None,
                already: false,
                code: Some(refused.code().to_owned()),
                detail: Some(refused.to_string()),
            }),
            Err(error) => Err(error.into()),
        }
    }
}

// === impl Verdict ===

impl From<Verdict> for reviews::Verdict {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Upheld => Self::Upheld,
            Verdict::Overturned => Self::Overturned,
            Verdict::Mistaken => Self::Mistaken,
        }
    }
}

fn ask(asked: &InGuild, reason: Option<String>) -> Result<UndoAsk, Problem> {
    Ok(UndoAsk {
        by: asked.call.actor(),
        origin: asked.call.caller.origin(),
        guild: asked.guild_ref(),
        scope: Scope::Case(asked.case_number()?),
        reason,
        key: asked.call.key.clone(),
        chain: Some(asked.call.chain.clone()),
    })
}

async fn preview(asked: InGuild, _: Nothing) -> Result<Found<PlanBody>, Problem> {
    let ask = ask(&asked, None)?;
    let plan = asked.call.api.desk.preview_undo(&ask, &asked.facts()).await?;
    Ok(Found(PlanBody::from(&plan)))
}

async fn carry_out(asked: InGuild, Body(why): Body<Why>) -> Result<Found<UndoneBody>, Problem> {
    Ok(Found(undone(&asked, why.reason.as_deref()).await?))
}

/// Undoes the case of the path.
pub(super) async fn undone(asked: &InGuild, reason: Option<&str>) -> Result<UndoneBody, Problem> {
    let reason = reason.map(checked).transpose()?;
    let ask = ask(asked, reason.map(|reason| reason.to_string()))?;
    let undone = asked.call.api.desk.undo(&ask, &asked.facts()).await?;
    let left = left(&undone.plan);
    let results = undone.results.into_iter();
    let results = results.map(|(reversal, result)| StepDone::of(&reversal, result));
    Ok(UndoneBody {
        results: results.collect::<Result<_, _>>()?,
        left,
    })
}

async fn put_review(asked: InGuild, Body(new): Body<NewReview>) -> Result<Found<Reviewed>, Problem> {
    let ask = ReviewAsk {
        by: asked.call.actor(),
        guild: asked.guild_ref(),
        case: asked.case_number()?,
        verdict: new.verdict.into(),
        why: new.reason.as_deref().map(checked).transpose()?,
        chain: Some(asked.call.chain.clone()),
    };
    let changed = asked.call.api.desk.review(&ask, &asked.facts()).await?;
    Ok(Found(Reviewed {
        verdict: new.verdict,
        changed,
    }))
}
