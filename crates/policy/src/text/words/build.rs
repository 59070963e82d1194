//! From lists to an index.

use super::index::{Filter, Heads, Index};
use super::{ANY, BadTerm, END, ONE, Term, TermFault, TermKind, WordList, Words, plain, shape, text_at};
use crate::text::table::{self, BREAK, Kind};
use crate::text::tokens::{self, Key, beside, mix, weight};
use crate::text::{Text, is_dense};
use aho_corasick::{AhoCorasick, AhoCorasickKind};

/// Of a list with more terms, typos would be found by chance.
const MOST_WITH_TYPOS: usize = 20_000;

/// A term that was read.
struct Read {
    folded: String,
    letters: usize,
    kind: TermKind,
}

#[derive(Default)]
struct Builder {
    arena: String,
    terms: Vec<Term>,
    keys: Vec<(u64, u32)>,
    exact: Vec<(u64, u32)>,
    typos: Vec<u64>,
    parts: Vec<Vec<u8>>,
    part_terms: Vec<u32>,
    allowed: Vec<(u16, u64)>,
}

// === impl Words ===

impl Words {
    /// An index over these lists. Terms that cannot be looked for are told of, and the others taken.
    pub fn build(lists: &[WordList<'_>]) -> (Self, Vec<BadTerm>) {
        let mut builder = Builder::default();
        let mut faults = Vec::new();
        let mut text = Text::default();
        for (list, given) in lists.iter().enumerate() {
            let with_typos = given.terms.len() <= MOST_WITH_TYPOS;
            for (place, term) in given.terms.iter().enumerate() {
                match read(term, &mut text) {
                    Ok(read) => builder.take(&read, list, place, given.disguises, with_typos),
                    Err(fault) => faults.push(BadTerm {
                        list,
                        term: place,
                        fault,
                    }),
                }
            }
            for word in &given.allow {
                text.read(word);
                builder.allowed.push((list as u16, key(&text.folded.text)));
            }
        }
        (builder.finish(), faults)
    }
}

/// The key of a word whose letters are all one word.
pub(super) fn key(word: &str) -> u64 {
    Key::of(word.chars().filter(|c| *c != ' ').map(|c| table::entry(c).class))
}

/// The key of a sum of letters, for a word of this length.
pub(super) fn sum_key(sum: u32, length: usize) -> u64 {
    mix(u64::from(sum) << 8 | length as u64)
}

fn shape_of(term: &Term, folded: &str) -> u64 {
    let class = |c: Option<char>| c.map_or(BREAK, |c| table::entry(c).class);
    let edges = [class(folded.chars().next()), class(folded.chars().next_back())];
    shape(u32::from(term.letters()), edges)
}

fn read(term: &str, text: &mut Text) -> Result<Read, TermFault> {
    text.read(term.trim());
    let folded = text.folded.text.as_str();
    let is_word = |c: char| matches!(table::entry(c).kind, Kind::Letter | Kind::Digit);
    let letters = folded.chars().filter(|c| is_word(*c)).count();
    if letters == 0 {
        return Err(TermFault::Empty);
    }
    if letters > Words::LONGEST || folded.chars().count() > Words::LONGEST + 20 || text.is_truncated() {
        return Err(TermFault::TooLong);
    }
    if folded.contains(['*', '?']) {
        if folded.contains(char::is_whitespace) {
            return Err(TermFault::WildcardInPhrase);
        }
        let mut wild = String::new();
        for c in folded.chars().filter(|c| is_word(*c) || matches!(c, '*' | '?')) {
            match c {
                '*' if wild.ends_with(ANY) => {}
                '*' => wild.push(ANY),
                '?' => wild.push(ONE),
                c => wild.push(c),
            }
        }
        if longest_part(&wild).chars().count() < Words::SHORTEST_PART {
            return Err(TermFault::TooGeneral);
        }
        return Ok(Read {
            folded: wild,
            letters,
            kind: TermKind::Wild,
        });
    }
    let dense = is_dense(folded);
    let signs = folded
        .chars()
        .any(|c| !is_word(c) && c != ' ' && c != '-' && c != '\n');
    if dense || signs {
        return Ok(Read {
            folded: folded.to_owned(),
            letters,
            kind: if dense { TermKind::Stretch } else { TermKind::Signs },
        });
    }
    let words: Vec<&str> = folded
        .split(|c| !is_word(c))
        .filter(|word| !word.is_empty())
        .collect();
    Ok(Read {
        folded: words.join(" "),
        letters,
        kind: if words.len() == 1 {
            TermKind::Word
        } else {
            TermKind::Phrase
        },
    })
}

pub(super) fn longest_part(wild: &str) -> &str {
    wild.split([ANY, ONE])
        .max_by_key(|part| part.chars().count())
        .unwrap_or(wild)
}

/// The longest stretch of a text in squash space that is one word there.
fn longest_squashed(text: &str) -> Vec<u8> {
    let mut classes: Vec<u8> = text.chars().map(|c| table::entry(c).class).collect();
    classes.dedup();
    classes
        .split(|class| *class == BREAK)
        .max_by_key(|part| part.len())
        .unwrap_or_default()
        .to_vec()
}

// === impl Builder ===

impl Builder {
    fn take(&mut self, read: &Read, list: usize, place: usize, disguises: bool, with_typos: bool) {
        let number = self.terms.len() as u32;
        let folded = read.folded.as_str();
        let typos = read.kind == TermKind::Word && disguises && with_typos && read.letters >= 5;
        let bit = |is: bool, bit: u8| if is { bit } else { 0 };
        self.terms.push(Term {
            start: self.arena.len() as u32,
            place: place as u32,
            list: list as u16,
            kind: read.kind,
            about: read.letters as u8 | bit(disguises, Term::DISGUISES) | bit(typos, Term::TYPOS),
        });
        self.arena.push_str(folded);
        self.arena.push(END);
        match read.kind {
            TermKind::Word if !disguises => self.exact.push((plain::key(folded), number)),
            TermKind::Phrase if !disguises => {
                let mut words = folded.split(' ').map(plain::key);
                let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
                self.exact.push((beside(first, second), number));
            }
            TermKind::Word => {
                self.keys.push((key(folded), number));
                if typos {
                    self.take_typos(folded, read.letters);
                }
            }
            TermKind::Phrase => {
                let mut words = folded.split(' ');
                let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
                self.keys.push((beside(key(first), key(second)), number));
                // Phrases are written as one word too.
                if read.letters >= 6 {
                    self.keys.push((key(folded), number));
                }
            }
            TermKind::Wild => {
                self.parts.push(longest_squashed(longest_part(folded)));
                self.part_terms.push(number);
            }
            TermKind::Stretch | TermKind::Signs => {
                self.parts.push(longest_squashed(folded));
                self.part_terms.push(number);
            }
        }
    }

    fn take_typos(&mut self, word: &str, letters: usize) {
        let sum = tokens::sum(word, 0..word.len());
        self.typos.push(sum_key(sum, letters));
        if letters >= 6 {
            let weights = word.chars().map(weight).skip(1);
            let mut inside: Vec<u32> = weights.take(letters - 2).collect();
            inside.sort_unstable();
            inside.dedup();
            self.typos.extend(
                inside
                    .iter()
                    .map(|weight| sum_key(sum.wrapping_sub(*weight), letters - 1)),
            );
        }
    }

    fn finish(mut self) -> Words {
        let hidden = |term: &&Term| term.kind == TermKind::Word && term.disguises();
        let numbered = (0..).zip(&self.terms).filter(|(_, term)| hidden(term));
        let by_shape = numbered
            .map(|(number, term)| (shape_of(term, text_at(&self.arena, term)), number))
            .collect();
        let sum = |term| {
            let text: &str = text_at(&self.arena, term);
            tokens::sum(text, 0..text.len())
        };
        let sums = if self.typos.is_empty() {
            Box::default()
        } else {
            self.terms.iter().map(sum).collect()
        };
        self.allowed.sort_unstable();
        // Squashed, two letters such as "ll" may be one: nothing shorter is looked for by itself.
        let parts = (!self.parts.is_empty()).then(|| {
            AhoCorasick::builder()
                .kind(Some(AhoCorasickKind::ContiguousNFA))
                .prefilter(false)
                .build(&self.parts)
        });
        let exact = self
            .exact
            .iter()
            .map(|(_, number)| text_at(&self.arena, &self.terms[*number as usize]));
        let begins: Vec<&[u8]> = exact
            .map(|term| term.split(' ').next().unwrap_or(term).as_bytes())
            .collect();
        Words {
            begins: Heads::of(&begins),
            exact: Index::of(self.exact),
            has_phrases: self.terms.iter().any(|term| term.kind == TermKind::Phrase),
            arena: self.arena.into(),
            whole: Index::of(self.keys),
            by_shape: Index::of(by_shape),
            sums,
            typos: Filter::of(&self.typos),
            // Refused only beyond four thousand million states; such lists do not fit the arena's offsets either.
            parts: parts.and_then(Result::ok),
            part_terms: self.part_terms.into(),
            allowed: self.allowed.into(),
            terms: self.terms.into(),
        }
    }
}
