//! Lists, ready to be asked.

use super::matcher::Matcher;
use super::surroundings::{BANKS, SharedHolds, SharedList, Surroundings};
use crate::catalogue::ListKind;
use crate::diagnostic::{Code, Sink};
use crate::document::List;
use crate::facts::fold_word;
use crate::text::Work;
use crate::text::links::{name, one_apart, parents, shown};
use crate::text::patterns::Patterns;
use crate::text::words::{BadTerm, WordList, Words};
use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

/// Values or domains.
#[derive(Debug)]
pub(crate) struct Values {
    all: HashSet<Box<str>>,
    /// How the domains look, once somebody asks for that.
    looks: OnceLock<Box<[Look]>>,
}

/// How a domain looks to a person.
#[derive(Debug)]
struct Look {
    name: String,
    /// A bit for each byte of the name, of some the same: what has other bytes is not worth comparing.
    bytes: u64,
}

/// The lists of a file. What they hold themselves to look for in texts is in one index for all.
#[derive(Debug)]
pub(crate) struct Lists {
    pub(crate) all: Box<[CompiledList]>,
    pub(super) words: Words,
    pub(super) patterns: Patterns,
}

#[derive(Debug)]
pub(crate) struct CompiledList {
    pub(crate) name: Box<str>,
    pub(crate) kind: ListKind,
    pub(crate) holds: Holds,
}

#[derive(Debug)]
pub(crate) enum Holds {
    /// Values or domains: the list's own, and those it shares.
    Values(Box<[Arc<Values>]>),
    /// Words or patterns that it shares, beside its own.
    Text(Box<[Arc<Matcher>]>),
}

/// A list that was not asked for what it holds never answers yes.
impl CompiledList {
    pub(crate) fn has_value(&self, value: &str) -> bool {
        match &self.holds {
            Holds::Values(sets) => sets.iter().any(|set| set.all.contains(value)),
            Holds::Text(_) => false,
        }
    }

    /// Whether a host is a domain of the list or below one.
    pub(crate) fn has_host(&self, host: &str) -> bool {
        parents(host).any(|domain| self.has_value(domain))
    }

    /// Whether a host imitates a domain of the list without being it. One that would be too much work does not.
    pub(crate) fn is_imitated_by(&self, host: &str, work: &mut Work) -> bool {
        let Holds::Values(sets) = &self.holds else {
            return false;
        };
        if self.has_host(host) {
            return false;
        }
        let said = Look::of(host);
        sets.iter().any(|set| {
            let looks = set
                .looks
                .get_or_init(|| set.all.iter().map(|domain| Look::of(domain)).collect());
            work.look_up(looks.len()) && looks.iter().any(|real| said.imitates(real))
        })
    }
}

// === impl Values ===

impl Values {
    pub(super) fn of<'e>(kind: ListKind, entries: impl Iterator<Item = &'e str>) -> Self {
        let value = |entry| match kind {
            ListKind::Domains => domain_value(entry),
            _ => fold_word(entry).into(),
        };
        Self {
            all: entries.map(value).collect(),
            looks: OnceLock::new(),
        }
    }
}

// === impl Look ===

impl Look {
    fn of(host: &str) -> Self {
        let name = shown(name(host));
        let bytes = name.bytes().fold(0, |bits, byte| bits | 1 << (byte % 64));
        Self { name, bytes }
    }

    /// The same to the eye; or, of a name long enough for that to be no accident, with more around it or a letter apart.
    fn imitates(&self, real: &Self) -> bool {
        // Of one letter there are at most four bytes.
        if (real.bytes & !self.bytes).count_ones() > 4 {
            return false;
        }
        let (said, real) = (self.name.as_str(), real.name.as_str());
        said == real || (real.chars().count() >= 6 && (said.contains(real) || one_apart(said, real)))
    }
}

/// A domain as it is compared.
fn domain_value(domain: &str) -> Box<str> {
    let folded = fold_word(domain);
    folded.strip_prefix("www.").unwrap_or(&folded).into()
}

/// Compiles a file's lists. What is refused is told.
pub(super) fn compile(lists: &[List], surroundings: &Surroundings, sink: &mut Sink) -> Lists {
    let mut compiled: Vec<CompiledList> = lists.iter().map(|list| one(list, surroundings, sink)).collect();
    // The installation's own, unless the file has one of the same name.
    let banks = surroundings
        .banks
        .iter()
        .map(|(name, list)| (name.as_str(), list.kind, Some(list)));
    let banks = banks.chain(BANKS.iter().map(|(name, kind, _)| (*name, *kind, None)));
    for (name, kind, list) in banks {
        if compiled.iter().any(|known| &*known.name == name) {
            continue;
        }
        compiled.push(CompiledList {
            name: name.into(),
            kind,
            holds: holds(kind, list.into_iter()),
        });
    }
    Lists {
        all: compiled.into(),
        words: words(lists, sink),
        patterns: patterns(lists, sink),
    }
}

/// The index of all words; in it a list has its place among all lists.
fn words(lists: &[List], sink: &mut Sink) -> Words {
    let given = lists.iter().map(|list| WordList {
        terms: entries(list, ListKind::Words).collect(),
        disguises: list.fold,
        ..WordList::default()
    });
    let (words, bad) = Words::build(&given.collect::<Vec<_>>());
    for BadTerm { list, term, fault } in bad {
        let message = format!("this word cannot be looked for: {fault}");
        sink.error(Code::BadWord, lists[list].entries[term].span, message);
    }
    words
}

/// The same for patterns.
fn patterns(lists: &[List], sink: &mut Sink) -> Patterns {
    for list in lists.iter().filter(|list| list.kind == ListKind::Regexes) {
        for entry in &list.entries {
            // A set compiles a pattern when it first may match: what is too large then would be found too late.
            if let Err(fault) = Patterns::check(&entry.value) {
                sink.error(Code::BadPattern, entry.span, fault.to_string()).hint(
                    "patterns have no look-around and no back-references, and bounded repeats stay small",
                );
            }
        }
    }
    let all = (0..).zip(lists);
    Patterns::of_lists(
        all.flat_map(|(number, list)| entries(list, ListKind::Regexes).map(move |entry| (number, entry))),
    )
    .0
}

/// What a list of this kind holds itself.
fn entries(list: &List, kind: ListKind) -> impl Iterator<Item = &str> {
    let entries = list.entries.iter().filter(move |_| list.kind == kind);
    entries.map(|entry| entry.value.as_str())
}

fn one(list: &List, surroundings: &Surroundings, sink: &mut Sink) -> CompiledList {
    let mut shared = Vec::new();
    for name in &list.subscribe {
        let Some(known) = &surroundings.shared else {
            continue;
        };
        match known.get(&name.value) {
            Some(found) if found.kind == list.kind => shared.push(found),
            Some(found) => {
                let message = format!(
                    "{} holds {}, not {}",
                    name.value,
                    found.kind.as_str(),
                    list.kind.as_str()
                );
                sink.error(Code::WrongList, name.span, message);
            }
            None => {
                sink.warning(
                    Code::ListNotHere,
                    name.span,
                    format!("no shared list {} is known here", name.value),
                )
                .hint("the rule works with the list's own entries until it is");
            }
        }
    }
    let mut holds = holds(list.kind, shared.into_iter());
    if let Holds::Values(sets) = &mut holds {
        let own = Values::of(list.kind, entries(list, list.kind));
        *sets = sets.iter().cloned().chain([Arc::new(own)]).collect();
    }
    CompiledList {
        name: list.name.value.as_str().into(),
        kind: list.kind,
        holds,
    }
}

fn holds<'l>(kind: ListKind, shared: impl Iterator<Item = &'l SharedList>) -> Holds {
    let (mut sets, mut matchers) = (Vec::new(), Vec::new());
    for list in shared {
        match &list.holds {
            SharedHolds::Values(values) => sets.push(Arc::clone(values)),
            SharedHolds::Text(matcher) => matchers.push(Arc::clone(matcher)),
        }
    }
    match kind {
        ListKind::Values | ListKind::Domains => Holds::Values(sets.into()),
        ListKind::Words | ListKind::Regexes => Holds::Text(matchers.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domains(entries: &[&str]) -> CompiledList {
        let values = Values::of(ListKind::Domains, entries.iter().copied());
        CompiledList {
            name: "d".into(),
            kind: ListKind::Domains,
            holds: Holds::Values([Arc::new(values)].into()),
        }
    }

    #[test]
    fn what_is_below_a_domain_belongs_to_it() {
        let list = domains(&["youtube.com", "WWW.example.org"]);
        for (host, expected) in [
            ("youtube.com", true),
            ("m.youtube.com", true),
            ("notyoutube.com", false),
            ("youtube.com.evil.ru", false),
            ("example.org", true),
            ("com", false),
            (&format!("{}youtube.com", "a.".repeat(4_000)), true),
            (&format!("{}notyoutube.com", "a.".repeat(4_000)), false),
            (&"youtube.com".repeat(100), false),
        ] {
            assert_eq!(list.has_host(host), expected, "{host}");
        }
    }

    #[test]
    fn imitations_are_known() {
        let list = domains(&["discord.com", "steamcommunity.com", "x.com"]);
        for (host, expected) in [
            ("dlscord.gift", true),
            ("discord-nitro.ru", true),
            ("steamcommunlty.com", true),
            ("steamcomrnunity.com", true),
            ("discrod.app", true),
            ("discord.com", false),
            ("cdn.discord.com", false),
            ("github.com", false),
            ("y.com", false),
        ] {
            assert_eq!(
                list.is_imitated_by(host, &mut Work::default()),
                expected,
                "{host}"
            );
        }
    }
}
