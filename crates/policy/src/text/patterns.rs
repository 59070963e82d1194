//! Regular expressions: any number of them over one text, each in linear time.
//!
//! A pattern sees the folded view, and the joined one where that differs; case does not matter. It runs only if the text has
//! the letters that it cannot do without: those are looked for in squash space, where leetspeak and repeated letters
//! are alike, so that `f+r[e3]+` is filtered as well as `free`. A pattern is compiled when it first gets that far.
//!
//! A pattern without characters beyond ASCII has ASCII's `\w`, `\d` and `\b`: a third of the memory. What all patterns of
//! a set may cost on one text is bounded, see [`Patterns::scan`].

use super::table;
use super::{Text, View};
use aho_corasick::{AhoCorasick, AhoCorasickKind};
use regex::{Regex, RegexBuilder};
use regex_syntax::hir::{Class, Hir, HirKind};
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
    literals: Option<AhoCorasick>,
    literal_patterns: Box<[u32]>,
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
    /// A bit for each ASCII character that is in it.
    has: u128,
}

/// Letters in squash space, one stretch of which is needed.
type Stretches = Vec<Vec<u8>>;

#[derive(Debug)]
struct Pattern {
    source: Box<str>,
    regex: OnceLock<Option<Box<Regex>>>,
    least_bytes: u32,
    least_digits: u32,
    /// A bit for each ASCII character, one of which it needs; all bits where it needs none of them.
    needs: u128,
    /// About how many nanoseconds it may cost for each byte.
    cost: u32,
}

/// Nanoseconds that the patterns may cost on one text, as far as that can be told beforehand.
const BUDGET: u64 = 1_500_000;
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
        let (mut literals, mut owners, mut always) = (Vec::new(), Vec::new(), Vec::new());
        let mut faults = Vec::new();
        for (place, source) in sources.into_iter().enumerate() {
            let pattern = match Pattern::read(source) {
                Ok((pattern, Some(needed))) => {
                    owners.extend(needed.iter().map(|_| place as u32));
                    literals.extend(needed);
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
        if !literals.is_empty() {
            set.literals = AhoCorasick::builder()
                .kind(Some(AhoCorasickKind::ContiguousNFA))
                .prefilter(false)
                .build(&literals)
                .ok();
            if set.literals.is_none() {
                always.extend(owners.iter().copied());
                always.dedup();
            }
        }
        set.literal_patterns = owners.into();
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
    pub fn scan(&self, text: &Text, mut matched: impl FnMut(Matched) -> ControlFlow<()>) -> bool {
        if self.all.is_empty() {
            return true;
        }
        let mut left = BUDGET;
        let mut complete = true;
        let mut told = Places::default();
        let joined = text.has_joined.then_some(&text.joined);
        for view in [Some(&text.folded), joined].into_iter().flatten() {
            let candidates = self.candidates(text, view);
            if candidates.count == 0 {
                continue;
            }
            let ascii = view.as_str().bytes().filter(u8::is_ascii);
            let written = Written {
                text: view.as_str(),
                has: ascii.fold(0, |has, byte| has | 1 << byte),
                digits: text.marks().digits + text.marks().percent_encoded,
            };
            for place in candidates.as_slice() {
                let pattern = &self.all[*place as usize];
                if told.as_slice().contains(place) || !pattern.may_match(&written) {
                    continue;
                }
                let cost = u64::from(pattern.cost) * view.as_str().len() as u64;
                if cost > left {
                    complete = false;
                    continue;
                }
                left -= cost;
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
        let Some(literals) = &self.literals else {
            return candidates;
        };
        let mut look = |classes: &[u8]| {
            for hit in literals.find_overlapping_iter(classes) {
                candidates.push_once(self.literal_patterns[hit.pattern().as_usize()], self.all.len());
            }
        };
        if std::ptr::eq(view, &raw const text.folded) {
            look(&text.squashed.classes);
        } else {
            let mut classes: Vec<u8> = view.as_str().chars().map(|c| table::entry(c).class).collect();
            classes.dedup();
            look(&classes);
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
            needs: needs(&hir).unwrap_or(u128::MAX),
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
            needs: 0,
            cost: 0,
        }
    }

    fn may_match(&self, written: &Written<'_>) -> bool {
        (self.needs == u128::MAX || self.needs & written.has != 0)
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

/// About how many steps it has when its counts are written out.
fn states(hir: &Hir) -> u32 {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => 0,
        HirKind::Literal(literal) => literal.0.len() as u32,
        HirKind::Class(_) => 1,
        HirKind::Repetition(repetition) => {
            let times = repetition.max.unwrap_or(repetition.min.saturating_add(1)).max(1);
            states(&repetition.sub).max(1).saturating_mul(times)
        }
        HirKind::Capture(capture) => states(&capture.sub),
        HirKind::Concat(subs) | HirKind::Alternation(subs) => subs
            .iter()
            .fold(0_u32, |sum, sub| sum.saturating_add(states(sub))),
    }
}

/// Whether a count in it may make the quick ways of the engine give up.
fn counts(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Repetition(repetition) => {
            repetition.min.max(repetition.max.unwrap_or(0)) > 8 || counts(&repetition.sub)
        }
        HirKind::Capture(capture) => counts(&capture.sub),
        HirKind::Concat(subs) | HirKind::Alternation(subs) => subs.iter().any(counts),
        _ => false,
    }
}

/// How many digits all that it matches has.
fn least_digits(hir: &Hir) -> u32 {
    match hir.kind() {
        HirKind::Literal(literal) => literal.0.iter().filter(|byte| byte.is_ascii_digit()).count() as u32,
        HirKind::Class(class) => u32::from(match class {
            Class::Unicode(class) => class
                .iter()
                .all(|range| range.start() >= '0' && range.end() <= '9'),
            Class::Bytes(class) => class
                .iter()
                .all(|range| range.start() >= b'0' && range.end() <= b'9'),
        }),
        HirKind::Repetition(repetition) => least_digits(&repetition.sub).saturating_mul(repetition.min),
        HirKind::Capture(capture) => least_digits(&capture.sub),
        HirKind::Concat(subs) => subs.iter().map(least_digits).fold(0, u32::saturating_add),
        HirKind::Alternation(subs) => subs.iter().map(least_digits).min().unwrap_or(0),
        HirKind::Empty | HirKind::Look(_) => 0,
    }
}

/// ASCII characters, one of which all that it matches has; none where that is not so.
fn needs(hir: &Hir) -> Option<u128> {
    let of_range = |start: u32, end: u32| (start..=end).fold(0, |bits, c| bits | 1_u128 << c);
    match hir.kind() {
        HirKind::Literal(literal) => {
            let first = *literal.0.first()?;
            first.is_ascii().then(|| 1 << first)
        }
        HirKind::Class(Class::Unicode(class)) => class.is_ascii().then(|| {
            let ranges = class
                .iter()
                .map(|range| of_range(range.start() as u32, range.end() as u32));
            ranges.fold(0, |all, one| all | one)
        }),
        HirKind::Class(Class::Bytes(class)) => class.is_ascii().then(|| {
            let ranges = class
                .iter()
                .map(|range| of_range(range.start().into(), range.end().into()));
            ranges.fold(0, |all, one| all | one)
        }),
        HirKind::Repetition(repetition) if repetition.min > 0 => needs(&repetition.sub),
        HirKind::Capture(capture) => needs(&capture.sub),
        HirKind::Concat(subs) => subs.iter().filter_map(needs).min_by_key(|bits| bits.count_ones()),
        HirKind::Alternation(subs) => subs.iter().map(needs).try_fold(0, |all, one| Some(all | one?)),
        HirKind::Empty | HirKind::Look(_) | HirKind::Repetition(_) => None,
    }
}

/// What a part of a pattern needs in squash space.
#[derive(Default)]
struct Needed {
    /// All that it matches looks like this, runs not yet collapsed.
    exact: Option<Vec<u8>>,
    /// One of these stretches is in all that it matches.
    best: Option<Stretches>,
}

const MOST_CHARS: usize = 64;
const MOST_STRETCHES: usize = 48;

fn needed(hir: &Hir) -> Needed {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Needed::exactly(Vec::new()),
        HirKind::Literal(literal) => std::str::from_utf8(&literal.0).map_or_else(
            |_| Needed::default(),
            |text| Needed::exactly(text.chars().map(|c| table::entry(c).class).collect()),
        ),
        HirKind::Class(class) => {
            one_class(class).map_or_else(Needed::default, |class| Needed::exactly(vec![class]))
        }
        HirKind::Capture(capture) => needed(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min == 0 => Needed::default(),
        HirKind::Repetition(repetition) => {
            let sub = needed(&repetition.sub);
            // A run of one letter is one class.
            match &sub.exact {
                Some(classes) if classes.windows(2).all(|pair| pair[0] == pair[1]) => sub,
                _ => Needed {
                    exact: None,
                    best: sub.best,
                },
            }
        }
        HirKind::Concat(subs) => {
            let mut best: Option<Stretches> = None;
            let mut run = Vec::new();
            let mut whole = true;
            for sub in subs {
                let sub = needed(sub);
                if let Some(exact) = sub.exact {
                    run.extend(exact);
                } else {
                    whole = false;
                    best = better(best, Needed::exactly(std::mem::take(&mut run)).best);
                    best = better(best, sub.best);
                }
            }
            best = better(best, Needed::exactly(run.clone()).best);
            Needed {
                exact: whole.then_some(run),
                best,
            }
        }
        HirKind::Alternation(subs) => {
            let mut all = Vec::new();
            for sub in subs {
                let Some(best) = needed(sub).best else {
                    return Needed::default();
                };
                all.extend(best);
            }
            Needed {
                exact: None,
                best: (all.len() <= MOST_STRETCHES).then_some(all),
            }
        }
    }
}

/// The class in squash space that all its characters share.
fn one_class(class: &Class) -> Option<u8> {
    let chars: Vec<char> = match class {
        Class::Unicode(class) => class
            .iter()
            .flat_map(|range| range.start()..=range.end())
            .take(MOST_CHARS)
            .collect(),
        Class::Bytes(class) => {
            let bytes = class.iter().flat_map(|range| range.start()..=range.end());
            bytes.take(MOST_CHARS).map(char::from).collect()
        }
    };
    let first = table::entry(*chars.first()?).class;
    let same = chars.len() < MOST_CHARS
        && chars
            .iter()
            .all(|c| c.is_ascii() || table::entry(*c).script != table::Script::Common);
    (same && chars.iter().all(|c| table::entry(*c).class == first)).then_some(first)
}

/// The one whose shortest stretch is longer.
fn better(one: Option<Stretches>, other: Option<Stretches>) -> Option<Stretches> {
    let least = |all: &Option<Stretches>| all.iter().flatten().map(Vec::len).min().unwrap_or(0);
    if least(&other) > least(&one) { other } else { one }
}

// === impl Needed ===

impl Needed {
    fn exactly(classes: Vec<u8>) -> Self {
        let mut runs = classes.clone();
        runs.dedup();
        let longest = runs
            .split(|class| *class == table::BREAK)
            .max_by_key(|part| part.len());
        let best = longest
            .filter(|part| !part.is_empty())
            .map(|part| vec![part.to_vec()]);
        Self {
            exact: Some(classes),
            best,
        }
    }
}
