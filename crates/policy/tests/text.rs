//! The views of a text, its marks, and what must hold for any text at all.

#[path = "../fuzz/hostile_text.rs"]
mod hostile;

use lockdown_policy::text::{LIMIT, Text};
use proptest::prelude::*;

#[test]
fn folds_to_plain_letters() {
    for (raw, folded) in [
        ("", ""),
        ("Hello, WORLD!", "hello, world!"),
        ("ＦＵＬＬ　ｗｉｄｔｈ", "full width"),
        ("𝐛𝐨𝐥𝐝 𝓼𝓬𝓻𝓲𝓹𝓽 𝕕𝕠𝕦𝕓𝕝𝕖", "bold script double"),
        ("ⓒⓘⓡⓒⓛⓔ 🅐🅑 🅰🅱 ⒜⒝", "circle ab ab ab"),
        ("ꜱᴍᴀʟʟ ᴄᴀᴘꜱ", "small caps"),
        ("Crème Brûlée Ørsted Łódź", "creme brulee orsted lodz"),
        ("z̷̡̛a̴l̵g̶o̷", "zalgo"),
        ("in\u{200B}vis\u{AD}ible\u{FEFF}", "invisible"),
        ("ri\u{202E}ght", "right"),
        ("two\u{200B} words", "two words"),
        ("no\u{A0}break\u{3000}wide\u{2800}blank", "no break wide blank"),
        ("line\r\nbreak", "line \nbreak"),
        // One word, one script: the one of its letters that have no double.
        ("pаypаl ассоunt", "paypal account"),
        ("cука cлово", "сука слово"),
        ("слово word", "слово word"),
        ("5 μm αβγ", "5 um αβγ"),
        // Scripts keep what tells their words apart.
        ("हिन्दी भाषा", "हिन्दी भाषा"),
        ("한국어 ガ゙ ภาษาไทย", "한국어 ガ゙ ภาษาไทย"),
        ("שָׁלוֹם مَرْحَبًا", "שלום مرحبا"),
        ("Straße ﬁn Ⅷ ½", "strasse fin viii 1⁄2"),
        ("%66ree%20 100% off %e2%82%ac", "free%20 100% off €"),
        ("🇫\u{200B}🇷\u{200B}🇪\u{200B}🇪", "free"),
        ("go🇧🇷go", "go br go"),
        ("broken \u{FFFD}", "broken \u{FFFD}"),
    ] {
        assert_eq!(Text::of(raw).folded().as_str(), folded, "of {raw:?}");
    }
}

#[test]
fn joins_what_was_spelled_out() {
    for (raw, joined) in [
        ("f r e e nitro", "free nitro"),
        ("get f.r.e.e stuff", "get free stuff"),
        ("f\nr\ne\ne", "free"),
        ("f-r-e-e- -s-t-u-f-f", "free- -stuff"),
        ("n**it**ro", "nitro"),
        ("||n||i||t||r||o", "nitro"),
        ("a b", "a b"),
        ("I am a fan of U 2", "i am a fan of u 2"),
        ("nothing odd here, e.g. this", "nothing odd here, e.g. this"),
    ] {
        assert_eq!(Text::of(raw).joined().as_str(), joined, "of {raw:?}");
    }
}

#[test]
fn a_find_is_shown_as_it_was_written() {
    for (raw, found, written) in [
        ("so fr\u{200B}ｅe!", "free", "fr\u{200B}ｅe"),
        ("so f r e e!", "free", "f r e e"),
        ("x %66%72ee y", "free", "%66%72ee"),
        ("ﬁn", "f", "ﬁ"),
        ("z̷̡̛a̴p", "zap", "z̷̡̛a̴p"),
    ] {
        let text = Text::of(raw);
        let view = text.joined();
        let at = view.as_str().find(found).unwrap();
        assert_eq!(&raw[view.original(at..at + found.len())], written, "of {raw:?}");
    }
}

#[test]
fn marks_count_disguises() {
    let marks = |raw: &str| *Text::of(raw).marks();
    let plain = marks("Hello THERE, 42 times\nyes");
    assert_eq!(
        (plain.chars, plain.letters, plain.upper, plain.digits),
        (25, 18, 6, 2)
    );
    assert_eq!((plain.lines, plain.spaces, plain.words), (2, 4, 5));
    assert_eq!((plain.caps_percent(), plain.disguises()), (33, 0));
    assert_eq!(marks("").lines, 0);
    assert_eq!(marks("é̷̡̛").zalgo, 1);
    assert_eq!(marks("a\u{200B}b\u{202E}c").invisible, 1);
    assert_eq!(marks("a\u{200B}b\u{202E}c").bidi, 1);
    assert_eq!(marks("раypal слово").mixed_words, 1);
    assert_eq!(marks("ｆｕｌｌ é").styled, 4);
    assert_eq!(marks("w h y").spelled, 3);
    assert_eq!(marks("noooo").repeat, 4);
    assert_eq!(marks("😀😀 🇧🇷 👨‍👩‍👧 👍🏽 ❤️").emoji, 6);
    assert_eq!(marks("👨‍👩‍👧 ❤️").invisible, 0);
    assert_eq!(marks("\u{FFFD}").broken, 1);
}

#[test]
fn hostile_texts_are_read() {
    let mentions = "<@123456789012345678> ".repeat(100_000);
    let zalgo = "a\u{337}\u{321}\u{31B}".repeat(100_000);
    let halves = "\u{FFFD}".repeat(1_000);
    let letters = "a b c d e f g ".repeat(10_000);
    let masks = "a*b*".repeat(10_000);
    let mega = "free nitro ".repeat(100_000);
    for raw in [&mentions, &zalgo, &halves, &letters, &masks, &mega] {
        hostile::any_text(raw);
        let text = Text::of(raw);
        assert!(text.raw().len() <= LIMIT && text.is_truncated() == (raw.len() > LIMIT));
    }
}

/// Text of the kind that breaks things: plain letters, doubles, ornaments, signs, blanks and surprises.
fn nasty() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-zA-Z0-9 ]{1,8}",
        2 => "[аеорсухтгкмABCabc]{1,5}",
        2 => "[@$!|+(<*#_~`.%-]{1,3}",
        1 => "[\u{300}-\u{36F}]{1,4}",
        1 => "[\u{200B}-\u{200F}\u{202A}-\u{202E}\u{2060}\u{FEFF}\u{AD}]",
        1 => "[\u{1F1E6}-\u{1F1FF}\u{1F600}-\u{1F640}\u{FE0F}\u{200D}]{1,3}",
        1 => "[ａ-ｚ𝐚-𝐳ⓐ-ⓩαβγδεικ]{1,4}",
        1 => "[ \n\t\r\u{A0}\u{3000}]",
        1 => any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_text_is_read(raw in nasty()) {
        hostile::any_text(&raw);
    }

    #[test]
    fn any_characters_are_read(raw in "\\PC{0,60}") {
        hostile::any_text(&raw);
    }
}

/// Every character there is folds to what stays.
#[test]
fn all_of_unicode_folds_once() {
    let all: Vec<char> = ('\0'..=char::MAX).filter(|c| *c != '%').collect();
    for some in all.chunks(200) {
        let apart: String = some.iter().flat_map(|c| [*c, ' ']).collect();
        hostile::any_text(&apart);
    }
}
