//! Events whose effect stands: what makes "at least once" an effect of exactly one.

use crate::dbx::query::row;
use crate::dbx::{Conn, Json, Tx, sqls};
use crate::error::StoreError;
use chrono::{DateTime, Utc};
use lockdown_events::EventId;
use std::collections::BTreeSet;

row! {
    Taken {
        event_id: EventId,
    }
}

sqls! {
    INSERT = "INSERT INTO processed_events (consumer, event_id, at) VALUES ($1, $2, $3) \
        ON CONFLICT (consumer, event_id) DO NOTHING";
    INSERT_ALL =>
        "INSERT INTO processed_events (consumer, event_id, at) \
            SELECT CAST($1 AS TEXT), CAST(r.value AS UUID), CAST($3 AS TIMESTAMPTZ) \
            FROM jsonb_array_elements_text($2) AS r (value) ORDER BY CAST(r.value AS UUID) \
            ON CONFLICT (consumer, event_id) DO NOTHING RETURNING event_id",
        "INSERT INTO processed_events (consumer, event_id, at) \
            SELECT $1, unhex(value, '-'), $3 FROM json_each($2) WHERE TRUE \
            ON CONFLICT (consumer, event_id) DO NOTHING RETURNING event_id";
    FIND = "SELECT CAST(1 AS BIGINT) AS one FROM processed_events WHERE consumer = $1 AND event_id = $2";
    FORGET = "DELETE FROM processed_events WHERE (consumer, event_id) IN \
        (SELECT consumer, event_id FROM processed_events WHERE at < $1 ORDER BY at LIMIT $2)";
}

// === impl Conn ===

impl Conn {
    /// Whether the effect of an event stands.
    pub async fn is_processed(&mut self, consumer: &str, event: EventId) -> Result<bool, StoreError> {
        let query = self.query(&FIND).bind(consumer).bind(event);
        Ok(query.value::<i64>("one").await?.is_some())
    }
}

// === impl Tx ===

impl Tx {
    /// Notes that this transaction holds the effect of an event; `false` when another one did, and this one must have
    /// none. Of two at once the second waits for the first, and takes over when that one is rolled back.
    pub async fn process_once(
        &mut self,
        consumer: &str,
        event: EventId,
        at: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let query = self.query(&INSERT).bind(consumer).bind(event).bind(at);
        Ok(query.execute().await? == 1)
    }

    /// As [`Tx::process_once`] for many at once: answers those whose effect this transaction must have. For effects that
    /// are counted in batches; an event that stands in it twice has its effect once.
    pub async fn process_all_once(
        &mut self,
        consumer: &str,
        events: &[EventId],
        at: DateTime<Utc>,
    ) -> Result<BTreeSet<EventId>, StoreError> {
        // In one order everywhere, so that two batches do not wait for each other.
        let ids: BTreeSet<EventId> = events.iter().copied().collect();
        let query = self
            .query(&INSERT_ALL)
            .bind(consumer)
            .bind(Json(Vec::from_iter(ids)))
            .bind(at);
        let taken: Vec<Taken> = query.all().await?;
        Ok(taken.into_iter().map(|row| row.event_id).collect())
    }

    /// Removes some of what is older than the bus's own memory; says how many.
    pub async fn forget_processed(&mut self, before: DateTime<Utc>, limit: u64) -> Result<u64, StoreError> {
        self.query(&FORGET).bind(before).bind(limit).execute().await
    }
}
