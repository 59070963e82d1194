//! The text of a rule file: places in it, and the tree of what YAML says.

mod scalar;
mod tree;

pub(crate) use scalar::Scalar;
pub(crate) use tree::{Entry, Node, Value, parse};

/// A stretch of the source, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    pub start: u32,
    pub end: u32,
}

/// Something that was read, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At<T> {
    pub value: T,
    pub span: Span,
}

/// A rule file.
#[derive(Debug, Clone)]
pub struct Source {
    name: String,
    text: String,
    /// Where each line begins.
    lines: Vec<u32>,
}

/// A place as people count: from 1, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub line: u32,
    pub column: u32,
    pub length: u32,
}

// === impl Span ===

impl Span {
    pub(crate) fn new(start: usize, end: usize) -> Self {
        let fits = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self {
            start: fits(start),
            end: fits(end.max(start)),
        }
    }

    pub(crate) fn to(self, other: Self) -> Self {
        Self {
            start: self.start.min(other.start),
            end: self.end.max(other.end),
        }
    }
}

// === impl At ===

impl<T> At<T> {
    pub(crate) fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }
}

// === impl Source ===

impl Source {
    /// A file by the name that diagnostics show.
    pub fn new(name: &str, text: &str) -> Self {
        let mut lines = vec![0];
        let ends = memchr::memchr_iter(b'\n', text.as_bytes());
        lines.extend(ends.map(|end| u32::try_from(end + 1).unwrap_or(u32::MAX)));
        Self {
            name: name.to_owned(),
            text: text.to_owned(),
            lines,
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// The line of a place, from 1.
    pub(crate) fn line_of(&self, offset: u32) -> u32 {
        u32::try_from(self.lines.partition_point(|begin| *begin <= offset)).unwrap_or(u32::MAX)
    }

    /// A line's text, without its end.
    pub(crate) fn line(&self, number: u32) -> &str {
        let index = number.saturating_sub(1) as usize;
        let Some(begin) = self.lines.get(index) else {
            return "";
        };
        let end = self
            .lines
            .get(index + 1)
            .map_or(self.text.len(), |next| *next as usize);
        self.text
            .get(*begin as usize..end)
            .unwrap_or_default()
            .trim_end_matches(['\n', '\r'])
    }

    /// Where a span begins, and how far it goes on that line.
    pub(crate) fn place(&self, span: Span) -> Place {
        let line = self.line_of(span.start);
        let text = self.line(line);
        let begin = self
            .lines
            .get(line.saturating_sub(1) as usize)
            .copied()
            .unwrap_or(0);
        let count = |bytes: u32| {
            let bytes = (bytes as usize).min(text.len());
            let characters = text.char_indices().take_while(|(at, _)| *at < bytes).count();
            u32::try_from(characters).unwrap_or(u32::MAX)
        };
        let column = count(span.start.saturating_sub(begin));
        let end = count(span.end.saturating_sub(begin));
        Place {
            line,
            column: column + 1,
            length: end.saturating_sub(column).max(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_characters_from_one() {
        let source = Source::new("rules.yml", "a: ж\r\nbeta: x\n");
        let at = source.text().find('x').unwrap();
        assert_eq!(
            source.place(Span::new(at, at + 1)),
            Place {
                line: 2,
                column: 7,
                length: 1
            }
        );
        let at = source.text().find('ж').unwrap();
        assert_eq!(source.place(Span::new(at, source.text().len())).length, 1);
        assert_eq!(source.line(1), "a: ж");
        // A place behind the end is the end.
        assert_eq!(source.place(Span::new(900, 901)).line, 3);
    }
}
