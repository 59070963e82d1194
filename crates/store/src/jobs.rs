//! Jobs: what is to be done at a time, again when it fails, and once.
//!
//! Whoever takes a job has it under a lease; a process that dies over it leaves it to others. [`Tx::finish_job`] stands in the
//! transaction of the job's effect: a holder that lost its lease finishes nothing, and rolls back.

use crate::dbx::query::row;
use crate::dbx::{Conn, Json, Tx, sqls, uuid_ids};
use crate::error::StoreError;
use crate::people::storable;
use chrono::{DateTime, Utc};
use serde_json::Value;

uuid_ids! {
    JobId;
}

row! {
    pub Job {
        id: JobId,
        /// Who can do it.
        kind: String,
        /// What it is about, where one at a time is enough.
        key: Option<String>,
        payload: Json<Value>,
        /// When it is due, or the end of the lease.
        run_at: DateTime<Utc>,
        lease_by: Option<String>,
        /// Counts whoever took it.
        attempts: u64,
        last_error: Option<String>,
        created_at: DateTime<Utc>,
        /// Given up since then.
        failed_at: Option<DateTime<Utc>>,
    }
}

macro_rules! claim {
    ($kinds:literal, $lock:literal) => {
        concat!(
            "UPDATE jobs SET run_at = $3, lease_by = $2, attempts = attempts + 1 \
             WHERE id IN (SELECT id FROM jobs WHERE failed_at IS NULL AND run_at <= $1 AND kind IN (",
            $kinds,
            ") ORDER BY run_at LIMIT $5",
            $lock,
            ") RETURNING id, kind, key, payload, run_at, lease_by, attempts, last_error, created_at, failed_at"
        )
    };
}

sqls! {
    INSERT = "INSERT INTO jobs (id, kind, key, payload, run_at, created_at) VALUES ($1, $2, $3, $4, $5, $6) \
        ON CONFLICT (kind, key) WHERE key IS NOT NULL AND failed_at IS NULL DO NOTHING";
    FIND = "SELECT id, kind, key, payload, run_at, lease_by, attempts, last_error, created_at, failed_at FROM jobs \
        WHERE id = $1";
    CLAIM =>
        claim!("SELECT jsonb_array_elements_text($4)", " FOR UPDATE SKIP LOCKED"),
        claim!("SELECT value FROM json_each($4)", "");
    NEXT_DUE =>
        "SELECT MIN(run_at) AS due FROM jobs \
            WHERE failed_at IS NULL AND kind IN (SELECT jsonb_array_elements_text($1))",
        "SELECT MIN(run_at) AS due FROM jobs WHERE failed_at IS NULL AND kind IN (SELECT value FROM json_each($1))";
    EXTEND = "UPDATE jobs SET run_at = $4 WHERE id = $1 AND lease_by = $2 AND attempts = $3";
    FINISH = "DELETE FROM jobs WHERE id = $1 AND lease_by = $2 AND attempts = $3";
    RETRY = "UPDATE jobs SET run_at = $4, lease_by = NULL, last_error = $5 \
        WHERE id = $1 AND lease_by = $2 AND attempts = $3";
    FAIL = "UPDATE jobs SET failed_at = $4, lease_by = NULL, last_error = $5 \
        WHERE id = $1 AND lease_by = $2 AND attempts = $3";
    FAILED = "SELECT id, kind, key, payload, run_at, lease_by, attempts, last_error, created_at, failed_at FROM jobs \
        WHERE failed_at IS NOT NULL AND id > $1 ORDER BY id LIMIT $2";
    // Not beside another one about the same.
    REVIVE = "UPDATE jobs SET failed_at = NULL, run_at = $2, attempts = 0 \
        WHERE id = $1 AND failed_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM jobs o \
            WHERE o.kind = jobs.kind AND o.key = jobs.key AND o.failed_at IS NULL)";
    DROP = "DELETE FROM jobs WHERE id = $1 AND failed_at IS NOT NULL";
}

/// What is to be done, and when.
#[derive(Debug, Clone, PartialEq)]
pub struct NewJob<'a> {
    pub id: JobId,
    pub kind: &'a str,
    /// With one, there is no second such job while this one waits or is worked at.
    pub key: Option<&'a str>,
    pub payload: Value,
    pub run_at: DateTime<Utc>,
    pub created_at: DateTime<Utc>,
}

fn list(kinds: &[&str]) -> Json<Vec<String>> {
    Json(kinds.iter().map(|kind| (*kind).to_owned()).collect())
}

// === impl Conn ===

impl Conn {
    pub async fn job(&mut self, id: JobId) -> Result<Option<Job>, StoreError> {
        self.query(&FIND).bind(id).optional().await
    }

    /// When [`Tx::claim_jobs`] finds something of these kinds next.
    pub async fn next_due_job(&mut self, kinds: &[&str]) -> Result<Option<DateTime<Utc>>, StoreError> {
        let due: Option<Option<DateTime<Utc>>> = self.query(&NEXT_DUE).bind(list(kinds)).value("due").await?;
        Ok(due.flatten())
    }

    /// A page of what was given up, oldest first.
    pub async fn failed_jobs(&mut self, after: Option<JobId>, limit: u64) -> Result<Vec<Job>, StoreError> {
        let after = after.unwrap_or(JobId(uuid::Uuid::nil()));
        self.query(&FAILED).bind(after).bind(limit).all().await
    }
}

// === impl Tx ===

impl Tx {
    /// Adds a job; `false` when there is one about the same.
    pub async fn insert_job(&mut self, job: &NewJob<'_>) -> Result<bool, StoreError> {
        let query = self
            .query(&INSERT)
            .bind(job.id)
            .bind(job.kind)
            .bind(job.key)
            .bind(Json(job.payload.clone()))
            .bind(job.run_at)
            .bind(job.created_at);
        Ok(query.execute().await? == 1)
    }

    /// Takes what is due of these kinds, so that nobody else takes it until `lease_until`.
    pub async fn claim_jobs(
        &mut self,
        kinds: &[&str],
        now: DateTime<Utc>,
        by: &str,
        lease_until: DateTime<Utc>,
        limit: u64,
    ) -> Result<Vec<Job>, StoreError> {
        self.query(&CLAIM)
            .bind(now)
            .bind(by)
            .bind(lease_until)
            .bind(list(kinds))
            .bind(limit)
            .all()
            .await
    }

    /// Keeps a job for longer; `false` when it was lost.
    pub async fn extend_job(&mut self, job: &Job, lease_until: DateTime<Utc>) -> Result<bool, StoreError> {
        let query = self
            .query(&EXTEND)
            .bind(job.id)
            .bind(job.lease_by.as_deref())
            .bind(job.attempts)
            .bind(lease_until);
        Ok(query.execute().await? == 1)
    }

    /// Removes a job that is done, in the transaction of its effect. `false` when it was lost: then roll back.
    pub async fn finish_job(&mut self, job: &Job) -> Result<bool, StoreError> {
        let query = self
            .query(&FINISH)
            .bind(job.id)
            .bind(job.lease_by.as_deref())
            .bind(job.attempts);
        Ok(query.execute().await? == 1)
    }

    /// Gives a job back that could not be done now; `false` when it was lost.
    pub async fn retry_job(&mut self, job: &Job, at: DateTime<Utc>, error: &str) -> Result<bool, StoreError> {
        let query = self
            .query(&RETRY)
            .bind(job.id)
            .bind(job.lease_by.as_deref())
            .bind(job.attempts)
            .bind(at)
            .bind(storable(error));
        Ok(query.execute().await? == 1)
    }

    /// Gives a job up, for somebody to look at; `false` when it was lost.
    pub async fn fail_job(&mut self, job: &Job, at: DateTime<Utc>, error: &str) -> Result<bool, StoreError> {
        let query = self
            .query(&FAIL)
            .bind(job.id)
            .bind(job.lease_by.as_deref())
            .bind(job.attempts)
            .bind(at)
            .bind(storable(error));
        Ok(query.execute().await? == 1)
    }

    /// Makes a job that was given up due again; `false` when it was not, or there is another about the same.
    pub async fn revive_job(&mut self, id: JobId, run_at: DateTime<Utc>) -> Result<bool, StoreError> {
        Ok(self.query(&REVIVE).bind(id).bind(run_at).execute().await? == 1)
    }

    /// Removes a job that was given up.
    pub async fn drop_job(&mut self, id: JobId) -> Result<bool, StoreError> {
        Ok(self.query(&DROP).bind(id).execute().await? == 1)
    }
}
