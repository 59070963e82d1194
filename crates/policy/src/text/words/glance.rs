//! Whether a text may have a term of a plain list, told without reading it: most texts have none, and this costs a third of it.

use super::Words;
use super::plain::hash;
use crate::text::LIMIT;
use crate::text::block::{BLOCK, Block};
use crate::text::fold::ASCII;
use crate::text::table::{self, Fold, Kind, Pages, Script};
use crate::text::tokens::{LOWER, beside};
use std::ops::{ControlFlow, Range};

// === impl Words ===

impl Words {
    /// False for a text that has no term, if that can be told without reading it: of lists without disguises, for most texts.
    pub(crate) fn may_have(&self, raw: &str) -> bool {
        let glance = || Glance {
            words: self,
            raw: &raw[..raw.floor_char_boundary(LIMIT)],
            before: None,
            pages: Pages::default(),
        };
        !self.is_plain() || glance().look().is_break()
    }
}

/// Stopped where a text has to be read.
struct Glance<'a> {
    words: &'a Words,
    raw: &'a str,
    /// The key of the word before, if that begins a term.
    before: Option<u64>,
    pages: Pages,
}

/// A block with what is read behind it.
const ROOM: usize = BLOCK + 8;

// === impl Glance ===

impl Glance<'_> {
    fn look(&mut self) -> ControlFlow<()> {
        let bytes = self.raw.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            at += match rest.first_chunk() {
                Some(room) => self.block(at, room, true)?,
                None => {
                    let mut room = [b' '; ROOM];
                    room[..rest.len()].copy_from_slice(rest);
                    self.block(at, &room, rest.len() > BLOCK)?
                }
            };
        }
        ControlFlow::Continue(())
    }

    /// Looks at the words that are whole in a block, and tells how many bytes it has seen.
    #[inline]
    fn block(&mut self, at: usize, room: &[u8; ROOM], goes_on: bool) -> ControlFlow<(), usize> {
        let block = Block::upto(room);
        let foreign = block.foreign();
        if block.plain() | foreign != u64::MAX {
            return ControlFlow::Break(());
        }
        let words = block.letters() | block.digits() | foreign;
        // What may go on in the next block belongs to that.
        let open = if goes_on { words.leading_ones() } else { 0 };
        if open == u64::BITS {
            return self.long(at);
        }
        let words = words & u64::MAX >> open;
        let (mut starts, mut ends) = (words & !(words << 1), words & !(words >> 1));
        while starts != 0 {
            let (start, end) = (
                starts.trailing_zeros() as usize,
                ends.trailing_zeros() as usize + 1,
            );
            (starts, ends) = (starts & (starts - 1), ends & (ends - 1));
            if foreign != 0 && !room[start..end].is_ascii() {
                self.foreign(at + start..at + end)?;
                continue;
            }
            let length = (end - start).min(8);
            let eight = room[start..]
                .first_chunk()
                .map_or(0, |eight| u64::from_le_bytes(*eight));
            let begins = self
                .words
                .begins
                .may_hold((eight | LOWER) & u64::MAX >> (64 - 8 * length));
            if begins | self.before.is_some() {
                self.word(at + start..at + end, begins)?;
            }
        }
        ControlFlow::Continue(BLOCK - open as usize)
    }

    /// A word that no block holds.
    #[cold]
    fn long(&mut self, start: usize) -> ControlFlow<(), usize> {
        let rest = &self.raw.as_bytes()[start..];
        let length = rest
            .iter()
            .position(|byte| byte.is_ascii() && !byte.is_ascii_alphanumeric())
            .unwrap_or(rest.len());
        if rest[..length].is_ascii() {
            // Longer than any term.
            self.before = None;
        } else {
            self.foreign(start..start + length)?;
        }
        ControlFlow::Continue(length)
    }

    /// A word of ASCII that begins a term, it seems, or is behind one that does.
    #[cold]
    fn word(&mut self, word: Range<usize>, begins: bool) -> ControlFlow<()> {
        let bytes = self.raw.as_bytes();
        if word.len() <= 2 && word.start >= 2 && bytes[word.start - 1] == b'\'' {
            // What an apostrophe ties to a word, as in "what's", is no word.
            let other = bytes[word.start - 2];
            if !other.is_ascii() {
                return ControlFlow::Break(());
            }
            if other.is_ascii_alphanumeric() {
                return ControlFlow::Continue(());
            }
        }
        self.known(hash(bytes, word, LOWER), begins)
    }

    fn known(&mut self, key: u64, begins: bool) -> ControlFlow<()> {
        let exact = &self.words.exact;
        let goes_on = |other| exact.find(beside(other, key)).next().is_some();
        if self.before.is_some_and(goes_on) || (begins && exact.find(key).next().is_some()) {
            return ControlFlow::Break(());
        }
        self.before = (begins && self.words.has_phrases).then_some(key);
        ControlFlow::Continue(())
    }

    /// Bytes with other letters than those of ASCII: mostly one word, in small letters.
    fn foreign(&mut self, run: Range<usize>) -> ControlFlow<()> {
        if run.start > 0 && self.raw.as_bytes()[run.start - 1] == b'\'' {
            return ControlFlow::Break(());
        }
        let raw = self.raw;
        let mut scripts = 0;
        for c in raw[run.clone()].chars() {
            let (is_plain, script) = if c.is_ascii() {
                (!c.is_ascii_uppercase(), ascii_script(c))
            } else {
                let known = self.pages.entry(c);
                (known.plain, known.script)
            };
            if !is_plain {
                return self.fancy(run);
            }
            scripts |= 1 << script as u8;
        }
        self.foreign_word(&raw.as_bytes()[run], scripts)
    }

    /// The same, folded letter by letter, with what stands between the words.
    #[inline(never)]
    fn fancy(&mut self, run: Range<usize>) -> ControlFlow<()> {
        let mut word = [0; 4 * Words::LONGEST];
        let (mut length, mut scripts) = (0, 0);
        for c in self.raw[run].chars().chain([' ']) {
            let (kind, folded, script) = if c.is_ascii() {
                (ASCII[c as usize].kind, c.to_ascii_lowercase(), ascii_script(c))
            } else {
                let known = self.pages.entry(c);
                match (&known.fold, known.kind) {
                    (Fold::Same, Kind::Letter | Kind::Digit | Kind::Emoji | Kind::Other) => {
                        (known.kind, c, known.script)
                    }
                    (Fold::One(one), Kind::Letter | Kind::Digit) => {
                        (known.kind, *one, table::entry(*one).script)
                    }
                    _ => return ControlFlow::Break(()),
                }
            };
            if matches!(kind, Kind::Letter | Kind::Digit) {
                scripts |= 1 << script as u8;
                let bytes = folded.len_utf8();
                if let Some(place) = word.get_mut(length..length + bytes) {
                    folded.encode_utf8(place);
                }
                length += bytes;
            } else if length > 0 {
                match word.get(..length) {
                    Some(word) => self.foreign_word(word, scripts)?,
                    // No word of a term is so long.
                    None => self.before = None,
                }
                (length, scripts) = (0, 0);
            }
        }
        ControlFlow::Continue(())
    }

    fn foreign_word(&mut self, word: &[u8], scripts: u8) -> ControlFlow<()> {
        if (scripts & MIXED).count_ones() > 1 {
            return ControlFlow::Break(());
        }
        let begins = self.words.begins.holds(word);
        if begins || self.before.is_some() {
            self.known(hash(word, 0..word.len(), 0), begins)?;
        }
        ControlFlow::Continue(())
    }
}

/// Scripts whose letters stand for each other's where a word mixes them.
const MIXED: u8 = 1 << Script::Latin as u8 | 1 << Script::Cyrillic as u8 | 1 << Script::Greek as u8;

fn ascii_script(c: char) -> Script {
    if c.is_ascii_alphabetic() {
        Script::Latin
    } else {
        Script::Common
    }
}
