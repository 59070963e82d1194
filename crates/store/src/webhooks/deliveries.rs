//! Deliveries: one event for one webhook, tried until it is taken or given up.

use super::{WebhookId, WebhookState};
use crate::dbx::query::row;
use crate::dbx::{Conn, Json, Tx, sqls, text_enum, uuid_ids};
use crate::error::StoreError;
use crate::people::storable;
use chrono::{DateTime, TimeDelta, Utc};
use lockdown_events::EventId;
use uuid::Uuid;

uuid_ids! {
    DeliveryId;
}

text_enum! {
    DeliveryState {
        Pending = "pending",
        Delivered = "delivered",
        /// Given up.
        Failed = "failed",
    }
}

/// How long after each failed try the next one comes, as Standard Webhooks proposes: three days and three hours in all.
pub const RETRIES: [TimeDelta; 9] = [
    TimeDelta::seconds(5),
    TimeDelta::minutes(5),
    TimeDelta::minutes(30),
    TimeDelta::hours(2),
    TimeDelta::hours(5),
    TimeDelta::hours(10),
    TimeDelta::hours(14),
    TimeDelta::hours(20),
    TimeDelta::hours(24),
];
/// A webhook that took nothing for so long is disabled.
const LASTING: TimeDelta = TimeDelta::days(5);
/// So many characters of an answer are kept.
const EXCERPT: usize = 1000;

row! {
    pub Delivery {
        id: DeliveryId,
        webhook_id: WebhookId,
        event_id: EventId,
        topic: String,
        /// As it is sent each time.
        payload: String,
        state: DeliveryState,
        attempts: u64,
        /// When it is tried next, or the end of the lease. Absent: never, or when its webhook is enabled.
        next_attempt_at: Option<DateTime<Utc>>,
        lease_by: Option<String>,
        status_code: Option<u64>,
        /// How the answer began, or why there was none.
        excerpt: Option<String>,
        created_at: DateTime<Utc>,
        ended_at: Option<DateTime<Utc>>,
    }
}

/// What is to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewDelivery<'a> {
    pub id: DeliveryId,
    pub webhook_id: WebhookId,
    pub event_id: EventId,
    pub topic: &'a str,
    pub payload: &'a str,
    pub at: DateTime<Utc>,
}

/// What came of a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome<'a> {
    Taken {
        status: u64,
        answer: &'a str,
    },
    /// Without a status when there was no answer; then the text says why.
    Failed {
        status: Option<u64>,
        answer: &'a str,
    },
    /// The receiver wants nothing more.
    Gone {
        answer: &'a str,
    },
}

/// What follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    Delivered,
    /// It is tried again then.
    Again(DateTime<Utc>),
    GivenUp,
    /// The webhook took nothing for long, or said so: it is disabled by this. The delivery waits.
    Disabled,
    /// The webhook was disabled by somebody meanwhile. The delivery waits.
    Held,
    /// The lease was lost, and whoever has it now will say what came of it.
    Lost,
}

row! {
    Failing {
        state: WebhookState,
        failing_since: DateTime<Utc>,
    }
}

macro_rules! columns {
    ($head:expr, $tail:literal) => {
        concat!(
            $head,
            " id, webhook_id, event_id, topic, payload, state, attempts, next_attempt_at, lease_by, status_code, \
             excerpt, created_at, ended_at ",
            $tail
        )
    };
}

macro_rules! claim {
    ($full:literal, $lock:literal) => {
        columns!(
            concat!(
                "UPDATE webhook_deliveries SET next_attempt_at = $3, lease_by = $2, attempts = attempts + 1 \
                 WHERE id IN (SELECT id FROM webhook_deliveries WHERE state = 'pending' AND next_attempt_at <= $1 \
                     AND webhook_id NOT IN (",
                $full,
                ") ORDER BY next_attempt_at LIMIT $4",
                $lock,
                ") RETURNING"
            ),
            ""
        )
    };
}

macro_rules! insert {
    ($lock:literal) => {
        concat!(
            "INSERT INTO webhook_deliveries \
                (id, webhook_id, event_id, topic, payload, state, next_attempt_at, created_at) \
             SELECT $1, id, $3, $4, $5, 'pending', $6, $6 FROM webhooks WHERE id = $2 AND state = 'active'",
            $lock,
            " ON CONFLICT (webhook_id, event_id) DO NOTHING"
        )
    };
}

sqls! {
    // A webhook that is being deleted is waited for, and then wants nothing.
    INSERT => insert!(" FOR KEY SHARE"), insert!("");
    CLAIM =>
        claim!("SELECT CAST(value AS UUID) FROM jsonb_array_elements_text($5)", " FOR UPDATE SKIP LOCKED"),
        claim!("SELECT unhex(value, '-') FROM json_each($5)", "");
    FIND = columns!("SELECT", "FROM webhook_deliveries WHERE webhook_id = $1 AND id = $2");
    NEXT_DUE = "SELECT MIN(next_attempt_at) AS due FROM webhook_deliveries WHERE state = 'pending'";
    PAGE = columns!("SELECT", "FROM webhook_deliveries WHERE webhook_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3");
    NEWEST = columns!("SELECT", "FROM webhook_deliveries WHERE webhook_id = $1 ORDER BY id DESC LIMIT $2");
    SETTLE = "UPDATE webhook_deliveries SET state = $4, next_attempt_at = $5, lease_by = NULL, status_code = $6, \
            excerpt = $7, ended_at = $8 \
        WHERE id = $1 AND lease_by = $2 AND attempts = $3 AND state = 'pending'";
    SOUND = "UPDATE webhooks SET failures = 0, failing_since = NULL WHERE id = $1 AND failures > 0";
    FAILING = "UPDATE webhooks SET failures = failures + 1, failing_since = COALESCE(failing_since, $2) \
        WHERE id = $1 RETURNING state, failing_since";
    // A disabled webhook's waits until it is enabled.
    SEND_AGAIN = "UPDATE webhook_deliveries SET state = 'pending', attempts = 0, ended_at = NULL, lease_by = NULL, \
            next_attempt_at = CASE WHEN (SELECT w.state FROM webhooks w WHERE w.id = webhook_id) = 'active' \
                THEN CAST($2 AS TIMESTAMPTZ) END \
        WHERE id = $1 AND state <> 'pending'";
    FORGET = "DELETE FROM webhook_deliveries WHERE id IN \
        (SELECT id FROM webhook_deliveries WHERE ended_at < $1 ORDER BY ended_at LIMIT $2)";
}

/// When a delivery is tried again that failed so many times; a little later each time, so that those that failed together
/// do not come together.
fn again(attempts: u64, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let pause = RETRIES.get(usize::try_from(attempts).ok()?.checked_sub(1)?)?;
    let later = pause.num_milliseconds() / 10;
    Some(at + *pause + TimeDelta::milliseconds(fastrand::i64(0..=later)))
}

// === impl Conn ===

impl Conn {
    /// When [`Tx::claim_deliveries`] finds something next.
    pub async fn next_due_delivery(&mut self) -> Result<Option<DateTime<Utc>>, StoreError> {
        let due: Option<Option<DateTime<Utc>>> = self.query(&NEXT_DUE).value("due").await?;
        Ok(due.flatten())
    }

    /// One of a webhook's.
    pub async fn delivery(
        &mut self,
        webhook: WebhookId,
        id: DeliveryId,
    ) -> Result<Option<Delivery>, StoreError> {
        self.query(&FIND).bind(webhook).bind(id).optional().await
    }

    /// A page of a webhook's, newest first.
    pub async fn deliveries(
        &mut self,
        webhook: WebhookId,
        before: Option<DeliveryId>,
        limit: u64,
    ) -> Result<Vec<Delivery>, StoreError> {
        match before {
            Some(before) => {
                let query = self.query(&PAGE).bind(webhook).bind(before);
                query.bind(limit).all().await
            }
            None => self.query(&NEWEST).bind(webhook).bind(limit).all().await,
        }
    }
}

// === impl Tx ===

impl Tx {
    /// Adds a delivery; `false` when the event is on its way there already, or the webhook is disabled or not there any more.
    pub async fn insert_delivery(&mut self, new: NewDelivery<'_>) -> Result<bool, StoreError> {
        let query = self
            .query(&INSERT)
            .bind(new.id)
            .bind(new.webhook_id)
            .bind(new.event_id)
            .bind(new.topic)
            .bind(storable(new.payload))
            .bind(new.at);
        Ok(query.execute().await? == 1)
    }

    /// Takes what is due, so that nobody else takes it until `lease_until`; but nothing of those that are `full`.
    pub async fn claim_deliveries(
        &mut self,
        now: DateTime<Utc>,
        by: &str,
        lease_until: DateTime<Utc>,
        full: &[WebhookId],
        limit: u64,
    ) -> Result<Vec<Delivery>, StoreError> {
        let full: Vec<Uuid> = full.iter().map(|id| id.0).collect();
        self.query(&CLAIM)
            .bind(now)
            .bind(by)
            .bind(lease_until)
            .bind(limit)
            .bind(Json(full))
            .all()
            .await
    }

    /// Notes what came of a try, and what follows for the delivery and its webhook.
    pub async fn settle_delivery(
        &mut self,
        delivery: &Delivery,
        outcome: Outcome<'_>,
        at: DateTime<Utc>,
    ) -> Result<Settled, StoreError> {
        // The webhook first, as whoever disables it does: each waits for the other, and neither for ever.
        let (status, answer, settled) = match outcome {
            Outcome::Taken { status, answer } => {
                self.query(&SOUND).bind(delivery.webhook_id).execute().await?;
                (Some(status), answer, Settled::Delivered)
            }
            Outcome::Failed { status, answer } => {
                let settled = match (self.fail(delivery, at).await?, again(delivery.attempts, at)) {
                    (failing, _) if failing.state == WebhookState::Disabled => Settled::Held,
                    (failing, _) if failing.failing_since <= at - LASTING => Settled::Disabled,
                    (_, Some(next)) => Settled::Again(next),
                    (_, None) => Settled::GivenUp,
                };
                (status, answer, settled)
            }
            Outcome::Gone { answer } => {
                self.fail(delivery, at).await?;
                (Some(410), answer, Settled::Disabled)
            }
        };
        let (state, next) = match settled {
            Settled::Delivered => (DeliveryState::Delivered, None),
            Settled::GivenUp => (DeliveryState::Failed, None),
            Settled::Again(next) => (DeliveryState::Pending, Some(next)),
            Settled::Disabled | Settled::Held | Settled::Lost => (DeliveryState::Pending, None),
        };
        let excerpt: String = storable(answer).chars().take(EXCERPT).collect();
        let query = self
            .query(&SETTLE)
            .bind(delivery.id)
            .bind(delivery.lease_by.as_deref())
            .bind(delivery.attempts)
            .bind(state)
            .bind(next)
            .bind(status)
            .bind(excerpt)
            .bind((state != DeliveryState::Pending).then_some(at));
        if query.execute().await? == 0 {
            return Ok(Settled::Lost);
        }
        if settled == Settled::Disabled {
            let why = match outcome {
                Outcome::Gone { .. } => "the receiver answered that it is gone (410)".to_owned(),
                _ => format!("it took nothing for {} days", LASTING.num_days()),
            };
            self.disable_webhook(delivery.webhook_id, at, &why).await?;
        }
        Ok(settled)
    }

    async fn fail(&mut self, delivery: &Delivery, at: DateTime<Utc>) -> Result<Failing, StoreError> {
        self.query(&FAILING)
            .bind(delivery.webhook_id)
            .bind(at)
            .one()
            .await
    }

    /// Sends once more what was delivered or given up; `false` when it is on its way.
    pub async fn send_again(&mut self, id: DeliveryId, at: DateTime<Utc>) -> Result<bool, StoreError> {
        Ok(self.query(&SEND_AGAIN).bind(id).bind(at).execute().await? == 1)
    }

    /// Removes some that ended before a time; says how many.
    pub async fn forget_deliveries(&mut self, before: DateTime<Utc>, limit: u64) -> Result<u64, StoreError> {
        self.query(&FORGET).bind(before).bind(limit).execute().await
    }
}
