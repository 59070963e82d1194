//! What looks like a Latin letter, beyond what Unicode's own tables say.
//!
//! Unicode's list of confusables (UTS #39, by the crate `unicode-security`) compares letters as they are printed; people
//! who evade a filter are content with less. To add one: a line in `OTHER`, in lower case.

/// Letters of other scripts: the letter, the Latin one that it stands for, and whether nobody sees the difference.
const OTHER: &[(char, char, bool)] = &[
    // Cyrillic
    ('а', 'a', true),
    ('в', 'b', false),
    ('ь', 'b', false),
    ('ъ', 'b', false),
    ('б', 'b', false),
    ('с', 'c', true),
    ('ԁ', 'd', true),
    ('е', 'e', true),
    ('ё', 'e', false),
    ('є', 'e', false),
    ('э', 'e', false),
    ('з', 'e', false),
    ('ԍ', 'g', false),
    ('г', 'r', false),
    ('һ', 'h', true),
    ('н', 'h', false),
    ('і', 'i', true),
    ('ї', 'i', false),
    ('ј', 'j', true),
    ('к', 'k', false),
    ('ӏ', 'l', true),
    ('м', 'm', false),
    ('п', 'n', false),
    ('и', 'n', false),
    ('о', 'o', true),
    ('ө', 'o', false),
    ('р', 'p', true),
    ('ԛ', 'q', true),
    ('я', 'r', false),
    ('ѕ', 's', true),
    ('т', 't', false),
    ('ц', 'u', false),
    ('ѵ', 'v', true),
    ('ԝ', 'w', true),
    ('ш', 'w', false),
    ('щ', 'w', false),
    ('ѡ', 'w', false),
    ('х', 'x', true),
    ('у', 'y', true),
    ('ү', 'y', true),
    ('ч', 'y', false),
    // Greek
    ('α', 'a', true),
    ('β', 'b', false),
    ('δ', 'd', false),
    ('ε', 'e', false),
    ('η', 'n', false),
    ('θ', 'o', false),
    ('ι', 'i', true),
    ('κ', 'k', true),
    ('λ', 'l', false),
    ('μ', 'u', false),
    ('ν', 'v', true),
    ('ξ', 'e', false),
    ('ο', 'o', true),
    ('π', 'n', false),
    ('ρ', 'p', true),
    ('σ', 'o', true),
    ('ϳ', 'j', true),
    ('τ', 't', false),
    ('υ', 'u', true),
    ('φ', 'o', false),
    ('χ', 'x', false),
    ('γ', 'y', true),
    ('ω', 'w', false),
    // Armenian, Hebrew, Cherokee and others that generators of "fancy text" use
    ('ս', 'u', true),
    ('օ', 'o', true),
    ('հ', 'h', true),
    ('ո', 'n', true),
    ('ց', 'g', true),
    ('զ', 'q', false),
    ('ք', 'f', false),
    ('տ', 'm', false),
    ('ย', 'u', false),
    ('ค', 'a', false),
    ('ร', 's', false),
    ('ท', 'n', false),
    ('๏', 'o', false),
    ('ɩ', 'i', true),
];

/// Latin letters that fold to a plain one although Unicode takes them for letters of their own.
const LATIN: &[(&str, char)] = &[
    ("ⱥɐɑᴀ🅐🅰⒜", 'a'),
    ("ƀɓᴃʙ🅑🅱⒝", 'b'),
    ("ȼƈɕᴄϲ🅒🅲⒞", 'c'),
    ("đɖɗᴅ🅓🅳⒟", 'd'),
    ("ɇǝəɛᴇ🅔🅴⒠", 'e'),
    ("ƒꜰ🅕🅵⒡", 'f'),
    ("ǥɠɡɢ🅖🅶⒢", 'g'),
    ("ħɦʜ🅗🅷⒣", 'h'),
    ("ıɨɪ🅘🅸⒤", 'i'),
    ("ɉʝᴊ🅙🅹⒥", 'j'),
    ("ƙᴋ🅚🅺⒦", 'k'),
    ("łƚɫɭʟ🅛🅻⒧", 'l'),
    ("ɱᴍ🅜🅼⒨", 'm'),
    ("ɲŋɴ🅝🅽⒩", 'n'),
    ("øɵɔᴏ🅞🅾⒪", 'o'),
    ("ƥᴘ🅟🅿⒫", 'p'),
    ("ɋʠꞯ🅠🆀⒬", 'q'),
    ("ɍɾʀ🅡🆁⒭", 'r'),
    ("ʂꜱ🅢🆂⒮", 's'),
    ("ŧƭʈᴛ🅣🆃⒯", 't'),
    ("ʉᴜ🅤🆄⒰", 'u'),
    ("ʋᴠ🅥🆅⒱", 'v'),
    ("ⱳɯᴡ🅦🆆⒲", 'w'),
    ("🅧🆇⒳", 'x'),
    ("ƴɏʏ🅨🆈⒴", 'y'),
    ("ƶȥʐᴢ🅩🆉⒵", 'z'),
];

/// The Latin letter that a lower-case letter of another script stands for, and whether nobody sees the difference.
pub(super) fn other(letter: char) -> Option<(char, bool)> {
    let (_, latin, perfect) = OTHER.iter().find(|(known, _, _)| *known == letter)?;
    Some((*latin, *perfect))
}

/// The plain letter of a Latin one with a stroke, a hook or a frame.
pub(super) fn plain(letter: char) -> Option<char> {
    let framed = |first: u32| {
        let place = (letter as u32).checked_sub(first).filter(|place| *place < 26)?;
        char::from_u32('a' as u32 + place)
    };
    // Negative circled, negative squared and regional indicators.
    if let Some(letter) = framed(0x1F150)
        .or_else(|| framed(0x1F170))
        .or_else(|| framed(0x1F1E6))
    {
        return Some(letter);
    }
    let (_, latin) = LATIN.iter().find(|(framed, _)| framed.contains(letter))?;
    Some(*latin)
}

/// What a Latin letter looks like in Cyrillic, for a Latin letter smuggled into a Cyrillic word.
pub(super) fn cyrillic(letter: char) -> Option<char> {
    Some(match letter {
        'a' => 'а',
        'b' => 'в',
        'c' => 'с',
        'e' => 'е',
        'h' => 'н',
        'i' => 'і',
        'j' => 'ј',
        'k' => 'к',
        'm' => 'м',
        'o' => 'о',
        'p' => 'р',
        's' => 'ѕ',
        't' => 'т',
        'x' => 'х',
        'y' => 'у',
        _ => return None,
    })
}

/// Letters that digits and signs are written for, the likelier first.
pub(super) fn leet(sign: char) -> &'static [char] {
    match sign {
        '0' => &['o', 'о'],
        '1' | '!' | '|' => &['i', 'l', 'і'],
        '3' | '€' => &['e', 'з', 'э', 'е'],
        '4' => &['a', 'ч', 'а'],
        '@' => &['a', 'а'],
        '5' | '§' => &['s', 'ѕ'],
        '$' => &['s', 'ѕ', 'с'],
        '6' => &['g', 'b', 'б'],
        '7' => &['t', 'т'],
        '+' => &['t', 'т'],
        '8' => &['b', 'в'],
        '9' => &['g', 'q'],
        '(' | '<' | '¢' => &['c', 'с'],
        '£' => &['l'],
        '¥' => &['y', 'у'],
        _ => &[],
    }
}
