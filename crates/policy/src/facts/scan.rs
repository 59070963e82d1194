//! What is counted in a text, in one pass over its characters.

use super::Facts;
use crate::catalogue::Slot;
use crate::event::EventKind;
use crate::text::Text;

/// Below this many letters, capitals say nothing.
const LETTERS_FOR_CAPS: i64 = 8;

#[derive(Default)]
struct Counts {
    length: i64,
    lines: i64,
    words: i64,
    letters: i64,
    capitals: i64,
    emoji: i64,
    invisible: i64,
    piled: i64,
    repeated: i64,
    spoilers: i64,
    scripts: u16,
}

const SCRIPTS: &[&str] = &[
    "latin",
    "cyrillic",
    "greek",
    "arabic",
    "hebrew",
    "devanagari",
    "thai",
    "han",
    "kana",
    "hangul",
];

// === impl Facts ===

impl Facts {
    /// Sets everything that is counted in what the author typed, or in the new name.
    pub(super) fn scan(&mut self, text: &str) {
        let counts = count(text);
        self.set_number(Slot::TextLength, counts.length);
        self.set_number(Slot::TextLines, counts.lines);
        self.set_number(Slot::TextWords, counts.words);
        if counts.letters >= LETTERS_FOR_CAPS {
            self.set_number(Slot::TextCaps, counts.capitals * 100 / counts.letters);
        }
        self.set_number(Slot::TextEmoji, counts.emoji);
        self.set_number(Slot::TextZalgo, counts.piled);
        self.set_number(Slot::TextInvisible, counts.invisible);
        self.set_number(Slot::TextRepeated, counts.repeated);
        if self.platform == lockdown_events::Platform::Discord && self.kind != EventKind::Nickname {
            self.set_number(Slot::TextSpoilers, counts.spoilers);
        }
        self.set_flag(Slot::TextObfuscated, is_disguised(text));
        let scripts = SCRIPTS
            .iter()
            .zip(0..)
            .filter(|(_, bit)| counts.scripts & (1 << bit) != 0);
        self.add_words(Slot::TextScripts, scripts.map(|(name, _)| *name));
    }
}

/// Plain ASCII disguises nothing unless letters are percent-encoded: it need not be read in all views.
fn is_disguised(text: &str) -> bool {
    let plain = text.is_ascii() && !text.contains('%');
    !plain && Text::of(text).marks().disguises() > 0
}

fn count(text: &str) -> Counts {
    let mut counts = Counts {
        lines: i64::from(!text.is_empty()),
        ..Counts::default()
    };
    let (mut in_word, mut last, mut run, mut piled, mut joined) = (false, '\0', 0, 0, false);
    let mut flags = 0;
    for c in text.chars() {
        counts.length += 1;
        counts.lines += i64::from(c == '\n');
        let blank = c.is_whitespace();
        counts.words += i64::from(!blank && !in_word);
        in_word = !blank;
        run = if c == last && !blank { run + 1 } else { 1 };
        counts.repeated = counts.repeated.max(run);
        if is_mark(c) {
            piled += 1;
            counts.piled = counts.piled.max(piled);
        } else if c != '\u{200d}' {
            piled = 0;
        }
        if c.is_alphabetic() {
            counts.letters += i64::from(c.is_lowercase() || c.is_uppercase());
            counts.capitals += i64::from(c.is_uppercase());
            counts.scripts |= script(c);
        } else if is_flag_letter(c) {
            flags += 1;
            counts.emoji += i64::from(flags % 2 == 1);
        } else if is_emoji(c) {
            // Those that are joined into one are one.
            counts.emoji += i64::from(!joined);
        } else if is_invisible(c) {
            counts.invisible += 1;
        }
        if !is_flag_letter(c) {
            flags = 0;
        }
        joined = c == '\u{200d}';
        last = c;
    }
    counts.emoji += custom_emoji(text);
    counts.spoilers = i64::try_from(text.matches("||").count() / 2).unwrap_or(0);
    counts
}

/// Discord's own way to write a community's emoji: `<:name:1234>`, `<a:name:1234>`.
fn custom_emoji(text: &str) -> i64 {
    let mut found = 0;
    for part in text.split('<').skip(1) {
        let body = part.strip_prefix("a:").or_else(|| part.strip_prefix(':'));
        let ends = body.and_then(|body| body.split_once('>'));
        let named = ends.and_then(|(body, _)| body.split_once(':'));
        if let Some((name, id)) = named
            && !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && (15..=21).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_digit())
        {
            found += 1;
        }
    }
    found
}

fn is_mark(c: char) -> bool {
    matches!(c,
        '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{591}'..='\u{5bd}' | '\u{610}'..='\u{61a}'
        | '\u{64b}'..='\u{65f}' | '\u{6d6}'..='\u{6ed}' | '\u{e31}' | '\u{e34}'..='\u{e3a}' | '\u{e47}'..='\u{e4e}'
        | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}')
}

fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}'
        | '\u{200b}' | '\u{200c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}'
        | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{e0000}'..='\u{e007f}')
}

fn is_flag_letter(c: char) -> bool {
    matches!(c, '\u{1f1e6}'..='\u{1f1ff}')
}

fn is_emoji(c: char) -> bool {
    matches!(c,
        '\u{1f300}'..='\u{1f3fa}' | '\u{1f400}'..='\u{1faff}' | '\u{2600}'..='\u{27bf}' | '\u{2b50}' | '\u{2b55}'
        | '\u{231a}' | '\u{231b}' | '\u{23e9}'..='\u{23f3}' | '\u{25fd}' | '\u{25fe}')
}

fn script(c: char) -> u16 {
    let index = match c {
        'a'..='z' | 'A'..='Z' | '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' => 0,
        '\u{400}'..='\u{52f}' => 1,
        '\u{370}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}' => 2,
        '\u{600}'..='\u{6ff}' | '\u{750}'..='\u{77f}' | '\u{fb50}'..='\u{fdff}' | '\u{fe70}'..='\u{feff}' => {
            3
        }
        '\u{590}'..='\u{5ff}' => 4,
        '\u{900}'..='\u{97f}' => 5,
        '\u{e00}'..='\u{e7f}' => 6,
        '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{20000}'..='\u{2ffff}' => 7,
        '\u{3040}'..='\u{30ff}' => 8,
        '\u{1100}'..='\u{11ff}' | '\u{ac00}'..='\u{d7a3}' => 9,
        _ => return 0,
    };
    1 << index
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted() {
        let counts = count("HELLO you\nall 👨‍👩‍👧 🇩🇪🇫🇷 <:kek:123456789012345678> aaaaa ||x||");
        assert_eq!((counts.lines, counts.emoji, counts.spoilers), (2, 4, 1));
        assert_eq!(counts.repeated, 5);
        assert_eq!(counts.words, 8);
        let zalgo = count("h\u{301}\u{302}\u{303}\u{304}ey\u{301}");
        assert_eq!(zalgo.piled, 4);
        assert_eq!(count("a\u{200b}b\u{202e}c").invisible, 2);
        assert_eq!(count("").lines, 0);
        let mixed = count("hello привет");
        assert_eq!(mixed.scripts, 0b11);
    }
}
