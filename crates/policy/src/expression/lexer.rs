//! An expression's words.

use super::Op;
use crate::duration;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    And,
    Or,
    Not,
    Open,
    Close,
    Comma,
    Compare(Op),
    /// A name or a path: `links.count`, `event-host`.
    Word(String),
    Number(i64),
    Duration(i64),
    End,
}

/// A token and where it stands in the text.
#[derive(Debug, Clone)]
pub(super) struct Placed {
    pub(super) token: Token,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// What cannot be a token.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) message: String,
    pub(super) hint: Option<&'static str>,
}

// === impl Token ===

impl Token {
    pub(super) fn noun(&self) -> String {
        match self {
            Self::And => "`and`".to_owned(),
            Self::Or => "`or`".to_owned(),
            Self::Not => "`not`".to_owned(),
            Self::Open => "`(`".to_owned(),
            Self::Close => "`)`".to_owned(),
            Self::Comma => "`,`".to_owned(),
            Self::Compare(op) => format!("`{}`", op.as_str()),
            Self::Word(word) => format!("`{}`", short(word)),
            Self::Number(number) => format!("`{number}`"),
            Self::Duration(millis) => format!("`{}`", duration::show(*millis)),
            Self::End => "the end".to_owned(),
        }
    }
}

/// As much of a text as fits into a message.
fn short(text: &str) -> String {
    const LONGEST: usize = 40;
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    text.chars().take(LONGEST).chain(['…']).collect()
}

pub(super) fn tokens(text: &str) -> Result<Vec<Placed>, Fault> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let start = at;
        if c.is_whitespace() {
            at += c.len_utf8();
            continue;
        }
        let (token, length) = if c.is_ascii_digit() {
            let length = run(&text[at..], |c| c.is_ascii_alphanumeric() || c == '.' || c == '_');
            (number(&text[at..at + length], start)?, length)
        } else if c.is_alphabetic() || c == '_' {
            let length = run(&text[at..], |c| {
                c.is_alphanumeric() || matches!(c, '_' | '-' | '.')
            });
            (word(&text[at..at + length], start)?, length)
        } else {
            symbol(&text[at..], start)?
        };
        at += length;
        tokens.push(Placed {
            token,
            start,
            end: at,
        });
    }
    tokens.push(Placed {
        token: Token::End,
        start: text.len(),
        end: text.len(),
    });
    Ok(tokens)
}

fn run(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|c| !belongs(c)).unwrap_or(text.len())
}

fn number(text: &str, start: usize) -> Result<Token, Fault> {
    let fault = || Fault {
        start,
        end: start + text.len(),
        message: "expected a number or a duration such as 7d".to_owned(),
        hint: Some("durations are 30s, 10m, 1h30m, 7d, 2w; sizes are 500kb, 8mb, 1gb"),
    };
    if let Ok(number) = text.replace('_', "").parse::<i64>() {
        return Ok(Token::Number(number));
    }
    let lower = text.to_ascii_lowercase();
    for (unit, factor) in [("kb", 1_000_i64), ("mb", 1_000_000), ("gb", 1_000_000_000)] {
        if let Some(number) = lower.strip_suffix(unit) {
            let number: i64 = number.parse().map_err(|_| fault())?;
            return number.checked_mul(factor).map(Token::Number).ok_or_else(fault);
        }
    }
    duration::parse(text).map(Token::Duration).ok_or_else(fault)
}

fn word(text: &str, start: usize) -> Result<Token, Fault> {
    let fault = |message: String, hint| Fault {
        start,
        end: start + text.len(),
        message,
        hint,
    };
    Ok(match text {
        "and" => Token::And,
        "or" => Token::Or,
        "not" => Token::Not,
        "AND" | "OR" | "NOT" => {
            return Err(fault(
                format!("`{text}` is written small"),
                Some("write `and`, `or`, `not`"),
            ));
        }
        _ if text.ends_with(['.', '-']) || text.contains("..") => {
            return Err(fault("a name does not end here".to_owned(), None));
        }
        _ => Token::Word(text.to_owned()),
    })
}

fn symbol(text: &str, start: usize) -> Result<(Token, usize), Fault> {
    for (symbol, token) in [
        ("<=", Token::Compare(Op::AtMost)),
        (">=", Token::Compare(Op::AtLeast)),
        ("==", Token::Compare(Op::Equal)),
        ("!=", Token::Compare(Op::NotEqual)),
        ("<", Token::Compare(Op::Less)),
        (">", Token::Compare(Op::More)),
        ("(", Token::Open),
        (")", Token::Close),
        (",", Token::Comma),
    ] {
        if text.starts_with(symbol) {
            return Ok((token, symbol.len()));
        }
    }
    let hint = match text.as_bytes()[0] {
        b'=' => Some("compare with `==`"),
        b'!' => Some("write `not` for a condition, `!=` to compare"),
        b'&' => Some("write `and`"),
        b'|' => Some("write `or`"),
        b'\'' | b'"' => {
            Some("names need no quotes: `text.has_any(slurs)`; words to look for stand in a list")
        }
        b'-' => Some("nothing that rules see is below zero"),
        b'+' | b'*' | b'/' => Some("conditions do not calculate"),
        _ => None,
    };
    let c = text.chars().next().unwrap_or(' ');
    let shown = if c.is_control() { ' ' } else { c };
    Err(Fault {
        start,
        end: start + c.len_utf8(),
        message: format!("`{shown}` has no meaning here"),
        hint,
    })
}
