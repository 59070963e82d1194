//! Evidence: messages that show why a case was made, which stay when the messages themselves go.

use crate::dbx::query::row;
use crate::dbx::{Conn, Json, Tx, sqls};
use crate::error::StoreError;
use crate::messages::{MessageKey, NewMessage};
use crate::people::IdentityId;
use chrono::{DateTime, Utc};
use lockdown_events::{Attachment, CaseId, ChannelId, MessageId};
use serde::{Deserialize, Serialize};

/// What a message said before an edit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarlierText {
    /// When it was replaced.
    pub until: DateTime<Utc>,
    /// Absent where it was forgotten, or never kept.
    pub content: Option<String>,
}

row! {
    pub Evidence {
        /// In the order in which it was added.
        seq: u64,
        channel_native_id: ChannelId,
        native_id: MessageId,
        /// Who said it.
        identity_id: IdentityId,
        said_at: DateTime<Utc>,
        content: Option<String>,
        content_hash: Vec<u8>,
        attachments: Json<Vec<Attachment>>,
        earlier: Json<Vec<EarlierText>>,
        captured_at: DateTime<Utc>,
        /// Absent: as long as the case.
        expires_at: Option<DateTime<Utc>>,
    }
}

sqls! {
    // The case is locked by whoever adds to it, so no two take the same place.
    ADD = "INSERT INTO message_evidence (case_id, seq, channel_native_id, native_id, identity_id, said_at, content, \
            content_hash, attachments, earlier, captured_at, expires_at) \
        VALUES ($1, COALESCE((SELECT MAX(seq) FROM message_evidence WHERE case_id = $1), 0) + 1, $2, $3, $4, $5, $6, \
            $7, $8, $9, $10, $11) \
        ON CONFLICT (case_id, channel_native_id, native_id) DO NOTHING";
    OF_CASE = "SELECT seq, channel_native_id, native_id, identity_id, said_at, content, content_hash, attachments, \
            earlier, captured_at, expires_at FROM message_evidence WHERE case_id = $1 ORDER BY seq";
    FORGET = "DELETE FROM message_evidence WHERE (case_id, seq) IN (SELECT case_id, seq FROM message_evidence \
        WHERE expires_at IS NOT NULL AND expires_at <= $1 ORDER BY expires_at LIMIT $2)";
}

// === impl Conn ===

impl Conn {
    pub async fn evidence(&mut self, case: CaseId) -> Result<Vec<Evidence>, StoreError> {
        self.query(&OF_CASE).bind(case).all().await
    }
}

// === impl Tx ===

impl Tx {
    /// Copies messages that are kept to a case which this transaction made or locked, with what they said before they
    /// were edited; says how many it found. One that the case has already stays as it is there.
    pub async fn capture_evidence(
        &mut self,
        case: CaseId,
        messages: &[MessageKey],
        at: DateTime<Utc>,
        expires_at: Option<DateTime<Utc>>,
    ) -> Result<u64, StoreError> {
        let mut found = 0;
        for key in messages {
            let Some(message) = self.message(key).await? else {
                continue;
            };
            let edits = self.message_edits(key).await?;
            let earlier = edits.into_iter().map(|edit| EarlierText {
                until: edit.at,
                content: edit.content,
            });
            let evidence = Evidence {
                seq: 0,
                channel_native_id: message.channel_native_id,
                native_id: message.native_id,
                identity_id: message.identity_id,
                said_at: message.at,
                content: message.content,
                content_hash: message.content_hash,
                attachments: message.attachments,
                earlier: Json(earlier.collect()),
                captured_at: at,
                expires_at,
            };
            self.add_evidence(case, &evidence).await?;
            found += 1;
        }
        Ok(found)
    }

    /// As [`Tx::capture_evidence`], for a message that is at hand: where no texts are kept, it is nowhere else. `false`
    /// when the case has it already.
    pub async fn capture_message(
        &mut self,
        case: CaseId,
        message: &NewMessage,
        at: DateTime<Utc>,
        expires_at: Option<DateTime<Utc>>,
    ) -> Result<bool, StoreError> {
        let evidence = Evidence {
            seq: 0,
            channel_native_id: message.key.channel.clone(),
            native_id: message.key.message.clone(),
            identity_id: message.author,
            said_at: message.at,
            content: message.said.stored_content(),
            content_hash: message.said.hash(message.key.guild).to_vec(),
            attachments: Json(message.said.stored_attachments()),
            earlier: Json(Vec::new()),
            captured_at: at,
            expires_at,
        };
        self.add_evidence(case, &evidence).await
    }

    async fn add_evidence(&mut self, case: CaseId, evidence: &Evidence) -> Result<bool, StoreError> {
        let query = self
            .query(&ADD)
            .bind(case)
            .bind(evidence.channel_native_id.as_str())
            .bind(evidence.native_id.as_str())
            .bind(evidence.identity_id)
            .bind(evidence.said_at)
            .bind(evidence.content.as_deref())
            .bind(evidence.content_hash.as_slice())
            .bind(evidence.attachments.clone())
            .bind(evidence.earlier.clone())
            .bind(evidence.captured_at)
            .bind(evidence.expires_at);
        Ok(query.execute().await? == 1)
    }

    /// Removes some of what has expired; says how many.
    pub async fn forget_evidence(&mut self, now: DateTime<Utc>, limit: u64) -> Result<u64, StoreError> {
        self.query(&FORGET).bind(now).bind(limit).execute().await
    }
}
