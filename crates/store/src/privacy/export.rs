//! What is kept about one person, handed over to them.
//!
//! Everything that was written about them is theirs to read, moderators' notes included; who wrote it is not, since that would
//! hand over another person. An [`Export`] reads a page at a time, so that one of any size takes the same memory.

use super::erase::Account;
use super::sections::SECTIONS;
use crate::error::StoreError;
use crate::in_read;
use crate::people::PersonId;
use crate::store::Store;
use serde_json::{Map, Value};

const PAGE: u64 = 500;

/// One thing that is kept about a person.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// What it is: `case`, `note`.
    pub kind: &'static str,
    pub data: Map<String, Value>,
}

/// Reads what is kept about one person.
pub struct Export {
    store: Store,
    accounts: Vec<Account>,
    /// The account, the section, and how many of its rows were read.
    account: usize,
    section: usize,
    offset: u64,
    page: std::vec::IntoIter<Record>,
}

/// Whether the export hands a column over: for the test that compares it with the schema.
pub fn exports(table: &str, column: &str) -> bool {
    let of_table = SECTIONS.iter().filter(|section| section.table == table);
    of_table
        .flat_map(|section| section.columns)
        .any(|(name, _)| *name == column)
}

// === impl Export ===

impl Export {
    /// Of every account of a person, on all platforms.
    pub async fn of(store: Store, person: PersonId) -> Result<Self, StoreError> {
        let accounts = in_read!(store, |conn| { conn.accounts_of(person).await })?;
        Ok(Self {
            store,
            accounts,
            account: 0,
            section: 0,
            offset: 0,
            page: Vec::new().into_iter(),
        })
    }

    /// The next record; `None` when that was all.
    pub async fn next(&mut self) -> Result<Option<Record>, StoreError> {
        loop {
            if let Some(record) = self.page.next() {
                return Ok(Some(record));
            }
            let Some(account) = self.accounts.get(self.account).map(|account| account.id) else {
                return Ok(None);
            };
            let Some(section) = SECTIONS.get(self.section) else {
                (self.account, self.section) = (self.account + 1, 0);
                continue;
            };
            let offset = self.offset;
            let page: Vec<Record> = in_read!(self.store, |conn| {
                let query = conn.query(section.page).bind(account).bind(PAGE).bind(offset);
                query.map(|row| section.record(row)).await
            })?;
            if page.len() as u64 == PAGE {
                self.offset += PAGE;
            } else {
                (self.section, self.offset) = (self.section + 1, 0);
            }
            self.page = page.into_iter();
        }
    }
}
