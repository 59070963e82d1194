//! Everything that the bot says, in every language that it speaks: the files of `words/`.

use lockdown_moderation::Span;
use lockdown_moderation::words::Words;
use std::sync::LazyLock;

pub(crate) static WORDS: LazyLock<Words> = LazyLock::new(|| {
    Words::of(&[
        ("en", include_str!("../words/en.json")),
        ("pt-BR", include_str!("../words/pt-BR.json")),
        ("ru", include_str!("../words/ru.json")),
    ])
});

/// So many seconds.
pub(crate) fn seconds(many: u64) -> Span {
    Span::seconds(many).unwrap_or(Span::fixed(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_says_everything() {
        assert_eq!(WORDS.faults(), [""; 0]);
        for (many, said) in [
            (1, "1 минута"),
            (3, "3 минуты"),
            (11, "11 минут"),
            (21, "21 минута"),
        ] {
            assert_eq!(WORDS.tongue(Some("ru-RU")).span(seconds(many * 60)), said);
        }
    }
}
