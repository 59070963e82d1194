//! Walks a chain and says where it does not hold.

use super::{ANCHORS, BEYOND_HEAD, CHAIN, Entry, GENESIS, Head, commitment, hash};
use crate::dbx::query::row;
use crate::dbx::{Conn, FromRow, Row};
use crate::error::StoreError;
use crate::guilds::GuildKey;
use chrono::{DateTime, Utc};

const PAGE: u64 = 1000;
/// More than a person reads; a chain that was rewritten from some point on has one fault there.
const MOST: usize = 100;

/// What a walk over a chain found.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditReport {
    /// How many entries were looked at.
    pub entries: u64,
    /// The newest entry's hash, to be compared with one that was kept elsewhere.
    pub head: Vec<u8>,
    /// Empty when the chain holds. The first hundred, by their place.
    pub faults: Vec<AuditFault>,
}

/// A place where the chain does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditFault {
    pub seq: u64,
    pub fault: Fault,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("the entry is missing")]
    Missing,
    #[error("the entry was changed: its fields do not give its hash")]
    Altered,
    #[error("the entry does not follow the one before it")]
    Unlinked,
    #[error("its personal part was changed")]
    PersonalAltered,
    #[error("its personal part is gone and was not erased")]
    PersonalMissing,
    #[error("the newest entry is not the one that the guild's row names")]
    Head,
    #[error("the entry is beyond the one that the guild's row names as the newest")]
    Beyond,
    #[error("the entry is not the one that was shown outside")]
    Anchor,
}

row! {
    PersonalPart {
        pii_seq: Option<u64>,
        salt: Option<Vec<u8>>,
        pii: Option<String>,
        erased_at: Option<DateTime<Utc>>,
    }
}

struct Link(Entry, PersonalPart);

row! {
    AnchorRow {
        seq: u64,
        anchored: Vec<u8>,
        hash: Option<Vec<u8>>,
    }
}

// === impl Link ===

impl FromRow for Link {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self(Entry::from_row(row)?, PersonalPart::from_row(row)?))
    }
}

// === impl PersonalPart ===

impl PersonalPart {
    fn fault(&self, entry: &Entry) -> Option<Fault> {
        let committed = entry.commitment != GENESIS;
        match (committed, self.pii_seq, &self.salt, &self.pii) {
            (false, None, ..) => None,
            (false, Some(_), ..) => Some(Fault::PersonalAltered),
            (true, None, ..) => Some(Fault::PersonalMissing),
            (true, _, Some(salt), Some(text)) => {
                (commitment(salt, text)[..] != entry.commitment).then_some(Fault::PersonalAltered)
            }
            (true, ..) => self.erased_at.is_none().then_some(Fault::PersonalMissing),
        }
    }
}

// === impl AuditReport ===

impl AuditReport {
    pub fn holds(&self) -> bool {
        self.faults.is_empty()
    }

    fn add(&mut self, seq: u64, fault: Fault) {
        if self.faults.len() < MOST {
            self.faults.push(AuditFault { seq, fault });
        }
    }
}

// === impl Conn ===

impl Conn {
    /// Walks the whole chain of a guild as it was when this began; entries may be added meanwhile. `None`: no such guild.
    pub async fn verify_audit(&mut self, guild: GuildKey) -> Result<Option<AuditReport>, StoreError> {
        let Some(head) = self.audit_head(guild).await? else {
            return Ok(None);
        };
        let mut report = AuditReport {
            entries: 0,
            head: head.audit_head.clone(),
            faults: Vec::new(),
        };
        let end = self.walk(guild, &head, &mut report).await?;
        if end != head.audit_head {
            report.add(head.audit_seq, Fault::Head);
        }
        let beyond: Option<Option<u64>> = self.query(&BEYOND_HEAD).bind(guild).value("seq").await?;
        if let Some(seq) = beyond.flatten() {
            report.add(seq, Fault::Beyond);
        }
        let anchors: Vec<AnchorRow> = self.query(&ANCHORS).bind(guild).all().await?;
        for anchor in anchors {
            if anchor.hash.as_ref() != Some(&anchor.anchored) {
                report.add(anchor.seq, Fault::Anchor);
            }
        }
        Ok(Some(report))
    }

    /// Up to the head; returns the hash of the last entry that is there.
    async fn walk(
        &mut self,
        guild: GuildKey,
        head: &Head,
        report: &mut AuditReport,
    ) -> Result<Vec<u8>, StoreError> {
        let (mut last, mut before) = (0, GENESIS.to_vec());
        loop {
            let query = self.query(&CHAIN).bind(guild).bind(last).bind(PAGE);
            let page: Vec<Link> = query.all().await?;
            let full = page.len() as u64 == PAGE;
            for Link(entry, personal) in page {
                if entry.seq > head.audit_seq {
                    return Ok(before);
                }
                report.entries += 1;
                if entry.seq != last + 1 {
                    report.add(last + 1, Fault::Missing);
                } else if entry.prev_hash != before {
                    report.add(entry.seq, Fault::Unlinked);
                }
                if hash(guild, &entry)[..] != entry.hash {
                    report.add(entry.seq, Fault::Altered);
                }
                if let Some(fault) = personal.fault(&entry) {
                    report.add(entry.seq, fault);
                }
                (last, before) = (entry.seq, entry.hash);
            }
            if !full {
                return Ok(before);
            }
        }
    }
}
