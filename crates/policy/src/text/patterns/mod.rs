//! Regular expressions: any number of them over one text, each in linear time.
//!
//! A pattern sees the folded view, and the joined one where that differs; case does not matter. It runs only if the text has
//! the letters that it cannot do without: those are looked for in squash space, where leetspeak and repeated letters
//! are alike, so that `f+r[e3]+` is filtered as well as `free`. A pattern is compiled when it first gets that far.
//!
//! A pattern without characters beyond ASCII has ASCII's `\w`, `\d` and `\b`: a third of the memory. What all patterns of
//! a set may cost on one text is bounded, see [`Patterns::scan`].

mod literals;
mod needs;

use super::table;
use super::{Text, View, Work};
use literals::Literals;
use needs::{Needs, counts, least_digits, needed, needs, states};
use regex::{Regex, RegexBuilder};
use std::ops::{ControlFlow, Range};
use std::sync::OnceLock;

/// Why a pattern is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternFault {
    #[error("a pattern has at most {} characters", Patterns::LONGEST)]
    TooLong,
    #[error("the pattern is not understood: {0}")]
    Syntax(String),
    #[error("the pattern is too large when it is written out: make its counts smaller")]
    TooLarge,
    #[error("the pattern is found in every text")]
    Always,
}

/// A pattern in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matched {
    /// Its place among those given.
    pub pattern: usize,
    /// Where it was written in the original.
    pub span: Range<usize>,
}

/// A set of patterns.
#[derive(Debug, Default)]
pub struct Patterns {
    all: Vec<Pattern>,
    /// Letters in squash space, and the patterns that need some of them.
    literals: Literals,
    /// Patterns without such letters.
    always: Box<[u32]>,
}

/// Places of patterns: a few of them need no memory of their own.
#[derive(Default)]
struct Places {
    few: [u32; FEW],
    many: Vec<u32>,
    count: usize,
    pushed: Vec<bool>,
}

const FEW: usize = 32;

/// A view, and what of it the gates of patterns ask.
struct Written<'v> {
    text: &'v str,
    digits: u32,
    /// How often each character of ASCII is in it that is no letter or digit.
    signs: &'v [u16; 128],
}

/// Letters in squash space, one stretch of which is needed.
type Stretches = Vec<Vec<u8>>;

#[derive(Debug)]
struct Pattern {
    source: Box<str>,
    regex: OnceLock<Option<Box<Regex>>>,
    least_bytes: u32,
    least_digits: u32,
    needs: Option<Needs>,
    /// About how many nanoseconds it may cost for each byte.
    cost: u32,
}

const SIZE_LIMIT: usize = 256 * 1024;
const MOST_STATES: u32 = 4_000;

// === impl Patterns ===

impl Patterns {
    /// Characters of a pattern.
    pub const LONGEST: usize = 512;

    /// Refuses what [`Patterns::build`] would leave out, and what turns out too large when it is compiled.
    pub fn check(source: &str) -> Result<(), PatternFault> {
        let (pattern, _) = Pattern::read(source)?;
        compile(&pattern.source).map(|_| ())
    }

    /// A set of these. Those that are refused are told of by their place, and the others taken.
    pub fn build<'a>(sources: impl IntoIterator<Item = &'a str>) -> (Self, Vec<(usize, PatternFault)>) {
        let mut set = Self::default();
        let (mut literals, mut always) = (Vec::new(), Vec::new());
        let mut faults = Vec::new();
        for (place, source) in sources.into_iter().enumerate() {
            let pattern = match Pattern::read(source) {
                Ok((pattern, Some(needed))) => {
                    literals.extend(needed.into_iter().map(|stretch| (stretch, place as u32)));
                    pattern
                }
                Ok((pattern, None)) => {
                    always.push(place as u32);
                    pattern
                }
                Err(fault) => {
                    faults.push((place, fault));
                    Pattern::never()
                }
            };
            set.all.push(pattern);
        }
        set.literals = Literals::of(&literals);
        set.always = always.into();
        (set, faults)
    }

    pub fn len(&self) -> usize {
        self.all.len()
    }

    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Tells of each pattern's first match until it is told to stop. False if some were left out because all together would
    /// have cost too much on a text as long as this.
    pub fn scan(&self, text: &Text, matched: impl FnMut(Matched) -> ControlFlow<()>) -> bool {
        self.scan_within(text, &mut Work::default(), matched)
    }

    /// The same, with what is left of the work for one event.
    pub(crate) fn scan_within(
        &self,
        text: &Text,
        work: &mut Work,
        mut matched: impl FnMut(Matched) -> ControlFlow<()>,
    ) -> bool {
        if self.all.is_empty() {
            return true;
        }
        let mut complete = true;
        let mut told = Places::default();
        let joined = text.has_joined.then_some(&text.joined);
        for view in [Some(&text.folded), joined].into_iter().flatten() {
            let candidates = self.candidates(text, view);
            if candidates.count == 0 {
                continue;
            }
            let written = Written {
                text: view.as_str(),
                // What is joined has no more of them.
                signs: text.signs(),
                digits: text.marks().digits + text.marks().percent_encoded,
            };
            for place in candidates.as_slice() {
                let pattern = &self.all[*place as usize];
                if told.as_slice().contains(place) || !pattern.may_match(&written) {
                    continue;
                }
                let cost = u64::from(pattern.cost) * view.as_str().len() as u64;
                if !work.run(cost) {
                    complete = false;
                    continue;
                }
                let Some(found) = pattern.regex().and_then(|regex| regex.find(view.as_str())) else {
                    continue;
                };
                if text.has_joined {
                    told.push(*place);
                }
                let span = view.original(found.range());
                let pattern = *place as usize;
                if matched(Matched { pattern, span }).is_break() {
                    return complete;
                }
            }
        }
        complete
    }

    /// The patterns whose letters are there, the cheap ones first.
    fn candidates(&self, text: &Text, view: &View) -> Places {
        let mut candidates = Places::default();
        self.always.iter().for_each(|place| candidates.push(*place));
        let mut push = |pattern| candidates.push_once(pattern, self.all.len());
        if std::ptr::eq(view, &raw const text.folded) {
            self.literals.find(text.squashed.classes(), &mut push);
        } else {
            let mut classes: Vec<u8> = view.as_str().chars().map(|c| table::entry(c).class).collect();
            classes.dedup();
            self.literals.find(&classes, &mut push);
        }
        let cost = |place: &u32| (self.all[*place as usize].cost, *place);
        candidates.as_mut_slice().sort_unstable_by_key(cost);
        candidates
    }
}

// === impl Places ===

impl Places {
    fn push(&mut self, place: u32) {
        if let Some(free) = self.few.get_mut(self.count) {
            *free = place;
        } else {
            if self.many.is_empty() {
                self.many.extend_from_slice(&self.few);
            }
            self.many.push(place);
        }
        self.count += 1;
    }

    /// Of many, which were pushed is marked: looking through them for each would cost their square.
    fn push_once(&mut self, place: u32, all: usize) {
        if self.count < FEW {
            if !self.as_slice().contains(&place) {
                self.push(place);
            }
            return;
        }
        if self.pushed.is_empty() {
            self.pushed.resize(all, false);
            for known in &self.few {
                self.pushed[*known as usize] = true;
            }
            for known in &self.many {
                self.pushed[*known as usize] = true;
            }
        }
        if !std::mem::replace(&mut self.pushed[place as usize], true) {
            self.push(place);
        }
    }

    fn as_slice(&self) -> &[u32] {
        if self.count > FEW {
            &self.many
        } else {
            &self.few[..self.count]
        }
    }

    fn as_mut_slice(&mut self) -> &mut [u32] {
        if self.count > FEW {
            &mut self.many
        } else {
            &mut self.few[..self.count]
        }
    }
}

// === impl Pattern ===

impl Pattern {
    /// The pattern, and the letters in squash space of which it needs one stretch.
    fn read(source: &str) -> Result<(Self, Option<Stretches>), PatternFault> {
        if source.chars().count() > Patterns::LONGEST {
            return Err(PatternFault::TooLong);
        }
        let hir = regex_syntax::ParserBuilder::new()
            .case_insensitive(true)
            .unicode(!source.is_ascii())
            .utf8(false)
            .nest_limit(32)
            .build()
            .parse(source)
            .map_err(|error| PatternFault::Syntax(syntax(&error)))?;
        let states = states(&hir);
        if states > MOST_STATES {
            return Err(PatternFault::TooLarge);
        }
        let least = hir.properties().minimum_len().unwrap_or(0);
        if least == 0 {
            return Err(PatternFault::Always);
        }
        let counted = counts(&hir);
        let pattern = Self {
            source: source.into(),
            regex: OnceLock::new(),
            // Letters that differ from the ones in the text may be shorter than those.
            least_bytes: if source.is_ascii() { least as u32 } else { 1 },
            least_digits: least_digits(&hir),
            needs: needs(&hir),
            cost: if counted { 6 * states } else { 2 },
        };
        let needed = needed(&hir)
            .best
            .filter(|all| all.iter().all(|one| one.len() >= 2));
        Ok((pattern, needed))
    }

    fn never() -> Self {
        Self {
            source: "".into(),
            regex: OnceLock::from(None),
            least_bytes: u32::MAX,
            least_digits: 0,
            needs: None,
            cost: 0,
        }
    }

    fn may_match(&self, written: &Written<'_>) -> bool {
        self.needs.is_none_or(|needs| needs.are_met(written.signs))
            && written.text.len() >= self.least_bytes as usize
            && written.digits >= self.least_digits
    }

    fn regex(&self) -> Option<&Regex> {
        self.regex
            .get_or_init(|| compile(&self.source).ok().map(Box::new))
            .as_deref()
    }
}

fn compile(source: &str) -> Result<Regex, PatternFault> {
    let build = |unicode: bool| {
        RegexBuilder::new(source)
            .case_insensitive(true)
            .unicode(unicode)
            .nest_limit(32)
            .size_limit(SIZE_LIMIT)
            .dfa_size_limit(SIZE_LIMIT)
            .build()
    };
    // Without Unicode a dot would match half a character, which is refused.
    let built = if source.is_ascii() {
        build(false).or_else(|_| build(true))
    } else {
        build(true)
    };
    built.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => PatternFault::TooLarge,
        error => PatternFault::Syntax(error.to_string()),
    })
}

/// The kind of fault alone: the whole message draws the pattern over several lines.
fn syntax(error: &regex_syntax::Error) -> String {
    match error {
        regex_syntax::Error::Parse(error) => error.kind().to_string(),
        regex_syntax::Error::Translate(error) => error.kind().to_string(),
        other => other.to_string(),
    }
}
