//! Words that mix letters of several scripts, which nobody does but to be misread.

use super::lookalikes;
use super::marks::Marks;
use super::table::{self, Kind, Script};
use super::view::View;

/// Writes each word that mixes scripts in the one that it is meant in. The view has offsets.
pub(super) fn one_a_word(folded: &mut View, marks: &mut Marks) {
    let mut mended: Option<View> = None;
    let mut at = 0;
    while at < folded.text.len() {
        let rest = &folded.text[at..];
        let word = |c: &char| matches!(table::entry(*c).kind, Kind::Letter | Kind::Digit);
        let bytes: usize = rest.chars().take_while(word).map(char::len_utf8).sum();
        let bytes = if bytes == 0 {
            rest.chars().next().map_or(1, char::len_utf8)
        } else {
            bytes
        };
        let meant = meant(&rest[..bytes]);
        if meant != Meant::AsItIs {
            marks.mixed_words += 1;
            let view = mended.get_or_insert_with(|| View {
                text: folded.text[..at].to_owned(),
                starts: folded.starts[..at].to_vec(),
                ends: folded.ends[..at].to_vec(),
            });
            for (place, c) in rest[..bytes].char_indices() {
                view.push(
                    meant.letter(c),
                    folded.starts[at + place],
                    folded.ends[at + place],
                );
            }
        } else if let Some(view) = &mut mended {
            view.unfold_offsets();
            view.push_part(folded, at..at + bytes);
        }
        at += bytes;
    }
    if let Some(view) = mended {
        *folded = view;
    }
}

/// The script that a word is meant in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Meant {
    AsItIs,
    Latin,
    Cyrillic,
}

/// The script of the letters that have no double in the other one; where all have, the script of most of them.
fn meant(word: &str) -> Meant {
    let [mut latin, mut cyrillic, mut greek] = [0_u32; 3];
    let [mut latin_only, mut cyrillic_only] = [0_u32; 2];
    for c in word.chars() {
        let known = table::entry(c);
        match known.script {
            Script::Latin => {
                latin += 1;
                latin_only += u32::from(lookalikes::cyrillic(c).is_none());
            }
            Script::Cyrillic => {
                cyrillic += 1;
                cyrillic_only += u32::from(known.look == c);
            }
            Script::Greek => greek += 1,
            _ => {}
        }
    }
    match (latin, cyrillic, greek) {
        (0, _, _) | (_, 0, 0) => Meant::AsItIs,
        (_, 0, _) if latin >= greek => Meant::Latin,
        (_, 0, _) => Meant::AsItIs,
        _ if latin_only == 0 && cyrillic_only > 0 => Meant::Cyrillic,
        _ if cyrillic_only == 0 && latin_only > 0 => Meant::Latin,
        _ if latin >= cyrillic => Meant::Latin,
        _ => Meant::Cyrillic,
    }
}

// === impl Meant ===

impl Meant {
    fn letter(self, c: char) -> char {
        match self {
            Self::AsItIs => c,
            Self::Latin => table::entry(c).look,
            Self::Cyrillic => lookalikes::cyrillic(c).unwrap_or(c),
        }
    }
}
