//! YAML as a tree with places. What could grow beyond the file itself (anchors, aliases, tags) is refused, so the
//! size of the tree is bounded by the size of the file.

use super::{Scalar, Source, Span};
use crate::diagnostic::{Code, Sink};
use granit_parser::{Event, Options, Parser, ScalarStyle, Span as ParserSpan, StructureStyle};

/// Files above this are not read: a hundred thousand words fit.
pub(crate) const MAX_BYTES: usize = 2 * 1024 * 1024;
const MAX_NODES: usize = 250_000;
const MAX_DEPTH: usize = 16;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) value: Value,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Null,
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_span: Span,
    pub(crate) node: Node,
}

// === impl Node ===

impl Node {
    /// What a person would call it.
    pub(crate) fn noun(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Scalar(_) => "a single value",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }
}

/// The file's one document. What is wrong is told to the sink; `None` when there is nothing to go on with.
pub(crate) fn parse(source: &Source, sink: &mut Sink) -> Option<Node> {
    if source.text().len() > MAX_BYTES {
        sink.error(
            Code::TooLarge,
            Span::default(),
            format!("a rule file has at most {} MiB", MAX_BYTES / 1024 / 1024),
        );
        return None;
    }
    let mut options = Options::default();
    options.set_emit_comments(false);
    options.disallow_directives = true;
    options.flow_nesting_limit = MAX_DEPTH;
    options.block_nesting_limit = MAX_DEPTH;
    options.emit_unresolved_aliases = true;
    let mut builder = Builder {
        source,
        parser: Parser::new_from_str_with_options(source.text(), options),
        nodes: 0,
    };
    let root = builder.document(sink).unwrap_or(None);
    if root.is_none() && !sink.has_errors() {
        sink.error(Code::NotYaml, Span::default(), "the file is empty")
            .hint("it begins with `version: 1`");
    }
    root
}

/// What is wrong was told, and reading on makes no sense.
struct Stop;

struct Builder<'s> {
    source: &'s Source,
    parser: Parser<'s, granit_parser::StrInput<'s>>,
    nodes: usize,
}

// === impl Builder ===

impl<'s> Builder<'s> {
    fn next(&mut self, sink: &mut Sink) -> Result<(Event<'s>, Span), Stop> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => Ok((event, bytes(span))),
            Some(Err(error)) => {
                let at = error.marker().byte_offset().unwrap_or(0);
                sink.error(Code::NotYaml, Span::new(at, at + 1), error.info())
                    .hint("a value that holds `: `, ` #` or begins with `!`, `*`, `&` or `{` needs quotes");
                Err(Stop)
            }
            None => Err(Stop),
        }
    }

    fn document(&mut self, sink: &mut Sink) -> Result<Option<Node>, Stop> {
        let mut root = None;
        loop {
            let (event, span) = self.next(sink)?;
            match event {
                Event::StreamEnd => return Ok(root),
                Event::StreamStart | Event::DocumentEnd => {}
                Event::DocumentStart(..) if root.is_none() => {
                    let (event, span) = self.next(sink)?;
                    root = Some(self.node(event, span, 0, sink)?);
                }
                _ => {
                    sink.error(Code::NotYaml, span, "a rule file is one YAML document".to_owned())
                        .hint("remove the second `---` and what follows, or make it a file of its own");
                    return Err(Stop);
                }
            }
        }
    }

    fn node(&mut self, event: Event<'s>, span: Span, depth: usize, sink: &mut Sink) -> Result<Node, Stop> {
        self.nodes += 1;
        if self.nodes > MAX_NODES || depth > MAX_DEPTH {
            sink.error(
                Code::TooLarge,
                span,
                format!("a rule file has at most {MAX_NODES} values, {MAX_DEPTH} deep"),
            );
            return Err(Stop);
        }
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                refuse(anchor, tag.is_some(), span, sink)?;
                let value = if style == ScalarStyle::Plain && (text.is_empty() || text == "~") {
                    Value::Null
                } else {
                    Value::Scalar(Scalar::new(self.source.text(), span, text.into_owned(), style))
                };
                Ok(Node { span, value })
            }
            Event::SequenceStart(style, anchor, tag) => {
                refuse(anchor, tag.is_some(), span, sink)?;
                let mut items = Vec::new();
                loop {
                    let (event, at) = self.next(sink)?;
                    if matches!(event, Event::SequenceEnd) {
                        // Where a block ends, the next thing begins: it reaches to its last item.
                        let last = items.last().map_or(span, |item: &Node| item.span);
                        let end = if style == StructureStyle::Flow { at } else { last };
                        return Ok(Node {
                            span: span.to(end),
                            value: Value::List(items),
                        });
                    }
                    items.push(self.node(event, at, depth + 1, sink)?);
                }
            }
            Event::MappingStart(style, anchor, tag) => {
                refuse(anchor, tag.is_some(), span, sink)?;
                let (entries, at) = self.entries(depth, sink)?;
                let last = entries.last().map_or(span, |entry| entry.node.span);
                let end = if style == StructureStyle::Flow { at } else { last };
                Ok(Node {
                    span: span.to(end),
                    value: Value::Map(entries),
                })
            }
            _ => {
                sink.error(
                    Code::NotYaml,
                    span,
                    "anchors and aliases are no part of the rule language".to_owned(),
                )
                .hint("name a list under `lists:` and use its name");
                Err(Stop)
            }
        }
    }

    fn entries(&mut self, depth: usize, sink: &mut Sink) -> Result<(Vec<Entry>, Span), Stop> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        loop {
            let (event, key_span) = self.next(sink)?;
            if matches!(event, Event::MappingEnd) {
                return Ok((entries, key_span));
            }
            let key = self.node(event, key_span, depth + 1, sink)?;
            let (event, span) = self.next(sink)?;
            let node = self.node(event, span, depth + 1, sink)?;
            let Value::Scalar(scalar) = key.value else {
                sink.error(Code::WrongType, key_span, "a key is a word".to_owned());
                continue;
            };
            if !seen.insert(scalar.text.clone()) {
                sink.error(
                    Code::Duplicate,
                    key_span,
                    format!("`{}` stands here twice", scalar.text),
                );
                continue;
            }
            entries.push(Entry {
                key: scalar.text,
                key_span,
                node,
            });
        }
    }
}

fn refuse(anchor: usize, tag: bool, span: Span, sink: &mut Sink) -> Result<(), Stop> {
    if anchor != 0 {
        sink.error(
            Code::NotYaml,
            span,
            "anchors and aliases are no part of the rule language".to_owned(),
        )
        .hint("name a list under `lists:` and use its name");
        return Err(Stop);
    }
    if tag {
        sink.error(
            Code::NotYaml,
            span,
            "`!` at the beginning of a value is a tag in YAML".to_owned(),
        )
        .hint("write `not` for a condition, or put the value in quotes");
        return Err(Stop);
    }
    Ok(())
}

fn bytes(span: ParserSpan) -> Span {
    let range = span.byte_range().unwrap_or(0..0);
    Span::new(range.start, range.end)
}
