//! What is settled beyond a floor, as runs: a group that is stuck on one entry and a million ahead of it has one run.

use std::ops::RangeInclusive;

/// A set of numbers kept as sorted runs with a gap between neighbours.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ranges(Vec<(u64, u64)>);

/// The bytes do not read as runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the runs cannot be read")]
pub(super) struct BadRanges;

// === impl Ranges ===

impl Ranges {
    /// Adds a run, which may touch or overlap others.
    pub(super) fn insert(&mut self, run: RangeInclusive<u64>) {
        let (from, to) = run.into_inner();
        if from > to {
            return;
        }
        let first = self.0.partition_point(|(_, end)| end.saturating_add(1) < from);
        let past = self
            .0
            .partition_point(|(begin, _)| *begin <= to.saturating_add(1));
        let merged = if first < past {
            (from.min(self.0[first].0), to.max(self.0[past - 1].1))
        } else {
            (from, to)
        };
        self.0.splice(first..past, [merged]);
    }

    /// Takes the first run away if it begins at `number`, and says where it ends.
    pub(super) fn take_first(&mut self, number: u64) -> Option<u64> {
        let (from, to) = *self.0.first()?;
        (from == number).then(|| {
            self.0.remove(0);
            to
        })
    }

    /// Forgets everything up to `number`.
    pub(super) fn forget_to(&mut self, number: u64) {
        let gone = self.0.partition_point(|(_, to)| *to <= number);
        self.0.drain(..gone);
        if let Some((from, _)) = self.0.first_mut() {
            *from = (*from).max(number + 1);
        }
    }

    /// The runs of this span that are not in the set.
    pub(super) fn gaps(&self, span: RangeInclusive<u64>) -> impl Iterator<Item = RangeInclusive<u64>> {
        let (mut next, end) = span.into_inner();
        let mut gaps = Vec::new();
        for (from, to) in &self.0 {
            if *to < next {
                continue;
            }
            if *from > end {
                break;
            }
            if *from > next {
                gaps.push(next..=*from - 1);
            }
            next = *to + 1;
        }
        if next <= end {
            gaps.push(next..=end);
        }
        gaps.into_iter()
    }

    /// How many numbers are in the set.
    pub(super) fn count(&self) -> u64 {
        self.0.iter().map(|(from, to)| to - from + 1).sum()
    }

    /// The runs as distances, each in as few bytes as it needs.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.0.len() * 4);
        let mut last = 0;
        for (from, to) in &self.0 {
            write(&mut bytes, from - last);
            write(&mut bytes, to - from);
            last = *to;
        }
        bytes
    }

    pub(super) fn decode(mut bytes: &[u8]) -> Result<Self, BadRanges> {
        let mut runs: Vec<(u64, u64)> = Vec::new();
        let mut last = 0_u64;
        while !bytes.is_empty() {
            let from = last.checked_add(read(&mut bytes)?).ok_or(BadRanges)?;
            let to = from.checked_add(read(&mut bytes)?).ok_or(BadRanges)?;
            if runs.last().is_some_and(|(_, end)| from <= end.saturating_add(1)) {
                return Err(BadRanges);
            }
            runs.push((from, to));
            last = to;
        }
        Ok(Self(runs))
    }
}

/// Seven bits a byte, the lowest first.
fn write(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push((number & 0x7f) as u8);
}

fn read(bytes: &mut &[u8]) -> Result<u64, BadRanges> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first().ok_or(BadRanges)?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f).checked_shl(shift).ok_or(BadRanges)?;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(BadRanges)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn in_both(ranges: &Ranges, set: &BTreeSet<u64>) -> bool {
        let inside = |number: u64| ranges.gaps(number..=number).next().is_none();
        (0..240).all(|number| inside(number) == set.contains(&number))
    }

    proptest! {
        /// Against a plain set of numbers.
        #[test]
        fn runs_are_a_set(runs in proptest::collection::vec((1..200_u64, 0..20_u64), 0..30), cut in 0..220_u64) {
            let mut ranges = Ranges::default();
            let mut set = BTreeSet::new();
            for (from, length) in runs {
                ranges.insert(from..=from + length);
                set.extend(from..=from + length);
            }
            prop_assert_eq!(ranges.count(), set.len() as u64);
            prop_assert!(in_both(&ranges, &set));
            let gaps: Vec<_> = ranges.gaps(5..=150).flatten().collect();
            prop_assert_eq!(gaps, (5..=150).filter(|number| !set.contains(number)).collect::<Vec<_>>());
            prop_assert_eq!(Ranges::decode(&ranges.encode()), Ok(ranges.clone()));
            ranges.forget_to(cut);
            set.retain(|number| *number > cut);
            prop_assert!(in_both(&ranges, &set));
            if let Some(first) = set.first().copied() {
                prop_assert_eq!(ranges.take_first(first + 1), None);
                let end = ranges.take_first(first).unwrap();
                prop_assert!((first..=end).all(|number| set.contains(&number)) && !set.contains(&(end + 1)));
            }
        }

        #[test]
        fn bytes_of_any_kind_are_runs_or_refused(bytes: Vec<u8>) {
            if let Ok(ranges) = Ranges::decode(&bytes) {
                prop_assert_eq!(Ranges::decode(&ranges.encode()), Ok(ranges));
            }
        }
    }
}
