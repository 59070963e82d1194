//! One part of a rule file changed, and the rest as somebody wrote it: comments, quotes, order.
//!
//! What these cannot do without touching the rest, such as a rule in the middle of `rules: [{id: a}, {id: b}]`, they leave
//! to a person. What they write is read again and compared before it is given back.

use crate::diagnostic::Sink;
use crate::source::{Entry, Node, Source, Span, Value, parse};
use serde_json::{Map, Value as Json};
use std::fmt::Write as _;
use std::ops::Range;

/// A file that cannot be changed in parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the rules are written in a way that only a person can change")]
pub struct ByHand;

/// What a file says, as JSON in which every value is a text; `None` where it is no YAML.
pub fn read(text: &str) -> Option<Json> {
    Some(json(&tree(&Source::new("rules.yml", text))?))
}

/// The rules of a file with what they say, by their names, in its order.
pub fn rules(text: &str) -> Vec<(String, Json)> {
    let file = read(text).unwrap_or_default();
    let rules = file["rules"].as_array().cloned().unwrap_or_default();
    let named = rules.into_iter();
    named
        .filter_map(|rule| Some((rule["id"].as_str()?.to_owned(), rule)))
        .collect()
}

/// What stands behind a key: one text stands for a list of one.
pub fn texts(of: &Json) -> Vec<String> {
    match of {
        Json::String(one) => vec![one.clone()],
        Json::Array(many) => many.iter().filter_map(Json::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// The entries of a list of words.
pub fn words(text: &str, list: &str) -> Vec<String> {
    let file = read(text).unwrap_or_default();
    texts(&file["lists"][list]["words"])
}

/// The file with this rule, or without it. `lines` are what stands below its `id`.
pub fn with_rule(text: &str, id: &str, lines: Option<&[String]>) -> Result<String, ByHand> {
    let source = Source::new("rules.yml", text);
    let root = tree(&source).ok_or(ByHand)?;
    let entry = find(&root, "rules");
    let items = match entry.map(|entry| &entry.node.value) {
        Some(Value::List(items)) => &items[..],
        Some(Value::Null) | None => &[],
        Some(_) => return Err(ByHand),
    };
    let mut out: Vec<String> = text.lines().map(str::to_owned).collect();
    let places = items.iter().map(|item| item_lines(&source, &out, item));
    let places = places.collect::<Option<Vec<_>>>().ok_or(ByHand)?;
    let depth = places.first().map_or(2, |place| indent(&out[place.start]));
    let gap = " ".repeat(depth);
    let block = lines.map(|lines| {
        let mut block = vec![format!("{gap}- id: {id}")];
        block.extend(lines.iter().map(|line| format!("{gap}  {line}")));
        block
    });
    let is_it = |item: &Node| find(item, "id").and_then(scalar).as_deref() == Some(id);
    let head = entry.map(|entry| line_of(&source, entry.key_span));
    match (items.iter().position(is_it), block) {
        (Some(at), Some(block)) => drop(out.splice(places[at].clone(), block)),
        (Some(at), None) => {
            out.drain(places[at].clone());
            if let (1, Some(head)) = (items.len(), head) {
                out[head] = "rules: []".to_owned();
            }
        }
        (None, Some(block)) => {
            let head = head.unwrap_or_else(|| {
                out.push(String::new());
                out.len() - 1
            });
            if items.is_empty() {
                out[head] = "rules:".to_owned();
            }
            out.splice(head + 1..head + 1, block);
        }
        (None, None) => {}
    }
    checked(text, &out, |file| {
        if let Some(rules) = file["rules"].as_array_mut() {
            rules.retain(|rule| rule["id"].as_str() != Some(id));
        }
    })
}

/// The file with these words on a list. A list without any goes, unless it has others from elsewhere.
pub fn with_words(text: &str, list: &str, words: &[String]) -> Result<String, ByHand> {
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
    let block = block(list, others, words, gap);
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
    checked(text, &out, |file| {
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
fn block(list: &str, others: &[Entry], words: &[String], gap: usize) -> Option<Vec<String>> {
    let kept: Vec<&Entry> = others.iter().filter(|entry| entry.key != "words").collect();
    if words.is_empty() && !kept.iter().any(|entry| entry.key == "subscribe") {
        return None;
    }
    let gap = " ".repeat(gap);
    let mut block = vec![format!("{gap}{list}:")];
    let empty = if words.is_empty() { " []" } else { "" };
    block.push(format!("{gap}  words:{empty}"));
    // JSON's texts are YAML's.
    block.extend(
        words
            .iter()
            .map(|word| format!("{gap}    - {}", Json::from(word.as_str()))),
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

/// The new text, if it says the same as the old one apart from what was meant.
fn checked(before: &str, lines: &[String], without: impl Fn(&mut Json)) -> Result<String, ByHand> {
    let after = lines.join("\n") + "\n";
    let mut both = [before, &after].map(|text| read(text).unwrap_or_default());
    both.iter_mut().for_each(|file| {
        without(file);
        let rules = &mut file["rules"];
        if rules.is_null() {
            *rules = Json::Array(Vec::new());
        }
    });
    let [old, new] = both;
    if old == new { Ok(after) } else { Err(ByHand) }
}

fn tree(source: &Source) -> Option<Node> {
    let mut sink = Sink::new();
    let root = parse(source, &mut sink)?;
    (!sink.has_errors() && matches!(root.value, Value::Map(_))).then_some(root)
}

fn find<'n>(node: &'n Node, key: &str) -> Option<&'n Entry> {
    match &node.value {
        Value::Map(entries) => entries.iter().find(|entry| entry.key == key),
        _ => None,
    }
}

fn scalar(entry: &Entry) -> Option<String> {
    match &entry.node.value {
        Value::Scalar(scalar) => Some(scalar.text.clone()),
        _ => None,
    }
}

fn json(node: &Node) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Scalar(scalar) => Json::from(scalar.text.as_str()),
        Value::List(items) => items.iter().map(json).collect(),
        Value::Map(entries) => {
            let entries = entries.iter();
            entries
                .map(|entry| (entry.key.clone(), json(&entry.node)))
                .collect()
        }
    }
}

/// From 0.
fn line_of(source: &Source, span: Span) -> usize {
    source.line_of(span.start).saturating_sub(1) as usize
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// The lines of an item of a list, from its dash on; `None` where it shares its line with others.
fn item_lines(source: &Source, lines: &[String], item: &Node) -> Option<Range<usize>> {
    let mut begin = line_of(source, item.span);
    while !lines.get(begin)?.trim_start().starts_with('-') {
        let is_between = lines[begin].trim().is_empty() || lines[begin].trim_start().starts_with('#');
        let is_own = begin == line_of(source, item.span);
        if !is_between && !is_own {
            return None;
        }
        begin = begin.checked_sub(1)?;
    }
    let depth = indent(&lines[begin]);
    Some(begin..block_end(lines, begin, depth))
}

/// Where what begins on a line of this depth ends.
fn block_end(lines: &[String], begin: usize, depth: usize) -> usize {
    let rest = lines[begin + 1..].iter();
    let ends = |line: &String| !line.trim().is_empty() && indent(line) <= depth;
    let length = rest.clone().position(ends).unwrap_or(lines.len() - begin - 1);
    // Empty lines before the next thing are its own.
    let empty = lines[begin + 1..begin + 1 + length].iter().rev();
    let empty = empty.take_while(|line| line.trim().is_empty()).count();
    begin + 1 + length - empty
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "# ours\nversion: 1\nrules:\n- id: mine # first\n  when: [text.length > 5]\n  then: [delete]\n\n# the end\n";

    fn lines(lines: &[&str]) -> Vec<String> {
        lines.iter().map(|line| (*line).to_owned()).collect()
    }

    #[test]
    fn a_rule_comes_changes_and_goes() {
        let flood = lines(&["events: [message]", "then: [delete]"]);
        let with = with_rule(OWN, "flood", Some(&flood)).unwrap();
        assert_eq!(
            with,
            OWN.replace(
                "rules:\n",
                "rules:\n- id: flood\n  events: [message]\n  then: [delete]\n"
            )
        );
        let names: Vec<String> = rules(&with).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["flood", "mine"]);
        let other = lines(&["events: [edit]", "then: ban"]);
        let changed = with_rule(&with, "flood", Some(&other)).unwrap();
        assert_eq!(
            changed,
            with.replace("[message]\n  then: [delete]", "[edit]\n  then: ban")
        );
        assert_eq!(texts(&rules(&changed)[0].1["then"]), ["ban"]);
        assert_eq!(with_rule(&changed, "flood", None).unwrap(), OWN);
        assert_eq!(with_rule(OWN, "flood", None).unwrap(), OWN);
    }

    #[test]
    fn the_first_and_the_last_rule_come_and_go() {
        let block = lines(&["then: [delete]"]);
        let first = "version: 1\nrules:\n  - id: flood\n    then: [delete]\n";
        for none in ["version: 1\nrules:\n", "version: 1\nrules: []\n", "version: 1\n"] {
            assert_eq!(
                with_rule(none, "flood", Some(&block)).as_deref(),
                Ok(first),
                "{none}"
            );
        }
        assert_eq!(
            with_rule(first, "flood", None).unwrap(),
            "version: 1\nrules: []\n"
        );
    }

    #[test]
    fn a_rule_is_found_however_it_is_written() {
        for written in [
            "rules:\n  -\n    about: a\n    id: \"flood\"\n    then: delete\n  - id: mine\n",
            "rules:\n  - {id: flood, then: [delete]}\n  - id: mine\n",
            "rules:\n  - about: |\n      a\n\n      b\n    id: flood\n  - id: mine\n",
        ] {
            assert_eq!(
                with_rule(written, "flood", None).unwrap(),
                "rules:\n  - id: mine\n",
                "{written}"
            );
        }
        // What shares its line with others is a person's business.
        for written in [
            "rules: [{id: flood}, {id: mine}]\n",
            "rules: [{id: flood},\n {id: mine}]\n",
            "{rules: [{id: flood}]}\n",
            "rules: soon\n",
            "- 1\n",
            "",
        ] {
            assert_eq!(with_rule(written, "flood", None), Err(ByHand), "{written}");
        }
    }

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
        assert_eq!(with_words("lists: {a: {words: [b]}}\n", "c", &both), Err(ByHand));
    }
}
