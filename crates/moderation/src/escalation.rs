//! Strikes, and the ladder of steps that they climb. A pure function of both: whoever computes it, whenever and however
//! often, finds the same step under the same key.

use crate::duration::{Span, SpanError};
use crate::sanction::{Effect, Profile};
use crate::who::CaseNumber;
use chrono::{DateTime, Utc};
use lockdown_events::Action;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;

/// Points against a person, from a warning or a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Strike {
    pub case: CaseNumber,
    pub points: u32,
    pub at: DateTime<Utc>,
    /// When it was taken back. It counted until then, so that taking one back never climbs anew.
    pub removed: Option<DateTime<Utc>>,
}

/// One step of a ladder: so many points within a time make this happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    pub points: u32,
    /// Only strikes of this last while count; otherwise all that have not decayed.
    pub within: Option<Span>,
    pub action: Action,
    /// How long it lasts; for ever without.
    pub lasts: Option<Span>,
    /// Whether a moderator has to agree first.
    pub needs_approval: bool,
}

/// A checked ladder: the steps rise, and each can be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ladder {
    decay: Option<Span>,
    steps: Vec<Step>,
}

/// Why steps are no ladder.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LadderError {
    #[error("a ladder has at least one step")]
    Empty,
    #[error("step {0} needs no points: say at how many it is reached")]
    NoPoints(usize),
    #[error("step {step} is reached at {points} points, but the step before it at {before}: steps rise")]
    NotRising { step: usize, points: u32, before: u32 },
    #[error("step {step} is `{action}`, which ends something: a ladder only punishes")]
    Lifts { step: usize, action: Action },
    #[error("step {step} gives `{action}` a duration: only a ban or a mute has one")]
    NotTimed { step: usize, action: Action },
    #[error("step {step} has a duration that cannot be read: {error}")]
    Duration { step: usize, error: SpanError },
    #[error("the decay cannot be read: {0}")]
    Decay(SpanError),
}

/// A step that a strike has reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    pub step: Step,
    /// What the person has now, of those that count for this step.
    pub points: u64,
    /// Kept with what was done: the same key is never done twice.
    pub key: StepKey,
}

/// One climb to one step: the same however often it is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StepKey {
    /// The points of the step.
    pub points: u32,
    /// The strike that reached it.
    pub reached_by: CaseNumber,
}

// === impl Ladder ===

impl Ladder {
    /// Strikes count for `decay`, or for ever. Faults are told by the number of the step, from 1.
    pub fn new(decay: Option<Span>, steps: Vec<Step>) -> Result<Self, LadderError> {
        if steps.is_empty() {
            return Err(LadderError::Empty);
        }
        let mut before = 0;
        for (
            step,
            Step {
                points,
                action,
                lasts,
                ..
            },
        ) in (1..).zip(&steps)
        {
            let (points, action, profile) = (*points, *action, Profile::of(*action));
            if points == 0 {
                return Err(LadderError::NoPoints(step));
            }
            if points <= before {
                return Err(LadderError::NotRising { step, points, before });
            }
            if matches!(profile.effect, Effect::Ends(_) | Effect::Discounts) {
                return Err(LadderError::Lifts { step, action });
            }
            if lasts.is_some() && !profile.is_timed() {
                return Err(LadderError::NotTimed { step, action });
            }
            before = points;
        }
        Ok(Self { decay, steps })
    }

    /// The steps, rising.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// What a person has now, of all that has not decayed or been taken back.
    pub fn balance(&self, strikes: &[Strike], now: DateTime<Utc>) -> u64 {
        let counts =
            |strike: &&Strike| strike.at <= now && self.end_of(strike, None).is_none_or(|end| end > now);
        strikes
            .iter()
            .filter(counts)
            .map(|strike| u64::from(strike.points))
            .sum()
    }

    /// The step on which a person stands, if it was climbed to and not fallen back upon. `strikes` are all that are kept of
    /// them, in any order, also those that count no more: without them a step would seem to be reached by another strike,
    /// and be done again.
    pub fn due(&self, strikes: &[Strike], now: DateTime<Utc>) -> Option<Due> {
        let mut strikes: Vec<Strike> = strikes
            .iter()
            .filter(|strike| strike.at <= now)
            .copied()
            .collect();
        strikes.sort_by_key(|strike| (strike.at, strike.case));
        let climbs: Vec<Climb> = self
            .steps
            .iter()
            .map(|step| self.climb(step, &strikes, now))
            .collect();
        let stands = |(step, climb): &(&Step, &Climb)| climb.points >= u64::from(step.points);
        let (step, climb) = self.steps.iter().zip(&climbs).rfind(stands)?;
        let reached = climb.reached?;
        // One heavy strike climbs many steps at once and means the highest. What was passed on the way is not done later
        // either, when the person falls back to it.
        let higher = self
            .steps
            .iter()
            .zip(&climbs)
            .filter(|(other, _)| other.points > step.points);
        if higher
            .filter_map(|(_, climb)| climb.reached)
            .any(|other| other >= reached)
        {
            return None;
        }
        let key = StepKey {
            points: step.points,
            reached_by: strikes[reached].case,
        };
        Some(Due {
            step: *step,
            points: climb.points,
            key,
        })
    }

    /// Until when a strike counts, for a step with its own window or without.
    fn end_of(&self, strike: &Strike, within: Option<Span>) -> Option<DateTime<Utc>> {
        let spans = [self.decay, within]
            .into_iter()
            .flatten()
            .map(|span| strike.at + span.delta());
        spans.chain(strike.removed).min()
    }

    /// Goes through the strikes in order and notes by which of them the points last rose to the step.
    fn climb(&self, step: &Step, strikes: &[Strike], now: DateTime<Utc>) -> Climb {
        let mut climb = Climb::default();
        for (place, strike) in strikes.iter().enumerate() {
            climb.forget_until(strike.at);
            let below = climb.points < u64::from(step.points);
            climb.points += u64::from(strike.points);
            if let Some(end) = self.end_of(strike, step.within) {
                climb.ends.push(Reverse((end, strike.points)));
            }
            if below && climb.points >= u64::from(step.points) {
                climb.reached = Some(place);
            }
        }
        climb.forget_until(now);
        climb
    }
}

/// One person's way to one step.
#[derive(Debug, Default)]
struct Climb {
    /// What counts for it.
    points: u64,
    /// When how much of it counts no more.
    ends: BinaryHeap<Reverse<(DateTime<Utc>, u32)>>,
    /// The place of the strike by which it was reached, the last time after being below it.
    reached: Option<usize>,
}

// === impl Climb ===

impl Climb {
    fn forget_until(&mut self, time: DateTime<Utc>) {
        while let Some(Reverse((end, points))) = self.ends.peek().copied() {
            if end > time {
                break;
            }
            self.points -= u64::from(points);
            self.ends.pop();
        }
    }
}

// === impl StepKey ===

/// As it is kept: `ladder:3:17`.
impl fmt::Display for StepKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ladder:{}:{}", self.points, self.reached_by.0)
    }
}
