//! Twice as many as are worked at: the excess is refused at once, and the rest waits no longer for it.

use crate::bans::{Said, ask};
use crate::quantile;
use crate::serve::Served;
use anyhow::{Context as _, ensure};
use reqwest::Client;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// So many are worked at, at once; a few below that, since who was answered may come again before that is seen.
const PLACES: usize = 240;
const TWICE: usize = 512;
/// Whoever was refused comes again after so long.
const AGAIN: Duration = Duration::from_millis(100);

pub(crate) struct Overload {
    /// The part of all that was refused.
    pub(crate) refused: f64,
    /// How much longer those wait who are taken, by the median.
    pub(crate) ratio: f64,
}

#[derive(Default)]
struct Told {
    waited: Vec<f64>,
    refused: usize,
}

pub(crate) async fn overload(served: &Served, during: Duration) -> anyhow::Result<Overload> {
    let mut full = by_many(served, PLACES, during).await?;
    let mut twice = by_many(served, TWICE, during).await?;
    ensure!(
        !full.waited.is_empty() && !twice.waited.is_empty(),
        "nobody was served"
    );
    ensure!(twice.refused > 0, "nobody is refused, by {TWICE} at once");
    Ok(Overload {
        refused: twice.refused as f64 / (twice.refused + twice.waited.len()) as f64,
        ratio: quantile(&mut twice.waited, 0.5) / quantile(&mut full.waited, 0.5),
    })
}

/// So many ask again as soon as they are answered.
async fn by_many(served: &Served, callers: usize, during: Duration) -> anyhow::Result<Told> {
    let (client, addr, end) = (Client::new(), served.addr, Instant::now() + during);
    let mut asking = JoinSet::new();
    for _ in 0..callers {
        let client = client.clone();
        asking.spawn(async move {
            let mut told = Told::default();
            while Instant::now() < end {
                let begun = Instant::now();
                match ask(&client, addr).await? {
                    Said::Done => told.waited.push(begun.elapsed().as_secs_f64() * 1_000.0),
                    Said::TooMuch => {
                        told.refused += 1;
                        tokio::time::sleep(AGAIN).await;
                    }
                }
            }
            anyhow::Ok(told)
        });
    }
    let mut all = Told::default();
    while let Some(ended) = asking.join_next().await {
        let told = ended.context("a caller broke")??;
        all.waited.extend(told.waited);
        all.refused += told.refused;
    }
    Ok(all)
}
