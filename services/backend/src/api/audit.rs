//! The audit: every entry of a community's chain, and whether the chain holds.

use super::access::Needs;
use super::input::{Nothing, PageQuery, Query, cut};
use super::route::{Found, InGuild, Route};
use crate::problem::{Code, Problem};
use axum::http::Method;
use chrono::{DateTime, Utc};
use lockdown_moderation::Right;
use lockdown_runtime::ids::hex;
use lockdown_store::people::IdentityId;
use lockdown_store::{StoreError, in_read};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "AuditPage")]
struct Page {
    /// Newest first.
    entries: Vec<Entry>,
    /// For the page after this one; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "AuditEntry")]
struct Entry {
    sequence: u64,
    at: DateTime<Utc>,
    /// `person`, `rule`, `token` or `system`.
    actor_kind: &'static str,
    /// A person's id on their platform, `rule:<id>`, `token:<name>` or `system`.
    actor: String,
    act: String,
    subject: String,
    body: Value,
    /// Each is made with the one before it.
    hash: String,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "AuditVerification")]
struct Verified {
    holds: bool,
    entries: u64,
    /// Of the newest entry.
    sequence: u64,
    hash: String,
    faults: Vec<Broken>,
    /// Faults beyond those that are listed.
    more_faults: u64,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AuditFault")]
struct Broken {
    sequence: u64,
    fault: &'static str,
    message: String,
}

pub(super) fn routes() -> Vec<Route> {
    let needs = Needs::Right(Right::Configure);
    vec![
        Route::of_guild(Method::GET, "/audit", "listAudit", needs, list).says(
            "List the audit",
            "Newest first, a page at a time. What is personal in an entry is kept apart, and not here.",
        ),
        Route::of_guild(Method::GET, "/audit/verify", "verifyAudit", needs, verify)
            .says("Verify the audit", "Walks over the whole chain: whether an entry was changed, or is missing.")
            .answer(json!({ "holds": true, "entries": 2, "sequence": 2, "hash": "9f86d0", "faults": [], "moreFaults": 0 })),
    ]
}

async fn list(asked: InGuild, Query(page): Query<PageQuery>) -> Result<Found<Page>, Problem> {
    let (limit, before) = (page.limit()?, page.cursor::<u64>()?);
    let before = before.filter(|before| i64::try_from(*before).is_ok());
    let (store, guild) = (&asked.call.api.store, asked.guild.id);
    let (mut rows, people) = in_read!(store, |conn| {
        let rows = conn.audit_page(guild, before, limit + 1).await?;
        let ids: BTreeSet<IdentityId> = rows
            .iter()
            .filter_map(|row| row.actor.parse().ok().map(IdentityId))
            .collect();
        let known = conn.identities_by_id(ids).await?;
        let people: BTreeMap<String, String> = known
            .into_iter()
            .map(|identity| (identity.id.to_string(), identity.native_id.to_string()))
            .collect();
        Ok::<_, StoreError>((rows, people))
    })?;
    let last = cut(&mut rows, limit);
    let next_cursor = last.map(|row| row.seq.to_string());
    let entries = rows.into_iter().map(|row| Entry {
        sequence: row.seq,
        at: row.at,
        actor_kind: row.actor_kind.as_str(),
        actor: people.get(&row.actor).cloned().unwrap_or(row.actor),
        act: row.act,
        subject: row.subject,
        body: serde_json::from_str(&row.body).unwrap_or(Value::Null),
        hash: hex(&row.hash),
    });
    Ok(Found(Page {
        entries: entries.collect(),
        next_cursor,
    }))
}

async fn verify(asked: InGuild, _: Nothing) -> Result<Found<Verified>, Problem> {
    let (store, guild) = (&asked.call.api.store, asked.guild.id);
    let begun = in_read!(store, |conn| { conn.begin_walk(guild).await })?;
    let mut walk = begun.ok_or_else(|| Problem::of(Code::UnknownGuild))?;
    while in_read!(store, |conn| { conn.walk_on(&mut walk).await })? {}
    let report = walk.into_report();
    let faults = report.faults.iter().map(|at| Broken {
        sequence: at.seq,
        fault: at.fault.as_str(),
        message: at.fault.to_string(),
    });
    Ok(Found(Verified {
        holds: report.holds(),
        entries: report.entries,
        sequence: report.seq,
        hash: hex(&report.head),
        faults: faults.collect(),
        more_faults: report.left_off,
    }))
}
