//! The audit of what is of no guild: who was let in, who was given what. One chain for the installation, of the same hashes
//! as those of [`crate::audit`]; nothing personal stands in it.
//!
//! Entries of a community are shown to those who own it, all of them to operators.

use crate::audit::{ActorKind, Entry, Fault, GENESIS, Head, hash};
use crate::dbx::query::row;
use crate::dbx::{Conn, Filter, Json, Tx, sqls};
use crate::error::StoreError;
use crate::guilds::{CommunityId, GuildKey};
use crate::people::storable;
use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

/// How many entries a walk reads at once.
const PAGE: u64 = 1000;

/// What is to be written down.
#[derive(Debug, Clone)]
pub struct NewAccess<'a> {
    pub at: DateTime<Utc>,
    /// The only one that it concerns; absent: all.
    pub community: Option<CommunityId>,
    pub actor_kind: ActorKind,
    /// An account's or an identity's own id, or a token's name.
    pub actor: &'a str,
    /// `session:begin`, `token:make`.
    pub act: &'a str,
    /// What it was done to: `token:<id>`.
    pub subject: &'a str,
    pub body: &'a Value,
}

row! {
    pub AccessEntry {
        seq: u64,
        at: DateTime<Utc>,
        community_id: Option<CommunityId>,
        actor_kind: ActorKind,
        actor: String,
        act: String,
        subject: String,
        body: String,
        prev_hash: Vec<u8>,
        hash: Vec<u8>,
    }
}

/// What a walk over the chain found.
#[derive(Debug, Clone, PartialEq)]
pub struct AccessReport {
    pub entries: u64,
    /// The newest entry's number and hash.
    pub seq: u64,
    pub head: Vec<u8>,
    /// The first place where it does not hold.
    pub fault: Option<(u64, Fault)>,
}

/// For [`Filter`], which adds the conditions.
const SELECT: &str =
    "SELECT seq, at, community_id, actor_kind, actor, act, subject, body, prev_hash, hash FROM access_log";

sqls! {
    // The update is the lock: whoever has the number holds the chain until the end of the transaction.
    NEXT = "UPDATE access_log_head SET seq = seq + 1 WHERE one = 1 RETURNING seq AS audit_seq, hash AS audit_head";
    HEAD = "SELECT seq AS audit_seq, hash AS audit_head FROM access_log_head WHERE one = 1";
    SET_HEAD = "UPDATE access_log_head SET hash = $1 WHERE one = 1";
    INSERT = "INSERT INTO access_log \
            (seq, at, community_id, actor_kind, actor, act, subject, body, prev_hash, hash) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    CHAIN = "SELECT seq, at, community_id, actor_kind, actor, act, subject, body, prev_hash, hash FROM access_log \
        WHERE seq > $1 ORDER BY seq LIMIT $2";
    OF_COMMUNITIES =>
        "SELECT seq, at, community_id, actor_kind, actor, act, subject, body, prev_hash, hash FROM access_log \
            WHERE seq < $1 AND community_id IN (SELECT CAST(value AS UUID) FROM jsonb_array_elements_text($2)) \
            ORDER BY seq DESC LIMIT $3",
        "SELECT seq, at, community_id, actor_kind, actor, act, subject, body, prev_hash, hash FROM access_log \
            WHERE seq < $1 AND community_id IN (SELECT unhex(replace(value, '-', '')) FROM json_each($2)) \
            ORDER BY seq DESC LIMIT $3";
}

// === impl AccessEntry ===

impl AccessEntry {
    /// The hash that its fields give. The community stands where a guild does in other chains.
    fn expected(&self) -> [u8; 32] {
        let home = self.community_id.map_or(Uuid::nil(), |community| community.0);
        let entry = Entry {
            seq: self.seq,
            at: self.at,
            actor_kind: self.actor_kind,
            actor: self.actor.clone(),
            act: self.act.clone(),
            subject: self.subject.clone(),
            body: self.body.clone(),
            commitment: GENESIS.to_vec(),
            prev_hash: self.prev_hash.clone(),
            hash: Vec::new(),
        };
        hash(GuildKey(home), &entry)
    }
}

// === impl Conn ===

impl Conn {
    /// A page, newest first, of what is older than `before`: of these communities, or of all and of none.
    pub async fn access_page(
        &mut self,
        communities: Option<&[CommunityId]>,
        before: Option<u64>,
        limit: u64,
    ) -> Result<Vec<AccessEntry>, StoreError> {
        let before = before.unwrap_or(i64::MAX.unsigned_abs());
        let Some(communities) = communities else {
            let filter = Filter::new(self, "access_log::page", SELECT)
                .and("seq < ?", before)
                .ending("ORDER BY seq DESC LIMIT ?", limit);
            return self.filtered(filter).all().await;
        };
        let ids: Vec<String> = communities.iter().map(ToString::to_string).collect();
        self.query(&OF_COMMUNITIES)
            .bind(before)
            .bind(Json(ids))
            .bind(limit)
            .all()
            .await
    }

    /// Walks over the whole chain.
    pub async fn verify_access_log(&mut self) -> Result<AccessReport, StoreError> {
        let head: Head = self.query(&HEAD).one().await?;
        let mut report = AccessReport {
            entries: 0,
            seq: head.audit_seq,
            head: head.audit_head.clone(),
            fault: None,
        };
        let (mut last, mut before) = (0, GENESIS.to_vec());
        'pages: loop {
            let page: Vec<AccessEntry> = self.query(&CHAIN).bind(last).bind(PAGE).all().await?;
            if page.is_empty() {
                break;
            }
            for entry in page {
                // What was added since the walk began is the next one's.
                if entry.seq > head.audit_seq {
                    break 'pages;
                }
                let fault = if entry.seq != last + 1 {
                    Some(Fault::Missing {
                        through: entry.seq - 1,
                    })
                } else if entry.prev_hash != before {
                    Some(Fault::Unlinked)
                } else if entry.expected()[..] != entry.hash {
                    Some(Fault::Altered)
                } else {
                    None
                };
                report.entries += 1;
                if let Some(fault) = fault {
                    report.fault.get_or_insert((entry.seq, fault));
                }
                (last, before) = (entry.seq, entry.hash);
            }
        }
        if (last, &before) != (head.audit_seq, &head.audit_head) {
            report.fault.get_or_insert((head.audit_seq, Fault::Head));
        }
        Ok(report)
    }
}

// === impl Tx ===

impl Tx {
    /// Adds an entry. Holds the chain until the end of the transaction, so this comes last in it.
    pub async fn append_access(&mut self, new: &NewAccess<'_>) -> Result<u64, StoreError> {
        let head: Head = self.query(&NEXT).one().await?;
        let mut entry = AccessEntry {
            seq: head.audit_seq,
            at: new.at,
            community_id: new.community,
            actor_kind: new.actor_kind,
            actor: storable(new.actor),
            act: new.act.to_owned(),
            subject: storable(new.subject),
            body: storable(&new.body.to_string()),
            prev_hash: head.audit_head,
            hash: Vec::new(),
        };
        entry.hash = entry.expected().to_vec();
        let query = self
            .query(&INSERT)
            .bind(entry.seq)
            .bind(entry.at)
            .bind(entry.community_id)
            .bind(entry.actor_kind)
            .bind(entry.actor.as_str())
            .bind(entry.act.as_str())
            .bind(entry.subject.as_str())
            .bind(entry.body.as_str())
            .bind(&entry.prev_hash[..])
            .bind(&entry.hash[..]);
        query.execute().await?;
        self.query(&SET_HEAD).bind(&entry.hash[..]).execute().await?;
        Ok(entry.seq)
    }
}
