//! Health checks and metrics over HTTP, for services that have no web framework.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::health::Health;
use crate::lifecycle::Shutdown;
use crate::telemetry::Metrics;

/// Connections at once; the next one waits in the listener's queue.
const CONNECTIONS: usize = 64;
/// For the head of a request.
const HEAD: Duration = Duration::from_secs(5);
/// For a whole connection, which carries one request.
const CONNECTION: Duration = Duration::from_secs(20);
/// Rest after a failed accept: without file descriptors left it would fail again at once, in a tight loop.
const REST: Duration = Duration::from_millis(200);

/// An answer, ready for any HTTP server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub content_type: &'static str,
    pub body: String,
}

/// The address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("could not listen on {addr}{}; LOCKDOWN_HTTP_ADDR sets the address", advice(.source))]
pub struct BindError {
    pub addr: SocketAddr,
    pub source: io::Error,
}

/// The answer to a GET of this path, or `None` where it is not one of ours.
pub fn respond(path: &str, health: &Health, metrics: &Metrics) -> Option<Reply> {
    const JSON: &str = "application/json";
    let reply = |status, content_type, body| {
        Some(Reply {
            status,
            content_type,
            body,
        })
    };
    match path {
        // Whether the process runs; a restart would not bring a dependency back, so those do not count.
        "/health/live" => reply(200, JSON, serde_json::json!({"status": "up"}).to_string()),
        "/health/ready" => {
            let report = health.report();
            let body = serde_json::to_string(&report).expect("a report is plain data");
            reply(if report.ready { 200 } else { 503 }, JSON, body)
        }
        "/metrics" => reply(200, "text/plain; version=0.0.4; charset=utf-8", metrics.render()),
        _ => None,
    }
}

/// Listens on an address, with an error that says what to change.
pub async fn bind(addr: SocketAddr) -> Result<TcpListener, BindError> {
    TcpListener::bind(addr)
        .await
        .map_err(|source| BindError { addr, source })
}

/// Answers [`respond`]'s paths until a stop is asked for, then lets running answers end.
pub async fn serve(
    listener: TcpListener,
    health: Health,
    metrics: Metrics,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let place = tokio::select! {
            place = Arc::clone(&places).acquire_owned() => place.expect("the semaphore is never closed"),
            () = shutdown.soft() => break,
        };
        let stream = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shutdown.soft() => break,
        };
        match stream {
            Ok((stream, _)) => {
                let (health, metrics, shutdown) = (health.clone(), metrics.clone(), shutdown.clone());
                connections.spawn(async move {
                    connection(stream, &health, &metrics, &shutdown).await;
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
        () = shutdown.hard() => {}
    }
    Ok(())
}

async fn connection(stream: TcpStream, health: &Health, metrics: &Metrics, shutdown: &Shutdown) {
    let service = service_fn(|request: Request<Incoming>| async move {
        Ok::<_, Infallible>(answer(request.method(), request.uri().path(), health, metrics))
    });
    let serving = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        // One request each: nothing that asks here asks often, and nobody holds a place.
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    let mut serving = std::pin::pin!(serving);
    let whole = async {
        tokio::select! {
            result = serving.as_mut() => return result,
            () = shutdown.soft() => serving.as_mut().graceful_shutdown(),
        }
        serving.await
    };
    // A client that goes away, or talks nonsense, is its own trouble.
    match tokio::time::timeout(CONNECTION, whole).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "A connection ended early: {error}"),
        Err(_) => tracing::debug!("A connection took too long"),
    }
}

fn answer(method: &Method, path: &str, health: &Health, metrics: &Metrics) -> Response<Full<Bytes>> {
    let is_read = matches!(*method, Method::GET | Method::HEAD);
    let reply = match respond(path, health, metrics) {
        Some(reply) if is_read => reply,
        Some(_) => problem(405, "Method Not Allowed", "method_not_allowed"),
        None => problem(404, "Not Found", "not_found"),
    };
    let status = StatusCode::from_u16(reply.status).expect("the status codes here are constants");
    let mut response = Response::new(Full::new(Bytes::from(reply.body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(reply.content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    response
}

fn problem(status: u16, title: &str, code: &str) -> Reply {
    let body = serde_json::json!({"type": "about:blank", "title": title, "status": status, "code": code});
    Reply {
        status,
        content_type: "application/problem+json",
        body: body.to_string(),
    }
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => ", where another program (another LOCKDOWN?) listens already",
        io::ErrorKind::AddrNotAvailable => ", which is no address of this machine",
        io::ErrorKind::PermissionDenied => ", which needs more rights: take a port above 1023",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::clock::Clock;

    struct Server {
        addr: SocketAddr,
        health: Health,
        shutdown: Shutdown,
        serving: tokio::task::JoinHandle<anyhow::Result<()>>,
    }

    async fn server() -> Server {
        let metrics = Metrics::local();
        let health = Health::new("worker", "1.2.3", Clock::system(), metrics.clone());
        let shutdown = Shutdown::new();
        let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let serving = tokio::spawn(serve(listener, health.clone(), metrics, shutdown.clone()));
        Server {
            addr,
            health,
            shutdown,
            serving,
        }
    }

    impl Server {
        /// Sends a request line and reads until the server closes.
        async fn ask(&self, line: &str) -> String {
            let mut stream = TcpStream::connect(self.addr).await.unwrap();
            stream
                .write_all(format!("{line} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes())
                .await
                .unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            answer
        }
    }

    #[tokio::test]
    async fn readiness_follows_the_components() {
        let server = server().await;
        assert!(
            server
                .ask("GET /health/live")
                .await
                .starts_with("HTTP/1.1 200 OK")
        );
        let bus = server.health.component("bus", true);
        bus.down("Redis is away; check REDIS_URL");
        let answer = server.ask("GET /health/ready").await;
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        assert!(answer.contains("Redis is away; check REDIS_URL"), "{answer}");
        assert!(
            server
                .ask("GET /health/live")
                .await
                .starts_with("HTTP/1.1 200 OK"),
            "a restart would not help"
        );
        bus.up();
        assert!(
            server
                .ask("GET /health/ready?verbose")
                .await
                .starts_with("HTTP/1.1 200 OK")
        );
    }

    #[tokio::test]
    async fn metrics_are_served() {
        let server = server().await;
        server.health.component("bus", true).up();
        let answer = server.ask("GET /metrics").await;
        assert!(
            answer.contains("content-type: text/plain; version=0.0.4"),
            "{answer}"
        );
        assert!(
            answer.contains("lockdown_component_up{component=\"bus\"} 1"),
            "{answer}"
        );
        let head = server.ask("HEAD /metrics").await;
        assert!(
            head.starts_with("HTTP/1.1 200 OK") && head.ends_with("\r\n\r\n"),
            "{head}"
        );
    }

    #[tokio::test]
    async fn what_is_not_there_is_a_problem_with_a_code() {
        let server = server().await;
        let answer = server.ask("GET /nothing").await;
        assert!(
            answer.starts_with("HTTP/1.1 404 ") && answer.contains("application/problem+json"),
            "{answer}"
        );
        assert!(answer.contains(r#""code":"not_found""#), "{answer}");
        let answer = server.ask("POST /metrics").await;
        assert!(
            answer.starts_with("HTTP/1.1 405 ") && answer.contains("allow: GET, HEAD"),
            "{answer}"
        );
        assert!(answer.contains(r#""code":"method_not_allowed""#), "{answer}");
    }

    #[tokio::test]
    async fn an_address_in_use_says_what_to_change() {
        let server = server().await;
        let error = bind(server.addr).await.unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains(&server.addr.to_string()) && text.contains("LOCKDOWN_HTTP_ADDR"),
            "{text}"
        );
        assert!(text.contains("listens already"), "{text}");
    }

    /// A full house with nothing but idle clients: a stop must not wait for their timeouts.
    #[tokio::test]
    async fn a_stop_closes_idle_connections() {
        let server = server().await;
        let mut idle = Vec::new();
        for _ in 0..CONNECTIONS + 5 {
            idle.push(TcpStream::connect(server.addr).await.unwrap());
        }
        server.shutdown.request("test");
        // The safety net is shorter than the time that a silent client is given.
        let stopped = tokio::time::timeout(HEAD - Duration::from_secs(1), server.serving).await;
        stopped.expect("it waits for idle clients").unwrap().unwrap();
    }

    /// Time is paused: it moves only when everything waits, so an hour takes no time.
    #[tokio::test]
    async fn a_client_that_says_nothing_is_sent_away() {
        let server = server().await;
        let mut silent = TcpStream::connect(server.addr).await.unwrap();
        silent.write_all(b"GET /metr").await.unwrap();
        tokio::time::pause();
        let mut rest = Vec::new();
        // Closed, by reset or by end, without an answer of 200.
        let closed = tokio::time::timeout(Duration::from_secs(3600), silent.read_to_end(&mut rest)).await;
        assert!(closed.is_ok(), "still open after an hour");
        assert!(!String::from_utf8_lossy(&rest).contains("200 OK"));
    }
}
