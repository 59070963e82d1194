//! Browsers that are signed in.

use crate::accounts::AccountId;
use crate::bearer::{Bearer, USED_AGAIN};
use crate::dbx::query::row;
use crate::dbx::{Conn, Tx, sqls, uuid_ids};
use crate::error::StoreError;
use crate::people::storable;
use chrono::{DateTime, Utc};

uuid_ids! {
    SessionId;
}

row! {
    pub Session {
        id: SessionId,
        account_id: AccountId,
        created_at: DateTime<Utc>,
        /// To the minute.
        last_seen_at: DateTime<Utc>,
        expires_at: DateTime<Utc>,
        /// For the list of one's own browsers.
        address: Option<String>,
        user_agent: Option<String>,
    }
}

sqls! {
    INSERT = "INSERT INTO sessions \
            (id, account_id, secret_hash, created_at, last_seen_at, expires_at, address, user_agent) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    BY_SECRET = "SELECT s.id, s.account_id, s.created_at, s.last_seen_at, s.expires_at, s.address, s.user_agent \
        FROM sessions s JOIN accounts a ON a.id = s.account_id \
        WHERE s.secret_hash = $1 AND s.expires_at > $2 AND a.disabled_at IS NULL";
    OF_ACCOUNT = "SELECT id, account_id, created_at, last_seen_at, expires_at, address, user_agent FROM sessions \
        WHERE account_id = $1 AND expires_at > $2 ORDER BY last_seen_at DESC, id";
    SEEN = "UPDATE sessions SET last_seen_at = $2, expires_at = $3 WHERE id = $1 AND last_seen_at <= $4";
    END = "DELETE FROM sessions WHERE id = $1 AND account_id = $2";
    END_ALL = "DELETE FROM sessions WHERE account_id = $1";
    END_OTHERS = "DELETE FROM sessions WHERE account_id = $1 AND id <> $2";
    FORGET = "DELETE FROM sessions WHERE id IN \
        (SELECT id FROM sessions WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)";
}

// === impl Session ===

impl Session {
    /// Whether [`Tx::see_session`] would write: asked first, so that most requests begin no transaction.
    pub fn use_is_news(&self, now: DateTime<Utc>) -> bool {
        self.last_seen_at <= now - USED_AGAIN
    }
}

// === impl Conn ===

impl Conn {
    /// The session that a secret opens, while it lasts and its account is not disabled.
    pub async fn session_by_secret(
        &mut self,
        secret: &Bearer,
        now: DateTime<Utc>,
    ) -> Result<Option<Session>, StoreError> {
        self.query(&BY_SECRET)
            .bind(secret.hash())
            .bind(now)
            .optional()
            .await
    }

    /// The last seen first.
    pub async fn sessions_of(
        &mut self,
        account: AccountId,
        now: DateTime<Utc>,
    ) -> Result<Vec<Session>, StoreError> {
        self.query(&OF_ACCOUNT).bind(account).bind(now).all().await
    }
}

// === impl Tx ===

impl Tx {
    pub async fn insert_session(&mut self, session: &Session, secret: &Bearer) -> Result<(), StoreError> {
        let query = self
            .query(&INSERT)
            .bind(session.id)
            .bind(session.account_id)
            .bind(secret.hash())
            .bind(session.created_at)
            .bind(session.last_seen_at)
            .bind(session.expires_at)
            .bind(session.address.as_deref().map(storable))
            .bind(session.user_agent.as_deref().map(storable));
        query.execute().await.map(drop)
    }

    /// Notes a use, and when the session now ends; `false` when one was noted within a minute.
    pub async fn see_session(
        &mut self,
        id: SessionId,
        now: DateTime<Utc>,
        expires_at: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let query = self
            .query(&SEEN)
            .bind(id)
            .bind(now)
            .bind(expires_at)
            .bind(now - USED_AGAIN);
        Ok(query.execute().await? == 1)
    }

    /// Signs one browser of an account out; `false` when it has none like this.
    pub async fn end_session(&mut self, account: AccountId, id: SessionId) -> Result<bool, StoreError> {
        Ok(self.query(&END).bind(id).bind(account).execute().await? == 1)
    }

    /// Signs the browsers of an account out, all or all but this one; says how many.
    pub async fn end_sessions(
        &mut self,
        account: AccountId,
        but: Option<SessionId>,
    ) -> Result<u64, StoreError> {
        match but {
            Some(kept) => self.query(&END_OTHERS).bind(account).bind(kept).execute().await,
            None => self.query(&END_ALL).bind(account).execute().await,
        }
    }

    /// Removes some that are over; says how many.
    pub async fn forget_sessions(&mut self, now: DateTime<Utc>, limit: u64) -> Result<u64, StoreError> {
        self.query(&FORGET).bind(now).bind(limit).execute().await
    }
}
