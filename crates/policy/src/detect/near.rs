//! The same message again, or nearly: fingerprints, and an index of the recent ones.
//!
//! A fingerprint is of the letters in squash space, so that case, disguises, blanks, numbers behind and emoji do not change
//! it. Long texts have a sketch (MinHash over stretches of four letters): two texts are near when half of it agrees. Short
//! ones are compared as a whole.

use crate::text::tokens::mix;
use crate::text::{Squashed, Text};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// What is kept of a text to know it again; the text cannot be read from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// The same for texts of the same letters; 0 where there are none.
    pub exact: u64,
    /// For texts that are long enough.
    sketch: Option<[u32; LINES]>,
}

const LINES: usize = 16;
/// Lines of two sketches that agree when the texts are near.
const NEAR: usize = 8;
/// Below this many letters texts resemble each other by chance.
const LEAST: usize = 24;
/// Letters that are read of a text.
const MOST: usize = 3_000;

// === impl Fingerprint ===

impl Fingerprint {
    pub fn of(text: &Text) -> Self {
        let mut letters = Vec::new();
        Squashed::letters(text.folded().as_str(), &mut letters);
        letters.truncate(MOST);
        // Digits stand for letters here; a text of nothing else is its own.
        let exact = letters
            .iter()
            .fold(0, |hash, class| mix(hash ^ u64::from(*class)));
        let sketch = (letters.len() >= LEAST).then(|| {
            let mut sketch = [u32::MAX; LINES];
            for stretch in letters.windows(4) {
                let key = mix(stretch.iter().fold(0, |key, class| key << 8 | u64::from(*class)));
                for (line, least) in (0_u64..).zip(&mut sketch) {
                    let hash = (key ^ SEEDS[line as usize]).wrapping_mul(0x9E37_79B9_7F4A_7C15);
                    *least = (*least).min((hash >> 32) as u32);
                }
            }
            sketch
        });
        Self { exact, sketch }
    }

    /// Whether both are of nearly the same text.
    pub fn is_near(&self, other: &Self) -> bool {
        if self.exact == other.exact {
            return self.exact != 0;
        }
        let (Some(one), Some(two)) = (&self.sketch, &other.sketch) else {
            return false;
        };
        one.iter().zip(two).filter(|(a, b)| a == b).count() >= NEAR
    }
}

const SEEDS: [u64; LINES] = {
    let mut seeds = [0; LINES];
    let mut line = 0;
    while line < LINES {
        seeds[line] = mix(0x5EED_0000 + line as u64);
        line += 1;
    }
    seeds
};

/// The recent texts of a place, the oldest of which make room for new ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recent<Id> {
    most: usize,
    /// In the order they came: when, in milliseconds, which, and its fingerprint.
    kept: VecDeque<(i64, Id, Fingerprint)>,
}

// === impl Recent ===

impl<Id: Clone + PartialEq> Recent<Id> {
    /// Keeps so many.
    pub fn new(most: usize) -> Self {
        Self {
            most,
            kept: VecDeque::with_capacity(most.min(64)),
        }
    }

    /// Keeps a text, once, and tells which of those of the last `within` milliseconds it repeats, the newest first.
    pub fn push(&mut self, now: i64, within: i64, id: Id, fingerprint: Fingerprint) -> Vec<Id> {
        let alike = self
            .near(now, within, &fingerprint)
            .filter(|known| **known != id)
            .cloned()
            .collect();
        if self.kept.iter().all(|(_, known, _)| *known != id) {
            if self.kept.len() >= self.most {
                self.kept.pop_front();
            }
            self.kept.push_back((now, id, fingerprint));
        }
        alike
    }

    /// Those of the last `within` milliseconds that are near, the newest first.
    pub fn near<'a>(
        &'a self,
        now: i64,
        within: i64,
        fingerprint: &'a Fingerprint,
    ) -> impl Iterator<Item = &'a Id> {
        self.kept
            .iter()
            .rev()
            .filter(move |(at, _, known)| now.saturating_sub(*at) <= within && known.is_near(fingerprint))
            .map(|(_, id, _)| id)
    }
}
