//! Who listens to what.

use super::Said;
use super::mailbox::{Mailbox, Places};
use crate::glob::Glob;
use compact_str::CompactString;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Every subscription of this process, by its patterns.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// Patterns that are names: found by looking them up.
    names: HashMap<CompactString, Mailboxes>,
    globs: HashMap<CompactString, (Glob, Mailboxes)>,
    all: Mailboxes,
    next: u64,
    /// The number of the frame that is told.
    frame: u64,
    /// Nothing more will be heard.
    ended: bool,
}

type Mailboxes = BTreeMap<u64, Arc<Mailbox>>;

// === impl Table ===

impl Table {
    /// Returns the subscription's number, or nothing when the end has come.
    pub(super) fn join(&mut self, patterns: &[CompactString], mailbox: &Arc<Mailbox>) -> Option<u64> {
        if self.ended {
            return None;
        }
        let number = self.next;
        self.next += 1;
        self.all.insert(number, Arc::clone(mailbox));
        for pattern in patterns {
            let mailboxes = if is_name(pattern) {
                self.names.entry(pattern.clone()).or_default()
            } else {
                let globs = self.globs.entry(pattern.clone());
                &mut globs.or_insert_with(|| (Glob::new(pattern), Mailboxes::new())).1
            };
            mailboxes.insert(number, Arc::clone(mailbox));
        }
        Some(number)
    }

    pub(super) fn leave(&mut self, number: u64, patterns: &[CompactString]) {
        self.all.remove(&number);
        for pattern in patterns {
            if is_name(pattern) {
                if let Some(mailboxes) = self.names.get_mut(pattern) {
                    mailboxes.remove(&number);
                    if mailboxes.is_empty() {
                        self.names.remove(pattern);
                    }
                }
            } else if let Some((_, mailboxes)) = self.globs.get_mut(pattern) {
                mailboxes.remove(&number);
                if mailboxes.is_empty() {
                    self.globs.remove(pattern);
                }
            }
        }
    }

    /// Whether anybody listens to this very pattern.
    pub(super) fn wants(&self, pattern: &CompactString) -> bool {
        self.names.contains_key(pattern) || self.globs.contains_key(pattern)
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty() && self.names.is_empty() && self.globs.is_empty()
    }

    /// Puts a frame into the mailbox of everybody whom it concerns, once.
    pub(super) fn tell(&mut self, said: &Said) {
        self.frame += 1;
        let put = |mailboxes: &Mailboxes| {
            for mailbox in mailboxes.values() {
                if mailbox.last.swap(self.frame, Ordering::Relaxed) != self.frame {
                    mailbox.put(said);
                }
            }
        };
        if let Some(mailboxes) = self.names.get(&said.channel) {
            put(mailboxes);
        }
        for (glob, mailboxes) in self.globs.values() {
            if glob.matches(&said.channel) {
                put(mailboxes);
            }
        }
    }

    pub(super) fn gap(&self, places: &Arc<Places>) {
        for mailbox in self.all.values() {
            mailbox.gap(places);
        }
    }

    pub(super) fn end(&mut self) {
        self.ended = true;
        for mailbox in self.all.values() {
            mailbox.end();
        }
    }
}

fn is_name(pattern: &str) -> bool {
    !pattern.contains(['*', '?', '[', '\\'])
}
