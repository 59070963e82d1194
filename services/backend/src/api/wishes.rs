//! What whoever asks wants to be told of a community, and how.

use super::access::Needs;
use super::input::{Body, Nothing};
use super::route::{Found, InGuild, Route};
use crate::problem::{Code, Problem};
use axum::http::Method;
use lockdown_moderation::notices::Wishes;
use lockdown_moderation::{Actor, UserRef};
use lockdown_store::in_read;
use serde_json::json;

pub(super) fn routes() -> Vec<Route> {
    let chosen = json!({ "direct": ["alert", "approval"], "hidden": [], "quiet": { "from": "22:00", "to": "07:00" },
        "digest": "18:00", "timezone": "Europe/Berlin", "urgentAtOnce": true });
    let path = "/me/notifications";
    vec![
        Route::of_guild(
            Method::GET,
            path,
            "getNotificationWishes",
            Needs::AnyRight,
            show,
        )
        .says(
            "Show what you are told of a community",
            "As you chose it; by direct message nothing, where you never did.",
        )
        .refuses(&[Code::NoAccount])
        .answer(chosen.clone()),
        Route::of_guild(
            Method::PUT,
            path,
            "putNotificationWishes",
            Needs::AnyRight,
            put,
        )
        .says(
            "Choose what you are told of a community",
            "All of it: what is left out is as if you had never chosen it. `direct` has what the bot tells you by direct message \
             for as long as you keep order there, `hidden` what does not show on your dashboard. What comes within quiet hours is \
             told after them, as one.",
        )
        .refuses(&[Code::NoAccount, Code::BadSettings])
        .sample(chosen.clone())
        .answer(chosen),
    ]
}

/// Whoever asks, by their account on the platform of the guild.
async fn own(asked: &InGuild) -> Result<UserRef, Problem> {
    if let Actor::Person(who) = asked.call.actor() {
        return Ok(who);
    }
    let platform = asked.guild.platform;
    let of_token = asked.call.caller.token().and_then(|token| token.created_by);
    let identities = match of_token {
        Some(account) => in_read!(asked.call.api.store, |conn| { conn.identities_of(account).await })?,
        None => Vec::new(),
    };
    let there = identities
        .into_iter()
        .find(|identity| identity.platform == platform);
    there
        .map(|identity| UserRef::new(platform, identity.native_id))
        .ok_or_else(|| Problem::of(Code::NoAccount))
}

async fn show(asked: InGuild, _: Nothing) -> Result<Found<Wishes>, Problem> {
    let who = own(&asked).await?;
    let wishes = asked.call.api.desk.wishes(&asked.guild_ref(), &who).await?;
    Ok(Found(wishes))
}

async fn put(asked: InGuild, Body(wishes): Body<Wishes>) -> Result<Found<Wishes>, Problem> {
    let who = own(&asked).await?;
    wishes.check().map_err(|bad| {
        let message = bad.to_string();
        Problem::new(Code::BadSettings, message.clone()).at(bad.path, message)
    })?;
    let desk = &asked.call.api.desk;
    desk.set_wishes(&asked.guild_ref(), &who, &wishes).await?;
    Ok(Found(wishes))
}
