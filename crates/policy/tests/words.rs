//! Word lists over every disguise, and over words that only resemble.

use lockdown_policy::text::words::{BadTerm, TermFault, WordList, Words};
use lockdown_policy::text::{Disguise, Text};
use proptest::prelude::*;

const TERMS: &[&str] = &[
    "plonker",
    "grommit",
    "wazzock",
    "git",
    "free nitro",
    "gift for everyone",
    "scam*",
    "*coin*",
    "m?nger",
    "赌博",
    "c#",
    "don't",
    "сволочь",
    "gg",
];

fn list() -> Words {
    let list = WordList {
        terms: TERMS.to_vec(),
        allow: vec!["scampi"],
        disguises: true,
    };
    let (words, faults) = Words::build(&[list]);
    assert_eq!(faults, []);
    words
}

/// The term that is found, as it was written, and its disguise.
fn found<'a>(words: &Words, raw: &'a str) -> Option<(&'static str, &'a str, Disguise)> {
    let text = Text::of(raw);
    let found = words.find(&text)?;
    Some((
        TERMS[found.term],
        &raw[text.folded().original(found.span)],
        found.disguise,
    ))
}

#[test]
fn disguises_are_seen_through() {
    use Disguise::{Leet, Lookalikes, Markup, Masked, None, Repeated, Spelled, Split, Typo};
    let words = list();
    for (raw, term, written, disguise) in [
        ("you plonker!", "plonker", "plonker", None),
        ("PlOnKeR's", "plonker", "PlOnKeR", None),
        ("plönkér", "plonker", "plönkér", None),
        ("p̷l̡o̴n̵k̶e̷r", "plonker", "p̷l̡o̴n̵k̶e̷r", None),
        ("ｐｌｏｎｋｅｒ", "plonker", "ｐｌｏｎｋｅｒ", None),
        ("𝐩𝐥𝐨𝐧𝐤𝐞𝐫", "plonker", "𝐩𝐥𝐨𝐧𝐤𝐞𝐫", None),
        ("ⓟⓛⓞⓝⓚⓔⓡ", "plonker", "ⓟⓛⓞⓝⓚⓔⓡ", None),
        ("🇬\u{200B}🇮\u{200B}🇹", "git", "🇬\u{200B}🇮\u{200B}🇹", None),
        ("ᴘʟᴏɴᴋᴇʀ", "plonker", "ᴘʟᴏɴᴋᴇʀ", None),
        ("plon\u{200B}k\u{AD}er", "plonker", "plon\u{200B}k\u{AD}er", None),
        ("plo\u{202E}nker", "plonker", "plo\u{202E}nker", None),
        ("%70lonk%65r", "plonker", "%70lonk%65r", None),
        ("plonker😂😂", "plonker", "plonker", None),
        ("рlоnкеr", "plonker", "рlоnкеr", None),
        ("what a ρlοηκεr", "plonker", "ρlοηκεr", Lookalikes),
        ("what a рӏопкег", "plonker", "рӏопкег", Lookalikes),
        ("plooonkeeerrr", "plonker", "plooonkeeerrr", Repeated),
        ("pl0nk3r", "plonker", "pl0nk3r", Leet),
        ("p|0nk3r", "plonker", "p|0nk3r", Leet),
        ("gr0mm!+", "grommit", "gr0mm!+", Leet),
        ("grrr0mmm1tt", "grommit", "grrr0mmm1tt", Leet),
        ("pl*nker", "plonker", "pl*nker", Masked),
        ("pl**ker", "plonker", "pl**ker", Masked),
        ("g#t", "git", "g#t", Masked),
        ("pl**on**ker", "plonker", "pl**on**ker", Markup),
        ("||p||lonker", "plonker", "p||lonker", Leet),
        ("p l o n k e r", "plonker", "p l o n k e r", Spelled),
        ("you are a p.l.o.n.k.e.r", "plonker", "p.l.o.n.k.e.r", Spelled),
        (
            "p - l - o - n - k - e - r",
            "plonker",
            "p - l - o - n - k - e - r",
            Spelled,
        ),
        ("p\nl\no\nn\nk\ne\nr", "plonker", "p\nl\no\nn\nk\ne\nr", Spelled),
        ("what a p l o n k e r", "plonker", "p l o n k e r", Spelled),
        ("p l o n k e r y o u", "plonker", "p l o n k e r", Spelled),
        ("plon ker", "plonker", "plon ker", Split),
        ("plnoker", "plonker", "plnoker", Typo),
        ("plonkr", "plonker", "plonkr", Typo),
        ("get FREE\nn1tro now", "free nitro", "FREE\nn1tro", Leet),
        ("freenitro", "free nitro", "freenitro", Split),
        (
            "gift, for everyone",
            "gift for everyone",
            "gift, for everyone",
            None,
        ),
        ("scammers", "scam*", "scammers", None),
        ("5c4mm3rs", "scam*", "5c4mm3rs", Leet),
        ("get shitcoins", "*coin*", "shitcoins", None),
        ("manger", "m?nger", "manger", None),
        ("去赌博吧", "赌博", "赌博", None),
        ("I love C#!", "c#", "C#", None),
        ("don’t", "don't", "don’t", None),
        ("сволочь", "сволочь", "сволочь", None),
        ("cвoлoчь", "сволочь", "cвoлoчь", None),
        ("gg", "gg", "gg", None),
    ] {
        assert_eq!(found(&words, raw), Some((term, written, disguise)), "in {raw:?}");
    }
}

#[test]
fn what_only_resembles_stays_innocent() {
    let words = list();
    for raw in [
        "plonkers",
        "plank",
        "digit",
        "legit",
        "gift",
        "g it",
        "get it",
        "give it to me",
        "69 66 99",
        "g",
        "ggg",
        "gift for",
        "free the nitro",
        "scampi",
        "c",
        "c #",
        "dont",
        "don",
        "donut",
        "赌",
        "博赌",
        "plo nk er",
        "волочь",
        "сволоч",
        "1337 455 8008",
        "https://example.org/pl*nker",
        "<@4601711102034567>",
        "an ad hoc minger",
        "p.s. l.o.l.",
        "wa zz ock wazz",
        "😀",
        "I",
        "",
        "m*nger m??nger",
    ] {
        let term = found(&words, raw).filter(|(term, ..)| !matches!(*term, "m?nger"));
        assert_eq!(term, None, "in {raw:?}");
    }
}

#[test]
fn plain_lists_find_plain_words() {
    let list = WordList {
        terms: vec!["plonker", "free nitro"],
        allow: vec![],
        disguises: false,
    };
    let (words, _) = Words::build(&[list]);
    for (raw, hit) in [
        ("PLONKER", true),
        ("ｐｌｏｎｋｅｒ", true),
        ("Free Nitro", true),
        ("pl0nker", false),
        ("plonkker", false),
        ("p l o n k e r", false),
        ("plon ker", false),
        ("plnoker", false),
        ("freenitro", false),
    ] {
        assert_eq!(words.find(&Text::of(raw)).is_some(), hit, "{raw}");
    }
}

#[test]
fn every_list_tells_of_its_own() {
    let list = |terms: &[&'static str]| WordList {
        terms: terms.to_vec(),
        allow: vec![],
        disguises: true,
    };
    let (words, _) = Words::build(&[list(&["plonker"]), list(&["nothing", "plonker"])]);
    let mut told = Vec::new();
    words.scan(&Text::of("plonker plonker"), |found| {
        told.push((found.list, found.term, found.span));
        std::ops::ControlFlow::Continue(())
    });
    assert_eq!(told, [(0, 0, 0..7), (1, 1, 0..7), (0, 0, 8..15), (1, 1, 8..15)]);
}

#[test]
fn bad_terms_are_told_of() {
    let long = "x".repeat(61);
    let list = WordList {
        terms: vec!["good", "", "?!", &long, "two w*rds", "a*b", "*"],
        allow: vec![],
        disguises: true,
    };
    let (words, faults) = Words::build(&[list]);
    assert_eq!(words.len(), 1);
    let expected = [
        (1, TermFault::Empty),
        (2, TermFault::Empty),
        (3, TermFault::TooLong),
        (4, TermFault::WildcardInPhrase),
        (5, TermFault::TooGeneral),
        (6, TermFault::Empty),
    ];
    let expected = expected.map(|(term, fault)| BadTerm { list: 0, term, fault });
    assert_eq!(faults, expected);
    assert_eq!(
        faults[4].to_string(),
        "term 5 of list 0: beside its wildcards a term has at least 3 letters in a row"
    );
}

#[test]
fn hostile_texts_cost_what_they_are_long() {
    let words = list();
    for raw in [
        "g*t ",
        "p l o n k ",
        "<@1>",
        "plonke",
        "scamscam ",
        "a\u{337}",
        "p|0",
        "$$$ ",
    ] {
        let text = Text::of(&raw.repeat(100_000));
        let mut told = 0;
        words.scan(&text, |_| {
            told += 1;
            std::ops::ControlFlow::Continue(())
        });
        assert!(told <= 4_096 * 2, "{raw:?} was told of {told} times");
    }
}

proptest! {
    /// Whatever the words around it, a term is found at its place.
    #[test]
    fn a_term_is_found_among_others(before in "[a-f ]{0,20}", after in "[ .!,]{1,3}[a-f ]{0,20}") {
        let words = list();
        let raw = format!("{before} wazzock{after}");
        let text = Text::of(&raw);
        let mut spans = Vec::new();
        words.scan(&text, |found| {
            spans.push(text.folded().original(found.span));
            std::ops::ControlFlow::Continue(())
        });
        let start = before.len() + 1;
        prop_assert!(spans.contains(&(start..start + 7)), "{spans:?} in {raw:?}");
    }
}
