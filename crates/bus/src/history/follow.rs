//! Everything from a point on, and then what comes.

use super::cursor::Cursor;
use super::query::Query;
use super::scan::{self, Kept, Next, Scan};
use super::waker::Ticket;
use super::{History, Waker};
use crate::backoff::Backoff;
use crate::engine::{EngineError, Start, Stored};
use futures_util::future::try_join_all;
use std::sync::Arc;
use std::time::Duration;

const BACKOFF: Backoff = Backoff {
    first: Duration::from_millis(50),
    cap: Duration::from_secs(5),
};

/// Follows what answers a question, in order per stream, without gaps and doubles, for as long as it is asked.
pub struct Follow {
    scan: Scan<Kept>,
    ticket: Ticket,
    failures: u32,
}

impl History {
    /// Follows from a place on: a cursor, or any other start. The question's `to` does not end it.
    pub async fn follow(&self, query: &Query, start: impl Into<Start> + Send) -> Result<Follow, EngineError> {
        let mut query = query.clone();
        query.to = None;
        let streams = query.streams();
        let places = match start.into() {
            Start::Oldest => scan::beginning(&*self.engine, &query, None).await?,
            Start::After(places) => scan::beginning(&*self.engine, &query, Some(&Cursor(places))).await?,
            Start::Now => {
                let lasts = streams.iter().map(|stream| self.engine.last(*stream));
                let lasts = try_join_all(lasts).await?;
                Cursor(streams.iter().copied().zip(lasts).collect())
            }
            Start::At(at) => {
                query.from = Some(query.from.map_or(at, |from| from.max(at)));
                scan::beginning(&*self.engine, &query, None).await?
            }
        };
        let ticket = Waker::follow(&self.waker, &query);
        Ok(Follow {
            scan: Scan::new(Kept(Arc::clone(&self.engine)), &query, places, scan::PAGE),
            ticket,
            failures: 0,
        })
    }
}

// === impl Follow ===

impl Follow {
    /// The next entry, as soon as there is one. Waits out whatever is worth another try; safe to cancel.
    pub async fn next(&mut self) -> Result<Stored, EngineError> {
        loop {
            match self.scan.next() {
                Next::Entry(entry) => return Ok(entry),
                Next::Passed => {}
                Next::Hungry => self.fill().await?,
                Next::Ended => {
                    let news = self.ticket.news().await;
                    self.scan.again(&news);
                }
            }
        }
    }

    /// How far it came: what [`Follow::next`] returned last is before it, and a new follow goes on after it.
    pub fn cursor(&self) -> Cursor {
        self.scan.cursor()
    }

    async fn fill(&mut self) -> Result<(), EngineError> {
        match self.scan.fill().await {
            Ok(_) => self.failures = 0,
            Err(failed @ (EngineError::Closed | EngineError::Refused(_))) => return Err(failed),
            Err(failed) => {
                self.failures = self.failures.saturating_add(1);
                let pause = BACKOFF.pause(self.failures);
                tracing::debug!(error = %failed, "Could not read on, next try in {pause:?}");
                tokio::time::sleep(pause).await;
            }
        }
        Ok(())
    }
}
