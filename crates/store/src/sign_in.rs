//! What opens a session once: links that an operator hands out, and what platforms sign.

use crate::accounts::AccountId;
use crate::bearer::Bearer;
use crate::dbx::query::row;
use crate::dbx::{Conn, Tx, sqls, uuid_ids};
use crate::error::StoreError;
use chrono::{DateTime, Utc};

uuid_ids! {
    SignInLinkId;
}

row! {
    /// Opens a session, once.
    pub SignInLink {
        id: SignInLinkId,
        account_id: AccountId,
        created_at: DateTime<Utc>,
        expires_at: DateTime<Utc>,
    }
}

sqls! {
    INSERT = "INSERT INTO sign_in_links (id, account_id, secret_hash, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)";
    FIND = "SELECT id, account_id, created_at, expires_at FROM sign_in_links WHERE secret_hash = $1 AND expires_at > $2";
    USE = "DELETE FROM sign_in_links WHERE secret_hash = $1 AND expires_at > $2 \
        RETURNING id, account_id, created_at, expires_at";
    TAKE_BACK = "DELETE FROM sign_in_links WHERE account_id = $1";
    FORGET = "DELETE FROM sign_in_links WHERE id IN \
        (SELECT id FROM sign_in_links WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)";
    PROVE = "INSERT INTO sign_in_proofs (hash, expires_at) VALUES ($1, $2) ON CONFLICT (hash) DO NOTHING";
    FORGET_PROOFS = "DELETE FROM sign_in_proofs WHERE hash IN \
        (SELECT hash FROM sign_in_proofs WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)";
}

// === impl Conn ===

impl Conn {
    /// The link of a secret, while it opens something. Looking does not use it up.
    pub async fn sign_in_link(
        &mut self,
        secret: &Bearer,
        now: DateTime<Utc>,
    ) -> Result<Option<SignInLink>, StoreError> {
        self.query(&FIND).bind(secret.hash()).bind(now).optional().await
    }
}

// === impl Tx ===

impl Tx {
    pub async fn insert_sign_in_link(
        &mut self,
        link: &SignInLink,
        secret: &Bearer,
    ) -> Result<(), StoreError> {
        let query = self
            .query(&INSERT)
            .bind(link.id)
            .bind(link.account_id)
            .bind(secret.hash())
            .bind(link.created_at)
            .bind(link.expires_at);
        query.execute().await.map(drop)
    }

    /// Uses a link up. Of any number who try at once, one is answered with it.
    pub async fn use_sign_in_link(
        &mut self,
        secret: &Bearer,
        now: DateTime<Utc>,
    ) -> Result<Option<SignInLink>, StoreError> {
        self.query(&USE).bind(secret.hash()).bind(now).optional().await
    }

    /// Takes every link of an account back; says how many.
    pub async fn take_back_sign_in_links(&mut self, account: AccountId) -> Result<u64, StoreError> {
        self.query(&TAKE_BACK).bind(account).execute().await
    }

    /// Uses up what a platform signed, which would open something until then; `false` when it was used before.
    pub async fn use_sign_in_proof(
        &mut self,
        hash: &[u8],
        expires_at: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        Ok(self.query(&PROVE).bind(hash).bind(expires_at).execute().await? == 1)
    }

    /// Removes some that open nothing any more; says how many.
    pub async fn forget_sign_ins(&mut self, now: DateTime<Utc>, limit: u64) -> Result<u64, StoreError> {
        let links = self.query(&FORGET).bind(now).bind(limit).execute().await?;
        let proofs = self
            .query(&FORGET_PROOFS)
            .bind(now)
            .bind(limit.saturating_sub(links))
            .execute()
            .await?;
        Ok(links + proofs)
    }
}
