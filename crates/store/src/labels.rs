//! Labels: words on people, for rules and moderators to go by.

use crate::dbx::query::row;
use crate::dbx::{Conn, Tx, sqls, uuid_ids};
use crate::error::StoreError;
use crate::guilds::{CommunityId, GuildKey};
use crate::people::{IdentityId, storable};
use chrono::{DateTime, Utc};

uuid_ids! {
    LabelId;
}

row! {
    pub Label {
        id: LabelId,
        community_id: CommunityId,
        /// Absent: in every guild of the community.
        guild_id: Option<GuildKey>,
        /// On whom. Whoever is the same person bears it too.
        subject_id: IdentityId,
        name: String,
        /// An identity's own id, `rule:<id>`, `token:<name>` or `system`.
        set_by: String,
        reason: Option<String>,
        set_at: DateTime<Utc>,
        /// From then on it does not count. Absent: until it is removed.
        expires_at: Option<DateTime<Utc>>,
    }
}

sqls! {
    SET = "INSERT INTO labels (id, community_id, guild_id, subject_id, name, set_by, reason, set_at, expires_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
        ON CONFLICT (subject_id, community_id, COALESCE(guild_id, community_id), name) DO UPDATE SET \
            set_by = excluded.set_by, reason = excluded.reason, set_at = excluded.set_at, \
            expires_at = excluded.expires_at \
        RETURNING id, community_id, guild_id, subject_id, name, set_by, reason, set_at, expires_at";
    REMOVE = "DELETE FROM labels WHERE id = $1";
    ON_PERSON = "SELECT l.id, l.community_id, l.guild_id, l.subject_id, l.name, l.set_by, l.reason, l.set_at, \
            l.expires_at FROM labels l JOIN identities i ON i.id = l.subject_id \
        WHERE i.person_id = (SELECT person_id FROM identities WHERE id = $2) \
            AND l.community_id = (SELECT community_id FROM guilds WHERE id = $1) \
            AND (l.guild_id IS NULL OR l.guild_id = $1) AND (l.expires_at IS NULL OR l.expires_at > $3) \
        ORDER BY l.name, l.id";
    BEARERS = "SELECT id, community_id, guild_id, subject_id, name, set_by, reason, set_at, expires_at FROM labels \
        WHERE community_id = (SELECT community_id FROM guilds WHERE id = $1) AND name = $2 \
            AND (guild_id IS NULL OR guild_id = $1) AND (expires_at IS NULL OR expires_at > $3) AND id < $4 \
        ORDER BY id DESC LIMIT $5";
    EXPIRE = "DELETE FROM labels WHERE id IN \
            (SELECT id FROM labels WHERE expires_at IS NOT NULL AND expires_at <= $1 ORDER BY expires_at LIMIT $2) \
        RETURNING id, community_id, guild_id, subject_id, name, set_by, reason, set_at, expires_at";
}

/// Above every id that is given out.
const LAST: LabelId = LabelId(uuid::Uuid::max());

// === impl Conn ===

impl Conn {
    /// What a person bears in a guild at a time, by name: here and in the whole community, whichever of the person's
    /// accounts it was put on.
    pub async fn labels_in_force(
        &mut self,
        guild: GuildKey,
        subject: IdentityId,
        now: DateTime<Utc>,
    ) -> Result<Vec<Label>, StoreError> {
        self.query(&ON_PERSON)
            .bind(guild)
            .bind(subject)
            .bind(now)
            .all()
            .await
    }

    /// Who bears a label in a guild at a time: a page, those first to whom it was given last. The next page begins
    /// before the last one's last.
    pub async fn bearers(
        &mut self,
        guild: GuildKey,
        name: &str,
        now: DateTime<Utc>,
        before: Option<LabelId>,
        limit: u64,
    ) -> Result<Vec<Label>, StoreError> {
        self.query(&BEARERS)
            .bind(guild)
            .bind(name)
            .bind(now)
            .bind(before.unwrap_or(LAST))
            .bind(limit)
            .all()
            .await
    }
}

// === impl Tx ===

impl Tx {
    /// Puts a label on somebody, or renews the one that they bear there, which keeps its id; answers what is kept.
    pub async fn set_label(&mut self, label: &Label) -> Result<Label, StoreError> {
        let query = self
            .query(&SET)
            .bind(label.id)
            .bind(label.community_id)
            .bind(label.guild_id)
            .bind(label.subject_id)
            .bind(storable(&label.name))
            .bind(label.set_by.as_str())
            .bind(label.reason.as_deref().map(storable))
            .bind(label.set_at)
            .bind(label.expires_at);
        query.one().await
    }

    /// `false` when there is no such label any more.
    pub async fn remove_label(&mut self, id: LabelId) -> Result<bool, StoreError> {
        Ok(self.query(&REMOVE).bind(id).execute().await? == 1)
    }

    /// Removes some of those that are over, and answers them.
    pub async fn expire_labels(&mut self, now: DateTime<Utc>, limit: u64) -> Result<Vec<Label>, StoreError> {
        self.query(&EXPIRE).bind(now).bind(limit).all().await
    }
}
