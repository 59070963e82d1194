//! The outbox: events that were decided and are yet to be published.
//!
//! An event is written with the rows it tells of, so that one is never there without the other. [`Relay`] publishes what
//! is there, in the order of commits within a guild: guilds share sixteen lanes, and a lane is drained by one relay at a
//! time, under a lease that a relay's death ends. An event may be published twice, under the same id; the bus knows. One
//! that the bus refuses for good is parked, with the bus's word, and its guild's others go on.

mod relay;

pub use relay::{Publish, Relay, Unpublished};

use crate::dbx::query::row;
use crate::dbx::{Conn, Json, Tx, sqls};
use crate::error::StoreError;
use crate::guilds::GuildKey;
use crate::people::storable;
use crate::store::Store;
use chrono::{DateTime, Utc};
use lockdown_events::{Envelope, EventId, Traceparent};
use lockdown_runtime::{chain, telemetry};
use serde_json::{Value, json};
use std::borrow::Cow;

/// As many as the migration that made them; another number would break the order of what waits.
pub const LANES: u64 = 16;
/// What one process tells the others through Postgres.
const CHANNEL: &str = "lockdown_outbox";

row! {
    /// An event that waits.
    pub Pending {
        id: i64,
        event_id: EventId,
        guild_id: GuildKey,
        topic: String,
        /// The envelope as it goes on the wire.
        payload: String,
        created_at: DateTime<Utc>,
        attempts: u64,
    }
}

row! {
    /// An event that the bus refuses for good.
    pub Parked {
        id: i64,
        event_id: EventId,
        guild_id: GuildKey,
        topic: String,
        payload: String,
        created_at: DateTime<Utc>,
        parked_at: DateTime<Utc>,
        last_error: Option<String>,
    }
}

/// An event on its way into the outbox.
pub(crate) struct Told {
    event: EventId,
    guild: GuildKey,
    topic: String,
    payload: String,
    at: DateTime<Utc>,
}

row! {
    Lane {
        lane: u64,
    }
}

sqls! {
    INSERT = "INSERT INTO outbox (event_id, guild_id, lane, topic, payload, created_at) \
        VALUES ($1, $2, $3, $4, $5, $6)";
    INSERT_ALL =>
        "INSERT INTO outbox (event_id, guild_id, lane, topic, payload, created_at) \
            SELECT CAST(told ->> 'event' AS UUID), CAST(told ->> 'guild' AS UUID), CAST(told ->> 'lane' AS BIGINT), \
                told ->> 'topic', told ->> 'payload', CAST(told ->> 'at' AS TIMESTAMPTZ) \
            FROM jsonb_array_elements($1) WITH ORDINALITY AS list (told, place) ORDER BY place",
        "INSERT INTO outbox (event_id, guild_id, lane, topic, payload, created_at) \
            SELECT unhex(value ->> 'event'), unhex(value ->> 'guild'), value ->> 'lane', value ->> 'topic', \
                value ->> 'payload', value ->> 'micros' \
            FROM json_each($1) ORDER BY key";
    CLAIM =>
        "UPDATE outbox_lanes SET lease_by = $2, lease_until = $3 WHERE lane IN ( \
            SELECT lane FROM outbox_lanes WHERE (lease_until IS NULL OR lease_until <= $1) \
                AND EXISTS (SELECT 1 FROM outbox o WHERE o.lane = outbox_lanes.lane AND o.published_at IS NULL \
                    AND o.parked_at IS NULL) \
            FOR UPDATE SKIP LOCKED) RETURNING lane",
        "UPDATE outbox_lanes SET lease_by = $2, lease_until = $3 WHERE lane IN ( \
            SELECT lane FROM outbox_lanes WHERE (lease_until IS NULL OR lease_until <= $1) \
                AND EXISTS (SELECT 1 FROM outbox o WHERE o.lane = outbox_lanes.lane AND o.published_at IS NULL \
                    AND o.parked_at IS NULL)) \
            RETURNING lane";
    EXTEND =>
        "UPDATE outbox_lanes SET lease_until = $3 WHERE lease_by = $2 \
            AND lane IN (SELECT CAST(value AS BIGINT) FROM jsonb_array_elements_text($1)) RETURNING lane",
        "UPDATE outbox_lanes SET lease_until = $3 WHERE lease_by = $2 AND lane IN (SELECT value FROM json_each($1)) \
            RETURNING lane";
    RELEASE =>
        "UPDATE outbox_lanes SET lease_by = NULL, lease_until = $3 WHERE lease_by = $2 \
            AND lane IN (SELECT CAST(value AS BIGINT) FROM jsonb_array_elements_text($1))",
        "UPDATE outbox_lanes SET lease_by = NULL, lease_until = $3 WHERE lease_by = $2 \
            AND lane IN (SELECT value FROM json_each($1))";
    PAGE = "SELECT id, event_id, guild_id, topic, payload, created_at, attempts FROM outbox \
        WHERE lane = $1 AND published_at IS NULL AND parked_at IS NULL ORDER BY id LIMIT $2";
    PUBLISHED =>
        "UPDATE outbox SET published_at = $1, last_error = NULL WHERE published_at IS NULL \
            AND id IN (SELECT CAST(value AS BIGINT) FROM jsonb_array_elements_text($2))",
        "UPDATE outbox SET published_at = $1, last_error = NULL WHERE published_at IS NULL \
            AND id IN (SELECT value FROM json_each($2))";
    FAILED = "UPDATE outbox SET attempts = attempts + 1, last_error = $2 WHERE id = $1";
    FORGET = "DELETE FROM outbox WHERE id IN \
        (SELECT id FROM outbox WHERE published_at IS NOT NULL AND published_at < $1 ORDER BY published_at LIMIT $2)";
    WAITING = "SELECT COUNT(*) AS waiting FROM outbox WHERE published_at IS NULL AND parked_at IS NULL";
    PARK = "UPDATE outbox SET parked_at = $2, attempts = attempts + 1, last_error = $3 \
        WHERE id = $1 AND published_at IS NULL AND parked_at IS NULL";
    PARKED = "SELECT id, event_id, guild_id, topic, payload, created_at, parked_at, last_error FROM outbox \
        WHERE parked_at IS NOT NULL AND id > $1 ORDER BY id LIMIT $2";
    PARKED_COUNT = "SELECT COUNT(*) AS parked FROM outbox WHERE parked_at IS NOT NULL";
    PUT_BACK = "UPDATE outbox SET parked_at = NULL, attempts = 0 WHERE id = $1 AND parked_at IS NOT NULL";
    DROP_PARKED = "DELETE FROM outbox WHERE id = $1 AND parked_at IS NOT NULL";
    NOTIFY => "SELECT CAST(pg_notify('lockdown_outbox', '') AS TEXT) AS told", "SELECT CAST(NULL AS TEXT) AS told";
}

/// Where a guild's events wait.
pub fn lane(guild: GuildKey) -> u64 {
    // The last byte of an id is random.
    u64::from(guild.0.as_bytes()[15]) % LANES
}

/// Of one transaction, in the order in which they were told.
pub(crate) async fn insert(tx: &mut Tx, mut told: Vec<Told>) -> Result<(), StoreError> {
    if told.len() > 1 {
        let rows: Vec<Value> = told.into_iter().map(Told::into_row).collect();
        tx.write(&INSERT_ALL).await?.bind(Json(rows));
    } else if let Some(Told {
        event,
        guild,
        topic,
        payload,
        at,
    }) = told.pop()
    {
        tx.write(&INSERT)
            .await?
            .bind(event)
            .bind(guild)
            .bind(lane(guild))
            .bind(topic)
            .bind(payload)
            .bind(at);
    }
    Ok(())
}

fn lanes(rows: Vec<Lane>) -> Vec<u64> {
    rows.into_iter().map(|row| row.lane).collect()
}

/// Tells other processes, after commits, that there is something in the outbox: one word for all that came meanwhile.
/// (A NOTIFY inside of each transaction would make them commit one after the other.)
pub(crate) fn listen(store: &Store) {
    let (store, closed) = (store.clone(), store.closed());
    tokio::spawn(closed.run_until_cancelled_owned(async move {
        loop {
            store.wake().elsewhere().await;
            let told = async {
                store
                    .read()
                    .await?
                    .query(&NOTIFY)
                    .value::<Option<String>>("told")
                    .await
            };
            if let Err(error) = told.await {
                // Their own poll finds it a little later.
                tracing::debug!("Could not tell other relays: {}", chain(&error));
            }
        }
    }));
}

// === impl Conn ===

impl Conn {
    /// How many events wait.
    pub async fn outbox_waiting(&mut self) -> Result<u64, StoreError> {
        Ok(self.query(&WAITING).value("waiting").await?.unwrap_or(0))
    }

    /// How many events are parked.
    pub async fn outbox_parked(&mut self) -> Result<u64, StoreError> {
        Ok(self.query(&PARKED_COUNT).value("parked").await?.unwrap_or(0))
    }

    /// A page of what is parked, oldest first, with the bus's word on each.
    pub async fn parked_events(&mut self, after: Option<i64>, limit: u64) -> Result<Vec<Parked>, StoreError> {
        self.query(&PARKED)
            .bind(after.unwrap_or(0))
            .bind(limit)
            .all()
            .await
    }

    /// The first of a lane, in their order.
    pub async fn outbox_page(&mut self, lane: u64, limit: u64) -> Result<Vec<Pending>, StoreError> {
        self.query(&PAGE).bind(lane).bind(limit).all().await
    }
}

/// The event with the span that decided it, so that whoever handles it goes on with the trace of the request or the event
/// that it came from: the relay publishes it later, from a span of its own.
fn traced(envelope: &Envelope) -> Cow<'_, Envelope> {
    let span = match envelope.traceparent {
        None => telemetry::traceparent().and_then(|text| Traceparent::new(&text)),
        Some(_) => None,
    };
    match span {
        None => Cow::Borrowed(envelope),
        span => {
            let mut own = envelope.clone();
            own.traceparent = span;
            Cow::Owned(own)
        }
    }
}

// === impl Told ===

impl Told {
    fn into_row(self) -> Value {
        json!({
            "event": self.event.0.simple().to_string(),
            "guild": self.guild.0.simple().to_string(),
            "lane": lane(self.guild),
            "topic": self.topic,
            "payload": self.payload,
            "at": self.at,
            "micros": self.at.timestamp_micros(),
        })
    }
}

// === impl Tx ===

impl Tx {
    /// Puts an event into the outbox with the commit. Holds the guild until the end of the transaction: within one, ids are
    /// given in the order of commits.
    pub async fn publish(
        &mut self,
        guild: GuildKey,
        envelope: &Envelope,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        self.hold_guild(guild).await?;
        self.tell(Told {
            event: envelope.event_id,
            guild,
            topic: envelope.event_type().to_owned(),
            payload: traced(envelope).encode(),
            at: now,
        });
        Ok(())
    }

    /// Takes every lane in which something waits and that nobody has, until `lease_until`.
    pub async fn claim_lanes(
        &mut self,
        now: DateTime<Utc>,
        by: &str,
        lease_until: DateTime<Utc>,
    ) -> Result<Vec<u64>, StoreError> {
        let query = self.query(&CLAIM).bind(now).bind(by).bind(lease_until);
        Ok(lanes(query.all().await?))
    }

    /// Keeps lanes for longer; answers those that were not lost.
    pub async fn extend_lanes(
        &mut self,
        kept: &[u64],
        by: &str,
        lease_until: DateTime<Utc>,
    ) -> Result<Vec<u64>, StoreError> {
        let kept = Json(kept.to_vec());
        let query = self.query(&EXTEND).bind(kept).bind(by).bind(lease_until);
        Ok(lanes(query.all().await?))
    }

    /// Gives lanes back; nobody takes them before `not_before`.
    pub async fn release_lanes(
        &mut self,
        given: &[u64],
        by: &str,
        not_before: Option<DateTime<Utc>>,
    ) -> Result<(), StoreError> {
        let given = Json(given.to_vec());
        let query = self.query(&RELEASE).bind(given).bind(by).bind(not_before);
        query.execute().await.map(drop)
    }

    pub async fn mark_events_published(&mut self, ids: &[i64], at: DateTime<Utc>) -> Result<u64, StoreError> {
        self.query(&PUBLISHED)
            .bind(at)
            .bind(Json(ids.to_vec()))
            .execute()
            .await
    }

    pub async fn mark_event_failed(&mut self, id: i64, error: &str) -> Result<(), StoreError> {
        let query = self.query(&FAILED).bind(id).bind(storable(error));
        query.execute().await.map(drop)
    }

    /// Sets an event aside that is refused for good, so that it holds up no others. It stays until somebody puts it back or
    /// drops it.
    pub async fn park_event(&mut self, id: i64, error: &str, at: DateTime<Utc>) -> Result<bool, StoreError> {
        let query = self.query(&PARK).bind(id).bind(at).bind(storable(error));
        Ok(query.execute().await? == 1)
    }

    /// Gives a parked event another chance: it goes out before whatever of its guild waits; `false` when it is not parked.
    pub async fn put_back_event(&mut self, id: i64) -> Result<bool, StoreError> {
        let done = self.query(&PUT_BACK).bind(id).execute().await? == 1;
        if done {
            self.mark_put_back();
        }
        Ok(done)
    }

    /// Removes a parked event, which then nobody ever hears of; `false` when it is not parked.
    pub async fn drop_parked_event(&mut self, id: i64) -> Result<bool, StoreError> {
        Ok(self.query(&DROP_PARKED).bind(id).execute().await? == 1)
    }

    /// Removes some of what was published before a time; says how many.
    pub async fn forget_published(&mut self, before: DateTime<Utc>, limit: u64) -> Result<u64, StoreError> {
        self.query(&FORGET).bind(before).bind(limit).execute().await
    }
}
