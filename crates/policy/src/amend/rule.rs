//! Changes to one rule.

use super::{ByHand, block_end, checked, find, indent, joined, line_of, rules, scalar, tree};
use crate::document::Mode;
use crate::source::{Node, Source, Span, Value};
use std::ops::Range;

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
    let head = entry.map(|entry| line_of(&source, entry.key_span));
    match (items.iter().position(|item| is_named(item, id)), block) {
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
    checked(text, joined(text, &out), |file| {
        if let Some(rules) = file["rules"].as_array_mut() {
            rules.retain(|rule| rule["id"].as_str() != Some(id));
        }
    })
}

/// The file with another mode for one rule, or as it is where that is its mode already. A file without such a rule is one for a
/// person.
pub fn with_mode(text: &str, id: &str, mode: Mode) -> Result<String, ByHand> {
    let source = Source::new("rules.yml", text);
    let root = tree(&source).ok_or(ByHand)?;
    let Some(Value::List(items)) = find(&root, "rules").map(|rules| &rules.node.value) else {
        return Err(ByHand);
    };
    let rule = items.iter().find(|item| is_named(item, id)).ok_or(ByHand)?;
    let defaults = find(&root, "defaults").and_then(|defaults| find(&defaults.node, "mode"));
    let written = find(rule, "mode").or(defaults).and_then(scalar);
    if written.as_deref().unwrap_or(Mode::Live.as_str()) == mode.as_str() {
        return Ok(text.to_owned());
    }
    let (place, words) = mode_line(text, rule, mode).ok_or(ByHand)?;
    let (Some(head), Some(tail)) = (text.get(..place.start), text.get(place.end..)) else {
        return Err(ByHand);
    };
    let after = format!("{head}{words}{tail}");
    let said = rules(&after).into_iter().find(|(known, _)| known == id);
    if said.is_none_or(|(_, rule)| rule["mode"].as_str() != Some(mode.as_str())) {
        return Err(ByHand);
    }
    checked(text, after, |file| {
        let rules = file["rules"].as_array_mut().into_iter().flatten();
        for rule in rules.filter(|rule| rule["id"].as_str() == Some(id)) {
            rule.as_object_mut().and_then(|rule| rule.remove("mode"));
        }
    })
}

fn is_named(rule: &Node, id: &str) -> bool {
    find(rule, "id").and_then(scalar).as_deref() == Some(id)
}

/// What to write, and in the place of what.
fn mode_line(text: &str, rule: &Node, mode: Mode) -> Option<(Range<usize>, String)> {
    let word = mode.as_str();
    if let Some(written) = find(rule, "mode") {
        return Some((range(written.node.span), word.to_owned()));
    }
    let id = find(rule, "id")?;
    let (key, end) = (range(id.key_span), range(id.node.span).end);
    if text.get(range(rule.span).start..)?.starts_with('{') {
        return Some((end..end, format!(", mode: {word}")));
    }
    // On a line of its own below the id, as far in.
    let begin = text.get(..key.start)?.rfind('\n').map_or(0, |line| line + 1);
    let indent = " ".repeat(text.get(begin..key.start)?.chars().count());
    Some(match text.get(end..)?.find('\n') {
        Some(rest) => {
            let next = end + rest + 1;
            let line_end = if text.get(..next)?.ends_with("\r\n") {
                "\r\n"
            } else {
                "\n"
            };
            (next..next, format!("{indent}mode: {word}{line_end}"))
        }
        None => (text.len()..text.len(), format!("\n{indent}mode: {word}")),
    })
}

fn range(span: Span) -> Range<usize> {
    span.start as usize..span.end as usize
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

#[cfg(test)]
mod tests {
    use super::super::{OWN, texts};
    use super::*;

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
        let windows = OWN.replace('\n', "\r\n");
        assert_eq!(
            with_rule(&windows, "flood", Some(&flood)).unwrap(),
            with.replace('\n', "\r\n")
        );
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

    const RULES: &str = "# Of the town.
version: 1
rules:
  - id: first   # the first
    events: [message] # everywhere
    when: [text.length > 3]
    mode: live  # since May
    then: [delete]
  - policy: spam
    id: second  # no mode yet

    # A word on what follows.
    events: [message]
    when: [text.length > 4]
    then: [delete]
  - {id: third, events: [message], when: [text.length > 5], then: [delete]}
";

    fn set(rule: &str, mode: Mode) -> String {
        with_mode(RULES, rule, mode).unwrap()
    }

    #[test]
    fn a_mode_that_is_written_is_written_over() {
        let wanted = RULES.replace("mode: live  # since May", "mode: shadow  # since May");
        assert_eq!(set("first", Mode::Shadow), wanted);
        let quoted = RULES.replace("mode: live", "mode: 'live'");
        assert_eq!(with_mode(&quoted, "first", Mode::Shadow).unwrap(), wanted);
    }

    #[test]
    fn a_mode_that_is_not_written_is_put_below_the_id() {
        let line = "    id: second  # no mode yet\n";
        let wanted = RULES.replace(line, &format!("{line}    mode: disabled\n"));
        assert_eq!(set("second", Mode::Disabled), wanted);
        let flow = RULES.replace("{id: third,", "{id: third, mode: shadow,");
        assert_eq!(set("third", Mode::Shadow), flow);
        let windows = RULES.replace('\n', "\r\n");
        let changed = with_mode(&windows, "second", Mode::Disabled).unwrap();
        assert_eq!(changed, wanted.replace('\n', "\r\n"));
        let short = "version: 1\nrules:\n- events: [message]\n  then: [delete]\n  id: a";
        assert_eq!(
            with_mode(short, "a", Mode::Shadow).unwrap(),
            format!("{short}\n  mode: shadow")
        );
    }

    #[test]
    fn what_is_so_already_stays_as_it_is() {
        assert_eq!(set("second", Mode::Live), RULES);
        // By the defaults it is not live, so it has to be said.
        let tried = RULES.replace("rules:\n", "defaults: {mode: shadow}\nrules:\n");
        assert_eq!(with_mode(&tried, "second", Mode::Shadow).unwrap(), tried);
        let live = with_mode(&tried, "second", Mode::Live).unwrap();
        assert!(live.contains("# no mode yet\n    mode: live\n"), "{live}");
    }

    #[test]
    fn what_is_not_there_is_not_changed() {
        assert_eq!(with_mode(RULES, "fourth", Mode::Live), Err(ByHand));
        assert_eq!(
            with_mode("version: 1\nrules: [", "first", Mode::Live),
            Err(ByHand)
        );
        assert_eq!(with_mode("", "first", Mode::Live), Err(ByHand));
    }
}
