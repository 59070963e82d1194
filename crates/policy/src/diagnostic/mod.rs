//! What is wrong with a rule file, in a form that the command line, the API, an editor and a bot's reply share.
//!
//! To add a kind of fault: a variant of [`Code`], and whoever finds it tells the [`Sink`].

mod code;
mod render;
mod suggest;

pub use code::Code;
pub use render::render;
pub(crate) use suggest::did_you_mean;

use crate::source::{Source, Span};
use serde::Serialize;

/// More are not told at once.
pub const MOST: usize = 50;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The file is not taken.
    Error,
    /// The file is taken, and probably does not do what is meant.
    Warning,
}

/// One fault and its place; lines and columns count characters from 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    pub severity: Severity,
    pub code: Code,
    pub file: String,
    pub line: u32,
    pub column: u32,
    pub length: u32,
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// Takes what is found while a file is read.
pub(crate) struct Sink {
    found: Vec<Found>,
}

pub(crate) struct Found {
    severity: Severity,
    code: Code,
    span: Span,
    message: String,
    hint: Option<String>,
}

// === impl Sink ===

impl Sink {
    pub(crate) fn new() -> Self {
        Self { found: Vec::new() }
    }

    pub(crate) fn error(&mut self, code: Code, span: Span, message: impl Into<String>) -> &mut Found {
        self.tell(Severity::Error, code, span, message.into())
    }

    pub(crate) fn warning(&mut self, code: Code, span: Span, message: impl Into<String>) -> &mut Found {
        self.tell(Severity::Warning, code, span, message.into())
    }

    fn tell(&mut self, severity: Severity, code: Code, span: Span, message: String) -> &mut Found {
        // Beyond what is told, only that there are errors counts: the last place takes the rest.
        if self.found.len() > MOST * 20 {
            self.found.sort_by_key(|found| found.severity);
            self.found.truncate(MOST * 10);
        }
        self.found.push(Found {
            severity,
            code,
            span,
            message,
            hint: None,
        });
        let last = self.found.len() - 1;
        &mut self.found[last]
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.found.iter().any(|found| found.severity == Severity::Error)
    }

    /// How many errors there are by now.
    pub(crate) fn errors(&self) -> usize {
        self.found
            .iter()
            .filter(|found| found.severity == Severity::Error)
            .count()
    }

    /// The first [`MOST`], errors before warnings when not all fit, in the order of the file.
    pub(crate) fn finish(mut self, source: &Source) -> Vec<Diagnostic> {
        self.found.sort_by_key(|found| (found.severity, found.span.start));
        self.found.truncate(MOST);
        self.found.sort_by_key(|found| found.span.start);
        self.found
            .into_iter()
            .map(|found| {
                let place = source.place(found.span);
                Diagnostic {
                    severity: found.severity,
                    code: found.code,
                    file: source.name().to_owned(),
                    line: place.line,
                    column: place.column,
                    length: place.length,
                    message: found.message,
                    hint: found.hint,
                }
            })
            .collect()
    }
}

// === impl Found ===

impl Found {
    pub(crate) fn hint(&mut self, hint: impl Into<String>) {
        self.hint = Some(hint.into());
    }
}

// === impl Diagnostic ===

impl std::fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            file,
            line,
            column,
            message,
            ..
        } = self;
        write!(f, "{file}:{line}:{column} {message}")?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}
