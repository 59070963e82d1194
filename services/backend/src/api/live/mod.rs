//! What happens, told while it happens, to whoever listens: as server-sent events or over a WebSocket.
//!
//! A *feed* reads for the whole process, writes each message once, and puts it into the *mailbox* of every client that it is
//! for. A *source* is what one client hears: what it did not hear while it was away, then what comes out of its mailbox. The
//! *outlet* writes it to the client. Each client has a *seat*, at which [`keep`] looks: who may no more, or does not keep
//! up, is told so and goes.
//!
//! To add a stream: a [`mailbox::Frame`] with its feed, an [`outlet::Source`] over it, and its route in [`routes`].

mod events;
mod feed;
mod mailbox;
mod notices;
mod outlet;
mod places;
mod scope;
mod seat;

use super::Api;
use super::access::{Caller, Needs};
use super::events::types;
use super::gate::address;
use super::input::{Shape, Take, bad_query, cursor, parse_query};
use super::notifications::Reader;
use super::route::{Call, Raw, Route, Streamed, Wire};
use crate::problem::{Code, Problem};
use axum::http::StatusCode;
use events::{EventSource, EventWish, Events};
use feed::Feed;
use lockdown_bus::{Cursor, Query};
use lockdown_events::{GuildId, NotificationId, Platform};
use lockdown_runtime::Context;
use lockdown_store::in_read;
use lockdown_store::tokens::{ApiToken, TokenState};
use mailbox::Behind;
use notices::{NoticeSource, NoticeWish, Notices};
use outlet::{Source, Talk};
use places::{Place, Places};
use schemars::{JsonSchema, SchemaGenerator};
pub(super) use scope::guilds_heard;
use scope::{Only, Scope};
use seat::{End, Seat};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

/// How often seats are looked at: so long may somebody listen on whose token was revoked.
const LOOK: Duration = Duration::from_secs(2);
const LAST_EVENT_ID: &str = "Last-Event-ID";

/// Everybody who listens to this process.
pub(super) struct Live {
    ctx: Context,
    events: Arc<Feed<Events>>,
    notices: Feed<Notices>,
    places: Arc<Places>,
    seats: Mutex<Vec<Weak<Seat>>>,
    /// Feeds and sockets, whose ends are waited for.
    tasks: TaskTracker,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Which {
    /// Of one guild, with `guildId`.
    platform: Option<Platform>,
    /// The platform's own id of the guild. Without, of every community that the token may hear of.
    guild_id: Option<GuildId>,
    /// Of these types: names or patterns such as `ban:created` or `moderation:*`, with commas between them, at most 20.
    #[serde(rename = "type")]
    types: Option<String>,
    /// Go on after this place: the `id` or `cursor` of what was heard last, or the `endCursor` of a list of events.
    cursor: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Since {
    /// Go on after this one: the id of the notification that was heard last.
    cursor: Option<String>,
}

/// What to listen to, and from where on: a place of this kind.
struct Listening<W, P> {
    which: W,
    after: Option<P>,
}

/// A query that may have a place in it.
trait HasCursor: DeserializeOwned + JsonSchema {
    fn cursor(&self) -> Option<&str>;
}

pub(super) fn routes() -> Vec<Route> {
    let sample = "id: h1~mod.2~1763629560123-0\ndata: {\"streamId\":\"mod.2/1763629560123-0\",\"eventId\":\
        \"0199c2d4-0000-7000-8000-000000000001\",\"eventType\":\"ban:created\",\"timestamp\":\"2026-11-20T09:06:00.123Z\",\
        \"source\":\"backend\",\"correlationId\":\"0199c2d3-0000-7000-8000-000000000001\",\"version\":1,\"data\":\
        {\"platform\":\"discord\",\"guildId\":\"81384788765712384\",\"caseNumber\":17,\"userId\":\"531122\"}}\n\n";
    let notice = "id: 0199c2d4-0000-7000-8000-000000000001\ndata: {\"eventType\":\"notifications:broadcast\",\"data\":\
        {\"id\":\"0199c2d4-0000-7000-8000-000000000001\",\"level\":\"info\",\"title\":\"We restart at noon\",\"body\":\"\",\
        \"at\":\"2026-11-20T09:06:00Z\"}}\n\n";
    vec![
        Route::streaming(
            "/events/live",
            "streamEvents",
            Needs::AnyRightSomewhere,
            events_live,
        )
        .refuses(&[Code::TooManyStreams])
        .says(
            "Listen to events",
            "Events as they are published, by server-sent events or a WebSocket. Whoever was away goes on with `Last-Event-ID` \
             or `cursor`, and misses nothing that is still kept. `live:heartbeat` comes at once and every 15 seconds; \
             `live:missed` says how many a client missed that did not keep up, which it hears when it goes on after the place \
             of that word; `live:end` has the reason of the end: `slow`, `flood`, `rights`, `stopping` or `gone`.",
        )
        .answer(json!(sample)),
        Route::streaming(
            "/notifications/live",
            "streamNotifications",
            Needs::AnyRightSomewhere,
            notifications_live,
        )
        .refuses(&[Code::TooManyStreams])
        .says(
            "Listen to notifications",
            "Those of the reader, of the guilds where they moderate, and to all, as they are said; in the way of \
             `/events/live`. Whoever was away goes on with `Last-Event-ID` or `cursor`: the id of the notification that was \
             heard last.",
        )
        .answer(json!(notice)),
    ]
}

async fn events_live(
    call: Call,
    listening: Listening<Which, Cursor>,
    wire: Wire,
) -> Result<Streamed, Problem> {
    let Listening { which, after } = listening;
    let only = match (which.platform, which.guild_id) {
        (Some(platform), Some(id)) => Some(Only { platform, id }),
        (None, None) => None,
        _ => {
            let message = "Say both `platform` and `guildId`, or neither.";
            return Err(bad_query("guildId", message.into()));
        }
    };
    let types = types(which.types.as_deref())?;
    let scope = Scope::of(&call.api, &call.caller, only.as_ref()).await?;
    let live = &call.api.live;
    let place = live.place(&call.caller, &wire)?;
    let query = Query {
        types: types.clone(),
        key: only.as_ref().map(Only::key),
        ..Query::default()
    };
    let wish = EventWish {
        scope: scope.clone(),
        types: types.into(),
    };
    let source = EventSource::begin(&live.events, call.api.bus.history().clone(), wish, query, after).await?;
    let mailbox = Arc::clone(source.mailbox());
    let seat = live.sit(call.caller, only, scope, mailbox, &wire, place);
    Ok(live.talk(source, seat, wire))
}

async fn notifications_live(
    call: Call,
    listening: Listening<Since, Uuid>,
    wire: Wire,
) -> Result<Streamed, Problem> {
    let live = &call.api.live;
    let scope = Scope::of(&call.api, &call.caller, None).await?;
    let reader = Reader::of(&call).await?;
    let place = live.place(&call.caller, &wire)?;
    let wish = NoticeWish {
        accounts: reader
            .identities
            .iter()
            .map(|identity| (identity.platform, identity.native_id.clone()))
            .collect(),
        scope: scope.clone(),
        hidden: reader.hidden(&call).await?,
    };
    let after = listening.after.map(NotificationId);
    let begin = after.unwrap_or_else(|| NotificationId(call.api.ctx.ids.next()));
    // Before what was kept is read, so that nothing is said between.
    let mut source = NoticeSource::begin(&live.notices, &call.api.bus, &wish, begin).await?;
    if let Some(after) = after {
        let (kept, whole) = reader.since(&call, after).await?;
        source = source.with_kept(kept, whole);
    }
    let mailbox = Arc::clone(source.mailbox());
    let seat = live.sit(call.caller, None, scope, mailbox, &wire, place);
    Ok(live.talk(source, seat, wire))
}

/// Looks after everybody who listens until the process stops, and then sees them out.
pub(super) fn keep(api: &Arc<Api>) {
    let api = Arc::clone(api);
    let tasks = api.ctx.tasks.clone();
    tasks.spawn("live", async move {
        let (live, shutdown) = (&api.live, &api.ctx.shutdown);
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = shutdown.soft() => break,
            }
            let now = Instant::now();
            live.seats().iter().for_each(|seat| seat.look(now));
            live.check(&api).await;
        }
        for seat in live.seats() {
            seat.end(End::Stopping);
        }
        live.tasks.close();
        tokio::select! {
            () = live.tasks.wait() => {}
            () = shutdown.hard() => {}
        }
        Ok(())
    });
}

// === impl Live ===

impl Live {
    pub(super) fn new(ctx: &Context) -> Arc<Self> {
        let tasks = TaskTracker::new();
        let http = &ctx.config.http;
        Arc::new(Self {
            ctx: ctx.clone(),
            events: Arc::new(Feed::new(tasks.clone(), ctx.shutdown.clone())),
            notices: Feed::new(tasks.clone(), ctx.shutdown.clone()),
            places: Places::new(http.live_clients, http.live_clients_each),
            seats: Mutex::default(),
            tasks,
        })
    }

    fn place(&self, caller: &Caller, wire: &Wire) -> Result<Place, Problem> {
        self.places.take(&caller.key(), &address(wire.peer))
    }

    fn sit(
        &self,
        caller: Caller,
        only: Option<Only>,
        scope: Scope,
        behind: Arc<dyn Behind>,
        wire: &Wire,
        place: Place,
    ) -> Arc<Seat> {
        let seat = Seat::new(caller, only, scope, behind, wire.cut.clone(), place);
        let seat = Arc::new(seat);
        self.lock().push(Arc::downgrade(&seat));
        // Whoever comes after all were seen out goes by itself.
        if self.ctx.shutdown.is_requested() {
            seat.end(End::Stopping);
        }
        seat
    }

    fn talk<S: Source>(&self, source: S, seat: Arc<Seat>, wire: Wire) -> Streamed {
        let response = Talk::new(source, seat).answer(wire.upgrade, &self.tasks);
        debug_assert!(matches!(
            response.status(),
            StatusCode::OK | StatusCode::SWITCHING_PROTOCOLS
        ));
        Streamed(response)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Weak<Seat>>> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn seats(&self) -> Vec<Arc<Seat>> {
        let mut seats = self.lock();
        seats.retain(|seat| seat.strong_count() > 0);
        seats.iter().filter_map(Weak::upgrade).collect()
    }

    /// Ends the streams of those who may hear something else by now, or nothing. Each token is looked at once.
    async fn check(&self, api: &Api) {
        let mut same: BTreeMap<(String, Option<Only>), Vec<Arc<Seat>>> = BTreeMap::new();
        for seat in self.seats() {
            // One browser of somebody may be signed out while another is not.
            let session = seat.caller.person().map(|person| person.session.id.to_string());
            let who = (session.unwrap_or_else(|| seat.caller.key()), seat.only.clone());
            same.entry(who).or_default().push(seat);
        }
        for seats in same.into_values() {
            let Some(first) = seats.first() else { continue };
            let scope = match scope_now(api, first).await {
                Ok(scope) => scope,
                // While the store is away nobody can revoke anything either.
                Err(problem) => {
                    tracing::debug!(code = problem.code.as_str(), "Could not look at who listens");
                    continue;
                }
            };
            for seat in seats {
                if scope.as_ref() != Some(&seat.scope) {
                    seat.end(End::Rights);
                }
            }
        }
    }
}

/// What somebody who listens may hear now, if anything.
async fn scope_now(api: &Api, seat: &Seat) -> Result<Option<Scope>, Problem> {
    let caller = match &seat.caller {
        Caller::Bootstrap => Caller::Bootstrap,
        Caller::Token(ApiToken { id, .. }) => {
            let found = in_read!(api.store, |conn| { conn.token(*id).await })?;
            let now = api.ctx.clock.now();
            match found.filter(|token| token.state(now) == TokenState::Live) {
                Some(token) => Caller::Token(token),
                None => return Ok(None),
            }
        }
        Caller::SignedIn(person) => match person.again(&api.store, api.ctx.clock.now()).await? {
            Some(person) => Caller::SignedIn(Arc::new(person)),
            None => return Ok(None),
        },
        // Nobody listens through a bot, nor by a hook.
        Caller::Person(_) | Caller::Hook(_) => return Ok(None),
    };
    match Scope::of(api, &caller, seat.only.as_ref()).await {
        Ok(scope) => Ok(Some(scope)),
        Err(problem) if problem.code.status().is_client_error() => Ok(None),
        Err(problem) => Err(problem),
    }
}

// === impl Listening ===

impl<W: HasCursor, P: FromStr> Take for Listening<W, P> {
    fn take(raw: &Raw) -> Result<Self, Problem> {
        let which: W = parse_query(&raw.query)?;
        // A browser that comes again by itself says where it was, whatever address it was given at first.
        let last = raw.headers.get(LAST_EVENT_ID).and_then(|id| id.to_str().ok());
        let after = match last.filter(|last| !last.is_empty()) {
            Some(last) => cursor(Some(last))?,
            None => cursor(which.cursor())?,
        };
        Ok(Self { which, after })
    }

    fn describe(generator: &mut SchemaGenerator) -> Shape {
        Shape {
            query: Some(W::json_schema(generator)),
            headers: &[(
                LAST_EVENT_ID,
                "Go on after this place. It comes before `cursor` in the query.",
            )],
            ..Shape::default()
        }
    }
}

impl HasCursor for Which {
    fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref()
    }
}

impl HasCursor for Since {
    fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref()
    }
}
