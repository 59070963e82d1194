//! Who asks.

use super::access::Needs;
use super::input::Nothing;
use super::route::{Call, Found, Route};
use crate::problem::Problem;
use axum::http::Method;
use chrono::{DateTime, Utc};
use lockdown_events::{GuildId, Platform, UserId};
use lockdown_store::in_read;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Me {
    /// Of the token; `null` for the one of the configuration, and for somebody who is signed in.
    token_id: Option<String>,
    /// Of somebody who is signed in.
    account_id: Option<String>,
    name: String,
    /// The address of the token's community; `null`: of every one.
    community: Option<String>,
    /// What it may in every guild of its community, and somebody who is signed in where no guild is spoken of. In one of
    /// them, roles may give more.
    scopes: Vec<&'static str>,
    /// When the token or the session ends.
    expires_at: Option<DateTime<Utc>>,
    /// Beside the session's cookie, as `X-CSRF-Token`, for every method but GET.
    csrf_token: Option<String>,
    /// Who somebody who is signed in is on the platforms.
    identities: Vec<Identity>,
    /// What somebody who is signed in may, guild by guild; operators may everything everywhere.
    guilds: Vec<InGuild>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "MyIdentity")]
struct Identity {
    platform: Platform,
    #[schemars(with = "String")]
    user_id: UserId,
    username: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "MyGuild")]
struct InGuild {
    platform: Platform,
    #[schemars(with = "String")]
    guild_id: GuildId,
    scopes: Vec<&'static str>,
}

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/me", "getMe", Needs::Token, show)
            .says("Show who asks", "The token or the person, and what they may.")
            .answer(json!({ "tokenId": "0199c2d4-0000-7000-8000-000000000001", "accountId": null, "name": "trust",
                "community": "town", "scopes": ["ban", "kick"], "expiresAt": null, "csrfToken": null, "identities": [],
                "guilds": [] })),
    ]
}

async fn show(call: Call, _: Nothing) -> Result<Found<Me>, Problem> {
    let token = call.caller.token();
    let community = match token.and_then(|token| token.community_id) {
        Some(id) => in_read!(call.api.store, |conn| { conn.community(id).await })?,
        None => None,
    };
    let mut me = Me {
        token_id: token.map(|token| token.id.to_string()),
        account_id: None,
        name: call.caller.name().to_owned(),
        community: community.map(|community| community.slug),
        scopes: call.powers.words(),
        expires_at: token.and_then(|token| token.expires_at),
        csrf_token: None,
        identities: Vec::new(),
        guilds: Vec::new(),
    };
    let Some(person) = call.caller.person() else {
        return Ok(Found(me));
    };
    me.account_id = Some(person.account.id.to_string());
    me.expires_at = Some(person.session.expires_at);
    me.csrf_token = Some(person.csrf().to_owned());
    let identities = person.identities().iter().map(|identity| Identity {
        platform: identity.platform,
        user_id: identity.native_id.clone(),
        username: identity.username.clone(),
    });
    me.identities = identities.collect();
    if !person.operates() {
        let guilds = in_read!(call.api.store, |conn| { conn.guilds().await })?;
        let seen = guilds.into_iter().filter(|guild| person.sees(guild));
        let guilds = seen.map(|guild| InGuild {
            platform: guild.platform,
            scopes: person.powers_in(&guild).words(),
            guild_id: guild.native_id,
        });
        me.guilds = guilds.collect();
    }
    Ok(Found(me))
}
