//! Which stretches of letters stand in a text in squash space, of all those that patterns need.
//!
//! A stretch is looked for by three of its classes in a row, the rarest: a bit tells of most texts' letters that no stretch has
//! them, and only where it does not is a stretch compared.

use crate::text::table::BREAK;

/// Stretches of at least two classes, each of a pattern.
#[derive(Debug, Default)]
pub(super) struct Literals {
    /// A bit for each hash of three classes of a stretch.
    bits: Box<[u64]>,
    shift: u32,
    /// By the code of those three, or of the two of a stretch that has no more.
    all: Box<[Stretch]>,
    /// How many of `all` have two classes only; they stand at the end.
    pairs: usize,
    /// Two such codes begin here, of each of those.
    pair_bits: [u64; 16],
    classes: Box<[u8]>,
}

#[derive(Debug, Clone, Copy)]
struct Stretch {
    code: u16,
    /// Classes of it up to the last one of those that it is looked for by.
    until: u8,
    length: u8,
    /// Where in `classes` it begins.
    start: u32,
    pattern: u32,
}

/// Stretches that are compared in one text. Those that would come after are taken to be there.
const MOST_COMPARED: u32 = 50_000;
/// From common to rare, as far as it matters.
const COMMON_FIRST: &[u8] = b"eaitonsrhdcubmpfwyvkzjx";
const MOST_BITS: u32 = 15;

// === impl Literals ===

impl Literals {
    /// Of stretches without `BREAK`, with the place of the pattern that needs each.
    pub(super) fn of(stretches: &[(Vec<u8>, u32)]) -> Self {
        let mut classes = Vec::new();
        let mut all: Vec<Stretch> = stretches
            .iter()
            .map(|(stretch, pattern)| {
                let stretch = &stretch[..stretch.len().min(usize::from(u8::MAX))];
                let (until, code) = rarest(stretch);
                let start = classes.len() as u32;
                classes.extend_from_slice(stretch);
                Stretch {
                    code,
                    until: until as u8,
                    length: stretch.len() as u8,
                    start,
                    pattern: *pattern,
                }
            })
            .collect();
        all.sort_unstable_by_key(|one| (one.length == 2, one.code, one.pattern));
        let pairs = all.iter().filter(|one| one.length == 2).count();
        let size = (all.len() as u32 * 32).next_power_of_two().ilog2();
        let size = size.clamp(6, MOST_BITS);
        let mut set = Self {
            bits: vec![0; 1 << (size - 6)].into(),
            shift: u32::BITS - size,
            pairs,
            pair_bits: [0; 16],
            classes: classes.into(),
            all: all.into(),
        };
        let (threes, twos) = set.all.split_at(set.all.len() - pairs);
        for one in threes {
            let bit = (hash(one.code) >> set.shift) as usize;
            set.bits[bit / 64] |= 1 << (bit % 64);
        }
        for one in twos {
            set.pair_bits[usize::from(one.code) / 64] |= 1 << (one.code % 64);
        }
        set
    }

    /// Tells of the pattern of each stretch that is there, of some more than once. Those of a text that has very many likenesses
    /// are told of though only a part of them was seen.
    pub(super) fn find(&self, classes: &[u8], mut found: impl FnMut(u32)) {
        if self.all.is_empty() {
            return;
        }
        let (threes, twos) = self.all.split_at(self.all.len() - self.pairs);
        let mut left = MOST_COMPARED;
        // Once nothing is compared any more, no code is looked up twice.
        let mut done = Vec::new();
        let mut code = 0;
        for (place, class) in classes.iter().enumerate() {
            code = (code << 5 | code_of(*class)) & 0x7FFF;
            let bit = (hash(code) >> self.shift) as usize;
            if self.bits[bit / 64] & 1 << (bit % 64) != 0 {
                self.compare(threes, code, classes, place, &mut left, &mut done, &mut found);
            }
            if self.pairs > 0 {
                let pair = code & 0x3FF;
                if self.pair_bits[usize::from(pair) / 64] & 1 << (pair % 64) != 0 {
                    self.compare(twos, pair, classes, place, &mut left, &mut done, &mut found);
                }
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "they are the state of one loop")]
    #[cold]
    fn compare(
        &self,
        among: &[Stretch],
        code: u16,
        classes: &[u8],
        place: usize,
        left: &mut u32,
        done: &mut Vec<bool>,
        found: &mut impl FnMut(u32),
    ) {
        let from = among.partition_point(|one| one.code < code);
        let alike = among[from..].iter().take_while(|one| one.code == code);
        if *left == 0 {
            let pair = among.first().is_some_and(|one| one.length == 2);
            done.resize(1 << 16, false);
            if !std::mem::replace(&mut done[usize::from(pair) << 15 | usize::from(code)], true) {
                alike.for_each(|one| found(one.pattern));
            }
            return;
        }
        for one in alike {
            *left = left.saturating_sub(1);
            let begin = (place + 1).checked_sub(usize::from(one.until));
            let wanted = &self.classes[one.start as usize..][..usize::from(one.length)];
            if begin.is_some_and(|begin| classes[begin..].starts_with(wanted)) {
                found(one.pattern);
            }
        }
    }
}

fn code_of(class: u8) -> u16 {
    u16::from(if class <= 26 { class } else { 27 + class % 5 })
}

fn hash(code: u16) -> u32 {
    u32::from(code).wrapping_mul(0x9E37_79B1)
}

/// Where the rarest three classes in a row end, and their code; of two classes theirs.
fn rarest(stretch: &[u8]) -> (usize, u16) {
    let code = |part: &[u8]| part.iter().fold(0, |code, class| code << 5 | code_of(*class));
    let rarity = |class: &u8| {
        let letter = class.wrapping_add(b'a' - 1);
        let place = COMMON_FIRST.iter().position(|common| *common == letter);
        place.unwrap_or(COMMON_FIRST.len())
    };
    debug_assert!(stretch.len() >= 2 && !stretch.contains(&BREAK));
    let parts = stretch.windows(3).enumerate();
    // The first one of several that are as rare.
    let best = parts
        .rev()
        .max_by_key(|(_, part)| part.iter().map(rarity).sum::<usize>());
    match best {
        Some((at, part)) => (at + 3, code(part)),
        None => (stretch.len(), code(stretch)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(literals: &Literals, classes: &[u8]) -> Vec<u32> {
        let mut all = Vec::new();
        literals.find(classes, |pattern| all.push(pattern));
        all.sort_unstable();
        all.dedup();
        all
    }

    #[test]
    fn stretches_are_found_wherever_they_stand() {
        let literals = Literals::of(&[
            (vec![1, 2], 0),
            (vec![3, 4, 5], 1),
            (vec![5, 40, 41, 6, 7, 8], 2),
            (vec![3, 4, 5, 9], 3),
        ]);
        for (classes, expected) in [
            (&[1, 2][..], &[0][..]),
            (&[2, 1, 0, 2], &[]),
            (&[0, 1, 2, 0, 3, 4, 5], &[0, 1]),
            (&[3, 4, 5, 9, 0, 5, 40, 41, 6, 7, 8], &[1, 2, 3]),
            (&[5, 45, 41, 6, 7, 8], &[]),
            (&[4, 5], &[]),
            (&[], &[]),
        ] {
            assert_eq!(found(&literals, classes), expected, "{classes:?}");
        }
        assert!(found(&Literals::default(), &[1, 2, 3]).is_empty());
    }

    #[test]
    fn texts_that_resemble_too_many_stretches_lose_none() {
        let stretch = |number: u32| {
            vec![
                24,
                26,
                10,
                [1, 5, 9, 20][number as usize % 4],
                1 + (number / 4 % 26) as u8,
            ]
        };
        let stretches: Vec<(Vec<u8>, u32)> = (0..3_000).map(|number| (stretch(number), number)).collect();
        let literals = Literals::of(&stretches);
        let mut classes = [24, 26, 10, 0].repeat(1_000);
        classes.extend([24, 26, 10, 5, 3]);
        assert_eq!(found(&literals, &classes), (0..3_000).collect::<Vec<_>>());
        // Fewer likenesses are compared.
        assert!(found(&literals, &[24, 26, 10, 0, 24, 26, 10, 5]).is_empty());
    }
}
