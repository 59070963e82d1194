//! A text in squash space: the classes of its characters, runs collapsed, and which of its bytes are words.

use super::block::{BLOCK, Block};
use super::fold::ASCII;
use super::table::{self, BREAK, Kind, Pages};
use super::tokens::{Token, mix};
use std::hint::select_unpredictable;
use std::ops::{ControlFlow, Range};

/// Which of 64 bytes belong to letters, and which to digits.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Kinds {
    pub(super) letters: u64,
    pub(super) digits: u64,
}

/// Bytes that are looked at in one step.
const EIGHT: usize = 8;

// === impl Kinds ===

impl Kinds {
    pub(super) fn of(block: &Block) -> Self {
        Self {
            letters: block.letters(),
            digits: block.digits(),
        }
    }

    fn within(self, bits: u64) -> Self {
        Self {
            letters: self.letters & bits,
            digits: self.digits & bits,
        }
    }

    fn or(self, other: Self) -> Self {
        Self {
            letters: self.letters | other.letters,
            digits: self.digits | other.digits,
        }
    }
}

/// Calls back for each run of ones, 64 bits a block.
#[inline]
pub(super) fn runs(
    masks: impl Iterator<Item = u64>,
    mut run: impl FnMut(usize, usize) -> ControlFlow<()>,
) -> ControlFlow<()> {
    // Where the run began that goes on from the block before.
    let mut open = None;
    // What is open at the end of the last block ends there.
    for (base, ones) in (0..).step_by(BLOCK).zip(masks.chain([0])) {
        let before = ones << 1 | u64::from(open.is_some());
        let (mut starts, mut ends) = (ones & !before, before & !ones);
        let next = |bits: &mut u64| {
            let place = base + bits.trailing_zeros() as usize;
            *bits &= *bits - 1;
            place
        };
        while ends != 0 {
            let start = open.take().unwrap_or_else(|| next(&mut starts));
            run(start, next(&mut ends))?;
        }
        if starts != 0 {
            open = Some(next(&mut starts));
        }
    }
    ControlFlow::Continue(())
}

/// Ones for so many classes.
const LOW: [u128; 16] = {
    let mut low = [0; 16];
    let mut classes = 1;
    while classes < 16 {
        low[classes] = low[classes - 1] << 8 | 0xFF;
        classes += 1;
    }
    low
};

/// Letters of two words that may be one.
pub(crate) const GLUED: usize = 24;

/// The text in squash space.
#[derive(Debug, Default)]
pub(crate) struct Squashed {
    /// One class for each run, words parted by `BREAK`; behind them what earlier texts left.
    classes: Vec<u8>,
    used: usize,
    /// For each byte of the folded text, the place of its class: of those that have one.
    places: Vec<u16>,
    /// For each byte of a text that is not ASCII, how many characters came before its own.
    chars: Vec<u16>,
    pub(super) kinds: Vec<Kinds>,
    is_ascii: bool,
    has_digits: bool,
}

// === impl Squashed ===

impl Squashed {
    pub(crate) fn classes(&self) -> &[u8] {
        &self.classes[..self.used]
    }

    /// Where in the folded text each class begins.
    pub(crate) fn places(&self, folded: &str) -> Vec<u32> {
        let mut last = BREAK;
        let mut places = Vec::with_capacity(self.used);
        for (at, c) in folded.char_indices() {
            let class = table::entry(c).class;
            if class != last {
                places.push(at as u32);
                last = class;
            }
        }
        places
    }

    /// Of this text, one after the other, runs collapsed, without what stands between words. Signs that are punctuation more
    /// often than letters are left out.
    pub(crate) fn letters(folded: &str, letters: &mut Vec<u8>) {
        letters.clear();
        letters.resize(folded.len(), BREAK);
        let (mut used, mut last) = (0, BREAK);
        let room = letters.as_mut_slice();
        let mut put = |class: u8| {
            room[used] = class;
            let new = class != last && class != BREAK;
            used += usize::from(new);
            last = if new { class } else { last };
        };
        if folded.is_ascii() {
            folded.bytes().for_each(|byte| put(LETTERS[usize::from(byte)]));
        } else {
            let mut pages = Pages::default();
            for c in folded.chars() {
                let known = LETTERS.get(c as usize);
                put(known.map_or_else(|| pages.entry(c).class, |class| *class));
            }
        }
        letters.truncate(used);
    }

    /// A bit for each class that a word has: the same for the same letters in any order.
    pub(crate) fn letters_in(&self, word: &Token) -> u64 {
        let (from, to) = word.classes;
        let classes = &self.classes[usize::from(from)..usize::from(to)];
        classes.iter().fold(0, |all, class| all | 1 << (class % 61))
    }

    /// The key of two words written as one, of at most [`GLUED`] letters together, and a blank apart.
    #[inline]
    pub(crate) fn glued(&self, one: &Token, next: &Token) -> u64 {
        let of = |token: &Token| (usize::from(token.classes.0), usize::from(token.classes.1));
        let ((one, end), (mut next, last)) = (of(one), of(next));
        // A run that goes on counts once.
        let twice = usize::from(self.classes[end - 1] == self.classes[next]);
        next += twice;
        let (head, length) = (end - one, end - one + last - next);
        // With what stands between them, which is one class.
        let Some(classes) = self.classes[one..].first_chunk().filter(|_| length <= 14) else {
            return self.long_glued(one..end, next, length);
        };
        let classes = u128::from_le_bytes(*classes);
        let behind = select_unpredictable(twice == 1, classes >> 16, classes >> 8);
        let both = (classes & LOW[head] | behind & !LOW[head]) & LOW[length];
        let short = mix(both as u64);
        select_unpredictable(length > 8, mix(short ^ (both >> 64) as u64), short)
    }

    #[cold]
    fn long_glued(&self, one: Range<usize>, next: usize, length: usize) -> u64 {
        // As much as there may be of either; what is behind it is not looked at.
        let mut both = [BREAK; 2 * GLUED];
        both[..GLUED].copy_from_slice(&self.classes[one.start..one.start + GLUED]);
        both[one.len()..][..GLUED].copy_from_slice(&self.classes[next..next + GLUED]);
        key(&both, length)
    }

    /// The key of a word by its classes.
    #[inline]
    pub(super) fn key(&self, (from, to): (u16, u16)) -> u64 {
        key(&self.classes[usize::from(from)..], usize::from(to - from))
    }

    /// Where the classes are of the word in these bytes.
    #[inline]
    pub(super) fn range(&self, start: usize, end: usize) -> (u16, u16) {
        (self.places[start], self.places[end - 1] + 1)
    }

    /// How many characters these bytes are.
    #[inline]
    pub(super) fn length(&self, start: usize, end: usize) -> usize {
        if self.is_ascii {
            end - start
        } else {
            usize::from(self.chars[end - 1] - self.chars[start]) + 1
        }
    }

    /// Which bytes belong to words, 64 at a time.
    pub(super) fn words(&self) -> impl Iterator<Item = u64> {
        self.kinds.iter().map(|kinds| kinds.letters | kinds.digits)
    }

    /// Whether the word in these bytes is all digits, or all letters.
    #[inline]
    pub(super) fn only(&self, start: usize, end: usize) -> (bool, bool) {
        if self.has_digits {
            let kinds = self.kinds(start, end);
            (kinds.letters == 0, kinds.digits == 0)
        } else {
            (false, true)
        }
    }

    fn kinds(&self, start: usize, end: usize) -> Kinds {
        let (first, last) = (start / 64, (end - 1) / 64);
        let head = u64::MAX << (start % 64);
        let tail = u64::MAX >> (63 - (end - 1) % 64);
        if first == last {
            return self.kinds[first].within(head & tail);
        }
        let ends = self.kinds[first].within(head).or(self.kinds[last].within(tail));
        self.kinds[first + 1..last]
            .iter()
            .fold(ends, |all, kinds| all.or(*kinds))
    }

    /// Its kinds are known, or there are none.
    pub(super) fn read(&mut self, folded: &str) {
        let bytes = folded.len();
        // As many as there are bytes, and more behind them than are read at once.
        if self.classes.len() <= bytes + GLUED {
            self.places.resize(bytes, 0);
            self.classes.resize(bytes + GLUED + 1, BREAK);
        }
        self.is_ascii = folded.is_ascii();
        if self.is_ascii {
            if self.kinds.is_empty() {
                let blocks = folded.as_bytes().chunks(BLOCK).map(Block::upto);
                self.kinds.extend(blocks.map(|block| Kinds::of(&block)));
            }
            self.read_ascii(folded.as_bytes());
        } else {
            self.read_any(folded);
        }
        self.has_digits = self.kinds.iter().any(|kinds| kinds.digits != 0);
    }

    fn read_ascii(&mut self, folded: &[u8]) {
        let (mut used, mut last) = (0_usize, BREAK);
        let (eights, rest) = folded.as_chunks::<EIGHT>();
        let (first, behind) = self.places.as_chunks_mut::<EIGHT>();
        for (eight, places) in eights.iter().zip(first.iter_mut()) {
            let room = &mut self.classes[used..used + EIGHT];
            let mut new = 0;
            for (byte, place) in eight.iter().zip(places) {
                let class = CLASSES[usize::from(*byte)];
                // What goes on with a run is written where the next class will be.
                room[new % EIGHT] = class;
                new += usize::from(class != last);
                last = class;
                *place = (used + new).wrapping_sub(1) as u16;
            }
            used += new;
        }
        let places = first
            .get_mut(eights.len())
            .map_or(behind, |eight| eight.as_mut_slice());
        for (byte, place) in rest.iter().zip(places) {
            let class = CLASSES[usize::from(*byte)];
            self.classes[used] = class;
            used += usize::from(class != last);
            last = class;
            *place = used.wrapping_sub(1) as u16;
        }
        self.used = used;
    }

    fn read_any(&mut self, folded: &str) {
        self.kinds.clear();
        self.kinds.resize(folded.len().div_ceil(BLOCK), Kinds::default());
        self.chars.resize(folded.len(), 0);
        let (mut used, mut last) = (0_usize, BREAK);
        let mut pages = Pages::default();
        for (number, (at, c)) in folded.char_indices().enumerate() {
            let (class, kind) = match ASCII.get(c as usize) {
                Some(known) => (known.class, known.kind),
                None => {
                    let known = pages.entry(c);
                    (known.class, known.kind)
                }
            };
            self.classes[used] = class;
            used += usize::from(class != last);
            last = class;
            let bytes = c.len_utf8();
            // A word begins and ends with a whole character.
            for byte in [at, at + bytes - 1] {
                self.places[byte] = (used as u16).wrapping_sub(1);
                self.chars[byte] = number as u16;
            }
            let (block, bit) = (at / 64, at % 64);
            let ones = !(u64::MAX << bytes);
            let [letter, digit] = [Kind::Letter, Kind::Digit].map(|of| if kind == of { ones } else { 0 });
            self.kinds[block].letters |= letter << bit;
            self.kinds[block].digits |= digit << bit;
            if bit + bytes > 64 {
                self.kinds[block + 1].letters |= letter >> (64 - bit);
                self.kinds[block + 1].digits |= digit >> (64 - bit);
            }
        }
        self.used = used;
    }
}

/// The key of so many classes, one or more, which at least seven others follow.
#[inline]
fn key(mut classes: &[u8], mut length: usize) -> u64 {
    let mut key = 0;
    while let Some((eight, behind)) = classes.split_first_chunk() {
        let eight = u64::from_le_bytes(*eight);
        if length <= 8 {
            return mix(key ^ (eight & u64::MAX >> (64 - 8 * length)));
        }
        key = mix(key ^ eight);
        (classes, length) = (behind, length - 8);
    }
    key
}

/// The class of each byte.
const CLASSES: [u8; 256] = {
    let mut classes = [BREAK; 256];
    let mut byte = 0;
    while byte < 128 {
        classes[byte] = ASCII[byte].class;
        byte += 1;
    }
    classes
};

/// The class of each letter, digit and sign that stands for a letter more often than not.
const LETTERS: [u8; 128] = {
    let mut letters = [BREAK; 128];
    let mut byte = 0;
    while byte < 128 {
        let known = ASCII[byte];
        if matches!(known.kind, Kind::Letter | Kind::Digit) || matches!(byte as u8, b'$' | b'@') {
            letters[byte] = known.class;
        }
        byte += 1;
    }
    letters
};

#[cfg(test)]
mod tests {
    use crate::text::Text;
    use crate::text::tokens;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn neighbours_have_the_key_of_one_word((one, next) in prop_oneof![("[a-dil1]{1,12}", "[a-dil1]{1,12}"), ("[а-г]{1,12}", "[а-г]{1,12}")]) {
            let (apart, together) = (Text::of(&format!("{one} {next}")), Text::of(&format!("{one}{next}")));
            let [one, next] = *apart.tokens else { panic!("two words") };
            prop_assert_eq!(apart.squashed.glued(&one, &next), together.tokens[0].key);
        }

        #[test]
        fn sums_know_no_order(word in "[a-cа-в]{1,20}") {
            let backwards: String = word.chars().rev().collect();
            let sum = |word: &str| tokens::sum(word, 0..word.len());
            prop_assert_eq!(sum(&word), sum(&backwards));
            let (first, rest) = word.split_at(word.chars().next().map_or(0, char::len_utf8));
            prop_assert!(tokens::may_differ(sum(&word), sum(rest), true), "{}", first);
        }
    }
}
