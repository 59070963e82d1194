//! What a disguised stretch of text may be meant to say.
//!
//! A form is only a guess: word lists look it up, and compare letter by letter what they find. To add a disguise: a
//! function here that pushes forms, called by `forms`, and a line in `Disguise`.

use super::fold::ASCII;
use super::lookalikes;
use super::table::{self, Kind};
use super::tokens::{Key, Odd};

/// How a word was hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Disguise {
    /// Not at all.
    None,
    /// By letters of other scripts.
    Lookalikes,
    /// By writing letters several times.
    Repeated,
    /// By digits and signs for letters.
    Leet,
    /// By a sign in place of a letter.
    Masked,
    /// By markup between its letters.
    Markup,
    /// By blanks, dots or line breaks between its letters.
    Spelled,
    /// By one blank inside of it.
    Split,
    /// By a letter left out, or two exchanged.
    Typo,
}

/// A guess at what a stretch of the folded text says.
#[derive(Debug, Clone)]
pub(crate) struct Form {
    pub(crate) disguise: Disguise,
    /// Its letters, of those kept beside.
    pub(crate) letters: (u32, u32),
    /// Where it stands in the folded text.
    pub(crate) span: (u32, u32),
    /// The hash that it shares with what it may say; a masked one is looked up by its shape instead.
    pub(crate) key: u64,
}

/// A letter of a form, and where it stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Letter {
    pub(crate) c: char,
    pub(crate) at: u32,
    pub(crate) end: u32,
}

/// Stands for any one letter.
pub(crate) const MASK: char = '\u{1}';

pub(super) const LONGEST: usize = 64;
/// Guesses at one text: a text that asks for more was made to.
const MOST: usize = 256;

#[derive(Debug, Default)]
pub(crate) struct Forms {
    pub(crate) all: Vec<Form>,
    pub(crate) letters: Vec<Letter>,
    /// Stretches of the folded text that are spelled out or have markup among their letters, in order.
    pub(super) spelled: Vec<(u32, u32)>,
    pub(super) spelled_letters: u32,
    pieces: Pieces,
}

/// Stretches of a text, letter by letter, one after the other.
#[derive(Debug, Default)]
struct Pieces {
    letters: Vec<Letter>,
    /// Where each ends.
    ends: Vec<u32>,
}

// === impl Forms ===

impl Forms {
    pub(super) fn clear(&mut self) {
        self.all.clear();
        self.letters.clear();
        self.spelled.clear();
        self.spelled_letters = 0;
    }

    pub(super) fn find(&mut self, folded: &str, odd: &Odd) {
        for &(start, end) in &odd.chunks {
            let chunk = &folded[start as usize..end as usize];
            // Addresses, mentions and custom emoji are machine text.
            let is_machine = match chunk.as_bytes() {
                [b'<', b'@' | b'#' | b':' | b'/', ..] | [b'<', b'a' | b't', b':', ..] => true,
                _ => odd.signs[usize::from(b':')] > 0 && chunk.contains("://"),
            };
            if is_machine {
                continue;
            }
            for guess in [Self::leet, Self::markup, Self::masked] {
                if self.all.len() < MOST {
                    guess(self, chunk, start);
                }
            }
        }
        if odd.spelled {
            self.spelled(folded);
            self.spelled.sort_unstable();
        }
    }

    pub(crate) fn letters(&self, form: &Form) -> &[Letter] {
        &self.letters[form.letters.0 as usize..form.letters.1 as usize]
    }

    fn push(&mut self, disguise: Disguise, letters: &[Letter]) {
        if self.all.len() >= MOST {
            return;
        }
        let key = Key::of(letters.iter().map(|letter| table::entry(letter.c).class));
        let (Some(first), Some(last)) = (letters.first(), letters.last()) else {
            return;
        };
        let span = (first.at, last.end);
        let from = self.letters.len() as u32;
        self.letters.extend_from_slice(letters);
        self.all.push(Form {
            disguise,
            letters: (from, self.letters.len() as u32),
            span,
            key,
        });
    }

    /// `b4dw0rd`, `$hit`, `cun+`: signs are letters, and at the edges perhaps punctuation.
    fn leet(&mut self, chunk: &str, start: u32) {
        let mut pieces = std::mem::take(&mut self.pieces);
        pieces.cut(chunk, start, |kind, _| {
            matches!(kind, Kind::Letter | Kind::Digit | Kind::Leet)
        });
        for piece in pieces.iter() {
            let is_sign = |letter: &Letter| table::entry(letter.c).kind == Kind::Leet;
            if piece.len() > LONGEST || !piece.iter().any(is_sign) {
                continue;
            }
            let word = piece
                .iter()
                .any(|letter| table::entry(letter.c).kind == Kind::Letter);
            let mut signs = piece.iter().filter(|letter| is_sign(letter));
            let first = signs.next();
            let several = signs.any(|letter| first.is_some_and(|first| first.c != letter.c));
            if !word && !several {
                continue;
            }
            // One dollar is a letter, several are ornaments.
            let edge = |signs: usize, dollar: bool| if signs == 1 && dollar { 0 } else { signs };
            let left = piece.iter().take_while(|letter| is_sign(letter)).count();
            let right = piece.iter().rev().take_while(|letter| is_sign(letter)).count();
            let left = edge(left, piece[0].c == '$');
            let right = edge(right, piece[piece.len() - 1].c == '$');
            self.push(Disguise::Leet, piece);
            // One sign of several at the end, as in "boll0ck$!!!".
            let bang = piece
                .iter()
                .rev()
                .take_while(|letter| matches!(letter.c, '!' | '(' | '|' | '<'))
                .count();
            for (from, to) in [(0, bang), (left, right), (0, right), (left, 0), (left, bang)] {
                if (from, to) != (0, 0) && from + to < piece.len() {
                    self.push(Disguise::Leet, &piece[from..piece.len() - to]);
                }
            }
        }
        self.pieces = pieces;
    }

    /// `f**u**ck`: markup that opens and closes.
    fn markup(&mut self, chunk: &str, start: u32) {
        // Punctuation behind a word is no part of it.
        let chunk = chunk.trim_end_matches(['.', ',', '!', '?', ';', ':', ')', '"', '\'']);
        let count = |sign: char| chunk.chars().filter(|c| *c == sign).count();
        let marked = ['*', '_', '~', '|', '`']
            .iter()
            .any(|sign| count(*sign) >= 2 && count(*sign).is_multiple_of(2));
        if !marked {
            return;
        }
        let mut pieces = std::mem::take(&mut self.pieces);
        pieces.cut(chunk, start, |kind, _| matches!(kind, Kind::Letter | Kind::Digit));
        let letters = &pieces.letters;
        let only_markup = chunk.chars().all(|c| {
            matches!(c, '*' | '_' | '~' | '|' | '`')
                || matches!(table::entry(c).kind, Kind::Letter | Kind::Digit)
        });
        if only_markup && letters.len() > 2 && letters.len() <= LONGEST {
            self.push(Disguise::Markup, letters);
            self.spelled.push((start, start + chunk.len() as u32));
        }
        self.pieces = pieces;
    }

    /// `f*ck`, `sh#t`: one sign for one letter, never the first or the last.
    fn masked(&mut self, chunk: &str, start: u32) {
        let masks = |c: char| matches!(c, '*' | '#' | '%' | '^' | '&' | '?' | '_' | '-');
        let mut pieces = std::mem::take(&mut self.pieces);
        pieces.cut(chunk, start, |kind, c| {
            matches!(kind, Kind::Letter | Kind::Digit) || masks(c)
        });
        for piece in pieces.iter() {
            let end = piece.iter().rposition(|letter| !masks(letter.c));
            let lead = piece.iter().take_while(|letter| masks(letter.c)).count();
            let piece = end.map_or(&[][..], |end| &piece[lead..=end]);
            let masked = piece.iter().filter(|letter| masks(letter.c)).count();
            let weak = piece
                .iter()
                .filter(|letter| matches!(letter.c, '_' | '-' | '?' | '&'))
                .count();
            let letters = piece
                .iter()
                .filter(|letter| table::entry(letter.c).kind == Kind::Letter)
                .count();
            let sound = masked > 0
                && letters >= 2
                && masked <= letters + 1
                && piece.len() <= LONGEST
                && piece.len() >= 4;
            let three = masked == 1 && weak == 0 && piece.len() == 3;
            if !(sound || three) || weak > 1 {
                continue;
            }
            let mut piece = piece.to_vec();
            piece
                .iter_mut()
                .filter(|letter| masks(letter.c))
                .for_each(|letter| letter.c = MASK);
            self.push(Disguise::Masked, &piece);
        }
        self.pieces = pieces;
    }

    /// `f u c k`, `f.u.c.k`, one letter a line: single letters with like gaps.
    fn spelled(&mut self, folded: &str) {
        let mut run: Vec<Letter> = Vec::new();
        let mut gap: Option<usize> = None;
        let mut pieces = std::mem::take(&mut self.pieces);
        pieces.cut(folded, 0, |kind, _| {
            matches!(kind, Kind::Letter | Kind::Digit | Kind::Leet)
        });
        for piece in pieces.iter() {
            // The last letter may have punctuation behind it.
            let single = piece[1..]
                .iter()
                .all(|letter| matches!(letter.c, '!' | '(' | '|' | '<'));
            if let Some(last) = run.last() {
                let between = &folded[last.end as usize..piece[0].at as usize];
                let blanks = between.chars().filter(|c| c.is_whitespace()).count();
                let like = between.len() <= 4 && gap.is_none_or(|first| blanks == first);
                if single && like && run.len() < LONGEST {
                    gap = Some(blanks);
                    run.push(piece[0]);
                    continue;
                }
                let last = *last;
                self.spelled_run(&run);
                run.clear();
                gap = None;
                // Another kind of gap begins another run: "a n.i.t.r.o".
                if single && between.len() <= 4 {
                    gap = Some(blanks);
                    run.push(last);
                }
            }
            if single {
                run.push(piece[0]);
            }
        }
        self.spelled_run(&run);
        self.pieces = pieces;
    }

    fn spelled_run(&mut self, run: &[Letter]) {
        let letters = run
            .iter()
            .filter(|letter| table::entry(letter.c).kind == Kind::Letter)
            .count();
        if run.len() < 3 || letters < 2 {
            return;
        }
        let (first, last) = (run[0].at, run[run.len() - 1].end);
        self.spelled.push((first, last));
        self.spelled_letters += letters as u32;
        self.push(Disguise::Spelled, run);
        let all: String = run.iter().map(|letter| letter.c).collect();
        if super::everyday::is_word(&all) {
            return;
        }
        // A word that was spelled beside a small one: "a c u n t", "f u c k y o u".
        for small in 1..=run.len().saturating_sub(4).min(run.len() / 2).min(5) {
            let said = |part: &[Letter]| part.iter().map(|letter| letter.c).collect::<String>();
            let (head, tail) = run.split_at(small);
            if super::everyday::before(&said(head)) {
                self.push(Disguise::Spelled, tail);
            }
            let (head, tail) = run.split_at(run.len() - small);
            if super::everyday::after(&said(tail)) {
                self.push(Disguise::Spelled, head);
            }
        }
    }
}

// === impl Pieces ===

impl Pieces {
    /// The stretches of a text whose characters pass.
    fn cut(&mut self, text: &str, start: u32, passes: impl Fn(Kind, char) -> bool) {
        self.letters.clear();
        self.ends.clear();
        let mut ended = 0;
        for (at, c) in text.char_indices() {
            let kind = ASCII
                .get(c as usize)
                .map_or_else(|| table::entry(c).kind, |known| known.kind);
            if passes(kind, c) {
                self.letters.push(Letter {
                    c,
                    at: start + at as u32,
                    end: start + (at + c.len_utf8()) as u32,
                });
            } else if self.letters.len() > ended {
                ended = self.letters.len();
                self.ends.push(ended as u32);
            }
        }
        if self.letters.len() > ended {
            self.ends.push(self.letters.len() as u32);
        }
    }

    fn iter(&self) -> impl Iterator<Item = &[Letter]> {
        let mut from = 0;
        self.ends.iter().map(move |end| {
            let piece = &self.letters[from..*end as usize];
            from = *end as usize;
            piece
        })
    }
}

/// Whether a digit or sign can be written for a letter.
pub(crate) fn stands_for(sign: char, letter: char) -> bool {
    lookalikes::leet(sign).contains(&letter)
}
