//! Notes: what moderators tell each other about a person.

use crate::dbx::query::row;
use crate::dbx::{Conn, Tx, sqls, uuid_ids};
use crate::error::StoreError;
use crate::guilds::GuildKey;
use crate::people::{IdentityId, storable};
use chrono::{DateTime, Utc};

uuid_ids! {
    NoteId;
}

row! {
    pub Note {
        id: NoteId,
        guild_id: GuildKey,
        subject_id: IdentityId,
        author_id: Option<IdentityId>,
        body: String,
        /// Shown before the others.
        pinned: bool,
        created_at: DateTime<Utc>,
        updated_at: DateTime<Utc>,
    }
}

sqls! {
    INSERT = "INSERT INTO notes (id, guild_id, subject_id, author_id, body, pinned, created_at, updated_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    ABOUT = "SELECT id, guild_id, subject_id, author_id, body, pinned, created_at, updated_at FROM notes \
        WHERE guild_id = $1 AND subject_id = $2 AND deleted_at IS NULL ORDER BY pinned DESC, created_at DESC, id";
    EDIT = "UPDATE notes SET body = $2, pinned = $3, updated_at = $4 WHERE id = $1 AND deleted_at IS NULL";
    DELETE = "UPDATE notes SET deleted_at = $2 WHERE id = $1 AND deleted_at IS NULL";
}

// === impl Conn ===

impl Conn {
    /// Pinned ones first, then the newest.
    pub async fn notes_about(
        &mut self,
        guild: GuildKey,
        subject: IdentityId,
    ) -> Result<Vec<Note>, StoreError> {
        self.query(&ABOUT).bind(guild).bind(subject).all().await
    }
}

// === impl Tx ===

impl Tx {
    pub async fn insert_note(&mut self, note: &Note) -> Result<(), StoreError> {
        let query = self
            .query(&INSERT)
            .bind(note.id)
            .bind(note.guild_id)
            .bind(note.subject_id)
            .bind(note.author_id)
            .bind(storable(&note.body))
            .bind(note.pinned)
            .bind(note.created_at)
            .bind(note.updated_at);
        query.execute().await.map(drop)
    }

    /// `false` when there is no such note any more.
    pub async fn edit_note(
        &mut self,
        id: NoteId,
        body: &str,
        pinned: bool,
        at: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let query = self
            .query(&EDIT)
            .bind(id)
            .bind(storable(body))
            .bind(pinned)
            .bind(at);
        Ok(query.execute().await? == 1)
    }

    /// `false` when there is no such note any more.
    pub async fn delete_note(&mut self, id: NoteId, at: DateTime<Utc>) -> Result<bool, StoreError> {
        Ok(self.query(&DELETE).bind(id).bind(at).execute().await? == 1)
    }
}
