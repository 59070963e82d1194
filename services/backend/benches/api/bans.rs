//! Bans, each of somebody else, as they are asked for by many who do not wait for each other.

use crate::quantile;
use crate::serve::{CASE, GUILD, Served, TOKEN};
use anyhow::{Context as _, bail, ensure};
use reqwest::{Client, StatusCode};
use serde_json::json;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};

const PER_SECOND: u32 = 300;
static NEXT: AtomicU64 = AtomicU64::new(1_000);

pub(crate) struct Waited {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

/// What somebody was told who asked for a ban.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    Done,
    /// To come again: too many ask.
    TooMuch,
}

/// Bans the next one, and says who that was.
pub(crate) async fn ban(client: &Client, addr: SocketAddr) -> anyhow::Result<u64> {
    let user = NEXT.fetch_add(1, Ordering::Relaxed);
    let said = ask_for(client, addr, user).await?;
    ensure!(said == Said::Done, "a ban was refused, since too many ask");
    Ok(user)
}

/// Asks for a ban of the next one.
pub(crate) async fn ask(client: &Client, addr: SocketAddr) -> anyhow::Result<Said> {
    ask_for(client, addr, NEXT.fetch_add(1, Ordering::Relaxed)).await
}

async fn ask_for(client: &Client, addr: SocketAddr, user: u64) -> anyhow::Result<Said> {
    let said = client
        .post(format!("http://{addr}{GUILD}/bans"))
        .bearer_auth(TOKEN)
        .json(&json!({ "userId": user.to_string(), "reason": "spam" }))
        .send()
        .await
        .context("could not ask for a ban")?;
    let status = said.status();
    let text = said.text().await.context("the answer broke off")?;
    Ok(match status {
        StatusCode::CREATED => Said::Done,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => Said::TooMuch,
        _ => bail!("a ban was answered {status}: {text}"),
    })
}

/// Makes the case that is read, and says how it reads.
pub(crate) async fn first(served: &Served) -> anyhow::Result<String> {
    let client = Client::new();
    ban(&client, served.addr).await?;
    let said = client
        .get(format!("http://{}{CASE}", served.addr))
        .bearer_auth(TOKEN)
        .send()
        .await
        .context("could not read the case")?;
    ensure!(
        said.status() == StatusCode::OK,
        "the case was answered {}",
        said.status()
    );
    said.text().await.context("the answer broke off")
}

/// How long they wait who come at a steady rate, whether or not those before them were answered: from the moment at which
/// each was due.
pub(crate) async fn at_a_rate(served: &Served, during: Duration) -> anyhow::Result<Waited> {
    let client = Client::new();
    let count = u64::from(PER_SECOND) * during.as_secs();
    let mut due = tokio::time::interval(Duration::from_secs(1) / PER_SECOND);
    due.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut asking = JoinSet::new();
    for _ in 0..count {
        let was_due = due.tick().await;
        let (client, addr) = (client.clone(), served.addr);
        asking.spawn(async move {
            ban(&client, addr).await?;
            anyhow::Ok(Instant::now() - was_due)
        });
    }
    let mut waited = Vec::new();
    while let Some(ended) = asking.join_next().await {
        waited.push(ended.context("a caller broke")??.as_secs_f64() * 1_000.0);
    }
    Ok(Waited {
        p50: quantile(&mut waited, 0.5),
        p99: quantile(&mut waited, 0.99),
    })
}
