//! One scalar, and where each part of it stands in the file.

use super::Span;
use granit_parser::ScalarStyle;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scalar {
    pub(crate) text: String,
    pub(crate) style: ScalarStyle,
    map: Map,
}

/// How places in the text become places in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Map {
    /// Byte for byte from here.
    Direct(u32),
    /// A literal block: where each line of the text begins in the text, and in the file.
    Lines(Vec<(u32, u32)>),
    /// Escapes or folded lines: only the whole is known.
    Whole(Span),
}

// === impl Scalar ===

impl Scalar {
    pub(super) fn new(source: &str, span: Span, text: String, style: ScalarStyle) -> Self {
        let map = match style {
            ScalarStyle::Literal => lines(source, span, &text),
            ScalarStyle::Folded => None,
            ScalarStyle::Plain => direct(source, span.start, &text),
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => direct(source, span.start + 1, &text),
        };
        Self {
            text,
            style,
            map: map.unwrap_or(Map::Whole(span)),
        }
    }

    pub(crate) fn is_plain(&self) -> bool {
        self.style == ScalarStyle::Plain
    }

    /// Whether it is written as a block of lines.
    pub(crate) fn is_block(&self) -> bool {
        matches!(self.style, ScalarStyle::Literal | ScalarStyle::Folded)
    }

    /// The place in the file of a part of the text.
    pub(crate) fn locate(&self, start: usize, end: usize) -> Span {
        match &self.map {
            Map::Direct(from) => Span::new(*from as usize + start, *from as usize + end),
            Map::Whole(span) => *span,
            Map::Lines(lines) => {
                let place = |offset: usize| {
                    let index = lines.partition_point(|(text, _)| *text as usize <= offset);
                    let (text, file) = lines[index.saturating_sub(1)];
                    file as usize + (offset - text as usize)
                };
                // The end is asked of its last character, so that it stays on the line that it ends.
                Span::new(place(start), place(end.saturating_sub(1).max(start)) + 1)
            }
        }
    }
}

fn direct(source: &str, start: u32, text: &str) -> Option<Map> {
    source
        .get(start as usize..)?
        .starts_with(text)
        .then_some(Map::Direct(start))
}

/// Finds each line of a literal block behind its indentation.
fn lines(source: &str, span: Span, text: &str) -> Option<Map> {
    let mut at = span.start as usize;
    let rest = source.get(at..)?;
    if rest.starts_with('|') {
        at += rest.find('\n')? + 1;
    } else {
        at = source[..at].rfind('\n').map_or(0, |end| end + 1);
    }
    let mut found = Vec::new();
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        let whole = source.get(at..)?.split_inclusive('\n').next()?;
        let content = line.trim_end_matches('\n');
        let bare = whole.trim_end_matches(['\n', '\r']);
        let indent = bare.len().checked_sub(content.len())?;
        if !bare.ends_with(content) {
            return None;
        }
        found.push((u32::try_from(offset).ok()?, u32::try_from(at + indent).ok()?));
        offset += line.len();
        at += whole.len();
    }
    (!found.is_empty()).then_some(Map::Lines(found))
}
