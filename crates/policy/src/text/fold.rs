//! From what was written to the folded view, counting on the way.

use super::LIMIT;
use super::block::{BLOCK, Block};
use super::marks::Marks;
use super::scripts;
use super::squash::Kinds;
use super::table::{self, Entry, Fold, Kind, Pages, Script};
use super::view::View;

/// What ASCII is worth, so that plain English needs no other table.
#[derive(Clone, Copy)]
pub(super) struct Ascii {
    pub(super) class: u8,
    pub(super) kind: Kind,
}

pub(super) const ASCII: [Ascii; 128] = {
    let mut table = [Ascii {
        class: 0,
        kind: Kind::Other,
    }; 128];
    let mut code = 0;
    while code < 128 {
        let byte = code as u8;
        let lower = byte.to_ascii_lowercase();
        table[code].kind = match byte {
            b'\t'..=b'\r' | b' ' => Kind::Space,
            0..=8 | 14..=31 | 127 => Kind::Invisible,
            b'0'..=b'9' => Kind::Digit,
            b'a'..=b'z' | b'A'..=b'Z' => Kind::Letter,
            b'!' | b'|' | b'@' | b'$' | b'+' | b'(' | b'<' => Kind::Leet,
            _ => Kind::Other,
        };
        let letter = match lower {
            b'0' => b'o',
            b'1' | b'!' | b'|' | b'l' => b'i',
            b'2' => b'z',
            b'3' => b'e',
            b'4' | b'@' => b'a',
            b'5' | b'$' => b's',
            b'6' | b'8' | b'9' | b'g' | b'q' => b'b',
            b'7' | b'+' => b't',
            b'(' | b'<' => b'c',
            b'a'..=b'z' => lower,
            _ => 0,
        };
        table[code].class = if letter == 0 {
            table::BREAK
        } else {
            letter - b'a' + 1
        };
        code += 1;
    }
    table
};

/// Reads `raw` into the folded view and the counts, and the kinds of its bytes where folding leaves them as they are.
///
/// False if it stopped in the middle, of a text whose characters stand for many others each.
pub(super) fn fold(raw: &str, folded: &mut View, marks: &mut Marks, kinds: &mut Vec<Kinds>) -> bool {
    folded.clear();
    kinds.clear();
    *marks = Marks::default();
    let mut whole = true;
    if count_plain(raw.as_bytes(), marks, |known| kinds.push(known)) {
        folded.text.push_str(raw);
        if marks.upper > 0 {
            folded.text.make_ascii_lowercase();
        }
    } else {
        kinds.clear();
        *marks = Marks::default();
        whole = Folder::new(raw, folded, marks).run();
    }
    marks.lines += u32::from(!raw.is_empty());
    whole
}

/// Visible ASCII, blanks and line breaks, but for what begins something encoded: of these, folding changes capitals alone.
pub(super) fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\n') & (byte != b'%')
}

/// Counts a stretch of plain characters; false, with counts that say nothing, where others are among them.
#[inline]
fn count_plain(raw: &[u8], marks: &mut Marks, mut kinds: impl FnMut(Kinds)) -> bool {
    // Whether a byte is what the next one is, and whether two of those are neighbours.
    let (mut last, mut twice, mut thrice) = (0, false, false);
    let mut at = 0;
    while at < raw.len() {
        let (rest, mut room) = (&raw[at..], [0; BLOCK + 1]);
        let (both, used) = match rest.first_chunk() {
            Some(both) => (both, u64::MAX),
            None => {
                room[..rest.len()].copy_from_slice(rest);
                (&room, u64::MAX >> (BLOCK - rest.len()))
            }
        };
        let (block, next) = (Block::upto(both), Block::upto(&both[1..]));
        if !block.plain() & used != 0 {
            return false;
        }
        let (known, lines) = (Kinds::of(&block), block.equal(b'\n'));
        let spaces = block.equal(b' ') | lines;
        let same = block.same(&next) & used & !spaces;
        twice |= same != 0;
        thrice |= same & (same << 1 | last) != 0;
        last = same >> 63;
        marks.letters += known.letters.count_ones();
        marks.spaces += spaces.count_ones();
        // Of these, most texts have none.
        for (few, count) in [
            (block.capitals(), &mut marks.upper),
            (known.digits, &mut marks.digits),
            (lines, &mut marks.lines),
        ] {
            if few != 0 {
                *count += few.count_ones();
            }
        }
        kinds(known);
        at += BLOCK;
    }
    marks.chars += raw.len() as u32;
    marks.repeat = marks.repeat.max(if thrice {
        let runs = raw.chunk_by(|a, b| a == b && !a.is_ascii_whitespace());
        runs.map(<[u8]>::len).max().unwrap_or(0) as u32
    } else {
        u32::from(!raw.is_empty()) + u32::from(twice)
    });
    true
}

/// Fewer bytes than this are soon counted one by one.
const FEW: usize = 16;

/// The same of a short one, as most of them are between other characters.
fn count_few(raw: &[u8], marks: &mut Marks) {
    marks.chars += raw.len() as u32;
    let (mut last, mut run) = (b' ', 0);
    for byte in raw {
        let kind = ASCII[usize::from(*byte)].kind;
        marks.letters += u32::from(kind == Kind::Letter);
        marks.upper += u32::from(byte.is_ascii_uppercase());
        marks.digits += u32::from(kind == Kind::Digit);
        marks.spaces += u32::from(kind == Kind::Space);
        marks.lines += u32::from(*byte == b'\n');
        run = if *byte == last && kind != Kind::Space {
            run + 1
        } else {
            1
        };
        last = *byte;
        marks.repeat = marks.repeat.max(run);
    }
}

/// The way of any other text.
struct Folder<'a> {
    raw: &'a str,
    folded: &'a mut View,
    marks: &'a mut Marks,
    /// Marks on the letter that came last.
    stack: u32,
    last: char,
    run: u32,
    /// The last character that left something was a regional indicator, or another letter.
    after: After,
    /// Regional indicators in a row: two of them are a flag.
    regional: u32,
    /// An emoji was last, and a joiner after it makes the next one part of it.
    joins: Joins,
    /// Of the letters of the word so far: a bit each for Latin, Cyrillic and Greek.
    scripts: u8,
    /// A word may have letters of several.
    mixes: bool,
    pages: Pages,
}

#[derive(PartialEq, Eq, Clone, Copy)]
enum After {
    Nothing,
    Word,
    Regional,
}

#[derive(PartialEq, Eq, Clone, Copy)]
enum Joins {
    No,
    Emoji,
    Joined,
}

// === impl Folder ===

impl<'a> Folder<'a> {
    fn new(raw: &'a str, folded: &'a mut View, marks: &'a mut Marks) -> Self {
        folded.text.reserve(raw.len());
        Self {
            raw,
            folded,
            marks,
            stack: 0,
            last: '\0',
            run: 0,
            after: After::Nothing,
            regional: 0,
            joins: Joins::No,
            scripts: 0,
            mixes: false,
            pages: Pages::default(),
        }
    }

    fn run(mut self) -> bool {
        let raw = self.raw;
        let mut at = 0;
        while let Some(c) = raw[at..].chars().next() {
            if self.folded.text.len() > LIMIT + LIMIT / 4 {
                break;
            }
            let plain = raw.as_bytes()[at..]
                .iter()
                .take_while(|byte| is_plain(**byte))
                .count();
            if plain > 0 {
                self.plain(at, plain);
                at += plain;
                continue;
            }
            let letters = self.letters(at);
            if letters > 0 {
                at += letters;
                continue;
            }
            let mut end = at + c.len_utf8();
            let mut read = c;
            if c == '%'
                && let Some((decoded, bytes)) = percent(&raw.as_bytes()[at..])
            {
                (read, end) = (decoded, at + bytes);
                self.marks.percent_encoded += 1;
            }
            self.one(read, at as u32, end as u32);
            at = end;
        }
        if self.mixes {
            self.folded.unfold_offsets();
            scripts::one_a_word(self.folded, self.marks);
        }
        at == raw.len()
    }

    /// The same as [`Folder::one`] for each of so many plain characters.
    fn plain(&mut self, at: usize, length: usize) {
        let run = &self.raw.as_bytes()[at..at + length];
        if length < FEW {
            count_few(run, self.marks);
        } else {
            count_plain(run, self.marks, |_| {});
        }
        let is_word = |byte: &u8| byte.is_ascii_alphanumeric();
        let head = run.iter().take_while(|byte| is_word(byte)).count();
        self.latin(&run[..head]);
        if head < run.len() {
            self.scripts = 0;
            let tail = run.iter().rev().take_while(|byte| is_word(byte)).count();
            self.latin(&run[run.len() - tail..]);
        }
        (self.stack, self.joins, self.regional) = (0, Joins::No, 0);
        (self.last, self.run) = (char::from(run[length - 1]), 1);
        if self.after == After::Regional && run[0].is_ascii_alphanumeric() {
            self.folded.push(' ', at as u32, at as u32);
        }
        self.folded.push_plain(&self.raw[at..at + length], at as u32);
        let word = run[length - 1].is_ascii_alphanumeric();
        self.after = if word { After::Word } else { After::Nothing };
    }

    fn latin(&mut self, part_of_word: &[u8]) {
        if part_of_word.iter().any(u8::is_ascii_alphabetic) {
            self.script(Script::Latin);
        }
    }

    /// The same for a run of small letters that fold to themselves; how many bytes it has.
    fn letters(&mut self, at: usize) -> usize {
        let rest = &self.raw[at..];
        let (mut bytes, mut count, mut script) = (0, 0, None);
        let before = self.after;
        for c in rest.chars() {
            if c.is_ascii() {
                break;
            }
            let known = self.pages.entry(c);
            if !known.plain {
                break;
            }
            if script != Some(known.script) {
                self.script(known.script);
                script = Some(known.script);
            }
            self.run = if c == self.last { self.run + 1 } else { 1 };
            self.marks.repeat = self.marks.repeat.max(self.run);
            self.last = c;
            bytes += c.len_utf8();
            count += 1;
        }
        if count == 0 {
            return 0;
        }
        self.marks.chars += count;
        self.marks.letters += count;
        (self.stack, self.joins, self.regional) = (0, Joins::No, 0);
        if before == After::Regional {
            self.folded.push(' ', at as u32, at as u32);
        }
        self.folded.push_same(&rest[..bytes], at as u32);
        self.after = After::Word;
        bytes
    }

    fn one(&mut self, c: char, start: u32, end: u32) {
        let known = table::entry(c);
        self.count(c, known);
        let letter = matches!(known.kind, Kind::Letter | Kind::Digit);
        // Flags beside words are no part of them.
        let parts = (known.kind == Kind::Regional && self.after == After::Word)
            || (letter && self.after == After::Regional);
        if parts {
            self.folded.push(' ', start, start);
        }
        match &known.fold {
            Fold::Same => {
                if matches!(known.kind, Kind::Space | Kind::Other | Kind::Emoji) {
                    self.scripts = 0;
                }
                self.folded.push(c, start, end);
            }
            Fold::One(one) => {
                self.script(table::entry(*one).script);
                self.folded.push(*one, start, end);
            }
            Fold::Many(many) => {
                for one in many.chars() {
                    self.script(table::entry(one).script);
                    self.folded.push(one, start, end);
                }
            }
            Fold::Nothing => return,
        }
        self.after = match known.kind {
            Kind::Regional => After::Regional,
            _ if letter => After::Word,
            _ => After::Nothing,
        };
    }

    fn script(&mut self, script: Script) {
        self.scripts |= match script {
            Script::Latin => 1,
            Script::Cyrillic => 2,
            Script::Greek => 4,
            _ => 0,
        };
        // Most words are of one.
        self.mixes |= self.scripts & (self.scripts.wrapping_sub(1)) != 0;
    }

    fn count(&mut self, c: char, known: &Entry) {
        let marks = &mut *self.marks;
        marks.chars += 1;
        self.run = if c == self.last && known.kind != Kind::Space {
            self.run + 1
        } else {
            1
        };
        self.last = c;
        marks.repeat = marks.repeat.max(self.run);
        marks.upper += u32::from(known.upper);
        marks.styled += u32::from(known.styled);
        let joins = self.joins;
        if !matches!(known.kind, Kind::Mark | Kind::Invisible) {
            self.stack = 0;
            self.joins = Joins::No;
        }
        if known.kind != Kind::Regional {
            self.regional = 0;
        }
        match known.kind {
            Kind::Letter => {
                marks.letters += 1;
                self.script(known.script);
            }
            Kind::Digit => marks.digits += 1,
            Kind::Space => {
                marks.spaces += 1;
                marks.lines += u32::from(matches!(c, '\n' | '\u{2028}' | '\u{2029}'));
            }
            Kind::Mark => {
                marks.combining += 1;
                self.stack += 1;
                marks.zalgo += u32::from(self.stack > 2);
                marks.piled = marks.piled.max(self.stack);
            }
            // Variation selectors and joiners belong to an emoji; elsewhere they hide.
            Kind::Invisible if joins != Joins::No => {
                if c == '\u{200D}' {
                    self.joins = Joins::Joined;
                }
            }
            Kind::Invisible => marks.invisible += u32::from(c != '\u{FE0F}'),
            Kind::Bidi => marks.bidi += 1,
            Kind::Emoji => {
                let part = joins == Joins::Joined || matches!(c as u32, 0x1F3FB..=0x1F3FF);
                marks.emoji += u32::from(!part);
                self.joins = Joins::Emoji;
            }
            Kind::Regional => {
                self.regional += 1;
                marks.emoji += u32::from(self.regional.is_multiple_of(2));
            }
            Kind::Leet | Kind::Other => marks.broken += u32::from(c == char::REPLACEMENT_CHARACTER),
        }
    }
}

/// A letter or digit, or a character beyond ASCII, that is written as `%41`; and how many bytes that takes. Nothing else is
/// decoded: `100 % of` and `%20` stay.
fn percent(bytes: &[u8]) -> Option<(char, usize)> {
    let digit = |hex: u8| char::from(hex).to_digit(16);
    let mut decoded = [0; 4];
    for place in 0..decoded.len() {
        let [b'%', high, low] = *bytes.get(place * 3..place * 3 + 3)? else {
            return None;
        };
        decoded[place] = (digit(high)? * 16 + digit(low)?) as u8;
        if let Ok(text) = std::str::from_utf8(&decoded[..=place]) {
            let c = text.chars().next()?;
            return (!c.is_ascii() || c.is_ascii_alphanumeric()).then_some((c, place * 3 + 3));
        }
    }
    None
}
