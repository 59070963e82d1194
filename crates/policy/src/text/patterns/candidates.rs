//! Which patterns of a set are worth running on a text.

use super::{Text, View};

/// The patterns whose letters and signs are in the views of one text.
#[derive(Debug, Default)]
pub(crate) struct Candidates {
    pub(super) folded: Places,
    pub(super) joined: Places,
}

/// Places of patterns: a few of them need no memory of their own.
#[derive(Debug, Default)]
pub(super) struct Places {
    few: [u32; FEW],
    many: Vec<u32>,
    count: usize,
    pushed: Vec<bool>,
}

const FEW: usize = 32;

// === impl Candidates ===

impl Candidates {
    pub(crate) fn clear(&mut self) {
        self.folded.clear();
        self.joined.clear();
    }

    /// Each view of a text with the patterns that may be in it.
    pub(super) fn views<'t>(&'t self, text: &'t Text) -> impl Iterator<Item = (&'t View, &'t Places)> {
        let joined = text.has_joined.then_some((&text.joined, &self.joined));
        [Some((&text.folded, &self.folded)), joined].into_iter().flatten()
    }
}

// === impl Places ===

impl Places {
    pub(super) fn clear(&mut self) {
        self.count = 0;
        self.many.clear();
        self.pushed.clear();
    }

    pub(super) fn push(&mut self, place: u32) {
        if let Some(free) = self.few.get_mut(self.count) {
            *free = place;
        } else {
            if self.many.is_empty() {
                self.many.extend_from_slice(&self.few);
            }
            self.many.push(place);
        }
        self.count += 1;
    }

    /// Of many, which were pushed is marked: looking through them for each would cost their square.
    pub(super) fn push_once(&mut self, place: u32, all: usize) {
        if self.count < FEW {
            if !self.as_slice().contains(&place) {
                self.push(place);
            }
            return;
        }
        if self.pushed.is_empty() {
            self.pushed.resize(all, false);
            for known in &self.few {
                self.pushed[*known as usize] = true;
            }
            for known in &self.many {
                self.pushed[*known as usize] = true;
            }
        }
        if !std::mem::replace(&mut self.pushed[place as usize], true) {
            self.push(place);
        }
    }

    pub(super) fn as_slice(&self) -> &[u32] {
        if self.count > FEW {
            &self.many
        } else {
            &self.few[..self.count]
        }
    }

    pub(super) fn as_mut_slice(&mut self) -> &mut [u32] {
        if self.count > FEW {
            &mut self.many
        } else {
            &mut self.few[..self.count]
        }
    }
}
