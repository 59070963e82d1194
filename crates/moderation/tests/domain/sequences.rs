//! Thousands of random lives of one person: whatever is wished, done, refused, edited and forgotten, in whatever order
//! timers ring and answers come, the record says what the decisions say.

use crate::book::{Book, at, moderator, rule, stands, user, wish};
use lockdown_events::{Action, Origin};
use lockdown_moderation::{
    Actor, Case, CaseNumber, CaseState, Change, Follows, Lasting, Refusal, Span, Term, Wish,
};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Step {
    Wish {
        action: Action,
        origin: Origin,
        late: i64,
        lasts: Option<u64>,
        shown: Option<bool>,
    },
    /// A timer rings, perhaps twice, perhaps for what is over long ago.
    Ring {
        case: usize,
    },
    /// The platform answers for a case, perhaps twice, perhaps late.
    Answer {
        case: usize,
        done: bool,
    },
    EditEnd {
        case: usize,
        lasts: u64,
    },
    /// Nobody does anything for a while.
    Pass {
        seconds: i64,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let actions = prop::sample::select(
        &[
            Action::Ban,
            Action::Ban,
            Action::Ban,
            Action::Unban,
            Action::Unban,
            Action::Mute,
            Action::Mute,
            Action::Unmute,
            Action::Kick,
            Action::Softban,
            Action::Warn,
            Action::Note,
        ][..],
    );
    let origins =
        prop::sample::select(&[Origin::Command, Origin::Command, Origin::Native, Origin::Automod][..]);
    let late = prop_oneof![4 => Just(0), 1 => 0..60_i64];
    let lasts = prop::option::of(1..200_u64);
    let shown = prop_oneof![8 => Just(None), 1 => Just(Some(true)), 1 => Just(Some(false))];
    let step = prop_oneof![
        6 => (actions, origins, late, lasts, shown)
            .prop_map(|(action, origin, late, lasts, shown)| Step::Wish { action, origin, late, lasts, shown }),
        3 => (0..40_usize).prop_map(|case| Step::Ring { case }),
        3 => (0..40_usize, prop::bool::weighted(0.6)).prop_map(|(case, done)| Step::Answer { case, done }),
        1 => (0..40_usize, 1..300_u64).prop_map(|(case, lasts)| Step::EditEnd { case, lasts }),
        2 => (0..120_i64).prop_map(|seconds| Step::Pass { seconds }),
    ];
    prop::collection::vec(step, 1..40)
}

/// What was decided, in the order of its times, of equal ones the first last: kept apart from the cases and their states.
#[derive(Debug, Default)]
struct Diary(Vec<Entry>);

#[derive(Debug)]
struct Entry {
    at: i64,
    case: u64,
    action: Action,
    failed: bool,
}

impl Diary {
    fn note(&mut self, at: i64, case: usize, action: Action) {
        self.0.push(Entry {
            at,
            case: case as u64,
            action,
            failed: false,
        });
        self.0
            .sort_by_key(|entry| (entry.at, std::cmp::Reverse(entry.case)));
    }

    /// The case that should be in force: the last decision that did not fail, if it begins something.
    fn in_force(&self, lasting: Lasting) -> Option<CaseNumber> {
        self.0
            .iter()
            .rev()
            .find(|entry| !entry.failed && Lasting::decided_by(entry.action) == Some(lasting))
            .filter(|entry| entry.action == lasting.begins())
            .map(|entry| CaseNumber(entry.case))
    }
}

/// One life. Panics where a promise is broken.
fn live(steps: Vec<Step>) {
    let (mut book, mut diary, mut now) = (Book::default(), Diary::default(), 0_i64);
    let mallory = user("mallory");
    for step in steps {
        let before = book.clone();
        let count = before.cases.len();
        let pick = |case: usize| (count > 0).then(|| (case % count.max(1)) as u64 + 1);
        match step {
            Step::Wish {
                action,
                origin,
                late,
                lasts,
                shown,
            } => {
                now += 1;
                let timed = matches!(action, Action::Ban | Action::Mute);
                let lasts = lasts
                    .filter(|_| timed)
                    .map(|seconds| Span::seconds(seconds + 60).unwrap());
                let ends = lasts.map_or(Term::Forever, |span| Term::after(span, at(now - late)));
                let wish = Wish {
                    ends,
                    origin,
                    shown,
                    ..wish(action, now - late)
                };
                let by = if origin == Origin::Automod {
                    rule("flood")
                } else {
                    moderator("ana")
                };
                let standing = book.standing(&mallory);
                match book.wish(by, wish) {
                    Ok(Follows::Case { .. }) => {
                        // It is newer than all that was decided about the same.
                        if let Some(newest) =
                            Lasting::decided_by(action).and_then(|l| standing.lane(l).newest())
                        {
                            assert!(at(now - late) > newest.at, "an older decision won");
                        }
                        diary.note(now - late, book.cases.len(), action);
                    }
                    Ok(Follows::History { .. }) => {
                        assert_eq!(origin, Origin::Native);
                        diary.note(now - late, book.cases.len(), action);
                    }
                    Ok(Follows::Already { .. }) => assert_eq!(book.cases, before.cases),
                    Ok(Follows::Moot(moot)) => panic!("only timers are moot: {moot:?}"),
                    Err(Refusal::Overtaken(_) | Refusal::Banned { .. } | Refusal::Term(_)) => {
                        assert_ne!(origin, Origin::Native, "what happened was refused");
                        assert_eq!(book.cases, before.cases, "a refusal left a trace");
                    }
                    Err(other) => panic!("{other}"),
                }
            }
            Step::Ring { case } => {
                let Some(number) = pick(case) else { continue };
                now += 1;
                let rung = before.case(number).clone();
                let Some(lasting) = Lasting::ALL
                    .into_iter()
                    .find(|lasting| lasting.begins() == rung.action)
                else {
                    continue;
                };
                match book.expire(number, now).unwrap() {
                    Follows::Case { .. } => {
                        assert!(
                            stands(&rung) && rung.ends.is_over(at(now)),
                            "{rung:?} was not due"
                        );
                        diary.note(now, book.cases.len(), lasting.ends());
                    }
                    Follows::Moot(_) => {
                        assert!(!stands(&rung) || !rung.ends.is_over(at(now)), "{rung:?} was due");
                        assert_eq!(book.cases, before.cases);
                    }
                    other => panic!("{other:?}"),
                }
            }
            Step::Answer { case, done } => {
                let Some(number) = pick(case) else { continue };
                let answered = if done {
                    book.applied(number, now)
                } else {
                    book.failed(number, now)
                };
                match answered {
                    Ok(()) if !done => diary
                        .0
                        .iter_mut()
                        .filter(|entry| entry.case == number)
                        .for_each(|entry| entry.failed = true),
                    Ok(()) => {}
                    Err(_) => assert_eq!(book.cases, before.cases, "a refused move left a trace"),
                }
            }
            Step::EditEnd { case, lasts } => {
                let Some(number) = pick(case) else { continue };
                let ends = Term::after(Span::seconds(lasts).unwrap(), at(now));
                match book.amend(moderator("bob"), number, Change::Ends(ends), now) {
                    Ok(_) => assert!(stands(before.case(number))),
                    Err(_) => assert_eq!(book.cases, before.cases),
                }
            }
            Step::Pass { seconds } => now += seconds,
        }
        check(&book, &diary);
    }
}

/// The cases, a line each.
fn told(book: &Book) -> String {
    let line = |case: &Case| {
        format!(
            "{} {} {} {:?} {:?}\n",
            case.number, case.action, case.at, case.ends, case.state
        )
    };
    book.cases.iter().map(line).collect()
}

fn check(book: &Book, diary: &Diary) {
    // `standing` refuses two of a kind in force.
    let standing = book.standing(&user("mallory"));
    for lasting in Lasting::ALL {
        let live = standing.lane(lasting).live.map(|live| live.case);
        assert_eq!(
            live,
            diary.in_force(lasting),
            "{lasting}:\n{}{diary:?}",
            told(book)
        );
    }
    for case in &book.cases {
        // Nothing is ended by what failed, and nothing by itself.
        if let Some(by) = case.state.ended_by() {
            assert!(
                !matches!(book.case(by.0).state, CaseState::Failed { .. }),
                "{case:?} was ended by a failure"
            );
            assert_ne!(by, case.number);
        }
        assert!(case.by != Actor::System || case.origin == Origin::Expiry);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, max_shrink_iters: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_newest_decision_stands_alone(steps in steps()) {
        live(steps);
    }
}
