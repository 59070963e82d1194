//! Secrets that their holder signs in with. The store keeps their hashes, so that a copy of it opens nothing.

use chrono::TimeDelta;
use lockdown_runtime::Secret;
use lockdown_runtime::ids::random_token;
use sha2::{Digest as _, Sha256};

/// How a program's token begins, so that logs and scanners know one when they meet it.
const TOKEN: &str = "ldk_";
/// As many digits of a token are shown: enough to tell tokens apart, and too few to be of use.
const SHOWN: usize = 8;
const BYTES: usize = 32;
/// When a use is worth another write.
pub(crate) const USED_AGAIN: TimeDelta = TimeDelta::minutes(1);

/// A secret, as its holder sends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bearer(Secret);

// === impl Bearer ===

impl Bearer {
    /// A new one for a program.
    pub fn for_token() -> Self {
        Self::sent(&format!("{TOKEN}{}", random_token(BYTES)))
    }

    /// A new one for a browser.
    pub fn for_session() -> Self {
        Self::sent(&random_token(BYTES))
    }

    /// What somebody sent, whatever it is.
    pub fn sent(text: &str) -> Self {
        Self(Secret::new(text))
    }

    /// The secret itself, for the one who shall have it. Never log what this returns.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// How it begins: what may be shown.
    pub fn prefix(&self) -> String {
        self.expose().chars().take(TOKEN.len() + SHOWN).collect()
    }

    /// What is kept of it and looked up. An index compares hashes, which nobody can steer towards one that is kept: how
    /// long a look-up takes says nothing of any secret. A slow hash, as for passwords, is for what can be guessed.
    pub(crate) fn hash(&self) -> Vec<u8> {
        Sha256::digest(self.expose()).to_vec()
    }
}
