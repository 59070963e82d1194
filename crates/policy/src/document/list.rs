//! A list: words, domains, values or regular expressions by one name.

use super::part::{Fields, at_most, flag, shortened, texts};
use super::shape::LIST;
use crate::catalogue::ListKind;
use crate::diagnostic::{Code, Sink};
use crate::source::{At, Entry};

/// Characters of a regular expression.
const MAX_PATTERN: usize = 512;
/// Characters of a word or phrase.
const MAX_WORD: usize = 120;
const MAX_ENTRIES: usize = 100_000;
const MAX_REGEXES: usize = 1_000;
const MAX_SUBSCRIPTIONS: usize = 20;

#[derive(Debug, Clone)]
pub(crate) struct List {
    pub(crate) name: At<String>,
    pub(crate) kind: ListKind,
    pub(crate) entries: Vec<At<String>>,
    pub(crate) fold: bool,
    pub(crate) subscribe: Vec<At<String>>,
}

pub(super) fn read(entry: &Entry, sink: &mut Sink) -> Option<List> {
    if !is_list_name(&entry.key) {
        sink.error(
            Code::WrongType,
            entry.key_span,
            format!("`{}` cannot be a list's name", shortened(&entry.key)),
        )
        .hint("letters, digits, `_` and `-`, beginning with a letter, at most 60 of them");
        return None;
    }
    let fields = Fields::read(&entry.node, LIST, "a list", sink)?;
    let kinds: Vec<ListKind> = ListKind::ALL
        .iter()
        .copied()
        .filter(|kind| fields.get(kind.as_str()).is_some())
        .collect();
    let [kind] = kinds[..] else {
        sink.error(
            Code::WrongType,
            entry.key_span,
            "a list holds one of words, domains, values or regexes".to_owned(),
        )
        .hint("for a list that only subscribes, write `words: []`");
        return None;
    };
    let node = fields.get(kind.as_str())?;
    let most = if kind == ListKind::Regexes {
        MAX_REGEXES
    } else {
        MAX_ENTRIES
    };
    if !at_most(
        super::part::items(node).len(),
        most,
        kind.as_str(),
        node.span,
        sink,
    ) {
        return None;
    }
    let mut entries = texts(node, sink);
    entries.retain(|entry| check(kind, entry, sink));
    let subscribe = fields
        .get("subscribe")
        .map_or_else(Vec::new, |node| texts(node, sink));
    at_most(
        subscribe.len(),
        MAX_SUBSCRIPTIONS,
        "subscriptions",
        entry.key_span,
        sink,
    );
    for wrong in subscribe.iter().filter(|name| !is_subscription(&name.value)) {
        sink.error(
            Code::WrongType,
            wrong.span,
            "a subscription is written list/NAME@CHANNEL".to_owned(),
        )
        .hint("such as `list/antiscam@stable`");
    }
    Some(List {
        name: At::new(entry.key.clone(), entry.key_span),
        kind,
        entries,
        fold: fields
            .get("fold")
            .and_then(|node| flag(node, sink))
            .unwrap_or(true),
        subscribe,
    })
}

/// Whether an entry can be used; if not, it was told why.
fn check(kind: ListKind, entry: &At<String>, sink: &mut Sink) -> bool {
    let length = entry.value.chars().count();
    match kind {
        ListKind::Words => {
            let core = entry.value.trim_matches('*').trim();
            if core.is_empty() || length > MAX_WORD {
                sink.error(
                    Code::BadWord,
                    entry.span,
                    format!("`{}` is no word to look for", shortened(&entry.value)),
                )
                .hint(format!("a word or phrase has 1 to {MAX_WORD} characters"));
                return false;
            }
            if core.chars().filter(|c| c.is_alphanumeric()).count() < 3 {
                let message = format!(
                    "`{}` is shorter than 3 letters and will hit by accident",
                    shortened(core)
                );
                sink.warning(Code::ShortWord, entry.span, message);
            }
        }
        ListKind::Domains => {
            if !is_domain(&entry.value) {
                sink.error(
                    Code::BadDomain,
                    entry.span,
                    format!("`{}` is no domain", shortened(&entry.value)),
                )
                .hint("write the host alone, such as `youtube.com`: what is below it belongs to it");
                return false;
            }
        }
        ListKind::Values => {
            if entry.value.is_empty() || length > 256 {
                sink.error(
                    Code::WrongType,
                    entry.span,
                    "a value has 1 to 256 characters".to_owned(),
                );
                return false;
            }
        }
        ListKind::Regexes => {
            if entry.value.is_empty() || length > MAX_PATTERN {
                sink.error(
                    Code::BadPattern,
                    entry.span,
                    format!("a regular expression has 1 to {MAX_PATTERN} characters"),
                );
                return false;
            }
        }
    }
    true
}

fn is_list_name(name: &str) -> bool {
    name.len() <= 60
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
        && !name.ends_with('-')
        && !matches!(name, "and" | "or" | "not" | "AND" | "OR" | "NOT")
}

fn is_subscription(name: &str) -> bool {
    let sound = |part: &str| {
        !part.is_empty()
            && part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/'))
    };
    let parts = name.strip_prefix("list/").and_then(|rest| rest.split_once('@'));
    name.len() <= 120 && parts.is_some_and(|(list, channel)| sound(list) && sound(channel))
}

fn is_domain(text: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label
                .chars()
                .all(|c| c.is_alphanumeric() || matches!(c, '-' | '_'))
    };
    text.len() <= 253 && text.contains('.') && text.split('.').all(label)
}
