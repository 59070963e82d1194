//! Words in every disguise, written anew from other words and a seed: what `evasion_dev.jsonl` was not asked for.

use crate::disguise;

/// What a community may forbid: insults, drugs, swindles; in several languages.
pub(crate) const TERMS: &[&str] = &[
    "wanker",
    "slut",
    "whore",
    "retard",
    "moron",
    "muppet",
    "scammer",
    "heroin",
    "cocaine",
    "casino",
    "viagra",
    "escort",
    "nazi",
    "rapist",
    "pervert",
    "porn",
    "suicide",
    "hitler",
    "lynch",
    "grifter",
    "weed",
    "spastic",
    "puta",
    "merda",
    "cabron",
    "pendejo",
    "schlampe",
    "arsch",
    "salaud",
    "connard",
    "stronzo",
    "kurwa",
    "дурак",
    "идиот",
    "сволочь",
    "мразь",
    "дебил",
    "rug pull",
    "free skins",
    "kill yourself",
];

/// What nobody should be punished for: words that hold a term, or miss one by a letter, and quite other ones.
const INNOCENTS: &[&str] = &[
    "swanky",
    "slate",
    "shore",
    "whole",
    "where",
    "retarget",
    "retort",
    "mormon",
    "morn",
    "puppet",
    "hammer",
    "scanner",
    "heroine",
    "heron",
    "hero",
    "cocoa",
    "occasion",
    "casings",
    "vigour",
    "niagara",
    "escrow",
    "effort",
    "nasi",
    "nazareth",
    "therapist",
    "rapids",
    "convert",
    "perverse",
    "horn",
    "torn",
    "popcorn",
    "suicidal",
    "decide",
    "hitter",
    "whistler",
    "lunch",
    "clinch",
    "grafter",
    "drifter",
    "tweed",
    "seaweed",
    "reed",
    "plastic",
    "spacious",
    "computa",
    "reputation",
    "put a",
    "mere",
    "carbon",
    "pendant",
    "pending",
    "schlange",
    "marsch",
    "arch",
    "salad",
    "salute",
    "concord",
    "canard",
    "strong",
    "astronaut",
    "curve",
    "дура",
    "удар",
    "идти",
    "идея",
    "волосы",
    "мразный",
    "дебют",
    "rug",
    "pulling",
    "free kittens",
    "skinny",
    "kill time",
    "yourself",
    "kiln",
    "skill",
    "painkiller",
    "class",
    "grape",
    "sparrow",
    "morning",
    "evening",
    "kitchen",
    "wonder",
    "stranger",
    "orange",
    "planet",
    "bottle",
    "window",
    "garden",
    "музыка",
    "погода",
    "завтра",
    "obrigado",
    "amanhã",
    "gracias",
    "mañana",
    "danke",
    "morgen",
    "merci",
    "demain",
];

const FRAMES: &[&str] = &[
    "{}",
    "oh {} again",
    "i said {}, ok?",
    "they call it {} over there",
    "is {} what you want",
    "no more {} please",
    "{} it is then",
    "мне {} не надо",
    "que {} foi isso",
    "das ist {} hier",
];

/// A sentence with a word in a disguise, and whether a list should find it.
pub(crate) struct Written {
    pub(crate) text: String,
    pub(crate) kind: &'static str,
    pub(crate) is_term: bool,
}

/// Every word in every disguise once, the frames drawn by the seed; and in some that the seed places.
pub(crate) fn written(seed: u64) -> Vec<Written> {
    let mut draw = Draw(seed);
    let mut all = Vec::new();
    for (words, is_term) in [(TERMS, true), (INNOCENTS, false)] {
        for word in words {
            for (kind, disguise) in disguise::ALL {
                // Of a disguise of whole messages, a word has no words a line.
                if *kind != "word lines" || word.contains(' ') {
                    all.push((*kind, disguise(word), is_term));
                }
            }
            all.push(("one leet", one(word, &mut draw, leet), is_term));
            all.push((
                "one mark",
                one(word, &mut draw, |c| Some(format!("{c}\u{335}"))),
                is_term,
            ));
            all.push((
                "one hidden",
                one(word, &mut draw, |c| Some(format!("{c}\u{2060}"))),
                is_term,
            ));
            all.push((
                "one long",
                one(word, &mut draw, |c| Some(String::from(c).repeat(4))),
                is_term,
            ));
            all.push((
                "one capital",
                one(word, &mut draw, |c| Some(c.to_uppercase().to_string())),
                is_term,
            ));
        }
    }
    all.into_iter()
        .map(|(kind, word, is_term)| Written {
            text: FRAMES[draw.below(FRAMES.len())].replace("{}", &word),
            kind,
            is_term,
        })
        .collect()
}

/// Numbers that are the same for the same seed.
struct Draw(u64);

// === impl Draw ===

impl Draw {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % most
    }
}

/// Changes a letter inside a word, one that can be changed.
fn one(word: &str, draw: &mut Draw, change: impl Fn(char) -> Option<String>) -> String {
    let letters: Vec<char> = word.chars().collect();
    let inside: Vec<usize> = (1..letters.len() - 1)
        .filter(|place| letters[*place] != ' ' && change(letters[*place]).is_some())
        .collect();
    if inside.is_empty() {
        return word.to_owned();
    }
    let place = inside[draw.below(inside.len())];
    let written = letters.iter().enumerate().map(|(at, c)| match at {
        at if at == place => change(*c).unwrap_or_default(),
        _ => c.to_string(),
    });
    written.collect()
}

fn leet(c: char) -> Option<String> {
    let (_, sign) = [
        ('a', '@'),
        ('e', '3'),
        ('i', '1'),
        ('o', '0'),
        ('s', '$'),
        ('t', '7'),
    ]
    .into_iter()
    .find(|(letter, _)| *letter == c)?;
    Some(sign.to_string())
}
