//! A list's words or patterns, looked for in a text that was read once.

use crate::text::patterns::Patterns;
use crate::text::words::{WordList, Words};
use crate::text::{Text, Work};
use std::ops::{ControlFlow, Range};

#[derive(Debug)]
pub(crate) enum Matcher {
    Words(Words),
    Patterns(Patterns),
}

/// Entries that are refused, by their place, with the reason.
pub(crate) type Refused = Vec<(usize, String)>;

// === impl Matcher ===

impl Matcher {
    pub(crate) fn words(entries: &[&str], fold: bool) -> (Self, Refused) {
        let list = WordList {
            terms: entries.to_vec(),
            disguises: fold,
            ..WordList::default()
        };
        let (words, bad) = Words::build(&[list]);
        let refused = bad.into_iter().map(|bad| (bad.term, bad.fault.to_string()));
        (Self::Words(words), refused.collect())
    }

    pub(crate) fn regexes(entries: &[&str]) -> (Self, Refused) {
        // A set compiles a pattern when it first may match: what is too large then would be found too late.
        let faults = entries.iter().enumerate().filter_map(|(place, entry)| {
            let fault = Patterns::check(entry).err()?;
            Some((place, fault.to_string()))
        });
        let refused: Refused = faults.collect();
        let (patterns, _) = Patterns::build(entries.iter().copied());
        (Self::Patterns(patterns), refused)
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
