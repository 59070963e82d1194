//! What is known of one event: a slot for each feature of the catalogue.
//!
//! What stands in an event is read from it by [`Facts::of_envelope`] and its neighbours. What only records and detectors
//! know (strikes, labels, scores, names of roles) is set by whoever asks them, slot by slot. What nobody set is unknown.

mod compose;
mod given;
mod join;
mod lately;
mod learned;
mod links;
mod message;
mod record;
mod scan;

pub use lately::Lately;
pub use learned::Learned;
pub use record::Record;

use crate::catalogue::{FEATURES, Feature, Kind, Slot};
use crate::counter::Counted;
use crate::duration::Millis;
use crate::event::EventKind;
use lockdown_events::{EventId, Platform};

const SLOTS: usize = Slot::NativeAction as usize + 1;
/// Of a feature made of words, no more are kept.
const MOST_WORDS: usize = 200;

#[derive(Debug, Clone)]
pub struct Facts {
    pub event_id: EventId,
    pub kind: EventKind,
    pub platform: Platform,
    /// When it happened, in milliseconds since 1970.
    pub at: Millis,
    pub guild: String,
    pub author: String,
    pub channel: Option<String>,
    pub message: Option<String>,
    /// The rules that it concerns; without, all of them.
    pub among: Option<Box<[String]>>,
    /// A fingerprint of the person's picture.
    avatar: Option<String>,
    /// The pictures of a message that were read: a hash of the bytes, and of what is to be seen.
    pictures: Vec<(u64, Option<u64>)>,
    /// Earlier messages of the same person that detectors take for this one again.
    pub(crate) copies: Vec<Counted>,
    known: [bool; SLOTS],
    numbers: [i64; SLOTS],
    words: Vec<(Slot, Vec<String>)>,
    texts: Vec<(Slot, String)>,
}

// === impl Facts ===

impl Facts {
    pub fn new(event_id: EventId, kind: EventKind, platform: Platform, at: Millis) -> Self {
        Self {
            event_id,
            kind,
            platform,
            at,
            guild: String::new(),
            author: String::new(),
            channel: None,
            message: None,
            among: None,
            avatar: None,
            pictures: Vec::new(),
            copies: Vec::new(),
            known: [false; SLOTS],
            numbers: [0; SLOTS],
            words: Vec::new(),
            texts: Vec::new(),
        }
    }

    pub(crate) fn concerns(&self, rule: &str) -> bool {
        self.among
            .as_ref()
            .is_none_or(|among| among.iter().any(|known| known == rule))
    }

    fn mark(&mut self, slot: Slot) {
        self.known[slot as usize] = true;
    }

    pub fn is_known(&self, slot: Slot) -> bool {
        self.known[slot as usize]
    }

    /// Sets a number, a length of time in milliseconds, or a flag as 0 and 1.
    pub fn set_number(&mut self, slot: Slot, value: i64) {
        self.mark(slot);
        self.numbers[slot as usize] = value;
    }

    pub fn set_count(&mut self, slot: Slot, value: usize) {
        self.set_number(slot, i64::try_from(value).unwrap_or(i64::MAX));
    }

    pub fn set_flag(&mut self, slot: Slot, value: bool) {
        self.set_number(slot, i64::from(value));
    }

    /// Sets one of the words of a [`Kind::Word`]; one that is not among them leaves it unknown.
    pub fn set_word(&mut self, slot: Slot, word: &str) {
        if let Kind::Word(words) = slot.feature().kind
            && let Some(number) = word_number(words, word)
        {
            self.set_number(slot, number);
        }
    }

    /// Adds to what a feature holds; with nothing to add it is known to be empty.
    pub fn add_words<'w>(&mut self, slot: Slot, words: impl IntoIterator<Item = &'w str>) {
        self.mark(slot);
        let index = self.words.iter().position(|(known, _)| *known == slot);
        let index = index.unwrap_or_else(|| {
            self.words.push((slot, Vec::new()));
            self.words.len() - 1
        });
        let held = &mut self.words[index].1;
        for word in words {
            if held.len() < MOST_WORDS {
                held.push(fold_word(word));
            }
        }
    }

    pub fn set_text(&mut self, slot: Slot, text: String) {
        self.mark(slot);
        self.texts.retain(|(known, _)| *known != slot);
        self.texts.push((slot, text));
    }

    /// `None` when it is unknown.
    pub fn number(&self, slot: Slot) -> Option<i64> {
        self.is_known(slot).then(|| self.numbers[slot as usize])
    }

    pub fn words(&self, slot: Slot) -> Option<&[String]> {
        let (_, words) = self.words.iter().find(|(known, _)| *known == slot)?;
        Some(words)
    }

    pub fn text(&self, slot: Slot) -> Option<&str> {
        let (_, text) = self.texts.iter().find(|(known, _)| *known == slot)?;
        Some(text)
    }

    /// Forgets a slot: for examples, and for what is not kept for replays.
    pub(crate) fn forget(&mut self, slot: Slot) {
        self.known[slot as usize] = false;
        self.words.retain(|(known, _)| *known != slot);
        self.texts.retain(|(known, _)| *known != slot);
    }

    /// A value as explanations show it; `None` when it is unknown. Text is shown by what was found in it, not here.
    pub(crate) fn show(&self, slot: Slot) -> Option<String> {
        if !self.is_known(slot) {
            return None;
        }
        let number = self.numbers[slot as usize];
        Some(match slot.feature().kind {
            Kind::Flag => (number != 0).to_string(),
            Kind::Number => number.to_string(),
            Kind::Duration => crate::duration::show(number),
            Kind::Word(words) => {
                let word = usize::try_from(number).ok().and_then(|index| words.get(index));
                (*word.unwrap_or(&"?")).to_owned()
            }
            Kind::Words | Kind::Hosts => self.words(slot).unwrap_or_default().join(", "),
            Kind::Text => format!(
                "{} characters",
                self.text(slot).map_or(0, |text| text.chars().count())
            ),
        })
    }
}

// === impl Slot ===

impl Slot {
    pub fn feature(self) -> &'static Feature {
        &FEATURES[self as usize]
    }
}

/// Where a word stands among those that a feature can be.
pub(crate) fn word_number(words: &[&str], word: &str) -> Option<i64> {
    let index = words.iter().position(|known| *known == word)?;
    i64::try_from(index).ok()
}

/// Words compare without regard to case.
pub(crate) fn fold_word(word: &str) -> String {
    if word
        .bytes()
        .any(|byte| byte.is_ascii_uppercase() || !byte.is_ascii())
    {
        word.to_lowercase()
    } else {
        word.to_owned()
    }
}
