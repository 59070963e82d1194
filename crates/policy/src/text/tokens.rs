//! Words of a folded text, each with a key that its disguises share.

use super::fold::ASCII;
use super::squash::{Squashed, runs};
use super::table::{self, Kind};
use std::ops::{ControlFlow, Range};

/// A word of the folded text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Token {
    pub(crate) start: u32,
    pub(crate) end: u32,
    /// Of its classes, runs collapsed: what indexes know the word by.
    pub(crate) key: u64,
    /// Where those are among the text's.
    pub(super) classes: (u16, u16),
    /// Characters.
    pub(crate) length: u16,
    /// No letter in it.
    pub(crate) digits_only: bool,
    pub(crate) letters_only: bool,
}

/// Makes the key of a word, class by class.
#[derive(Debug, Default)]
pub(crate) struct Key {
    key: u64,
    eight: [u8; 8],
    filled: usize,
    last: u8,
}

const BASE: u64 = 0x9E37_79B9_7F4A_7C15;

/// How much each class weighs in a sum.
const WEIGHTS: [u32; 256] = {
    let mut weights = [0; 256];
    let mut state: u64 = 0x2545_F491_4F6C_DD1D;
    let mut class = 0;
    while class < 256 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        weights[class] = (state >> 32) as u32;
        class += 1;
    }
    weights
};

/// The same of each character of ASCII; nothing beside words.
const ASCII_WEIGHTS: [u32; 128] = {
    let mut weights = [0; 128];
    let mut byte = 1;
    while byte < 128 {
        weights[byte] = WEIGHTS[ASCII[byte].class as usize];
        byte += 1;
    }
    weights
};

/// The highest bits of all weights.
const WEIGHED: [u64; 64] = {
    let mut weighed = [0; 64];
    let mut class = 0;
    while class < 256 {
        let bits = WEIGHTS[class] >> 20;
        weighed[(bits / 64) as usize] |= 1 << (bits % 64);
        class += 1;
    }
    weighed
};

/// In each of eight bytes what a capital has not and its small letter has; digits have it too.
pub(crate) const LOWER: u64 = 0x2020_2020_2020_2020;

/// The first eight bytes of a word with these bits, the first one lowest; nothing where it has fewer.
#[inline]
pub(crate) fn eight(text: &[u8], word: Range<usize>, bits: u64) -> u64 {
    let length = word.len().min(8);
    let eight = text[word.start..].first_chunk().copied().unwrap_or_else(|| {
        let mut eight = [0; 8];
        eight[..length].copy_from_slice(&text[word.start..word.start + length]);
        eight
    });
    (u64::from_le_bytes(eight) | bits) & u64::MAX >> (64 - 8 * length)
}

/// The sum of a word's letters, in whatever order they are.
#[inline]
pub(crate) fn sum(text: &str, word: Range<usize>) -> u32 {
    let (mut sum, mut all) = (0_u32, 0);
    for at in word.clone().step_by(8) {
        let eight = eight(text.as_bytes(), at..word.end, 0);
        all |= eight;
        for byte in eight.to_le_bytes() {
            sum = sum.wrapping_add(ASCII_WEIGHTS[usize::from(byte & 0x7F)]);
        }
    }
    if all & 0x8080_8080_8080_8080 == 0 {
        return sum;
    }
    text[word].chars().fold(0, |sum, c| sum.wrapping_add(weight(c)))
}

/// Whether the letters of two words may be the same, or one may lack one letter of the other, by their sums.
pub(crate) fn may_differ(more: u32, less: u32, by_one: bool) -> bool {
    let letter = more.wrapping_sub(less);
    if by_one {
        let bits = letter >> 20;
        WEIGHED[(bits / 64) as usize] & 1 << (bits % 64) != 0
    } else {
        letter == 0
    }
}

pub(crate) fn weight(c: char) -> u32 {
    let known = ASCII.get(c as usize);
    let class = known.map_or_else(|| table::entry(c).class, |known| known.class);
    WEIGHTS[usize::from(class)]
}

/// What stands out in a stretch of text without blanks, and asks for a closer look.
#[derive(Debug)]
pub(super) struct Odd {
    /// Stretches with signs inside or instead of letters.
    pub(super) chunks: Vec<(u32, u32)>,
    /// Three single letters stand in a row.
    pub(super) spelled: bool,
    /// How often each character of ASCII is in it that is no letter or digit.
    pub(super) signs: [u16; 128],
}

// === impl Odd ===

impl Default for Odd {
    fn default() -> Self {
        Self {
            chunks: Vec::new(),
            spelled: false,
            signs: [0; 128],
        }
    }
}

// === impl Key ===

impl Key {
    pub(crate) fn of(classes: impl Iterator<Item = u8>) -> u64 {
        let mut key = Self::default();
        classes.for_each(|class| key.push(class));
        key.finish()
    }

    fn push(&mut self, class: u8) {
        if class == self.last {
            return;
        }
        self.last = class;
        if self.filled == self.eight.len() {
            self.key = mix(self.key ^ u64::from_le_bytes(self.eight));
            (self.eight, self.filled) = ([0; 8], 0);
        }
        self.eight[self.filled] = class;
        self.filled += 1;
    }

    fn finish(self) -> u64 {
        mix(self.key ^ u64::from_le_bytes(self.eight))
    }
}

/// The key of two words as neighbours, by theirs.
pub(crate) fn beside(one: u64, next: u64) -> u64 {
    one.rotate_left(29).wrapping_mul(BASE) ^ next
}

pub(crate) const fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 32)).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    let value = (value ^ (value >> 32)).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    value ^ (value >> 32)
}

/// Finds the words of a folded text, and what stands out between them.
pub(super) fn tokens(folded: &str, tokens: &mut Vec<Token>, odd: &mut Odd, squashed: &mut Squashed) {
    tokens.clear();
    odd.chunks.clear();
    odd.spelled = false;
    odd.signs = [0; 128];
    squashed.read(folded);
    let mut finder = Finder {
        folded,
        tokens,
        odd,
        squashed,
        chunk: Chunk::default(),
        singles: 0,
    };
    let mut ended = 0;
    // Never stopped.
    let _ = runs(squashed.words(), |start, end| {
        // What an apostrophe ties to a word, as in "what's", is no word.
        let mut least = 0;
        match &folded.as_bytes()[ended..start] {
            b" " => finder.blank(ended),
            between => {
                least = if between == b"'" && ended > 0 { 3 } else { 0 };
                finder.between(ended, start);
                finder.chunk.odd |= finder.chunk.masks;
            }
        }
        finder.word(start, end, least);
        ended = end;
        ControlFlow::Continue(())
    });
    finder.between(ended, folded.len());
    finder.end_chunk(ended, folded.len());
}

struct Finder<'a> {
    folded: &'a str,
    tokens: &'a mut Vec<Token>,
    odd: &'a mut Odd,
    squashed: &'a Squashed,
    chunk: Chunk,
    /// A bit for each word so far, the last one lowest: whether it is a single letter.
    singles: u32,
}

/// A stretch without blanks.
#[derive(Default)]
struct Chunk {
    start: usize,
    /// It has signs that people mask letters with, or put around them; and a word behind them.
    masks: bool,
    odd: bool,
    leet: u32,
}

// === impl Finder ===

impl Finder<'_> {
    /// A word, if it has so many letters.
    #[inline]
    fn word(&mut self, start: usize, end: usize, least: usize) {
        let squashed = self.squashed;
        let (classes, length) = (squashed.range(start, end), squashed.length(start, end));
        let (digits_only, letters_only) = squashed.only(start, end);
        self.singles = self.singles << 1 | u32::from(length == 1);
        self.odd.spelled |= self.singles & 0b111 == 0b111;
        if length >= least {
            self.tokens.push(Token {
                start: start as u32,
                end: end as u32,
                key: squashed.key(classes),
                classes,
                length: length as u16,
                digits_only,
                letters_only,
            });
        }
    }

    /// What stands between words, for the most part: a word is before it, or nothing.
    #[inline]
    fn blank(&mut self, at: usize) {
        self.odd.signs[usize::from(b' ')] += 1;
        self.end_chunk(at, at);
        self.chunk.start = at + 1;
    }

    /// What stands between words.
    fn between(&mut self, start: usize, end: usize) {
        let bytes = &self.folded.as_bytes()[start..end];
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            let (kind, length) = if let Some(signs) = self.odd.signs.get_mut(usize::from(*byte)) {
                // No text has so many bytes that this could run over.
                *signs += 1;
                (ASCII[usize::from(*byte)].kind, 1)
            } else {
                let c = self.folded[start + at..].chars().next();
                c.map_or((Kind::Other, 1), |c| (table::entry(c).kind, c.len_utf8()))
            };
            if kind == Kind::Space {
                self.end_chunk(start, start + at);
                self.chunk.start = start + at + length;
            } else {
                self.chunk.leet += u32::from(kind == Kind::Leet);
                self.chunk.masks |= matches!(
                    byte,
                    b'*' | b'#' | b'_' | b'~' | b'|' | b'^' | b'%' | b'&' | b'?' | b'-' | b'`'
                );
            }
            at += length;
        }
    }

    /// The last word before this place ends at `word`.
    #[inline]
    fn end_chunk(&mut self, word: usize, at: usize) {
        let chunk = std::mem::take(&mut self.chunk);
        let has_word = word > chunk.start;
        if chunk.odd || (chunk.leet > 0 && (has_word || chunk.leet > 2)) {
            self.odd.chunks.push((chunk.start as u32, at as u32));
        }
    }
}
