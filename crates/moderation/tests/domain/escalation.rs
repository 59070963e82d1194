//! Strikes climb a ladder, and each step is done once.

use crate::book::at;
use lockdown_events::Action;
use lockdown_moderation::{CaseNumber, Due, Ladder, LadderError, Span, Step, StepKey, Strike};
use proptest::prelude::*;
use std::collections::BTreeSet;

const DAY: i64 = 86_400;

fn step(points: u32, action: Action) -> Step {
    Step {
        points,
        within: None,
        action,
        lasts: None,
        needs_approval: false,
    }
}

/// 2 points warn, 3 mute for an hour, 5 mute for a week, 8 ban.
fn ladder() -> Ladder {
    let mute = |points, lasts| Step {
        lasts: Some(lasts),
        ..step(points, Action::Mute)
    };
    let steps = vec![
        step(2, Action::Warn),
        mute(3, Span::fixed(3_600)),
        mute(5, Span::days(7)),
        Step {
            needs_approval: true,
            ..step(8, Action::Ban)
        },
    ];
    Ladder::new(Some(Span::days(30)), steps).unwrap()
}

fn strike(case: u64, points: u32, seconds: i64) -> Strike {
    Strike {
        case: CaseNumber(case),
        points,
        at: at(seconds),
        removed: None,
    }
}

fn key(due: Option<Due>) -> Option<(u32, u64)> {
    due.map(|due| (due.key.points, due.key.reached_by.0))
}

#[test]
fn strikes_climb_and_decay() {
    let ladder = ladder();
    let mut strikes = vec![strike(1, 1, 0)];
    assert_eq!(ladder.due(&strikes, at(1)), None);
    strikes.push(strike(2, 1, DAY));
    let due = ladder.due(&strikes, at(DAY)).unwrap();
    assert_eq!((due.step.action, due.points), (Action::Warn, 2));
    assert_eq!(
        due.key,
        StepKey {
            points: 2,
            reached_by: CaseNumber(2)
        }
    );
    assert_eq!(due.key.to_string(), "ladder:2:2");
    strikes.push(strike(3, 1, 2 * DAY));
    assert_eq!(key(ladder.due(&strikes, at(2 * DAY))), Some((3, 3)));
    // The fourth reaches no step: the same key as before.
    strikes.push(strike(4, 1, 3 * DAY));
    assert_eq!(key(ladder.due(&strikes, at(3 * DAY))), Some((3, 3)));
    // The first decays to the second; the order in which they are given does not matter.
    strikes.reverse();
    assert_eq!(ladder.balance(&strikes, at(30 * DAY - 1)), 4);
    assert_eq!(ladder.balance(&strikes, at(30 * DAY)), 3);
    assert_eq!(key(ladder.due(&strikes, at(30 * DAY))), Some((3, 3)));
    // Down to two: that step was climbed past long ago.
    assert_eq!(ladder.due(&strikes, at(31 * DAY)), None);
    // Up again to three is a climb of its own.
    strikes.push(strike(5, 1, 31 * DAY + 1));
    assert_eq!(key(ladder.due(&strikes, at(31 * DAY + 1))), Some((3, 5)));
    // What lies ahead does not count yet.
    assert_eq!(ladder.balance(&strikes, at(0)), 1);
    assert_eq!(ladder.due(&[], at(0)), None);
}

#[test]
fn a_heavy_strike_means_the_highest_step_only() {
    let ladder = ladder();
    let mut strikes = vec![strike(1, 9, 0), strike(2, 3, DAY)];
    let due = ladder.due(&strikes, at(DAY)).unwrap();
    assert!(due.step.needs_approval && due.points == 12);
    assert_eq!(key(Some(due)), Some((8, 1)));
    // Back to three when the heavy one decays: not punished by the passing of time.
    assert_eq!(ladder.balance(&strikes, at(30 * DAY)), 3);
    assert_eq!(ladder.due(&strikes, at(30 * DAY)), None);
    strikes.push(strike(3, 2, 30 * DAY + 1));
    assert_eq!(key(ladder.due(&strikes, at(30 * DAY + 1))), Some((5, 3)));
}

#[test]
fn taking_a_strike_back_never_punishes() {
    let ladder = ladder();
    let mut strikes: Vec<Strike> = (1..=4).map(|n| strike(n, 1, n.cast_signed())).collect();
    assert_eq!(key(ladder.due(&strikes, at(4))), Some((3, 3)));
    strikes[0].removed = Some(at(10));
    // Still the climb that was done; not one by the fourth strike.
    assert_eq!(key(ladder.due(&strikes, at(10))), Some((3, 3)));
    strikes[1].removed = Some(at(11));
    assert_eq!(ladder.due(&strikes, at(11)), None);
}

#[test]
fn a_step_may_look_back_less_far() {
    let within = Step {
        within: Some(Span::fixed(60)),
        ..step(3, Action::Kick)
    };
    let ladder = Ladder::new(None, vec![within, step(5, Action::Ban)]).unwrap();
    assert_eq!(ladder.steps().len(), 2);
    let slow: Vec<Strike> = (1..=4).map(|n| strike(n, 1, n.cast_signed() * 40)).collect();
    assert_eq!(ladder.due(&slow, at(160)), None);
    let quick: Vec<Strike> = (1..=3).map(|n| strike(n, 1, n.cast_signed() * 20)).collect();
    assert_eq!(key(ladder.due(&quick, at(60))), Some((3, 3)));
    assert_eq!(ladder.due(&quick, at(90)), None);
    let many: Vec<Strike> = (1..=5).map(|n| strike(n, 1, n.cast_signed() * 1_000)).collect();
    assert_eq!(key(ladder.due(&many, at(5_000))), Some((5, 5)));
}

#[test]
fn what_is_no_ladder_is_refused() {
    let faults = |steps: Vec<Step>| Ladder::new(None, steps).unwrap_err().to_string();
    assert_eq!(Ladder::new(None, vec![]), Err(LadderError::Empty));
    assert_eq!(
        faults(vec![step(0, Action::Warn)]),
        "step 1 needs no points: say at how many it is reached"
    );
    assert_eq!(
        faults(vec![step(3, Action::Warn), step(3, Action::Ban)]),
        "step 2 is reached at 3 points, but the step before it at 3: steps rise"
    );
    for action in [Action::Unban, Action::Unwarn] {
        let fault = format!("step 1 is `{action}`, which ends something: a ladder only punishes");
        assert_eq!(faults(vec![step(1, action)]), fault);
    }
    assert_eq!(
        faults(vec![Step {
            lasts: Some(Span::days(1)),
            ..step(1, Action::Kick)
        }]),
        "step 1 gives `kick` a duration: only a ban or a mute has one"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whoever computes it, how often and how late: what is done is done by a strike, once, and only the passing of time or
    /// the taking back of strikes never does anything.
    #[test]
    fn each_step_is_done_once_and_by_a_strike(
        acts in prop::collection::vec((0..4_u8, 1..4_u32, 0..8 * DAY, 0..30_usize), 1..60),
    ) {
        let ladder = ladder();
        let (mut strikes, mut done, mut now) = (Vec::<Strike>::new(), BTreeSet::new(), 0);
        for (act, points, passed, which) in acts {
            now += passed;
            // What a passing of time alone would do: nothing that was not due before it.
            if let Some(due) = ladder.due(&strikes, at(now)) {
                prop_assert!(done.contains(&due.key), "{:?} by the passing of time", due.key);
            }
            let struck = match act {
                0 if !strikes.is_empty() => {
                    let which = which % strikes.len();
                    strikes[which].removed.get_or_insert(at(now));
                    false
                }
                1 => false,
                _ => {
                    strikes.push(strike(strikes.len() as u64 + 1, points, now));
                    true
                }
            };
            let before = ladder.balance(&strikes[..strikes.len() - usize::from(struck)], at(now));
            // Two processes at once find the same.
            let (one, other) = (ladder.due(&strikes, at(now)), ladder.due(&strikes, at(now)));
            prop_assert_eq!(one, other);
            if let Some(due) = one && done.insert(due.key) {
                prop_assert!(struck, "{:?} without a strike", due.key);
                let strike = &strikes[strikes.len() - 1];
                prop_assert_eq!(due.key.reached_by, strike.case);
                prop_assert!(before < u64::from(due.step.points) && due.points >= u64::from(due.step.points));
                let next = ladder.steps().iter().find(|step| step.points > due.step.points);
                prop_assert!(next.is_none_or(|next| due.points < u64::from(next.points)));
            } else if struck {
                // Nothing new is done only where no step lies between what was and what is.
                let balance = ladder.balance(&strikes, at(now));
                let crossed = ladder.steps().iter().any(|step| (before + 1..=balance).contains(&u64::from(step.points)));
                prop_assert!(!crossed, "{before} to {balance}, and nothing was done");
            }
        }
    }
}
