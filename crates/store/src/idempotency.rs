//! Requests that came with a key: the same one again has no second effect, and gets the same answer.
//!
//! [`Tx::begin_request`] marks a key as being worked at, in a transaction of its own, so that a repetition meanwhile is
//! told at once. [`Tx::finish_request`] keeps the answer in the transaction of the effect: a process that dies leaves both
//! or neither, and its mark ends with its lease. What failed without an effect is forgotten by
//! [`Tx::abandon_request`], so that it can be tried again at once.

use crate::dbx::query::row;
use crate::dbx::{Tx, sqls};
use crate::error::StoreError;
use crate::people::storable;
use chrono::{DateTime, Utc};

/// A request, as far as another one is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request<'a> {
    /// `token:<id>`, `account:<id>`.
    pub caller: &'a str,
    pub key: &'a str,
    /// Method and path.
    pub route: &'a str,
    pub body_hash: &'a [u8],
}

/// Who works at a request, and for how long it is theirs alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark<'a> {
    /// Another one for each request that is received.
    pub by: &'a str,
    pub now: DateTime<Utc>,
    pub lease_until: DateTime<Utc>,
    /// From then on the key is as if it had never been used.
    pub expires_at: DateTime<Utc>,
}

row! {
    pub Answer {
        status: u64,
        content_type: Option<String>,
        answer: String,
    }
}

/// What is to be done with a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Begun {
    /// It is yours: do it.
    First,
    /// It was done: say this again.
    Answered(Answer),
    /// Somebody is at it, until then at most.
    InFlight { until: DateTime<Utc> },
    /// The key was used for something else.
    Differs,
}

row! {
    Known {
        route: String,
        body_hash: Vec<u8>,
        lease_until: Option<DateTime<Utc>>,
        status: Option<u64>,
        content_type: Option<String>,
        answer: Option<String>,
    }
}

sqls! {
    // One that is over makes room for anything, one whose worker died for the same request again.
    BEGIN = "INSERT INTO idempotency_keys \
            (caller, key, route, body_hash, lease_by, lease_until, created_at, expires_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
        ON CONFLICT (caller, key) DO UPDATE SET route = excluded.route, body_hash = excluded.body_hash, \
            lease_by = excluded.lease_by, lease_until = excluded.lease_until, created_at = excluded.created_at, \
            expires_at = excluded.expires_at, status = NULL, content_type = NULL, answer = NULL \
        WHERE idempotency_keys.expires_at <= excluded.created_at \
            OR (idempotency_keys.lease_until <= excluded.created_at AND idempotency_keys.route = excluded.route \
                AND idempotency_keys.body_hash = excluded.body_hash)";
    KNOWN = "SELECT route, body_hash, lease_until, status, content_type, answer FROM idempotency_keys \
        WHERE caller = $1 AND key = $2";
    FINISH = "UPDATE idempotency_keys SET status = $4, content_type = $5, answer = $6, lease_by = NULL, \
            lease_until = NULL \
        WHERE caller = $1 AND key = $2 AND lease_by = $3";
    ABANDON = "DELETE FROM idempotency_keys WHERE caller = $1 AND key = $2 AND lease_by = $3";
    FORGET = "DELETE FROM idempotency_keys WHERE (caller, key) IN \
        (SELECT caller, key FROM idempotency_keys WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)";
}

// === impl Tx ===

impl Tx {
    /// Takes a request that is new, or whose worker has died; else says what is known. Commit it before the work begins.
    pub async fn begin_request(&mut self, request: Request<'_>, mark: Mark<'_>) -> Result<Begun, StoreError> {
        let query = self
            .query(&BEGIN)
            .bind(request.caller)
            .bind(request.key)
            .bind(request.route)
            .bind(request.body_hash)
            .bind(mark.by)
            .bind(mark.lease_until)
            .bind(mark.now)
            .bind(mark.expires_at);
        if query.execute().await? == 1 {
            return Ok(Begun::First);
        }
        // The statement above has locked the row, also where it did not change it: it is still there.
        let known: Known = self
            .query(&KNOWN)
            .bind(request.caller)
            .bind(request.key)
            .one()
            .await?;
        if known.route != request.route || known.body_hash != request.body_hash {
            return Ok(Begun::Differs);
        }
        Ok(match (known.status, known.answer) {
            (Some(status), Some(answer)) => Begun::Answered(Answer {
                status,
                content_type: known.content_type,
                answer,
            }),
            _ => Begun::InFlight {
                until: known.lease_until.unwrap_or(mark.now),
            },
        })
    }

    /// Keeps the answer, in the transaction of the effect. `false` when the request was taken over by somebody else: then
    /// roll back.
    pub async fn finish_request(
        &mut self,
        request: Request<'_>,
        by: &str,
        answer: &Answer,
    ) -> Result<bool, StoreError> {
        let query = self
            .query(&FINISH)
            .bind(request.caller)
            .bind(request.key)
            .bind(by)
            .bind(answer.status)
            .bind(answer.content_type.as_deref())
            .bind(storable(&answer.answer));
        Ok(query.execute().await? == 1)
    }

    /// Gives a request back that had no effect; `false` when it was taken over, or has its answer.
    pub async fn abandon_request(&mut self, request: Request<'_>, by: &str) -> Result<bool, StoreError> {
        let query = self
            .query(&ABANDON)
            .bind(request.caller)
            .bind(request.key)
            .bind(by);
        Ok(query.execute().await? == 1)
    }

    /// Removes some whose time is over; says how many.
    pub async fn forget_requests(&mut self, now: DateTime<Utc>, limit: u64) -> Result<u64, StoreError> {
        self.query(&FORGET).bind(now).bind(limit).execute().await
    }
}
