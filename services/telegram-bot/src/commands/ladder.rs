//! What follows from warnings: how many are too many, what happens then, how long each counts. A community that chose steps of
//! its own, which only the dashboard can do, has the last of them changed.

use super::deed::Rung;
use super::parse::{Command, yes_or_no};
use super::{Commands, LOOK_STAYS, No, Said, Stop};
use crate::speaker::Line;
use lockdown_events::Action;
use lockdown_moderation::words::Tongue;
use lockdown_moderation::{LadderText, Span, StepText};
use serde_json::json;
use std::ops::RangeInclusive;
use std::sync::Arc;

const LIMITS: RangeInclusive<u32> = 1..=100;

/// What a community has that never chose anything else.
fn first() -> LadderText {
    LadderText {
        decay: None,
        steps: vec![StepText {
            points: 3,
            action: Action::Ban,
            lasts: None,
            within: None,
            needs_approval: false,
        }],
    }
}

// === impl Commands ===

impl Commands {
    pub(super) async fn ladder(
        self: &Arc<Self>,
        said: &Said,
        command: &Command,
        what: Rung,
    ) -> Result<(), Stop> {
        let (guild, by) = (&said.message.guild_id, &said.message.author_id);
        let tongue = self.speaker.tongue(guild).await;
        let before = self.speaker.settings(guild).await.ladder.clone();
        let words = match command.reason.as_deref() {
            Some(text) if what != Rung::Show => {
                let (fewest, most) = (LIMITS.start(), LIMITS.end());
                let usage = |()| No::Words(tongue.say("ladder.usage", &[("fewest", fewest), ("most", most)]));
                let after = changed(before, what, text).map_err(usage)?;
                let now = self.asking.choose(guild, by, &[("ladder", json!(after))]).await?;
                self.speaker.chosen(guild);
                tongue.say("changed", &[("what", &state(now.ladder.as_ref(), tongue))])
            }
            _ => state(before.as_ref(), tongue),
        };
        self.tell_later(
            &said.message,
            Line::answer(&said.message, words).staying(LOOK_STAYS),
        );
        Ok(())
    }
}

/// What follows after a command. Who chooses something of what there is not, makes it.
fn changed(ladder: Option<LadderText>, what: Rung, text: &str) -> Result<Option<LadderText>, ()> {
    let text = text.trim().to_lowercase();
    let off = yes_or_no(&text) == Some(false);
    let mut ladder = ladder.unwrap_or_else(first);
    let last = ladder.steps.last_mut().ok_or(())?;
    match what {
        Rung::Limit if off => return Ok(None),
        Rung::Limit => {
            let limit = text.parse().ok().filter(|limit| LIMITS.contains(limit));
            let limit = limit.ok_or(())?;
            last.points = limit;
            // Steps that nobody would reach any more before the last one.
            let last = ladder.steps.pop().into_iter();
            ladder.steps.retain(|step| step.points < limit);
            ladder.steps.extend(last);
        }
        Rung::Mode => (last.action, last.lasts) = punishment(&text).ok_or(())?,
        Rung::Time => {
            ladder.decay = match off {
                true => None,
                false => Some(length(&text).ok_or(())?),
            };
        }
        Rung::Show => {}
    }
    Ok(Some(ladder))
}

/// A length of time as it was written, if it is one.
fn length(text: &str) -> Option<String> {
    text.parse::<Span>().ok().map(|_| text.to_owned())
}

/// `ban`, `ban 3d`, `tban 3d`, `mute`, `mute 2h`, `kick`.
fn punishment(text: &str) -> Option<(Action, Option<String>)> {
    let (word, time) = match text.split_once(char::is_whitespace) {
        Some((word, time)) => (word, Some(length(time.trim())?)),
        None => (text, None),
    };
    Some(match (word, time) {
        ("ban", time) => (Action::Ban, time),
        ("tban", Some(time)) => (Action::Ban, Some(time)),
        ("mute" | "ro", time) => (Action::Mute, time),
        ("tmute", Some(time)) => (Action::Mute, Some(time)),
        ("kick", None) => (Action::Kick, None),
        _ => return None,
    })
}

pub(super) fn state(ladder: Option<&LadderText>, tongue: &Tongue) -> String {
    let Some(ladder) = ladder else {
        return tongue.say("ladder.none", &[]);
    };
    let span = |text: &String| {
        text.parse()
            .map_or_else(|_| text.clone(), |span| tongue.span(span))
    };
    let step = |step: &StepText| {
        let action = tongue.action(step.action);
        let mode = match step.lasts.as_ref().map(span) {
            Some(time) => format!("{action} ({time})"),
            None => action,
        };
        tongue.count("ladder.step", u64::from(step.points), &[("mode", &mode)])
    };
    let mut lines: Vec<String> = ladder.steps.iter().map(step).collect();
    lines.push(match ladder.decay.as_ref().map(span) {
        Some(time) => tongue.say("ladder.decay", &[("time", &time)]),
        None => tongue.say("ladder.no_decay", &[]),
    });
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::WORDS;
    use lockdown_moderation::{Ladder, Settings};

    fn after(ladder: Option<LadderText>, what: Rung, text: &str) -> Option<LadderText> {
        let after = changed(ladder, what, text).unwrap();
        let settings = Settings {
            ladder: after.clone(),
            ..Settings::default()
        };
        Ladder::of(&settings).expect("the backend takes it");
        after
    }

    #[test]
    fn what_follows_from_warnings_is_changed_part_by_part() {
        let four = after(None, Rung::Limit, "4");
        let muting = after(four, Rung::Mode, "TMute 2h30m");
        let fading = after(muting, Rung::Time, "30d");
        let said = state(fading.as_ref(), WORDS.tongue(None));
        assert_eq!(
            said,
            "4 warnings: mute (2 hours 30 minutes)\nA warning counts for 30 days."
        );
        let kept = after(after(fading.clone(), Rung::Time, "off"), Rung::Mode, "kick");
        assert_eq!(
            state(kept.as_ref(), WORDS.tongue(None)),
            "4 warnings: kick\nA warning counts for ever."
        );
        assert_eq!(after(kept, Rung::Limit, "off"), None);
        for (what, wrong) in [
            (Rung::Limit, "0"),
            (Rung::Limit, "many"),
            (Rung::Limit, "101"),
            (Rung::Mode, "warn"),
            (Rung::Mode, "kick 3d"),
            (Rung::Mode, "tban"),
            (Rung::Time, "soon"),
        ] {
            assert_eq!(changed(None, what, wrong), Err(()), "{wrong}");
        }
    }

    #[test]
    fn steps_that_nobody_reaches_go() {
        let mut steps = first();
        for points in [1, 2] {
            steps.steps.insert(
                points - 1,
                StepText {
                    points: points as u32,
                    action: Action::Mute,
                    lasts: Some("1h".to_owned()),
                    ..first().steps[0].clone()
                },
            );
        }
        let two = after(Some(steps), Rung::Limit, "2").unwrap();
        let points: Vec<u32> = two.steps.iter().map(|step| step.points).collect();
        assert_eq!(
            (points.as_slice(), two.steps[1].action),
            (&[1, 2][..], Action::Ban)
        );
    }
}
