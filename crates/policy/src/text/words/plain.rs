//! Terms that are looked for as they are: whole words by their bytes. Most texts need not be read for that: see `glance`.

use super::scan::Scan;
use super::told::Told;
use super::{Found, TermKind, Words};
use crate::text::Text;
use crate::text::forms::Disguise;
use crate::text::tokens::{beside, eight, mix};
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

    /// Whether all its terms are words and phrases that are looked for as they are.
    pub fn is_plain(&self) -> bool {
        self.whole.is_empty() && self.parts.is_none()
    }
}

// === impl Scan ===

impl<F: Told> Scan<'_, F> {
    /// Words and phrases by their bytes.
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

/// The same of a word among these bytes; `lower` has the bits that its capitals lack.
pub(super) fn hash(bytes: &[u8], word: Range<usize>, lower: u64) -> u64 {
    let mut hash = word.len() as u64;
    let mut at = word.start;
    while at < word.end {
        hash = mix(hash ^ eight(bytes, at..word.end, lower));
        at += 8;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::words::WordList;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn foreign_texts_have_the_same_first_term(words in proptest::collection::vec("[aаäɑ\u{301}\u{200B}é]{1,3}|ab|b|[ｂ😀’'。ßﷺ]|[aä]{30,70}|a{62,66}", 0..9), glue in "[ ,]?") {
            let list = WordList { terms: vec!["ab", "b a", "a a", "ä", "аа", "éa"], ..WordList::default() };
            let set = Words::build(&[list]).0;
            let raw = words.join(&glue);
            let mut text = Text::default();
            let unread = set.find_in(&raw, &mut text);
            text.read(&raw);
            prop_assert_eq!(unread, set.find(&text));
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
