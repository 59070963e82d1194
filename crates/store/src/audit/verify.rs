//! Walks a chain and says where it does not hold.
//!
//! A [`Walk`] reads a page at a time, so that a chain of any length takes the same memory, and whoever walks can say how
//! far it is and begin a page again that a lost connection cut off.

use super::{BEYOND_HEAD, CHAIN, Entry, GENESIS, HASH, Head, UNLIKE_SHOWN, commitment, hash};
use crate::dbx::query::row;
use crate::dbx::{Conn, FromRow, Row};
use crate::error::StoreError;
use crate::guilds::GuildKey;
use chrono::{DateTime, Utc};

const PAGE: u64 = 1000;
/// More than a person reads; a chain that was rewritten from some point on has one fault there.
const MOST: u64 = 100;

/// What a walk over a chain found.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditReport {
    /// How many entries were looked at.
    pub entries: u64,
    /// The newest entry's number and hash, to be compared with those that were kept elsewhere.
    pub seq: u64,
    pub head: Vec<u8>,
    /// Empty when the chain holds. The first hundred, by their place.
    pub faults: Vec<AuditFault>,
    /// How many more there are.
    pub left_off: u64,
}

/// A place where the chain does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditFault {
    pub seq: u64,
    pub fault: Fault,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("what was here, up to entry {through}, is missing")]
    Missing { through: u64 },
    #[error("the entry was changed: its fields do not give its hash")]
    Altered,
    #[error("the entry was changed: a field holds what cannot stand there")]
    Unreadable,
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
    #[error("the entry is not the one that was shown outside: it, or one before it, was written anew")]
    Anchor,
    #[error("the entry was shown outside, and is gone")]
    AnchorMissing,
}

/// A chain on the way from its first entry to the one that was its newest when the walk began.
#[derive(Debug)]
pub struct Walk {
    guild: GuildKey,
    end: Head,
    last: u64,
    before: Vec<u8>,
    report: AuditReport,
}

row! {
    PersonalPart {
        pii_seq: Option<u64>,
        salt: Option<Vec<u8>>,
        pii: Option<String>,
        erased_at: Option<DateTime<Utc>>,
    }
}

struct Link {
    seq: u64,
    hash: Vec<u8>,
    /// Absent when a field holds what the code cannot have written.
    entry: Option<Entry>,
    personal: PersonalPart,
}

row! {
    Shown {
        seq: u64,
        anchored: Vec<u8>,
        hash: Option<Vec<u8>>,
    }
}

// === impl Fault ===

impl Fault {
    /// For programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing { .. } => "missing",
            Self::Altered => "altered",
            Self::Unreadable => "unreadable",
            Self::Unlinked => "unlinked",
            Self::PersonalAltered => "personal_altered",
            Self::PersonalMissing => "personal_missing",
            Self::Head => "head",
            Self::Beyond => "beyond",
            Self::Anchor => "anchor",
            Self::AnchorMissing => "anchor_missing",
        }
    }
}

// === impl Link ===

impl FromRow for Link {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            seq: row.get("seq")?,
            hash: row.get("hash")?,
            entry: Entry::from_row(row).ok(),
            personal: PersonalPart::from_row(row)?,
        })
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
        if (self.faults.len() as u64) < MOST {
            self.faults.push(AuditFault { seq, fault });
        } else {
            self.left_off += 1;
        }
    }
}

fn fault_of_shown(seq: u64, shown: &[u8], kept: Option<&[u8]>) -> Option<AuditFault> {
    let fault = match kept {
        None => Fault::AnchorMissing,
        Some(kept) if kept != shown => Fault::Anchor,
        Some(_) => return None,
    };
    Some(AuditFault { seq, fault })
}

// === impl Walk ===

impl Walk {
    /// How many entries were looked at, and how many there are.
    pub fn progress(&self) -> (u64, u64) {
        (self.report.entries, self.end.audit_seq)
    }

    pub fn into_report(self) -> AuditReport {
        self.report
    }

    fn step(&mut self, link: Link) {
        self.report.entries += 1;
        if link.seq != self.last + 1 {
            let through = link.seq - 1;
            self.report.add(self.last + 1, Fault::Missing { through });
        }
        match link.entry {
            None => self.report.add(link.seq, Fault::Unreadable),
            Some(entry) => {
                if link.seq == self.last + 1 && entry.prev_hash != self.before {
                    self.report.add(link.seq, Fault::Unlinked);
                }
                if hash(self.guild, &entry)[..] != entry.hash {
                    self.report.add(link.seq, Fault::Altered);
                }
                if let Some(fault) = link.personal.fault(&entry) {
                    self.report.add(link.seq, fault);
                }
            }
        }
        (self.last, self.before) = (link.seq, link.hash);
    }
}

// === impl Conn ===

impl Conn {
    /// Begins at the first entry of a guild's chain. `None`: no such guild.
    pub async fn begin_walk(&mut self, guild: GuildKey) -> Result<Option<Walk>, StoreError> {
        Ok(self.audit_head(guild).await?.map(|end| Walk {
            guild,
            last: 0,
            before: GENESIS.to_vec(),
            report: AuditReport {
                entries: 0,
                seq: end.audit_seq,
                head: end.audit_head.clone(),
                faults: Vec::new(),
                left_off: 0,
            },
            end,
        }))
    }

    /// Walks over the next page; `false` once the end was reached and all was said. One that failed changed nothing.
    pub async fn walk_on(&mut self, walk: &mut Walk) -> Result<bool, StoreError> {
        let end = walk.end.audit_seq;
        if walk.last < end {
            let query = self.query(&CHAIN).bind(walk.guild).bind(walk.last).bind(end);
            let page: Vec<Link> = query.bind(PAGE).all().await?;
            let full = page.len() as u64 == PAGE;
            page.into_iter().for_each(|link| walk.step(link));
            if full {
                return Ok(true);
            }
        }
        let beyond: Option<Option<u64>> = self.query(&BEYOND_HEAD).bind(walk.guild).value("seq").await?;
        let query = self.query(&UNLIKE_SHOWN).bind(walk.guild).bind(MOST);
        let shown: Vec<Shown> = query.all().await?;
        if walk.last < end {
            walk.report.add(walk.last + 1, Fault::Missing { through: end });
        } else if walk.before != walk.end.audit_head {
            walk.report.add(end, Fault::Head);
        }
        if let Some(seq) = beyond.flatten() {
            walk.report.add(seq, Fault::Beyond);
        }
        for at in shown {
            if let Some(AuditFault { seq, fault }) = fault_of_shown(at.seq, &at.anchored, at.hash.as_deref())
            {
                walk.report.add(seq, fault);
            }
        }
        Ok(false)
    }

    /// What became of an entry that was shown outside, unless it is still what it was.
    pub async fn shown_fault(
        &mut self,
        guild: GuildKey,
        seq: u64,
        shown: &[u8],
    ) -> Result<Option<AuditFault>, StoreError> {
        let kept: Option<Vec<u8>> = self.query(&HASH).bind(guild).bind(seq).value("hash").await?;
        Ok(fault_of_shown(seq, shown, kept.as_deref()))
    }

    /// Walks the whole chain of a guild as it was when this began; entries may be added meanwhile. `None`: no such guild.
    pub async fn verify_audit(&mut self, guild: GuildKey) -> Result<Option<AuditReport>, StoreError> {
        let Some(mut walk) = self.begin_walk(guild).await? else {
            return Ok(None);
        };
        while self.walk_on(&mut walk).await? {}
        Ok(Some(walk.into_report()))
    }
}
