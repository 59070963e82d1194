//! Word lists: words, phrases and wildcards, found however they are disguised.
//!
//! [`Words`] is one index over any number of lists. A rule set makes one of its own lists; a list that many communities
//! share is a `Words` of its own behind an `Arc`, held once. Looking up costs one probe for each word of the text and index,
//! whether it holds ten terms or a hundred thousand.
//!
//! A term is
//! - a word or several, found as whole words: `nitro`, `free nitro`;
//! - a word with wildcards, `*` for any letters and `?` for one: `nitro*`, `*coin*`, `n?tro`; everyday words that only happen to
//!   have its letters, such as "nitrogen" and "coincidence", are left alone;
//! - in a script without blanks between words, any stretch: `赌博`;
//! - with signs, such as `c#` or `don't`, those very characters between the borders of words.

mod build;
mod compare;
mod glance;
mod index;
mod plain;
mod scan;
mod told;

pub(crate) use told::Firsts;

use super::tokens::mix;
use aho_corasick::AhoCorasick;
use index::{Filter, Heads, Index};
use std::ops::Range;

/// A list, as it is given.
#[derive(Debug, Clone, Default)]
pub struct WordList<'a> {
    pub terms: Vec<&'a str>,
    /// Words that wildcards of this list leave alone.
    pub allow: Vec<&'a str>,
    /// Look behind disguises. Without, a term is found in the folded view alone.
    pub disguises: bool,
}

/// Why a term cannot be looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TermFault {
    #[error("a term has at least one letter or digit")]
    Empty,
    #[error("a term has at most {} letters", Words::LONGEST)]
    TooLong,
    #[error("a wildcard stands in a single word: use a pattern for this")]
    WildcardInPhrase,
    #[error(
        "beside its wildcards a term has at least {} letters in a row",
        Words::SHORTEST_PART
    )]
    TooGeneral,
}

/// A term that was not taken, by its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("term {term} of list {list}: {fault}")]
pub struct BadTerm {
    pub list: usize,
    pub term: usize,
    pub fault: TermFault,
}

/// A term in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The list's and the term's places among those given.
    pub list: usize,
    pub term: usize,
    /// Where, in the folded view: [`super::View::original`] leads to what was written.
    pub span: Range<usize>,
    pub disguise: super::Disguise,
}

/// An index over lists.
#[derive(Debug, Default)]
pub struct Words {
    /// The terms' folded texts, one after the other, each with [`END`] behind it.
    arena: Box<str>,
    terms: Box<[Term]>,
    /// Whole words, and phrases by their first two words: what their disguises share.
    whole: Index,
    /// The same, of lists that do not look behind disguises, by their bytes.
    exact: Index,
    /// What begins those.
    begins: Heads,
    has_phrases: bool,
    /// Whole words by what a masked word and a typo show of them.
    by_shape: Index,
    /// The sums of the terms' letters; none where none is looked for with typos.
    sums: Box<[u32]>,
    /// Sums of letters that a typo of a term has.
    typos: Filter,
    /// Parts of terms with wildcards or signs, in squash space, and the terms that have them.
    parts: Option<AhoCorasick>,
    part_terms: Box<[u32]>,
    /// Allowed words by list and hash, sorted.
    allowed: Box<[(u16, u64)]>,
}

#[derive(Debug, Clone, Copy)]
struct Term {
    start: u32,
    /// Its place in its list.
    place: u32,
    list: u16,
    kind: TermKind,
    /// Its letters, [`Term::DISGUISES`] and [`Term::TYPOS`]: there are many terms.
    about: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TermKind {
    Word,
    Phrase,
    /// One word with wildcards.
    Wild,
    /// Those characters, wherever they stand.
    Stretch,
    /// Those characters between the borders of words.
    Signs,
}

/// Stands in a folded term for any letters, and for one.
const ANY: char = '\u{2}';
const ONE: char = '\u{3}';
/// Stands behind a term in the arena.
const END: char = '\u{1}';

// === impl Words ===

impl Words {
    /// Letters of a term.
    pub const LONGEST: usize = 60;
    /// Letters of the longest part between a term's wildcards.
    pub const SHORTEST_PART: usize = 3;

    /// Terms in it.
    pub fn len(&self) -> usize {
        self.terms.len()
    }

    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// About how many bytes it holds.
    pub fn memory(&self) -> usize {
        self.arena.len()
            + size_of_val(&*self.terms)
            + self.whole.memory()
            + self.exact.memory()
            + self.begins.memory()
            + self.by_shape.memory()
            + size_of_val(&*self.sums)
            + self.typos.memory()
            + self.parts.as_ref().map_or(0, AhoCorasick::memory_usage)
            + size_of_val(&*self.part_terms)
            + size_of_val(&*self.allowed)
    }

    fn term_text(&self, term: &Term) -> &str {
        text_at(&self.arena, term)
    }
}

/// The key of a word's length, first and last letter.
fn shape(letters: u32, [first, last]: [u8; 2]) -> u64 {
    mix(u64::from(letters) << 16 | u64::from(first) << 8 | u64::from(last))
}

fn text_at<'a>(arena: &'a str, term: &Term) -> &'a str {
    let text = &arena[term.start as usize..];
    text.split_once(END).map_or(text, |(text, _)| text)
}

// === impl Term ===

impl Term {
    /// It is looked for behind disguises, and its typos are in the filter.
    const DISGUISES: u8 = 1 << 6;
    const TYPOS: u8 = 1 << 7;

    fn letters(self) -> u8 {
        self.about & (Self::DISGUISES - 1)
    }

    fn disguises(self) -> bool {
        self.about & Self::DISGUISES != 0
    }

    fn typos(self) -> bool {
        self.about & Self::TYPOS != 0
    }
}
