//! Cases as fast as they can be made.

use crate::town::Town;
use lockdown_store::Store;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Cases a second that so many callers make, each one after the other.
pub(crate) async fn rate(store: &Store, town: &Town, callers: u32, time: Duration) -> anyhow::Result<f64> {
    let begun = Instant::now();
    let mut running = JoinSet::new();
    for _ in 0..callers {
        let (store, town) = (store.clone(), town.clone());
        running.spawn(async move {
            let mut made = 0;
            while begun.elapsed() < time {
                town.ban(&store).await?;
                made += 1;
            }
            anyhow::Ok(made)
        });
    }
    let mut made = 0;
    while let Some(ended) = running.join_next().await {
        made += ended??;
    }
    Ok(f64::from(made) / begun.elapsed().as_secs_f64())
}
