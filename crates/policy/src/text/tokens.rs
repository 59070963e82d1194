//! Words of a folded text, each with a hash that its disguises share.

use super::fold::{ASCII, Ascii};
use super::table::{self, BREAK, Kind};

/// A word of the folded text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Token {
    pub(crate) start: u32,
    pub(crate) end: u32,
    /// Of its classes, runs collapsed.
    pub(crate) hash: Hash,
    /// The hash finished: what indexes know the word by.
    pub(crate) key: u64,
    /// The sum of its letters in any order; and the same, runs collapsed.
    pub(crate) sum: u32,
    pub(crate) bag: u32,
    /// Characters.
    pub(crate) length: u16,
    /// No letter in it.
    pub(crate) digits_only: bool,
    pub(crate) letters_only: bool,
}

/// A hash that two words' hashes can be joined to: each class counts by its place, so that no step waits for the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Hash {
    value: u64,
    /// Classes in it.
    count: u16,
    first: u8,
    last: u8,
}

const BASE: u64 = 0x9E37_79B9_7F4A_7C15;

/// What a class counts at each place; beyond them it begins anew, since no term is as long.
const POWERS: [u64; 64] = {
    let mut powers = [1; 64];
    let mut place = 1;
    while place < 64 {
        powers[place] = BASE.wrapping_mul(powers[place - 1]);
        place += 1;
    }
    powers
};

const fn power(place: u16) -> u64 {
    POWERS[place as usize % POWERS.len()]
}

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

pub(crate) fn weight(class: u8) -> u32 {
    WEIGHTS[class as usize]
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

// === impl Hash ===

impl Hash {
    pub(crate) const EMPTY: Self = Self {
        value: 0,
        count: 0,
        first: BREAK,
        last: BREAK,
    };

    /// False where it only goes on with a run.
    #[inline]
    pub(crate) fn push(&mut self, class: u8) -> bool {
        if class == self.last {
            return false;
        }
        if self.last == BREAK {
            self.first = class;
        }
        self.value = self
            .value
            .wrapping_add(u64::from(class).wrapping_mul(power(self.count)));
        self.count = self.count.wrapping_add(1);
        self.last = class;
        true
    }

    /// The hash of both words written as one.
    pub(crate) fn glued(self, next: Self) -> Self {
        if self.last == BREAK {
            return next;
        }
        let (mut value, mut count) = (next.value, next.count);
        if next.first == self.last {
            // The run goes on: its class counts once. All odd numbers have an inverse here, and so the base has.
            value = value.wrapping_sub(u64::from(next.first)).wrapping_mul(INVERSE);
            count = count.wrapping_sub(1);
        }
        Self {
            value: self.value.wrapping_add(value.wrapping_mul(power(self.count))),
            count: self.count.wrapping_add(count),
            first: self.first,
            last: next.last,
        }
    }

    /// All bits depend on all classes.
    pub(crate) fn finish(self) -> u64 {
        mix(self.value)
    }

    pub(crate) fn of(classes: impl Iterator<Item = u8>) -> Self {
        let mut hash = Self::EMPTY;
        classes.for_each(|class| {
            hash.push(class);
        });
        hash
    }
}

/// The key of two words as neighbours, by theirs.
pub(crate) fn beside(one: u64, next: u64) -> u64 {
    one.rotate_left(29).wrapping_mul(BASE) ^ next
}

/// Times `BASE` it is 1.
const INVERSE: u64 = {
    // Newton: each step doubles the bits that are right.
    let mut inverse = BASE;
    let mut step = 0;
    while step < 6 {
        inverse = inverse.wrapping_mul(2_u64.wrapping_sub(BASE.wrapping_mul(inverse)));
        step += 1;
    }
    inverse
};

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
    squashed.clear(folded.len());
    let mut finder = Finder::new(tokens, odd, squashed);
    let bytes = folded.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        if !byte.is_ascii() {
            let Some(c) = folded[at..].chars().next() else {
                break;
            };
            let known = table::entry(c);
            finder.one(at as u32, 0, known.class, known.kind);
            at += c.len_utf8();
            continue;
        }
        let known = PLAIN[*byte as usize];
        if known.kind == Kind::Other || known.kind == Kind::Leet || known.kind == Kind::Space {
            finder.one(at as u32, *byte, known.class, known.kind);
            at += 1;
        } else {
            at = finder.word(bytes, at);
        }
    }
    finder.end(folded.len() as u32);
}

/// What each byte is worth; those of longer characters are no letters here.
const PLAIN: [Ascii; 256] = {
    let mut table = [Ascii {
        class: BREAK,
        kind: Kind::Other,
    }; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = ASCII[byte];
        byte += 1;
    }
    table
};

/// The text in squash space.
#[derive(Debug, Default)]
pub(crate) struct Squashed {
    /// One class for each run, words parted by `BREAK`.
    classes: Vec<u8>,
    used: usize,
    /// The letters one after the other, without what stands between words.
    letters: Vec<u8>,
    lettered: usize,
}

// === impl Squashed ===

impl Squashed {
    pub(crate) fn classes(&self) -> &[u8] {
        &self.classes[..self.used]
    }

    /// Its letters one after the other, runs collapsed, without what stands between words. Signs that are punctuation more often
    /// than letters are left out.
    pub(crate) fn letters(&self) -> &[u8] {
        &self.letters[..self.lettered]
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

    /// Forgets all, and has room for a text of so many bytes.
    fn clear(&mut self, room: usize) {
        (self.used, self.lettered) = (0, 0);
        if self.classes.len() < room {
            self.classes.resize(room, BREAK);
            self.letters.resize(room, BREAK);
        }
    }

    #[inline]
    fn push(&mut self, class: u8, is_letter: bool) {
        self.classes[self.used] = class;
        self.used += 1;
        if is_letter && (self.lettered == 0 || self.letters[self.lettered - 1] != class) {
            self.letters[self.lettered] = class;
            self.lettered += 1;
        }
    }
}

struct Finder<'a> {
    tokens: &'a mut Vec<Token>,
    odd: &'a mut Odd,
    squashed: &'a mut Squashed,
    token: Token,
    open: bool,
    chunk: Chunk,
    singles: u32,
    last_class: u8,
    /// The last character was an apostrophe after a letter.
    apostrophe: bool,
}

#[derive(Default)]
struct Chunk {
    start: u32,
    open: bool,
    word: bool,
    sign_after_word: bool,
    leet: u32,
    odd: bool,
}

const NO_TOKEN: Token = Token {
    start: 0,
    end: 0,
    hash: Hash::EMPTY,
    key: 0,
    sum: 0,
    bag: 0,
    length: 0,
    digits_only: true,
    letters_only: true,
};

// === impl Finder ===

impl<'a> Finder<'a> {
    fn new(tokens: &'a mut Vec<Token>, odd: &'a mut Odd, squashed: &'a mut Squashed) -> Self {
        Self {
            tokens,
            odd,
            squashed,
            token: NO_TOKEN,
            open: false,
            chunk: Chunk::default(),
            singles: 0,
            last_class: BREAK,
            apostrophe: false,
        }
    }

    #[inline]
    fn one(&mut self, at: u32, byte: u8, class: u8, kind: Kind) {
        let signs = &mut self.odd.signs[usize::from(byte & 127)];
        *signs = signs.saturating_add(1);
        if class != self.last_class {
            let letter = byte == 0 || matches!(byte, b'$' | b'@');
            self.squashed.push(class, letter && class != BREAK);
            self.last_class = class;
        }
        match kind {
            Kind::Letter | Kind::Digit => {
                self.begin(at);
                if self.token.hash.push(class) {
                    self.token.bag = self.token.bag.wrapping_add(weight(class));
                }
                self.token.sum = self.token.sum.wrapping_add(weight(class));
                self.token.length = self.token.length.saturating_add(1);
                if kind == Kind::Letter {
                    self.token.digits_only = false;
                } else {
                    self.token.letters_only = false;
                }
            }
            Kind::Space => {
                self.close(at);
                self.apostrophe = false;
                self.end_chunk(at);
            }
            _ => {
                let word = self.open;
                self.close(at);
                self.apostrophe = byte == b'\'' && word;
                if !self.chunk.open {
                    self.chunk.open = true;
                    self.chunk.start = at;
                }
                if kind == Kind::Leet {
                    self.chunk.leet += 1;
                }
                // Signs that people mask letters with, or put around them.
                let masks = matches!(
                    byte,
                    b'*' | b'#' | b'_' | b'~' | b'|' | b'^' | b'%' | b'&' | b'?' | b'-' | b'`'
                );
                self.chunk.sign_after_word |= masks;
            }
        }
    }

    fn begin(&mut self, at: u32) {
        if self.open {
            return;
        }
        self.open = true;
        self.token = NO_TOKEN;
        self.token.start = at;
        if self.chunk.sign_after_word {
            self.chunk.odd = true;
        }
        self.chunk.word = true;
        if !self.chunk.open {
            self.chunk.open = true;
            self.chunk.start = at;
        }
    }

    /// The same as [`Finder::one`] for each letter and digit of a run of ASCII ones; where it ends.
    fn word(&mut self, bytes: &[u8], start: usize) -> usize {
        self.begin(start as u32);
        let (mut token, mut last) = (self.token, self.last_class);
        if token.hash.last == BREAK {
            // What stood before a word may be of its first letter's class.
            let class = PLAIN[usize::from(bytes[start])].class;
            if class == last {
                last = BREAK;
                self.squashed.used -= 1;
            }
            token.hash.first = class;
        }
        let (mut value, mut count) = (token.hash.value, token.hash.count);
        let (mut letters, mut at) = (0, start);
        for byte in &bytes[start..] {
            let known = PLAIN[usize::from(*byte)];
            match known.kind {
                Kind::Letter => letters += 1,
                Kind::Digit => {}
                _ => break,
            }
            let weight = weight(known.class);
            if known.class != last {
                self.squashed.push(known.class, true);
                value = value.wrapping_add(u64::from(known.class).wrapping_mul(power(count)));
                count = count.wrapping_add(1);
                token.bag = token.bag.wrapping_add(weight);
                last = known.class;
            }
            token.sum = token.sum.wrapping_add(weight);
            at += 1;
        }
        (token.hash.value, token.hash.count, token.hash.last) = (value, count, last);
        let length = at - start;
        token.length = token
            .length
            .saturating_add(length.min(usize::from(u16::MAX)) as u16);
        token.digits_only &= letters == 0;
        token.letters_only &= letters == length;
        (self.token, self.last_class) = (token, last);
        at
    }

    fn close(&mut self, at: u32) {
        if !self.open {
            return;
        }
        self.open = false;
        self.token.end = at;
        self.token.key = self.token.hash.finish();
        self.singles = if self.token.length == 1 {
            self.singles + 1
        } else {
            0
        };
        self.odd.spelled |= self.singles >= 3;
        // What an apostrophe ties to a word, as in "what's", is no word.
        if !(self.apostrophe && self.token.length <= 2) {
            self.tokens.push(self.token);
        }
        self.apostrophe = false;
    }

    fn end_chunk(&mut self, at: u32) {
        let chunk = std::mem::take(&mut self.chunk);
        if chunk.odd || (chunk.leet > 0 && (chunk.word || chunk.leet > 2)) {
            self.odd.chunks.push((chunk.start, at));
        }
    }

    fn end(mut self, at: u32) {
        self.close(at);
        self.end_chunk(at);
    }
}
