//! What the bot says, in the languages of the folder `words`.

use lockdown_moderation::words::Words;
use std::sync::LazyLock;

pub(crate) static WORDS: LazyLock<Words> = LazyLock::new(|| {
    Words::of(&[
        ("en", include_str!("../words/en.json")),
        ("pt-BR", include_str!("../words/pt-BR.json")),
    ])
});

/// Other people's words, with nothing in them that Discord would do something with.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(
            c,
            '\\' | '*' | '_' | '~' | '`' | '|' | '<' | '>' | '[' | ']' | '(' | ')' | '#' | '@'
        ) {
            escaped.push('\\');
        }
        // An address is only one with its colon.
        escaped.push(c);
        if c == ':' {
            escaped.push('\u{200b}');
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_says_everything() {
        assert_eq!(WORDS.faults(), [""; 0]);
    }
}
