//! The question that is asked at the door.

use super::picture::{DIGITS, Draw, picture};
use lockdown_events::{EventId, UserId};
use lockdown_moderation::Captcha;
use lockdown_moderation::words::{Tongue, With};

/// What the buttons send: `door:` whom it is for `:` which answer, or that they cannot read it.
pub(super) const PRESS: &str = "door:";
pub(super) const AGAIN: &str = "again";
/// Answers to choose from.
const CHOICES: u8 = 4;
/// Numbers to choose from, below a picture.
const NUMBERS: usize = 6;
const IN_A_ROW: usize = 3;
/// Pictures that one person may see.
pub(super) const MOST_PICTURES: u8 = 4;

/// A question, and its answers.
pub(super) struct Question {
    pub(super) words: String,
    pub(super) buttons: Vec<Vec<(String, String)>>,
    pub(super) picture: Option<Vec<u8>>,
    pub(super) right: u8,
}

/// Whom it is asked of, and how.
pub(super) struct Asked<'a> {
    pub(super) tongue: &'a Tongue,
    pub(super) kind: Captcha,
    /// What stands on the button, where the community chose it.
    pub(super) button: Option<&'a str>,
    /// The community into which somebody asks to be let: they are asked alone.
    pub(super) asks: Option<&'a str>,
    pub(super) user: &'a UserId,
    pub(super) event: EventId,
    /// How many pictures they have seen before.
    pub(super) round: u8,
    /// How they or the community are called, and how long they have.
    pub(super) shown: &'a str,
    pub(super) time: &'a str,
}

// === impl Question ===

impl Question {
    /// The same event has the same questions.
    pub(super) fn new(asked: &Asked<'_>) -> Self {
        match asked.kind {
            Captcha::Picture => Self::picture(asked),
            Captcha::Question => Self::sum(asked),
            Captcha::Off | Captcha::Button => Self {
                words: asked.say("press", &[]),
                buttons: vec![vec![(asked.button(), asked.data("0"))]],
                picture: None,
                right: 0,
            },
        }
    }

    fn sum(asked: &Asked<'_>) -> Self {
        let seed = asked.event.0.as_u128();
        let part = |shift: u32, many: u128| u8::try_from((seed >> shift) % many).unwrap_or(0);
        let (one, two, right) = (2 + part(0, 7), 2 + part(8, 7), part(16, CHOICES.into()));
        // Neighbours of the sum, each once, with the sum at its place.
        let answer = |choice: u8| one + two + choice - right;
        let buttons =
            (0..CHOICES).map(|choice| (answer(choice).to_string(), asked.data(&choice.to_string())));
        Self {
            words: asked.say("question", &[("one", &one), ("two", &two)]),
            buttons: vec![buttons.collect()],
            picture: None,
            right,
        }
    }

    fn picture(asked: &Asked<'_>) -> Self {
        let seed = asked.event.0.as_u128();
        let mut draw = Draw((seed >> 64) as u64 ^ seed as u64 ^ u64::from(asked.round) << 56);
        let digits: Vec<u8> = (0..DIGITS).map(|_| draw.below(10) as u8).collect();
        let right = draw.below(NUMBERS as u64) as usize;
        let mut numbers: Vec<Vec<u8>> = vec![digits.clone()];
        // The others differ in two digits, so that all of them have to be read.
        while numbers.len() < NUMBERS {
            let mut other = digits.clone();
            let first = draw.below(DIGITS as u64) as usize;
            let second = (first + 1 + draw.below(DIGITS as u64 - 1) as usize) % DIGITS;
            for place in [first, second] {
                other[place] = (other[place] + 1 + draw.below(9) as u8) % 10;
            }
            if !numbers.contains(&other) {
                numbers.push(other);
            }
        }
        numbers.swap(0, right);
        let shown = |digits: &Vec<u8>| digits.iter().map(u8::to_string).collect::<String>();
        let choices = numbers.iter().enumerate();
        let choices: Vec<_> = choices
            .map(|(choice, number)| (shown(number), asked.data(&choice.to_string())))
            .collect();
        let mut buttons: Vec<_> = choices.chunks(IN_A_ROW).map(<[_]>::to_vec).collect();
        if asked.round + 1 < MOST_PICTURES {
            buttons.push(vec![(asked.tongue.say("captcha.again", &[]), asked.data(AGAIN))]);
        }
        Self {
            words: asked.say("picture", &[]),
            buttons,
            picture: Some(picture(&digits, draw.next())),
            right: right as u8,
        }
    }
}

// === impl Asked ===

impl Asked<'_> {
    fn say(&self, what: &str, more: With<'_>) -> String {
        let stem = if self.asks.is_some() {
            "captcha.request_"
        } else {
            "captcha."
        };
        let mut with: Vec<(&str, &(dyn std::fmt::Display + Sync))> =
            vec![("name", &self.shown), ("chat", &self.shown), ("time", &self.time)];
        with.extend_from_slice(more);
        self.tongue.say(&format!("{stem}{what}"), &with)
    }

    fn button(&self) -> String {
        let own = self.button.map(str::to_owned);
        own.unwrap_or_else(|| self.tongue.say("captcha.button", &[]))
    }

    fn data(&self, choice: &str) -> String {
        let about = self.asks.map(|guild| format!("~{guild}")).unwrap_or_default();
        format!("{PRESS}{}:{choice}{about}", self.user)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::WORDS;

    #[test]
    fn a_picture_has_one_right_answer_and_ends_at_some_time() {
        let user = UserId::new("7001").unwrap();
        for number in 0..40_u64 {
            let asked = |round| {
                let event = format!("\"0199c2d4-0000-7000-8000-{:012x}\"", number * 977);
                Question::new(&Asked {
                    tongue: WORDS.tongue(None),
                    kind: Captcha::Picture,
                    button: None,
                    asks: None,
                    user: &user,
                    event: serde_json::from_str(&event).unwrap(),
                    round,
                    shown: "Eve",
                    time: "1 minute",
                })
            };
            let (first, second) = (asked(0), asked(1));
            assert_ne!(first.picture, second.picture);
            let labels: Vec<&String> = first.buttons[..2]
                .iter()
                .flatten()
                .map(|(label, _)| label)
                .collect();
            assert!(labels.iter().all(|label| label.len() == DIGITS));
            let distinct: std::collections::BTreeSet<_> = labels.iter().collect();
            assert_eq!((distinct.len(), labels.len()), (NUMBERS, NUMBERS));
            let again = format!("door:7001:{AGAIN}");
            assert_eq!(first.buttons[2][0].1, again);
            assert_eq!(asked(MOST_PICTURES - 1).buttons.len(), 2, "the last has no other");
            assert_eq!(asked(0).right, first.right);
        }
    }
}
