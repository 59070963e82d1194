//! Notifications: words to moderators, to one or to all, and who has read them.

use crate::dbx::query::row;
use crate::dbx::{Conn, Json, Tx, sqls, uuid_ids};
use crate::error::StoreError;
use crate::guilds::GuildKey;
use crate::people::{IdentityId, storable};
use chrono::{DateTime, Utc};
use lockdown_events::{NotificationId, NotificationKind, NotificationLevel};
use uuid::Uuid;

uuid_ids! {
    /// Who reads: an account's or an identity's own id.
    ReaderId;
}

row! {
    pub Notification {
        id: NotificationId,
        /// Absent: to every moderator.
        recipient_id: Option<IdentityId>,
        /// Of which guild it tells. Absent: of the installation.
        guild_id: Option<GuildKey>,
        level: NotificationLevel,
        kind: NotificationKind,
        title: String,
        body: String,
        /// Where to look, as a path of the dashboard.
        link: Option<String>,
        at: DateTime<Utc>,
    }
}

row! {
    /// As one reader has it.
    pub Received {
        id: NotificationId,
        recipient_id: Option<IdentityId>,
        guild_id: Option<GuildKey>,
        level: NotificationLevel,
        kind: NotificationKind,
        title: String,
        body: String,
        link: Option<String>,
        at: DateTime<Utc>,
        read_at: Option<DateTime<Utc>>,
    }
}

/// What somebody may read: what is told to one of their identities, and what is told to all who moderate one of these
/// guilds, or the installation, but for the kinds that they do not want to see there.
#[derive(Debug, Clone)]
pub struct Mailbox {
    pub reader: ReaderId,
    pub identities: Vec<IdentityId>,
    pub guilds: Vec<GuildKey>,
}

/// Whether a notification `n` is in a mailbox: `$2` are the identities, `$3` the guilds.
macro_rules! visible {
    (postgres, $head:literal, $tail:expr) => {
        concat!(
            $head,
            " (n.recipient_id IN (SELECT CAST(value AS UUID) FROM jsonb_array_elements_text($2)) \
               OR (n.recipient_id IS NULL AND (n.guild_id IS NULL \
                   OR n.guild_id IN (SELECT CAST(value AS UUID) FROM jsonb_array_elements_text($3))) \
                   AND NOT EXISTS (SELECT 1 FROM notification_wishes w WHERE w.guild_id = n.guild_id \
                       AND w.identity_id IN (SELECT CAST(value AS UUID) FROM jsonb_array_elements_text($2)) \
                       AND n.kind IN (SELECT jsonb_array_elements_text(w.wishes -> 'hidden'))))) ",
            $tail
        )
    };
    (sqlite, $head:literal, $tail:expr) => {
        concat!(
            $head,
            " (n.recipient_id IN (SELECT unhex(value, '-') FROM json_each($2)) \
               OR (n.recipient_id IS NULL AND (n.guild_id IS NULL \
                   OR n.guild_id IN (SELECT unhex(value, '-') FROM json_each($3))) \
                   AND NOT EXISTS (SELECT 1 FROM notification_wishes w WHERE w.guild_id = n.guild_id \
                       AND w.identity_id IN (SELECT unhex(value, '-') FROM json_each($2)) \
                       AND n.kind IN (SELECT value FROM json_each(w.wishes, '$.hidden'))))) ",
            $tail
        )
    };
}

macro_rules! page {
    ($engine:ident, $which:literal) => {
        visible!(
            $engine,
            "SELECT n.id, n.recipient_id, n.guild_id, n.level, n.kind, n.title, n.body, n.link, n.at, r.at AS read_at \
             FROM notifications n LEFT JOIN notification_reads r ON r.notification_id = n.id AND r.reader_id = $1 WHERE",
            concat!("AND n.id < $4 ", $which, "ORDER BY n.id DESC LIMIT $5")
        )
    };
}

macro_rules! unread {
    ($engine:ident) => {
        visible!(
            $engine,
            "SELECT COUNT(*) AS unread FROM notifications n WHERE NOT EXISTS \
                 (SELECT 1 FROM notification_reads r WHERE r.notification_id = n.id AND r.reader_id = $1) AND",
            ""
        )
    };
}

macro_rules! read_up_to {
    ($engine:ident) => {
        visible!(
            $engine,
            "INSERT INTO notification_reads (reader_id, notification_id, at) \
             SELECT $1, n.id, $5 FROM notifications n WHERE",
            "AND n.id <= $4 ON CONFLICT (reader_id, notification_id) DO NOTHING"
        )
    };
}

sqls! {
    INSERT = "INSERT INTO notifications (id, recipient_id, guild_id, level, kind, title, body, link, at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (id) DO NOTHING";
    PAGE => page!(postgres, ""), page!(sqlite, "");
    UNREAD_PAGE => page!(postgres, "AND r.at IS NULL "), page!(sqlite, "AND r.at IS NULL ");
    UNREAD => unread!(postgres), unread!(sqlite);
    READ_UP_TO => read_up_to!(postgres), read_up_to!(sqlite);
    READ = "INSERT INTO notification_reads (reader_id, notification_id, at) \
        SELECT $1, id, $3 FROM notifications WHERE id = $2 ON CONFLICT (reader_id, notification_id) DO NOTHING";
    FORGET = "DELETE FROM notifications WHERE id IN \
        (SELECT id FROM notifications WHERE at < $1 ORDER BY at LIMIT $2)";
}

/// Above every id that is given out.
const LAST: NotificationId = NotificationId(Uuid::max());

// === impl Mailbox ===

impl Mailbox {
    fn identities(&self) -> Json<Vec<Uuid>> {
        Json(self.identities.iter().map(|id| id.0).collect())
    }

    fn guilds(&self) -> Json<Vec<Uuid>> {
        Json(self.guilds.iter().map(|id| id.0).collect())
    }
}

// === impl Conn ===

impl Conn {
    /// A page, newest first: those before one, or the first ones; all, or only those that are not read.
    pub async fn notifications(
        &mut self,
        mailbox: &Mailbox,
        unread: bool,
        before: Option<NotificationId>,
        limit: u64,
    ) -> Result<Vec<Received>, StoreError> {
        self.query(if unread { &UNREAD_PAGE } else { &PAGE })
            .bind(mailbox.reader)
            .bind(mailbox.identities())
            .bind(mailbox.guilds())
            .bind(before.unwrap_or(LAST))
            .bind(limit)
            .all()
            .await
    }

    pub async fn unread_notifications(&mut self, mailbox: &Mailbox) -> Result<u64, StoreError> {
        let query = self
            .query(&UNREAD)
            .bind(mailbox.reader)
            .bind(mailbox.identities())
            .bind(mailbox.guilds());
        Ok(query.value("unread").await?.unwrap_or(0))
    }
}

// === impl Tx ===

impl Tx {
    /// Adds a notification; `false` when it is there already, so that whoever comes twice tells once.
    pub async fn insert_notification(&mut self, notification: &Notification) -> Result<bool, StoreError> {
        let query = self
            .query(&INSERT)
            .bind(notification.id)
            .bind(notification.recipient_id)
            .bind(notification.guild_id)
            .bind(notification.level)
            .bind(notification.kind)
            .bind(storable(&notification.title))
            .bind(storable(&notification.body))
            .bind(notification.link.as_deref().map(storable))
            .bind(notification.at);
        Ok(query.execute().await? == 1)
    }

    /// Notes that somebody has read one; `false` when they had before, or there is none.
    pub async fn read_notification(
        &mut self,
        reader: ReaderId,
        id: NotificationId,
        at: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let query = self.query(&READ).bind(reader).bind(id).bind(at);
        Ok(query.execute().await? == 1)
    }

    /// Notes that somebody has read all up to one that they saw, but none that came since; says how many were new.
    pub async fn read_notifications_up_to(
        &mut self,
        mailbox: &Mailbox,
        last: NotificationId,
        at: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        let query = self
            .query(&READ_UP_TO)
            .bind(mailbox.reader)
            .bind(mailbox.identities())
            .bind(mailbox.guilds())
            .bind(last)
            .bind(at);
        query.execute().await
    }

    /// Removes some of those that are older than a time, read or not; says how many.
    pub async fn forget_notifications(
        &mut self,
        before: DateTime<Utc>,
        limit: u64,
    ) -> Result<u64, StoreError> {
        self.query(&FORGET).bind(before).bind(limit).execute().await
    }
}
