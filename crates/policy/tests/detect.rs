//! Duplicates, floods, raids and bursts of pictures.

use lockdown_policy::detect::ModelFault;
use lockdown_policy::detect::heat::{Arrival, Heat, Raid};
use lockdown_policy::detect::images::{Burst, Picture, Pictures};
use lockdown_policy::detect::near::{Fingerprint, Recent};
use lockdown_policy::detect::spam::{Classifier, Reader, Sample};
use lockdown_policy::detect::taught::{Lesson, Taught};
use lockdown_policy::text::Text;

fn print(raw: &str) -> Fingerprint {
    Fingerprint::of(&Text::of(raw))
}

#[test]
fn near_texts_share_a_fingerprint() {
    let model = print("Hello everyone, claim your free gift card on our new page today before it is gone");
    for (raw, near) in [
        (
            "HELLO everyone, claim your FREE gift card on our new page today before it is gone",
            true,
        ),
        (
            "Hello everyone, claim your free gift card on our new page today before it is gone 48151623",
            true,
        ),
        (
            "🔥 Hello everyone, claim your free gift card on our new page today before it is gone 🔥",
            true,
        ),
        (
            "Hello everyone, claim your free gift card on our page today before it is gone",
            true,
        ),
        (
            "Hello evеrуonе, clаim yоur frее gift cаrd оn our nеw pаge todаy befоre it is gоne",
            true,
        ),
        (
            "Hello everyone, does anybody know when the new map comes out for the summer event",
            false,
        ),
        ("Hello everyone", false),
        ("", false),
    ] {
        assert_eq!(model.is_near(&print(raw)), near, "{raw}");
    }
    assert!(print("buy now!").is_near(&print("B U Y  NOW")));
    assert!(!print("").is_near(&print("")), "nothing repeats nothing");
}

#[test]
fn recent_texts_are_found_again_once() {
    let mut recent = Recent::new(3);
    let spam = print("claim your free gift card on our new page today");
    assert_eq!(recent.push(0, 1_000, "a", spam), Vec::<&str>::new());
    assert_eq!(recent.push(100, 1_000, "b", spam), ["a"]);
    assert_eq!(
        recent.push(100, 1_000, "b", spam),
        ["a"],
        "a redelivery counts once"
    );
    assert_eq!(recent.push(1_050, 1_000, "c", spam), ["b"]);
    let text = serde_json::to_string(&recent).unwrap();
    let mut again: Recent<&str> = serde_json::from_str(&text).unwrap();
    assert_eq!(again, recent);
    assert_eq!(again.push(1_060, 9_000, "d", spam), ["c", "b", "a"]);
    assert_eq!(
        again.push(1_070, 9_000, "e", spam),
        ["d", "c", "b"],
        "the oldest made room"
    );
}

#[test]
fn heat_cools_down() {
    let mut heat = Heat::new(1_000);
    assert_eq!(heat.level(5), 0.0);
    assert_eq!(heat.add(0, 8.0), 8.0);
    assert_eq!(heat.level(1_000), 4.0);
    assert_eq!(heat.add(2_000, 1.0), 3.0);
    assert_eq!(heat.add(1_000, 1.0), 4.0, "what comes late adds to what is there");
    assert_eq!(heat.level(3_000), 2.0);
    let again: Heat = serde_json::from_str(&serde_json::to_string(&heat).unwrap()).unwrap();
    assert_eq!(again, heat);
}

#[test]
fn raids_are_seen_early_and_fairs_are_not() {
    let stranger = Arrival {
        account_age: Some(3_600_000),
        default_avatar: true,
        same_invite: true,
    };
    let regular = Arrival {
        account_age: Some(800 * 86_400_000),
        ..Arrival::default()
    };
    let mut raid = Raid::default();
    for hour in 0..24 {
        raid.join(hour * 3_600_000, &regular);
        assert!(!raid.is_raid(hour * 3_600_000));
    }
    let start = 24 * 3_600_000;
    let raids = (0..20).map(|second| {
        raid.join(start + second * 1_000, &stranger);
        raid.is_raid(start + second * 1_000)
    });
    let raids: Vec<bool> = raids.collect();
    let seen = raids.iter().position(|raid| *raid);
    assert!(
        seen.is_some_and(|second| (2..=6).contains(&second)),
        "seen after {seen:?}"
    );
    assert!(raids[8..].iter().all(|raid| *raid));
    assert!(!raid.is_raid(start + 20 * 60_000), "it ends when nobody comes");

    // A link from somewhere brings regulars, one in ten seconds.
    let mut fair = Raid::default();
    for person in 0..500 {
        fair.join(person * 10_000, &regular);
        assert!(!fair.is_raid(person * 10_000), "after {person}");
    }
}

#[test]
fn bursts_of_pictures_are_counted() {
    let mut pictures = Pictures::new(8);
    let picture = |exact, perceptual, author, channel, message| Picture {
        exact,
        perceptual: Some(perceptual),
        author,
        channel,
        message,
    };
    let look = 0x0F0F_3333_5555_00FF;
    assert_eq!(pictures.push(0, 1_000, &picture(1, look, 1, 1, 1)).messages, 1);
    assert_eq!(pictures.push(10, 1_000, &picture(1, look, 1, 2, 2)).exact, 2);
    let burst = Burst {
        messages: 3,
        exact: 1,
        authors: 2,
        channels: 3,
    };
    assert_eq!(
        pictures.push(20, 1_000, &picture(2, look ^ 0b10101, 2, 3, 3)),
        burst
    );
    assert_eq!(
        pictures.push(20, 1_000, &picture(2, look ^ 0b10101, 2, 3, 3)),
        burst,
        "delivered twice"
    );
    assert_eq!(pictures.push(30, 1_000, &picture(3, !look, 3, 3, 4)).messages, 1);
    assert_eq!(pictures.push(40, 1_000, &picture(4, 0, 3, 3, 5)).messages, 1);
    assert_eq!(
        pictures.push(50, 1_000, &picture(5, 1, 3, 3, 6)).messages,
        1,
        "plain areas say nothing"
    );
    assert_eq!(
        pictures.push(5_000, 1_000, &picture(1, look, 1, 1, 7)).messages,
        1,
        "the others are long ago"
    );
}

fn taught() -> Classifier {
    let texts: Vec<(String, bool)> = (0..60)
        .flat_map(|n| {
            [
                (
                    format!("sell your old carpet to uncle number {n} today, call us"),
                    true,
                ),
                (format!("who plays the new map with us tonight at {n}?"), false),
            ]
        })
        .collect();
    let samples: Vec<Sample<'_>> = texts
        .iter()
        .map(|(text, is_spam)| Sample {
            text,
            is_spam: *is_spam,
        })
        .collect();
    Classifier::train(&samples)
}

#[test]
fn a_classifier_learns_and_abstains() {
    let (model, mut reader) = (taught(), Reader::default());
    for (text, spam) in [
        ("sell your old carpet today", true),
        ("SELL your öld c4rpet to\u{200B}day", true),
        ("s e l l   y o u r   o l d   c a r p e t", true),
        ("who plays tonight?", false),
    ] {
        let opinion = model.judge(&mut reader, text);
        assert!(!opinion.abstains, "{text}: {opinion:?}");
        assert_eq!(opinion.probability > 0.5, spam, "{text}: {opinion:?}");
    }
    for strange in [
        "Добрый вечер, как дела?",
        "zwölf Boxkämpfer jagen Viktor quer",
        "",
        "😀",
    ] {
        let opinion = model.judge(&mut reader, strange);
        assert!(
            opinion.abstains && opinion.probability <= 0.1,
            "{strange}: {opinion:?}"
        );
    }
    assert!(Classifier::default().judge(&mut reader, "anything").abstains);
}

#[test]
fn a_decision_moves_the_next_opinion() {
    let (mut model, mut reader) = (taught(), Reader::default());
    let text = "uncle plays the carpet map tonight";
    let before = model.judge(&mut reader, text).probability;
    for _ in 0..3 {
        model.learn(&mut reader, &Sample { text, is_spam: true });
    }
    let after = model.judge(&mut reader, text).probability;
    assert!(after > before, "{before} before, {after} after");
}

#[test]
fn a_stored_classifier_thinks_the_same() {
    let (model, mut reader) = (taught(), Reader::default());
    let bytes = model.to_bytes();
    let again = Classifier::from_bytes(&bytes).unwrap();
    for text in ["sell your old carpet today", "who plays tonight?", "Добрый вечер"] {
        let (one, two) = (model.judge(&mut reader, text), again.judge(&mut reader, text));
        assert!(
            (one.probability - two.probability).abs() < 0.02,
            "{text}: {one:?}, {two:?}"
        );
        assert_eq!((one.known, one.abstains), (two.known, two.abstains));
    }
    assert_eq!(taught().to_bytes(), bytes, "training is the same every time");
    assert_eq!(
        Classifier::from_bytes(b"nothing").unwrap_err(),
        ModelFault::NoModel
    );
    assert_eq!(
        Classifier::from_bytes(b"LKDSPAM0").unwrap_err(),
        ModelFault::OtherVersion
    );
    for end in 8..bytes.len().min(400) {
        // Torn between two weights it is a smaller model; anywhere else it is refused. It never panics.
        let _ = Classifier::from_bytes(&bytes[..end]);
    }
    assert_eq!(
        Classifier::from_bytes(&bytes[..20]).unwrap_err(),
        ModelFault::Torn
    );
}

#[test]
fn the_shipped_model_knows_scams_and_little_else() {
    let (model, mut reader) = (Classifier::base(), Reader::default());
    for (text, spam) in [
        (
            "hey free discord nitro for 24 hours, claim it here https://free-nitro.example",
            true,
        ),
        (
            "invest $500 and get 10,000 usd back in one week, no risk, withdrawal guaranteed",
            true,
        ),
        ("thanks for the help, it works now", false),
        ("does anybody want to play minecraft tonight?", false),
    ] {
        let opinion = model.judge(&mut reader, text);
        assert!(
            !opinion.abstains && (opinion.probability > 0.5) == spam,
            "{text}: {opinion:?}"
        );
    }
    let strange = model.judge(
        &mut reader,
        "The committee will reconvene after lunch to discuss the drainage proposal",
    );
    assert!(strange.abstains, "{strange:?}");
}

/// Two letters in the middle of each longer word exchanged.
fn mistyped(text: &str) -> String {
    let word = |word: &str| {
        let mut letters: Vec<char> = word.chars().collect();
        if letters.len() > 3 && !word.contains("://") {
            let half = letters.len() / 2;
            letters.swap(half, half - 1);
        }
        letters.into_iter().collect::<String>()
    };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

#[test]
fn who_mistypes_every_word_is_known() {
    let (model, mut reader) = (Classifier::base(), Reader::default());
    for text in [
        "hey free discord nitro for 24 hours, claim it here https://free-nitro.example",
        "invest $500 and get 10,000 usd back in one week, no risk, withdrawal guaranteed",
    ] {
        let text = mistyped(text);
        let opinion = model.judge(&mut reader, &text);
        assert!(
            !opinion.abstains && opinion.probability > 0.5,
            "{text}: {opinion:?}"
        );
    }
}

const SCAM: &str = "Нужны люди на удалённый заработок, от 18 лет, оплата каждый день, пиши в личку";
const ALIKE: &str = "Нужны люди на удаленный заработок, возраст от 18, оплата каждый день, пиши мне в личку";
const CHAT: &str = "free discord nitro for our members, claim it here before midnight";

fn lesson(reader: &mut Reader, text: &str, is_spam: bool) -> Lesson {
    let (lesson, _) = Lesson::of(reader, text, is_spam);
    let again = Lesson::from_bytes(&lesson.to_bytes(), is_spam).expect("it is one");
    assert!(again.to_bytes() == lesson.to_bytes());
    again
}

#[test]
fn what_a_community_teaches_is_known_there() {
    let (base, mut reader) = (Classifier::base(), Reader::default());
    assert!(base.judge(&mut reader, CHAT).probability > 0.5);
    let lessons = [lesson(&mut reader, SCAM, true), lesson(&mut reader, CHAT, false)];
    let taught = Taught::of(&base, &lessons);
    let taught = Taught::from_bytes(&taught.to_bytes()).unwrap();
    for (text, spam) in [
        (SCAM, true),
        (ALIKE, true),
        (CHAT, false),
        ("thanks for the help, it works now", false),
        (
            "invest $500 and get 10,000 usd back in one week, no risk, withdrawal guaranteed",
            true,
        ),
    ] {
        let opinion = base.judge_taught(&mut reader, text, Some(&taught));
        assert!(
            !opinion.abstains && (opinion.probability > 0.5) == spam,
            "{text}: {opinion:?}"
        );
    }
    // What nobody taught is as it was.
    let weather = "Добрый вечер, как погода?";
    let opinion = base.judge_taught(&mut reader, weather, Some(&taught));
    assert!(opinion.probability < 0.5, "{opinion:?}");
    // Without its lesson nothing of it is left.
    let rest = Taught::of(&base, &lessons[..1]);
    assert!(base.judge_taught(&mut reader, CHAT, Some(&rest)).probability > 0.5);
    let nothing = Taught::of(&base, &[]);
    let (one, other) = (
        base.judge(&mut reader, CHAT),
        base.judge_taught(&mut reader, CHAT, Some(&nothing)),
    );
    assert_eq!(one, other);
}

#[test]
fn many_lessons_are_kept_apart() {
    let (base, mut reader) = (Classifier::base(), Reader::default());
    let texts: Vec<(String, bool)> = (0..60)
        .map(|n| match n % 2 {
            0 => (
                format!("uncle number {n} buys your old carpet today, call us"),
                true,
            ),
            _ => (format!("who has seen the carpet of my uncle, room {n}?"), false),
        })
        .collect();
    let lessons: Vec<Lesson> = texts
        .iter()
        .map(|(text, is_spam)| lesson(&mut reader, text, *is_spam))
        .collect();
    let taught = Taught::of(&base, &lessons);
    for (text, is_spam) in &texts {
        let opinion = base.judge_taught(&mut reader, text, Some(&taught));
        assert_eq!(opinion.probability > 0.5, *is_spam, "{text}: {opinion:?}");
    }
}

#[test]
fn a_lesson_has_no_text_and_is_the_same_for_what_reads_the_same() {
    let mut reader = Reader::default();
    let (lesson, print) = Lesson::of(&mut reader, SCAM, true);
    let (shouted, same) = Lesson::of(&mut reader, &SCAM.to_uppercase(), false);
    assert_eq!(print, same);
    assert_ne!(print, Lesson::of(&mut reader, CHAT, true).1);
    assert!(lesson.is_spam && !shouted.is_spam);
    let bytes = lesson.to_bytes();
    let torn = [b"nothing".as_slice(), &bytes[..bytes.len() - 1], &bytes[..9]];
    assert!(torn.iter().all(|bytes| Lesson::from_bytes(bytes, true).is_err()));
    assert_eq!(
        Taught::from_bytes(b"LKDLERN0").unwrap_err(),
        ModelFault::OtherVersion
    );
}
