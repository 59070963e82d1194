//! Bursts of pictures: the same one, or nearly, again and again. The hashes are facts that whoever fetched a picture gives.

use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// A picture that was posted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    /// Of its bytes.
    pub exact: u64,
    /// Of what it looks like: near pictures differ in few bits.
    pub perceptual: Option<u64>,
    pub author: u64,
    pub channel: u64,
    /// The message that brought it. One message may bring several pictures, and be delivered twice.
    pub message: u64,
}

/// How often a picture was seen, this time included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Burst {
    /// Messages with this very picture, or one that looks like it.
    pub messages: u32,
    /// Of those, the ones with this very picture.
    pub exact: u32,
    pub authors: u32,
    pub channels: u32,
}

/// The recent pictures of a community.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pictures {
    most: usize,
    kept: VecDeque<(i64, Picture)>,
}

/// Bits of 64 in which near pictures may differ.
const NEAR: u32 = 6;

// === impl Picture ===

impl Picture {
    /// Whether both show the same. Hashes of plain areas are all alike, and say nothing.
    pub fn is_near(&self, other: &Self) -> bool {
        let plain = |hash: u64| hash.count_ones() < 8 || hash.count_zeros() < 8;
        self.exact == other.exact
            || matches!((self.perceptual, other.perceptual), (Some(one), Some(two))
                if !plain(one) && !plain(two) && (one ^ two).count_ones() <= NEAR)
    }
}

// === impl Pictures ===

impl Pictures {
    /// Keeps so many.
    pub fn new(most: usize) -> Self {
        Self {
            most,
            kept: VecDeque::with_capacity(most.min(64)),
        }
    }

    /// Keeps a picture, and tells how often its like was seen in the last `within` milliseconds.
    pub fn push(&mut self, now: i64, within: i64, picture: &Picture) -> Burst {
        if !self.kept.iter().any(|(_, known)| known == picture) {
            if self.kept.len() >= self.most {
                self.kept.pop_front();
            }
            self.kept.push_back((now, picture.clone()));
        }
        let near = || {
            let recent = self
                .kept
                .iter()
                .filter(|(at, _)| now.saturating_sub(*at) <= within);
            recent
                .map(|(_, known)| known)
                .filter(|known| known.is_near(picture))
        };
        let count = |mut all: Vec<u64>| {
            all.sort_unstable();
            all.dedup();
            all.len() as u32
        };
        Burst {
            messages: count(near().map(|known| known.message).collect()),
            exact: count(
                near()
                    .filter(|known| known.exact == picture.exact)
                    .map(|known| known.message)
                    .collect(),
            ),
            authors: count(near().map(|known| known.author).collect()),
            channels: count(near().map(|known| known.channel).collect()),
        }
    }
}
