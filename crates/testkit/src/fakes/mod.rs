//! The platforms' side of the wire, on loopback, with state.

pub mod discord;
mod multipart;
pub mod telegram;

pub use discord::FakeDiscord;
pub use telegram::FakeTelegram;

use anyhow::{Context as _, Result};
use axum::Router;
use std::net::{Ipv4Addr, SocketAddr};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

/// A server on a free port of this machine, until it is dropped.
struct Server {
    addr: SocketAddr,
    serving: AbortHandle,
}

// === impl Server ===

impl Server {
    async fn start(router: Router) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .context("could not listen on loopback")?;
        let addr = listener.local_addr().context("could not learn the port")?;
        let serving = tokio::spawn(async move { axum::serve(listener, router).await }).abort_handle();
        Ok(Self { addr, serving })
    }

    fn url(&self) -> String {
        format!("http://{}", self.addr)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
