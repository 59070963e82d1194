//! What a pattern needs of a text before it is worth running, and about what it costs, by its syntax alone.

use super::Stretches;
use crate::text::table;
use regex_syntax::hir::{Class, Hir, HirKind};

/// About how many steps it has when its counts are written out.
pub(super) fn states(hir: &Hir) -> u32 {
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
pub(super) fn counts(hir: &Hir) -> bool {
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
pub(super) fn least_digits(hir: &Hir) -> u32 {
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

/// So many of these signs are in all that a pattern matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Needs {
    /// A bit for each character of ASCII; of letters and digits none.
    signs: u128,
    least: u32,
}

// === impl Needs ===

impl Needs {
    pub(super) fn are_met(&self, counts: &[u16; 128]) -> bool {
        let (mut rest, mut have) = (self.signs, 0);
        while rest != 0 && have < self.least {
            have += u32::from(counts[rest.trailing_zeros() as usize]);
            rest &= rest - 1;
        }
        have >= self.least
    }

    fn one_of(signs: u128) -> Option<Self> {
        let words = (0..128_u8).filter(u8::is_ascii_alphanumeric);
        let words = words.fold(0, |bits, byte| bits | 1_u128 << byte);
        (signs & words == 0).then_some(Self { signs, least: 1 })
    }

    /// Whether it is met less often, as a rule.
    fn rarity(&self) -> (bool, u32, u32) {
        (
            self.signs >> b' ' & 1 == 0,
            self.least,
            u128::BITS - self.signs.count_ones(),
        )
    }
}

/// The signs that all that it matches has; none where there are no such signs.
pub(super) fn needs(hir: &Hir) -> Option<Needs> {
    let of_range = |start: u32, end: u32| (start..=end).fold(0, |bits, c| bits | 1_u128 << c);
    match hir.kind() {
        HirKind::Literal(literal) => {
            let signs = literal.0.iter().filter(|byte| byte.is_ascii());
            let each = signs.filter_map(|byte| Needs::one_of(1_u128 << *byte));
            each.max_by_key(Needs::rarity)
        }
        HirKind::Class(Class::Unicode(class)) if class.is_ascii() => {
            let ranges = class
                .iter()
                .map(|range| of_range(range.start() as u32, range.end() as u32));
            Needs::one_of(ranges.fold(0, |all, one| all | one))
        }
        HirKind::Class(Class::Bytes(class)) if class.is_ascii() => {
            let ranges = class
                .iter()
                .map(|range| of_range(range.start().into(), range.end().into()));
            Needs::one_of(ranges.fold(0, |all, one| all | one))
        }
        HirKind::Repetition(repetition) if repetition.min > 0 => needs(&repetition.sub).map(|needs| Needs {
            least: needs.least.saturating_mul(repetition.min),
            ..needs
        }),
        HirKind::Capture(capture) => needs(&capture.sub),
        HirKind::Concat(subs) => subs.iter().filter_map(needs).max_by_key(Needs::rarity),
        HirKind::Alternation(subs) => {
            let each = subs.iter().map(needs).collect::<Option<Vec<Needs>>>()?;
            each.into_iter().reduce(|one, other| Needs {
                signs: one.signs | other.signs,
                least: one.least.min(other.least),
            })
        }
        HirKind::Empty | HirKind::Look(_) | HirKind::Class(_) | HirKind::Repetition(_) => None,
    }
}

/// What a part of a pattern needs in squash space.
#[derive(Default)]
pub(super) struct Needed {
    /// All that it matches looks like this, runs not yet collapsed.
    exact: Option<Vec<u8>>,
    /// One of these stretches is in all that it matches.
    pub(super) best: Option<Stretches>,
}

const MOST_CHARS: usize = 64;
const MOST_STRETCHES: usize = 48;

pub(super) fn needed(hir: &Hir) -> Needed {
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
