//! What the classifier sees of a text: hashed features, each with its share.
//!
//! Words; their letters in any order, alone and in pairs, which whoever mistypes them writes too; and stretches in squash space,
//! across the borders of words, which are the same however the letters are written or spaced: of four letters, and of five
//! whose inner ones may be in any order. Digits, links, signs and capitals go in as buckets.

use crate::text::tokens::{Token, mix};
use crate::text::{Squashed, Text};

/// Features are numbered below this.
pub(super) const SIZE: usize = 1 << BITS;
const BITS: u32 = 18;

/// What was seen of a text: features of one group after the other, one as often as it was met.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Features {
    pub(super) all: Vec<u32>,
    /// Where in `all` each group ends.
    ends: [u32; GROUPS],
    /// From 0 to 1, how much of it is disguised.
    pub(super) disguise: f32,
}

/// Reads texts, and keeps the space that it takes.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    joined: Text,
    letters: Vec<u8>,
    /// What each word is known by beside another.
    words: Vec<u64>,
}

/// The features of a group weigh the same, and together this much in square.
pub(super) const WEIGHTS: [f32; GROUPS] = [0.8, 1.0, 1.0, 1.2, 1.6];
const GROUPS: usize = 5;
/// The group of stretches of letters: what of a text can be known.
pub(super) const STRETCHES: usize = 3;

#[derive(Clone, Copy)]
enum Sort {
    Word = 1,
    Pair,
    Four,
    Five,
    Shape,
    Letters,
}

/// Letters that are read of a text.
const MOST: usize = 3_000;

/// One multiplication: keys of words are mixed already, and of others it brings all bits to the highest.
fn number(sort: Sort, key: u64) -> u32 {
    const SALTS: [u64; 7] = {
        let mut salts = [0; 7];
        let mut sort = 0;
        while sort < 7 {
            salts[sort] = mix(sort as u64 + 1);
            sort += 1;
        }
        salts
    };
    ((key ^ SALTS[sort as usize]).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - BITS)) as u32
}

// === impl Features ===

impl Features {
    pub(super) fn read(&mut self, text: &Text, scratch: &mut Scratch) {
        let marks = text.marks();
        // One stray mark comes with copied text.
        let disguised = (marks.disguises().saturating_sub(1) + marks.spelled + 3 * text.guesses()) as f32;
        self.disguise = (4.0 * disguised / (1 + marks.letters) as f32).min(1.0);
        if text.has_joined {
            // What was spelled out is learnt and known by its words.
            let mut joined = std::mem::take(&mut scratch.joined);
            let all = text.joined().as_str();
            joined.read(&all[..all.floor_char_boundary(MOST)]);
            self.read_one(&joined, scratch);
            scratch.joined = joined;
        } else {
            self.read_one(text, scratch);
        }
    }

    /// The features of each group, in the order of [`WEIGHTS`].
    pub(super) fn groups(&self) -> impl Iterator<Item = &[u32]> + Clone {
        let mut from = 0;
        self.ends.iter().map(move |end| {
            let group = &self.all[from..*end as usize];
            from = *end as usize;
            group
        })
    }

    /// The same in the order of their numbers, which tells nothing of the order in the text.
    pub(super) fn sorted(mut self) -> Self {
        let mut from = 0;
        for end in self.ends {
            self.all[from..end as usize].sort_unstable();
            from = end as usize;
        }
        self
    }

    pub(super) fn of_groups(groups: &[Vec<u32>; GROUPS], disguise: f32) -> Self {
        let mut features = Self {
            disguise,
            ..Self::default()
        };
        for (number, group) in groups.iter().enumerate() {
            features.all.extend(group);
            features.end(number);
        }
        features
    }

    fn read_one(&mut self, text: &Text, scratch: &mut Scratch) {
        self.all.clear();
        let tokens = &text.tokens[..text.tokens.len().min(MOST / 4)];
        let words = tokens.iter().filter(|token| token.length > 1);
        let spelled = words.clone().filter(|token| !token.digits_only);
        self.all
            .extend(spelled.map(|token| number(Sort::Word, token.key)));
        let mixed = tokens.iter().filter(|token| is_mixed(token));
        self.all
            .extend(mixed.map(|token| number(Sort::Word, without_digits(text.said(token)))));
        self.end(0);
        let letters = |token: &Token| mix(text.squashed.letters_in(token));
        // Of a number beside a word, its length alone is met again.
        let beside = |token: &Token| {
            if token.digits_only {
                mix(u64::from(token.length))
            } else {
                letters(token)
            }
        };
        scratch.words.clear();
        scratch.words.extend(tokens.iter().map(beside));
        let pairs = scratch
            .words
            .windows(2)
            .map(|pair| pair[0].rotate_left(29) ^ pair[1]);
        self.all.extend(pairs.map(|pair| number(Sort::Pair, pair)));
        // How it begins and ends.
        let edges = [(scratch.words.first(), 13), (scratch.words.last(), 17)];
        for (word, turn) in edges {
            self.all
                .extend(word.map(|word| number(Sort::Pair, word.rotate_left(turn))));
        }
        self.end(1);
        self.all
            .extend(words.map(|token| number(Sort::Letters, letters(token))));
        self.end(2);
        Squashed::letters(text.folded().as_str(), &mut scratch.letters);
        self.stretches(&scratch.letters);
        self.end(STRETCHES);
        self.shape(text);
        self.end(4);
    }

    fn end(&mut self, group: usize) {
        self.ends[group] = self.all.len() as u32;
    }

    fn stretches(&mut self, letters: &[u8]) {
        let letters = &letters[..letters.len().min(MOST)];
        let mut from = self.all.len();
        // Each letter ends a stretch of four and one of five, but for the first ones.
        let stretches = letters.len().saturating_sub(3) + letters.len().saturating_sub(4);
        self.all.resize(from + stretches, 0);
        let mut key = 0;
        for (place, class) in letters.iter().enumerate() {
            key = (key << 8 | u64::from(*class)) & 0xFF_FFFF_FFFF;
            if place >= 3 {
                self.all[from] = number(Sort::Four, key & 0xFFFF_FFFF);
                from += 1;
            }
            if place >= 4 {
                self.all[from] = number(Sort::Five, any_order_inside(key));
                from += 1;
            }
        }
    }

    fn shape(&mut self, text: &Text) {
        let (marks, folded) = (text.marks(), text.folded().as_str());
        let mut one = |kind: u64, value: u32| {
            self.all.push(number(Sort::Shape, kind << 32 | u64::from(value)));
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
        let mixed = text.tokens.iter().filter(|token| is_mixed(token));
        one(18, size(mixed.count() as u32));
        let is_sign = |c: &char| matches!(c, '$' | '€' | '£' | '¥' | '₽' | '₴' | '%' | '+' | '#');
        for token in text.tokens.iter().filter(|token| !token.letters_only).take(16) {
            let before = folded[..token.start as usize].chars().next_back();
            let after = folded[token.end as usize..].chars().next();
            for (kind, sign) in [(19, before), (20, after)] {
                if let Some(sign) = sign.filter(is_sign) {
                    one(kind, u32::from(sign));
                }
            }
        }
        let mut counts = ['!', '$', '?', '@', '%'].map(|sign| u32::from(text.signs()[sign as usize]));
        if !folded.is_ascii() {
            counts[1] += folded.matches(['€', '£', '₽', '₴']).count() as u32;
        }
        for (kind, count) in (10..).zip(counts) {
            one(kind, size(count));
        }
        // Nothing of these is without a point.
        let (mut links, mut chats) = (0, false);
        if text.signs()[usize::from(b'.')].max(text.signs()[usize::from(b':')]) > 0 {
            links = folded.matches("http").count() + folded.matches("www.").count();
            chats = folded.contains("t.me/");
        }
        one(15, size(links as u32));
        one(16, u32::from(chats));
        one(17, size(marks.disguises()));
    }
}

/// Of five letters, the same for all orders of the three in the middle: mistyped words are read by their edges.
fn any_order_inside(five: u64) -> u64 {
    let [low, middle, high] = [8, 16, 24].map(|place| five >> place & 0xFF);
    let (least, most) = (low.min(middle).min(high), low.max(middle).max(high));
    let other = low + middle + high - least - most;
    five & 0xFF_0000_00FF | most << 24 | other << 16 | least << 8
}

/// `150ppm`, `win2day`: neither a word nor a number.
fn is_mixed(token: &Token) -> bool {
    !token.letters_only && !token.digits_only
}

/// A word with any number for each of its numbers.
fn without_digits(word: &str) -> u64 {
    let (mut key, mut last) = (0, ' ');
    for c in word.chars() {
        let c = if c.is_ascii_digit() { '0' } else { c };
        if (c, last) != ('0', '0') {
            key = mix(key ^ u64::from(c));
        }
        last = c;
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inner_letters_may_be_in_any_order() {
        let five = |letters: &[u8; 5]| {
            let key = letters
                .iter()
                .fold(0, |key, letter| key << 8 | u64::from(*letter));
            any_order_inside(key)
        };
        for other in [b"abdce", b"acbde", b"adcbe", b"acdbe", b"adbce"] {
            assert_eq!(five(b"abcde"), five(other), "{other:?}");
        }
        for other in [b"bacde", b"abced", b"ebcda", b"abbde", b"accde"] {
            assert_ne!(five(b"abcde"), five(other), "{other:?}");
        }
    }
}
