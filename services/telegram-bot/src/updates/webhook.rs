//! Telegram calls us. Whoever else calls does not know the secret, and learns nothing of it from how long we take.

use super::{ALLOWED, BACKOFF, Intake};
use crate::client::SetWebhook;
use anyhow::Context as _;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use lockdown_runtime::health::Component;
use lockdown_runtime::{Secret, SecretUrl, Shutdown, chain};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

const HEADER: &str = "x-telegram-bot-api-secret-token";
/// Far more than any update has.
const LARGEST: usize = 1 << 20;
/// For the head of a request.
const HEAD: Duration = Duration::from_secs(10);
/// Telegram opens forty connections at most.
const CONNECTIONS: usize = 100;
/// Rest after a failed accept: without file descriptors left it would fail again at once.
const REST: Duration = Duration::from_millis(200);

/// Takes updates from Telegram's calls.
#[derive(Clone)]
pub(crate) struct Webhook {
    intake: Intake,
    url: String,
    path: String,
    secret: String,
}

// === impl Webhook ===

impl Webhook {
    pub(crate) fn new(intake: Intake, url: &SecretUrl, token: &Secret) -> Self {
        // The same in every process, and of no use to anybody who sees it but this bot's webhook.
        let digest = Sha256::new()
            .chain_update(b"lockdown webhook\0")
            .chain_update(token.expose())
            .finalize();
        Self {
            intake,
            url: url.url().to_string(),
            path: url.url().path().to_owned(),
            secret: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
        }
    }

    /// Listens, has Telegram call, and takes what comes until the process stops.
    pub(crate) async fn serve(
        self,
        addr: SocketAddr,
        component: Component,
        shutdown: Shutdown,
    ) -> anyhow::Result<()> {
        let listener = TcpListener::bind(addr)
            .await
            .with_context(|| format!("could not listen on {addr}; TELEGRAM_WEBHOOK_ADDR sets the address"))?;
        self.intake.recall().await;
        let mut connections = JoinSet::new();
        let setting = self.set(&component);
        tokio::pin!(setting);
        let mut set = false;
        loop {
            let stream = tokio::select! {
                accepted = listener.accept(), if connections.len() < CONNECTIONS => accepted,
                Some(_) = connections.join_next() => continue,
                () = &mut setting, if !set => {
                    set = true;
                    continue;
                }
                () = shutdown.soft() => break,
            };
            match stream {
                Ok((stream, _)) => {
                    connections.spawn(self.clone().connection(stream, shutdown.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "Could not accept a connection: {error}");
                    tokio::time::sleep(REST).await;
                }
            }
        }
        drop(listener);
        let drained = async { while connections.join_next().await.is_some() {} };
        tokio::select! {
            () = drained => {}
            () = shutdown.hard() => {}
        }
        Ok(())
    }

    async fn set(&self, component: &Component) {
        let mut failures = 0;
        loop {
            let webhook = SetWebhook {
                url: self.url.clone(),
                secret_token: self.secret.clone(),
                allowed_updates: ALLOWED,
            };
            match self.intake.client.set_webhook(webhook).await {
                Ok(_) => return component.up(),
                Err(error) => {
                    failures += 1;
                    self.intake.rest(component, &error, failures).await;
                }
            }
        }
    }

    async fn connection(self, stream: TcpStream, shutdown: Shutdown) {
        let service = service_fn(|request: Request<Incoming>| {
            let this = self.clone();
            async move {
                let mut response = Response::new(Empty::<Bytes>::new());
                *response.status_mut() = this.answer(request).await;
                Ok::<_, Infallible>(response)
            }
        });
        let serving = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD)
            .serve_connection(TokioIo::new(stream), service);
        let mut serving = std::pin::pin!(serving);
        let result = tokio::select! {
            result = serving.as_mut() => result,
            () = shutdown.soft() => {
                serving.as_mut().graceful_shutdown();
                serving.await
            }
        };
        if let Err(error) = result {
            tracing::debug!(%error, "A connection ended early: {error}");
        }
    }

    /// 200 says that all of it lies in the bus; after anything else Telegram sends it again.
    async fn answer(&self, request: Request<Incoming>) -> StatusCode {
        if request.uri().path() != self.path {
            return StatusCode::NOT_FOUND;
        }
        let given = request
            .headers()
            .get(HEADER)
            .map_or(&b""[..], |value| value.as_bytes());
        if !same(given, self.secret.as_bytes()) {
            metrics::counter!("lockdown_telegram_webhook_refused_total").increment(1);
            return StatusCode::UNAUTHORIZED;
        }
        if request.method() != Method::POST {
            return StatusCode::METHOD_NOT_ALLOWED;
        }
        let Ok(body) = Limited::new(request.into_body(), LARGEST).collect().await else {
            return StatusCode::PAYLOAD_TOO_LARGE;
        };
        let Ok(update) = serde_json::from_slice::<Value>(&body.to_bytes()) else {
            return StatusCode::BAD_REQUEST;
        };
        match self.intake.take(vec![update]).await {
            Ok(()) => StatusCode::OK,
            Err(error) => {
                tracing::warn!(
                    "An update waits, since the bus does not take it: {}",
                    chain(&error)
                );
                self.intake.clock.sleep(BACKOFF.pause(1)).await;
                StatusCode::SERVICE_UNAVAILABLE
            }
        }
    }
}

/// Takes as long for a secret that is wrong from the beginning as for one that is wrong at the end.
fn same(given: &[u8], secret: &[u8]) -> bool {
    // Digests have one length, so not even the secret's is told.
    let (given, secret) = (Sha256::digest(given), Sha256::digest(secret));
    let differing = given
        .iter()
        .zip(secret.iter())
        .fold(0, |bits, (a, b)| bits | (a ^ b));
    std::hint::black_box(differing) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_secret_is_the_secret() {
        assert!(same(b"s3cret", b"s3cret"));
        for wrong in [&b""[..], b"s3cre", b"s3crets", b"S3cret", b"x3cret"] {
            assert!(!same(wrong, b"s3cret"), "{wrong:?}");
        }
    }
}
