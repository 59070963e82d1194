//! A list, ready to be asked.

use super::matcher::Matcher;
use super::surroundings::{BANKS, SharedHolds, SharedList, Surroundings};
use crate::catalogue::ListKind;
use crate::diagnostic::{Code, Sink};
use crate::document::List;
use crate::facts::fold_word;
use crate::text::{Text, Work};
use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

pub(crate) type Values = HashSet<Box<str>>;

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
    Text(Box<[Arc<Matcher>]>),
}

/// A list that was not asked for what it holds never answers yes.
impl CompiledList {
    pub(crate) fn has_value(&self, value: &str) -> bool {
        match &self.holds {
            Holds::Values(sets) => sets.iter().any(|set| set.contains(value)),
            Holds::Text(_) => false,
        }
    }

    /// Whether a host is a domain of the list or below one.
    pub(crate) fn has_host(&self, host: &str) -> bool {
        let mut rest = host;
        loop {
            if self.has_value(rest) {
                return true;
            }
            match rest.split_once('.') {
                Some((_, parent)) => rest = parent,
                None => return false,
            }
        }
    }

    /// Whether a host imitates a domain of the list without being it.
    pub(crate) fn is_imitated_by(&self, host: &str) -> bool {
        let Holds::Values(sets) = &self.holds else {
            return false;
        };
        if self.has_host(host) {
            return false;
        }
        let shown = skeleton(registrable(host));
        let same = |domain: &str| {
            let real = skeleton(registrable(domain));
            shown == real || (real.len() >= 6 && shown.contains(real.as_str())) || near(&shown, &real)
        };
        sets.iter().any(|set| set.iter().any(|domain| same(domain)))
    }

    /// False for a text that surely has nothing of the list, which need not be read for it.
    pub(crate) fn may_have(&self, raw: &str) -> bool {
        match &self.holds {
            Holds::Text(matchers) => matchers.iter().any(|matcher| matcher.may_have(raw)),
            Holds::Values(_) => false,
        }
    }

    pub(crate) fn find(&self, text: &Text, work: &mut Work) -> Option<Range<usize>> {
        match &self.holds {
            Holds::Text(matchers) => matchers.iter().find_map(|matcher| matcher.find(text, work)),
            Holds::Values(_) => None,
        }
    }
}

/// A domain as it is compared.
pub(crate) fn domain_value(domain: &str) -> Box<str> {
    let folded = fold_word(domain);
    folded.strip_prefix("www.").unwrap_or(&folded).into()
}

/// The label that a person reads: `dlscord` of `www.dlscord.gift`.
fn registrable(host: &str) -> &str {
    let mut labels = host.rsplit('.');
    labels.next();
    labels.next().unwrap_or(host)
}

/// What a label looks like.
fn skeleton(label: &str) -> String {
    let mut out = String::with_capacity(label.len());
    for c in label.chars() {
        out.push(match c {
            '-' | '_' => continue,
            '0' | 'о' | 'ο' => 'o',
            '1' | 'i' | 'і' | 'ӏ' | '|' => 'l',
            '3' | 'е' => 'e',
            '5' | 'ѕ' => 's',
            'а' => 'a',
            'с' => 'c',
            'р' => 'p',
            'х' => 'x',
            'у' => 'y',
            other => other,
        });
    }
    out.replace("rn", "m").replace("vv", "w")
}

/// One letter added, left out, replaced or swapped, in a name long enough for that to be no accident.
fn near(shown: &str, real: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (shown.chars().collect(), real.chars().collect());
    if b.len() < 6 || a.len().abs_diff(b.len()) > 1 {
        return false;
    }
    let head = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
    let tail = a
        .iter()
        .rev()
        .zip(b.iter().rev())
        .take_while(|(x, y)| x == y)
        .count();
    let least = a.len().min(b.len());
    if a.len() == b.len() && head + tail + 2 == least && a[head] == b[head + 1] && a[head + 1] == b[head] {
        return true;
    }
    head + tail + usize::from(a.len() == b.len()) >= least
}

/// Compiles a file's lists. What is refused is told.
pub(super) fn compile(lists: &[List], surroundings: &Surroundings, sink: &mut Sink) -> Vec<CompiledList> {
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
    compiled
}

fn one(list: &List, surroundings: &Surroundings, sink: &mut Sink) -> CompiledList {
    let entries: Vec<&str> = list.entries.iter().map(|entry| entry.value.as_str()).collect();
    let own = match list.kind {
        ListKind::Values => SharedHolds::Values(Arc::new(
            entries.iter().map(|entry| fold_word(entry).into()).collect(),
        )),
        ListKind::Domains => SharedHolds::Values(Arc::new(
            entries.iter().map(|entry| domain_value(entry)).collect(),
        )),
        ListKind::Words => {
            let (matcher, refused) = Matcher::words(&entries, list.fold);
            for (place, why) in refused {
                let message = format!("this word cannot be looked for: {why}");
                sink.error(Code::BadWord, list.entries[place].span, message);
            }
            SharedHolds::Text(Arc::new(matcher))
        }
        ListKind::Regexes => {
            let (matcher, refused) = Matcher::regexes(&entries);
            for (place, why) in refused {
                sink.error(Code::BadPattern, list.entries[place].span, why).hint(
                    "patterns have no look-around and no back-references, and bounded repeats stay small",
                );
            }
            SharedHolds::Text(Arc::new(matcher))
        }
    };
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
    match (&mut holds, own) {
        (Holds::Values(sets), SharedHolds::Values(own)) => {
            *sets = sets.iter().cloned().chain([own]).collect();
        }
        (Holds::Text(matchers), SharedHolds::Text(own)) => {
            *matchers = matchers.iter().cloned().chain([own]).collect();
        }
        // Both come from the same kind.
        _ => {}
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
        let values: Values = entries.iter().map(|entry| domain_value(entry)).collect();
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
            assert_eq!(list.is_imitated_by(host), expected, "{host}");
        }
    }
}
