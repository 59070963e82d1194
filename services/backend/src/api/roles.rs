//! Roles of ours: who has which in a guild. Whoever gives one or takes it back has all that it holds.

use super::access::{Needs, Powers, Role, Scope};
use super::input::Nothing;
use super::route::{Done, Found, InGuild, Route};
use crate::problem::{Code, Problem};
use axum::http::Method;
use chrono::{DateTime, Utc};
use lockdown_events::EventId;
use lockdown_moderation::{Right, UserRef};
use lockdown_runtime::Ids;
use lockdown_store::audit::{ActorKind, NewEntry, Personal};
use lockdown_store::dbx::Json;
use lockdown_store::guilds::CommunityId;
use lockdown_store::people::IdentityId;
use lockdown_store::roles::{self, Binding, RoleId, Subject, SubjectKind};
use lockdown_store::{Reader, StoreError, Tx, in_read, in_tx};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// How far apart our own roles stand, so that others fit between.
const STEP: u64 = 10;

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "GuildRoles")]
struct Listed {
    /// The highest first.
    roles: Vec<Known>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "GuildRole")]
struct Known {
    name: String,
    scopes: BTreeSet<String>,
    /// Those who have it here.
    holders: Vec<Holder>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RoleHolder")]
struct Holder {
    /// `person`, `account` (who signs in), `platform_role` or `token`.
    kind: &'static str,
    /// A person's and a role's id on their platform, the name of an account, the id of a token.
    id: String,
    /// Whether they have it in every guild of the community.
    everywhere: bool,
}

pub(super) fn routes() -> Vec<Route> {
    let path = "/members/{userId}/roles/{role}";
    let needs = Needs::Right(Right::Configure);
    vec![
        Route::of_guild(Method::GET, "/roles", "listRoles", needs, list)
            .says(
                "List who has which role of ours",
                "Beside what the platform lets them do.",
            )
            .answer(json!({ "roles": [{ "name": "moderator", "scopes": ["ban", "kick"],
                "holders": [{ "kind": "person", "id": "9022", "everywhere": false }] }] })),
        Route::of_guild(Method::PUT, path, "giveRole", needs, give).says(
            "Give somebody a role of ours",
            "In this guild; from now on they may what it holds, by whatever way they ask. It is so already: nothing happens. Whoever \
             gives it has all that it holds.",
        ).refuses(&[Code::UnknownRole]),
        Route::of_guild(Method::DELETE, path, "takeRole", needs, take).says(
            "Take a role of ours back",
            "What they have in every guild of the community, or by a role of the platform, stays. Whoever takes it has all that \
             it holds.",
        ).refuses(&[Code::UnknownRole, Code::NoSuchHolder]),
    ]
}

/// The role of this name in a community. Where there is none it is made, with what it usually holds; a community that has
/// given the name a meaning of its own keeps that.
pub async fn usual_role(
    tx: &mut Tx,
    ids: &Ids,
    community: CommunityId,
    role: Role,
    now: DateTime<Utc>,
) -> Result<roles::Role, StoreError> {
    if let Some(known) = tx.role_by_name(community, role.as_str()).await? {
        return Ok(known);
    }
    let scopes = role.scopes().map(|scope| scope.as_str().to_owned());
    let steps = Role::ALL.iter().take_while(|known| **known != role).count();
    let usual = roles::Role {
        id: RoleId(ids.next()),
        community_id: community,
        name: role.as_str().to_owned(),
        permissions: Json(scopes.collect()),
        position: STEP * steps as u64,
        created_at: now,
    };
    tx.insert_role(&usual).await?;
    // Of two who make it at once, one did.
    let known = tx.role_by_name(community, role.as_str()).await?;
    Ok(known.unwrap_or(usual))
}

async fn list(asked: InGuild, _: Nothing) -> Result<Found<Listed>, Problem> {
    let guild = &asked.guild;
    let roles = in_read!(asked.call.api.store, |conn| {
        let mut listed = Vec::new();
        for role in conn.roles(guild.community_id).await? {
            let mut bound = conn.role_bindings(role.id).await?;
            bound.retain(|bound| bound.guild_id.is_none_or(|id| id == guild.id));
            listed.push(Known {
                holders: holders(conn, bound).await?,
                name: role.name,
                scopes: role.permissions.0,
            });
        }
        Ok::<_, StoreError>(listed)
    })?;
    Ok(Found(Listed { roles }))
}

async fn holders(conn: &mut Reader, bound: Vec<Binding>) -> Result<Vec<Holder>, StoreError> {
    let people = bound
        .iter()
        .filter(|bound| bound.subject_kind == SubjectKind::Identity);
    let ids: BTreeSet<IdentityId> = people
        .filter_map(|bound| bound.subject_id.parse().ok().map(IdentityId))
        .collect();
    let people: BTreeMap<String, String> = conn
        .identities_by_id(ids)
        .await?
        .into_iter()
        .map(|identity| (identity.id.to_string(), identity.native_id.to_string()))
        .collect();
    let mut holders = Vec::with_capacity(bound.len());
    for one in bound {
        let (kind, id) = match one.subject_kind {
            SubjectKind::Identity => ("person", people.get(&one.subject_id).cloned()),
            SubjectKind::Account => {
                let id = one.subject_id.parse().ok();
                let account = match id {
                    Some(id) => conn.account(lockdown_store::accounts::AccountId(id)).await?,
                    None => None,
                };
                ("account", account.map(|account| account.login))
            }
            SubjectKind::PlatformRole => ("platform_role", None),
            SubjectKind::Token => ("token", None),
        };
        holders.push(Holder {
            kind,
            id: id.unwrap_or(one.subject_id),
            everywhere: one.guild_id.is_none(),
        });
    }
    Ok(holders)
}

async fn give(asked: InGuild, _: Nothing) -> Result<Done, Problem> {
    let (role, who) = of_path(&asked)?;
    // What it usually holds is refused before a row is made for anybody.
    may(&asked.call.powers, role.scopes())?;
    let of = asked.call.api.desk.identity(&who).await?;
    let (ids, now, guild) = (&asked.call.api.ctx.ids, asked.call.now(), &asked.guild);
    let by = author(&asked).await?;
    in_tx!(asked.call.api.store, |tx| {
        let known = usual_role(tx, ids, guild.community_id, role, now).await?;
        if let Err(problem) = may(&asked.call.powers, held(&known)) {
            return Ok(Err(problem));
        }
        let subject = Subject::Identity(of);
        if tx.bind_role(known.id, &subject, Some(guild.id), now).await? {
            write_down(tx, &asked, &by, "role:give", role, (of, &who)).await?;
        }
        Ok::<_, StoreError>(Ok(Done))
    })?
}

async fn take(asked: InGuild, _: Nothing) -> Result<Done, Problem> {
    let (role, who) = of_path(&asked)?;
    may(&asked.call.powers, role.scopes())?;
    let guild = &asked.guild;
    let by = author(&asked).await?;
    in_tx!(asked.call.api.store, |tx| {
        let has_not = || {
            let detail = format!(
                "{} does not have the role `{}` in this guild alone.",
                who.id,
                role.as_str()
            );
            Ok(Err(Problem::new(Code::NoSuchHolder, detail)))
        };
        let Some(known) = tx.role_by_name(guild.community_id, role.as_str()).await? else {
            return has_not();
        };
        let Some(of) = tx.identity(who.platform, &who.id).await? else {
            return has_not();
        };
        if let Err(problem) = may(&asked.call.powers, held(&known)) {
            return Ok(Err(problem));
        }
        let subject = Subject::Identity(of.id);
        if !tx.unbind_role(known.id, &subject, Some(guild.id)).await? {
            return has_not();
        }
        write_down(tx, &asked, &by, "role:take", role, (of.id, &who)).await?;
        Ok::<_, StoreError>(Ok(Done))
    })?
}

/// Which role, and whose.
fn of_path(asked: &InGuild) -> Result<(Role, UserRef), Problem> {
    let name: String = asked.call.param("role")?;
    let of_guild = |role: &Role| *role != Role::Operator && role.as_str() == name;
    let role = Role::ALL.into_iter().find(of_guild).ok_or_else(|| {
        let known: Vec<&str> = Role::ALL
            .iter()
            .filter(|role| **role != Role::Operator)
            .map(|role| role.as_str())
            .collect();
        let detail = format!("There is no role {name:?}, but {}.", known.join(", "));
        Problem::new(Code::UnknownRole, detail)
    })?;
    Ok((role, UserRef::new(asked.guild.platform, asked.user()?)))
}

/// What a role holds that somebody could have: words that nobody knows give nothing, and no role gives operating.
fn held(role: &roles::Role) -> impl Iterator<Item = Scope> {
    let scopes = role.permissions.0.iter().filter_map(|word| Scope::find(word));
    scopes.filter(|scope| *scope != Scope::Operate)
}

/// Nobody gives or takes what they do not have.
fn may(powers: &Powers, mut scopes: impl Iterator<Item = Scope>) -> Result<(), Problem> {
    let Some(lacks) = scopes.find(|scope| !powers.has(*scope)) else {
        return Ok(());
    };
    let detail = format!(
        "The role holds the scope `{}`, which you do not have yourself.",
        lacks.as_str()
    );
    Err(Problem::new(Code::Forbidden, detail))
}

/// By which rows know whoever asks.
pub(super) async fn author(asked: &InGuild) -> Result<(ActorKind, String), Problem> {
    let actor = asked.call.actor();
    Ok(match actor.person() {
        Some(who) => {
            let identity = asked.call.api.desk.identity(who).await?;
            (ActorKind::Person, identity.to_string())
        }
        None => (ActorKind::Token, actor.to_string()),
    })
}

async fn write_down(
    tx: &mut Tx,
    asked: &InGuild,
    by: &(ActorKind, String),
    act: &str,
    role: Role,
    of: (IdentityId, &UserRef),
) -> Result<(), StoreError> {
    let entry = NewEntry {
        guild: asked.guild.id,
        at: asked.call.now(),
        actor_kind: by.0,
        actor: &by.1,
        act,
        subject: &format!("role:{}", role.as_str()),
        body: &json!({ "identity": of.0.to_string() }),
        personal: Some(Personal {
            of: Some(of.0),
            text: &json!({ "userId": of.1.id }),
        }),
    };
    let event = EventId(asked.call.api.ctx.ids.next());
    tx.record_act(&asked.guild, &entry, event).await.map(drop)
}
