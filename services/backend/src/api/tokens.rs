//! Tokens: what programs sign in with. Whoever gives one out gives no more than they have.

use super::Api;
use super::access::{Caller, Needs, Role, Scope};
use super::input::{Body, Nothing, PageQuery, Query, cut, ends};
use super::person::ACCOUNT;
use super::route::{Answer, Call, Done, Found, Give, Given, Route};
use crate::problem::{Code, Problem};
use axum::http::{Method, StatusCode};
use chrono::{DateTime, Utc};
use lockdown_store::access_log::NewAccess;
use lockdown_store::audit::ActorKind;
use lockdown_store::dbx::Json;
use lockdown_store::guilds::CommunityId;
use lockdown_store::tokens::{ApiToken, TokenId};
use lockdown_store::{Bearer, Reader, StoreError, Tx, in_read, in_tx};
use schemars::{JsonSchema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;
use uuid::Uuid;

const LONGEST_NAME: usize = 64;

/// A name for a set of scopes.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "Role")]
enum RoleName {
    Viewer,
    Moderator,
    Admin,
    Owner,
    Operator,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewToken {
    /// Given once: records name the token by it.
    #[schemars(length(min = 1, max = 64))]
    name: String,
    /// The address of the community that it is for; your own token's without. Only operators make tokens of none.
    community: Option<String>,
    /// What it may: the scopes of a role,
    role: Option<RoleName>,
    /// or these. A token without any sees, and does nothing.
    scopes: Option<BTreeSet<String>>,
    /// How long it opens anything, as `30d`; for ever without.
    duration: Option<String>,
    /// The end as a time, in place of `duration`.
    expires_at: Option<DateTime<Utc>>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Token")]
struct TokenBody {
    id: String,
    name: String,
    /// How the token begins.
    prefix: String,
    /// `live`, `expired` or `revoked`.
    state: &'static str,
    scopes: BTreeSet<String>,
    /// The address of its community; `null`: of every one.
    community: Option<String>,
    created_at: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
    /// To the minute.
    last_used_at: Option<DateTime<Utc>>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "TokenPage")]
struct Page {
    /// Oldest first, with those that open nothing any more.
    tokens: Vec<TokenBody>,
    /// For the page after this one; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "CreatedToken")]
struct Created {
    #[serde(flatten)]
    about: TokenBody,
    /// The token itself, shown this once: `null` when the request is repeated with its key.
    token: Option<String>,
}

pub(super) fn routes() -> Vec<Route> {
    let one = json!({ "id": "0199c2d4-0000-7000-8000-000000000001", "name": "trust", "prefix": "ldk_0a1b2c3d",
        "state": "live", "scopes": ["ban", "kick"], "community": "town", "createdAt": "2026-11-20T09:06:00Z",
        "expiresAt": null, "revokedAt": null, "lastUsedAt": null });
    vec![
        Route::new(Method::GET, "/tokens", "listTokens", Needs::Own, list)
            .says(
                "List tokens",
                "Those of your community; all of them for operators.",
            )
            .answer(json!({ "tokens": [one] })),
        Route::new(Method::POST, "/tokens", "createToken", Needs::Own, create)
            .says(
                "Give a token out",
                "It may what its maker may at most, and is shown once.",
            )
            .refuses(&[Code::Conflict, Code::BadDuration])
            .sample(json!({ "name": "trust", "community": "town", "role": "moderator", "duration": "90d" })),
        Route::new(Method::DELETE, "/tokens/{id}", "revokeToken", Needs::Own, revoke)
            .says("Revoke a token", "From now on it opens nothing, for good.")
            .refuses(&[Code::NotFound]),
    ]
}

// === impl RoleName ===

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Viewer => Self::Viewer,
            RoleName::Moderator => Self::Moderator,
            RoleName::Admin => Self::Admin,
            RoleName::Owner => Self::Owner,
            RoleName::Operator => Self::Operator,
        }
    }
}

// === impl TokenBody ===

impl TokenBody {
    fn of(token: ApiToken, community: Option<String>, now: DateTime<Utc>) -> Self {
        Self {
            id: token.id.to_string(),
            state: token.state(now).as_str(),
            name: token.name,
            prefix: token.prefix,
            scopes: token.scopes.0,
            community,
            created_at: token.created_at,
            expires_at: token.expires_at,
            revoked_at: token.revoked_at,
            last_used_at: token.last_used_at,
        }
    }
}

// === impl Created ===

impl Give for Created {
    fn give(mut self) -> Answer {
        let answer = Answer::of(StatusCode::CREATED, &self);
        self.token = None;
        let kept = Answer::of(StatusCode::CREATED, &self).body;
        Answer { kept, ..answer }
    }

    fn describe(generator: &mut SchemaGenerator) -> Vec<Given> {
        vec![Given::json::<Self>(201, "A new one.", generator)]
    }
}

async fn list(call: Call, Query(page): Query<PageQuery>) -> Result<Found<Page>, Problem> {
    let (limit, after) = (page.limit()?, page.cursor::<Uuid>()?.map(TokenId));
    let (now, reach) = (call.now(), call.caller.reach());
    let (tokens, next_cursor) = in_read!(call.api.store, |conn| {
        let mut rows = match reach.these() {
            None => conn.tokens(None, after, limit + 1).await?,
            Some(communities) => {
                let mut rows = Vec::new();
                for community in communities {
                    rows.extend(conn.tokens(Some(*community), after, limit + 1).await?);
                }
                rows.sort_by_key(|row| row.id);
                rows
            }
        };
        let next = cut(&mut rows, limit).map(|row| row.id.to_string());
        let mut slugs = BTreeMap::new();
        let mut tokens = Vec::with_capacity(rows.len());
        for row in rows {
            let community = slug(conn, &mut slugs, row.community_id).await?;
            tokens.push(TokenBody::of(row, community, now));
        }
        Ok::<_, StoreError>((tokens, next))
    })?;
    Ok(Found(Page { tokens, next_cursor }))
}

pub(super) async fn slug(
    conn: &mut Reader,
    known: &mut BTreeMap<CommunityId, Option<String>>,
    id: Option<CommunityId>,
) -> Result<Option<String>, StoreError> {
    let Some(id) = id else { return Ok(None) };
    if let Some(slug) = known.get(&id) {
        return Ok(slug.clone());
    }
    let slug = conn.community(id).await?.map(|community| community.slug);
    known.insert(id, slug.clone());
    Ok(slug)
}

async fn create(call: Call, Body(new): Body<NewToken>) -> Result<Created, Problem> {
    let name = new.name.trim();
    let bad_name =
        name.is_empty() || name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control);
    if name.starts_with(ACCOUNT) {
        let message = format!("Records name people with `{ACCOUNT}`: choose another name.");
        return Err(invalid("name", message));
    }
    if bad_name || name != new.name {
        let message =
            format!("A name has 1 to {LONGEST_NAME} characters, no controls, and no blanks around it.");
        return Err(invalid("name", message));
    }
    let community = community(&call, new.community.as_deref()).await?;
    let scopes = match (new.role, new.scopes) {
        (Some(_), Some(_)) => return Err(invalid("scopes", "Say `role` or `scopes`, not both.".into())),
        (Some(role), None) => Role::from(role).scopes().collect(),
        (None, scopes) => read(&scopes.unwrap_or_default())?,
    };
    let powers = call.caller.powers_for(community.as_ref().map(|(id, _)| *id));
    if let Some(scope) = scopes.iter().find(|scope| !powers.has(**scope)) {
        let detail = format!(
            "You cannot give the scope `{}`, which you do not have.",
            scope.as_str()
        );
        return Err(Problem::new(Code::Forbidden, detail));
    }
    if community.is_some() && scopes.contains(&Scope::Operate) {
        let message = "A token of one community does not operate: leave `community` out.";
        return Err(invalid("community", message.into()));
    }
    let now = call.now();
    let ends = ends(new.duration.as_deref(), new.expires_at, now, &Utc)?;
    let secret = Bearer::for_token();
    let words = scopes.iter().map(|scope| scope.as_str().to_owned());
    let token = ApiToken {
        id: TokenId(call.api.ctx.ids.next()),
        community_id: community.as_ref().map(|(id, _)| *id),
        name: name.to_owned(),
        prefix: secret.prefix(),
        scopes: Json(words.collect()),
        created_by: match &call.caller {
            Caller::Bootstrap | Caller::Person(_) | Caller::Hook(_) => None,
            Caller::Token(token) => token.created_by,
            Caller::SignedIn(person) => Some(person.account.id),
        },
        created_at: now,
        expires_at: ends.at(),
        revoked_at: None,
        last_used_at: None,
    };
    let (kind, name) = call.caller.in_log();
    let made = in_tx!(call.api.store, |tx| {
        if !tx.insert_token(&token, &secret).await? {
            return Ok(false);
        }
        log_token(tx, (kind, &name), &token, "token:make", now).await?;
        Ok::<_, StoreError>(true)
    });
    if !made? {
        let detail = "There is or was a token of this name, and records may mean it: choose another.";
        return Err(Problem::new(Code::Conflict, detail).at("name", detail));
    }
    tracing::info!(token = %token.id, "A token was given out");
    Ok(Created {
        about: TokenBody::of(token, community.map(|(_, slug)| slug), now),
        token: Some(secret.expose().to_owned()),
    })
}

pub(super) fn invalid(path: &str, message: String) -> Problem {
    Problem::new(Code::Invalid, message.clone()).at(path, message)
}

fn read(words: &BTreeSet<String>) -> Result<Vec<Scope>, Problem> {
    let unknown = |word: &String| {
        let known: Vec<&str> = Scope::all().map(Scope::as_str).collect();
        invalid(
            "scopes",
            format!("There is no scope {word:?}, but {}.", known.join(", ")),
        )
    };
    words
        .iter()
        .map(|word| Scope::find(word).ok_or_else(|| unknown(word)))
        .collect()
}

/// The community of a new token, or of something else that is made for one. Whoever speaks for one need not name it.
pub(super) async fn community(
    call: &Call,
    wanted: Option<&str>,
) -> Result<Option<(CommunityId, String)>, Problem> {
    let reach = call.caller.reach();
    let found = match (reach.these(), wanted) {
        (_, Some(slug)) => in_read!(call.api.store, |conn| { conn.community_by_slug(slug).await })?,
        (Some([own]), None) => in_read!(call.api.store, |conn| { conn.community(*own).await })?,
        (None, None) if call.powers.operate => return Ok(None),
        (_, None) => return Err(invalid("community", "Say for which community it is.".into())),
    };
    let found = found.filter(|found| reach.has(found.id));
    let unknown = || invalid("community", "There is no such community.".into());
    found
        .map(|found| Some((found.id, found.slug)))
        .ok_or_else(unknown)
}

async fn revoke(call: Call, _: Nothing) -> Result<Done, Problem> {
    let id = TokenId(call.param("id")?);
    let (now, reach) = (call.now(), call.caller.reach());
    let (kind, name) = call.caller.in_log();
    let revoked = in_tx!(call.api.store, |tx| {
        let found = tx.token(id).await?;
        let is_visible =
            |token: &ApiToken| reach.these().is_none() || token.community_id.is_some_and(|id| reach.has(id));
        let Some(token) = found.filter(is_visible) else {
            return Ok(false);
        };
        if tx.revoke_token(id, now).await? {
            log_token(tx, (kind, &name), &token, "token:revoke", now).await?;
        }
        Ok::<_, StoreError>(true)
    })?;
    if !revoked {
        return Err(Problem::new(Code::NotFound, "There is no such token."));
    }
    tracing::info!(token = %id, "A token was revoked");
    Ok(Done)
}

/// Writes down what was done to a token, by whom.
pub async fn log_token(
    tx: &mut Tx,
    by: (ActorKind, &str),
    token: &ApiToken,
    act: &str,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let body = json!({ "name": token.name, "prefix": token.prefix, "scopes": token.scopes.0, "expiresAt": token.expires_at });
    tx.append_access(&NewAccess {
        at,
        community: token.community_id,
        actor_kind: by.0,
        actor: by.1,
        act,
        subject: &format!("token:{}", token.id),
        body: &body,
    })
    .await
    .map(drop)
}

/// Writes down, now and then, that somebody came with a token that opens nothing any more. What never opened anything is only
/// counted: whoever guesses must not fill the log.
pub(super) async fn refuse(api: &Api, sent: &str) -> Result<(), StoreError> {
    metrics::counter!("lockdown_http_refused_tokens_total").increment(1);
    let secret = Bearer::sent(sent);
    let Some(token) = in_read!(api.store, |conn| { conn.token_that_was(&secret).await })? else {
        return Ok(());
    };
    if api.refusals.take(&token.id.to_string(), Instant::now()).is_err() {
        return Ok(());
    }
    let now = api.ctx.clock.now();
    let by = (ActorKind::Token, token.name.as_str());
    in_tx!(api.store, |tx| {
        log_token(tx, by, &token, "token:refuse", now).await
    })
}
