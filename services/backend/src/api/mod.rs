//! The HTTP API, everything below `/api/v1`.
//!
//! One table, [`routes`], has every route: what it needs, what it takes and gives, and who answers. The router, the check of
//! rights, the OpenAPI document, the page `/docs` and the test of every route with every role are made from it.
//!
//! To add a route: in the module of its resource, an `async fn` that takes a [`route::Call`] (or a [`route::InGuild`], where
//! it is of a guild) and its input, and its [`route::Route`] in that module's `routes()`; then `cargo xtask generate`.
//! To add a resource: a module here with such a `routes()`, and its line in [`routes`].
//! What a handler gets has passed the [`gate`]: the token is good, its limit is not used up, it may know of the guild, and
//! has what the route needs. Handlers that cause something hand [`route::Call::key`] and [`route::Call::chain`] on.

pub(crate) mod access;
mod access_log;
mod audit;
mod cases;
mod dead_letters;
mod digest;
mod events;
mod federations;
mod gate;
mod guilds;
mod hooks;
mod input;
mod judge;
mod kept;
mod knowing;
mod labels;
mod limits;
mod live;
mod me;
mod members;
mod modes;
mod notifications;
mod once;
pub(crate) mod openapi;
pub(crate) mod page;
pub(crate) mod person;
mod presence;
pub(crate) mod questions;
mod replay;
pub(crate) mod roles;
mod route;
mod rule_modes;
mod rules;
mod said;
mod sanctions;
mod sessions;
mod settings;
mod spam;
mod threads;
pub(crate) mod tokens;
mod undo;
mod version;
mod webhooks;
mod wishes;

pub(crate) use gate::{Peer, address, at_once, read as read_body};
pub(crate) use route::Cut;

use crate::pages::recent::Board;
use crate::sign_in::Ways;
use access::Role;
use anyhow::Context as _;
use axum::Router;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, Request};
use axum::routing::{MethodFilter, on};
use kept::Kept;
use limits::Rates;
use live::Live;
use lockdown_bus::Bus;
use lockdown_moderation::desk::{Desk, Facts};
use lockdown_runtime::{Context, Ids, Secret};
use lockdown_store::audit::ActorKind;
use lockdown_store::dbx::Json;
use lockdown_store::tokens::{ApiToken, TokenId};
use lockdown_store::{Bearer, Store, StoreError, in_tx};
use route::Route;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::Semaphore;

pub(crate) const PREFIX: &str = "/api/v1";
/// Requests that are worked at, at once.
const AT_ONCE: usize = 256;
/// Each keeps a processor busy.
const REPLAYS: usize = 2;
/// What a token may save up.
const WINDOW: Duration = Duration::from_secs(10);
/// Wrong tokens from one address: 60 at once, then one a second. Meanwhile nothing is taken from there, or a guess that is
/// right would be told from one that is wrong.
const WRONG_PER_SECOND: f64 = 1.0;
const WRONG_WINDOW: Duration = Duration::from_secs(60);
/// A token that opens nothing any more is written down once in so long.
const REFUSAL: Duration = Duration::from_secs(3600);
/// The name of the token that is made where the configuration has none.
const FIRST_TOKEN: &str = "first";

/// What handlers work with.
pub(crate) struct Api {
    pub(crate) ctx: Context,
    pub(crate) store: Store,
    pub(crate) bus: Bus,
    desk: Desk,
    facts: Arc<dyn Facts>,
    admin: Option<Secret>,
    pub(crate) ways: Ways,
    /// For the status page.
    pub(crate) recent: Board,
    rates: Rates,
    pub(crate) strangers: Rates,
    /// How often a token that opens nothing any more is written down.
    refusals: Rates,
    live: Arc<Live>,
    kept: Kept,
    /// Rules that are tried on the past, at once.
    replays: Semaphore,
    pub(crate) slots: Arc<Semaphore>,
}

/// Closed until store and bus are open: then requests find the API behind it.
#[derive(Clone)]
pub(crate) struct Door {
    ids: Ids,
    api: Arc<OnceLock<Arc<Api>>>,
}

/// Every route.
pub(crate) fn routes() -> Vec<Route> {
    [
        guilds::routes(),
        digest::routes(),
        sanctions::routes(),
        cases::routes(),
        threads::routes(),
        undo::routes(),
        members::routes(),
        roles::routes(),
        labels::routes(),
        federations::routes(),
        rules::routes(),
        rule_modes::routes(),
        replay::routes(),
        judge::routes(),
        modes::routes(),
        settings::routes(),
        spam::routes(),
        events::routes(),
        live::routes(),
        audit::routes(),
        access_log::routes(),
        dead_letters::routes(),
        presence::routes(),
        notifications::routes(),
        wishes::routes(),
        webhooks::routes(),
        hooks::routes(),
        tokens::routes(),
        sessions::routes(),
        me::routes(),
    ]
    .concat()
}

/// The routes, each behind the gate.
pub(crate) fn router<S: Clone + Send + Sync + 'static>(door: &Door) -> Router<S> {
    let mut router = Router::new();
    for route in routes() {
        let filter = MethodFilter::try_from(route.method.clone()).expect("the table has usual methods");
        let path = format!("{PREFIX}{}", route.path);
        let (door, route) = (door.clone(), Arc::new(route));
        let answer = move |params: Result<RawPathParams, RawPathParamsRejection>, request: Request| {
            gate::serve(door.clone(), Arc::clone(&route), params.ok(), request)
        };
        router = router.route(&path, on(filter, answer));
    }
    router
}

// === impl Api ===

impl Api {
    fn new(ctx: &Context, store: Store, bus: Bus, facts: Arc<dyn Facts>) -> anyhow::Result<Arc<Self>> {
        let per_second = f64::from(ctx.config.http.rate);
        Ok(Arc::new(Self {
            ways: Ways::of(&ctx.config).context("could not set up the ways in")?,
            recent: Board::default(),
            refusals: Rates::new("refusal", 1.0 / REFUSAL.as_secs_f64(), REFUSAL),
            desk: Desk::new(store.clone(), ctx.clock.clone(), ctx.ids.clone()),
            live: Live::new(ctx),
            kept: Kept::default(),
            replays: Semaphore::new(REPLAYS),
            ctx: ctx.clone(),
            store,
            bus,
            facts,
            admin: ctx.config.http.admin_token.clone(),
            rates: Rates::new("token", per_second, WINDOW),
            strangers: Rates::new("address", WRONG_PER_SECOND, WRONG_WINDOW),
            slots: Arc::new(Semaphore::new(AT_ONCE)),
        }))
    }
}

// === impl Door ===

impl Door {
    pub(crate) fn closed(ids: Ids) -> Self {
        Self {
            ids,
            api: Arc::default(),
        }
    }

    pub(crate) fn get(&self) -> Option<&Arc<Api>> {
        self.api.get()
    }

    /// Opens it; answers the first token where one had to be made.
    pub(crate) async fn open(
        &self,
        ctx: &Context,
        store: Store,
        bus: Bus,
        facts: Arc<dyn Facts>,
    ) -> anyhow::Result<Option<Bearer>> {
        let first = match &ctx.config.http.admin_token {
            Some(_) => None,
            None => first_token(ctx, &store).await?,
        };
        let api = Api::new(ctx, store, bus, facts)?;
        live::keep(&api);
        let (recent, bus, stopping) = (api.recent.clone(), api.bus.clone(), ctx.shutdown.clone());
        ctx.tasks.spawn("recent", async move {
            recent.listen(bus, stopping).await;
            Ok(())
        });
        let opened = self.api.set(api);
        opened.map_err(|_| anyhow::anyhow!("the API was opened twice"))?;
        Ok(first)
    }
}

/// Makes the token of the first administrator, once for this store, whichever process comes first.
async fn first_token(ctx: &Context, store: &Store) -> anyhow::Result<Option<Bearer>> {
    let secret = Bearer::for_token();
    let scopes = Role::Operator.scopes().map(|scope| scope.as_str().to_owned());
    let token = ApiToken {
        id: TokenId(ctx.ids.next()),
        community_id: None,
        name: FIRST_TOKEN.to_owned(),
        prefix: secret.prefix(),
        scopes: Json(scopes.collect()),
        created_by: None,
        created_at: ctx.clock.now(),
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
    };
    let made = in_tx!(store, |tx| {
        if !tx.insert_token(&token, &secret).await? {
            return Ok(false);
        }
        let by = (ActorKind::System, "system");
        tokens::log_token(tx, by, &token, "token:make", token.created_at).await?;
        Ok::<_, StoreError>(true)
    });
    let made = made.context("could not make the first token")?;
    Ok(made.then_some(secret))
}
