//! Who is told of what was found.

use super::Found;
use std::ops::ControlFlow;

/// Who is told of terms in a text.
pub(super) trait Told {
    /// Whether terms of this list are still looked for.
    fn wants(&self, _list: u16) -> bool {
        true
    }

    fn tell(&mut self, found: Found) -> ControlFlow<()>;
}

impl<F: FnMut(Found) -> ControlFlow<()>> Told for F {
    fn tell(&mut self, found: Found) -> ControlFlow<()> {
        self(found)
    }
}

/// The first term of each list that has one in a text, in the order in which they were met.
#[derive(Debug, Default)]
pub(crate) struct Firsts {
    pub(crate) all: Vec<Found>,
    /// A bit for each list that has one.
    lists: Vec<u64>,
}

// === impl Firsts ===

impl Firsts {
    pub(crate) fn clear(&mut self) {
        self.all.clear();
        self.lists.clear();
    }

    pub(crate) fn of(&self, list: u16) -> Option<&Found> {
        self.all.iter().find(|found| found.list == usize::from(list))
    }
}

impl Told for &mut Firsts {
    fn wants(&self, list: u16) -> bool {
        let bits = self.lists.get(usize::from(list / 64));
        bits.is_none_or(|bits| bits & 1 << (list % 64) == 0)
    }

    fn tell(&mut self, found: Found) -> ControlFlow<()> {
        let (place, bit) = (found.list / 64, found.list % 64);
        if self.lists.len() <= place {
            self.lists.resize(place + 1, 0);
        }
        if self.lists[place] & 1 << bit == 0 {
            self.lists[place] |= 1 << bit;
            self.all.push(found);
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::words::{WordList, Words};
    use crate::text::{Text, Work};
    use proptest::prelude::*;

    const TERMS: &[&str] = &[
        "nitro",
        "free nitro",
        "nit*",
        "*coin*",
        "c#",
        "gg",
        "plonker",
        "赌博",
        "сука",
        "a b c",
    ];

    proptest! {
        #[test]
        fn each_list_has_what_it_has_alone(
            lists in proptest::collection::vec((proptest::collection::vec(0..TERMS.len(), 0..4), any::<bool>()), 1..80),
            words in proptest::collection::vec("n[i1]tr[o0]|fr?ee|n i t r o|nitr|bit?coins|c#|ggg?|p[l1]o(nk|kn)er|n\\*tro|赌博|cyкa|a|b|c", 0..12),
        ) {
            let lists: Vec<WordList<'_>> = lists
                .iter()
                .map(|(terms, disguises)| WordList {
                    terms: terms.iter().map(|term| TERMS[*term]).collect(),
                    disguises: *disguises,
                    ..WordList::default()
                })
                .collect();
            let text = Text::of(&words.join(" "));
            let mut firsts = Firsts::default();
            Words::build(&lists).0.firsts_within(&text, &mut Work::default(), &mut firsts);
            for (number, list) in lists.into_iter().enumerate() {
                let alone = Words::build(&[list]).0.find(&text).map(|found| Found { list: number, ..found });
                prop_assert_eq!(firsts.of(number as u16), alone.as_ref());
            }
        }
    }
}
