//! The words or patterns of a list that many communities share, looked for in a text that was read once.

use crate::text::patterns::Patterns;
use crate::text::words::{WordList, Words};
use crate::text::{Text, Work};
use std::ops::{ControlFlow, Range};

#[derive(Debug)]
pub(crate) enum Matcher {
    Words(Words),
    Patterns(Patterns),
}

// === impl Matcher ===

impl Matcher {
    /// The number of entries that are refused comes with it.
    pub(crate) fn words(entries: &[&str], fold: bool) -> (Self, usize) {
        let list = WordList {
            terms: entries.to_vec(),
            disguises: fold,
            ..WordList::default()
        };
        let (words, bad) = Words::build(&[list]);
        (Self::Words(words), bad.len())
    }

    pub(crate) fn regexes(entries: &[&str]) -> (Self, usize) {
        let refused = entries.iter().filter(|entry| Patterns::check(entry).is_err());
        let (patterns, _) = Patterns::build(entries.iter().copied());
        (Self::Patterns(patterns), refused.count())
    }

    /// False for a text that surely has none.
    pub(crate) fn may_have(&self, raw: &str) -> bool {
        match self {
            Self::Words(words) => words.may_have(raw),
            Self::Patterns(_) => true,
        }
    }

    /// Where the first one stands in the text as it was written.
    pub(crate) fn find(&self, text: &Text, work: &mut Work) -> Option<Range<usize>> {
        match self {
            Self::Words(words) => words
                .find_within(text, work)
                .map(|found| text.folded().original(found.span)),
            Self::Patterns(patterns) => {
                let mut first = None;
                patterns.scan_within(text, work, |matched| {
                    first = Some(matched.span);
                    ControlFlow::Break(())
                });
                first
            }
        }
    }
}
