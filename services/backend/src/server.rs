//! Everything that is served over HTTP, and the connections, until we stop.

use crate::api::{self, Cut, Door, Peer};
use crate::pages::{self, status};
use crate::problem::{Code, Problem};
use crate::sign_in;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use lockdown_runtime::{Health, Metrics, Shutdown, ops};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tower_service::Service as _;

/// Connections at once; the next one waits in the listener's queue.
const CONNECTIONS: usize = 8192;
/// For the head of a request, from its first byte or the end of the answer before it: who is slower is let go.
const HEAD: Duration = Duration::from_secs(15);
/// The status page waits for no part longer.
const GLANCE: Duration = Duration::from_secs(2);
/// Rest after a failed accept: without file descriptors left it would fail again at once, in a tight loop.
const REST: Duration = Duration::from_millis(200);

#[derive(Clone)]
struct App {
    health: Health,
    metrics: Metrics,
    door: Door,
}

pub(crate) async fn serve(
    listener: TcpListener,
    health: Health,
    metrics: Metrics,
    door: Door,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    let app = App {
        health,
        metrics,
        door: door.clone(),
    };
    let router = router(app, &door);
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let place = tokio::select! {
            place = Arc::clone(&places).acquire_owned() => place.expect("the semaphore is never closed"),
            () = shutdown.soft() => break,
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shutdown.soft() => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let (door, router, shutdown) = (door.clone(), router.clone(), shutdown.clone());
                connections.spawn(async move {
                    connection(stream, peer, door, router, HEAD, &shutdown).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "Could not accept a connection: {error}");
                tokio::time::sleep(REST).await;
            }
        }
        // Take those that ended off the list.
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    tokio::select! {
        () = drained => {}
        // Clients that hold their connections do not hold us.
        () = shutdown.hard() => {}
    }
    Ok(())
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    door: Door,
    router: Router,
    head: Duration,
    shutdown: &Shutdown,
) {
    // Answers are small and waited for.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "Could not set up a connection: {error}");
    }
    let cut = Cut::default();
    let knife = cut.clone();
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        let at_once = api::at_once(&door, peer, &mut request);
        request.extensions_mut().insert(Peer(peer));
        request.extensions_mut().insert(knife.clone());
        let mut router = router.clone();
        async move {
            let mut response = match at_once {
                Some(response) => response,
                None => router.call(request).await?,
            };
            dress(response.headers_mut());
            Ok::<_, Infallible>(response)
        }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut serving = std::pin::pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = shutdown.soft() => {
            serving.as_mut().graceful_shutdown();
            tokio::select! {
                ended = serving => ended,
                () = cut.0.cancelled() => return,
            }
        }
        () = cut.0.cancelled() => return,
    };
    // A client that goes away, or talks nonsense, is its own trouble.
    if let Err(error) = ended {
        tracing::debug!(%error, "A connection ended: {error}");
    }
}

/// What every answer says that does not say otherwise. (A layer for each would cost more than the answer to a read.)
fn dress(headers: &mut HeaderMap) {
    for (name, value) in [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers
            .entry(name)
            .or_insert_with(|| HeaderValue::from_static(value));
    }
}

fn router(app: App, door: &Door) -> Router {
    Router::new()
        .route("/", get(status_page))
        .route("/status.css", get(style))
        .route("/asyncapi.json", get(asyncapi))
        .route("/openapi.json", get(openapi))
        .route("/docs", get(docs))
        .route("/health/live", get(operations))
        .route("/health/ready", get(operations))
        .route("/metrics", get(operations))
        .merge(sign_in::router(door))
        .merge(api::router(door))
        .fallback(async || Problem::new(Code::NotFound, "There is nothing at this path."))
        .method_not_allowed_fallback(async |_: Request| Problem::of(Code::Method))
        .with_state(app)
}

async fn operations(State(app): State<App>, uri: Uri) -> Response {
    match ops::respond(uri.path(), &app.health, &app.metrics) {
        Some(reply) => {
            let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, [(header::CONTENT_TYPE, reply.content_type)], reply.body).into_response()
        }
        None => Problem::of(Code::NotFound).into_response(),
    }
}

async fn asyncapi() -> Response {
    const DOCUMENT: &str = include_str!("../../../docs/asyncapi.json");
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT).into_response()
}

async fn openapi() -> Response {
    static DOCUMENT: LazyLock<String> = LazyLock::new(|| api::openapi::document().to_string());
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT.as_str()).into_response()
}

async fn docs() -> Html<&'static str> {
    static PAGE: LazyLock<String> = LazyLock::new(api::page::page);
    Html(PAGE.as_str())
}

/// What somebody may see of how we are. What cannot be asked for is left out, and the page still comes.
async fn status_page(State(app): State<App>, headers: HeaderMap) -> Html<String> {
    let report = app.health.report();
    let looked = tokio::time::timeout(GLANCE, status::look(&app.door, &headers)).await;
    Html(match looked.ok().flatten() {
        Some(seen) => status::page(&report, Some(&seen)),
        None => status::page(&report, None),
    })
}

async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], pages::STYLE).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use lockdown_runtime::{Clock, Ids};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    /// Serves one connection, with little patience for its heads.
    async fn met() -> TcpStream {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, peer) = listener.accept().await.unwrap();
        tokio::spawn(async move {
            let router = Router::new().route("/", get(async || "here"));
            let head = Duration::from_millis(200);
            let door = Door::closed(Ids::system(Clock::system()));
            connection(stream, peer, door, router, head, &Shutdown::new()).await;
        });
        client
    }

    #[tokio::test]
    async fn who_is_slow_with_a_head_is_let_go() {
        let mut client = met().await;
        client
            .write_all(b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ")
            .await
            .unwrap();
        let mut said = Vec::new();
        client.read_to_end(&mut said).await.unwrap();
        assert!(!said.starts_with(b"HTTP/1.1 200"), "{said:?}");
    }

    #[tokio::test]
    async fn who_is_not_is_answered() {
        let mut client = met().await;
        client
            .write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .await
            .unwrap();
        let mut said = String::new();
        client.read_to_string(&mut said).await.unwrap();
        assert!(
            said.starts_with("HTTP/1.1 200") && said.ends_with("here"),
            "{said}"
        );
    }
}
