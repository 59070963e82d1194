//! Looking up a text's words, and what they may be disguises of.

use super::build::{key, longest_part, sum_key};
use super::compare::{Lenience, compare, is_typo};
use super::told::{Firsts, Told};
use super::{ANY, Found, Term, TermKind, Words, shape};
use crate::text::forms::{Disguise, Form};
use crate::text::squash::GLUED;
use crate::text::table::{self, Kind, Script};
use crate::text::tokens::{self, Token, beside};
use crate::text::{Text, Work, everyday};
use std::ops::ControlFlow;

pub(super) struct Scan<'a, F> {
    pub(super) words: &'a Words,
    pub(super) text: &'a Text,
    pub(super) folded: &'a str,
    left: u32,
    /// Whether the text is otherwise in Latin letters; worked out when it matters.
    latin: Option<bool>,
    pub(super) told: F,
}

// === impl Words ===

impl Words {
    /// Tells of every term in the text until it is told to stop. One place may be told of for several terms.
    pub fn scan(&self, text: &Text, found: impl FnMut(Found) -> ControlFlow<()>) {
        self.scan_within(text, &mut Work::default(), found);
    }

    /// The same, as far as the work allows.
    fn scan_within(&self, text: &Text, work: &mut Work, told: impl Told) {
        if !work.look_up(text.tokens.len() + text.forms.all.len()) {
            return;
        }
        let mut scan = Scan {
            words: self,
            text,
            folded: text.folded.as_str(),
            left: work.compared,
            latin: None,
            told,
        };
        // Stopped by who asked.
        let _ = scan.run();
        work.compared = scan.left;
    }

    /// The first term in the text, if any.
    pub fn find(&self, text: &Text) -> Option<Found> {
        self.find_within(text, &mut Work::default())
    }

    pub(crate) fn find_within(&self, text: &Text, work: &mut Work) -> Option<Found> {
        let mut first = None;
        self.scan_within(text, work, |found: Found| {
            first = Some(found);
            ControlFlow::Break(())
        });
        first
    }

    /// The first term of each list, as each would be found if it were alone.
    pub(crate) fn firsts_within(&self, text: &Text, work: &mut Work, firsts: &mut Firsts) {
        firsts.clear();
        self.scan_within(text, work, firsts);
    }
}

// === impl Scan ===

impl<'a, F: Told> Scan<'a, F> {
    /// The term that is to be compared next; none once its list is not looked for any more, or that would be too much work.
    fn next(&mut self, number: usize) -> Option<&'a Term> {
        let term = &self.words.terms[number];
        if !self.told.wants(term.list) {
            return None;
        }
        self.left = self.left.saturating_sub(1);
        (self.left > 0).then_some(term)
    }

    fn run(&mut self) -> ControlFlow<()> {
        if !self.words.exact.is_empty() {
            self.exact()?;
        }
        if !self.words.whole.is_empty() {
            for place in 0..self.text.tokens.len() {
                self.token(place)?;
            }
            for form in &self.text.forms.all {
                self.form(form)?;
            }
        }
        self.parts()
    }

    /// What it seldom calls is not inlined: that would cost every word a tenth.
    fn token(&mut self, place: usize) -> ControlFlow<()> {
        let (words, token) = (self.words, &self.text.tokens[place]);
        for number in words.whole.find(token.key) {
            self.whole(number, token)?;
        }
        if let Some(next) = self.text.tokens.get(place + 1) {
            if words.has_phrases {
                for number in words.whole.find(beside(token.key, next.key)) {
                    self.phrase(number, place)?;
                }
            }
            if self.may_be_one(token, next) {
                for number in words.whole.find(self.text.squashed.glued(token, next)) {
                    self.split(number, token, next)?;
                }
            }
        }
        if token.letters_only & (token.length >= 5) && !words.typos.is_empty() {
            let sum = tokens::sum(self.folded, token.start as usize..token.end as usize);
            if words.typos.may_hold(sum_key(sum, usize::from(token.length))) {
                self.typo(token, sum)?;
            }
        }
        ControlFlow::Continue(())
    }

    /// `cu nt`: neighbours that may be one word.
    fn may_be_one(&self, one: &Token, two: &Token) -> bool {
        // Asked at once: which of it fails cannot be foretold.
        (one.length.min(two.length) <= 5)
            & (4..=GLUED).contains(&usize::from(one.length + two.length))
            & (two.start - one.end == 1)
            & self.folded.as_bytes()[one.end as usize].is_ascii_whitespace()
            & !one.digits_only
            & !two.digits_only
    }

    #[inline(never)]
    fn split(&mut self, number: usize, one: &Token, two: &Token) -> ControlFlow<()> {
        // Split words would otherwise be found in "as so": the term has to be worth the guess.
        let Some(term) = self
            .next(number)
            .filter(|term| term.disguises() && term.letters() >= 4)
        else {
            return ControlFlow::Continue(());
        };
        let is_word = |token: &Token| everyday::is_word(self.said(token));
        if one.length + two.length < 7 && is_word(one) && is_word(two) {
            return ControlFlow::Continue(());
        }
        let lenience = Lenience {
            repeats: false,
            leet: false,
            foreign: false,
        };
        let letters = self.said(one).chars().chain(self.said(two).chars());
        match compare(self.words.term_text(term), &letters, lenience) {
            Some(Disguise::None | Disguise::Lookalikes) => {
                self.tell(number, (one.start, two.end), Disguise::Split)
            }
            _ => ControlFlow::Continue(()),
        }
    }

    fn said(&self, token: &Token) -> &'a str {
        &self.folded[token.start as usize..token.end as usize]
    }

    #[inline(never)]
    fn whole(&mut self, number: usize, token: &Token) -> ControlFlow<()> {
        let Some(term) = self
            .next(number)
            .filter(|term| term.kind != TermKind::Phrase || term.disguises())
        else {
            return ControlFlow::Continue(());
        };
        let lenience = self.lenience(term, token.digits_only);
        let said = self.said(token);
        let Some(mut disguise) = self.compared(term, said, lenience) else {
            return ControlFlow::Continue(());
        };
        if term.disguises() && self.has_dollar(token) {
            return ControlFlow::Continue(());
        }
        if term.kind == TermKind::Phrase && disguise == Disguise::None {
            disguise = Disguise::Split;
        }
        self.tell(number, (token.start, token.end), disguise)
    }

    /// A single dollar at a word's edge is its letter: "$crap" is looked up as a form.
    fn has_dollar(&self, token: &Token) -> bool {
        let bytes = self.folded.as_bytes();
        let (start, end) = (token.start as usize, token.end as usize);
        let before = start >= 1 && bytes[start - 1] == b'$' && (start < 2 || bytes[start - 2] != b'$');
        let after = bytes.get(end) == Some(&b'$') && bytes.get(end + 1) != Some(&b'$');
        before || after
    }

    /// Compares a word, minding that some everyday words are another one with a letter doubled.
    fn compared(&mut self, term: &Term, said: &str, mut lenience: Lenience) -> Option<Disguise> {
        let wanted = self.words.term_text(term);
        let disguise = compare(wanted, &said.chars(), lenience).or_else(|| {
            lenience.foreign = term.disguises() && term.letters() >= 4 && self.is_foreign(said);
            lenience
                .foreign
                .then(|| compare(wanted, &said.chars(), lenience))
                .flatten()
        })?;
        let innocent = disguise == Disguise::Repeated && everyday::is_word(said);
        (!innocent && (term.disguises() || disguise == Disguise::None)).then_some(disguise)
    }

    fn lenience(&self, term: &Term, digits_only: bool) -> Lenience {
        let lenient = term.disguises() && !digits_only;
        Lenience {
            repeats: lenient,
            leet: lenient,
            foreign: false,
        }
    }

    /// A word of letters that resemble Latin ones, alone in a text that is in Latin letters; or of letters that no living
    /// language writes beside each other.
    fn is_foreign(&mut self, said: &str) -> bool {
        if said.contains(['ԁ', 'ԝ', 'ԛ', 'һ', 'ѕ', 'ӏ', 'ϲ', 'ϳ']) {
            return true;
        }
        let text = self.text;
        *self.latin.get_or_insert_with(|| {
            let folded = &text.folded.text;
            let script = |token: &Token| {
                let first = folded[token.start as usize..].chars().next();
                first.map_or(Script::Common, |c| table::entry(c).script)
            };
            let count = |wanted: Script| text.tokens.iter().filter(|token| script(token) == wanted).count();
            count(Script::Latin) >= 1 && count(Script::Cyrillic) + count(Script::Greek) <= 1
        })
    }

    #[inline(never)]
    pub(super) fn phrase(&mut self, number: usize, place: usize) -> ControlFlow<()> {
        let Some(term) = self.next(number).filter(|term| term.kind == TermKind::Phrase) else {
            return ControlFlow::Continue(());
        };
        let tokens = &self.text.tokens[place..];
        let mut worst = Disguise::None;
        let mut last = 0;
        for (at, wanted) in self.words.term_text(term).split(' ').enumerate() {
            let Some(token) = tokens.get(at) else {
                return ControlFlow::Continue(());
            };
            let lenience = self.lenience(term, token.digits_only);
            match compare(wanted, &self.said(token).chars(), lenience) {
                Some(disguise) if term.disguises() || disguise == Disguise::None => {
                    worst = worst.max(disguise);
                }
                _ => return ControlFlow::Continue(()),
            }
            last = at;
        }
        self.tell(number, (tokens[0].start, tokens[last].end), worst)
    }

    #[inline(never)]
    fn typo(&mut self, token: &Token, sum: u32) -> ControlFlow<()> {
        let (words, said) = (self.words, self.said(token));
        let class = |c: Option<char>| c.map_or(0, |c| table::entry(c).class);
        let (mut ahead, mut back) = (said.chars(), said.chars().rev());
        let (first, second) = (class(ahead.next()), class(ahead.next()));
        let (last, other) = (class(back.next()), class(back.next()));
        let length = u32::from(token.length);
        // Two letters may be exchanged at one edge; what is left out is at none.
        let same = shape(length, [first, last]);
        let exchanged = [[first, other], [second, last]].map(|edges| shape(length, edges));
        let exchanged = exchanged.into_iter().filter(|shape| *shape != same);
        let lacking = shape(length + 1, [first, last]);
        for shape in [same].into_iter().chain(exchanged).chain([lacking]) {
            for number in words.by_shape.find(shape) {
                if self.left == 0 {
                    return ControlFlow::Continue(());
                }
                self.left -= 1;
                if !tokens::may_differ(words.sums[number], sum, shape == lacking) {
                    continue;
                }
                let term = &words.terms[number];
                if !term.typos() || !self.told.wants(term.list) || !is_typo(words.term_text(term), said) {
                    continue;
                }
                if everyday::is_word(said) {
                    return ControlFlow::Continue(());
                }
                self.tell(number, (token.start, token.end), Disguise::Typo)?;
            }
        }
        self.left = self.left.saturating_sub(8);
        ControlFlow::Continue(())
    }

    fn form(&mut self, form: &Form) -> ControlFlow<()> {
        let words = self.words;
        match form.disguise {
            Disguise::Masked => {
                let letters = self.text.forms.letters(form);
                let [first, .., last] = letters else {
                    return ControlFlow::Continue(());
                };
                let edges = [first, last].map(|letter| table::entry(letter.c).class);
                for number in words.by_shape.find(shape(letters.len() as u32, edges)) {
                    self.formed(number, form)?;
                }
                ControlFlow::Continue(())
            }
            _ => {
                for number in words.whole.find(form.key) {
                    self.formed(number, form)?;
                }
                ControlFlow::Continue(())
            }
        }
    }

    fn formed(&mut self, number: usize, form: &Form) -> ControlFlow<()> {
        let Some(term) = self.next(number).filter(|term| term.disguises()) else {
            return ControlFlow::Continue(());
        };
        let wanted = self.words.term_text(term);
        let lenience = Lenience {
            repeats: form.disguise != Disguise::Masked,
            leet: true,
            foreign: false,
        };
        let letters = self.text.forms.letters(form).iter().map(|letter| letter.c);
        if compare(wanted, &letters, lenience).is_none() {
            return ControlFlow::Continue(());
        }
        self.tell(number, form.span, form.disguise)
    }

    /// Terms with wildcards or signs: by a part of them in squash space.
    fn parts(&mut self) -> ControlFlow<()> {
        let (words, squashed) = (self.words, &self.text.squashed);
        let Some(parts) = &words.parts else {
            return ControlFlow::Continue(());
        };
        let mut places: Option<Vec<u32>> = None;
        let mut told = None;
        for hit in parts.find_overlapping_iter(squashed.classes()) {
            let number = words.part_terms[hit.pattern().as_usize()] as usize;
            let Some(term) = self.next(number) else {
                if self.left == 0 {
                    break;
                }
                continue;
            };
            let places = places.get_or_insert_with(|| squashed.places(self.folded));
            let place = |class: usize| {
                places
                    .get(class)
                    .map_or(self.folded.len(), |place| *place as usize)
            };
            let (start, end) = (place(hit.start()), place(hit.end()));
            match term.kind {
                TermKind::Wild => {
                    // Parts of one word may hit several times.
                    let Some(token) = self
                        .token_at(start as u32)
                        .filter(|token| told != Some((number, token.start)))
                    else {
                        continue;
                    };
                    told = Some((number, token.start));
                    self.wild(number, &token)?;
                }
                _ => self.stretch(number, start, end)?,
            }
        }
        ControlFlow::Continue(())
    }

    fn token_at(&self, place: u32) -> Option<Token> {
        let tokens = &self.text.tokens;
        let at = tokens.partition_point(|token| token.end <= place);
        tokens.get(at).filter(|token| token.start <= place).copied()
    }

    fn wild(&mut self, number: usize, token: &Token) -> ControlFlow<()> {
        let term = &self.words.terms[number];
        let said = self.said(token);
        if said.chars().count() > super::super::forms::LONGEST * 4 {
            return ControlFlow::Continue(());
        }
        let lenience = self.lenience(term, token.digits_only);
        let Some(disguise) = self.compared(term, said, lenience) else {
            return ControlFlow::Continue(());
        };
        let wanted = self.words.term_text(term);
        let named = wanted.chars().filter(|c| *c != ANY).count();
        let allowed = (term.list, key(said));
        if self.words.allowed.binary_search(&allowed).is_ok()
            || everyday::is_innocent(said, longest_part(wanted), named)
        {
            return ControlFlow::Continue(());
        }
        self.tell(number, (token.start, token.end), disguise)
    }

    /// Those very characters, near where their letters were seen.
    fn stretch(&mut self, number: usize, start: usize, end: usize) -> ControlFlow<()> {
        let term = &self.words.terms[number];
        let wanted = self.words.term_text(term);
        let from = self
            .folded
            .floor_char_boundary(start.saturating_sub(wanted.len()));
        let to = self.folded.ceil_char_boundary(end + wanted.len());
        let is_word =
            |c: Option<char>| c.is_some_and(|c| matches!(table::entry(c).kind, Kind::Letter | Kind::Digit));
        for (at, _) in self.folded[from..to].match_indices(wanted) {
            let (first, last) = (from + at, from + at + wanted.len());
            let torn = term.kind == TermKind::Signs
                && ((is_word(wanted.chars().next()) && is_word(self.folded[..first].chars().next_back()))
                    || (is_word(wanted.chars().next_back()) && is_word(self.folded[last..].chars().next())));
            if !torn {
                return self.tell(number, (first as u32, last as u32), Disguise::None);
            }
        }
        ControlFlow::Continue(())
    }

    pub(super) fn tell(&mut self, number: usize, span: (u32, u32), disguise: Disguise) -> ControlFlow<()> {
        let term = &self.words.terms[number];
        self.told.tell(Found {
            list: usize::from(term.list),
            term: term.place as usize,
            span: span.0 as usize..span.1 as usize,
            disguise,
        })
    }
}
