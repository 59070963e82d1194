//! Diagnostics as a person likes to read them.

use super::{Diagnostic, Severity};
use crate::source::Source;
use std::fmt::Write;

/// More of a line is not shown.
const WIDEST: usize = 160;

/// The text for a terminal: the line, a caret below the place, the hint.
pub fn render(diagnostics: &[Diagnostic], source: &Source, colour: bool) -> String {
    let paint = |code: &str, text: &str| {
        if colour {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    };
    let mut out = String::new();
    for found in diagnostics {
        let (word, tone) = match found.severity {
            Severity::Error => ("error", "1;31"),
            Severity::Warning => ("warning", "1;33"),
        };
        let head = paint(tone, &format!("{word}[{}]", found.code.as_str()));
        let message = paint("1", &printable(&found.message));
        put(&mut out, &format!("{head}: {message}"));
        let place = format!("{}:{}:{}", found.file, found.line, found.column);
        let number = found.line.to_string();
        let gutter = " ".repeat(number.len());
        put(&mut out, &format!("{gutter} {} {place}", paint("34", "-->")));
        let bar = paint("34", "|");
        let (line, column) = window(source.line(found.line), found.column as usize);
        let length = (found.length as usize).min(line.chars().count().saturating_sub(column - 1).max(1));
        let caret = paint(tone, &"^".repeat(length));
        put(
            &mut out,
            &format!("{} {bar} {}", paint("34", &number), printable(&line)),
        );
        put(
            &mut out,
            &format!("{gutter} {bar} {}{caret}", " ".repeat(column - 1)),
        );
        if let Some(hint) = &found.hint {
            put(
                &mut out,
                &format!("{gutter} {} {}", paint("36", "= hint:"), printable(hint)),
            );
        }
        out.push('\n');
    }
    out
}

fn put(out: &mut String, line: &str) {
    writeln!(out, "{}", line.trim_end()).unwrap_or_else(|_| unreachable!("a string takes every line"));
}

/// A part of a long line around the place, and the column of the place in it.
fn window(line: &str, column: usize) -> (String, usize) {
    let column = column.max(1);
    let skip = if column > WIDEST { column - WIDEST / 2 } else { 0 };
    (line.chars().skip(skip).take(WIDEST).collect(), column - skip)
}

/// Control characters of a file never reach the terminal.
fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}
