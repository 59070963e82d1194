//! Looks for a list's words or patterns in a text.

use regex::{Regex, RegexBuilder};
use std::ops::Range;

/// What a compiled regular expression may take.
const SIZE_LIMIT: usize = 256 * 1024;
const NEST_LIMIT: u32 = 50;

#[derive(Debug)]
pub(crate) struct Matcher {
    patterns: Vec<Regex>,
}

// === impl Matcher ===

impl Matcher {
    pub(crate) fn words(entries: &[&str], _fold: bool) -> Self {
        let patterns = entries.iter().filter_map(|entry| {
            let open = |at_end: bool| if at_end { "" } else { r"(?:^|$|\b)" };
            let core = regex::escape(entry.trim_matches('*').trim());
            let pattern = format!(
                "{}{core}{}",
                open(entry.starts_with('*')),
                open(entry.ends_with('*'))
            );
            build(&pattern).ok()
        });
        Self {
            patterns: patterns.collect(),
        }
    }

    /// The patterns, and which of them are refused and why.
    pub(crate) fn regexes(entries: &[&str]) -> (Self, Vec<(usize, String)>) {
        let (mut patterns, mut faults) = (Vec::new(), Vec::new());
        for (index, entry) in entries.iter().enumerate() {
            match build(entry) {
                Ok(pattern) => patterns.push(pattern),
                Err(error) => faults.push((index, said(&error))),
            }
        }
        (Self { patterns }, faults)
    }

    /// Where the first one stands.
    pub(crate) fn find(&self, text: &str) -> Option<Range<usize>> {
        self.patterns
            .iter()
            .find_map(|pattern| pattern.find(text).map(|found| found.range()))
    }
}

fn build(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern)
        .case_insensitive(true)
        .size_limit(SIZE_LIMIT)
        .dfa_size_limit(SIZE_LIMIT)
        .nest_limit(NEST_LIMIT)
        .build()
}

fn said(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(_) => "the pattern would take too much memory".to_owned(),
        other => {
            let text = other.to_string();
            let last = text.lines().last().unwrap_or_default().trim();
            last.strip_prefix("error: ").unwrap_or(last).to_owned()
        }
    }
}
