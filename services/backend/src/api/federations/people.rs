//! Who bans in a federation beside its owner.

use super::super::access::Needs;
use super::super::input::Nothing;
use super::super::route::{Call, Done, Found, Route};
use super::lead::{Asker, Level};
use super::{Member, federation_id, person};
use crate::problem::{Code, Problem};
use axum::http::Method;
use lockdown_store::{StoreError, in_read, in_tx};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

/// More than any federation has: its owner is asked for each of them.
const MOST: usize = 100;

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "FederationAdmins")]
struct Admins {
    owner: Member,
    /// The longest serving first.
    admins: Vec<Member>,
}

pub(super) fn routes() -> Vec<Route> {
    let all = "/federations/{federationId}/admins";
    let one = "/federations/{federationId}/admins/{userId}";
    let member = json!({ "userId": "5311", "username": "olga", "displayName": "Olga" });
    vec![
        Route::new(Method::GET, all, "listFederationAdmins", Needs::Token, list)
            .says("List who bans in a federation", "To whoever knows its id.")
            .refuses(&[Code::UnknownFederation])
            .answer(json!({ "owner": member, "admins": [] })),
        Route::new(Method::PUT, one, "addFederationAdmin", Needs::Token, add)
            .says(
                "Make somebody an admin of a federation",
                "Its owner alone. Whoever is banned in it is unbanned first.",
            )
            .refuses(&[
                Code::UnknownFederation,
                Code::NotLead,
                Code::BadId,
                Code::Banned,
                Code::LeadsIt,
                Code::Full,
            ]),
        Route::new(Method::DELETE, one, "removeFederationAdmin", Needs::Token, remove)
            .says(
                "Take an admin's place away",
                "Its owner alone, and everybody their own. What they banned stays banned.",
            )
            .refuses(&[Code::UnknownFederation, Code::NotLead, Code::BadId, Code::NoAdmin]),
    ]
}

async fn list(call: Call, _: Nothing) -> Result<Found<Admins>, Problem> {
    let (id, asker) = (federation_id(&call)?, Asker::of(&call).await?);
    let found = in_read!(call.api.store, |conn| {
        let led = match asker.lead(conn, id, Level::Anybody).await? {
            Ok(led) => led,
            Err(problem) => return Ok(Err(problem)),
        };
        let owner = conn.identity_by_id(led.federation.owner_id).await?;
        let admins = conn.federation_admins(id).await?;
        Ok::<_, StoreError>(Ok((owner, admins)))
    })?;
    let (owner, admins) = found?;
    Ok(Found(Admins {
        owner: owner.ok_or_else(|| Problem::of(Code::Internal))?.into(),
        admins: admins.into_iter().map(Member::from).collect(),
    }))
}

async fn add(call: Call, _: Nothing) -> Result<Done, Problem> {
    let (id, asker) = (federation_id(&call)?, Asker::of(&call).await?);
    let user = call.param("userId")?;
    let platform = in_read!(call.api.store, |conn| { conn.federation(id).await })?;
    let platform = platform
        .ok_or_else(|| Problem::of(Code::UnknownFederation))?
        .platform;
    let whom = call.api.desk.identity(&person(platform, &user)?).await?;
    in_tx!(call.api.store, |tx| {
        let led = match asker.lead(tx, id, Level::Owner).await? {
            Ok(led) => led,
            Err(problem) => return Ok(Err(problem)),
        };
        if whom == led.federation.owner_id {
            let detail = "They own it, which is more than an admin is.";
            return Ok(Err(Problem::new(Code::LeadsIt, detail)));
        }
        // Changes of bans and of admins do not pass by each other.
        tx.next_federation_version(id).await?;
        if tx.federation_ban(id, whom).await?.is_some() {
            let detail = "They are banned in this federation: unban them first.";
            return Ok(Err(Problem::new(Code::Banned, detail)));
        }
        if tx.federation_admins(id).await?.len() >= MOST {
            let detail = format!("A federation has at most {MOST} admins.");
            return Ok(Err(Problem::new(Code::Full, detail)));
        }
        if tx.add_federation_admin(id, whom, call.now()).await? {
            let body = json!({ "identity": whom.to_string() });
            led.write_down(tx, &call, "federation:promote", &body).await?;
        }
        Ok::<_, StoreError>(Ok(Done))
    })?
}

async fn remove(call: Call, _: Nothing) -> Result<Done, Problem> {
    let (id, asker) = (federation_id(&call)?, Asker::of(&call).await?);
    let user = call.param("userId")?;
    in_tx!(call.api.store, |tx| {
        let led = match asker.lead(tx, id, Level::Anybody).await? {
            Ok(led) => led,
            Err(problem) => return Ok(Err(problem)),
        };
        let whom = match person(led.federation.platform, &user) {
            Ok(whom) => tx.identity(whom.platform, &whom.id).await?,
            Err(problem) => return Ok(Err(problem)),
        };
        let is_own = whom.as_ref().is_some_and(|whom| asker.is(whom.id));
        if !is_own && let Err(problem) = asker.lead(tx, id, Level::Owner).await? {
            return Ok(Err(problem));
        }
        let removed = match &whom {
            Some(whom) => tx.remove_federation_admin(id, whom.id).await?,
            None => false,
        };
        let (Some(whom), true) = (whom, removed) else {
            return Ok(Err(Problem::of(Code::NoAdmin)));
        };
        let body = json!({ "identity": whom.id.to_string() });
        led.write_down(tx, &call, "federation:demote", &body).await?;
        Ok::<_, StoreError>(Ok(Done))
    })?
}
