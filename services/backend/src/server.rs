//! The routes, and serving them until we stop.

use crate::pages;
use crate::problem::Problem;
use anyhow::Context as _;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use lockdown_runtime::{Health, Metrics, Shutdown, ops};
use std::time::Duration;
use tokio::net::TcpListener;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::TimeoutLayer;

/// No answer takes longer; a client that waits this long has gone.
const LONGEST_ANSWER: Duration = Duration::from_secs(30);

#[derive(Clone)]
struct App {
    health: Health,
    metrics: Metrics,
}

pub(crate) async fn serve(
    listener: TcpListener,
    health: Health,
    metrics: Metrics,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    let hard = shutdown.clone();
    let router = router(App { health, metrics });
    let serving = axum::serve(listener, router).with_graceful_shutdown(async move { shutdown.soft().await });
    tokio::select! {
        served = serving.into_future() => served.context("the HTTP side broke"),
        // Clients that hold their connections do not hold us.
        () = hard.hard() => Ok(()),
    }
}

fn router(app: App) -> Router {
    let header = |name: HeaderName, value: &'static str| {
        SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
    };
    Router::new()
        .route("/", get(status_page))
        .route("/status.css", get(style))
        .route("/asyncapi.json", get(asyncapi))
        .route("/health/live", get(operations))
        .route("/health/ready", get(operations))
        .route("/metrics", get(operations))
        .fallback(async || Problem::NOT_FOUND)
        .method_not_allowed_fallback(async || Problem::METHOD)
        .with_state(app)
        .layer(TimeoutLayer::with_status_code(
            StatusCode::GATEWAY_TIMEOUT,
            LONGEST_ANSWER,
        ))
        .layer(header(
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self'; frame-ancestors 'none'",
        ))
        .layer(header(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(header(header::REFERRER_POLICY, "no-referrer"))
        .layer(header(header::CACHE_CONTROL, "no-store"))
}

async fn operations(State(app): State<App>, uri: Uri) -> Response {
    match ops::respond(uri.path(), &app.health, &app.metrics) {
        Some(reply) => {
            let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, [(header::CONTENT_TYPE, reply.content_type)], reply.body).into_response()
        }
        None => Problem::NOT_FOUND.into_response(),
    }
}

async fn asyncapi() -> Response {
    const DOCUMENT: &str = include_str!("../../../docs/asyncapi.json");
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT).into_response()
}

async fn status_page(State(app): State<App>) -> Html<String> {
    Html(pages::status(&app.health.report()))
}

async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], pages::STYLE).into_response()
}
