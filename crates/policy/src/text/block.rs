//! Sixty-four bytes looked at together: which of them are of a kind, a bit each, the first one lowest.

use wide::u8x16;

pub(super) const BLOCK: usize = 64;
const STEP: usize = 16;

#[derive(Clone, Copy)]
pub(super) struct Block([u8x16; BLOCK / STEP]);

// === impl Block ===

impl Block {
    #[inline]
    pub(super) fn of(bytes: &[u8; BLOCK]) -> Self {
        let mut steps = bytes.as_chunks::<STEP>().0.iter();
        Self(std::array::from_fn(|_| {
            u8x16::new(*steps.next().unwrap_or(&[0; STEP]))
        }))
    }

    /// Up to so many, and zeros behind them.
    #[inline]
    pub(super) fn upto(bytes: &[u8]) -> Self {
        bytes.first_chunk().map_or_else(
            || {
                let mut all = [0; BLOCK];
                all[..bytes.len()].copy_from_slice(bytes);
                Self::of(&all)
            },
            Self::of,
        )
    }

    #[inline]
    fn bits(&self, of: impl Fn(u8x16) -> u8x16) -> u64 {
        let steps = self.0.iter().zip((0..).step_by(STEP));
        steps.fold(0, |bits, (step, place)| {
            bits | u64::from(of(*step).to_bitmask()) << place
        })
    }

    /// Those of ASCII.
    #[inline]
    pub(super) fn letters(&self) -> u64 {
        self.bits(|step| within(step | u8x16::splat(0x20), b'a', b'z'))
    }

    /// Those of ASCII in upper case.
    #[inline]
    pub(super) fn capitals(&self) -> u64 {
        self.bits(|step| within(step, b'A', b'Z'))
    }

    #[inline]
    pub(super) fn digits(&self) -> u64 {
        self.bits(|step| within(step, b'0', b'9'))
    }

    #[inline]
    pub(super) fn equal(&self, byte: u8) -> u64 {
        self.bits(|step| step.simd_eq(u8x16::splat(byte)))
    }

    /// Those that are no ASCII.
    #[inline]
    pub(super) fn foreign(&self) -> u64 {
        self.bits(|step| step)
    }

    /// See [`super::fold::is_plain`].
    #[inline]
    pub(super) fn plain(&self) -> u64 {
        self.bits(|step| {
            let [percent, line] = [b'%', b'\n'].map(|byte| step.simd_eq(u8x16::splat(byte)));
            within(step, b' ', b'~') & !percent | line
        })
    }

    #[inline]
    pub(super) fn same(&self, other: &Self) -> u64 {
        let steps = self.0.iter().zip(&other.0).zip((0..).step_by(STEP));
        steps.fold(0, |bits, ((one, other), place)| {
            bits | u64::from(one.simd_eq(*other).to_bitmask()) << place
        })
    }
}

#[inline]
fn within(step: u8x16, first: u8, last: u8) -> u8x16 {
    let above = step - u8x16::splat(first);
    above.min(u8x16::splat(last - first)).simd_eq(above)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::fold::is_plain;

    #[test]
    fn bits_are_those_of_each_byte() {
        for first in 0..=255_u8 {
            let bytes: [u8; BLOCK] =
                std::array::from_fn(|at| first.wrapping_add(7_u8.wrapping_mul(at as u8)));
            let wanted = |is: &dyn Fn(&u8) -> bool| {
                let places = bytes.iter().enumerate().filter(|(_, byte)| is(byte));
                places.fold(0, |bits, (at, _)| bits | 1 << at)
            };
            let block = Block::of(&bytes);
            assert_eq!(block.letters(), wanted(&u8::is_ascii_alphabetic), "from {first}");
            assert_eq!(block.capitals(), wanted(&u8::is_ascii_uppercase), "from {first}");
            assert_eq!(block.digits(), wanted(&u8::is_ascii_digit), "from {first}");
            assert_eq!(block.equal(b'\n'), wanted(&|byte| *byte == b'\n'), "from {first}");
            assert_eq!(block.foreign(), wanted(&|byte| !byte.is_ascii()), "from {first}");
            assert_eq!(block.plain(), wanted(&|byte| is_plain(*byte)), "from {first}");
            let half = Block::upto(&bytes[..32]);
            assert_eq!(
                half.letters(),
                block.letters() & u64::from(u32::MAX),
                "from {first}"
            );
            let other = Block::of(&bytes.map(|byte| if byte < 99 { byte } else { !byte }));
            assert_eq!(block.same(&other), wanted(&|byte| *byte < 99), "from {first}");
        }
    }
}
