//! The disguises of a whole message.

type Disguise = (&'static str, fn(&str) -> String);

pub(crate) const ALL: &[Disguise] = &[
    ("none", str::to_owned),
    ("case", str::to_uppercase),
    ("accents", |text| after_letters(text, '\u{301}')),
    ("zero-width", |text| after_letters(text, '\u{200B}')),
    ("soft hyphen", |text| after_letters(text, '\u{AD}')),
    ("bidi", |text| after_letters(text, '\u{202A}')),
    ("full-width", |text| shifted(text, '!', 94, 0xFF01)),
    ("circled", |text| shifted(&text.to_lowercase(), 'a', 26, 0x24D0)),
    ("bold", |text| shifted(&text.to_lowercase(), 'a', 26, 0x1D41A)),
    ("homoglyphs", |text| exchanged(text, "aeocpxyi", "аеосрхуі")),
    ("repeated", |text| {
        words(text, |word| {
            edited(word, |at, c| if at % 3 == 1 { vec![c, c, c] } else { vec![c] })
        })
    }),
    ("leet", |text| exchanged(text, "aeiost", "431057")),
    ("masked", |text| {
        words(text, |word| middle(word, |_| "*".to_owned()))
    }),
    ("spaced", |text| {
        text.split(' ')
            .map(|word| parted(word, " "))
            .collect::<Vec<_>>()
            .join("   ")
    }),
    ("dotted", |text| words(text, |word| parted(word, "."))),
    ("letter lines", |text| parted(text, "\n")),
    ("word lines", |text| text.replace(' ', "\n")),
    ("glued", |text| words(text, |word| format!("{word}!!"))),
    ("split", |text| {
        words(text, |word| middle(word, |c| format!("{c} ")))
    }),
    ("typo", |text| words(text, swapped)),
    ("percent", |text| {
        edited(text, |_, c| match c {
            c if c.is_ascii_alphabetic() => format!("%{:02x}", c as u32).chars().collect(),
            c => vec![c],
        })
    }),
    ("markup", |text| {
        words(text, |word| middle(word, |c| format!("**{c}**")))
    }),
];

fn edited(text: &str, edit: impl Fn(usize, char) -> Vec<char>) -> String {
    text.chars().enumerate().flat_map(|(at, c)| edit(at, c)).collect()
}

fn after_letters(text: &str, mark: char) -> String {
    edited(
        text,
        |_, c| if c.is_alphabetic() { vec![c, mark] } else { vec![c] },
    )
}

fn shifted(text: &str, first: char, many: u32, to: u32) -> String {
    edited(text, |_, c| match (c as u32).checked_sub(first as u32) {
        Some(place) if place < many => char::from_u32(to + place).into_iter().collect(),
        _ => vec![c],
    })
}

fn exchanged(text: &str, from: &str, to: &str) -> String {
    edited(text, |_, c| {
        vec![
            from.chars()
                .zip(to.chars())
                .find(|(letter, _)| *letter == c)
                .map_or(c, |(_, other)| other),
        ]
    })
}

fn words(text: &str, edit: impl Fn(&str) -> String) -> String {
    text.split(' ').map(edit).collect::<Vec<_>>().join(" ")
}

fn parted(word: &str, by: &str) -> String {
    word.chars().map(String::from).collect::<Vec<_>>().join(by)
}

/// Changes the letter in the middle of a word that has more than three.
fn middle(word: &str, edit: impl Fn(char) -> String) -> String {
    let letters: Vec<char> = word.chars().collect();
    if letters.len() < 4 || word.contains("://") {
        return word.to_owned();
    }
    let half = letters.len() / 2;
    let edited = letters
        .iter()
        .enumerate()
        .map(|(at, c)| if at == half { edit(*c) } else { c.to_string() });
    edited.collect()
}

fn swapped(word: &str) -> String {
    let mut letters: Vec<char> = word.chars().collect();
    if letters.len() > 3 && !word.contains("://") {
        let half = letters.len() / 2;
        letters.swap(half, half - 1);
    }
    letters.into_iter().collect()
}
