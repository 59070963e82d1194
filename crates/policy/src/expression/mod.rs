//! Conditions: `author.member_age < 1d and not links.all_in(safe_domains)`.
//!
//! `or`, `and`, `not`, comparisons, field paths, `field.method(name)`, `known(field)`, numbers, durations, sizes,
//! words. No loops, arithmetic or functions of users, so an expression's cost is bounded by its length.

mod lexer;
mod parser;

pub(crate) use parser::parse;

use crate::source::Span;
use std::fmt;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expr {
    pub(crate) kind: ExprKind,
    pub(crate) span: Span,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ExprKind {
    Or(Vec<Expr>),
    And(Vec<Expr>),
    Not(Box<Expr>),
    Compare {
        path: Name,
        op: Op,
        literal: Literal,
        literal_span: Span,
    },
    Field(Name),
    Known(Name),
    Call {
        path: Name,
        method: Name,
        argument: Name,
    },
}

/// A word or a path of words, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) text: String,
    pub(crate) span: Span,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Less,
    AtMost,
    Equal,
    NotEqual,
    AtLeast,
    More,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Literal {
    /// As it was written; sizes such as `8mb` are numbers.
    Number(i64, String),
    Duration(i64, String),
    Word(String),
}

// === impl Op ===

impl Op {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::AtLeast => ">=",
            Self::More => ">",
        }
    }

    pub(crate) fn holds(self, left: i64, right: i64) -> bool {
        match self {
            Self::Less => left < right,
            Self::AtMost => left <= right,
            Self::Equal => left == right,
            Self::NotEqual => left != right,
            Self::AtLeast => left >= right,
            Self::More => left > right,
        }
    }
}

// === impl Literal ===

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(_, text) | Self::Duration(_, text) | Self::Word(text) => f.write_str(text),
        }
    }
}

// === impl Expr ===

impl Expr {
    /// How tightly it binds; below its surroundings it needs brackets.
    fn rank(&self) -> u8 {
        match self.kind {
            ExprKind::Or(_) => 1,
            ExprKind::And(_) => 2,
            ExprKind::Not(_) => 3,
            _ => 4,
        }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, around: u8) -> fmt::Result {
        let brackets = self.rank() < around;
        if brackets {
            f.write_str("(")?;
        }
        match &self.kind {
            ExprKind::Or(items) => join(f, items, " or ", 2)?,
            ExprKind::And(items) => join(f, items, " and ", 3)?,
            ExprKind::Not(inner) => {
                f.write_str("not ")?;
                inner.write(f, 3)?;
            }
            ExprKind::Compare {
                path, op, literal, ..
            } => write!(f, "{} {} {literal}", path.text, op.as_str())?,
            ExprKind::Field(path) => f.write_str(&path.text)?,
            ExprKind::Known(path) => write!(f, "known({})", path.text)?,
            ExprKind::Call {
                path,
                method,
                argument,
            } => write!(f, "{}.{}({})", path.text, method.text, argument.text)?,
        }
        if brackets {
            f.write_str(")")?;
        }
        Ok(())
    }
}

fn join(f: &mut fmt::Formatter<'_>, items: &[Expr], word: &str, around: u8) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            f.write_str(word)?;
        }
        item.write(f, around)?;
    }
    Ok(())
}

/// The canonical text: what the formatter writes, and what a rule set's version is made of.
impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, 0)
    }
}
