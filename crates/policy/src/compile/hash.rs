//! Names made of content: a rule set's version, a counter's identity.

use crate::catalogue::ListKind;
use crate::counter::CounterKey;
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::sync::Arc;

/// Parts are told apart by their lengths, so that no two sequences give the same.
pub(crate) struct Hasher(Sha256);

// === impl Hasher ===

impl Hasher {
    pub(crate) fn new(purpose: &str) -> Self {
        let mut hasher = Self(Sha256::new());
        hasher.part(purpose.as_bytes());
        hasher
    }

    pub(crate) fn part(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
        self
    }

    pub(crate) fn hex(self) -> Arc<str> {
        let mut text = String::new();
        for byte in self.0.finalize() {
            write!(text, "{byte:02x}").unwrap_or_else(|_| unreachable!("a string takes every text"));
        }
        text.into()
    }

    pub(crate) fn key(self) -> CounterKey {
        CounterKey(self.first())
    }

    pub(crate) fn number(self) -> u64 {
        u64::from_le_bytes(self.first())
    }

    fn first<const N: usize>(self) -> [u8; N] {
        let digest = self.0.finalize();
        std::array::from_fn(|index| digest[index])
    }
}

pub(super) fn of_entries(kind: ListKind, entries: &[&str]) -> Arc<str> {
    let mut hasher = Hasher::new("lockdown list 1");
    hasher.part(kind.as_str().as_bytes());
    for entry in entries {
        hasher.part(entry.as_bytes());
    }
    hasher.hex()
}
