//! What a character is worth: how it folds, what it looks like, and of which kind it is.
//!
//! Two levels: pages of 256 characters, each worked out from Unicode's own data when its first character is met, so that
//! the languages that a deployment sees cost a few kilobytes each and the others nothing.

use super::lookalikes;
use std::sync::OnceLock;
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::canonical_combining_class;
use unicode_script::{Script as Unicode, UnicodeScript as _};

/// One character's line in the table.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) fold: Fold,
    pub(super) kind: Kind,
    pub(super) script: Script,
    /// The Latin letter that it stands for, or itself.
    pub(super) look: char,
    /// Nobody sees the difference to `look`.
    pub(super) perfect: bool,
    /// Its class in squash space: see `squash`.
    pub(super) class: u8,
    pub(super) upper: bool,
    /// A letter in fancy dress: full-width, circled, mathematical.
    pub(super) styled: bool,
    /// A small letter that folds to itself.
    pub(super) plain: bool,
}

#[derive(Debug)]
pub(super) enum Fold {
    Same,
    One(char),
    Many(Box<str>),
    Nothing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Letter,
    Digit,
    Space,
    /// Has a letter that it is written for, but is no letter or digit.
    Leet,
    Other,
    Emoji,
    Regional,
    /// Combining mark that is only an ornament.
    Mark,
    Invisible,
    Bidi,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Script {
    Common,
    Latin,
    Cyrillic,
    Greek,
    /// Written without blanks between words.
    Dense,
    Other,
}

type Page = [Entry; 256];

static PAGES: [OnceLock<Box<Page>>; 0x1100] = [const { OnceLock::new() }; 0x1100];

/// The page that was looked at last: most characters of a text are on one.
#[derive(Default)]
pub(super) struct Pages {
    last: Option<(usize, &'static Page)>,
}

// === impl Pages ===

impl Pages {
    pub(super) fn entry(&mut self, c: char) -> &'static Entry {
        let code = c as usize;
        match self.last {
            Some((number, page)) if number == code >> 8 => &page[code & 0xFF],
            _ => {
                let page = page(code >> 8);
                self.last = Some((code >> 8, page));
                &page[code & 0xFF]
            }
        }
    }
}

pub(super) fn entry(c: char) -> &'static Entry {
    let code = c as usize;
    &page(code >> 8)[code & 0xFF]
}

fn page(number: usize) -> &'static Page {
    PAGES[number].get_or_init(|| {
        let first = (number << 8) as u32;
        Box::new(std::array::from_fn(|place| {
            // Surrogates are no characters; nobody asks for their lines.
            Entry::of(char::from_u32(first + place as u32).unwrap_or(char::REPLACEMENT_CHARACTER))
        }))
    })
}

/// The class of nothing: what stands between words in squash space.
pub(crate) const BREAK: u8 = 0;

/// The class in squash space of a folded character: letters that leetspeak or look-alikes exchange share one, so that a
/// word and its disguise meet in a hash. Sharing too much costs a second look, sharing too little a miss.
fn squash(c: char, look: char, kind: Kind) -> u8 {
    let letter = match c {
        '0' => 'o',
        '1' | '!' | '|' | 'l' => 'i',
        '3' | '€' => 'e',
        '4' | '@' | 'ч' => 'a',
        '5' | '§' | '$' => 's',
        '6' | '8' | '9' | 'g' => 'b',
        '7' | '+' => 't',
        '2' => 'z',
        '(' | '<' | '¢' => 'c',
        '£' => 'i',
        '¥' => 'y',
        // Dollar stands for both, and so both have to meet.
        _ if look.is_ascii_alphabetic() => match look {
            'l' => 'i',
            'g' | 'q' => 'b',
            other => other,
        },
        _ if matches!(kind, Kind::Letter | Kind::Digit) => {
            // Letters of other scripts are told apart by chance only.
            return 32 + (c as u32).wrapping_mul(0x9E37_79B1).wrapping_shr(24) as u8 % 224;
        }
        _ => return BREAK,
    };
    letter as u8 - b'a' + 1
}

// === impl Entry ===

impl Entry {
    fn of(c: char) -> Self {
        let folded = fold_fully(c);
        let mut letters = folded.chars();
        let first = letters.next();
        let fold = match (first, letters.next()) {
            (None, _) => Fold::Nothing,
            (Some(one), None) if one == c => Fold::Same,
            (Some(one), None) => Fold::One(one),
            _ => Fold::Many(folded.clone().into()),
        };
        let kind = kind(c, first);
        let base = first.unwrap_or(c);
        let script = script(base);
        let (look, perfect) = match script {
            Script::Common | Script::Latin => (base, true),
            _ => look(base),
        };
        let upper = c.is_uppercase();
        let plain_latin = base.is_ascii_alphanumeric() && !c.is_ascii() && canonical(c) != base;
        Self {
            kind,
            script,
            look,
            perfect,
            class: squash(base, look, kind),
            plain: kind == Kind::Letter && !upper && !plain_latin && matches!(fold, Fold::Same),
            upper,
            styled: plain_latin && matches!(kind, Kind::Letter | Kind::Digit),
            fold,
        }
    }
}

/// Its first part when accents alone are taken off, in lower case.
fn canonical(c: char) -> char {
    let first = std::iter::once(c).nfd().next().unwrap_or(c);
    first.to_lowercase().next().unwrap_or(first)
}

/// NFKC, lower case, without ornaments, until nothing changes.
fn fold_fully(c: char) -> String {
    let mut now = fold_once(&c.to_string());
    for _ in 0..4 {
        let next = fold_once(&now);
        if next == now {
            break;
        }
        now = next;
    }
    now
}

fn fold_once(text: &str) -> String {
    let mut folded = String::new();
    for c in text.chars() {
        match c {
            _ if is_blank(c) => folded.push(if c == '\n' { '\n' } else { ' ' }),
            _ if is_ornament(c) || is_invisible(c) || is_bidi(c) => {}
            'ß' | 'ẞ' => folded.push_str("ss"),
            'æ' | 'Æ' => folded.push_str("ae"),
            'œ' | 'Œ' => folded.push_str("oe"),
            'ς' => folded.push('σ'),
            '’' | 'ʼ' => folded.push('\''),
            _ => match lookalikes::plain(c) {
                Some(plain) => folded.push(plain),
                None => folded.extend(c.to_lowercase()),
            },
        }
    }
    folded
        .nfkd()
        .filter(|c| !is_ornament(*c) && !is_invisible(*c) && !is_bidi(*c))
        .map(|c| if is_blank(c) && c != '\n' { ' ' } else { c })
        .nfc()
        .collect()
}

/// Combining marks that no alphabet needs to tell words apart: of Latin, Cyrillic, Greek, Hebrew and Arabic.
fn is_ornament(c: char) -> bool {
    matches!(c as u32,
        0x300..=0x36F | 0x483..=0x489 | 0x591..=0x5BD | 0x5BF | 0x5C1..=0x5C2 | 0x5C4..=0x5C5 | 0x5C7
        | 0x610..=0x61A | 0x64B..=0x65F | 0x670 | 0x6D6..=0x6DC | 0x6DF..=0x6E4 | 0x6E7..=0x6E8 | 0x6EA..=0x6ED
        | 0x1AB0..=0x1AFF | 0x1DC0..=0x1DFF | 0x20D0..=0x20FF | 0x2DE0..=0x2DFF | 0xA66F..=0xA672 | 0xA674..=0xA67D
        | 0xFE20..=0xFE2F)
}

/// What leaves nothing on the screen.
fn is_invisible(c: char) -> bool {
    matches!(c as u32,
        0..=8 | 0xE..=0x1F | 0x7F..=0x84 | 0x86..=0x9F | 0xAD | 0x34F | 0x17B4..=0x17B5 | 0x180B..=0x180F
        | 0x200B..=0x200D | 0x2060..=0x2065 | 0x206A..=0x206F | 0xFE00..=0xFE0F | 0xFEFF | 0xFFF0..=0xFFFB
        | 0x1BCA0..=0x1BCA3 | 0x1D173..=0x1D17A | 0xE0000..=0xE0FFF)
}

fn is_bidi(c: char) -> bool {
    matches!(c as u32, 0x61C | 0x200E..=0x200F | 0x202A..=0x202E | 0x2066..=0x2069)
}

/// Blanks of every width, and letters that are drawn as one.
fn is_blank(c: char) -> bool {
    c.is_whitespace() || matches!(c as u32, 0x115F..=0x1160 | 0x2800 | 0x3164 | 0xFFA0)
}

fn is_emoji(c: char) -> bool {
    matches!(c as u32,
        0x1F000..=0x1F0FF | 0x1F200..=0x1F2FF | 0x1F300..=0x1FAFF | 0x2600..=0x27BF | 0x231A..=0x231B
        | 0x23E9..=0x23F3 | 0x23F8..=0x23FA | 0x25FD..=0x25FE | 0x2B1B..=0x2B1C | 0x2B50 | 0x2B55 | 0x1F18E
        | 0x1F191..=0x1F19A)
}

fn kind(c: char, folded: Option<char>) -> Kind {
    if is_bidi(c) {
        return Kind::Bidi;
    }
    if is_invisible(c) {
        return Kind::Invisible;
    }
    if is_ornament(c) {
        return Kind::Mark;
    }
    if is_blank(c) {
        return Kind::Space;
    }
    if (0x1F1E6..=0x1F1FF).contains(&(c as u32)) {
        return Kind::Regional;
    }
    let base = folded.unwrap_or(c);
    if base.is_alphabetic() || (!is_emoji(c) && canonical_combining_class(base) != 0) {
        Kind::Letter
    } else if base.is_numeric() {
        Kind::Digit
    } else if unicode_normalization::char::is_combining_mark(base) {
        // Vowel signs of Indic and other scripts belong to their word.
        Kind::Letter
    } else if is_emoji(c) {
        Kind::Emoji
    } else if lookalikes::leet(base).is_empty() {
        Kind::Other
    } else {
        Kind::Leet
    }
}

fn script(c: char) -> Script {
    match c.script() {
        Unicode::Latin => Script::Latin,
        Unicode::Cyrillic => Script::Cyrillic,
        Unicode::Greek => Script::Greek,
        Unicode::Common | Unicode::Inherited | Unicode::Unknown => Script::Common,
        Unicode::Han
        | Unicode::Hiragana
        | Unicode::Katakana
        | Unicode::Thai
        | Unicode::Lao
        | Unicode::Khmer
        | Unicode::Myanmar => Script::Dense,
        _ => Script::Other,
    }
}

fn look(c: char) -> (char, bool) {
    if let Some(known) = lookalikes::other(c) {
        return known;
    }
    let mut skeleton = [0; 4];
    let mut letters = unicode_security::skeleton(c.encode_utf8(&mut skeleton));
    match (letters.next(), letters.next()) {
        (Some(one), None) if one.is_ascii_alphabetic() => (one.to_ascii_lowercase(), true),
        _ => (c, true),
    }
}
