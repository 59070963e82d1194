//! `lockdown rules fmt`: one layout for all rule files. Comments, quotes and the order of things stay as they are.

use crate::diagnostic::{Diagnostic, Sink};
use crate::document::canonical;
use crate::source::{Node, Source, Span, Value, parse};

/// How deep each step is indented.
const STEP: usize = 2;

/// The file in its one layout; what is wrong with a file that is no YAML.
pub fn format(source: &Source) -> Result<String, Vec<Diagnostic>> {
    let mut sink = Sink::new();
    let root = parse(source, &mut sink);
    let Some(root) = root.filter(|_| !sink.has_errors()) else {
        return Err(sink.finish(source));
    };
    let written = write_canonical(source.text(), &root);
    // Places have moved: what spans lines is found anew.
    let moved = Source::new(source.name(), &written);
    let layout = parse(&moved, &mut Sink::new()).map(|root| layout(&moved, &root));
    let formatted = layout.unwrap_or_else(|| source.text().to_owned());
    // A layout that would change what the file says is not used.
    let again = parse(&Source::new(source.name(), &formatted), &mut Sink::new());
    let same = again.is_some_and(|again| shape(&again) == shape(&root));
    Ok(if same { formatted } else { source.text().to_owned() })
}

/// Conditions and actions as the language writes them, where they stand plainly on one line.
fn write_canonical(text: &str, root: &Node) -> String {
    let mut edits: Vec<(Span, String)> = Vec::new();
    canonical::visit(root, &mut |node, written| {
        if let Value::Scalar(scalar) = &node.value
            && scalar.is_plain()
            && text.get(node.span.start as usize..node.span.end as usize) == Some(scalar.text.as_str())
        {
            edits.push((node.span, written));
        }
    });
    edits.sort_by_key(|(span, _)| span.start);
    let (mut out, mut at) = (String::with_capacity(text.len()), 0);
    for (span, written) in edits {
        out.push_str(&text[at..span.start as usize]);
        out.push_str(&written);
        at = span.end as usize;
    }
    out.push_str(&text[at..]);
    out
}

/// What the file says, without its layout.
fn shape(root: &Node) -> String {
    let mut canonical_texts = std::collections::HashMap::new();
    canonical::visit(root, &mut |node, written| {
        canonical_texts.insert(node.span.start, written);
    });
    let mut out = String::new();
    describe(root, &canonical_texts, &mut out);
    out
}

fn describe(node: &Node, canonical: &std::collections::HashMap<u32, String>, out: &mut String) {
    match &node.value {
        Value::Null => out.push('~'),
        Value::Scalar(scalar) => {
            let text = canonical.get(&node.span.start).unwrap_or(&scalar.text);
            *out += &format!("{:?} {text:?}", scalar.style);
        }
        Value::List(items) => {
            out.push('[');
            for item in items {
                describe(item, canonical, out);
                out.push(',');
            }
            out.push(']');
        }
        Value::Map(entries) => {
            out.push('{');
            for entry in entries {
                *out += &format!("{:?}:", entry.key);
                describe(&entry.node, canonical, out);
                out.push(',');
            }
            out.push('}');
        }
    }
}

/// What a line is to the layout.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Line {
    Blank,
    Comment,
    /// Begins something.
    Opens,
    /// Goes on with what an earlier line began; the text of a block, of which nothing may be cut, if so.
    GoesOn {
        verbatim: bool,
    },
}

fn layout(source: &Source, root: &Node) -> String {
    let lines: Vec<&str> = source.text().lines().collect();
    let mut kinds: Vec<Line> = lines
        .iter()
        .map(|line| match line.trim_start() {
            "" => Line::Blank,
            text if text.starts_with('#') => Line::Comment,
            _ => Line::Opens,
        })
        .collect();
    spans(source, root, &mut kinds);
    let indents = indents(&lines, &kinds);
    let mut out = String::with_capacity(source.text().len());
    let mut blank = true;
    for ((line, kind), indent) in lines.iter().zip(&kinds).zip(indents) {
        if *kind == Line::Blank {
            // One blank line is a paragraph; more are none the wiser, and none begins a file.
            if !blank {
                out.push('\n');
            }
            blank = true;
            continue;
        }
        blank = false;
        let text = if matches!(kind, Line::GoesOn { verbatim: true }) {
            line.trim_start_matches(' ').trim_end_matches('\r')
        } else {
            line.trim()
        };
        if !text.is_empty() {
            out.push_str(&" ".repeat(indent));
            out.push_str(&if *kind == Line::Opens {
                tight(text)
            } else {
                text.to_owned()
            });
        }
        out.push('\n');
    }
    while out.ends_with("\n\n") {
        out.pop();
    }
    out
}

/// Marks the lines that belong to something which began earlier.
fn spans(source: &Source, node: &Node, kinds: &mut [Line]) {
    let (start, end) = (node.span.start as usize, node.span.end as usize);
    // A block's text begins behind its first line's indentation and reaches to whatever comes next.
    let block = matches!(&node.value, Value::Scalar(scalar) if scalar.is_block());
    let covered = source.text().get(start..end).unwrap_or_default();
    let end = if block {
        start + covered.trim_end().len()
    } else {
        end
    };
    let line = |at: usize| source.line_of(Span::new(at, at).start);
    let (first, last) = (line(start), line(end.saturating_sub(1).max(start)));
    let flow = covered.starts_with(['[', '{']);
    if matches!(node.value, Value::Scalar(_)) || flow {
        let verbatim = !flow;
        for line in first + u32::from(!block)..=last {
            if let Some(kind) = kinds.get_mut(line as usize - 1) {
                *kind = Line::GoesOn { verbatim };
            }
        }
    }
    match &node.value {
        Value::List(items) => items.iter().for_each(|item| spans(source, item, kinds)),
        Value::Map(entries) => entries.iter().for_each(|entry| spans(source, &entry.node, kinds)),
        Value::Null | Value::Scalar(_) => {}
    }
}

/// The new indentation of each line.
fn indents(lines: &[&str], kinds: &[Line]) -> Vec<usize> {
    // What is open: where it stood, and where it stands now.
    let mut open: Vec<(usize, usize)> = vec![(0, 0)];
    let mut indents = Vec::with_capacity(lines.len());
    let mut moved: isize = 0;
    for (line, kind) in lines.iter().zip(kinds) {
        let width = line.len() - line.trim_start_matches(' ').len();
        match kind {
            Line::Blank | Line::Comment => indents.push(usize::MAX),
            Line::GoesOn { .. } => indents.push(width.saturating_add_signed(moved)),
            Line::Opens => {
                while open.len() > 1 && open[open.len() - 1].0 > width {
                    open.pop();
                }
                let (old, new) = open[open.len() - 1];
                let indent = if width > old { new + STEP } else { new };
                if width > old {
                    open.push((width, indent));
                }
                moved = isize::try_from(indent).unwrap_or(0) - isize::try_from(width).unwrap_or(0);
                indents.push(indent);
                // What stands behind a dash is one step deeper.
                let (mut rest, mut column, mut inner) = (line.trim_start_matches(' '), width, indent);
                while let Some(behind) = rest.strip_prefix("- ") {
                    let text = behind.trim_start_matches(' ');
                    column += rest.len() - text.len();
                    inner += STEP;
                    open.push((column, inner));
                    rest = text;
                }
            }
        }
    }
    // A comment stands where what it is about stands.
    let mut next = 0;
    for (indent, kind) in indents.iter_mut().zip(kinds).rev() {
        match kind {
            Line::Comment => *indent = next,
            Line::Blank => *indent = 0,
            Line::Opens | Line::GoesOn { .. } => next = *indent,
        }
    }
    indents
}

/// One blank behind each dash.
fn tight(line: &str) -> String {
    let (mut out, mut rest) = (String::new(), line);
    while let Some(behind) = rest.strip_prefix("- ") {
        out.push_str("- ");
        rest = behind.trim_start_matches(' ');
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn formatted(text: &str) -> String {
        format(&Source::new("rules.yml", text)).unwrap()
    }

    #[test]
    fn one_layout_for_all() {
        let text = "\n\nversion: 1   \n\n\n\nrules:\n    # what it is for\n    -   id: a   # why\n        events: [message]\n        when:\n            - (links.count>0)   and not  author.bot # really\n            -   |\n                links.count > 0\n                  and links.count < 5\n        then: [ timeout   60s,\n           delete ]\n\n";
        let expected = "version: 1\n\nrules:\n  # what it is for\n  - id: a   # why\n    events: [message]\n    when:\n      - links.count > 0 and not author.bot # really\n      - |\n          links.count > 0\n            and links.count < 5\n    then: [ timeout 1m,\n       delete ]\n";
        assert_eq!(formatted(text), expected);
        assert_eq!(formatted(expected), expected);
    }

    #[test]
    fn what_is_no_yaml_is_told() {
        let found = format(&Source::new("rules.yml", "a: b: c")).unwrap_err();
        assert_eq!((found.len(), found[0].line), (1, 1));
    }
}
