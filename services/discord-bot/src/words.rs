//! What the bot says, in the languages of the folder `words`.

use lockdown_moderation::words::Words;
use std::sync::LazyLock;

pub(crate) static WORDS: LazyLock<Words> = LazyLock::new(|| {
    Words::of(&[
        ("en", include_str!("../words/en.json")),
        ("pt-BR", include_str!("../words/pt-BR.json")),
    ])
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_says_everything() {
        assert_eq!(WORDS.faults(), [""; 0]);
    }
}
