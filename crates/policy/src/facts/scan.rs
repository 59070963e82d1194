//! What is counted in a text, as the text module counted it.

use super::Facts;
use crate::catalogue::Slot;
use crate::event::EventKind;
use crate::text::Text;

/// Below this many letters, capitals say nothing.
const LETTERS_FOR_CAPS: u32 = 8;
/// So many letters apart from each other are no accident.
const LETTERS_SPELLED: u32 = 4;

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
    pub(super) fn scan(&mut self, text: &Text) {
        let (marks, raw) = (text.marks(), text.raw());
        let mut set = |slot, count: u32| self.set_number(slot, i64::from(count));
        set(Slot::TextLines, marks.lines);
        set(Slot::TextWords, marks.words);
        if marks.letters >= LETTERS_FOR_CAPS {
            set(Slot::TextCaps, marks.caps_percent());
        }
        set(Slot::TextEmoji, marks.emoji);
        set(Slot::TextZalgo, marks.piled);
        set(Slot::TextInvisible, marks.invisible + marks.bidi);
        set(Slot::TextRepeated, marks.repeat);
        self.set_count(Slot::TextLength, raw.chars().count());
        let is_message = matches!(self.kind, EventKind::Message | EventKind::Edit);
        if is_message && self.platform == lockdown_events::Platform::Discord {
            self.set_count(Slot::TextSpoilers, raw.matches("||").count() / 2);
        }
        let obfuscated = marks.disguises() > 0 || marks.spelled >= LETTERS_SPELLED;
        self.set_flag(Slot::TextObfuscated, obfuscated);
        let bits = if raw.is_ascii() {
            u16::from(marks.letters > 0)
        } else {
            raw.chars()
                .filter(|c| c.is_alphabetic())
                .fold(0, |bits, c| bits | script(c))
        };
        let scripts = SCRIPTS.iter().zip(0..).filter(|(_, bit)| bits & (1 << bit) != 0);
        self.add_words(Slot::TextScripts, scripts.map(|(name, _)| *name));
    }
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
    use crate::event::EventKind;
    use lockdown_events::{EventId, Platform};

    #[test]
    fn what_is_counted() {
        let scan = |text: &str| {
            let id = EventId(uuid::Uuid::nil());
            let mut facts = Facts::new(id, EventKind::Message, Platform::Discord, 0);
            facts.scan(&Text::of(text));
            facts
        };
        let facts = scan("HELLO you\nall 👨‍👩‍👧 🇩🇪🇫🇷 <:kek:123456789012345678> aaaaa      ||x||");
        for (slot, count) in [
            (Slot::TextLines, 2),
            (Slot::TextEmoji, 4),
            (Slot::TextSpoilers, 1),
            (Slot::TextRepeated, 5),
        ] {
            assert_eq!(facts.number(slot), Some(count), "{slot:?}");
        }
        assert_eq!(
            scan("h\u{301}\u{302}\u{303}\u{304}ey\u{301}").number(Slot::TextZalgo),
            Some(4)
        );
        assert_eq!(scan("a\u{200b}b\u{202e}c").number(Slot::TextInvisible), Some(2));
        assert_eq!(scan("").number(Slot::TextLines), Some(0));
        assert_eq!(scan("").number(Slot::TextCaps), None);
        let both = ["latin".to_owned(), "cyrillic".to_owned()];
        assert_eq!(scan("hello привет").words(Slot::TextScripts), Some(&both[..]));
        assert_eq!(scan("f r e e stuff").number(Slot::TextObfuscated), Some(1));
        assert_eq!(scan("I am here").number(Slot::TextObfuscated), Some(0));
    }
}
