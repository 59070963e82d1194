//! Makes the model that LOCKDOWN ships, of messages that a small grammar writes:
//! `cargo run --release -p lockdown-policy --example base_model`.
//!
//! Nobody's messages are in it. To teach it another kind of scam: a line in `SPAM`; what people say that resembles it: a line
//! in `HAM`. `{name}` stands for one of the words of that name in `WORDS`.

use lockdown_policy::detect::spam::{Classifier, Sample};

const SPAM: &[&str] = &[
    "{hi} free {nitro} for {time}, claim it here {link}",
    "@everyone {hi} i am giving away {nitro} to the first {number} people, {link}",
    "{steam} gift {amount} dollars {link}",
    "hey, i accidentally reported your {steam} account, contact the admin on {link} or you will be banned",
    "bro is that you in this video? {link}",
    "i am leaving the game and giving away my {skins}, trade me: {link}",
    "try the game that i made and give me feedback, password is {number} {link}",
    "i help {number} people to earn {amount} within {time} from the {crypto} market, only {share} of the profit, write me on {messenger}",
    "invest {amount} and get {amount} back in {time}, no risk, withdrawal guaranteed {link}",
    "thanks to mrs {person} i made {amount} with {crypto} trading in {time}, contact her on {messenger} {link}",
    "{crypto} airdrop is live, connect your wallet and claim {number} tokens {link}",
    "your wallet was suspended, verify your seed phrase here {link}",
    "double your {crypto}: send {number} and receive twice as much, only {time} {link}",
    "work from home, {amount} a week, no experience needed, message me on {messenger}",
    "we are hiring for remote work, {amount} daily, {time} only, write {messenger} {link}",
    "you won a {prize}! pay the delivery and it is yours {link}",
    "congratulations, your number was chosen for a {prize}, reply with your bank details to claim {amount}",
    "urgent: your account will be closed, confirm your password at {link}",
    "cheap {followers}, {amount} for {number}, instant delivery {link}",
    "18+ hot girls in your city are waiting, join now {link}",
    "leaked videos for free, join before it is deleted {link}",
    "bet with us, {number} wins in a row, sure tips every day {link}",
    "subscribe to my channel and i subscribe back {link}",
    "заработок от {amount} в день без вложений, пишите в лс {link}",
    "ищу людей на удалённую работу, доход {amount} в неделю, подробности {messenger} {link}",
    "бесплатные ставки и прогнозы, заходи в канал {link}",
    "раздаю {nitro} бесплатно, успей забрать {link}",
    "ganhe {amount} por dia trabalhando de casa, chame no {messenger} {link}",
    "gana {amount} al dia con {crypto}, sin riesgo, escribe por {messenger} {link}",
];

const HAM: &[&str] = &[
    "{hi} does anybody want to play {game} {time}?",
    "who has time for {game} later, we need {number} more",
    "i finished {game} yesterday, the end was {opinion}",
    "did you see the new patch notes of {game}? {opinion}",
    "my internet is {opinion} today, brb",
    "thanks for the help, it works now",
    "how do i install this on linux? i get an error in line {number}",
    "the docs say to restart the server after changing the config {safe}",
    "here is the video that i meant {safe}",
    "i opened an issue about it {safe}",
    "happy birthday {person}! have a great day",
    "what time is the event {time}?",
    "lol that was {opinion}",
    "gg well played everyone",
    "can a moderator look at my report from {time}, please?",
    "i got nitro for my birthday from {person}, so happy",
    "is the steam sale still on? i want to buy {game}",
    "please do not click links from strangers, somebody sends free nitro scams again",
    "my account was hacked after i clicked a link, what should i do?",
    "what do you think about bitcoin? i think it is {opinion}",
    "i bought a new phone for {amount}, it is {opinion}",
    "the work on the house takes {time} and costs {amount}",
    "our team meets {time}, bring your notes",
    "does anybody know a good channel about {topic}?",
    "i am learning {topic}, it is {opinion} but fun",
    "dinner is ready in {number} minutes, see you later",
    "the bank called me about my card, it was {opinion}",
    "she won the first prize at school, {opinion}!",
    "привет, кто сегодня играет в {game}?",
    "у меня не работает интернет, что делать?",
    "спасибо, всё получилось, теперь работает",
    "сколько стоит хостинг в месяц? мне нужно на {number} человек",
    "alguém quer jogar {game} hoje à noite?",
    "kkkk isso foi muito bom",
    "hola, alguien sabe como arreglar esto?",
    "gracias por la ayuda, ya funciona",
];

const WORDS: &[(&str, &[&str])] = &[
    (
        "hi",
        &[
            "hi",
            "hey",
            "hello everyone",
            "yo",
            "guys,",
            "hi all,",
            "good morning",
            "",
        ],
    ),
    (
        "nitro",
        &[
            "nitro",
            "discord nitro",
            "nitro for three months",
            "nitro boost",
            "a nitro gift",
        ],
    ),
    ("steam", &["steam", "epic games", "roblox", "valorant"]),
    ("skins", &["skins", "inventory", "knife and gloves", "items"]),
    (
        "time",
        &[
            "today",
            "tonight",
            "tomorrow",
            "24 hours",
            "one week",
            "a month",
            "on friday",
            "three days",
            "this weekend",
        ],
    ),
    ("number", &["3", "5", "12", "20", "50", "100", "1000", "48"]),
    (
        "amount",
        &[
            "50$",
            "$500",
            "1000 dollars",
            "€200",
            "10,000 usd",
            "5000₽",
            "£900",
            "300",
        ],
    ),
    ("share", &["10%", "5%", "ten percent"]),
    (
        "crypto",
        &["bitcoin", "crypto", "forex", "ethereum", "btc", "usdt"],
    ),
    (
        "messenger",
        &[
            "telegram",
            "whatsapp",
            "my dm",
            "telegram @manager_anna",
            "whatsapp +15550199",
        ],
    ),
    ("person", &["anna", "mark wilson", "olivia", "sam", "juan"]),
    (
        "prize",
        &["new iphone", "gift card", "playstation", "free holiday", "car"],
    ),
    (
        "followers",
        &["followers", "likes", "members for your server", "views"],
    ),
    (
        "game",
        &[
            "minecraft",
            "chess",
            "valorant",
            "the raid",
            "league",
            "ranked",
            "the new map",
        ],
    ),
    (
        "opinion",
        &[
            "great",
            "awful",
            "so good",
            "a bit slow",
            "broken",
            "really nice",
            "hard",
        ],
    ),
    (
        "topic",
        &["rust", "guitar", "python", "cooking", "japanese", "drawing"],
    ),
    (
        "link",
        &[
            "https://dlscord-gift.example/claim",
            "http://free-nitro.example",
            "https://bit.example/x7Kd",
            "t.me/+AbCdEfGh123",
            "https://steamcomunity.example/gift/51",
            "https://airdrop-claim.example",
            "discord.gg/abcDEF",
            "t.me/easy_money_bot",
            "",
        ],
    ),
    (
        "safe",
        &[
            "https://github.com/example/project/issues/12",
            "https://www.youtube.com/watch?v=abc123",
            "https://docs.rs/serde",
            "https://en.wikipedia.org/wiki/Rust",
            "",
        ],
    ),
];

/// Messages of each line.
const EACH: u32 = 24;

/// Writes a line with words in its places; the same for the same number.
fn written(line: &str, state: &mut u64) -> String {
    let mut written = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').expect("a closing brace");
        let (_, words) = WORDS
            .iter()
            .find(|(known, _)| *known == name)
            .unwrap_or_else(|| panic!("no words for {name}"));
        *state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        written.push_str(before);
        written.push_str(words[(*state >> 33) as usize % words.len()]);
        rest = after;
    }
    written.push_str(rest);
    written.trim().to_owned()
}

fn main() -> std::io::Result<()> {
    let mut state = 7;
    let mut all = Vec::new();
    for (lines, is_spam) in [(SPAM, true), (HAM, false)] {
        for line in lines {
            all.extend((0..EACH).map(|_| (written(line, &mut state), is_spam)));
        }
    }
    all.sort();
    all.dedup();
    let samples: Vec<Sample<'_>> = all
        .iter()
        .map(|(text, is_spam)| Sample {
            text,
            is_spam: *is_spam,
        })
        .collect();
    let bytes = Classifier::train(&samples).to_bytes();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/model/base.bin");
    std::fs::write(path, &bytes)?;
    println!("{} messages, {} bytes in {path}", samples.len(), bytes.len());
    Ok(())
}
