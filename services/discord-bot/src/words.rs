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
    // An invite is one without its scheme, too: `discord.gg/abc`.
    let mut has_dot = false;
    for c in text.chars().filter(|c| !turns(*c)) {
        if matches!(
            c,
            '\\' | '*' | '_' | '~' | '`' | '|' | '<' | '>' | '[' | ']' | '(' | ')' | '#' | '@'
        ) {
            escaped.push('\\');
        }
        // An address is only one with its colon.
        escaped.push(c);
        if c == ':' || c == '/' && has_dot {
            escaped.push('\u{200b}');
        }
        has_dot = c == '.' || has_dot && !c.is_whitespace();
    }
    escaped
}

/// What turns the direction of the words around it: behind a name that begins it and does not end it, the rest of the line
/// would be read backwards.
fn turns(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_acts_that_others_wrote() {
        for (text, escaped) in [
            ("@everyone *look*", "\\@everyone \\*look\\*"),
            ("https://x.test/a/b", "https:\u{200b}//x.test/\u{200b}a/\u{200b}b"),
            ("and/or discord.gg/abc", "and/or discord.gg/\u{200b}abc"),
            (
                "\u{202e}evil\u{2066} \u{5e9}\u{5dc}\u{5d5}\u{5dd} \u{1f600}",
                "evil \u{5e9}\u{5dc}\u{5d5}\u{5dd} \u{1f600}",
            ),
        ] {
            assert_eq!(escape(text), escaped);
        }
    }

    #[test]
    fn every_language_says_everything() {
        assert_eq!(WORDS.faults(), [""; 0]);
    }
}
