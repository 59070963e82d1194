//! One text: `Banned {user} (case {case})`. A brace that is none is written twice.

use super::With;
use std::collections::BTreeSet;
use std::fmt::Write as _;

#[derive(Debug)]
pub(super) struct Text(Vec<Part>);

#[derive(Debug)]
enum Part {
    Plain(String),
    Name(String),
}

// === impl Text ===

impl Text {
    pub(super) fn read(written: &str) -> Result<Self, &'static str> {
        if written.trim().is_empty() {
            return Err("is empty");
        }
        let (mut parts, mut plain, mut rest) = (Vec::new(), String::new(), written);
        while let Some(at) = rest.find('{') {
            plain.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix('{') {
                plain.push('{');
                rest = after;
                continue;
            }
            let (name, after) = rest.split_once('}').ok_or("has a brace that is not closed")?;
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') {
                return Err("has a placeholder that is no name");
            }
            parts.push(Part::Plain(std::mem::take(&mut plain)));
            parts.push(Part::Name(name.to_owned()));
            rest = after;
        }
        plain.push_str(rest);
        parts.push(Part::Plain(plain));
        Ok(Self(parts))
    }

    pub(super) fn names(&self) -> BTreeSet<&str> {
        let name = |part| match part {
            &Part::Plain(_) => None,
            Part::Name(name) => Some(name.as_str()),
        };
        self.0.iter().filter_map(name).collect()
    }

    /// What is put in is not read for placeholders again: it may be other people's words.
    pub(super) fn fill(&self, key: &str, with: With<'_>) -> String {
        let mut filled = String::new();
        for part in &self.0 {
            match part {
                Part::Plain(plain) => filled.push_str(plain),
                Part::Name(name) => {
                    let value = with.iter().find(|(known, _)| known == name);
                    debug_assert!(value.is_some(), "nothing is given for `{name}` of `{key}`");
                    if let Some((_, value)) = value {
                        let _ = write!(filled, "{value}");
                    }
                }
            }
        }
        filled
    }
}
