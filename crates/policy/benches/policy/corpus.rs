//! What people write in chats, drawn by a seed: several languages, games, markup, links; four fifths of it ASCII, sixty bytes
//! a message. And words, patterns and domains to look for in it.

const PLAIN: &[&str] = &[
    "i think we should wait for the others before we start the next round",
    "does anybody know how to fix this?",
    "lol no way",
    "gg wp everyone, that was close",
    "ok",
    "can you send me the file again please",
    "we need two more for ranked, who is in",
    "the server was down for an hour yesterday and nobody told us why",
    "thanks!",
    "my internet is so bad today, brb",
    "why does it say permission denied when i run the script",
    "happy birthday!! have a great day",
    "i will be home around six, we can play then",
    "nice one",
    "that boss has way too much health, we tried it nine times and gave up",
    "what time is it for you?",
    "look at my new setup, it took me all weekend to get the cables right",
    "u coming or not",
    "he said he would do it tomorrow",
    "is the sale still on? i want to get the dlc",
    "kkkkkk muito bom isso ai",
    "alguem quer jogar hoje a noite? faltam dois",
    "nao consigo entrar no servidor, da erro toda hora",
    "hola, como estan todos? hace mucho que no entro",
    "gracias por la ayuda, ya funciona",
    "wer hat heute abend zeit? wir brauchen noch einen heiler",
    "das ist mir auch passiert, einfach neu starten",
];

const OTHER: &[&str] = &[
    "привет всем, кто сегодня играет?",
    "у меня не работает микрофон, что делать",
    "спасибо, всё получилось",
    "não sei, amanhã eu vejo isso com você",
    "schöne grüße aus köln, bis später",
    "😂😂😂 no way",
    "今日は一緒に遊びませんか",
    "très bien, merci beaucoup à tous",
];

const MARKED: &[&str] = &[
    "**important**: read the #rules before you ask <@123456789012345678>",
    "see https://github.com/example/project/issues/12 for the details",
    "`cargo build --release` takes 3 minutes on my machine",
    "<:pepe:123456789012345678> that is so true",
    "it costs 1,299.00$ here, call 555-0199 or mail me",
    "> you said it works\nit does not, i tried it 3 times",
    "https://www.youtube.com/watch?v=dQw4w9WgXcQ this one",
    "||the butler did it|| sorry",
    "WHAT IS GOING ON WITH THE SERVERS",
];

/// Rare, and long.
const LONG: &str = "so here is what happened: we queued at nine, the first match was fine, then the second one crashed while loading and \
    gave everybody a penalty of thirty minutes, which is a joke since it was not our fault, and when we finally got back in the \
    event was over and the rewards were gone. i wrote to support and they answered with a template that has nothing to do with it. ";

/// Numbers that are the same for the same seed.
pub(crate) struct Draw(pub(crate) u64);

// === impl Draw ===

impl Draw {
    pub(crate) fn below(&mut self, most: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % most
    }

    fn of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len())]
    }

    /// A word that nobody says, of two to four syllables.
    fn word(&mut self) -> String {
        const HEADS: &[&str] = &[
            "b", "br", "ch", "d", "dr", "f", "gr", "h", "k", "kl", "m", "n", "p", "qu", "sk", "sn", "t", "v",
            "w", "z",
        ];
        const TAILS: &[&str] = &[
            "a", "e", "i", "o", "u", "ek", "un", "or", "im", "ash", "olt", "ig", "ut", "ax",
        ];
        let syllables = 2 + self.below(3);
        (0..syllables)
            .map(|_| self.of(HEADS).to_owned() + self.of(TAILS))
            .collect()
    }
}

/// Messages; one in a hundred has a term, plain or in a simple disguise.
pub(crate) fn messages(count: usize, terms: &[String]) -> Vec<String> {
    let mut draw = Draw(11);
    let one = |draw: &mut Draw| match draw.below(100) {
        0..62 => draw.of(PLAIN).to_owned(),
        62..80 => draw.of(OTHER).to_owned(),
        80..92 => draw.of(MARKED).to_owned(),
        92..99 => format!("{} {}", draw.of(PLAIN), draw.of(PLAIN)),
        _ => LONG.repeat(1 + draw.below(4)),
    };
    (0..count)
        .map(|number| {
            // No two are alike.
            let mut message = format!("{} {}", one(&mut draw), draw.word());
            if number % 100 == 7 {
                let term = &terms[draw.below(terms.len())];
                let term = if number % 200 == 7 {
                    term.clone()
                } else {
                    term.replace('o', "0")
                };
                message += &format!(" {term}");
            }
            message
        })
        .collect()
}

/// Words, one in eight a phrase.
pub(crate) fn terms(count: usize) -> Vec<String> {
    let mut draw = Draw(5);
    let mut all = std::collections::BTreeSet::new();
    while all.len() < count {
        let phrase = draw.below(8) == 0;
        let word = draw.word();
        all.insert(if phrase {
            format!("{word} {}", draw.word())
        } else {
            word
        });
    }
    all.into_iter().collect()
}

/// Patterns as moderators write them: phrases with gaps, letters with leetspeak, addresses, numbers, and a few without a letter.
pub(crate) fn patterns(count: usize) -> Vec<String> {
    let mut draw = Draw(3);
    (0..count)
        .map(|number| match number % 20 {
            0..8 => format!(r"\b{}\s+{}\w*", draw.word(), draw.word()),
            8..13 => draw
                .word()
                .chars()
                .map(|c| match c {
                    'a' => "[a4@]+".to_owned(),
                    'e' => "[e3]+".to_owned(),
                    'i' => "[i1!]+".to_owned(),
                    'o' => "[o0]+".to_owned(),
                    c => format!("{c}+"),
                })
                .collect(),
            13..17 => format!(
                r"(?:https?://)?(?:www\.)?{}[\w-]*\.(?:ru|xyz|gift|top)",
                draw.word()
            ),
            17 => format!(r"\b\d{{3}}[-. ]?\d{{3}}[-. ]?\d{{{}}}\b", 3 + number / 20),
            18 => format!(r"{}.{{0,20}}(?:free|gratis|бесплатно)", draw.word()),
            _ => format!(r"[!?]{{{},}}", 6 + number / 20),
        })
        .collect()
}

pub(crate) fn domains(count: usize) -> Vec<String> {
    let mut draw = Draw(2);
    let ends = ["ru", "xyz", "gift", "com", "top", "click"];
    (0..count)
        .map(|_| format!("{}-{}.{}", draw.word(), draw.word(), draw.of(&ends)))
        .collect()
}

/// What somebody sends who wants it to take long; each with a name.
pub(crate) fn hostile() -> Vec<(&'static str, String)> {
    let fill = |piece: &str| piece.repeat(16 * 1024 / piece.len());
    vec![
        ("one letter", fill("a")),
        ("mentions", fill("<@123456789012345678> ")),
        ("letters apart", fill("a b ")),
        ("letters a line", fill("f\nr\n")),
        ("signs", fill("$!|(@<+")),
        ("masks", fill("a*b#c ")),
        ("markup", fill("**a**b**")),
        ("numbers", fill("01 10 ")),
        ("long number", fill("0110")),
        ("dots", fill("a.b.c.")),
        ("addresses", fill("http://a.ru ")),
        ("at", fill("a@a.a@")),
        ("percent", fill("%41%6")),
        ("marks", fill("a\u{301}\u{302}")),
        ("look-alikes", fill("аaοo ")),
        ("emoji", fill("👨\u{200D}👩\u{200D}👧")),
        ("small words", fill("as is so ")),
        ("words of terms", fill("bra dre fri ")),
        ("question marks", fill("?!")),
        ("Chinese", fill("赌博")),
        ("ligatures", fill("\u{FDFA}")),
        (
            "zalgo",
            fill("z\u{300}\u{301}\u{302}\u{303}\u{304}\u{305}\u{306}\u{307} "),
        ),
        ("brackets", fill("[a](")),
        ("long words", fill("bra0breche.")),
    ]
}
