//! Terms that are looked for as they are: whole words by their bytes; in a text of plain ASCII without reading it first.

use super::scan::Scan;
use super::told::Told;
use super::{Found, Term, TermKind, Words};
use crate::text::fold::{self, ASCII};
use crate::text::forms::Disguise;
use crate::text::squash::{LOWER, runs, word_bits};
use crate::text::table::{self, Fold, Kind, Pages, Script};
use crate::text::tokens::{beside, eight, mix};
use crate::text::{LIMIT, Text, Work};
use std::ops::{ControlFlow, Range};

// === impl Words ===

impl Words {
    /// The first term in a text, which is read only if that may have one: see `may_have`.
    pub fn find_in(&self, raw: &str, text: &mut Text) -> Option<Found> {
        if !self.may_have(raw) {
            return None;
        }
        text.read(raw);
        self.find(text)
    }

    /// False for a text that has no term, if that can be told without reading it: of lists without disguises, for most texts.
    pub(crate) fn may_have(&self, raw: &str) -> bool {
        if !self.is_plain() {
            return true;
        }
        let raw = &raw[..raw.floor_char_boundary(LIMIT)];
        if fold::is_all_plain(raw.as_bytes()) {
            self.has_plain(raw.as_bytes())
        } else {
            self.may_have_folded(raw)
        }
    }

    /// Whether all its terms are words and phrases that are looked for as they are.
    pub fn is_plain(&self) -> bool {
        self.whole.is_empty() && self.parts.is_none()
    }

    fn has_plain(&self, bytes: &[u8]) -> bool {
        let mut before: Option<(u64, usize)> = None;
        let mut left = Work::default().compared;
        words(bytes, |word| {
            let begins = self.begins.may_hold(&bytes[word.clone()]);
            let Some(key) = (begins || before.is_some()).then(|| hash(bytes, word.clone(), LOWER)) else {
                return ControlFlow::Continue(());
            };
            if let Some((other, start)) = before.take() {
                for number in self.exact.find(beside(other, key)) {
                    left -= 1;
                    // A text that was made to cost is read after all.
                    if left == 0 || self.phrase_begins(&self.terms[number], &bytes[start..]) {
                        return ControlFlow::Break(());
                    }
                }
            }
            if !begins {
                return ControlFlow::Continue(());
            }
            for number in self.exact.find(key) {
                let term = &self.terms[number];
                let same = bytes[word.clone()].eq_ignore_ascii_case(self.term_text(term).as_bytes());
                if same && term.kind == TermKind::Word {
                    return ControlFlow::Break(());
                }
            }
            before = self.has_phrases.then_some((key, word.start));
            ControlFlow::Continue(())
        })
        .is_break()
    }

    /// Whether these bytes begin with the phrase.
    fn phrase_begins(&self, term: &Term, bytes: &[u8]) -> bool {
        let mut wanted = self.term_text(term).split(' ');
        let mut other = term.kind != TermKind::Phrase;
        // Stopped behind the phrase, or where it is another one.
        let _ = words(bytes, |word| match wanted.next() {
            Some(next) if bytes[word.clone()].eq_ignore_ascii_case(next.as_bytes()) => {
                ControlFlow::Continue(())
            }
            next => {
                other |= next.is_some();
                ControlFlow::Break(())
            }
        });
        !other && wanted.next().is_none()
    }

    /// False for a text that surely has none: its characters fold one by one, and no word of it begins a term.
    fn may_have_folded(&self, raw: &str) -> bool {
        let mut word = [0; 4 * Self::LONGEST];
        let (mut length, mut scripts) = (0, 0_u8);
        let mut before: Option<u64> = None;
        let mut pages = Pages::default();
        for c in raw.chars().chain([' ']) {
            let (kind, folded, script) = if c.is_ascii() {
                if !fold::is_plain(c as u8) {
                    return true;
                }
                let script = if c.is_ascii_alphabetic() {
                    Script::Latin
                } else {
                    Script::Common
                };
                (ASCII[c as usize].kind, c.to_ascii_lowercase(), script)
            } else {
                let known = pages.entry(c);
                match (&known.fold, known.kind) {
                    (Fold::Same, Kind::Letter | Kind::Digit | Kind::Emoji | Kind::Other) => {
                        (known.kind, c, known.script)
                    }
                    (Fold::One(one), Kind::Letter | Kind::Digit) => {
                        (known.kind, *one, table::entry(*one).script)
                    }
                    _ => return true,
                }
            };
            if matches!(kind, Kind::Letter | Kind::Digit) {
                scripts |= match script {
                    Script::Latin => 1,
                    Script::Cyrillic => 2,
                    Script::Greek => 4,
                    _ => 0,
                };
                let bytes = folded.len_utf8();
                if let Some(place) = word.get_mut(length..length + bytes) {
                    folded.encode_utf8(place);
                }
                length += bytes;
                continue;
            }
            if length == 0 {
                continue;
            }
            if scripts.count_ones() > 1 || c == '\'' {
                return true;
            }
            let begun = before.take();
            // Of a term no word is longer than there is room.
            let word = word.get(..length).unwrap_or_default();
            let begins = self.begins.may_hold(word);
            if begins || begun.is_some() {
                let key = hash(word, 0..word.len(), 0);
                let goes_on = |other| self.exact.find(beside(other, key)).next().is_some();
                if self.exact.find(key).next().is_some() || begun.is_some_and(goes_on) {
                    return true;
                }
                before = (begins && self.has_phrases).then_some(key);
            }
            (length, scripts) = (0, 0);
        }
        false
    }
}

// === impl Scan ===

impl<F: Told> Scan<'_, F> {
    /// The same in a text that was read.
    pub(super) fn exact(&mut self) -> ControlFlow<()> {
        let (words, tokens) = (self.words, &self.text.tokens);
        let bytes = self.folded.as_bytes();
        let mut before = None;
        for (place, token) in tokens.iter().enumerate() {
            let span = token.start as usize..token.end as usize;
            let key = hash(bytes, span.clone(), 0);
            if let Some(other) = before.filter(|_| words.has_phrases) {
                for number in words.exact.find(beside(other, key)) {
                    self.phrase(number, place - 1)?;
                }
            }
            for number in words.exact.find(key) {
                let term = &words.terms[number];
                if term.kind == TermKind::Word && words.term_text(term) == &self.folded[span.clone()] {
                    self.tell(number, (token.start, token.end), Disguise::None)?;
                }
            }
            before = Some(key);
        }
        ControlFlow::Continue(())
    }
}

/// The hash of a folded word's bytes, which plain lists know it by.
pub(super) fn key(word: &str) -> u64 {
    hash(word.as_bytes(), 0..word.len(), 0)
}

fn hash(bytes: &[u8], word: Range<usize>, lower: u64) -> u64 {
    let mut hash = word.len() as u64;
    let mut at = word.start;
    while at < word.end {
        hash = mix(hash ^ eight(bytes, at..word.end, lower));
        at += 8;
    }
    hash
}

/// The words of plain ASCII, as `tokens` finds them.
fn words(bytes: &[u8], mut word: impl FnMut(Range<usize>) -> ControlFlow<()>) -> ControlFlow<()> {
    runs(bytes.chunks(64).map(word_bits), |start, end| {
        // What an apostrophe ties to a word, as in "what's", is no word.
        let tied = start >= 2
            && bytes[start - 1] == b'\''
            && bytes[start - 2].is_ascii_alphanumeric()
            && end - start <= 2;
        if tied {
            ControlFlow::Continue(())
        } else {
            word(start..end)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::words::WordList;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn foreign_texts_have_the_same_first_term(words in proptest::collection::vec("[aаäɑ\u{301}\u{200B}é]{1,3}|ab|b|[ｂ😀’'。ßﷺ]", 0..9), glue in "[ ,]?") {
            let list = WordList { terms: vec!["ab", "b a", "a a", "ä", "аа", "éa"], ..WordList::default() };
            let set = Words::build(&[list]).0;
            let raw = words.join(&glue);
            let mut text = Text::default();
            let unread = set.find_in(&raw, &mut text);
            text.read(&raw);
            prop_assert_eq!(unread, set.find(&text));
        }

        #[test]
        fn words_are_those_of_a_text_that_was_read(raw in "[ -$&-~\n]{0,200}|([a-zA-Z']{1,70}[ ,]){0,9}") {
            prop_assume!(fold::is_all_plain(raw.as_bytes()));
            let text = Text::of(&raw);
            let mut found = Vec::new();
            let _ = words(raw.as_bytes(), |word| {
                found.push(raw[word].to_ascii_lowercase());
                ControlFlow::Continue(())
            });
            prop_assert_eq!(found, text.words().map(str::to_owned).collect::<Vec<_>>());
        }

        #[test]
        fn unread_texts_have_the_same_first_term(words in proptest::collection::vec("[aB]{1,2}|[a-b]{7,10}|don't|%41", 0..12)) {
            let list = WordList { terms: vec!["ab", "b a", "b b a", "ababababa", "bb"], ..WordList::default() };
            let set = Words::build(&[list]).0;
            let raw = words.join(" ");
            let mut text = Text::default();
            let unread = set.find_in(&raw, &mut text);
            text.read(&raw);
            prop_assert_eq!(unread, set.find(&text));
        }
    }

    #[test]
    fn plain_terms_are_found_in_any_text() {
        let list = WordList {
            terms: vec!["nitro", "free stuff", "über", "c3po"],
            ..WordList::default()
        };
        let words = Words::build(&[list]).0;
        assert!(words.is_plain());
        for (text, term) in [
            ("get NITRO now", Some(0)),
            ("free, STUFF!", Some(1)),
            ("free other stuff", None),
            ("free", None),
            ("Über alles", Some(2)),
            ("привет C3PO", Some(3)),
            ("n1tro nitr0 nitros nnitro c3p0", None),
            ("%6Eitro", Some(0)),
        ] {
            let found = words.find_in(text, &mut Text::default());
            assert_eq!(found.map(|found| found.term), term, "{text}");
        }
    }
}
