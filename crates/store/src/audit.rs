//! The audit log: who did what, chained by hash per guild.
//!
//! An entry's hash covers its fields, each with its length before it, and the hash of the entry before. What is
//! personal stands beside the chain: the entry holds only a salted digest of it, its commitment, so that the text can be
//! erased and the chain still verifies. The guild's row holds the newest number and hash, and its lock is what
//! puts entries in order.

mod heads;
mod verify;

pub use heads::{AuditKey, AuditKeyError, HeadError, SignedHead};
pub use verify::{AuditFault, AuditReport, Fault, Walk};

use crate::dbx::query::row;
use crate::dbx::{Conn, Tx, sqls, text_enum};
use crate::error::StoreError;
use crate::guilds::{Guild, GuildKey};
use crate::people::{IdentityId, storable};
use chrono::{DateTime, Utc};
use lockdown_events::{AuditLogged, Envelope, Event, EventId, ModerationEvent, Source};
use lockdown_runtime::ids::{hex, random_token};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// What the first entry follows, and the commitment of an entry without anything personal.
pub const GENESIS: [u8; 32] = [0; 32];
/// Goes first into every hash: another form of entry gets another name.
const FORM: &[u8] = b"lockdown.audit.1";
const SALT_BYTES: usize = 16;

text_enum! {
    ActorKind {
        Person = "person",
        Rule = "rule",
        Token = "token",
        System = "system",
    }
}

/// What is to be written down.
#[derive(Debug, Clone)]
pub struct NewEntry<'a> {
    pub guild: GuildKey,
    pub at: DateTime<Utc>,
    pub actor_kind: ActorKind,
    /// An identity's own id, a rule's or a token's name. Nothing that a platform knows.
    pub actor: &'a str,
    pub act: &'a str,
    /// What it was done to: `case:17`.
    pub subject: &'a str,
    /// What is kept for good.
    pub body: &'a Value,
    pub personal: Option<Personal<'a>>,
}

/// What can be erased: reasons, names.
#[derive(Debug, Clone)]
pub struct Personal<'a> {
    /// Who it is about.
    pub of: Option<IdentityId>,
    pub text: &'a Value,
}

row! {
    pub Entry {
        seq: u64,
        at: DateTime<Utc>,
        actor_kind: ActorKind,
        actor: String,
        act: String,
        subject: String,
        body: String,
        commitment: Vec<u8>,
        prev_hash: Vec<u8>,
        hash: Vec<u8>,
    }
}

row! {
    /// The newest entry of a chain.
    pub Head {
        audit_seq: u64,
        audit_head: Vec<u8>,
    }
}

sqls! {
    HEAD = "SELECT audit_seq, audit_head FROM guilds WHERE id = $1";
    INSERT = "INSERT INTO audit_log \
            (guild_id, seq, at, actor_kind, actor, act, subject, body, commitment, prev_hash, hash) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    INSERT_PII = "INSERT INTO audit_pii (guild_id, seq, salt, pii, subject_id) VALUES ($1, $2, $3, $4, $5)";
    PAGE = "SELECT seq, at, actor_kind, actor, act, subject, body, commitment, prev_hash, hash FROM audit_log \
        WHERE guild_id = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3";
    CHAIN = "SELECT l.seq, l.at, l.actor_kind, l.actor, l.act, l.subject, l.body, l.commitment, l.prev_hash, l.hash, \
            p.seq AS pii_seq, p.salt, p.pii, p.erased_at \
        FROM audit_log l LEFT JOIN audit_pii p ON p.guild_id = l.guild_id AND p.seq = l.seq \
        WHERE l.guild_id = $1 AND l.seq > $2 AND l.seq <= $3 ORDER BY l.seq LIMIT $4";
    // In one statement, so that an entry which is added meanwhile is in both or in neither.
    BEYOND_HEAD = "SELECT MIN(l.seq) AS seq FROM audit_log l JOIN guilds g ON g.id = l.guild_id \
        WHERE l.guild_id = $1 AND l.seq > g.audit_seq";
    PERSONAL = "SELECT pii FROM audit_pii WHERE guild_id = $1 AND seq = $2";
    ERASE = "UPDATE audit_pii SET salt = NULL, pii = NULL, erased_at = $2 WHERE subject_id = $1 AND erased_at IS NULL";
    ANCHOR = "INSERT INTO audit_anchors (guild_id, seq, hash, sink, at) VALUES ($1, $2, $3, $4, $5) \
        ON CONFLICT (guild_id, seq, sink) DO NOTHING";
    UNLIKE_SHOWN = "SELECT a.seq, a.hash AS anchored, l.hash FROM audit_anchors a \
        LEFT JOIN audit_log l ON l.guild_id = a.guild_id AND l.seq = a.seq \
        WHERE a.guild_id = $1 AND (l.hash IS NULL OR l.hash <> a.hash) ORDER BY a.seq LIMIT $2";
    HASH = "SELECT hash FROM audit_log WHERE guild_id = $1 AND seq = $2";
}

/// The hash of an entry of a guild.
pub fn hash(guild: GuildKey, entry: &Entry) -> [u8; 32] {
    let mut digest = Sha256::new();
    let mut part = |bytes: &[u8]| {
        digest.update((bytes.len() as u64).to_be_bytes());
        digest.update(bytes);
    };
    part(FORM);
    part(guild.0.as_bytes());
    part(&entry.seq.to_be_bytes());
    part(&entry.at.timestamp_micros().to_be_bytes());
    part(entry.actor_kind.as_str().as_bytes());
    part(entry.actor.as_bytes());
    part(entry.act.as_bytes());
    part(entry.subject.as_bytes());
    part(entry.body.as_bytes());
    part(&entry.commitment);
    part(&entry.prev_hash);
    digest.finalize().into()
}

/// What the chain holds in the place of a personal text.
pub fn commitment(salt: &[u8], text: &str) -> [u8; 32] {
    let mut digest = Sha256::new();
    for part in [FORM, salt, text.as_bytes()] {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    digest.finalize().into()
}

// === impl Conn ===

impl Conn {
    /// A page, newest first, of what is older than `before`.
    pub async fn audit_page(
        &mut self,
        guild: GuildKey,
        before: Option<u64>,
        limit: u64,
    ) -> Result<Vec<Entry>, StoreError> {
        let before = before.unwrap_or(i64::MAX.unsigned_abs());
        self.query(&PAGE).bind(guild).bind(before).bind(limit).all().await
    }

    /// What is personal in an entry, unless it was erased.
    pub async fn audit_personal(&mut self, guild: GuildKey, seq: u64) -> Result<Option<String>, StoreError> {
        let text: Option<Option<String>> = self.query(&PERSONAL).bind(guild).bind(seq).value("pii").await?;
        Ok(text.flatten())
    }

    pub async fn audit_head(&mut self, guild: GuildKey) -> Result<Option<Head>, StoreError> {
        self.query(&HEAD).bind(guild).optional().await
    }
}

// === impl Tx ===

impl Tx {
    /// Adds an entry to the guild's chain. Holds the guild until the end of the transaction.
    pub async fn append_audit(&mut self, new: &NewEntry<'_>) -> Result<Entry, StoreError> {
        let head = self.hold_guild(new.guild).await?;
        let personal = new.personal.as_ref().map(|personal| {
            let salt = random_token(SALT_BYTES).into_bytes();
            (salt, storable(&personal.text.to_string()), personal.of)
        });
        let mut entry = Entry {
            seq: head.audit_seq + 1,
            at: new.at,
            actor_kind: new.actor_kind,
            actor: storable(new.actor),
            act: new.act.to_owned(),
            subject: storable(new.subject),
            body: storable(&new.body.to_string()),
            commitment: match &personal {
                None => GENESIS.to_vec(),
                Some((salt, text, _)) => commitment(salt, text).to_vec(),
            },
            prev_hash: head.audit_head,
            hash: Vec::new(),
        };
        entry.hash = hash(new.guild, &entry).to_vec();
        self.write(&INSERT)
            .await?
            .bind(new.guild)
            .bind(entry.seq)
            .bind(entry.at)
            .bind(entry.actor_kind)
            .bind(entry.actor.as_str())
            .bind(entry.act.as_str())
            .bind(entry.subject.as_str())
            .bind(entry.body.as_str())
            .bind(&entry.commitment[..])
            .bind(&entry.prev_hash[..])
            .bind(&entry.hash[..]);
        if let Some((salt, text, of)) = personal {
            self.write(&INSERT_PII)
                .await?
                .bind(new.guild)
                .bind(entry.seq)
                .bind(salt)
                .bind(text)
                .bind(of);
        }
        if let Some(held) = self.held(new.guild) {
            held.move_head(Head {
                audit_seq: entry.seq,
                audit_head: entry.hash.clone(),
            });
        }
        Ok(entry)
    }

    /// Adds an entry, and the event that tells of it: for an act that is no case.
    pub async fn record_act(
        &mut self,
        guild: &Guild,
        new: &NewEntry<'_>,
        event: EventId,
    ) -> Result<Entry, StoreError> {
        let entry = self.append_audit(new).await?;
        let told = Event::Moderation(ModerationEvent::AuditLogged(AuditLogged {
            platform: guild.platform,
            guild_id: guild.native_id.clone(),
            sequence: entry.seq,
            actor: entry.actor.clone(),
            actor_id: None,
            act: entry.act.clone(),
            subject: entry.subject.clone(),
            hash: hex(&entry.hash),
        }));
        let envelope = Envelope::new(event, new.at, Source::Backend, None, &told)
            .expect("a body of a few words is never too long");
        self.publish(guild.id, &envelope, new.at).await?;
        Ok(entry)
    }

    /// Erases what every chain holds about a person; says in how many entries. The chains still verify.
    pub async fn erase_audit_personal(
        &mut self,
        of: IdentityId,
        at: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        self.query(&ERASE).bind(of).bind(at).execute().await
    }

    /// Notes that the head of a chain was shown outside of this database.
    pub async fn anchor_audit(
        &mut self,
        guild: GuildKey,
        seq: u64,
        hash: &[u8],
        sink: &str,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let query = self
            .query(&ANCHOR)
            .bind(guild)
            .bind(seq)
            .bind(hash)
            .bind(sink)
            .bind(at);
        query.execute().await.map(drop)
    }
}
