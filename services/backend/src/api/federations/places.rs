//! Where the bans of a federation hold: guilds, and federations that go by it.

use super::super::access::Needs;
use super::super::input::{Body, Nothing, PageQuery, Query, cut};
use super::super::roles::author;
use super::super::route::{Call, Done, Found, InGuild, Route};
use super::lead::{Asker, Level};
use super::{Shown, changed, example, federation_id};
use crate::problem::{Code, Problem};
use axum::http::Method;
use lockdown_events::{EventId, GuildId, Platform};
use lockdown_store::audit::{ActorKind, NewEntry};
use lockdown_store::federations::FederationId;
use lockdown_store::guilds::{Guild, GuildKey};
use lockdown_store::{StoreError, Tx, in_read, in_tx};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// As many as one goes by: whoever wants more goes by nobody's word in particular.
const MOST: usize = 20;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "FederationToJoin")]
struct ToJoin {
    #[schemars(with = "String")]
    federation_id: Uuid,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "FederationGuilds")]
struct Guilds {
    guilds: Vec<Place>,
    /// For the page after this one; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "FederationGuild")]
struct Place {
    platform: Platform,
    #[schemars(with = "String")]
    guild_id: GuildId,
    title: String,
    /// Whether the bot is still there.
    present: bool,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "FederationSubscriptions")]
struct Subscriptions {
    /// By name.
    federations: Vec<Shown>,
}

pub(super) fn routes() -> Vec<Route> {
    let guilds = "/federations/{federationId}/guilds";
    let all = "/federations/{federationId}/subscriptions";
    let one = "/federations/{federationId}/subscriptions/{otherId}";
    vec![
        Route::new(Method::GET, guilds, "listFederationGuilds", Needs::Token, list)
            .says(
                "List the guilds of a federation",
                "To its owner and its admins.",
            )
            .refuses(&[Code::UnknownFederation, Code::NotLead])
            .answer(json!({ "guilds": [{ "platform": "telegram", "guildId": "-1001", "title": "Town", "present": true }] })),
        Route::of_guild(Method::GET, "/federation", "getGuildFederation", Needs::AnyRight, of_guild)
            .says("Show the federation that a guild is in", "")
            .refuses(&[Code::InNone])
            .answer(example()),
        Route::of_guild(Method::PUT, "/federation", "joinFederation", Needs::Own, join)
            .says(
                "Put a guild into a federation",
                "By its owner. Who is banned in the federation is banned here from now on when they come or write; nobody is \
                 at once.",
            )
            .refuses(&[Code::UnknownFederation, Code::InOne])
            .sample(json!({ "federationId": "0199c2d4-0000-7000-8000-000000000007" }))
            .answer(example()),
        Route::of_guild(Method::DELETE, "/federation", "leaveFederation", Needs::Own, leave)
            .says(
                "Take a guild out of its federation",
                "By its owner. Who was banned stays banned.",
            )
            .refuses(&[Code::InNone]),
        Route::new(Method::GET, all, "listFederationSubscriptions", Needs::Token, subscriptions)
            .says("List what a federation goes by beside itself", "To its owner and its admins.")
            .refuses(&[Code::UnknownFederation, Code::NotLead])
            .answer(json!({ "federations": [example()] })),
        Route::new(Method::PUT, one, "subscribeFederation", Needs::Token, subscribe)
            .says(
                "Have a federation go by the bans of another",
                "Its owner alone. Its guilds then go by them as by their own, though not by what that one goes by in turn.",
            )
            .refuses(&[Code::UnknownFederation, Code::NotLead, Code::Same, Code::Full]),
        Route::new(Method::DELETE, one, "unsubscribeFederation", Needs::Token, unsubscribe)
            .says(
                "Have a federation not go by another any more",
                "Its owner alone. Who was banned by it stays banned.",
            )
            .refuses(&[Code::UnknownFederation, Code::NotLead, Code::NotSubscribed]),
    ]
}

async fn list(call: Call, Query(page): Query<PageQuery>) -> Result<Found<Guilds>, Problem> {
    let (id, asker) = (federation_id(&call)?, Asker::of(&call).await?);
    let (limit, after) = (page.limit()?, page.cursor::<Uuid>()?.map(GuildKey));
    let found = in_read!(call.api.store, |conn| {
        match asker.lead(conn, id, Level::Admin).await? {
            Ok(_) => conn.federation_guilds(id, after, limit + 1).await.map(Ok),
            Err(problem) => Ok(Err(problem)),
        }
    })?;
    let mut guilds = found?;
    let next_cursor = cut(&mut guilds, limit).map(|last| last.id.to_string());
    let guilds = guilds.into_iter().map(|guild| Place {
        platform: guild.platform,
        guild_id: guild.native_id,
        title: guild.title,
        present: guild.left_at.is_none(),
    });
    Ok(Found(Guilds {
        guilds: guilds.collect(),
        next_cursor,
    }))
}

async fn of_guild(asked: InGuild, _: Nothing) -> Result<Found<Shown>, Problem> {
    let asker = Asker::of(&asked.call).await?;
    let shown = in_read!(asked.call.api.store, |conn| {
        match conn.federation_of_guild(asked.guild.id).await? {
            Some(federation) => Shown::of(conn, &asker, federation).await.map(Some),
            None => Ok(None),
        }
    })?;
    shown.map(Found).ok_or_else(|| Problem::of(Code::InNone))
}

async fn join(asked: InGuild, Body(to): Body<ToJoin>) -> Result<Found<Shown>, Problem> {
    let (call, guild, id) = (&asked.call, &asked.guild, FederationId(to.federation_id));
    let (asker, by) = (Asker::of(call).await?, author(&asked).await?);
    let joined = in_tx!(call.api.store, |tx| {
        let federation = tx.federation(id).await?;
        let Some(federation) = federation.filter(|federation| federation.platform == guild.platform) else {
            return Ok(Err(Problem::of(Code::UnknownFederation)));
        };
        if tx.join_federation(guild.id, id, call.now()).await? {
            audit(tx, call, guild, &by, "federation:join", id).await?;
        } else if tx
            .federation_of_guild(guild.id)
            .await?
            .is_none_or(|its| its.id != id)
        {
            return Ok(Err(Problem::of(Code::InOne)));
        }
        Shown::of(tx, &asker, federation).await.map(Ok)
    })?;
    let shown = joined?;
    changed(&call.api.bus).await;
    Ok(Found(shown))
}

async fn leave(asked: InGuild, _: Nothing) -> Result<Done, Problem> {
    let (call, guild) = (&asked.call, &asked.guild);
    let by = author(&asked).await?;
    let left = in_tx!(call.api.store, |tx| {
        let Some(federation) = tx.federation_of_guild(guild.id).await? else {
            return Ok(false);
        };
        let left = tx.leave_federation(guild.id, federation.id).await?;
        if left {
            audit(tx, call, guild, &by, "federation:leave", federation.id).await?;
        }
        Ok::<_, StoreError>(left)
    })?;
    if !left {
        return Err(Problem::of(Code::InNone));
    }
    changed(&call.api.bus).await;
    Ok(Done)
}

async fn subscriptions(call: Call, _: Nothing) -> Result<Found<Subscriptions>, Problem> {
    let (id, asker) = (federation_id(&call)?, Asker::of(&call).await?);
    let found = in_read!(call.api.store, |conn| {
        if let Err(problem) = asker.lead(conn, id, Level::Admin).await? {
            return Ok(Err(problem));
        }
        let mut federations = Vec::new();
        for federation in conn.federation_subscriptions(id).await? {
            federations.push(Shown::of(conn, &asker, federation).await?);
        }
        Ok::<_, StoreError>(Ok(Subscriptions { federations }))
    })?;
    found.map(Found)
}

async fn subscribe(call: Call, _: Nothing) -> Result<Done, Problem> {
    let (id, to, asker) = (federation_id(&call)?, other(&call)?, Asker::of(&call).await?);
    let done = in_tx!(call.api.store, |tx| {
        let led = match asker.lead(tx, id, Level::Owner).await? {
            Ok(led) => led,
            Err(problem) => return Ok(Err(problem)),
        };
        if to == id {
            let detail = "A federation goes by its own bans already.";
            return Ok(Err(Problem::new(Code::Same, detail)));
        }
        let there = tx.federation(to).await?;
        if there.is_none_or(|there| there.platform != led.federation.platform) {
            return Ok(Err(Problem::of(Code::UnknownFederation)));
        }
        if tx.federation_subscriptions(id).await?.len() >= MOST {
            let detail = format!("A federation goes by at most {MOST} others.");
            return Ok(Err(Problem::new(Code::Full, detail)));
        }
        if tx.subscribe_federation(id, to, call.now()).await? {
            let body = json!({ "to": to.to_string() });
            led.write_down(tx, &call, "federation:subscribe", &body).await?;
        }
        Ok::<_, StoreError>(Ok(Done))
    })?;
    let done = done?;
    changed(&call.api.bus).await;
    Ok(done)
}

async fn unsubscribe(call: Call, _: Nothing) -> Result<Done, Problem> {
    let (id, to, asker) = (federation_id(&call)?, other(&call)?, Asker::of(&call).await?);
    let done = in_tx!(call.api.store, |tx| {
        let led = match asker.lead(tx, id, Level::Owner).await? {
            Ok(led) => led,
            Err(problem) => return Ok(Err(problem)),
        };
        if !tx.unsubscribe_federation(id, to).await? {
            return Ok(Err(Problem::of(Code::NotSubscribed)));
        }
        let body = json!({ "to": to.to_string() });
        led.write_down(tx, &call, "federation:unsubscribe", &body).await?;
        Ok::<_, StoreError>(Ok(Done))
    })?;
    let done = done?;
    changed(&call.api.bus).await;
    Ok(done)
}

fn other(call: &Call) -> Result<FederationId, Problem> {
    let id: Result<Uuid, _> = call.param("otherId");
    id.map(FederationId)
        .map_err(|_| Problem::of(Code::UnknownFederation))
}

/// In the audit of the guild.
async fn audit(
    tx: &mut Tx,
    call: &Call,
    guild: &Guild,
    by: &(ActorKind, String),
    act: &str,
    id: FederationId,
) -> Result<(), StoreError> {
    let entry = NewEntry {
        guild: guild.id,
        at: call.now(),
        actor_kind: by.0,
        actor: &by.1,
        act,
        subject: &format!("federation:{id}"),
        body: &json!({}),
        personal: None,
    };
    let event = EventId(call.api.ctx.ids.next());
    tx.record_act(guild, &entry, event).await.map(drop)
}

/// The same, by somebody who is nobody there.
pub(super) async fn write_down(
    tx: &mut Tx,
    call: &Call,
    guild: &Guild,
    by: &Asker,
    act: &str,
    id: FederationId,
) -> Result<(), StoreError> {
    audit(tx, call, guild, &(by.kind(), by.in_rows(guild.platform)), act, id).await
}
