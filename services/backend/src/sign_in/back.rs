//! To a platform, and back from it.

use super::cookie::Kind;
use super::discord::{self, Way};
use super::visit::{Stop, Visit, field};
use super::{Response, StatusCode, header, page, shown, telegram};
use crate::api::Door;
use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::response::IntoResponse as _;
use chrono::TimeDelta;
use lockdown_events::Platform;
use lockdown_runtime::ids::random_token;

/// How long somebody may take at their platform.
const AWAY: TimeDelta = TimeDelta::minutes(10);
const STATE_BYTES: usize = 16;
const FROM_DISCORD: &str = "sign-in/discord/back";
const FROM_TELEGRAM: &str = "sign-in/telegram/back";

pub(super) async fn to_discord(State(door): State<Door>, request: Request) -> Result<Response, Stop> {
    let (visit, _) = Visit::begin(&door, request).await?;
    let ways = &visit.api.ways;
    let discord = ways.discord.as_ref().ok_or(Stop::NO_SUCH_WAY)?;
    let way = Way::new();
    let address = discord.address(&way, &ways.address(FROM_DISCORD));
    Ok(sent_to(&visit, &address, &way.cookie()))
}

pub(super) async fn from_discord(State(door): State<Door>, request: Request) -> Result<Response, Stop> {
    let (visit, _) = Visit::begin(&door, request).await?;
    let ways = &visit.api.ways;
    let discord = ways.discord.as_ref().ok_or(Stop::NO_SUCH_WAY)?;
    let way = visit.cookie(Kind::Way).and_then(Way::of_cookie);
    let is_same = |way: &Way| visit.parameter("state") == Some(way.state.as_str());
    let way = way.filter(is_same).ok_or_else(|| visit.refuse(Stop::LOST))?;
    let Some(code) = visit.parameter("code") else {
        return Err(Stop::DECLINED);
    };
    let known = discord.who(&way, code, &ways.address(FROM_DISCORD)).await;
    let known = known.map_err(|refused| match refused {
        discord::Refused::Code => visit.refuse(Stop::DECLINED),
        discord::Refused::Away => Stop::AWAY,
    })?;
    // Discord's code counts once, by Discord's own doing.
    visit.open_for(Platform::Discord, &known.id, None).await
}

pub(super) async fn to_telegram(State(door): State<Door>, request: Request) -> Result<Response, Stop> {
    let (visit, _) = Visit::begin(&door, request).await?;
    let ways = &visit.api.ways;
    let token = ways.telegram.as_ref().ok_or(Stop::NO_SUCH_WAY)?;
    let state = random_token(STATE_BYTES);
    let back = format!("{}?state={state}", ways.address(FROM_TELEGRAM));
    let address = telegram::address(token, &ways.origin(), &back).ok_or(Stop::NO_SUCH_WAY)?;
    Ok(sent_to(&visit, &address, &state))
}

/// Telegram's answer stands behind the `#` of the address, which only the browser knows.
pub(super) async fn relay_telegram(State(door): State<Door>, request: Request) -> Result<Response, Stop> {
    let (visit, _) = Visit::begin(&door, request).await?;
    let state = visit.parameter("state").unwrap_or_default();
    let mut response = shown(page::relay(state));
    let policy = "default-src 'none'; style-src 'self'; script-src 'self'; form-action 'self'; base-uri 'none'; \
        frame-ancestors 'none'";
    response
        .headers_mut()
        .insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    Ok(response)
}

pub(super) async fn from_telegram(State(door): State<Door>, request: Request) -> Result<Response, Stop> {
    let (visit, body) = Visit::begin(&door, request).await?;
    visit.is_from_here()?;
    let token = visit.api.ways.telegram.as_ref().ok_or(Stop::NO_SUCH_WAY)?;
    let mut fields = visit.form(body).await?;
    let is_same = visit
        .cookie(Kind::Way)
        .is_some_and(|way| field(&fields, "state") == Some(way));
    if !is_same {
        return Err(visit.refuse(Stop::LOST));
    }
    fields.retain(|(name, _)| name != "state");
    let proof = telegram::read(&fields, token, visit.now());
    let proof = proof.map_err(|refused| {
        tracing::info!(?refused, "What should have come from Telegram was refused");
        visit.refuse(Stop::DECLINED)
    })?;
    let once = (&proof.hash[..], proof.until);
    visit
        .open_for(Platform::Telegram, &proof.user_id, Some(once))
        .await
}

fn sent_to(visit: &Visit, address: &str, way: &str) -> Response {
    let cookie = visit.api.ways.cookies.set(Kind::Way, way, AWAY);
    let headers = [(header::LOCATION, address.to_owned())];
    let mut response = (StatusCode::SEE_OTHER, headers).into_response();
    response.headers_mut().append(header::SET_COOKIE, cookie);
    response
}
