//! What is read and taken among a million rows.

use crate::million::{self, Kind};
use crate::town::Town;
use anyhow::{Context as _, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use lockdown_store::cases::CaseQuery;
use lockdown_store::guilds::GuildKey;
use lockdown_store::{Store, in_read, in_tx};
use std::sync::atomic::Ordering;
use std::time::Instant;

const PAGE: u64 = 50;

/// The median of pages of a guild with a million cases: of the first page or of the last, whichever took longer.
pub(crate) async fn page_ms(store: &Store, looks: usize) -> anyhow::Result<f64> {
    let guild = GuildKey(million::id(Kind::Guild, 0));
    let mut slower: f64 = 0.0;
    for before in [None, Some(PAGE + 1)] {
        let query = CaseQuery {
            before,
            ..CaseQuery::default()
        };
        let mut took = Vec::with_capacity(looks);
        for _ in 0..looks {
            let begun = Instant::now();
            let page = in_read!(store, |conn| { conn.cases(guild, &query, PAGE).await })?;
            took.push(begun.elapsed().as_secs_f64() * 1000.0);
            let first = before.map_or(million::ROWS, |before| before - 1);
            ensure!(
                page.len() == 50 && page[0].number == first,
                "the page is another one"
            );
        }
        slower = slower.max(median(&mut took));
    }
    Ok(slower)
}

/// The median of taking what is due, until it is taken for good.
pub(crate) async fn due_ms(store: &Store, town: &Town, looks: usize) -> anyhow::Result<f64> {
    let mut took = Vec::with_capacity(looks);
    for _ in 0..looks {
        let second = i64::try_from(town.due.fetch_add(1, Ordering::Relaxed))?;
        let now: DateTime<Utc> =
            DateTime::from_timestamp(million::BEGIN + second, 0).context("time has an end")?;
        let until = now + TimeDelta::days(1);
        let begun = Instant::now();
        let due = in_tx!(store, |tx| {
            tx.claim_due_sanctions(now, "bench", until, million::DUE * 2)
                .await
        })?;
        took.push(begun.elapsed().as_secs_f64() * 1000.0);
        ensure!(due.len() as u64 == million::DUE, "{} are due", due.len());
    }
    Ok(median(&mut took))
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
