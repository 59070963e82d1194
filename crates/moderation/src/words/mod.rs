//! What people read, in their language.
//!
//! A file for each language holds every text under its key, with `{placeholders}`. What several programs say stands in
//! `words/` of this crate; each bot has a folder of the same form, whose texts come on top. A text that a language lacks is
//! said in the first one. To add a text: its key in every file. To add a language: its file in each folder, its line
//! where the folder is read, and its way to count in `count_as`. [`Words::faults`] tells a test what was forgotten.

mod text;

use crate::duration::{Span, Term};
use chrono::{DateTime, Utc};
use lockdown_events::{Action, RequestError};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display};
use std::sync::{Arc, LazyLock};
use text::Text;

/// What several programs say. The first language is that of the records, and the one that the others fall back to.
const COMMON: [(&str, &str); 3] = [
    ("en", include_str!("../../words/en.json")),
    ("pt-BR", include_str!("../../words/pt-BR.json")),
    ("ru", include_str!("../../words/ru.json")),
];

static OWN: LazyLock<Words> = LazyLock::new(|| Words::of(&COMMON.map(|(tag, _)| (tag, "{}"))));

/// The texts of one program, in every language that it speaks.
#[derive(Debug)]
pub struct Words {
    tongues: Vec<Tongue>,
    faults: Vec<String>,
}

/// The texts in one language.
#[derive(Debug)]
pub struct Tongue {
    tag: &'static str,
    texts: BTreeMap<String, Arc<Text>>,
}

/// What stands for the placeholders of a text.
pub type With<'a> = &'a [(&'a str, &'a (dyn Display + Sync))];

/// A file as it is written: twice the same key is a mistake that JSON itself lets pass.
struct Entries(Vec<(String, String)>);

// === impl Words ===

impl Words {
    /// What all programs say, in every language.
    pub fn common() -> &'static Self {
        &OWN
    }

    /// From the files of a program, each with the tag of its language, on top of what all programs say in it. They are part of
    /// the program, so that what is wrong with them shows in its tests.
    ///
    /// # Panics
    ///
    /// When a file cannot be read at all.
    pub fn of(files: &[(&'static str, &str)]) -> Self {
        let mut tongues: Vec<Tongue> = Vec::new();
        let mut faults = Vec::new();
        let spoken = |tag: &str| files.iter().any(|(own, _)| *own == tag);
        let common = COMMON.iter().filter(|(tag, _)| spoken(tag));
        for (tag, file) in common.chain(files) {
            let entries: Entries = serde_json::from_str(file)
                .unwrap_or_else(|error| panic!("the texts in {tag} cannot be read: {error}"));
            if !tongues.iter().any(|known| known.tag == *tag) {
                tongues.push(Tongue {
                    tag,
                    texts: BTreeMap::new(),
                });
            }
            let Some(tongue) = tongues.iter_mut().find(|known| known.tag == *tag) else {
                continue;
            };
            for (key, written) in entries.0 {
                let text = match Text::read(&written) {
                    Ok(text) => Arc::new(text),
                    Err(why) => {
                        faults.push(format!("{tag}: `{key}` {why}"));
                        continue;
                    }
                };
                if tongue.texts.insert(key.clone(), text).is_some() {
                    faults.push(format!("{tag}: `{key}` stands there twice"));
                }
            }
        }
        if let [first, others @ ..] = tongues.as_mut_slice() {
            for other in others {
                faults.extend(other.complete(first));
            }
        }
        Self { tongues, faults }
    }

    /// What the files lack or have too much, compared with the first language; for a test.
    pub fn faults(&self) -> &[String] {
        &self.faults
    }

    /// Every language, that of the records first.
    pub fn tongues(&self) -> &[Tongue] {
        &self.tongues
    }

    /// The language with this tag, such as `pt-BR`, or the nearest to it; else the first.
    pub fn tongue(&self, wanted: Option<&str>) -> &Tongue {
        let primary = |tag: &str| {
            tag.split(['-', '_'])
                .next()
                .unwrap_or_default()
                .to_ascii_lowercase()
        };
        let near = wanted.and_then(|wanted| {
            let same = |known: &&Tongue| known.tag.eq_ignore_ascii_case(&wanted.replace('_', "-"));
            let related = |known: &&Tongue| primary(known.tag) == primary(wanted);
            let tongues = || self.tongues.iter();
            tongues().find(same).or_else(|| tongues().find(related))
        });
        near.unwrap_or(&self.tongues[0])
    }
}

// === impl Tongue ===

impl Tongue {
    pub fn tag(&self) -> &'static str {
        self.tag
    }

    /// The text of this key, with these in place of its placeholders. A key that is nowhere is a mistake which tests of
    /// debug builds do not survive; in a release it is said itself.
    pub fn say(&self, key: &str, with: With<'_>) -> String {
        debug_assert!(self.texts.contains_key(key), "no text has the key `{key}`");
        match self.texts.get(key) {
            Some(text) => text.fill(key, with),
            None => key.to_owned(),
        }
    }

    /// A text about so many of something: `key.one`, `key.other` and whatever else the language needs, with `{count}`.
    pub fn count(&self, key: &str, count: u64, with: With<'_>) -> String {
        let key = format!("{key}.{}", count_as(self.tag, count));
        let with: Vec<(&str, &(dyn Display + Sync))> = with
            .iter()
            .copied()
            .chain([("count", &count as &(dyn Display + Sync))])
            .collect();
        self.say(&key, &with)
    }

    /// The text of this key when there is one: for what has its texts by the names of other things.
    pub fn find(&self, key: &str) -> Option<String> {
        Some(self.texts.get(key)?.fill(key, &[]))
    }

    /// `1 hour 30 minutes`
    pub fn span(&self, span: Span) -> String {
        let parts = span
            .parts()
            .map(|(many, unit)| self.count(&format!("span.{unit}"), many, &[]));
        parts.collect::<Vec<_>>().join(" ")
    }

    /// What is left until then: `1 hour 30 minutes`, `for ever`.
    pub fn left(&self, term: Term, now: DateTime<Utc>) -> String {
        match term {
            Term::Forever => self.say("span.forever", &[]),
            Term::Until(at) => {
                Span::between(now, at).map_or_else(|| self.say("span.nothing", &[]), |span| self.span(span))
            }
        }
    }

    /// What an action is called.
    pub fn action(&self, action: Action) -> String {
        self.say(&format!("action.{action}"), &[])
    }

    /// What was said in the language of the records, often more exactly than one text could: there it stays, and another
    /// language has its text for it.
    pub fn exact(&self, said: &str, key: &str) -> String {
        if self.tag == COMMON[0].0 {
            return said.to_owned();
        }
        self.say(key, &[])
    }

    /// Why something was refused. Who refused it said so in the language of the records, often more exactly than its code
    /// tells: another language has a text for the code, or keeps those words.
    pub fn refusal(&self, refused: &RequestError) -> String {
        if self.tag == COMMON[0].0 {
            return refused.message.clone();
        }
        self.find(&format!("refused.{}", refused.code))
            .unwrap_or_else(|| refused.message.clone())
    }

    /// Takes from the first language what is missing, and says what that is.
    fn complete(&mut self, first: &Self) -> Vec<String> {
        let mut faults = Vec::new();
        let tag = self.tag;
        for (key, text) in &first.texts {
            match self.texts.get(key) {
                None => {
                    faults.push(format!("{tag}: `{key}` is missing"));
                    self.texts.insert(key.clone(), Arc::clone(text));
                }
                Some(own) if own.names() != text.names() => {
                    faults.push(format!("{tag}: `{key}` has other placeholders"));
                }
                Some(_) => {}
            }
        }
        let known: BTreeSet<&str> = first.texts.keys().map(String::as_str).collect();
        let plural = |key: &str| {
            key.rsplit_once('.')
                .is_some_and(|(stem, _)| known.contains(format!("{stem}.other").as_str()))
        };
        let extra = self
            .texts
            .keys()
            .filter(|key| !known.contains(key.as_str()) && !plural(key) && !key.starts_with("refused."));
        faults.extend(extra.map(|key| format!("{tag}: `{key}` is not in {}", first.tag)));
        faults
    }
}

/// How a language counts: Unicode's names for its plurals.
fn count_as(tag: &str, count: u64) -> &'static str {
    if tag == "ru" {
        return match (count % 10, count % 100) {
            (1, last) if last != 11 => "one",
            (2..=4, last) if !(12..=14).contains(&last) => "few",
            _ => "other",
        };
    }
    match (tag, count) {
        ("pt-BR", 0) | (_, 1) => "one",
        _ => "other",
    }
}

// === impl Entries ===

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reading;
        impl<'de> Visitor<'de> for Reading {
            type Value = Entries;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("texts under their keys")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Entries, M::Error> {
                let mut entries: Vec<(String, String)> = Vec::new();
                while let Some((key, text)) = map.next_entry::<String, String>()? {
                    if entries.iter().any(|(known, _)| *known == key) {
                        return Err(M::Error::custom(format!("`{key}` stands there twice")));
                    }
                    entries.push((key, text));
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Reading)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_all_programs_say_is_whole() {
        assert_eq!(Words::common().faults(), [""; 0]);
    }

    #[test]
    fn a_text_is_said_in_the_nearest_language() {
        let words = Words::of(&[
            (
                "en",
                r#"{"gone.one":"{count} message of {who}","gone.other":"{count} messages of {who}","hi":"Hi {{}"}"#,
            ),
            (
                "pt-BR",
                r#"{"gone.one":"{count} mensagem de {who}","gone.other":"{count} mensagens de {who}","hi":"Oi {{}"}"#,
            ),
        ]);
        assert_eq!(words.faults(), [""; 0]);
        for (wanted, tag) in [
            (Some("pt-BR"), "pt-BR"),
            (Some("pt_br"), "pt-BR"),
            (Some("pt"), "pt-BR"),
            (Some("en-GB"), "en"),
            (Some("xx"), "en"),
            (None, "en"),
        ] {
            assert_eq!(words.tongue(wanted).tag(), tag, "{wanted:?}");
        }
        let (english, portuguese) = (words.tongue(None), words.tongue(Some("pt")));
        assert_eq!(english.count("gone", 0, &[("who", &"Ana")]), "0 messages of Ana");
        assert_eq!(english.count("gone", 1, &[("who", &"Ana")]), "1 message of Ana");
        assert_eq!(
            portuguese.count("gone", 0, &[("who", &"Ana")]),
            "0 mensagem de Ana"
        );
        assert_eq!(
            portuguese.count("gone", 2, &[("who", &"{who}")]),
            "2 mensagens de {who}"
        );
        assert_eq!(portuguese.say("hi", &[]), "Oi {}");
        assert_eq!(english.span(Span::fixed(90_061)), Span::fixed(90_061).to_string());
        assert_eq!(portuguese.span(Span::fixed(93_600)), "1 dia 2 horas");
        let refused = |code: &str| RequestError {
            code: code.to_owned(),
            message: "no case 9".to_owned(),
        };
        assert_eq!(english.refusal(&refused("unknown_case")), "no case 9");
        assert_ne!(portuguese.refusal(&refused("unknown_case")), "no case 9");
        assert_eq!(portuguese.refusal(&refused("of_the_future")), "no case 9");
    }

    #[test]
    fn what_was_forgotten_is_told_and_said_in_the_first_language() {
        let words = Words::of(&[
            (
                "en",
                r#"{"a":"A {x}","b":"B","c.one":"1","c.other":"{count}","d":"D {"}"#,
            ),
            (
                "pt-BR",
                r#"{"a":"A {y}","c.one":"1","c.few":"2","c.other":"{count}","e":"E"}"#,
            ),
        ]);
        let told = words.faults().join("\n");
        assert_eq!(
            told,
            "en: `d` has a brace that is not closed\npt-BR: `a` has other placeholders\npt-BR: `b` is missing\npt-BR: `e` is not in en"
        );
        assert_eq!(words.tongue(Some("pt-BR")).say("b", &[]), "B");
    }

    #[test]
    #[should_panic(expected = "stands there twice")]
    fn the_same_key_twice_is_no_file() {
        Words::of(&[("en", r#"{"a":"A","a":"B"}"#)]);
    }
}
