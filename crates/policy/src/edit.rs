//! Small changes to a rule file as people wrote it: what is not changed, comments and blanks too, stays as it is.

use crate::diagnostic::Sink;
use crate::document::{Document, Mode, document};
use crate::source::{Entry, Node, Source, Span, Value, parse};
use std::ops::Range;

/// The file with another mode for one rule, or as it is where that is its mode already. `None` where the file has no such
/// rule, or is none.
pub fn with_mode(text: &str, rule: &str, mode: Mode) -> Option<String> {
    let before = read(text)?;
    let at = before.rules.iter().position(|known| known.id.value == rule)?;
    if mode_of(&before, at) == mode {
        return Some(text.to_owned());
    }
    let root = parse(&Source::new("", text), &mut Sink::new())?;
    let rules = entry(&root, "rules")?;
    let Value::List(items) = &rules.node.value else {
        return None;
    };
    let (place, words) = change(text, items.get(at)?, mode)?;
    let changed = format!("{}{words}{}", text.get(..place.start)?, text.get(place.end..)?);
    // Whatever else YAML lets people write, another rule must not be hit.
    let after = read(&changed)?;
    let same = before.rules.len() == after.rules.len()
        && (0..before.rules.len()).all(|other| {
            before.rules[other].id.value == after.rules[other].id.value
                && (other == at || mode_of(&before, other) == mode_of(&after, other))
        });
    (same && mode_of(&after, at) == mode).then_some(changed)
}

fn read(text: &str) -> Option<Document> {
    let mut sink = Sink::new();
    let read = document(&Source::new("", text), &mut sink);
    read.filter(|_| !sink.has_errors())
}

fn mode_of(document: &Document, rule: usize) -> Mode {
    let own = document.rules[rule].mode;
    own.or(document.defaults.mode).unwrap_or(Mode::Live)
}

fn entry<'n>(node: &'n Node, key: &str) -> Option<&'n Entry> {
    match &node.value {
        Value::Map(entries) => entries.iter().find(|entry| entry.key == key),
        _ => None,
    }
}

/// What to write, and in the place of what.
fn change(text: &str, rule: &Node, mode: Mode) -> Option<(Range<usize>, String)> {
    let word = mode.as_str();
    if let Some(written) = entry(rule, "mode") {
        return Some((range(written.node.span), word.to_owned()));
    }
    let id = entry(rule, "id")?;
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

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(with_mode(RULES, "fourth", Mode::Live), None);
        assert_eq!(with_mode("version: 1\nrules: [", "first", Mode::Live), None);
        assert_eq!(with_mode("", "first", Mode::Live), None);
    }
}
