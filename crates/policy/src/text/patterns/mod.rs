//! Regular expressions: any number of them over one text, each in linear time.
//!
//! A pattern sees the folded view, and the joined one where that differs; case does not matter. It runs only if the text has
//! the letters that it cannot do without: those are looked for in squash space, where leetspeak and repeated letters
//! are alike, so that `f+r[e3]+` is filtered as well as `free`. A pattern is compiled when it first gets that far.
//!
//! A pattern without characters beyond ASCII has ASCII's `\w`, `\d` and `\b`: a third of the memory. What all patterns of
//! a set may cost on one text is bounded, see [`Patterns::scan`].

mod candidates;
mod literals;
mod needs;

use super::table;
use super::{Text, View, Work};
pub(crate) use candidates::Candidates;
use candidates::Places;
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

/// A view, and what of it the gates of patterns ask.
struct Written<'v> {
    view: &'v View,
    digits: u32,
    /// How often each character of ASCII is in it that is no letter or digit.
    signs: &'v [u16; 128],
}

/// What came of running a pattern.
enum Run {
    Found(Range<usize>),
    NotFound,
    /// It was left out.
    TooDear,
}

/// Letters in squash space, one stretch of which is needed.
type Stretches = Vec<Vec<u8>>;

#[derive(Debug)]
struct Pattern {
    source: Box<str>,
    /// The list that it is of.
    list: u16,
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
        Self::of_lists(sources.into_iter().map(|source| (0, source)))
    }

    /// A set of several lists, each pattern with the number of its own.
    pub(crate) fn of_lists<'a>(
        sources: impl IntoIterator<Item = (u16, &'a str)>,
    ) -> (Self, Vec<(usize, PatternFault)>) {
        let mut set = Self::default();
        let (mut literals, mut always) = (Vec::new(), Vec::new());
        let mut faults = Vec::new();
        for (place, (list, source)) in sources.into_iter().enumerate() {
            let mut pattern = match Pattern::read(source) {
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
            pattern.list = list;
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
        let mut candidates = Candidates::default();
        self.candidates(text, &mut candidates);
        let mut complete = true;
        let mut told = Places::default();
        for (view, places) in candidates.views(text) {
            let written = Written::of(view, text);
            for place in places.as_slice() {
                if told.as_slice().contains(place) {
                    continue;
                }
                match self.run(*place, &written, work) {
                    Run::Found(span) => {
                        if text.has_joined {
                            told.push(*place);
                        }
                        let pattern = *place as usize;
                        if matched(Matched { pattern, span }).is_break() {
                            return complete;
                        }
                    }
                    Run::NotFound => {}
                    Run::TooDear => complete = false,
                }
            }
        }
        complete
    }

    /// Where the first pattern of a list stands in the text as it was written, of those that were found to be candidates.
    pub(crate) fn first_of(
        &self,
        list: u16,
        candidates: &Candidates,
        text: &Text,
        work: &mut Work,
    ) -> Option<Range<usize>> {
        candidates.views(text).find_map(|(view, places)| {
            let places = places.as_slice();
            let list_of = |place: &u32| self.all[*place as usize].list;
            let from = places.partition_point(|place| list_of(place) < list);
            let theirs = places[from..].iter().take_while(|place| list_of(place) == list);
            let written = Written::of(view, text);
            theirs
                .into_iter()
                .find_map(|place| match self.run(*place, &written, work) {
                    Run::Found(span) => Some(span),
                    Run::NotFound | Run::TooDear => None,
                })
        })
    }

    /// The lists that have candidates.
    pub(crate) fn lists_of(&self, candidates: &Candidates, mut list: impl FnMut(u16)) {
        let places = candidates.folded.as_slice().iter();
        for place in places.chain(candidates.joined.as_slice()) {
            list(self.all[*place as usize].list);
        }
    }

    fn run(&self, place: u32, written: &Written<'_>, work: &mut Work) -> Run {
        let (pattern, text) = (&self.all[place as usize], written.view.as_str());
        if !work.run(u64::from(pattern.cost) * text.len() as u64) {
            return Run::TooDear;
        }
        let found = pattern.regex().and_then(|regex| regex.find(text));
        found.map_or(Run::NotFound, |found| {
            Run::Found(written.view.original(found.range()))
        })
    }

    /// The patterns whose letters and signs are there: list by list, the cheap ones first.
    pub(crate) fn candidates(&self, text: &Text, candidates: &mut Candidates) {
        candidates.clear();
        if self.all.is_empty() {
            return;
        }
        let written = Written::of(&text.folded, text);
        self.candidates_in(text.squashed.classes(), &written, &mut candidates.folded);
        if text.has_joined {
            let mut classes: Vec<u8> = text
                .joined
                .as_str()
                .chars()
                .map(|c| table::entry(c).class)
                .collect();
            classes.dedup();
            let written = Written::of(&text.joined, text);
            self.candidates_in(&classes, &written, &mut candidates.joined);
        }
    }

    fn candidates_in(&self, classes: &[u8], written: &Written<'_>, candidates: &mut Places) {
        let may_match = |place: u32| self.all[place as usize].may_match(written);
        for place in self.always.iter().filter(|place| may_match(**place)) {
            candidates.push(*place);
        }
        self.literals.find(classes, |place| {
            if may_match(place) {
                candidates.push_once(place, self.all.len());
            }
        });
        candidates.as_mut_slice().sort_unstable_by_key(|place| {
            let pattern = &self.all[*place as usize];
            (pattern.list, pattern.cost, *place)
        });
    }
}

// === impl Written ===

impl<'v> Written<'v> {
    fn of(view: &'v View, text: &'v Text) -> Self {
        Self {
            view,
            // What is joined has no more of them.
            signs: text.signs(),
            digits: text.marks().digits + text.marks().percent_encoded,
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
            list: 0,
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
            list: 0,
            regex: OnceLock::from(None),
            least_bytes: u32::MAX,
            least_digits: 0,
            needs: None,
            cost: 0,
        }
    }

    fn may_match(&self, written: &Written<'_>) -> bool {
        self.needs.is_none_or(|needs| needs.are_met(written.signs))
            && written.view.as_str().len() >= self.least_bytes as usize
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SOURCES: &[&str] = &[
        "free +nitro",
        "n[i1]tr[o0]",
        r"\d{3}",
        "[!?]{2}",
        "слов[оа]",
        "nit",
        "^f",
        "x.z",
    ];

    proptest! {
        #[test]
        fn each_list_has_what_it_has_alone(
            lists in proptest::collection::vec(proptest::collection::vec(0..SOURCES.len(), 0..4), 1..40),
            words in proptest::collection::vec("free|n[i1]tr[o0]|n i t r o|f r e e|1234|!!|слово|xyz|and", 0..9),
        ) {
            let text = Text::of(&words.join(" "));
            let all = (0..).zip(&lists).flat_map(|(list, places)| places.iter().map(move |place| (list, SOURCES[*place])));
            let (set, _) = Patterns::of_lists(all);
            let mut candidates = Candidates::default();
            set.candidates(&text, &mut candidates);
            for (list, places) in (0..).zip(&lists) {
                let (alone, _) = Patterns::build(places.iter().map(|place| SOURCES[*place]));
                let mut first = None;
                alone.scan(&text, |matched| {
                    first = Some(matched.span);
                    ControlFlow::Break(())
                });
                prop_assert_eq!(set.first_of(list, &candidates, &text, &mut Work::default()), first);
            }
        }
    }
}
