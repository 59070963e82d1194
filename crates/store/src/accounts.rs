//! People who sign in, and which accounts of platforms are theirs.

use crate::dbx::query::row;
use crate::dbx::{Conn, Tx, sqls, uuid_ids};
use crate::error::StoreError;
use crate::people::{Identity, IdentityId, folded, storable};
use chrono::{DateTime, Utc};
use lockdown_runtime::Secret;

uuid_ids! {
    AccountId;
}

row! {
    /// Somebody who signs in to the dashboard.
    pub Account {
        id: AccountId,
        login: String,
        created_at: DateTime<Utc>,
        /// May do nothing since then.
        disabled_at: Option<DateTime<Utc>>,
        /// Runs this installation since then, and may everything everywhere.
        operator_since: Option<DateTime<Utc>>,
    }
}

sqls! {
    INSERT = "INSERT INTO accounts (id, login, login_folded, password_hash, created_at) VALUES ($1, $2, $3, $4, $5) \
        ON CONFLICT (login_folded) DO NOTHING";
    FIND = "SELECT id, login, created_at, disabled_at, operator_since FROM accounts WHERE id = $1";
    BY_LOGIN = "SELECT id, login, created_at, disabled_at, operator_since FROM accounts WHERE login_folded = $1";
    PAGE = "SELECT id, login, created_at, disabled_at, operator_since FROM accounts WHERE login_folded > $1 \
        ORDER BY login_folded LIMIT $2";
    PASSWORD = "SELECT password_hash FROM accounts WHERE id = $1";
    SET_PASSWORD = "UPDATE accounts SET password_hash = $2 WHERE id = $1";
    DISABLE = "UPDATE accounts SET disabled_at = $2 WHERE id = $1 AND disabled_at IS NULL";
    ENABLE = "UPDATE accounts SET disabled_at = NULL WHERE id = $1 AND disabled_at IS NOT NULL";
    OPERATE = "UPDATE accounts SET operator_since = $2 WHERE id = $1 AND operator_since IS NULL";
    NO_OPERATOR = "UPDATE accounts SET operator_since = NULL WHERE id = $1 AND operator_since IS NOT NULL";
    LINK = "INSERT INTO account_identities (identity_id, account_id, linked_at) VALUES ($1, $2, $3) \
        ON CONFLICT (identity_id) DO NOTHING";
    UNLINK = "DELETE FROM account_identities WHERE identity_id = $1 AND account_id = $2";
    OF_IDENTITY = "SELECT a.id, a.login, a.created_at, a.disabled_at, a.operator_since FROM accounts a \
        JOIN account_identities l ON l.account_id = a.id WHERE l.identity_id = $1";
    IDENTITIES = "SELECT i.id, i.person_id, i.platform, i.native_id, i.username, i.display_name, i.is_bot, \
            i.first_seen, i.last_seen \
        FROM identities i JOIN account_identities l ON l.identity_id = i.id WHERE l.account_id = $1 ORDER BY i.id";
}

// === impl Conn ===

impl Conn {
    pub async fn account(&mut self, id: AccountId) -> Result<Option<Account>, StoreError> {
        self.query(&FIND).bind(id).optional().await
    }

    /// Whatever the case of its letters.
    pub async fn account_by_login(&mut self, login: &str) -> Result<Option<Account>, StoreError> {
        self.query(&BY_LOGIN)
            .bind(folded(&storable(login)))
            .optional()
            .await
    }

    /// A page, by login. The next one begins after the login of the last.
    pub async fn accounts(&mut self, after: Option<&str>, limit: u64) -> Result<Vec<Account>, StoreError> {
        let after = folded(&storable(after.unwrap_or_default()));
        self.query(&PAGE).bind(after).bind(limit).all().await
    }

    /// What a password is checked against; `None` where there is none.
    pub async fn password_hash(&mut self, id: AccountId) -> Result<Option<Secret>, StoreError> {
        let hash: Option<Option<String>> = self.query(&PASSWORD).bind(id).value("password_hash").await?;
        Ok(hash.flatten().map(Secret::new))
    }

    /// Whose an identity is.
    pub async fn account_of(&mut self, identity: IdentityId) -> Result<Option<Account>, StoreError> {
        self.query(&OF_IDENTITY).bind(identity).optional().await
    }

    pub async fn identities_of(&mut self, account: AccountId) -> Result<Vec<Identity>, StoreError> {
        self.query(&IDENTITIES).bind(account).all().await
    }
}

// === impl Tx ===

impl Tx {
    /// Adds an account; `false` when somebody has the login already.
    pub async fn insert_account(
        &mut self,
        account: &Account,
        password_hash: Option<&Secret>,
    ) -> Result<bool, StoreError> {
        let login = storable(&account.login);
        let query = self
            .query(&INSERT)
            .bind(account.id)
            .bind(login.as_str())
            .bind(folded(&login))
            .bind(password_hash.map(Secret::expose))
            .bind(account.created_at);
        Ok(query.execute().await? == 1)
    }

    /// Sets the hash of a new password, and signs every browser out: whoever knew the old one may be in one.
    pub async fn set_password_hash(&mut self, id: AccountId, hash: &Secret) -> Result<bool, StoreError> {
        let query = self.query(&SET_PASSWORD).bind(id).bind(hash.expose());
        let known = query.execute().await? == 1;
        self.end_sessions(id, None).await?;
        Ok(known)
    }

    /// Takes every permission from an account, and signs its browsers out; `false` when that was done before.
    pub async fn disable_account(&mut self, id: AccountId, at: DateTime<Utc>) -> Result<bool, StoreError> {
        let disabled = self.query(&DISABLE).bind(id).bind(at).execute().await? == 1;
        self.end_sessions(id, None).await?;
        Ok(disabled)
    }

    pub async fn enable_account(&mut self, id: AccountId) -> Result<bool, StoreError> {
        Ok(self.query(&ENABLE).bind(id).execute().await? == 1)
    }

    /// Lets an account run the installation from then on, or no longer; `false` when that was so.
    pub async fn set_operator(
        &mut self,
        id: AccountId,
        since: Option<DateTime<Utc>>,
    ) -> Result<bool, StoreError> {
        let changed = match since {
            Some(since) => self.query(&OPERATE).bind(id).bind(since).execute().await?,
            None => self.query(&NO_OPERATOR).bind(id).execute().await?,
        };
        Ok(changed == 1)
    }

    /// Notes that an identity is this person's; `false` when it is somebody's already.
    pub async fn link_identity(
        &mut self,
        account: AccountId,
        identity: IdentityId,
        at: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let query = self.query(&LINK).bind(identity).bind(account).bind(at);
        Ok(query.execute().await? == 1)
    }

    pub async fn unlink_identity(
        &mut self,
        account: AccountId,
        identity: IdentityId,
    ) -> Result<bool, StoreError> {
        Ok(self.query(&UNLINK).bind(identity).bind(account).execute().await? == 1)
    }
}
