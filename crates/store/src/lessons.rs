//! What communities teach the classifier of spam: lessons, which have no text, and what all of them come to.

use crate::dbx::query::row;
use crate::dbx::{Conn, Tx, sqls, uuid_ids};
use crate::error::StoreError;
use crate::guilds::GuildKey;
use chrono::{DateTime, Utc};

uuid_ids! {
    LessonId;
}

row! {
    pub Lesson {
        id: LessonId,
        guild_id: GuildKey,
        /// Of the text as it reads: a guild has one lesson of it.
        fingerprint: Vec<u8>,
        is_spam: bool,
        /// What the classifier sees of the text.
        features: Vec<u8>,
        /// An identity's own id, `rule:<id>`, `token:<name>` or `system`.
        taught_by: String,
        taught_at: DateTime<Utc>,
        /// The case that was a mistake, where that taught it.
        case_number: Option<u64>,
    }
}

sqls! {
    SAVE = "INSERT INTO spam_lessons (id, guild_id, fingerprint, is_spam, features, taught_by, taught_at, case_number) \
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
        ON CONFLICT (guild_id, fingerprint) DO UPDATE SET id = excluded.id, is_spam = excluded.is_spam, \
            features = excluded.features, taught_by = excluded.taught_by, taught_at = excluded.taught_at, \
            case_number = excluded.case_number";
    BY_PRINT = "SELECT id, guild_id, fingerprint, is_spam, features, taught_by, taught_at, case_number \
        FROM spam_lessons WHERE guild_id = $1 AND fingerprint = $2";
    ALL = "SELECT id, guild_id, fingerprint, is_spam, features, taught_by, taught_at, case_number \
        FROM spam_lessons WHERE guild_id = $1 ORDER BY taught_at, id";
    REMOVE = "DELETE FROM spam_lessons WHERE guild_id = $1 AND id = $2";
    REMOVE_ALL = "DELETE FROM spam_lessons WHERE guild_id = $1";
    SAVE_MODEL = "INSERT INTO spam_models (guild_id, version, weights) VALUES ($1, 1, $2) \
        ON CONFLICT (guild_id) DO UPDATE SET version = spam_models.version + 1, weights = excluded.weights";
    MODEL_VERSION = "SELECT version FROM spam_models WHERE guild_id = $1";
    MODEL = "SELECT weights FROM spam_models WHERE guild_id = $1 AND version = $2";
}

// === impl Conn ===

impl Conn {
    /// What a guild taught about a text.
    pub async fn lesson_of(
        &mut self,
        guild: GuildKey,
        fingerprint: &[u8],
    ) -> Result<Option<Lesson>, StoreError> {
        self.query(&BY_PRINT)
            .bind(guild)
            .bind(fingerprint)
            .optional()
            .await
    }

    /// All that a guild taught, oldest first.
    pub async fn lessons(&mut self, guild: GuildKey) -> Result<Vec<Lesson>, StoreError> {
        self.query(&ALL).bind(guild).all().await
    }

    /// Which version a guild's own weights are; `None` where it never taught anything.
    pub async fn spam_model_version(&mut self, guild: GuildKey) -> Result<Option<u64>, StoreError> {
        self.query(&MODEL_VERSION).bind(guild).value("version").await
    }

    /// A guild's own weights; `None` when they are of another version by now.
    pub async fn spam_model(&mut self, guild: GuildKey, version: u64) -> Result<Option<Vec<u8>>, StoreError> {
        self.query(&MODEL)
            .bind(guild)
            .bind(version)
            .value("weights")
            .await
    }
}

// === impl Tx ===

impl Tx {
    /// Keeps a lesson, in place of what the guild taught about the same text before.
    pub async fn save_lesson(&mut self, lesson: &Lesson) -> Result<(), StoreError> {
        let query = self
            .query(&SAVE)
            .bind(lesson.id)
            .bind(lesson.guild_id)
            .bind(lesson.fingerprint.as_slice())
            .bind(lesson.is_spam)
            .bind(lesson.features.as_slice())
            .bind(lesson.taught_by.as_str())
            .bind(lesson.taught_at)
            .bind(lesson.case_number);
        query.execute().await.map(drop)
    }

    /// `false` when the guild has no such lesson.
    pub async fn remove_lesson(&mut self, guild: GuildKey, id: LessonId) -> Result<bool, StoreError> {
        Ok(self.query(&REMOVE).bind(guild).bind(id).execute().await? == 1)
    }

    /// Forgets all lessons of a guild; says how many there were.
    pub async fn remove_lessons(&mut self, guild: GuildKey) -> Result<u64, StoreError> {
        self.query(&REMOVE_ALL).bind(guild).execute().await
    }

    /// Puts what all lessons come to in force, under a new version.
    pub async fn save_spam_model(&mut self, guild: GuildKey, weights: &[u8]) -> Result<(), StoreError> {
        let query = self.query(&SAVE_MODEL).bind(guild).bind(weights);
        query.execute().await.map(drop)
    }
}
