//! From words to a tree: a Pratt parser, of which each rule has at most [`MAX_NODES`] and [`MAX_DEPTH`].

use super::lexer::{Placed, Token, tokens};
use super::{Expr, ExprKind, Literal, Name};
use crate::diagnostic::{Code, Sink};
use crate::source::{Scalar, Span};
use granit_parser::ScalarStyle;

/// Longer is not read.
const MAX_BYTES: usize = 4096;
const MAX_NODES: usize = 256;
const MAX_DEPTH: usize = 32;

/// Reads a scalar as an expression; what is wrong goes to the sink with its place in the file.
pub(crate) fn parse(scalar: &Scalar, sink: &mut Sink) -> Option<Expr> {
    let text = &scalar.text;
    let whole = scalar.locate(0, text.len());
    if scalar.style == ScalarStyle::Folded {
        sink.error(
            Code::BadExpression,
            whole,
            "a condition is not written as a folded block",
        )
        .hint("use `|` instead of `>`, so that places in it can be shown");
        return None;
    }
    if text.len() > MAX_BYTES {
        sink.error(
            Code::TooLarge,
            whole,
            format!("a condition has at most {MAX_BYTES} bytes"),
        );
        return None;
    }
    let tokens = match tokens(text) {
        Ok(tokens) => tokens,
        Err(fault) => {
            let found = sink.error(
                Code::BadExpression,
                scalar.locate(fault.start, fault.end),
                fault.message,
            );
            if let Some(hint) = fault.hint {
                found.hint(hint);
            }
            return None;
        }
    };
    let mut parser = Parser {
        scalar,
        tokens,
        at: 0,
        nodes: 0,
    };
    let read = parser
        .expression(0, 0)
        .and_then(|expression| parser.end().map(|()| expression));
    match read {
        Ok(expression) => Some(expression),
        Err(fault) => {
            let found = sink.error(Code::BadExpression, fault.span, fault.message);
            if let Some(hint) = fault.hint {
                found.hint(hint);
            }
            None
        }
    }
}

struct Fault {
    span: Span,
    message: String,
    hint: Option<String>,
}

struct Parser<'s> {
    scalar: &'s Scalar,
    tokens: Vec<Placed>,
    at: usize,
    nodes: usize,
}

const OR: u8 = 1;
const AND: u8 = 2;
const NOT: u8 = 3;

// === impl Parser ===

impl Parser<'_> {
    fn peek(&self) -> &Token {
        &self.tokens[self.at].token
    }

    fn span(&self) -> Span {
        let placed = &self.tokens[self.at];
        let end = placed.end.max((placed.start + 1).min(self.scalar.text.len()));
        self.scalar.locate(placed.start, end)
    }

    /// The end is never stepped over.
    fn step(&mut self) -> (Token, Span) {
        let span = self.span();
        let token = self.peek().clone();
        if self.at + 1 < self.tokens.len() {
            self.at += 1;
        }
        (token, span)
    }

    fn fault(&self, message: impl Into<String>) -> Fault {
        Fault {
            span: self.span(),
            message: message.into(),
            hint: None,
        }
    }

    fn end(&mut self) -> Result<(), Fault> {
        match self.peek() {
            Token::End => Ok(()),
            Token::Comma => Err(Fault {
                hint: Some("each condition is an item of its own; a question takes one name".to_owned()),
                ..self.fault("`,` has no meaning here")
            }),
            token => Err(Fault {
                hint: Some("join conditions with `and` or `or`".to_owned()),
                ..self.fault(format!("expected `and`, `or` or the end, not {}", token.noun()))
            }),
        }
    }

    fn node(&mut self, kind: ExprKind, span: Span) -> Result<Expr, Fault> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(self.fault(format!("a condition has at most {MAX_NODES} parts")));
        }
        Ok(Expr { kind, span })
    }

    fn expression(&mut self, least: u8, depth: usize) -> Result<Expr, Fault> {
        if depth > MAX_DEPTH {
            return Err(self.fault(format!("a condition is at most {MAX_DEPTH} brackets deep")));
        }
        let mut left = self.operand(depth)?;
        loop {
            let rank = match self.peek() {
                Token::Or => OR,
                Token::And => AND,
                _ => return Ok(left),
            };
            if rank < least {
                return Ok(left);
            }
            // A chain of one operator is one node, however long.
            let mut items = vec![left];
            let operator = self.peek().clone();
            while *self.peek() == operator {
                self.step();
                items.push(self.expression(rank + 1, depth + 1)?);
            }
            let span = items[0].span.to(items[items.len() - 1].span);
            let kind = if rank == OR {
                ExprKind::Or(items)
            } else {
                ExprKind::And(items)
            };
            left = self.node(kind, span)?;
        }
    }

    fn operand(&mut self, depth: usize) -> Result<Expr, Fault> {
        match self.peek().clone() {
            Token::Not => {
                let (_, span) = self.step();
                let inner = self.expression(NOT, depth + 1)?;
                let span = span.to(inner.span);
                self.node(ExprKind::Not(Box::new(inner)), span)
            }
            Token::Open => {
                self.step();
                let inner = self.expression(0, depth + 1)?;
                self.close("a bracket is not closed")?;
                Ok(inner)
            }
            Token::Word(_) => self.condition(),
            Token::Number(_) | Token::Duration(_) => Err(Fault {
                hint: Some("the field stands before the comparison: `author.member_age < 1d`".to_owned()),
                ..self.fault("expected a field, not a value")
            }),
            token => Err(self.fault(format!("expected a condition, not {}", token.noun()))),
        }
    }

    fn condition(&mut self) -> Result<Expr, Fault> {
        let path = self.name()?;
        match self.peek() {
            Token::Open => self.call(&path),
            Token::Compare(_) => self.comparison(path),
            _ => {
                let span = path.span;
                self.node(ExprKind::Field(path), span)
            }
        }
    }

    fn name(&mut self) -> Result<Name, Fault> {
        match self.step() {
            (Token::Word(text), span) => Ok(Name { text, span }),
            (token, span) => Err(Fault {
                span,
                message: format!("expected a name, not {}", token.noun()),
                hint: None,
            }),
        }
    }

    fn close(&mut self, otherwise: &str) -> Result<Span, Fault> {
        match self.peek() {
            Token::Close => Ok(self.step().1),
            Token::Comma => Err(Fault {
                hint: Some("join two questions with `or`, or make one list of both".to_owned()),
                ..self.fault("a question takes one name")
            }),
            _ => Err(self.fault(otherwise)),
        }
    }

    fn call(&mut self, path: &Name) -> Result<Expr, Fault> {
        self.step();
        let argument = self.name()?;
        let end = self.close("expected `)`")?;
        let span = path.span.to(end);
        if path.text == "known" {
            return self.node(ExprKind::Known(argument), span);
        }
        let Some(dot) = path.text.rfind('.') else {
            return Err(Fault {
                span: path.span,
                message: format!("there is no function called {}", path.text),
                hint: Some("ask a field: `text.has_any(slurs)`, or `known(author.account_age)`".to_owned()),
            });
        };
        let split = |from: usize, to: usize| Name {
            text: path.text[from..to].to_owned(),
            span: Span {
                start: path.span.start + u32::try_from(from).unwrap_or(0),
                // A path within escapes has only the place of the whole.
                end: if (path.span.end - path.span.start) as usize == path.text.len() {
                    path.span.start + u32::try_from(to).unwrap_or(0)
                } else {
                    path.span.end
                },
            },
        };
        let kind = ExprKind::Call {
            path: split(0, dot),
            method: split(dot + 1, path.text.len()),
            argument,
        };
        self.node(kind, span)
    }

    fn comparison(&mut self, path: Name) -> Result<Expr, Fault> {
        let (Token::Compare(op), _) = self.step() else {
            return Err(self.fault("expected a comparison"));
        };
        let written = {
            let placed = &self.tokens[self.at];
            self.scalar.text[placed.start..placed.end].to_owned()
        };
        let (token, literal_span) = self.step();
        let literal = match token {
            Token::Number(number) => Literal::Number(number, written),
            Token::Duration(millis) => Literal::Duration(millis, written),
            Token::Word(word) => Literal::Word(word),
            _ => {
                return Err(Fault {
                    span: literal_span,
                    message: "expected a number or a duration such as 7d".to_owned(),
                    hint: None,
                });
            }
        };
        let span = path.span.to(literal_span);
        self.node(
            ExprKind::Compare {
                path,
                op,
                literal,
                literal_span,
            },
            span,
        )
    }
}
