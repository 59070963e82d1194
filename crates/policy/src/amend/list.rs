//! Changes to one list.

use super::{ByHand, block_end, checked, find, indent, joined, line_of, tree};
use crate::source::{Entry, Node, Source, Value};
use serde_json::{Map, Value as Json};
use std::fmt::Write as _;

/// The file with these words on a list. A list without any goes, unless it has others from elsewhere.
pub fn with_words(text: &str, list: &str, words: &[String]) -> Result<String, ByHand> {
    with_items(text, list, "words", words)
}

/// The same with items of another kind, such as `domains`.
pub fn with_items(text: &str, list: &str, kind: &str, items: &[String]) -> Result<String, ByHand> {
    let source = Source::new("rules.yml", text);
    let root = tree(&source).ok_or(ByHand)?;
    let entry = find(&root, "lists");
    let lists = match entry.map(|entry| &entry.node.value) {
        Some(Value::Map(lists)) => &lists[..],
        Some(Value::Null) | None => &[],
        Some(_) => return Err(ByHand),
    };
    let mut out: Vec<String> = text.lines().map(str::to_owned).collect();
    let head = entry.map(|entry| line_of(&source, entry.key_span));
    let first = lists.first().map(|first| line_of(&source, first.key_span));
    if first.is_some() && first == head {
        return Err(ByHand);
    }
    let gap = first.map_or(2, |first| indent(&out[first]));
    let old = lists.iter().find(|entry| entry.key == list);
    let others: &[Entry] = match old.map(|old| &old.node.value) {
        Some(Value::Map(others)) => others,
        Some(Value::Null) | None => &[],
        Some(_) => return Err(ByHand),
    };
    let block = block(list, others, (kind, items), gap);
    match (old, block) {
        (Some(old), block) => {
            let begin = line_of(&source, old.key_span);
            let end = block_end(&out, begin, gap);
            let is_last = block.is_none() && lists.len() == 1;
            out.splice(begin..end, block.unwrap_or_default());
            if let (true, Some(head)) = (is_last, head) {
                out.remove(head);
            }
        }
        (None, Some(block)) => {
            let head = head.unwrap_or_else(|| {
                let rules = find(&root, "rules").map_or(out.len(), |rules| line_of(&source, rules.key_span));
                out.insert(rules, String::new());
                rules
            });
            if lists.is_empty() {
                out[head] = "lists:".to_owned();
            }
            out.splice(head + 1..head + 1, block);
        }
        (None, None) => {}
    }
    checked(text, joined(text, &out), |file| {
        if let Some(lists) = file["lists"].as_object_mut() {
            lists.remove(list);
        }
        if file["lists"].as_object().is_none_or(Map::is_empty)
            && let Some(file) = file.as_object_mut()
        {
            file.remove("lists");
        }
    })
}

/// A list in lines; `None` where nothing is left of it.
fn block(list: &str, others: &[Entry], (kind, items): (&str, &[String]), gap: usize) -> Option<Vec<String>> {
    let kept: Vec<&Entry> = others.iter().filter(|entry| entry.key != kind).collect();
    if items.is_empty() && !kept.iter().any(|entry| entry.key == "subscribe") {
        return None;
    }
    let gap = " ".repeat(gap);
    let mut block = vec![format!("{gap}{list}:")];
    let empty = if items.is_empty() { " []" } else { "" };
    block.push(format!("{gap}  {kind}:{empty}"));
    // JSON's texts are YAML's.
    block.extend(
        items
            .iter()
            .map(|item| format!("{gap}    - {}", Json::from(item.as_str()))),
    );
    for entry in kept {
        let mut written = String::new();
        write(&entry.node, &mut written);
        block.push(format!("{gap}  {}: {written}", entry.key));
    }
    Some(block)
}

fn write(node: &Node, out: &mut String) {
    match &node.value {
        Value::Null => out.push('~'),
        Value::Scalar(scalar) if scalar.is_plain() && scalar.text.chars().all(char::is_alphanumeric) => {
            out.push_str(&scalar.text);
        }
        Value::Scalar(scalar) => drop(write!(out, "{}", Json::from(scalar.text.as_str()))),
        Value::List(items) => {
            out.push('[');
            for (number, item) in items.iter().enumerate() {
                out.push_str(if number == 0 { "" } else { ", " });
                write(item, out);
            }
            out.push(']');
        }
        Value::Map(entries) => {
            out.push('{');
            for (number, entry) in entries.iter().enumerate() {
                let _ = write!(out, "{}{}: ", if number == 0 { "" } else { ", " }, entry.key);
                write(&entry.node, out);
            }
            out.push('}');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{OWN, words};
    use super::*;

    #[test]
    fn words_come_change_and_go() {
        let both = ["free \"nitro\"", "# no: comment"].map(str::to_owned);
        let with = with_words(OWN, "blocklist", &both).unwrap();
        let block =
            "lists:\n  blocklist:\n    words:\n      - \"free \\\"nitro\\\"\"\n      - \"# no: comment\"\n";
        assert_eq!(with, OWN.replace("rules:\n", &format!("{block}rules:\n")));
        assert_eq!(words(&with, "blocklist"), both);
        assert_eq!(with_words(&with, "blocklist", &[]).unwrap(), OWN);
        // Beside others, in another form, with more than words.
        let own = "lists:\n    good: {domains: [a.example]}\n    blocklist: {fold: false, words: [ a b, c ], subscribe: [list/hate@stable]}\nrules: []\n";
        assert_eq!(words(own, "blocklist"), ["a b", "c"]);
        let with = with_words(own, "blocklist", &["d".to_owned()]).unwrap();
        assert_eq!(
            with,
            "lists:\n    good: {domains: [a.example]}\n    blocklist:\n      words:\n        - \"d\"\n      fold: false\n      subscribe: [\"list/hate@stable\"]\nrules: []\n"
        );
        assert!(with_words(own, "blocklist", &[]).unwrap().contains("words: []"));
        let sites = with_items(OWN, "good", "domains", &["b.example".to_owned()]).unwrap();
        assert!(
            sites.contains("  good:\n    domains:\n      - \"b.example\"\n"),
            "{sites}"
        );
        assert_eq!(with_items(&sites, "good", "domains", &[]).unwrap(), OWN);
        assert_eq!(with_words("lists: {a: {words: [b]}}\n", "c", &both), Err(ByHand));
    }
}
