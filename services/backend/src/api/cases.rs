//! Cases: lists, one with its history and why it stands, and changes to it.

use super::access::Needs;
use super::input::{Body, Nothing, Query, bounded, cursor, cut, text_id_or_none};
use super::route::{Found, InGuild, Route};
use super::sanctions::{EvidenceBody, MOST_EVIDENCE, example};
use crate::problem::{Code, Problem};
use axum::http::Method;
use chrono::{DateTime, TimeDelta, Utc};
use lockdown_bus::{Glob, Key, Query as Asked};
use lockdown_events::{
    Action, Envelope, Event, MessageRef, ModerationEvent, Origin, TraceId, UserId, Verdict,
};
use lockdown_moderation::desk::{AmendAsk, Amended, CaseFilter, CaseView, Explanation, Refused};
use lockdown_moderation::{CaseNumber, Change, Reason, Right, StoreArchive};
use lockdown_store::cases;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

const LONGEST_SEARCH: usize = 200;

/// How far a case has come.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum CaseState {
    Requested,
    Applied,
    Failed,
    Lifted,
    Superseded,
    Voided,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CaseQuery {
    /// About this person.
    #[serde(default, deserialize_with = "text_id_or_none")]
    user_id: Option<UserId>,
    /// By this moderator.
    #[serde(default, deserialize_with = "text_id_or_none")]
    moderator_id: Option<UserId>,
    #[serde(rename = "type")]
    action: Option<Action>,
    state: Option<CaseState>,
    origin: Option<Origin>,
    /// Decided at this time or later.
    from: Option<DateTime<Utc>>,
    /// Decided before.
    to: Option<DateTime<Utc>>,
    /// Words of the reason, in any case of letters.
    #[schemars(length(max = 200))]
    q: Option<String>,
    /// `true`: those that are hidden, too.
    #[serde(default)]
    hidden: bool,
    /// `nextCursor` of the page before.
    cursor: Option<String>,
    /// How many at most: 1 to 200, 50 when it is absent.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u64>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "CasePage")]
struct Page {
    /// Newest first.
    cases: Vec<CaseView>,
    /// For the page after this one; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// What shall change. What is absent stays.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CaseChange {
    /// `null` takes it away.
    #[serde(default, deserialize_with = "said")]
    #[schemars(with = "Option<String>")]
    reason: Option<Option<String>>,
    /// From now on, as `1h30m`, `3 days`, `2w`, `forever` or a date.
    duration: Option<String>,
    /// The end as a time, in place of `duration`; `null` is never.
    #[serde(default, deserialize_with = "said")]
    #[schemars(with = "Option<DateTime<Utc>>")]
    expires_at: Option<Option<DateTime<Utc>>>,
    /// All of the evidence, as it shall be.
    #[schemars(length(max = 25))]
    evidence: Option<Vec<EvidenceBody>>,
    /// Whether ordinary lists leave it out. It stays on record, and counts as before.
    hidden: Option<bool>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Void {
    /// Why it was a mistake, in at most 1,000 characters.
    reason: String,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CaseHistory")]
struct History {
    /// Oldest first.
    entries: Vec<Line>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "HistoryEntry")]
struct Line {
    at: DateTime<Utc>,
    /// A person's id, `rule:<id>`, `token:<name>` or `system`.
    by: String,
    /// `opened`, `applied`, `failed`, `lifted`, `superseded`, `voided`, `edited`, `noted`, `reviewed`.
    kind: &'static str,
    /// What changed; for an edit, the old value and the new one.
    body: Value,
}

/// Around the time of a case, so much is looked through for the verdict that led to it.
const BEFORE: TimeDelta = TimeDelta::minutes(30);
const AFTER: TimeDelta = TimeDelta::minutes(1);
const PAGE: usize = 200;
const PAGES: usize = 20;

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "CaseExplanation")]
struct Explained {
    case: CaseView,
    /// In whole sentences.
    explanation: String,
    /// The version of the rules that judged.
    rule_set_hash: Option<String>,
    /// Names the verdict.
    trace_id: Option<TraceId>,
    /// The verdict in full, with what each rule asked and saw, for as long as events are kept; `null` where no rule
    /// decided, and for those who may not read what people wrote.
    verdict: Option<Verdict>,
    /// The case that it lifts or follows from.
    follows_case_number: Option<u64>,
    /// The cases that it ended.
    ended_case_numbers: Vec<u64>,
}

/// What is there, also when it is `null`.
fn said<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

pub(super) fn routes() -> Vec<Route> {
    let changes = &[
        Code::UnknownCase,
        Code::Denied,
        Code::RankUnknown,
        Code::BadReason,
        Code::Voided,
    ][..];
    vec![
        Route::of_guild(Method::GET, "/cases", "listCases", Needs::Sight, list)
            .says("List cases", "Newest first, a page at a time, by any of the filters together.")
            .answer(json!({ "cases": [example("ban")], "nextCursor": "17" })),
        Route::of_guild(Method::GET, "/cases/{caseNumber}", "getCase", Needs::Sight, show)
            .says("Show a case", "")
            .refuses(&[Code::UnknownCase])
            .answer(example("ban"))
            .kept(),
        Route::of_guild(Method::PATCH, "/cases/{caseNumber}", "changeCase", Needs::AnyRight, change)
            .says("Change a case",
                "Its reason, end or evidence, and whether lists have it; what stood before is kept in its history. One's own \
                 takes the right that made it, another's the scope `edit_others`.")
            .refuses(&[changes, &[Code::BadDuration, Code::Over]].concat())
            .sample(json!({ "reason": "spam, third time", "duration": "14d" }))
            .answer(example("ban")),
        Route::of_guild(Method::POST, "/cases/{caseNumber}/void", "voidCase", Needs::Right(Right::Void), void)
            .says("Declare a case a mistake", "It stays on record, and counts no more. What still stands is lifted first.")
            .refuses(&[changes, &[Code::Stands, Code::Unanswered]].concat())
            .sample(json!({ "reason": "the wrong person" }))
            .answer(example("kick")),
        Route::of_guild(Method::GET, "/cases/{caseNumber}/history", "getCaseHistory", Needs::Sight, history)
            .says("Show a case's history", "")
            .refuses(&[Code::UnknownCase])
            .kept(),
        Route::of_guild(Method::GET, "/cases/{caseNumber}/explanation", "explainCase", Needs::Sight, explain)
            .says("Explain a case", "Who did what to whom and why, by what it came, and until when it stands.")
            .refuses(&[Code::UnknownCase]),
    ]
}

// === impl CaseState ===

impl From<CaseState> for cases::CaseState {
    fn from(state: CaseState) -> Self {
        match state {
            CaseState::Requested => Self::Requested,
            CaseState::Applied => Self::Applied,
            CaseState::Failed => Self::Failed,
            CaseState::Lifted => Self::Lifted,
            CaseState::Superseded => Self::Superseded,
            CaseState::Voided => Self::Voided,
        }
    }
}

async fn list(asked: InGuild, Query(query): Query<CaseQuery>) -> Result<Found<Page>, Problem> {
    let limit = bounded(query.limit)?;
    let filter = CaseFilter {
        subject: query.user_id,
        moderator: query.moderator_id,
        action: query.action,
        state: query.state.map(Into::into),
        origin: query.origin,
        from: query.from,
        to: query.to,
        text: search(query.q)?,
        before: cursor(query.cursor.as_deref())?.map(CaseNumber),
        hidden: query.hidden,
    };
    // One more than asked for says whether there is another page.
    let desk = &asked.call.api.desk;
    let mut cases = desk.cases(&asked.guild_ref(), &filter, limit + 1).await?;
    let last = cut(&mut cases, limit);
    Ok(Found(Page {
        next_cursor: last.map(|case| case.number.0.to_string()),
        cases: cases.iter().map(CaseView::from).collect(),
    }))
}

/// Words to look for.
pub(super) fn search(text: Option<String>) -> Result<Option<String>, Problem> {
    match text {
        Some(text) if text.chars().count() > LONGEST_SEARCH => Err(super::input::bad_query(
            "q",
            format!("At most {LONGEST_SEARCH} characters are looked for."),
        )),
        text => Ok(text.filter(|text| !text.trim().is_empty())),
    }
}

async fn show(asked: InGuild, _: Nothing) -> Result<Found<CaseView>, Problem> {
    let number = asked.case_number()?;
    let found = asked.call.api.desk.find(&asked.guild_ref(), number).await?;
    let case = found.ok_or_else(|| InGuild::unknown_case(number))?;
    Ok(Found(CaseView::from(&case)))
}

async fn explained(asked: &InGuild) -> Result<Explanation, Problem> {
    let number = asked.case_number()?;
    let found = asked.call.api.desk.explain(&asked.guild_ref(), number).await?;
    found.ok_or_else(|| InGuild::unknown_case(number))
}

async fn history(asked: InGuild, _: Nothing) -> Result<Found<History>, Problem> {
    let record = explained(&asked).await?.record;
    let entries = record.history.into_iter().map(|line| Line {
        at: line.at,
        by: line.by.to_string(),
        kind: line.kind.as_str(),
        body: line.body,
    });
    Ok(Found(History {
        entries: entries.collect(),
    }))
}

async fn explain(asked: InGuild, _: Nothing) -> Result<Found<Explained>, Problem> {
    let explanation = explained(&asked).await?;
    let text = explanation.to_string();
    let record = explanation.record;
    let may_read = asked.call.powers.need(Needs::AnyRight).is_ok();
    let verdict = match record.trace.filter(|_| may_read) {
        Some(trace) => verdict(&asked, trace, record.case.at).await?,
        None => None,
    };
    Ok(Found(Explained {
        verdict,
        case: CaseView::from(&record.case),
        explanation: text,
        rule_set_hash: record.rule_set_hash,
        trace_id: record.trace,
        follows_case_number: record.parent.map(|number| number.0),
        ended_case_numbers: record.ended.iter().map(|number| number.0).collect(),
    }))
}

/// What was told of a verdict, shortly before there was a case of it.
async fn verdict(asked: &InGuild, trace: TraceId, at: DateTime<Utc>) -> Result<Option<Verdict>, Problem> {
    let api = &asked.call.api;
    let query = Asked {
        from: Some(at - BEFORE),
        to: Some(at + AFTER),
        types: vec![Glob::new("moderation:automod")],
        key: Some(Key::community(asked.guild.platform, &asked.guild.native_id)),
        classes: Vec::new(),
    };
    let archive = StoreArchive::new(api.store.clone());
    let mut after = None;
    for _ in 0..PAGES {
        let history = api.bus.history();
        let page = history
            .page_of_all(&archive, &query, after.as_ref(), PAGE)
            .await?;
        for stored in &page.entries {
            let event = Envelope::decode(&stored.envelope).and_then(|envelope| envelope.event());
            if let Ok(Event::Moderation(ModerationEvent::Automod(verdict))) = event
                && verdict.trace_id == trace
            {
                return Ok(Some(verdict));
            }
        }
        after = page.next;
        if after.is_none() {
            return Ok(None);
        }
    }
    Ok(None)
}

async fn change(asked: InGuild, Body(wanted): Body<CaseChange>) -> Result<Found<CaseView>, Problem> {
    // The end first: it is what is refused most, and then nothing was changed.
    let mut changes = Vec::new();
    match (&wanted.duration, wanted.expires_at) {
        (None, None) => {}
        (duration, expires_at) => {
            let ends = asked.ends(duration.as_deref(), expires_at.flatten()).await?;
            changes.push(Change::Ends(ends));
        }
    }
    if let Some(evidence) = wanted.evidence {
        if evidence.len() > MOST_EVIDENCE {
            let message = format!("At most {MOST_EVIDENCE} messages are evidence.");
            return Err(Problem::new(Code::Invalid, message.clone()).at("evidence", message));
        }
        changes.push(Change::Evidence(
            evidence.into_iter().map(MessageRef::from).collect(),
        ));
    }
    if let Some(reason) = wanted.reason {
        let reason = reason.as_deref().map(checked).transpose()?;
        changes.push(Change::Reason(reason));
    }
    changes.extend(wanted.hidden.map(Change::Hidden));
    let mut amended = None;
    for change in changes {
        amended = Some(amend(&asked, change).await?);
    }
    let Some(amended) = amended else {
        let message = "Say what shall change: `reason`, `duration`, `expiresAt`, `evidence` or `hidden`.";
        return Err(Problem::new(Code::Invalid, message).at("", message));
    };
    Ok(Found(CaseView::from(&amended.case)))
}

async fn void(asked: InGuild, Body(wanted): Body<Void>) -> Result<Found<CaseView>, Problem> {
    let why = checked(&wanted.reason)?;
    let amended = amend(&asked, Change::Void(why)).await?;
    Ok(Found(CaseView::from(&amended.case)))
}

async fn amend(asked: &InGuild, change: Change) -> Result<Amended, Problem> {
    let ask = AmendAsk {
        by: asked.call.actor(),
        guild: asked.guild_ref(),
        case: asked.case_number()?,
        change,
        chain: Some(asked.call.chain.clone()),
    };
    let amended = asked.call.api.desk.amend(&ask, &asked.facts()).await;
    Ok(amended?)
}

pub(super) fn checked(text: &str) -> Result<Reason, Problem> {
    Reason::new(text, Reason::LONGEST).map_err(|error| {
        let refused = Refused::from(error);
        Problem::new(Code::BadReason, refused.to_string()).at("reason", refused.to_string())
    })
}
