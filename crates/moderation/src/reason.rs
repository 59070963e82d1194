//! Why a person was sanctioned, in a moderator's words.

use crate::named::Named;
use crate::who::Actor;
use std::fmt;

/// A reason that was checked: not empty, not too long, without control characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reason(String);

/// Why a text cannot be a reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReasonError {
    #[error("no reason is given")]
    Empty,
    #[error("a reason has at most {most} characters, not {length}")]
    TooLong { length: usize, most: usize },
    #[error("a reason has no control characters, and at {at} stands U+{code:04X}: line breaks and tabs are allowed", code = u32::from(*found))]
    Control { at: usize, found: char },
}

// === impl Reason ===

impl Reason {
    /// The longest we keep: what fits whole into one field of a log message on every platform.
    pub const LONGEST: usize = 1_000;

    /// Trims and checks. `most` is what the platform takes; never more than [`Reason::LONGEST`].
    pub fn new(text: &str, most: usize) -> Result<Self, ReasonError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(ReasonError::Empty);
        }
        let most = most.min(Self::LONGEST);
        let length = units(text);
        if length > most {
            return Err(ReasonError::TooLong { length, most });
        }
        let control = text
            .chars()
            .enumerate()
            .find(|(_, c)| c.is_control() && !matches!(c, '\n' | '\r' | '\t'));
        match control {
            Some((at, found)) => Err(ReasonError::Control { at: at + 1, found }),
            None => Ok(Self(text.to_owned())),
        }
    }

    /// What was seen on the platform, made to fit: it has happened, so its reason is not refused. `None` when nothing is left.
    pub fn seen(text: &str) -> Option<Self> {
        let mut used = 0;
        let fits = |c: &char| {
            used += c.len_utf16();
            used <= Self::LONGEST
        };
        let kept: String = text
            .trim()
            .chars()
            .filter(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t'))
            .take_while(fits)
            .collect();
        let kept = kept.trim();
        (!kept.is_empty()).then(|| Self(kept.to_owned()))
    }

    /// One that was checked before it was kept.
    pub(crate) fn kept(text: String) -> Self {
        Self(text)
    }

    /// The words.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// For the platform's own audit log: who, why and which case, on one line and cut between characters where it is
    /// too long. The numbers of the cases are never cut off.
    pub fn audit_line(reason: Option<&Self>, by: &Actor, cases: &Named, most: usize) -> String {
        let words = reason.map_or("no reason given", Self::as_str);
        let line: String = format!("{by}: {words}")
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        let tail = format!(" [{cases}]");
        let room = most.saturating_sub(units(&tail));
        if units(&line) <= room {
            return line + &tail;
        }
        let mut cut = String::new();
        let mut used = units("…");
        for c in line.chars() {
            used += c.len_utf16();
            if used > room {
                break;
            }
            cut.push(c);
        }
        format!("{cut}…{tail}")
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Lengths are in UTF-16 units, as both platforms count.
fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::who::CaseNumber;

    #[test]
    fn a_reason_is_trimmed_and_checked() {
        assert_eq!(
            Reason::new("  spam\n twice ", 512).unwrap().as_str(),
            "spam\n twice"
        );
        assert_eq!(Reason::new(" \n ", 512), Err(ReasonError::Empty));
        assert_eq!(
            Reason::new("a\0b", 512).unwrap_err().to_string(),
            "a reason has no control characters, and at 2 stands U+0000: line breaks and tabs are allowed"
        );
        assert_eq!(
            Reason::new("\u{1b}[31m", 512),
            Err(ReasonError::Control {
                at: 1,
                found: '\u{1b}'
            })
        );
        assert_eq!(
            Reason::new(&"x".repeat(5_000), 4_096),
            Err(ReasonError::TooLong {
                length: 5_000,
                most: Reason::LONGEST
            })
        );
        assert_eq!(
            Reason::new(&"x".repeat(513), 512).unwrap_err().to_string(),
            "a reason has at most 512 characters, not 513"
        );
        assert!(Reason::new(&"ы".repeat(512), 512).is_ok());
        assert_eq!(
            Reason::new(&"🦀".repeat(257), 512),
            Err(ReasonError::TooLong {
                length: 514,
                most: 512
            })
        );
    }

    #[test]
    fn what_was_seen_is_made_to_fit() {
        assert_eq!(Reason::seen(" a\0b\n "), Some(Reason("ab".to_owned())));
        assert_eq!(Reason::seen("\0 \n"), None);
        let long = Reason::seen(&"🦀".repeat(600)).unwrap();
        assert_eq!(units(long.as_str()), Reason::LONGEST);
        assert!(Reason::new(long.as_str(), Reason::LONGEST).is_ok());
    }

    #[test]
    fn the_audit_line_keeps_the_case_and_never_splits_a_character() {
        let by = Actor::Rule("slurs".into());
        let line = |reason: &str, most| {
            Reason::audit_line(
                Some(&Reason::new(reason, Reason::LONGEST).unwrap()),
                &by,
                &CaseNumber(17).into(),
                most,
            )
        };
        assert_eq!(line("two\n  lines", 512), "rule:slurs: two lines [case 17]");
        assert_eq!(
            Reason::audit_line(None, &by, &CaseNumber(1).into(), 512),
            "rule:slurs: no reason given [case 1]"
        );
        for text in ["🦀".repeat(500), "ы".repeat(1_000), "x".repeat(1_000)] {
            let cut = line(&text, 512);
            assert!((511..=512).contains(&units(&cut)), "{}", units(&cut));
            assert!(cut.ends_with("… [case 17]"), "{cut}");
        }
        // Exactly as long as allowed: nothing is cut.
        let whole = "x".repeat(512 - units("rule:slurs:  [case 17]"));
        assert_eq!(line(&whole, 512), format!("rule:slurs: {whole} [case 17]"));
    }
}
