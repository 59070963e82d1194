//! Webhooks: where events are sent to, and what came of it.
//!
//! A webhook's secret signs what is sent, so it is kept as it is. Encrypting it would need a key beside the database,
//! which goes wherever a copy of the database goes: until there is a place for keys that is not here, whoever guards the
//! database guards the secrets. They are read by [`Conn::webhook_signing`] alone, and shown by nothing.

mod deliveries;

pub(crate) use deliveries::TEXTS as DELIVERY_TEXTS;
pub use deliveries::{Delivery, DeliveryId, DeliveryState, NewDelivery, Outcome, RETRIES, Settled};

use crate::dbx::query::row;
use crate::dbx::{Conn, Filter, FromRow, Json, Row, Tx, sqls, text_enum, uuid_ids};
use crate::error::StoreError;
use crate::guilds::{CommunityId, GuildKey};
use crate::people::storable;
use chrono::{DateTime, Utc};
use lockdown_runtime::Secret;

uuid_ids! {
    WebhookId;
}

text_enum! {
    WebhookState {
        Active = "active",
        /// By somebody, or because it failed for long. What waits for it goes on when it is enabled.
        Disabled = "disabled",
    }
}

row! {
    pub Webhook {
        id: WebhookId,
        /// Absent: of every community.
        community_id: Option<CommunityId>,
        url: String,
        /// Patterns of event types.
        topics: Json<Vec<String>>,
        state: WebhookState,
        /// Failed deliveries since the last that was taken.
        failures: u64,
        failing_since: Option<DateTime<Utc>>,
        created_at: DateTime<Utc>,
        disabled_at: Option<DateTime<Utc>>,
        disabled_why: Option<String>,
    }
}

/// Where a delivery goes, and what signs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signing {
    pub url: String,
    pub secret: Secret,
    /// The one before, while the receiver may still go by it: sign with both.
    pub old_secret: Option<Secret>,
}

macro_rules! columns {
    ($tail:literal) => {
        concat!(
            "SELECT id, community_id, url, topics, state, failures, failing_since, created_at, disabled_at, \
             disabled_why FROM webhooks ",
            $tail
        )
    };
}

/// For [`Filter`], which adds the conditions.
const SELECT: &str = columns!("");

sqls! {
    INSERT = "INSERT INTO webhooks (id, community_id, url, secret, topics, state, created_at) \
        VALUES ($1, $2, $3, $4, $5, 'active', $6)";
    FIND = columns!("WHERE id = $1");
    HEARING = columns!("WHERE state = 'active' AND (community_id IS NULL \
        OR community_id = (SELECT g.community_id FROM guilds g WHERE g.id = $1)) ORDER BY id");
    SIGNING = "SELECT url, secret, CASE WHEN old_secret_until > $2 THEN old_secret END AS old_secret FROM webhooks \
        WHERE id = $1";
    ROTATE = "UPDATE webhooks SET old_secret = secret, old_secret_until = $3, secret = $2 WHERE id = $1";
    DISABLE = "UPDATE webhooks SET state = 'disabled', disabled_at = $2, disabled_why = $3 \
        WHERE id = $1 AND state = 'active'";
    ENABLE = "UPDATE webhooks SET state = 'active', disabled_at = NULL, disabled_why = NULL, failures = 0, \
            failing_since = NULL \
        WHERE id = $1 AND state = 'disabled'";
    HOLD = "UPDATE webhook_deliveries SET next_attempt_at = NULL WHERE webhook_id = $1 AND state = 'pending'";
    GO_ON = "UPDATE webhook_deliveries SET next_attempt_at = $2 \
        WHERE webhook_id = $1 AND state = 'pending' AND next_attempt_at IS NULL";
    // Whoever puts an event down for it holds it until that is there to be deleted with it.
    HOLD_FOR_GOOD => "SELECT id FROM webhooks WHERE id = $1 FOR UPDATE", "SELECT id FROM webhooks WHERE id = $1";
    DROP_DELIVERIES = "DELETE FROM webhook_deliveries WHERE webhook_id = $1";
    DELETE = "DELETE FROM webhooks WHERE id = $1";
}

// === impl Signing ===

impl FromRow for Signing {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            url: row.get("url")?,
            secret: Secret::new(row.get::<String>("secret")?),
            old_secret: row.get::<Option<String>>("old_secret")?.map(Secret::new),
        })
    }
}

// === impl Conn ===

impl Conn {
    pub async fn webhook(&mut self, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
        self.query(&FIND).bind(id).optional().await
    }

    /// A page, oldest first: of one community, or of all and of none.
    pub async fn webhooks(
        &mut self,
        community: Option<CommunityId>,
        after: Option<WebhookId>,
        limit: u64,
    ) -> Result<Vec<Webhook>, StoreError> {
        let filter = Filter::new(self, "webhooks::page", SELECT)
            .and_if("community_id = ?", community)
            .and_if("id > ?", after)
            .ending("ORDER BY id LIMIT ?", limit);
        self.filtered(filter).all().await
    }

    /// Those that an event of this guild may concern: whether it does, their topics say.
    pub async fn webhooks_of(&mut self, guild: GuildKey) -> Result<Vec<Webhook>, StoreError> {
        self.query(&HEARING).bind(guild).all().await
    }

    /// For the one who sends.
    pub async fn webhook_signing(
        &mut self,
        id: WebhookId,
        now: DateTime<Utc>,
    ) -> Result<Option<Signing>, StoreError> {
        self.query(&SIGNING).bind(id).bind(now).optional().await
    }
}

// === impl Tx ===

impl Tx {
    pub async fn insert_webhook(&mut self, webhook: &Webhook, secret: &Secret) -> Result<(), StoreError> {
        let query = self
            .query(&INSERT)
            .bind(webhook.id)
            .bind(webhook.community_id)
            .bind(webhook.url.as_str())
            .bind(secret.expose())
            .bind(webhook.topics.clone())
            .bind(webhook.created_at);
        query.execute().await.map(drop)
    }

    /// Signs with another secret from now on, and with the one before too until a time.
    pub async fn rotate_webhook_secret(
        &mut self,
        id: WebhookId,
        secret: &Secret,
        old_until: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let query = self.query(&ROTATE).bind(id).bind(secret.expose()).bind(old_until);
        Ok(query.execute().await? == 1)
    }

    /// Sends nothing more there; what waits, waits. `false` when that was so before.
    pub async fn disable_webhook(
        &mut self,
        id: WebhookId,
        at: DateTime<Utc>,
        why: &str,
    ) -> Result<bool, StoreError> {
        let query = self.query(&DISABLE).bind(id).bind(at).bind(storable(why));
        let disabled = query.execute().await? == 1;
        self.query(&HOLD).bind(id).execute().await?;
        Ok(disabled)
    }

    /// Sends again, first of all what waited; `false` when it was not disabled.
    pub async fn enable_webhook(&mut self, id: WebhookId, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let enabled = self.query(&ENABLE).bind(id).execute().await? == 1;
        self.query(&GO_ON).bind(id).bind(now).execute().await?;
        Ok(enabled)
    }

    /// Removes a webhook with what waits for it and what was sent.
    pub async fn delete_webhook(&mut self, id: WebhookId) -> Result<bool, StoreError> {
        let held: Option<WebhookId> = self.query(&HOLD_FOR_GOOD).bind(id).value("id").await?;
        if held.is_none() {
            return Ok(false);
        }
        self.query(&DROP_DELIVERIES).bind(id).execute().await?;
        Ok(self.query(&DELETE).bind(id).execute().await? == 1)
    }
}
