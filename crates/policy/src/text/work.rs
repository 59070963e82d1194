//! What looking through the texts of one event may cost, over all lists and conditions.

use super::LIMIT;

/// What is left of it. It is counted in steps and never timed, so that the same event is judged alike on every machine.
#[derive(Debug, Clone)]
pub(crate) struct Work {
    /// Bytes that are read.
    bytes: usize,
    /// Words that are looked up in a list.
    words: usize,
    /// Comparisons of words letter by letter.
    pub(super) compared: u32,
    /// Nanoseconds that patterns may take, as far as that can be told beforehand.
    pub(super) nanos: u64,
}

// === impl Work ===

impl Default for Work {
    fn default() -> Self {
        Self {
            bytes: 3 * LIMIT,
            // Discord's longest message, of some 800 words, in as many lists as a file may have.
            words: 160_000,
            compared: 4_096,
            nanos: 1_000_000,
        }
    }
}

impl Work {
    /// How much of a text of so many bytes may be read.
    pub(crate) fn read(&mut self, bytes: usize) -> usize {
        let read = bytes.min(LIMIT).min(self.bytes);
        self.bytes -= read;
        read
    }

    /// Whether a text of so many bytes may be looked through as it is.
    pub(crate) fn glance(&mut self, bytes: usize) -> bool {
        self.look_up(bytes.min(LIMIT) / 8)
    }

    /// Whether so many words may be looked up.
    pub(crate) fn look_up(&mut self, words: usize) -> bool {
        let left = self.words.checked_sub(words);
        self.words = left.unwrap_or(self.words);
        left.is_some()
    }

    /// Whether a pattern may run that costs so much.
    pub(super) fn run(&mut self, nanos: u64) -> bool {
        let left = self.nanos.checked_sub(nanos);
        self.nanos = left.unwrap_or(self.nanos);
        left.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Text;
    use crate::text::patterns::Patterns;
    use crate::text::words::{WordList, Words};
    use std::ops::ControlFlow;

    fn words() -> Words {
        let list = WordList {
            terms: vec!["nitro"],
            disguises: true,
            ..WordList::default()
        };
        Words::build(&[list]).0
    }

    #[test]
    fn every_list_is_asked_about_what_people_write() {
        let (words, text) = (
            words(),
            Text::of(&"so here is what happened with the nitro ".repeat(10)),
        );
        let mut work = Work::default();
        assert!((0..200).all(|_| words.find_within(&text, &mut work).is_some()));
    }

    #[test]
    fn what_was_made_to_cost_is_left_after_some_lists() {
        let (words, text) = (words(), Text::of(&("a bc ".repeat(3_000) + "nitro")));
        let mut work = Work::default();
        let asked = (0..200)
            .take_while(|_| words.find_within(&text, &mut work).is_some())
            .count();
        assert!((5..40).contains(&asked), "{asked}");

        let (patterns, _) = Patterns::build(["[a-z] [a-z]{2}( x){100}"]);
        let whole = |work: &mut Work| patterns.scan_within(&text, work, |_| ControlFlow::Continue(()));
        let run = (0..200).take_while(|_| whole(&mut work)).count();
        assert!(run < 40, "{run}");
        let read: usize = (0..9).map(|_| work.read(LIMIT)).sum();
        assert_eq!(read, 3 * LIMIT);
    }
}
