//! Letter by letter: whether a stretch of text is a disguise of a term.

use super::{ANY, ONE, Words};
use crate::text::forms::{Disguise, MASK, stands_for};
use crate::text::table::{self, Kind, Script};

/// What may be forgiven.
#[derive(Clone, Copy)]
pub(super) struct Lenience {
    /// Letters written several times.
    pub(super) repeats: bool,
    /// Digits and signs for letters.
    pub(super) leet: bool,
    /// Words wholly in letters of another script that only resemble.
    pub(super) foreign: bool,
}

/// How `letters` say `term`, if they do.
pub(super) fn compare(
    term: &str,
    letters: &(impl Iterator<Item = char> + Clone),
    lenience: Lenience,
) -> Option<Disguise> {
    let mut pattern = [ANY; Words::LONGEST + 4];
    let mut length = 0;
    for c in term.chars().filter(|c| *c != ' ') {
        *pattern.get_mut(length)? = c;
        length += 1;
    }
    let pattern = &pattern[..length];
    if letters.clone().eq(pattern.iter().copied()) {
        return Some(Disguise::None);
    }
    let known = pattern
        .iter()
        .filter(|c| table::entry(**c).kind == Kind::Letter)
        .count();
    let wild = pattern.contains(&ANY) || pattern.contains(&ONE);
    if (known < 3 || length < 3) && !wild {
        return None;
    }
    if !runs(pattern, letters.clone(), lenience) {
        return None;
    }
    disguise(pattern, letters, lenience, wild)
}

/// Whether the letters run through the pattern: one bit for each place in it that may have been reached.
fn runs(pattern: &[char], letters: impl Iterator<Item = char>, lenience: Lenience) -> bool {
    let skip_any = |mut states: u64| {
        for (place, c) in pattern.iter().enumerate() {
            if *c == ANY && states & 1 << place != 0 {
                states |= 1 << (place + 1);
            }
        }
        states
    };
    let mut states = skip_any(1);
    for c in letters {
        let mut next = 0;
        for (place, wanted) in pattern.iter().enumerate() {
            let here = states & 1 << place != 0;
            let behind = states & 1 << (place + 1) != 0;
            match *wanted {
                ANY if here => next |= 1 << place,
                ONE if here => next |= 1 << (place + 1),
                ANY | ONE => {}
                wanted => {
                    if (here || (behind && lenience.repeats)) && accepts(wanted, c, lenience) {
                        next |= 1 << (place + 1);
                    }
                }
            }
        }
        states = skip_any(next);
        if states == 0 {
            return false;
        }
    }
    states & 1 << pattern.len() != 0
}

fn accepts(wanted: char, c: char, lenience: Lenience) -> bool {
    if c == wanted || c == MASK {
        return true;
    }
    let (known, term) = (table::entry(c), table::entry(wanted));
    match known.kind {
        Kind::Letter => {
            // A letter for a letter of its own script is another letter.
            known.script != term.script && known.look == term.look
        }
        Kind::Digit | Kind::Leet => lenience.leet && (stands_for(c, wanted) || stands_for(c, term.look)),
        _ => false,
    }
}

/// Names the disguise; none where the letters are too far from the term's script to mean it.
fn disguise(
    pattern: &[char],
    letters: &(impl Iterator<Item = char> + Clone),
    lenience: Lenience,
    wild: bool,
) -> Option<Disguise> {
    let script = pattern
        .iter()
        .map(|c| table::entry(*c).script)
        .find(|script| *script != Script::Common)?;
    let (mut native, mut foreign, mut alike, mut signs, mut count) = (0, 0, 0, 0, 0);
    for c in letters.clone() {
        count += 1;
        let known = table::entry(c);
        match known.kind {
            Kind::Letter if known.script == script => native += 1,
            Kind::Letter => {
                foreign += 1;
                let perfect = if script == Script::Latin {
                    known.perfect
                } else {
                    matches!(c, 'a' | 'c' | 'e' | 'o' | 'p' | 'x' | 'y')
                };
                alike += u32::from(perfect);
            }
            _ if c == MASK => {}
            _ => signs += u32::from(!pattern.contains(&c)),
        }
    }
    // A Russian word is no English one because its letters resemble it.
    if foreign > alike && native == 0 && !lenience.foreign {
        return None;
    }
    Some(if letters.clone().any(|c| c == MASK) {
        Disguise::Masked
    } else if signs > 0 {
        Disguise::Leet
    } else if foreign > 0 {
        Disguise::Lookalikes
    } else if wild {
        Disguise::None
    } else if count > pattern.len() {
        Disguise::Repeated
    } else {
        Disguise::None
    })
}

/// Whether `word` is `term` with two neighbours exchanged, or without a letter inside.
pub(super) fn is_typo(term: &str, word: &str) -> bool {
    if term.is_ascii() && word.is_ascii() {
        return is_near(term.as_bytes(), word.as_bytes());
    }
    let (mut wanted, mut said) = (['\0'; Words::LONGEST + 1], ['\0'; Words::LONGEST + 1]);
    let fill = |place: &mut [char], text: &str| {
        let length = text.chars().count();
        (length <= place.len()).then(|| {
            place
                .iter_mut()
                .zip(text.chars())
                .for_each(|(place, c)| *place = c);
            length
        })
    };
    let (Some(term), Some(word)) = (fill(&mut wanted, term), fill(&mut said, word)) else {
        return false;
    };
    is_near(&wanted[..term], &said[..word])
}

fn is_near<T: PartialEq>(wanted: &[T], said: &[T]) -> bool {
    let Some(differs) = wanted.iter().zip(said).position(|(a, b)| a != b) else {
        return false;
    };
    if wanted.len() == said.len() {
        return wanted.len() >= 5
            && differs + 1 < wanted.len()
            && wanted[differs] == said[differs + 1]
            && wanted[differs + 1] == said[differs]
            && wanted[differs + 2..] == said[differs + 2..];
    }
    wanted.len() == said.len() + 1
        && wanted.len() >= 6
        && differs > 0
        && wanted[differs + 1..] == said[differs..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_say_a_term_or_not() {
        let all = Lenience {
            repeats: true,
            leet: true,
            foreign: false,
        };
        for (term, said, expected) in [
            ("nitro", "nitro", Some(Disguise::None)),
            ("nitro", "nnniiitro", Some(Disguise::Repeated)),
            ("nitro", "n1tr0", Some(Disguise::Leet)),
            ("nitro", "nit\u{1}o", Some(Disguise::Masked)),
            ("nitro", "nіtrо", Some(Disguise::Lookalikes)),
            ("nitro", "nltro", None),
            ("nitro", "ntro", None),
            ("nitro", "nitr", None),
            ("ass", "as", None),
            ("kill", "kil", None),
            ("kill", "ki11", Some(Disguise::Leet)),
            // Russian for "mouth", and letters that nobody can tell from Latin ones.
            ("pot", "рот", None),
            ("pop", "рор", Some(Disguise::Lookalikes)),
            ("сука", "cyka", None),
            ("сука", "сукa", Some(Disguise::Lookalikes)),
            // Too short for guesses.
            ("gg", "69", None),
            ("gg", "ggg", None),
            ("a\u{2}b", "axxb", Some(Disguise::None)),
            ("a\u{3}b", "axxb", None),
        ] {
            assert_eq!(compare(term, &said.chars(), all), expected, "{said} for {term}");
        }
    }

    #[test]
    fn typos_are_near() {
        for (term, word, near) in [
            ("nitro", "nirto", true),
            ("nitro", "intro", true),
            ("nitro", "ntro", false),
            ("giveaway", "givaway", true),
            ("giveaway", "giveawa", false),
            ("giveaway", "iveaway", false),
            ("giveaway", "givesway", false),
            ("giveaway", "giveaway", false),
        ] {
            assert_eq!(is_typo(term, word), near, "{word} for {term}");
        }
    }
}
