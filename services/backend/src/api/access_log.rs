//! The audit of what is of no guild: who was let in, and who was given what.

use super::access::Needs;
use super::input::{Nothing, PageQuery, Query, cut};
use super::route::{Call, Found, Route};
use crate::problem::Problem;
use axum::http::Method;
use chrono::{DateTime, Utc};
use lockdown_runtime::ids::hex;
use lockdown_store::accounts::AccountId;
use lockdown_store::audit::ActorKind;
use lockdown_store::{StoreError, in_read};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "AccessPage")]
struct Page {
    /// Newest first.
    entries: Vec<Entry>,
    /// For the page after this one; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "AccessEntry")]
struct Entry {
    sequence: u64,
    at: DateTime<Utc>,
    /// `person`, `token` or `system`.
    actor_kind: &'static str,
    /// Somebody's login or identity, or the name of a token.
    actor: String,
    /// Such as `session:begin`, `session:end`, `link:make`, `role:give`, `token:make`, `token:revoke`, `token:refuse`,
    /// `federation:ban`.
    act: String,
    subject: String,
    body: Value,
    /// Each is made with the one before it.
    hash: String,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "AccessVerification")]
struct Verified {
    holds: bool,
    entries: u64,
    /// Of the newest entry.
    sequence: u64,
    hash: String,
    /// The first place where it does not hold.
    fault: Option<Broken>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AccessFault")]
struct Broken {
    sequence: u64,
    fault: &'static str,
    message: String,
}

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/access-log", "listAccess", Needs::Own, list).says(
            "List who was let in",
            "Tokens and roles of your communities, newest first; for operators those of all, links and sign-ins as well.",
        ),
        Route::new(Method::GET, "/access-log/verify", "verifyAccess", Needs::Operate, verify)
            .says("Verify the log of access", "Walks over the whole chain: whether an entry was changed, or is missing.")
            .answer(json!({ "holds": true, "entries": 2, "sequence": 2, "hash": "9f86d0", "fault": null })),
    ]
}

async fn list(call: Call, Query(page): Query<PageQuery>) -> Result<Found<Page>, Problem> {
    let (limit, before) = (page.limit()?, page.cursor::<u64>()?);
    let before = before.filter(|before| i64::try_from(*before).is_ok());
    let reach = call.caller.reach();
    let (mut rows, logins) = in_read!(call.api.store, |conn| {
        let rows = conn.access_page(reach.these(), before, limit + 1).await?;
        let mut logins: BTreeMap<String, String> = BTreeMap::new();
        for row in rows.iter().filter(|row| row.actor_kind == ActorKind::Person) {
            if logins.contains_key(&row.actor) {
                continue;
            }
            let Ok(id) = row.actor.parse() else { continue };
            if let Some(account) = conn.account(AccountId(id)).await? {
                logins.insert(row.actor.clone(), account.login);
            }
        }
        Ok::<_, StoreError>((rows, logins))
    })?;
    let next_cursor = cut(&mut rows, limit).map(|row| row.seq.to_string());
    let entries = rows.into_iter().map(|row| Entry {
        sequence: row.seq,
        at: row.at,
        actor_kind: row.actor_kind.as_str(),
        actor: logins.get(&row.actor).cloned().unwrap_or(row.actor),
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

async fn verify(call: Call, _: Nothing) -> Result<Found<Verified>, Problem> {
    let report = in_read!(call.api.store, |conn| { conn.verify_access_log().await })?;
    let fault = report.fault.map(|(sequence, fault)| Broken {
        sequence,
        fault: fault.as_str(),
        message: fault.to_string(),
    });
    Ok(Found(Verified {
        holds: fault.is_none(),
        entries: report.entries,
        sequence: report.seq,
        hash: hex(&report.head),
        fault,
    }))
}
