//! What moderators say to each other about a case.

use crate::audit::ActorKind;
use crate::dbx::query::row;
use crate::dbx::{Conn, Filter, Tx, sqls, uuid_ids};
use crate::error::StoreError;
use crate::people::storable;
use chrono::{DateTime, Utc};
use lockdown_events::CaseId;

uuid_ids! {
    CaseMessageId;
}

row! {
    pub CaseMessage {
        id: CaseMessageId,
        case_id: CaseId,
        actor_kind: ActorKind,
        /// An identity's own id, or a token's name.
        actor: String,
        /// Empty once it was deleted.
        body: String,
        created_at: DateTime<Utc>,
        edited_at: Option<DateTime<Utc>>,
        deleted_at: Option<DateTime<Utc>>,
    }
}

row! {
    /// What a message said before.
    pub CaseMessageEdit {
        /// When it was replaced.
        at: DateTime<Utc>,
        body: String,
    }
}

/// For [`Filter`], which adds the conditions.
const SELECT: &str =
    "SELECT id, case_id, actor_kind, actor, body, created_at, edited_at, deleted_at FROM case_messages";

sqls! {
    INSERT = "INSERT INTO case_messages (id, case_id, actor_kind, actor, body, created_at) VALUES ($1, $2, $3, $4, $5, $6)";
    FIND = "SELECT id, case_id, actor_kind, actor, body, created_at, edited_at, deleted_at FROM case_messages \
        WHERE case_id = $1 AND id = $2";
    // What it said is kept in the same statement's transaction, at a time of its own: two edits never meet in one.
    KEEP = "INSERT INTO case_message_edits (message_id, at, body) SELECT id, $2, body FROM case_messages \
        WHERE id = $1 AND deleted_at IS NULL ON CONFLICT (message_id, at) DO NOTHING";
    EDIT = "UPDATE case_messages SET body = $2, edited_at = $3 WHERE id = $1 AND deleted_at IS NULL";
    DELETE = "UPDATE case_messages SET body = '', deleted_at = $2 WHERE id = $1 AND deleted_at IS NULL";
    EDITS = "SELECT at, body FROM case_message_edits WHERE message_id = $1 ORDER BY at LIMIT $2";
}

// === impl Conn ===

impl Conn {
    /// A page of a case's thread, oldest first, of what comes after a message.
    pub async fn thread(
        &mut self,
        case: CaseId,
        after: Option<CaseMessageId>,
        limit: u64,
    ) -> Result<Vec<CaseMessage>, StoreError> {
        let filter = Filter::new(self, "threads::page", SELECT)
            .and("case_id = ?", case)
            .and_if("id > ?", after)
            .ending("ORDER BY id LIMIT ?", limit);
        self.filtered(filter).all().await
    }

    pub async fn case_message(
        &mut self,
        case: CaseId,
        id: CaseMessageId,
    ) -> Result<Option<CaseMessage>, StoreError> {
        self.query(&FIND).bind(case).bind(id).optional().await
    }

    /// What a message said before, oldest first.
    pub async fn case_message_edits(
        &mut self,
        id: CaseMessageId,
        limit: u64,
    ) -> Result<Vec<CaseMessageEdit>, StoreError> {
        self.query(&EDITS).bind(id).bind(limit).all().await
    }
}

// === impl Tx ===

impl Tx {
    pub async fn insert_case_message(&mut self, message: &CaseMessage) -> Result<(), StoreError> {
        let query = self
            .query(&INSERT)
            .bind(message.id)
            .bind(message.case_id)
            .bind(message.actor_kind)
            .bind(storable(&message.actor))
            .bind(storable(&message.body))
            .bind(message.created_at);
        query.execute().await.map(drop)
    }

    /// Gives a message other words, and keeps those that it had; `false` when it was deleted.
    pub async fn edit_case_message(
        &mut self,
        id: CaseMessageId,
        body: &str,
        at: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        self.query(&KEEP).bind(id).bind(at).execute().await?;
        let query = self.query(&EDIT).bind(id).bind(storable(body)).bind(at);
        Ok(query.execute().await? == 1)
    }

    /// Takes a message out of sight, and keeps its words; `false` when that was done before.
    pub async fn delete_case_message(
        &mut self,
        id: CaseMessageId,
        at: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        self.query(&KEEP).bind(id).bind(at).execute().await?;
        Ok(self.query(&DELETE).bind(id).bind(at).execute().await? == 1)
    }
}
