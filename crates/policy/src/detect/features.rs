//! What the classifier sees of a text: hashed features, each with its share.
//!
//! Words and pairs of them; and stretches of four and five letters in squash space, across the borders of words, which are the
//! same however the letters are written or spaced. Digits, links, signs and capitals go in as buckets.

use crate::text::Text;
use crate::text::tokens::mix;

/// Features are numbered below this.
pub(super) const SIZE: usize = 1 << BITS;
const BITS: u32 = 18;

/// What was seen of a text.
#[derive(Debug, Default)]
pub(super) struct Features {
    /// Each feature and how much it weighs, sorted, none twice.
    pub(super) all: Vec<(u32, f32)>,
    /// The features that are stretches of letters: what of a text can be known.
    pub(super) stretches: Vec<u32>,
    /// From 0 to 1, how much of it is disguised.
    pub(super) disguise: f32,
    stream: Vec<u8>,
    joined: Text,
}

#[derive(Clone, Copy)]
enum Group {
    Word = 1,
    Pair,
    Four,
    Five,
    Shape,
    Sum,
}

/// How much the groups weigh together.
const WORDS: f32 = 1.0;
const PAIRS: f32 = 1.0;
const SUMS: f32 = 1.0;
const LETTERS: f32 = 1.4;
const SHAPES: f32 = 1.2;

/// Letters that are read of a text.
const MOST: usize = 3_000;

fn number(group: Group, key: u64) -> u32 {
    (mix(key ^ (group as u64) << 59) >> (64 - BITS)) as u32
}

// === impl Features ===

impl Features {
    pub(super) fn read(&mut self, text: &Text) {
        let marks = text.marks();
        // One stray mark comes with copied text.
        let disguised = (marks.disguises().saturating_sub(1) + marks.spelled + 3 * text.guesses()) as f32;
        self.disguise = (4.0 * disguised / (1 + marks.letters) as f32).min(1.0);
        if text.joined().as_str() == text.folded().as_str() {
            self.read_one(text);
        } else {
            // What was spelled out is learnt and known by its words.
            let mut joined = std::mem::take(&mut self.joined);
            joined.read(text.joined().as_str());
            self.read_one(&joined);
            self.joined = joined;
        }
    }

    fn read_one(&mut self, text: &Text) {
        self.all.clear();
        self.stretches.clear();
        self.words(text);
        self.letters(text);
        self.shape(text);
        self.all.sort_unstable_by_key(|(feature, _)| *feature);
        self.all.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1 += next.1;
            }
            same
        });
    }

    /// Gives the group's features since `from` an equal share of `weight`, in square.
    fn share(&mut self, from: usize, weight: f32) {
        let group = &mut self.all[from..];
        let share = weight / (group.len().max(1) as f32).sqrt();
        group.iter_mut().for_each(|(_, value)| *value = share);
    }

    fn words(&mut self, text: &Text) {
        let tokens = &text.tokens[..text.tokens.len().min(MOST / 4)];
        for token in tokens
            .iter()
            .filter(|token| !token.digits_only && token.length > 1)
        {
            self.all.push((number(Group::Word, token.hash.finish()), 0.0));
        }
        self.share(0, WORDS);
        let from = self.all.len();
        for pair in tokens.windows(2) {
            self.all
                .push((number(Group::Pair, pair[0].hash.beside(pair[1].hash)), 0.0));
        }
        self.share(from, PAIRS);
        // Words with their letters in any order, for whoever exchanges some.
        let from = self.all.len();
        for token in tokens.iter().filter(|token| token.length > 1) {
            self.all.push((number(Group::Sum, u64::from(token.sum)), 0.0));
        }
        self.share(from, SUMS);
    }

    fn letters(&mut self, text: &Text) {
        let mut stream = std::mem::take(&mut self.stream);
        stream.clear();
        stream.extend(text.squashed.letters(text.folded().as_str()).take(MOST));
        stream.dedup();
        let from = self.all.len();
        for (length, group) in [(4, Group::Four), (5, Group::Five)] {
            for stretch in stream.windows(length) {
                let key = stretch.iter().fold(0, |key, class| key << 8 | u64::from(*class));
                self.all.push((number(group, key), 0.0));
            }
        }
        self.share(from, LETTERS);
        self.stretches
            .extend(self.all[from..].iter().map(|(feature, _)| *feature));
        self.stream = stream;
    }

    fn shape(&mut self, text: &Text) {
        let (marks, folded) = (text.marks(), text.folded().as_str());
        let from = self.all.len();
        let mut one = |kind: u64, value: u32| {
            self.all
                .push((number(Group::Shape, kind << 32 | u64::from(value)), 0.0));
        };
        // On a scale of doublings.
        let size = |count: u32| u32::BITS - count.leading_zeros();
        one(1, size(marks.chars));
        one(2, size(marks.words));
        one(3, size(marks.digits));
        one(4, size(marks.emoji));
        one(5, size(marks.lines));
        one(6, marks.caps_percent() / 20);
        one(7, size(marks.repeat));
        one(
            8,
            size((marks.digits * 100).checked_div(marks.chars).unwrap_or(0)),
        );
        for token in text.tokens.iter().filter(|token| token.digits_only).take(16) {
            one(9, u32::from(token.length.min(12)));
        }
        let count = |wanted: &[char]| folded.chars().filter(|c| wanted.contains(c)).count() as u32;
        one(10, size(count(&['!'])));
        one(11, size(count(&['$', '€', '£', '₽', '₴'])));
        one(12, size(count(&['?'])));
        one(13, size(count(&['@'])));
        one(14, size(count(&['%'])));
        one(
            15,
            size(folded.matches("http").count() as u32 + folded.matches("www.").count() as u32),
        );
        one(16, u32::from(folded.contains("t.me/")));
        one(17, size(marks.disguises()));
        self.share(from, SHAPES);
    }
}
