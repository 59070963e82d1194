//! Hashed keys to places, in few bytes; and a filter that says "certainly not".

use crate::text::tokens::{LOWER, eight};

/// A blocked Bloom filter: one look into memory for each question.
#[derive(Debug, Default)]
pub(super) struct Filter {
    blocks: Box<[u64]>,
}

/// What is cheaper to ask than a key: whether any word begins with such bytes.
#[derive(Debug, Default)]
pub(super) struct Heads {
    bits: Box<[u64]>,
}

/// From a key to the places that were given for it, and a few more whose key looks alike.
#[derive(Debug, Default)]
pub(super) struct Index {
    filter: Filter,
    /// Where each bucket begins in `slots`; one more than there are buckets.
    buckets: Box<[u32]>,
    /// The key's lower half, and the place.
    slots: Box<[(u32, u32)]>,
}

// === impl Filter ===

impl Filter {
    pub(super) fn of(keys: &[u64]) -> Self {
        if keys.is_empty() {
            return Self::default();
        }
        let mut blocks = vec![0; keys.len().div_ceil(4)].into_boxed_slice();
        for key in keys {
            let block = Self::place(&blocks, *key);
            blocks[block] |= Self::bits(*key);
        }
        Self { blocks }
    }

    fn place(blocks: &[u64], key: u64) -> usize {
        (((key >> 32) * blocks.len() as u64) >> 32) as usize
    }

    fn bits(key: u64) -> u64 {
        1 << (key & 63) | 1 << (key >> 6 & 63) | 1 << (key >> 12 & 63)
    }

    #[inline]
    pub(super) fn may_hold(&self, key: u64) -> bool {
        let (block, bits) = (self.blocks.get(Self::place(&self.blocks, key)), Self::bits(key));
        block.is_some_and(|block| block & bits == bits)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    pub(super) fn memory(&self) -> usize {
        size_of_val(&*self.blocks)
    }
}

// === impl Heads ===

impl Heads {
    pub(super) fn of(words: &[&[u8]]) -> Self {
        if words.is_empty() {
            return Self::default();
        }
        // Up to eight kilobytes, of which most bits are zeros if the words are few.
        let mut bits = vec![0; words.len().next_power_of_two().clamp(16, 2048) / 2].into_boxed_slice();
        for word in words {
            let (place, bit) = Self::place(&bits, eight(word, 0..word.len(), LOWER));
            bits[place] |= bit;
        }
        Self { bits }
    }

    #[inline]
    fn place(bits: &[u64], head: u64) -> (usize, u64) {
        let mixed = head.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (
            (mixed >> 40) as usize & bits.len().wrapping_sub(1),
            1 << (mixed >> 58),
        )
    }

    pub(super) fn holds(&self, word: &[u8]) -> bool {
        self.may_hold(eight(word, 0..word.len(), LOWER))
    }

    /// By its first eight bytes, with [`LOWER`] in each.
    #[inline]
    pub(super) fn may_hold(&self, head: u64) -> bool {
        let (place, bit) = Self::place(&self.bits, head);
        self.bits.get(place).is_some_and(|bits| bits & bit != 0)
    }

    pub(super) fn memory(&self) -> usize {
        size_of_val(&*self.bits)
    }
}

// === impl Index ===

impl Index {
    pub(super) fn of(mut keys: Vec<(u64, u32)>) -> Self {
        if keys.is_empty() {
            return Self::default();
        }
        // What passes the filter is mostly there, and two of a bucket are soon told apart.
        let count = keys.len().div_ceil(2).next_power_of_two();
        keys.sort_unstable_by_key(|(key, place)| (Self::bucket(count, *key), *key as u32, *place));
        keys.dedup();
        let mut buckets = vec![0; count + 1];
        for (key, _) in &keys {
            buckets[Self::bucket(count, *key) + 1] += 1;
        }
        for bucket in 0..count {
            buckets[bucket + 1] += buckets[bucket];
        }
        Self {
            filter: Filter::of(&keys.iter().map(|(key, _)| *key).collect::<Vec<_>>()),
            buckets: buckets.into(),
            slots: keys.iter().map(|(key, place)| (*key as u32, *place)).collect(),
        }
    }

    fn bucket(count: usize, key: u64) -> usize {
        (key >> 32) as usize & (count - 1)
    }

    #[inline]
    pub(super) fn find(&self, key: u64) -> impl Iterator<Item = usize> + '_ {
        let slots = if self.filter.may_hold(key) {
            self.near(key)
        } else {
            &[]
        };
        slots
            .iter()
            .filter(move |(low, _)| *low == key as u32)
            .map(|(_, place)| *place as usize)
    }

    /// The slots of the key's bucket, which are seldom asked for.
    #[cold]
    fn near(&self, key: u64) -> &[(u32, u32)] {
        let bucket = Self::bucket(self.buckets.len() - 1, key);
        &self.slots[self.buckets[bucket] as usize..self.buckets[bucket + 1] as usize]
    }

    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    pub(super) fn memory(&self) -> usize {
        self.filter.memory() + size_of_val(&*self.buckets) + size_of_val(&*self.slots)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_given() {
        let key = |number: u32| crate::text::tokens::mix(u64::from(number));
        let index = Index::of((0..1_000).map(|number| (key(number / 2), number)).collect());
        for number in 0..500 {
            let found: Vec<usize> = index.find(key(number)).collect();
            assert_eq!(found, [number as usize * 2, number as usize * 2 + 1]);
        }
        let strangers = (1_000..11_000)
            .filter(|number| index.filter.may_hold(key(*number)))
            .count();
        assert!(
            strangers < 1_500,
            "{strangers} of 10,000 strangers passed the filter"
        );
        assert_eq!(Index::default().find(7).count(), 0);
    }

    #[test]
    fn heads_are_those_of_the_words_in_any_case() {
        let words: Vec<String> = (0..500)
            .map(|number| format!("w{}x{number}", number / 7))
            .collect();
        let heads = Heads::of(&words.iter().map(String::as_bytes).collect::<Vec<_>>());
        for word in &words {
            assert!(heads.holds(word.to_uppercase().as_bytes()), "{word}");
        }
        let strangers = words
            .iter()
            .filter(|word| heads.holds(format!("a{word}").as_bytes()));
        let strangers = strangers.count();
        assert!(strangers < 100, "{strangers} of 500 strangers passed");
        assert!(!Heads::default().holds(b"w"));
    }
}
