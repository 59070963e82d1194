//! What a guild's settings say of moderation. To add one: its member here, read by a function that tells what is wrong.

use crate::duration::{Span, SpanError};
use crate::escalation::{Ladder, LadderError, Step};
use lockdown_events::Action;
use serde::Deserialize;
use serde_json::Value;

/// The member `ladder`: `{"decay": "30d", "steps": [{"points": 3, "action": "mute", "lasts": "1h"}]}`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct LadderText {
    /// How long a warning counts; for ever without.
    decay: Option<String>,
    steps: Vec<StepText>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StepText {
    points: u32,
    action: Action,
    /// For ever without.
    lasts: Option<String>,
    /// Without, all counts that has not decayed.
    within: Option<String>,
    #[serde(default)]
    needs_approval: bool,
}

// === impl Ladder ===

impl Ladder {
    /// The ladder that a guild's settings have; `None` when they have none, and then nothing follows from warnings.
    pub fn of_settings(settings: &Value) -> Result<Option<Self>, LadderError> {
        let text = match settings.get("ladder") {
            None | Some(Value::Null) => return Ok(None),
            Some(text) => text,
        };
        let text =
            LadderText::deserialize(text).map_err(|error| LadderError::Unreadable(error.to_string()))?;
        let span = |text: &Option<String>| text.as_deref().map(str::parse).transpose();
        let duration = |step| move |error: SpanError| LadderError::Duration { step, error };
        let mut steps = Vec::with_capacity(text.steps.len());
        for (number, step) in (1..).zip(&text.steps) {
            steps.push(Step {
                points: step.points,
                within: span(&step.within).map_err(duration(number))?,
                action: step.action,
                lasts: span(&step.lasts).map_err(duration(number))?,
                needs_approval: step.needs_approval,
            });
        }
        let decay: Option<Span> = span(&text.decay).map_err(LadderError::Decay)?;
        Self::new(decay, steps).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(ladder: &Value) -> Result<Option<Ladder>, String> {
        Ladder::of_settings(&json!({ "ladder": ladder })).map_err(|error| error.to_string())
    }

    #[test]
    fn a_ladder_is_read() {
        let ladder = read(&json!({ "decay": "30d", "steps": [
            { "points": 3, "action": "mute", "lasts": "1h", "within": "7d" },
            { "points": 8, "action": "ban", "needsApproval": true },
        ] }));
        let steps = vec![
            Step {
                points: 3,
                within: Some(Span::days(7)),
                action: Action::Mute,
                lasts: Some(Span::fixed(3600)),
                needs_approval: false,
            },
            Step {
                points: 8,
                within: None,
                action: Action::Ban,
                lasts: None,
                needs_approval: true,
            },
        ];
        assert_eq!(ladder, Ok(Ladder::new(Some(Span::days(30)), steps).ok()));
    }

    #[test]
    fn without_a_ladder_nothing_follows() {
        assert_eq!(Ladder::of_settings(&json!({})), Ok(None));
        assert_eq!(read(&Value::Null), Ok(None));
    }

    #[test]
    fn what_is_wrong_is_told() {
        let step = json!({ "points": 3, "action": "mute", "lasts": "soon" });
        for (ladder, word) in [
            (json!({ "steps": [step] }), "step 1"),
            (json!({ "steps": [], "decay": "-1d" }), "decay"),
            (json!({ "steps": [] }), "at least one step"),
            (
                json!({ "steps": [{ "points": 3, "action": "jail" }] }),
                "cannot be read",
            ),
            (
                json!({ "steps": [{ "points": 3, "action": "ban", "last": "1d" }] }),
                "`last`",
            ),
            (json!([]), "cannot be read"),
        ] {
            let said = read(&ladder).unwrap_err();
            assert!(said.contains(word), "{said}");
        }
    }
}
