//! Notifications for those who are told elsewhere than on the dashboard: what they wish for, and what is on its way to them.
//!
//! What is told in one message is a batch. It is fixed before it is told, so that whoever tries again tells the same.

use crate::dbx::query::row;
use crate::dbx::{Conn, Json, Tx, sqls, uuid_ids};
use crate::error::StoreError;
use crate::guilds::GuildKey;
use crate::notifications::Notification;
use crate::people::IdentityId;
use chrono::{DateTime, Utc};
use lockdown_events::{NotificationId, NotificationLevel};
use serde_json::Value;

uuid_ids! {
    TellingId;
    BatchId;
}

row! {
    /// What somebody wishes to be told of a guild.
    pub Wisher {
        identity_id: IdentityId,
        wishes: Json<Value>,
    }
}

row! {
    /// What somebody wishes of one guild of several.
    pub WishedOf {
        guild_id: GuildKey,
        wishes: Json<Value>,
    }
}

row! {
    /// A notification on its way to somebody.
    pub Telling {
        id: TellingId,
        notification_id: NotificationId,
        guild_id: GuildKey,
        /// Absent: in the log channel.
        recipient_id: Option<IdentityId>,
        due_at: DateTime<Utc>,
        /// Absent: not yet begun.
        batch_id: Option<BatchId>,
        attempts: u64,
    }
}

row! {
    /// Something that is due and not yet begun, and how loudly it asks.
    pub DueTo {
        id: TellingId,
        level: NotificationLevel,
    }
}

sqls! {
    WISHES = "SELECT wishes FROM notification_wishes WHERE guild_id = $1 AND identity_id = $2";
    WISHERS = "SELECT identity_id, wishes FROM notification_wishes WHERE guild_id = $1 ORDER BY identity_id";
    WISHES_OF = "SELECT guild_id, wishes FROM notification_wishes WHERE identity_id = $1 ORDER BY guild_id";
    SAVE_WISHES = "INSERT INTO notification_wishes (guild_id, identity_id, wishes, updated_at) VALUES ($1, $2, $3, $4) \
        ON CONFLICT (guild_id, identity_id) DO UPDATE SET wishes = excluded.wishes, updated_at = excluded.updated_at";
    WAITING = "SELECT id, recipient_id, guild_id, level, kind, title, body, link, at FROM notifications \
        WHERE handed_at IS NULL ORDER BY id LIMIT $1";
    HAND_ON = "UPDATE notifications SET handed_at = $2 WHERE id = $1 AND handed_at IS NULL";
    INSERT = "INSERT INTO notification_tellings (id, notification_id, guild_id, recipient_id, due_at) \
        VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO NOTHING";
    DUE = "SELECT id, notification_id, guild_id, recipient_id, due_at, batch_id, attempts FROM notification_tellings \
        WHERE due_at <= $1 ORDER BY due_at, id LIMIT $2";
    DUE_TO = "SELECT t.id, n.level FROM notification_tellings t JOIN notifications n ON n.id = t.notification_id \
        WHERE t.guild_id = $1 AND t.recipient_id = $2 AND t.batch_id IS NULL AND t.due_at <= $3 ORDER BY t.id";
    JOIN = "UPDATE notification_tellings SET batch_id = $1 \
        WHERE guild_id = $2 AND recipient_id IS NOT DISTINCT FROM $3 AND batch_id IS NULL AND due_at <= $4";
    BATCH = "SELECT n.id, n.recipient_id, n.guild_id, n.level, n.kind, n.title, n.body, n.link, n.at \
        FROM notification_tellings t JOIN notifications n ON n.id = t.notification_id WHERE t.batch_id = $1 ORDER BY n.id";
    PUT_OFF = "UPDATE notification_tellings SET due_at = $2, attempts = attempts + 1 WHERE batch_id = $1";
    POSTPONE = "UPDATE notification_tellings SET due_at = $2 WHERE id = $1 AND batch_id IS NULL";
    DONE = "DELETE FROM notification_tellings WHERE batch_id = $1";
}

// === impl Conn ===

impl Conn {
    /// What somebody chose; `None` where they never did.
    pub async fn notification_wishes(
        &mut self,
        guild: GuildKey,
        identity: IdentityId,
    ) -> Result<Option<Value>, StoreError> {
        let found: Option<Json<Value>> = self
            .query(&WISHES)
            .bind(guild)
            .bind(identity)
            .value("wishes")
            .await?;
        Ok(found.map(|wishes| wishes.0))
    }

    /// Everybody who chose something in a guild.
    pub async fn notification_wishers(&mut self, guild: GuildKey) -> Result<Vec<Wisher>, StoreError> {
        self.query(&WISHERS).bind(guild).all().await
    }

    /// What somebody chose, wherever they did.
    pub async fn notification_wishes_of(
        &mut self,
        identity: IdentityId,
    ) -> Result<Vec<WishedOf>, StoreError> {
        self.query(&WISHES_OF).bind(identity).all().await
    }

    /// Notifications of which nobody has looked yet whom they concern, the oldest first.
    pub async fn notifications_to_hand_on(&mut self, limit: u64) -> Result<Vec<Notification>, StoreError> {
        self.query(&WAITING).bind(limit).all().await
    }

    /// What is to be told now, the longest due first.
    pub async fn due_tellings(&mut self, now: DateTime<Utc>, limit: u64) -> Result<Vec<Telling>, StoreError> {
        self.query(&DUE).bind(now).bind(limit).all().await
    }

    /// What is due to one person and not yet begun.
    pub async fn tellings_to(
        &mut self,
        guild: GuildKey,
        recipient: IdentityId,
        now: DateTime<Utc>,
    ) -> Result<Vec<DueTo>, StoreError> {
        let query = self.query(&DUE_TO).bind(guild).bind(recipient);
        query.bind(now).all().await
    }

    /// What is told in one message, the oldest first.
    pub async fn telling_batch(&mut self, batch: BatchId) -> Result<Vec<Notification>, StoreError> {
        self.query(&BATCH).bind(batch).all().await
    }
}

// === impl Tx ===

impl Tx {
    pub async fn save_notification_wishes(
        &mut self,
        guild: GuildKey,
        identity: IdentityId,
        wishes: Value,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let query = self
            .query(&SAVE_WISHES)
            .bind(guild)
            .bind(identity)
            .bind(Json(wishes))
            .bind(at);
        query.execute().await.map(drop)
    }

    /// Notes that it is known whom a notification concerns; `false` when somebody else was first.
    pub async fn hand_on_notification(
        &mut self,
        id: NotificationId,
        at: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        Ok(self.query(&HAND_ON).bind(id).bind(at).execute().await? == 1)
    }

    /// Puts something on its way; what is on its way already stays as it is.
    pub async fn insert_telling(
        &mut self,
        id: TellingId,
        notification: NotificationId,
        guild: GuildKey,
        recipient: Option<IdentityId>,
        due_at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let query = self
            .query(&INSERT)
            .bind(id)
            .bind(notification)
            .bind(guild)
            .bind(recipient)
            .bind(due_at);
        query.execute().await.map(drop)
    }

    /// Makes a batch of all that is due to one and not yet begun; says how many they are.
    pub async fn begin_telling(
        &mut self,
        batch: BatchId,
        guild: GuildKey,
        recipient: Option<IdentityId>,
        now: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        let query = self
            .query(&JOIN)
            .bind(batch)
            .bind(guild)
            .bind(recipient)
            .bind(now);
        query.execute().await
    }

    /// A batch could not be told now.
    pub async fn put_off_telling(&mut self, batch: BatchId, until: DateTime<Utc>) -> Result<u64, StoreError> {
        self.query(&PUT_OFF).bind(batch).bind(until).execute().await
    }

    /// Something is not wanted before a time.
    pub async fn postpone_telling(&mut self, id: TellingId, until: DateTime<Utc>) -> Result<u64, StoreError> {
        self.query(&POSTPONE).bind(id).bind(until).execute().await
    }

    /// A batch was told, or nobody is there to be told.
    pub async fn end_telling(&mut self, batch: BatchId) -> Result<u64, StoreError> {
        self.query(&DONE).bind(batch).execute().await
    }
}
