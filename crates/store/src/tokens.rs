//! Tokens: what programs sign in with.

use crate::accounts::AccountId;
use crate::bearer::{Bearer, USED_AGAIN};
use crate::dbx::query::row;
use crate::dbx::{Conn, Filter, Json, Tx, sqls, uuid_ids};
use crate::error::StoreError;
use crate::guilds::CommunityId;
use crate::people::storable;
use chrono::{DateTime, Utc};
use std::collections::BTreeSet;

uuid_ids! {
    TokenId;
}

row! {
    pub ApiToken {
        id: TokenId,
        /// Absent: of every community.
        community_id: Option<CommunityId>,
        /// Records name a token by it, so that it is given once within a community.
        name: String,
        /// How its secret begins.
        prefix: String,
        /// The permissions it has in every guild of its community. One without any sees, and does nothing.
        scopes: Json<BTreeSet<String>>,
        /// Absent: made at the command line.
        created_by: Option<AccountId>,
        created_at: DateTime<Utc>,
        /// Absent: never.
        expires_at: Option<DateTime<Utc>>,
        revoked_at: Option<DateTime<Utc>>,
        /// To the minute.
        last_used_at: Option<DateTime<Utc>>,
    }
}

/// Whether a token opens anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenState {
    Live,
    Expired,
    Revoked,
}

/// For [`Filter`], which adds the conditions.
const SELECT: &str = "SELECT id, community_id, name, prefix, scopes, created_by, created_at, expires_at, \
    revoked_at, last_used_at FROM api_tokens";

sqls! {
    INSERT = "INSERT INTO api_tokens \
            (id, community_id, name, prefix, secret_hash, scopes, created_by, created_at, expires_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING";
    BY_SECRET = "SELECT id, community_id, name, prefix, scopes, created_by, created_at, expires_at, revoked_at, \
            last_used_at FROM api_tokens \
        WHERE secret_hash = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)";
    FIND = "SELECT id, community_id, name, prefix, scopes, created_by, created_at, expires_at, revoked_at, \
            last_used_at FROM api_tokens WHERE id = $1";
    ANY_BY_SECRET = "SELECT id, community_id, name, prefix, scopes, created_by, created_at, expires_at, revoked_at, \
            last_used_at FROM api_tokens WHERE secret_hash = $1";
    USED = "UPDATE api_tokens SET last_used_at = $2 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at <= $3)";
    REVOKE = "UPDATE api_tokens SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL";
}

// === impl TokenState ===

impl TokenState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

// === impl ApiToken ===

impl ApiToken {
    pub fn state(&self, now: DateTime<Utc>) -> TokenState {
        match (self.revoked_at, self.expires_at) {
            (Some(_), _) => TokenState::Revoked,
            (None, Some(end)) if end <= now => TokenState::Expired,
            (None, _) => TokenState::Live,
        }
    }

    /// Whether [`Tx::use_token`] would write: asked first, so that most requests begin no transaction.
    pub fn use_is_news(&self, now: DateTime<Utc>) -> bool {
        self.last_used_at.is_none_or(|last| last <= now - USED_AGAIN)
    }
}

// === impl Conn ===

impl Conn {
    /// The token that a secret opens, unless it was revoked or is over.
    pub async fn token_by_secret(
        &mut self,
        secret: &Bearer,
        now: DateTime<Utc>,
    ) -> Result<Option<ApiToken>, StoreError> {
        self.query(&BY_SECRET)
            .bind(secret.hash())
            .bind(now)
            .optional()
            .await
    }

    /// Which token a secret was of, whether it opens anything or not: for whoever was refused.
    pub async fn token_that_was(&mut self, secret: &Bearer) -> Result<Option<ApiToken>, StoreError> {
        self.query(&ANY_BY_SECRET).bind(secret.hash()).optional().await
    }

    pub async fn token(&mut self, id: TokenId) -> Result<Option<ApiToken>, StoreError> {
        self.query(&FIND).bind(id).optional().await
    }

    /// A page, oldest first, with those that open nothing any more: of one community, or of all and of none.
    pub async fn tokens(
        &mut self,
        community: Option<CommunityId>,
        after: Option<TokenId>,
        limit: u64,
    ) -> Result<Vec<ApiToken>, StoreError> {
        let filter = Filter::new(self, "tokens::page", SELECT)
            .and_if("community_id = ?", community)
            .and_if("id > ?", after)
            .ending("ORDER BY id LIMIT ?", limit);
        self.filtered(filter).all().await
    }
}

// === impl Tx ===

impl Tx {
    /// Adds a token; `false` when the name was given to another one before, be it revoked.
    pub async fn insert_token(&mut self, token: &ApiToken, secret: &Bearer) -> Result<bool, StoreError> {
        let query = self
            .query(&INSERT)
            .bind(token.id)
            .bind(token.community_id)
            .bind(storable(&token.name))
            .bind(token.prefix.as_str())
            .bind(secret.hash())
            .bind(token.scopes.clone())
            .bind(token.created_by)
            .bind(token.created_at)
            .bind(token.expires_at);
        Ok(query.execute().await? == 1)
    }

    /// Notes a use; `false` when one was noted within a minute.
    pub async fn use_token(&mut self, id: TokenId, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let query = self.query(&USED).bind(id).bind(now).bind(now - USED_AGAIN);
        Ok(query.execute().await? == 1)
    }

    /// From now on it opens nothing; `false` when that was so before, or there is none like this.
    pub async fn revoke_token(&mut self, id: TokenId, at: DateTime<Utc>) -> Result<bool, StoreError> {
        Ok(self.query(&REVOKE).bind(id).bind(at).execute().await? == 1)
    }
}
