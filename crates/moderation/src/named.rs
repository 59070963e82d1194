//! The cases that a line in a platform's own audit log names: by them people find the record, and we what we did.

use crate::who::CaseNumber;
use std::fmt;
use std::ops::RangeInclusive;

/// One case or some, as `case 17` or `cases 12-31, 33`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named(Vec<RangeInclusive<u64>>);

// === impl Named ===

impl Named {
    /// These, in any order.
    pub fn of(cases: impl IntoIterator<Item = CaseNumber>) -> Self {
        let mut numbers: Vec<u64> = cases.into_iter().map(|case| case.0).collect();
        numbers.sort_unstable();
        let mut ranges: Vec<RangeInclusive<u64>> = Vec::new();
        for number in numbers {
            match ranges.last_mut() {
                Some(last) if number <= last.end().saturating_add(1) => *last = *last.start()..=number,
                _ => ranges.push(number..=number),
            }
        }
        Self(ranges)
    }

    /// Those of a line that we left; `None` when it is nobody's that keeps cases as we do.
    pub fn read(line: &str) -> Option<Self> {
        let (_, named) = line.strip_suffix(']')?.rsplit_once(" [case")?;
        let named = named.strip_prefix('s').unwrap_or(named).strip_prefix(' ')?;
        let range = |text: &str| {
            let (first, last) = text.split_once('-').unwrap_or((text, text));
            Some(first.parse().ok()?..=last.parse().ok()?)
        };
        named.split(", ").map(range).collect::<Option<_>>().map(Self)
    }

    /// `12-31, 33`
    pub fn numbers(&self) -> String {
        let ranges = self.0.iter().map(|range| match range.end() - range.start() {
            0 => range.start().to_string(),
            _ => format!("{}-{}", range.start(), range.end()),
        });
        ranges.collect::<Vec<_>>().join(", ")
    }

    pub fn contains(&self, case: CaseNumber) -> bool {
        self.0.iter().any(|range| range.contains(&case.0))
    }
}

impl From<CaseNumber> for Named {
    fn from(case: CaseNumber) -> Self {
        Self::of([case])
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let one = matches!(&*self.0, [only] if only.start() == only.end());
        write!(f, "{} {}", if one { "case" } else { "cases" }, self.numbers())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_is_found_again() {
        for (cases, said) in [
            (&[17][..], "case 17"),
            (&[14, 12, 13, 33], "cases 12-14, 33"),
            (&[2, 1], "cases 1-2"),
        ] {
            let named = Named::of(cases.iter().map(|number| CaseNumber(*number)));
            assert_eq!(named.to_string(), said);
            let read = Named::read(&format!("5: came [case 99] again [{named}]")).unwrap();
            assert_eq!(read, named);
            assert!(cases.iter().all(|number| read.contains(CaseNumber(*number))));
            assert!(!read.contains(CaseNumber(99)) && !read.contains(CaseNumber(32)));
        }
        for other in [
            "spam",
            "spam [case]",
            "[case 17]",
            "spam [case x]",
            "spam [case 17] and more",
            "spam [cases 1-x]",
        ] {
            assert_eq!(Named::read(other), None, "{other}");
        }
    }
}
