//! The way of every request to its handler, and of the answer back: load, token, limits, guild, rights, body, key.

use super::access::{Caller, Needs};
use super::hooks;
use super::kept::Place;
use super::limits::{Standing, Wait};
use super::live::guilds_heard;
use super::once::{self, Keyed};
use super::person::Person;
use super::route::{Answer, Asked, Call, Cut, Raw, Route, Wire};
use super::{Api, Door, tokens};
use crate::problem::{Code, Problem};
use crate::sign_in::cookie::Kind;
use axum::body::Body;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{FromRequestParts as _, RawPathParams, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body_util::BodyExt as _;
use lockdown_events::{CorrelationId, GuildId, Platform};
use lockdown_runtime::telemetry;
use lockdown_store::guilds::Guild;
use lockdown_store::in_read;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::OwnedSemaphorePermit;
use tracing::{Instrument as _, Span};

/// No answer takes longer; a client that waits this long has gone.
const LONGEST_ANSWER: Duration = Duration::from_secs(30);
/// For the whole of a body.
const BODY_TIME: Duration = Duration::from_secs(10);
const LONGEST_BODY: usize = 256 * 1024;
/// Of a body that is too long, so much is read and thrown away, so that whoever sends it hears why.
const DRAINED: usize = 32 * 1024 * 1024;
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// So many does an answer have, about.
const HEADERS: usize = 12;
const CORRELATION_ID: HeaderName = HeaderName::from_static("x-correlation-id");
/// Beside the cookie of a session, where something is changed.
pub(super) const CSRF: HeaderName = HeaderName::from_static("x-csrf-token");
const LONGEST_ID: usize = 64;

/// Where a connection comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// What the log and the answer say of a request.
struct Labels {
    id: String,
    chain: CorrelationId,
}

/// The answer of a moment ago, where nothing was written since and the same one asks. It stands before the router, which
/// would cost more than everything else of it.
pub(crate) fn at_once<B>(
    door: &Door,
    peer: SocketAddr,
    request: &mut axum::http::Request<B>,
) -> Option<Response> {
    let begun = Instant::now();
    let api = door.get()?;
    if request.method() != Method::GET {
        return None;
    }
    let place = Place::of(&api.ctx, &api.store, request.headers(), request.uri())?;
    let Some(entry) = api.kept.find(&place) else {
        // Where the answer will be kept, if its route keeps any.
        request.extensions_mut().insert(place);
        return None;
    };
    let headers = request.headers();
    // Who may not ask now is refused where everybody is.
    api.strangers.look(&address(Some(peer.ip())), begun).ok()?;
    let standing = api.rates.take(&entry.key, begun).ok()?;
    let labels = Labels::of(door, headers);
    let _span = text(headers, &TRACEPARENT).map(|parent| {
        let span = span(&entry.route, &labels);
        telemetry::follow(&span, parent);
        span.record("caller", &*entry.name);
        span.entered()
    });
    let mut response = Response::new(Body::from(entry.body.clone()));
    let mut answered = HeaderMap::with_capacity(HEADERS);
    answered.insert(header::CONTENT_TYPE, HeaderValue::from_static(entry.media));
    *response.headers_mut() = answered;
    label(&mut response, &labels.id, Some(&standing));
    tracing::debug!(
        status = 200,
        request.id = labels.id,
        "Answered 200, as a moment ago"
    );
    entry.route.figures.count(&entry.route, 200, begun.elapsed());
    Some(response)
}

/// Answers a request to a route.
pub(crate) async fn serve(
    door: Door,
    route: Arc<Route>,
    params: Option<RawPathParams>,
    request: Request,
) -> Response {
    let begun = Instant::now();
    let labels = Labels::of(&door, request.headers());
    let span = span(&route, &labels);
    if let Some(parent) = text(request.headers(), &TRACEPARENT) {
        telemetry::follow(&span, parent);
    }
    let id = labels.id.clone();
    let mut standing = None;
    let outcome = match door.get() {
        None => Err(Problem::of(Code::Starting)),
        Some(api) => {
            let answering = answer(api, &route, params, labels, request, &mut standing);
            answering.instrument(span.clone()).await
        }
    };
    let refused = outcome.as_ref().err().map(|problem| problem.code.as_str());
    let mut response = match outcome {
        Ok(answer) => respond(answer),
        Err(problem) => problem.respond(Some(&id)),
    };
    label(&mut response, &id, standing.as_ref());
    let status = response.status().as_u16();
    let taken = begun.elapsed();
    span.in_scope(|| match (refused, status) {
        (Some(code), 500..) => tracing::warn!(status, ?taken, code, "Answered {status}"),
        (Some(code), _) => tracing::debug!(status, ?taken, code, "Answered {status}"),
        (None, _) => tracing::debug!(status, ?taken, "Answered {status}"),
    });
    route.figures.count(&route, status, taken);
    response
}

fn span(route: &Route, labels: &Labels) -> Span {
    tracing::info_span!(
        "http", method = %route.method, route = route.path, request.id = labels.id,
        correlation.id = %labels.chain, caller = tracing::field::Empty,
    )
}

fn label(response: &mut Response, id: &str, standing: Option<&Standing>) {
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
    for (name, value) in standing.into_iter().flat_map(Standing::headers) {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
}

fn respond(answer: Answer) -> Response {
    if let Some(stream) = answer.stream {
        return stream.into_inner().unwrap_or_else(PoisonError::into_inner);
    }
    let mut response = match answer.body {
        None => answer.status.into_response(),
        Some(body) => (answer.status, [(header::CONTENT_TYPE, answer.media)], body).into_response(),
    };
    let etag = answer.etag.as_deref().map(HeaderValue::from_str);
    if let Some(Ok(etag)) = etag {
        response.headers_mut().insert(header::ETAG, etag);
    }
    response
}

async fn answer(
    api: &Arc<Api>,
    route: &Arc<Route>,
    params: Option<RawPathParams>,
    labels: Labels,
    request: Request,
    standing: &mut Option<Standing>,
) -> Result<Answer, Problem> {
    // More at once would make all of them slow.
    let slot = Arc::clone(&api.slots).try_acquire_owned();
    let slot = slot.map_err(|_| Problem::of(Code::Overloaded))?;
    let (mut head, body) = request.into_parts();
    let peer = head.extensions.get::<Peer>().map(|peer| peer.0.ip());
    let place = head.extensions.remove::<Place>().filter(|_| route.is_kept);
    let params: Option<Vec<(String, String)>> = params.map(|params| {
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        params.iter().map(owned).collect()
    });
    let (signed, sent) = match route.needs {
        // What is signed has to be there before it is known who did.
        Needs::Signature => (Some(read(body, &head.headers).await?), None),
        _ => (None, Some(body)),
    };
    let name = params.iter().flatten().find(|(name, _)| name == "name");
    let hook = signed
        .as_ref()
        .map(|body| (name.map(|(_, name)| name.as_str()), body));
    let caller = admit(api, &head.headers, hook, peer, standing).await?;
    let is_look = matches!(head.method, Method::GET | Method::HEAD);
    if let (false, Some(person)) = (is_look, caller.person()) {
        let sent = text(&head.headers, &CSRF).unwrap_or_default();
        if !person.is_csrf(sent) {
            return Err(Problem::of(Code::Csrf));
        }
    }
    // A page of another site may open a socket, and would hear what is said.
    let is_socket = head.headers.contains_key(header::UPGRADE);
    if is_socket && caller.person().is_some() && !api.ways.is_from_here(&head.headers) {
        return Err(Problem::of(Code::Csrf));
    }
    Span::current().record("caller", caller.name());
    let place = place.map(|place| (place, (caller.key(), caller.name().to_owned())));
    let params = params.ok_or_else(|| Problem::of(Code::NotFound))?;
    let asked = reach(api, route, caller, params, labels.chain).await?;
    let key = once::key(&head.headers)?.map(str::to_owned);
    let path = format!("{} {}", route.method, head.uri.path());
    let raw = Raw {
        wire: wire(&mut head).await?,
        query: head.uri.query().unwrap_or_default().to_owned(),
        body: match (signed, sent) {
            (Some(body), _) => body,
            (None, Some(sent)) if !matches!(head.method, Method::GET | Method::HEAD | Method::DELETE) => {
                read(sent, &head.headers).await?
            }
            _ => Bytes::new(),
        },
        headers: head.headers,
    };
    let outcome = work(route, asked, raw, key, path, slot).await;
    if let Some((place, caller)) = place {
        api.kept.keep(place, route, caller, &outcome);
    }
    outcome
}

fn limited(wait: Wait, standing: &mut Option<Standing>) -> Problem {
    *standing = Some(wait.1);
    Problem::of(Code::Limited).retry_after(wait.0)
}

/// What somebody asks by a route without HTTP: the same limits, rights and keys.
pub(crate) async fn ask(
    api: &Arc<Api>,
    route: &Arc<Route>,
    caller: Caller,
    params: Vec<(String, String)>,
    raw: Raw,
    key: Option<String>,
    chain: CorrelationId,
) -> Result<Answer, Problem> {
    let slot = Arc::clone(&api.slots).try_acquire_owned();
    let slot = slot.map_err(|_| Problem::of(Code::Overloaded))?;
    let limited = |wait: Wait| Problem::of(Code::Limited).retry_after(wait.0);
    api.rates.take(&caller.key(), Instant::now()).map_err(limited)?;
    let place: Vec<&str> = params.iter().map(|(_, value)| value.as_str()).collect();
    let path = format!("{} {}", route.id, place.join("/"));
    let asked = reach(api, route, caller, params, chain).await?;
    work(route, asked, raw, key, path, slot).await
}

/// The call, if who makes it may know of the guild and has what the route needs.
async fn reach(
    api: &Arc<Api>,
    route: &Route,
    caller: Caller,
    params: Vec<(String, String)>,
    chain: CorrelationId,
) -> Result<Asked, Problem> {
    let mut call = Call {
        api: Arc::clone(api),
        powers: caller.powers(),
        caller,
        params,
        chain,
        key: None,
    };
    let guild = if route.is_of_guild() {
        let guild = guild(&call).await?;
        let powers = call.caller.powers_in(&api.store, &*api.facts, &guild, call.now());
        call.powers = powers.await?;
        Some(guild)
    } else {
        None
    };
    call.powers.need(route.needs)?;
    // Before what they sent is looked at; who only looks is told by the handler, which reads the same.
    if route.needs == Needs::AnyRightSomewhere
        && !route.is_read()
        && guilds_heard(api, &call.caller).await?.is_empty()
    {
        call.powers.need(Needs::AnyRight)?;
    }
    Ok(Asked { call, guild })
}

/// Lets the handler answer, once for each key.
async fn work(
    route: &Arc<Route>,
    mut asked: Asked,
    raw: Raw,
    key: Option<String>,
    path: String,
    slot: OwnedSemaphorePermit,
) -> Result<Answer, Problem> {
    let api = Arc::clone(&asked.call.api);
    let keyed = key.filter(|_| route.is_post()).map(|key| {
        let caller = asked.call.caller.key();
        asked.call.key = Some(format!("api:{caller}:{key}"));
        Keyed::new(&api, &caller, &key, path, &raw.query, &raw.body)
    });
    let handler = Arc::clone(&route.handler);
    let work = async move {
        let _slot = slot;
        let Some(keyed) = keyed else {
            return handler(asked, raw).await;
        };
        if let Some(answer) = keyed.begin(&api).await? {
            return Ok(answer);
        }
        let outcome = handler(asked, raw).await;
        keyed.end(&api, &outcome).await;
        outcome
    };
    let limited = tokio::time::timeout(LONGEST_ANSWER, work);
    let outcome = if route.is_read() {
        limited.await
    } else {
        // What was begun is brought to its end, also when whoever asked for it hangs up.
        let ended = tokio::spawn(limited.in_current_span()).await;
        ended.map_err(|error| {
            tracing::error!("A handler broke: {error}");
            Problem::of(Code::Internal)
        })?
    };
    outcome.unwrap_or_else(|_| Err(Problem::of(Code::Timeout)))
}

async fn wire(head: &mut Parts) -> Result<Wire, Problem> {
    let peer = head.extensions.get::<Peer>().map(|peer| peer.0.ip());
    let cut = head.extensions.get::<Cut>().cloned().unwrap_or_default();
    let wanted = text(&head.headers, &header::UPGRADE);
    let upgrade = match wanted.filter(|wanted| wanted.eq_ignore_ascii_case("websocket")) {
        None => None,
        Some(_) => {
            let upgrade = WebSocketUpgrade::from_request_parts(head, &()).await;
            Some(upgrade.map_err(|refused| Problem::new(Code::Malformed, refused.body_text()))?)
        }
    };
    Ok(Wire { upgrade, peer, cut })
}

/// Who asks, if they may ask now. Good tokens and hooks have a bucket each; wrong ones take from that of their address.
async fn admit(
    api: &Api,
    headers: &HeaderMap,
    hook: Option<(Option<&str>, &Bytes)>,
    peer: Option<IpAddr>,
    standing: &mut Option<Standing>,
) -> Result<Caller, Problem> {
    let now = Instant::now();
    let mut limited = |wait: Wait| limited(wait, standing);
    let address = address(peer);
    api.strangers.look(&address, now).map_err(&mut limited)?;
    let at = api.ctx.clock.now();
    // Whoever sends a token means the token, whatever their browser adds.
    let caller = if let Some((name, body)) = hook {
        hooks::admit(api, name, headers, body).await?
    } else if headers.contains_key(header::AUTHORIZATION) {
        match bearer(headers) {
            Some(sent) => Caller::of(&api.store, api.admin.as_ref(), sent, at).await?,
            None => None,
        }
    } else {
        match api.ways.cookies.sent(Kind::Session, headers) {
            Some(sent) => Person::of(&api.store, sent, at)
                .await?
                .map(|person| Caller::SignedIn(Arc::new(person))),
            None => None,
        }
    };
    let Some(caller) = caller else {
        // Without a token nothing is guessed; and a session that is over is sent by its browser again and again.
        if hook.is_some() || headers.contains_key(header::AUTHORIZATION) {
            api.strangers.take(&address, now).map_err(&mut limited)?;
        }
        if let (None, Some(sent)) = (hook, bearer(headers)) {
            tokens::refuse(api, sent).await?;
        }
        return Err(Problem::new(
            Code::Unauthorized,
            match hook {
                None => "Send a token that is in force as `Authorization: Bearer <token>`, or sign in.",
                Some(_) => {
                    "There is no hook of this name, or it was not signed with its secret within the last five minutes."
                }
            },
        ));
    };
    *standing = Some(api.rates.take(&caller.key(), now).map_err(&mut limited)?);
    Ok(caller)
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = text(headers, &header::AUTHORIZATION)?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// By what limits know an address.
pub(crate) fn address(peer: Option<IpAddr>) -> String {
    peer.map_or_else(|| "unknown".to_owned(), network)
}

/// Whoever has one address of the newer kind has many: they count as one.
fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}")
        }
    }
}

/// The guild of the path, if the caller may know of it.
async fn guild(call: &Call) -> Result<Guild, Problem> {
    let unknown = |_| Problem::of(Code::UnknownGuild);
    let platform: Platform = call.param("platform").map_err(unknown)?;
    let id: GuildId = call.param("guildId").map_err(unknown)?;
    let found = in_read!(call.api.store, |conn| { conn.guild(platform, &id).await })?;
    found
        .filter(|guild| call.caller.sees(guild))
        .ok_or_else(|| Problem::of(Code::UnknownGuild))
}

pub(crate) async fn read(body: Body, headers: &HeaderMap) -> Result<Bytes, Problem> {
    read_within(body, headers, BODY_TIME).await
}

async fn read_within(body: Body, headers: &HeaderMap, time: Duration) -> Result<Bytes, Problem> {
    let declared = text(headers, &header::CONTENT_LENGTH).and_then(|length| length.parse::<usize>().ok());
    let reading = async {
        let (mut body, mut read, mut length) = (body, Vec::new(), 0);
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| Problem::new(Code::Malformed, "The body broke off."))?;
            let Some(data) = frame.data_ref() else { continue };
            length += data.len();
            if length <= LONGEST_BODY {
                read.extend_from_slice(data);
            } else if length > DRAINED {
                break;
            }
        }
        if length > LONGEST_BODY || declared.is_some_and(|declared| declared > LONGEST_BODY) {
            return Err(Problem::new(
                Code::TooLarge,
                format!("A body has at most {LONGEST_BODY} bytes."),
            ));
        }
        Ok(Bytes::from(read))
    };
    match tokio::time::timeout(time, reading).await {
        Ok(read) => read,
        Err(_) => Err(Problem::of(Code::TooSlow)),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

// === impl Labels ===

impl Labels {
    /// Ids that the caller chose are kept, so that one search finds both sides; others are made.
    fn of(door: &Door, headers: &HeaderMap) -> Self {
        let chosen = text(headers, &REQUEST_ID).filter(|id| {
            (1..=LONGEST_ID).contains(&id.len())
                && id
                    .bytes()
                    .all(|c| c.is_ascii_alphanumeric() || b"-_.:".contains(&c))
        });
        let id = chosen.map_or_else(|| door.ids.next().to_string(), str::to_owned);
        let chain = text(headers, &CORRELATION_ID).and_then(|text| CorrelationId::new(text).ok());
        let own = || CorrelationId::new(&id).expect("an id of a request has neither blanks nor controls");
        Self {
            chain: chain.unwrap_or_else(own),
            id,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::StreamExt as _;
    use std::convert::Infallible;

    /// Whoever sends the head at once, and the body never to its end, holds a place for no longer than this.
    #[tokio::test]
    async fn who_is_slow_with_a_body_is_told_so() {
        let begun = futures_util::stream::iter([Ok::<_, Infallible>("{\"userId\":")]);
        let body = Body::from_stream(begun.chain(futures_util::stream::pending()));
        let little = Duration::from_millis(20);
        let refused = read_within(body, &HeaderMap::new(), little).await.unwrap_err();
        assert_eq!(
            (refused.code, refused.code.status().as_u16()),
            (Code::TooSlow, 408)
        );
    }
}
