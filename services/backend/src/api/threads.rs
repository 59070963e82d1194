//! The thread of a case: what moderators say to each other about it. Who else looks at the case hears of a message by the
//! `audit:logged` of its act (`thread:post`, `thread:edit`, `thread:delete`), which tells nothing of its words.

use super::access::Needs;
use super::input::{Body, Nothing, PageQuery, Query, cut};
use super::route::{Done, Found, InGuild, Made, Route};
use crate::problem::{Code, Fault, Problem};
use axum::http::Method;
use chrono::{DateTime, Utc};
use lockdown_events::EventId;
use lockdown_moderation::Right;
use lockdown_store::audit::{ActorKind, NewEntry};
use lockdown_store::cases::Case;
use lockdown_store::people::IdentityId;
use lockdown_store::threads::{CaseMessage, CaseMessageId};
use lockdown_store::{Conn, StoreError, Tx, in_read, in_tx};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

const LONGEST: usize = 4000;
/// Of what a message said before.
const MOST_EDITS: u64 = 200;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewCaseMessage")]
struct New {
    /// What is to be said, in 1 to 4,000 characters; line breaks are kept.
    #[schemars(length(min = 1, max = 4000))]
    body: String,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "CaseMessage")]
struct Message {
    id: String,
    /// A person's id on their platform, or `token:<name>`.
    by: String,
    /// Whether it is yours to edit and delete.
    own: bool,
    /// Empty once it was deleted, or the person that the case is about was erased.
    body: String,
    created_at: DateTime<Utc>,
    edited_at: Option<DateTime<Utc>>,
    deleted_at: Option<DateTime<Utc>>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "CaseThread")]
struct Page {
    /// Oldest first.
    messages: Vec<Message>,
    /// For the page after this one; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CaseMessageHistory")]
struct History {
    /// Oldest first.
    edits: Vec<Edit>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CaseMessageEdit")]
struct Edit {
    /// When it was replaced or deleted.
    at: DateTime<Utc>,
    /// What it said until then.
    body: String,
}

pub(super) fn routes() -> Vec<Route> {
    let one = json!({ "id": "0199c2d4-0000-7000-8000-000000000001", "by": "9022", "own": true, "body": "Seen on the other server too.",
        "createdAt": "2026-11-20T09:06:00Z", "editedAt": null, "deletedAt": null });
    let path = "/cases/{caseNumber}/thread";
    let message = "/cases/{caseNumber}/thread/{id}";
    vec![
        Route::of_guild(Method::GET, path, "getThread", Needs::AnyRight, list)
            .says(
                "Read the thread of a case",
                "What moderators said to each other about it, oldest first.",
            )
            .refuses(&[Code::UnknownCase])
            .answer(json!({ "messages": [one.clone()] })),
        Route::of_guild(Method::POST, path, "postToThread", Needs::AnyRight, post)
            .says(
                "Say something in the thread of a case",
                "Others hear of it by an `audit:logged` with the act `thread:post`.",
            )
            .refuses(&[Code::UnknownCase])
            .sample(json!({ "body": "Seen on the other server too." }))
            .answer(one),
        Route::of_guild(Method::PATCH, message, "editMessage", Needs::AnyRight, edit)
            .says("Change a message of yours", "What it said before is kept.")
            .refuses(&[Code::UnknownCase, Code::Denied])
            .sample(json!({ "body": "Seen on two other servers." })),
        Route::of_guild(Method::DELETE, message, "deleteMessage", Needs::AnyRight, delete)
            .says(
                "Delete a message of yours",
                "It goes out of sight; what it said is kept in its history.",
            )
            .refuses(&[Code::UnknownCase, Code::Denied]),
        Route::of_guild(
            Method::GET,
            "/cases/{caseNumber}/thread/{id}/history",
            "getMessageHistory",
            Needs::Right(Right::Configure),
            history,
        )
        .says(
            "Show what a message said before",
            "Every text that it had, also of one that was deleted.",
        )
        .refuses(&[Code::UnknownCase]),
    ]
}

// === impl Message ===

impl Message {
    fn of(message: CaseMessage, reader: &(ActorKind, String), names: &BTreeMap<String, String>) -> Self {
        let own = is_own(&message, reader);
        Self {
            id: message.id.to_string(),
            by: match message.actor_kind {
                ActorKind::Token => format!("token:{}", message.actor),
                _ => names.get(&message.actor).cloned().unwrap_or(message.actor),
            },
            own,
            body: message.body,
            created_at: message.created_at,
            edited_at: message.edited_at,
            deleted_at: message.deleted_at,
        }
    }
}

async fn list(asked: InGuild, Query(page): Query<PageQuery>) -> Result<Found<Page>, Problem> {
    let (limit, after) = (page.limit()?, page.cursor::<Uuid>()?.map(CaseMessageId));
    let case = case(&asked).await?;
    let (mut rows, names) = in_read!(asked.call.api.store, |conn| {
        let rows = conn.thread(case.id, after, limit + 1).await?;
        let names = names(conn, &rows).await?;
        Ok::<_, StoreError>((rows, names))
    })?;
    let next_cursor = cut(&mut rows, limit).map(|row| row.id.to_string());
    let reader = author(&asked).await?;
    Ok(Found(Page {
        messages: rows
            .into_iter()
            .map(|row| Message::of(row, &reader, &names))
            .collect(),
        next_cursor,
    }))
}

async fn post(asked: InGuild, Body(new): Body<New>) -> Result<Made<Message>, Problem> {
    let body = read(&new)?;
    let case = case(&asked).await?;
    let author = author(&asked).await?;
    let message = CaseMessage {
        id: CaseMessageId(asked.call.api.ctx.ids.next()),
        case_id: case.id,
        actor_kind: author.0,
        actor: author.1.clone(),
        body,
        created_at: asked.call.now(),
        edited_at: None,
        deleted_at: None,
    };
    let names = in_tx!(asked.call.api.store, |tx| {
        tx.insert_case_message(&message).await?;
        write_down(tx, &asked, &case, &author, "thread:post", message.id).await?;
        names(tx, std::slice::from_ref(&message)).await
    })?;
    Ok(Made::New(Message::of(message, &author, &names)))
}

async fn edit(asked: InGuild, Body(new): Body<New>) -> Result<Found<Message>, Problem> {
    let body = read(&new)?;
    let (id, now) = (id(&asked)?, asked.call.now());
    let case = case(&asked).await?;
    let author = author(&asked).await?;
    let edited = in_tx!(asked.call.api.store, |tx| {
        let found = tx.case_message(case.id, id).await?;
        let mut message = match of_author(found, &author) {
            Ok(message) => message,
            Err(problem) => return Ok(Err(problem)),
        };
        if message.body != body {
            tx.edit_case_message(id, &body, now).await?;
            write_down(tx, &asked, &case, &author, "thread:edit", id).await?;
            (message.body, message.edited_at) = (body.clone(), Some(now));
        }
        let names = names(tx, std::slice::from_ref(&message)).await?;
        Ok::<_, StoreError>(Ok(Message::of(message, &author, &names)))
    })?;
    edited.map(Found)
}

async fn delete(asked: InGuild, _: Nothing) -> Result<Done, Problem> {
    let (id, now) = (id(&asked)?, asked.call.now());
    let case = case(&asked).await?;
    let author = author(&asked).await?;
    in_tx!(asked.call.api.store, |tx| {
        let found = tx.case_message(case.id, id).await?;
        if let Err(problem) = of_author(found, &author) {
            return Ok(Err(problem));
        }
        tx.delete_case_message(id, now).await?;
        write_down(tx, &asked, &case, &author, "thread:delete", id).await?;
        Ok::<_, StoreError>(Ok(Done))
    })?
}

async fn history(asked: InGuild, _: Nothing) -> Result<Found<History>, Problem> {
    let id = id(&asked)?;
    let case = case(&asked).await?;
    let edits = in_read!(asked.call.api.store, |conn| {
        match conn.case_message(case.id, id).await? {
            Some(message) => conn.case_message_edits(message.id, MOST_EDITS).await.map(Some),
            None => Ok::<_, StoreError>(None),
        }
    })?;
    let edits = edits.ok_or_else(unknown)?.into_iter();
    let edits = edits.map(|edit| Edit {
        at: edit.at,
        body: edit.body,
    });
    Ok(Found(History {
        edits: edits.collect(),
    }))
}

fn read(new: &New) -> Result<String, Problem> {
    let length = new.body.trim().chars().count();
    let is_control = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    if !(1..=LONGEST).contains(&length) || new.body.chars().any(is_control) {
        let message =
            format!("A message has 1 to {LONGEST} characters, and no controls but line breaks and tabs.");
        return Err(Problem::faults(Code::Invalid, vec![Fault::new("body", message)]));
    }
    Ok(new.body.trim().to_owned())
}

fn unknown() -> Problem {
    Problem::new(Code::NotFound, "The thread has no such message.")
}

fn id(asked: &InGuild) -> Result<CaseMessageId, Problem> {
    asked.call.param("id").map(CaseMessageId).map_err(|_| unknown())
}

async fn case(asked: &InGuild) -> Result<Case, Problem> {
    let number = asked.case_number()?;
    let unknown = || InGuild::unknown_case(number);
    if i64::try_from(number.0).is_err() {
        return Err(unknown());
    }
    let guild = asked.guild.id;
    let found = in_read!(asked.call.api.store, |conn| {
        conn.case_by_number(guild, number.0).await
    })?;
    found.ok_or_else(unknown)
}

/// By which rows know whoever asks.
async fn author(asked: &InGuild) -> Result<(ActorKind, String), Problem> {
    let actor = asked.call.actor();
    let Some(who) = actor.person() else {
        let name = match asked.call.caller.person() {
            Some(person) => person.name_in_records(),
            None => asked.call.caller.name().to_owned(),
        };
        return Ok((ActorKind::Token, name));
    };
    let identity = asked.call.api.desk.identity(who).await?;
    Ok((ActorKind::Person, identity.to_string()))
}

fn is_own(message: &CaseMessage, author: &(ActorKind, String)) -> bool {
    (message.actor_kind, &message.actor) == (author.0, &author.1)
}

/// The message, if it is there and theirs.
fn of_author(found: Option<CaseMessage>, author: &(ActorKind, String)) -> Result<CaseMessage, Problem> {
    let message = found
        .filter(|message| message.deleted_at.is_none())
        .ok_or_else(unknown)?;
    if is_own(&message, author) {
        return Ok(message);
    }
    Err(Problem::new(
        Code::Denied,
        "Only whoever wrote a message changes it.",
    ))
}

/// The people's ids on their platforms, by our own.
async fn names(conn: &mut Conn, rows: &[CaseMessage]) -> Result<BTreeMap<String, String>, StoreError> {
    let people = rows.iter().filter(|row| row.actor_kind == ActorKind::Person);
    let ids: BTreeSet<IdentityId> = people
        .filter_map(|row| row.actor.parse().ok().map(IdentityId))
        .collect();
    let known = conn.identities_by_id(ids).await?.into_iter();
    let names = known.map(|identity| (identity.id.to_string(), identity.native_id.to_string()));
    Ok(names.collect())
}

async fn write_down(
    tx: &mut Tx,
    asked: &InGuild,
    case: &Case,
    author: &(ActorKind, String),
    act: &str,
    message: CaseMessageId,
) -> Result<(), StoreError> {
    let actor = match author.0 {
        ActorKind::Token => format!("token:{}", author.1),
        _ => author.1.clone(),
    };
    let entry = NewEntry {
        guild: asked.guild.id,
        at: asked.call.now(),
        actor_kind: author.0,
        actor: &actor,
        act,
        subject: &format!("case:{}", case.number),
        body: &json!({ "message": message.to_string() }),
        personal: None,
    };
    let event = EventId(asked.call.api.ctx.ids.next());
    tx.record_act(&asked.guild, &entry, event).await.map(drop)
}
