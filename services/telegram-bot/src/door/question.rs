//! The question that is asked at the door.

use lockdown_events::{EventId, UserId};
use lockdown_moderation::Captcha;
use lockdown_moderation::words::Tongue;

/// What the buttons send: `door:` whom it is for `:` which answer.
pub(super) const PRESS: &str = "door:";
/// Answers to choose from.
const CHOICES: u8 = 4;

/// A question, and its answers.
pub(super) struct Question {
    pub(super) words: String,
    pub(super) buttons: Vec<Vec<(String, String)>>,
    pub(super) right: u8,
}

// === impl Question ===

impl Question {
    /// `about` stands behind what the buttons send. The same event has the same question.
    pub(super) fn new(
        tongue: &Tongue,
        kind: Captcha,
        asks: Option<&str>,
        user: &UserId,
        event: EventId,
        words: (&str, String),
    ) -> Self {
        let (shown, time) = words;
        let about = asks.map(|guild| format!("~{guild}")).unwrap_or_default();
        let data = |choice: u8| format!("{PRESS}{user}:{choice}{about}");
        let seed = event.0.as_u128();
        let stem = if asks.is_some() {
            "captcha.request_"
        } else {
            "captcha."
        };
        if kind != Captcha::Question {
            let key = format!("{stem}press");
            return Self {
                words: tongue.say(&key, &[("name", &shown), ("chat", &shown), ("time", &time)]),
                buttons: vec![vec![(tongue.say("captcha.button", &[]), data(0))]],
                right: 0,
            };
        }
        let part = |shift: u32, many: u128| u8::try_from((seed >> shift) % many).unwrap_or(0);
        let (one, two, right) = (2 + part(0, 7), 2 + part(8, 7), part(16, CHOICES.into()));
        // Neighbours of the sum, each once, with the sum at its place.
        let answer = |choice: u8| one + two + choice - right;
        let key = format!("{stem}question");
        let with: lockdown_moderation::words::With<'_> = &[
            ("name", &shown),
            ("chat", &shown),
            ("time", &time),
            ("one", &one),
            ("two", &two),
        ];
        let buttons = (0..CHOICES).map(|choice| (answer(choice).to_string(), data(choice)));
        Self {
            words: tongue.say(&key, with),
            buttons: vec![buttons.collect()],
            right,
        }
    }
}
