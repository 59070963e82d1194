//! Words of everyday language: what a guess takes for a disguise is none when it is a word itself.
//!
//! "pen is" is two words and "boot" is no "bot" with a letter doubled. And a wildcard leaves alone a word that merely has the
//! term's letters: `*ass*` is not in "class". The words are a filter in `words/everyday.bin`; `words/README.md` says of which lists
//! and how it is made.

use super::Text;
use super::tokens::mix;

/// The words that are known, as a Bloom filter: of what is no word, one in a thousand passes for one.
#[derive(Debug, Clone)]
pub struct Everyday {
    blocks: Vec<u8>,
}

/// Bytes of the filter, and of each block in it: a word is in one block.
const BYTES: usize = 128 * 1024;
const BLOCK: usize = 64;
const BITS: u32 = 6;

static SHIPPED: &[u8; BYTES] = include_bytes!("../../words/everyday.bin");

/// Small words that stand before a word that somebody spells out.
const BEFORE: &[&str] = &[
    "a", "i", "o", "u", "e", "y", "an", "the", "you", "ur", "my", "so", "is", "to", "be", "he", "we", "r",
    "um", "el", "la", "le", "un", "du", "я", "ты", "и", "а", "о", "у", "в", "вы", "он", "ну",
];

/// Small words that stand behind it.
const AFTER: &[&str] = &[
    "u", "you", "me", "off", "up", "him", "her", "it", "them", "ya", "yo", "я", "ты", "вы", "тя",
];

/// What a word has behind a term that it is a form of.
const FORMS: &[&str] = &[
    "s", "es", "d", "ed", "r", "er", "ers", "or", "ors", "ing", "ings", "y", "ies", "ied", "ier", "iest",
    "ly", "ment", "ments", "able", "ful", "less", "ness", "ish",
];

// === impl Everyday ===

impl Everyday {
    /// Knows these words, as they fold.
    pub fn of<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        let mut blocks = vec![0; BYTES];
        let mut text = Text::default();
        for word in words {
            text.read(word);
            for place in places(text.folded().as_str()) {
                blocks[place / 8] |= 1 << (place % 8);
            }
        }
        Self { blocks }
    }

    /// The filter, as it is shipped.
    pub fn as_bytes(&self) -> &[u8] {
        &self.blocks
    }
}

/// Where in the filter a word's bits are.
fn places(word: &str) -> impl Iterator<Item = usize> {
    let hash = word.as_bytes().chunks(8).fold(word.len() as u64, |hash, chunk| {
        let mut bytes = [0; 8];
        bytes[..chunk.len()].copy_from_slice(chunk);
        mix(hash ^ u64::from_le_bytes(bytes))
    });
    let block = mix(hash) as usize % (BYTES / BLOCK) * BLOCK * 8;
    (0..BITS).map(move |bit| block + (hash >> (9 * bit)) as usize % (BLOCK * 8))
}

/// Whether a folded word is one of everyday language.
pub(super) fn is_word(word: &str) -> bool {
    !word.is_empty() && places(word).all(|place| SHIPPED[place / 8] & 1 << (place % 8) != 0)
}

/// Whether a word that a term with wildcards covers is another one that everybody knows, and no form of `part`, the term's
/// longest. A term that names most letters of the word means it.
pub(super) fn is_innocent(word: &str, part: &str, named: usize) -> bool {
    if named * 4 > word.chars().count() * 3 || !is_word(word) {
        return false;
    }
    let Some(rest) = word.strip_prefix(part) else {
        return true;
    };
    // "scammed" doubles the letter, "faking" drops it.
    let doubled = part.chars().next_back().and_then(|last| rest.strip_prefix(last));
    !FORMS.contains(&rest) && !doubled.is_some_and(|rest| FORMS.contains(&rest))
}

pub(super) fn before(word: &str) -> bool {
    BEFORE.contains(&word)
}

pub(super) fn after(word: &str) -> bool {
    AFTER.contains(&word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_words_are_those_of_everyday_language() {
        for word in [
            "class", "cocktail", "grape", "night", "не", "että", "voce", "nicht", "lol",
        ] {
            assert_eq!(is_word(word), word != "että", "{word}");
        }
        for word in ["sh", "xqzt", "fucking", "grapefu", ""] {
            assert!(!is_word(word), "{word}");
        }
        let strangers = (0..100_000).filter(|number| is_word(&format!("{number}x{number}")));
        let count = strangers.count();
        assert!(count < 300, "{count} of 100,000 strangers pass for words");
    }

    #[test]
    fn words_that_merely_have_the_letters_are_innocent() {
        for (word, part, innocent) in [
            ("class", "ass", true),
            ("assassin", "ass", true),
            ("cocktail", "cock", true),
            ("therapist", "rapist", true),
            ("therapist", "rape", true),
            ("killer", "kill", false),
            ("investment", "invest", false),
            ("scammed", "scam", false),
            ("racist", "racis", false),
            ("asshat", "ass", false),
        ] {
            assert_eq!(is_innocent(word, part, part.len()), innocent, "{word} for {part}");
        }
    }
}
