//! What a community teaches the classifier of spam, and decisions that it was wrong about.

use super::access::Needs;
use super::input::{Body, Nothing};
use super::route::{Done, Found, InGuild, Made, Route};
use super::said::said;
use super::undo::{UndoneBody, undone};
use crate::problem::{Code, Problem};
use axum::http::Method;
use chrono::{DateTime, Utc};
use lockdown_events::MessageId;
use lockdown_moderation::desk::{ForgetAsk, Learnt, Lesson, LessonAsk, ReviewAsk};
use lockdown_moderation::{CaseNumber, Right};
use lockdown_policy::detect::spam::Opinion;
use lockdown_store::lessons::LessonId;
use lockdown_store::reviews::Verdict as Review;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Bytes of a text: more than either platform lets anybody write.
const LONGEST: usize = 32_768;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "SpamVerdict")]
enum Verdict {
    Spam,
    Ham,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "NewLesson")]
struct New {
    verdict: Verdict,
    /// What was written; or `messageId`.
    #[schemars(length(min = 1, max = 32768))]
    text: Option<String>,
    /// A message that the bus still has: it is learned as rules read it.
    message_id: Option<MessageId>,
    /// About when it was said; within two days without.
    said_at: Option<DateTime<Utc>>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SpamText")]
struct Text {
    #[schemars(length(min = 1, max = 32768))]
    text: String,
}

/// What the classifier thinks of a text.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "SpamOpinion")]
struct OpinionBody {
    /// That it is spam, in percent.
    percent: u8,
    /// Percentage of the text that it knows at all.
    known: u8,
    /// It knows too little of it: rules see no score.
    abstains: bool,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Lesson")]
struct LessonBody {
    id: String,
    verdict: Verdict,
    /// A person's id on their platform or `token:<name>`.
    taught_by: String,
    taught_at: DateTime<Utc>,
    /// The case that was a mistake, where that taught it.
    case_number: Option<u64>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Lessons")]
struct Listed {
    /// Newest first.
    lessons: Vec<LessonBody>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Learned")]
struct LearntBody {
    lesson: LessonBody,
    before: OpinionBody,
    after: OpinionBody,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Forgotten")]
struct Forgotten {
    count: u64,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NotSpamReason")]
struct Why {
    /// Why, in at most 1,000 characters: of every case that comes of it.
    reason: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "NotSpam")]
struct NotSpam {
    /// What ended, or stands again.
    undone: UndoneBody,
    /// `false`: the case was declared a mistake before.
    reviewed: bool,
    /// What was learned from its evidence.
    learned: Vec<LearntBody>,
    /// Messages of the evidence that the bus has no more.
    lost: u64,
}

pub(super) fn routes() -> Vec<Route> {
    let (ban, configure) = (Needs::Right(Right::Ban), Needs::Right(Right::Configure));
    let id = "0199c2d4-0000-7000-8000-000000000001";
    let lesson = json!({ "id": id, "verdict": "spam", "taughtBy": "531122", "taughtAt": "2026-11-20T09:06:00Z",
        "caseNumber": null });
    let (before, after) = (
        json!({ "percent": 41, "known": 80, "abstains": false }),
        json!({ "percent": 93, "known": 100, "abstains": false }),
    );
    let learned = json!({ "lesson": lesson.clone(), "before": before.clone(), "after": after });
    let step = json!({ "caseNumber": 17, "userId": "531122", "action": "unban", "restoresCaseNumber": null,
        "expiresAt": null, "case": null, "code": null, "detail": null });
    vec![
        Route::of_guild(Method::GET, "/spam/lessons", "listLessons", Needs::AnyRight, list)
            .says(
                "List what the classifier of spam was taught",
                "In this community, without the texts: nothing of them is kept but numbers. The newest 500 count.",
            )
            .answer(json!({ "lessons": [lesson] })),
        Route::of_guild(Method::POST, "/spam/lessons", "teachSpam", ban, teach)
            .says(
                "Teach the classifier what is spam here, and what is not",
                "Rules see it at once in `text.spam_score`. The same text counts once, as it was taught last.",
            )
            .refuses(&[Code::UnknownMessage])
            .sample(json!({ "verdict": "spam", "text": "We need people for remote work, 18+, write to me" }))
            .answer(learned.clone()),
        Route::of_guild(Method::DELETE, "/spam/lessons/{id}", "forgetLesson", ban, forget)
            .says("Take a lesson back", "Then the classifier is as if it had never been taught.")
            .refuses(&[Code::NotFound]),
        Route::of_guild(Method::DELETE, "/spam/lessons", "forgetLessons", configure, forget_all)
            .says("Forget all lessons", "Then the community has the classifier that LOCKDOWN ships.")
            .answer(json!({ "count": 12 })),
        Route::of_guild(Method::POST, "/spam/score", "scoreText", Needs::AnyRight, score)
            .says(
                "Ask what the classifier thinks of a text",
                "With what this community taught it. Nothing is kept of the text.",
            )
            .sample(json!({ "text": "We need people for remote work, 18+, write to me" }))
            .answer(before),
        Route::of_guild(
            Method::POST,
            "/cases/{caseNumber}/not-spam",
            "notSpam",
            Needs::Right(Right::Undo),
            not_spam,
        )
        .says(
            "Say that a case was a mistake of the classifier",
            "The case is undone and declared a mistake, and its messages are learned as no spam. Said twice, it is done once.",
        )
        .refuses(&[Code::UnknownCase, Code::Denied, Code::BadReason])
        .sample(json!({}))
        .answer(json!({ "undone": { "results": [step], "left": [] }, "reviewed": true, "learned": [learned], "lost": 0 })),
    ]
}

// === impl OpinionBody ===

impl From<Opinion> for OpinionBody {
    fn from(opinion: Opinion) -> Self {
        let percent = |share: f32| (share * 100.0).round() as u8;
        Self {
            percent: percent(opinion.probability),
            known: percent(opinion.known),
            abstains: opinion.abstains,
        }
    }
}

// === impl LessonBody ===

impl From<Lesson> for LessonBody {
    fn from(lesson: Lesson) -> Self {
        Self {
            id: lesson.id.to_string(),
            verdict: if lesson.is_spam {
                Verdict::Spam
            } else {
                Verdict::Ham
            },
            taught_by: lesson.by.to_string(),
            taught_at: lesson.at,
            case_number: lesson.case.map(|case| case.0),
        }
    }
}

// === impl LearntBody ===

impl From<Learnt> for LearntBody {
    fn from(learnt: Learnt) -> Self {
        Self {
            lesson: learnt.lesson.into(),
            before: learnt.before.into(),
            after: learnt.after.into(),
        }
    }
}

async fn list(asked: InGuild, _: Nothing) -> Result<Found<Listed>, Problem> {
    let lessons = asked.call.api.desk.lessons(&asked.guild_ref()).await?;
    let lessons = lessons.into_iter().map(LessonBody::from).collect();
    Ok(Found(Listed { lessons }))
}

async fn teach(asked: InGuild, Body(new): Body<New>) -> Result<Made<LearntBody>, Problem> {
    let text = match (new.text, new.message_id) {
        (Some(text), None) => fitting(text)?,
        (None, Some(message)) => {
            let mut said = said(&asked, std::slice::from_ref(&message), new.said_at).await?;
            let found = said.remove(&message).and_then(|said| said.text());
            found.ok_or_else(|| Problem::of(Code::UnknownMessage))?
        }
        _ => {
            let problem = Problem::new(Code::Invalid, "Send `text` or `messageId`.");
            return Err(problem.at("text", "one of the two"));
        }
    };
    let learnt = learn(&asked, text, new.verdict == Verdict::Spam, None).await?;
    Ok(match learnt.again {
        true => Made::Known(learnt.into()),
        false => Made::New(learnt.into()),
    })
}

async fn learn(
    asked: &InGuild,
    text: String,
    is_spam: bool,
    case: Option<CaseNumber>,
) -> Result<Learnt, Problem> {
    let ask = LessonAsk {
        by: asked.call.actor(),
        guild: asked.guild_ref(),
        text,
        is_spam,
        case,
        chain: Some(asked.call.chain.clone()),
    };
    Ok(asked.call.api.desk.teach(&ask).await?)
}

fn fitting(text: String) -> Result<String, Problem> {
    if text.trim().is_empty() || text.len() > LONGEST {
        let problem = Problem::new(Code::Invalid, "The text is empty or too long.");
        return Err(problem.at("text", format!("a text has at most {LONGEST} bytes")));
    }
    Ok(text)
}

fn forgetting(asked: &InGuild, lesson: Option<LessonId>) -> ForgetAsk {
    ForgetAsk {
        by: asked.call.actor(),
        guild: asked.guild_ref(),
        lesson,
        chain: Some(asked.call.chain.clone()),
    }
}

async fn forget(asked: InGuild, _: Nothing) -> Result<Done, Problem> {
    let ask = forgetting(&asked, Some(LessonId(asked.call.param("id")?)));
    match asked.call.api.desk.forget_lessons(&ask).await? {
        0 => Err(Problem::new(
            Code::NotFound,
            "There is no such lesson, or not any more.",
        )),
        _ => Ok(Done),
    }
}

async fn forget_all(asked: InGuild, _: Nothing) -> Result<Found<Forgotten>, Problem> {
    let ask = forgetting(&asked, None);
    let count = asked.call.api.desk.forget_lessons(&ask).await?;
    Ok(Found(Forgotten { count }))
}

async fn score(asked: InGuild, Body(body): Body<Text>) -> Result<Found<OpinionBody>, Problem> {
    let text = fitting(body.text)?;
    let opinion = asked.call.api.desk.opinion(&asked.guild_ref(), &text).await?;
    Ok(Found(opinion.into()))
}

async fn not_spam(asked: InGuild, Body(why): Body<Why>) -> Result<Found<NotSpam>, Problem> {
    let number = asked.case_number()?;
    let (desk, guild) = (&asked.call.api.desk, asked.guild_ref());
    let record = desk.case(&guild, number).await?;
    let case = record.ok_or_else(|| InGuild::unknown_case(number))?.case;
    let undone = undone(&asked, why.reason.as_deref()).await?;
    let review = ReviewAsk {
        by: asked.call.actor(),
        guild,
        case: number,
        verdict: Review::Mistaken,
        why: None,
        chain: Some(asked.call.chain.clone()),
    };
    let reviewed = desk.review(&review, &asked.facts()).await?;
    let shown: Vec<MessageId> = case
        .evidence
        .iter()
        .map(|shown| shown.message_id.clone())
        .collect();
    let said = said(&asked, &shown, Some(case.at)).await?;
    let said: Vec<String> = said.into_values().filter_map(|said| said.text()).collect();
    let lost = shown.len().saturating_sub(said.len());
    let mut learned = Vec::new();
    for text in said {
        learned.push(learn(&asked, text, false, Some(number)).await?.into());
    }
    Ok(Found(NotSpam {
        undone,
        reviewed,
        learned,
        lost: lost as u64,
    }))
}
