//! People, and the accounts they have on platforms.

use crate::dbx::query::row;
use crate::dbx::{Conn, Json, Tx, sqls, uuid_ids};
use crate::error::StoreError;
use chrono::{DateTime, Utc};
use lockdown_events::{Platform, UserId};

uuid_ids! {
    /// A person, on all platforms.
    PersonId;
    /// One account on one platform.
    IdentityId;
}

row! {
    /// One account on one platform.
    pub Identity {
        id: IdentityId,
        person_id: PersonId,
        platform: Platform,
        native_id: UserId,
        username: Option<String>,
        display_name: Option<String>,
        is_bot: bool,
        first_seen: DateTime<Utc>,
        last_seen: DateTime<Utc>,
    }
}

/// What is known of an account when it is seen. What is absent leaves what was known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub platform: Platform,
    pub native_id: UserId,
    pub username: Option<String>,
    pub display_name: Option<String>,
    pub is_bot: bool,
    pub at: DateTime<Utc>,
}

sqls! {
    INSERT_PERSON = "INSERT INTO people (id, created_at) VALUES ($1, $2)";
    IDENTITY = "SELECT id, person_id, platform, native_id, username, display_name, is_bot, first_seen, last_seen \
        FROM identities WHERE platform = $1 AND native_id = $2";
    IDENTITY_BY_ID = "SELECT id, person_id, platform, native_id, username, display_name, is_bot, first_seen, \
        last_seen FROM identities WHERE id = $1";
    IDENTITIES_BY_ID =>
        "SELECT id, person_id, platform, native_id, username, display_name, is_bot, first_seen, last_seen \
            FROM identities WHERE id IN (SELECT CAST(value AS UUID) FROM jsonb_array_elements_text($1))",
        "SELECT id, person_id, platform, native_id, username, display_name, is_bot, first_seen, last_seen \
            FROM identities WHERE id IN (SELECT unhex(replace(value, '-', '')) FROM json_each($1))";
    INSERT_IDENTITY = "INSERT INTO identities (id, person_id, platform, native_id, username, username_folded, \
            display_name, is_bot, first_seen, last_seen) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9) \
        ON CONFLICT (platform, native_id) DO NOTHING";
    // Of somebody who asked for their data to go, the account stays for as long as a ban does, and has no names.
    SEEN_AGAIN = "UPDATE identities SET username = COALESCE(CASE WHEN (SELECT p.erased_at FROM people p \
                WHERE p.id = person_id) IS NULL THEN $2 END, username), \
            username_folded = COALESCE(CASE WHEN (SELECT p.erased_at FROM people p \
                WHERE p.id = person_id) IS NULL THEN $3 END, username_folded), \
            display_name = COALESCE(CASE WHEN (SELECT p.erased_at FROM people p \
                WHERE p.id = person_id) IS NULL THEN $4 END, display_name), \
            last_seen = CASE WHEN last_seen < $5 THEN $5 ELSE last_seen END \
        WHERE id = $1 AND native_id = $6";
}

/// A text as it is searched for: the engines fold letters differently, and one of them only those of English.
pub(crate) fn folded(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

/// A text that both engines can keep: Postgres refuses NUL.
pub(crate) fn storable(text: &str) -> String {
    text.replace('\0', "")
}

// === impl Conn ===

impl Conn {
    pub async fn identity(
        &mut self,
        platform: Platform,
        native_id: &UserId,
    ) -> Result<Option<Identity>, StoreError> {
        self.query(&IDENTITY)
            .bind(platform)
            .bind(native_id.as_str())
            .optional()
            .await
    }

    pub async fn identity_by_id(&mut self, id: IdentityId) -> Result<Option<Identity>, StoreError> {
        self.query(&IDENTITY_BY_ID).bind(id).optional().await
    }

    /// Those of these that there are, in any order.
    pub async fn identities_by_id(
        &mut self,
        ids: impl IntoIterator<Item = IdentityId> + Send,
    ) -> Result<Vec<Identity>, StoreError> {
        let ids: Vec<String> = ids.into_iter().map(|id| id.to_string()).collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        self.query(&IDENTITIES_BY_ID).bind(Json(ids)).all().await
    }
}

// === impl Tx ===

impl Tx {
    /// The account as it is known now, made with the ids that are offered when it is new.
    pub async fn see(&mut self, seen: &Seen, new: (PersonId, IdentityId)) -> Result<Identity, StoreError> {
        let (username, display_name) = (
            seen.username.as_deref().map(storable),
            seen.display_name.as_deref().map(storable),
        );
        let username_folded = username.as_deref().map(folded);
        let mut is_known = false;
        if let Some(known) = self.identity(seen.platform, &seen.native_id).await? {
            let query = self
                .query(&SEEN_AGAIN)
                .bind(known.id)
                .bind(username.as_deref())
                .bind(username_folded.as_deref())
                .bind(display_name.as_deref())
                .bind(seen.at)
                .bind(seen.native_id.as_str());
            // An erasure may have let the account go a moment ago: then this is somebody new.
            is_known = query.execute().await? == 1;
        }
        if !is_known {
            self.query(&INSERT_PERSON)
                .bind(new.0)
                .bind(seen.at)
                .execute()
                .await?;
            // Another process may have been faster; its row is then the one that is read below.
            let query = self
                .query(&INSERT_IDENTITY)
                .bind(new.1)
                .bind(new.0)
                .bind(seen.platform)
                .bind(seen.native_id.as_str())
                .bind(username)
                .bind(username_folded)
                .bind(display_name)
                .bind(seen.is_bot)
                .bind(seen.at);
            query.execute().await?;
        }
        self.query(&IDENTITY)
            .bind(seen.platform)
            .bind(seen.native_id.as_str())
            .one()
            .await
    }
}
