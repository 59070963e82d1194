//! Signing in and out with a browser: by a link from the command line, with Discord, with Telegram.
//!
//! To add a way: a module here that says whom the platform vouches for, its routes in [`router`], its button in `page.rs`; then
//! [`Visit::open_for`] does the rest. Whoever has neither an account nor a role here is sent away, and no account is made.

mod back;
pub(crate) mod cookie;
mod discord;
mod page;
mod telegram;
mod visit;

use crate::api::Door;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use cookie::{Cookies, Kind};
use discord::Discord;
use lockdown_runtime::config::Config;
use lockdown_runtime::{Secret, SecretUrl};
use lockdown_store::{Bearer, StoreError, in_read, in_tx};
pub(crate) use visit::end_session;
use visit::{Opening, Stop, Visit};

pub(crate) const PATH: &str = "/sign-in";
const HOME: &str = "/";

/// The ways that are configured.
pub(crate) struct Ways {
    pub(crate) cookies: Cookies,
    public: SecretUrl,
    discord: Option<Discord>,
    /// The token of the bot, which signs.
    telegram: Option<Secret>,
}

// === impl Ways ===

impl Ways {
    pub(crate) fn of(config: &Config) -> anyhow::Result<Self> {
        Ok(Self {
            cookies: Cookies::of(&config.http.public_url),
            public: config.http.public_url.clone(),
            discord: Discord::of(&config.discord)?,
            telegram: config.telegram.token.clone().filter(|_| config.telegram.sign_in),
        })
    }

    /// Whether a page of ours asks, by what browsers say of it.
    pub(crate) fn is_from_here(&self, headers: &HeaderMap) -> bool {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        match (text("sec-fetch-site"), text("origin")) {
            (Some(site), _) => matches!(site, "same-origin" | "none"),
            (None, Some(origin)) => {
                let host = text("host").unwrap_or_default();
                origin == self.origin() || origin.split_once("://").is_some_and(|(_, of)| of == host)
            }
            // No browser of today: none leaves both out.
            (None, None) => true,
        }
    }

    /// An address of ours, as browsers know it.
    fn address(&self, path: &str) -> String {
        self.public.join_path(path).expose().to_owned()
    }

    fn origin(&self) -> String {
        self.public.url().origin().ascii_serialization()
    }
}

/// Where a link is used, as browsers know it.
pub fn link(public: &SecretUrl, secret: &Bearer) -> String {
    format!(
        "{}?code={}",
        public.join_path("sign-in/link").expose(),
        secret.expose()
    )
}

pub(crate) fn router<S: Clone + Send + Sync + 'static>(door: &Door) -> Router<S> {
    Router::new()
        .route(PATH, get(show))
        .route("/sign-in.js", get(script))
        .route("/sign-in/link", get(show_link).post(use_link))
        .route("/sign-in/discord", get(back::to_discord))
        .route("/sign-in/discord/back", get(back::from_discord))
        .route("/sign-in/telegram", get(back::to_telegram))
        .route(
            "/sign-in/telegram/back",
            get(back::relay_telegram).post(back::from_telegram),
        )
        .route("/sign-out", post(sign_out))
        .with_state(door.clone())
}

async fn script() -> Response {
    const SCRIPT: &str = include_str!("back.js");
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], SCRIPT).into_response()
}

async fn show(State(door): State<Door>, request: Request) -> Result<Response, Stop> {
    let (visit, _) = Visit::begin(&door, request).await?;
    let page = match visit.person().await? {
        None => page::doors(&visit.api.ways),
        Some(person) => page::signed_in(&person),
    };
    Ok(shown(page))
}

/// Looking at a link does not use it up: programs that show what is behind an address look at it as well.
async fn show_link(State(door): State<Door>, request: Request) -> Result<Response, Stop> {
    let (visit, _) = Visit::begin(&door, request).await?;
    let code = visit.parameter("code").unwrap_or_default().to_owned();
    let (secret, now) = (Bearer::sent(&code), visit.now());
    let account = in_read!(visit.api.store, |conn| {
        let link = conn.sign_in_link(&secret, now).await?;
        match link {
            Some(link) => conn.account(link.account_id).await,
            None => Ok::<_, StoreError>(None),
        }
    })?;
    let Some(account) = account.filter(|account| account.disabled_at.is_none()) else {
        return Err(visit.refuse(Stop::BAD_LINK));
    };
    Ok(shown(page::link(&account.login, &code)))
}

async fn use_link(State(door): State<Door>, request: Request) -> Result<Response, Stop> {
    let (visit, body) = Visit::begin(&door, request).await?;
    visit.is_from_here()?;
    let form = visit.form(body).await?;
    let secret = Bearer::sent(visit::field(&form, "code").unwrap_or_default());
    let opening = Opening::new(&visit, "link");
    let opened = in_tx!(visit.api.store, |tx| {
        let Some(link) = tx.use_sign_in_link(&secret, opening.now).await? else {
            return Ok(false);
        };
        let account = tx.account(link.account_id).await?;
        match account.filter(|account| account.disabled_at.is_none()) {
            None => Ok(false),
            Some(account) => opening.open(tx, account.id).await.map(|()| true),
        }
    });
    if !opened? {
        return Err(visit.refuse(Stop::BAD_LINK));
    }
    Ok(opening.answer(&visit.api.ways.cookies))
}

async fn sign_out(State(door): State<Door>, request: Request) -> Result<Response, Stop> {
    let (visit, body) = Visit::begin(&door, request).await?;
    let person = visit.person().await?;
    let form = visit.form(body).await?;
    if let Some(person) = &person {
        if !person.is_csrf(visit::field(&form, "csrf").unwrap_or_default()) {
            return Err(Stop::FOREIGN);
        }
        let (session, now) = (person.session.id, visit.now());
        let ended = in_tx!(visit.api.store, |tx| {
            end_session(tx, person.account.id, session, "sign_out", now).await
        });
        ended?;
    }
    let mut response = seen(PATH);
    let forgotten = visit.api.ways.cookies.forget(Kind::Session);
    response.headers_mut().append(header::SET_COOKIE, forgotten);
    Ok(response)
}

fn seen(other: &str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, other)]).into_response()
}

/// A page of ours. Its own address goes with what it sends to us, which is how we know it.
fn shown(page: String) -> Response {
    let mut response = axum::response::Html(page).into_response();
    let policy = HeaderValue::from_static("same-origin");
    response.headers_mut().insert(header::REFERRER_POLICY, policy);
    response
}
