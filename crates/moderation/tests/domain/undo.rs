//! What an undo would do, and that doing it has that effect.

use crate::book::{Book, at, moderator, reason, rule, until, user, wish, wish_on};
use chrono::{DateTime, Utc};
use lockdown_events::{Action, Origin};
use lockdown_moderation::{
    Actor, Authorized, CaseNumber, Change, Doer, Follows, Grant, Lasting, Left, Plan, Rank, ReversalAct,
    Right, Scope, Term, Wish, plan,
};
use proptest::prelude::*;

const DAY: i64 = 86_400;

fn permitted(scope: Scope) -> Authorized<Scope> {
    let doer = Doer {
        by: moderator("lead"),
        rank: Rank::PLAIN,
        grant: Some(Grant::LEAD),
    };
    doer.authorize(Right::Undo, scope).unwrap()
}

fn preview(book: &Book, scope: Scope, now: DateTime<Utc>) -> Plan {
    plan(&permitted(scope), &book.cases, now)
}

fn doings(by: Actor, since: i64) -> Scope {
    Scope::Doings { by, since: at(since) }
}

fn acts(plan: &Plan) -> Vec<(u64, ReversalAct)> {
    plan.reversals
        .iter()
        .map(|reversal| (reversal.undoes.0, reversal.act))
        .collect()
}

fn left(plan: &Plan) -> Vec<(u64, Left)> {
    plan.left.iter().map(|(case, left)| (case.0, *left)).collect()
}

#[test]
fn a_rules_doings_are_undone_where_nobody_decided_since() {
    let mut book = Book::default();
    let by_rule = |person, action, seconds| Wish {
        origin: Origin::Automod,
        ..wish_on(person, action, seconds)
    };
    for (person, action, seconds) in [
        ("old", Action::Ban, 0),
        ("a", Action::Ban, 10),
        ("b", Action::Mute, 11),
        ("c", Action::Kick, 12),
        ("d", Action::Warn, 13),
        ("e", Action::Ban, 14),
        ("f", Action::Note, 15),
        ("g", Action::Softban, 16),
        ("h", Action::Ban, 17),
        ("i", Action::Warn, 18),
    ] {
        book.wish(rule("spam"), by_rule(person, action, seconds)).unwrap();
    }
    // A moderator looked at e, and bans for another time; h was never banned; i was forgiven.
    book.wish(
        moderator("ana"),
        Wish {
            ends: until(DAY),
            ..wish_on("e", Action::Ban, 30)
        },
    )
    .unwrap();
    book.failed(9, 31).unwrap();
    book.wish(moderator("ana"), wish_on("i", Action::Unwarn, 32))
        .unwrap();
    let plan = preview(&book, doings(rule("spam"), 10), at(60));
    let lift = |action| ReversalAct::Lift { action };
    assert_eq!(
        acts(&plan),
        [
            (2, lift(Action::Unban)),
            (3, lift(Action::Unmute)),
            (5, lift(Action::Unwarn))
        ]
    );
    assert_eq!(
        left(&plan),
        [
            (4, Left::Irreversible),
            (6, Left::Superseded { by: CaseNumber(11) }),
            (7, Left::Words),
            (8, Left::Irreversible),
            (9, Left::Over),
            (10, Left::Superseded { by: CaseNumber(12) }),
        ]
    );
    assert_eq!(
        plan.to_string(),
        "1 × unban, 1 × unmute, 1 × unwarn; 6 left as they are"
    );
    let empty = preview(&book, doings(rule("other"), 0), at(60));
    assert_eq!(
        (empty.to_string().as_str(), acts(&empty).len()),
        ("nothing to undo", 0)
    );
}

#[test]
fn what_a_case_had_replaced_stands_again() {
    let mut book = Book::default();
    book.wish(
        moderator("ana"),
        Wish {
            ends: until(7 * DAY),
            ..wish(Action::Ban, 0)
        },
    )
    .unwrap();
    book.wish(
        moderator("rogue"),
        Wish {
            ends: until(60),
            ..wish(Action::Ban, 10)
        },
    )
    .unwrap();
    book.wish(moderator("rogue"), wish(Action::Unban, 20)).unwrap();
    let restore = ReversalAct::Restore {
        case: CaseNumber(1),
        action: Action::Ban,
        ends: until(7 * DAY),
    };
    let plan = preview(&book, doings(moderator("rogue"), 0), at(30));
    assert_eq!(acts(&plan), [(3, restore)]);
    assert_eq!(left(&plan), [(2, Left::Included { by: CaseNumber(3) })]);
    assert_eq!(plan.to_string(), "1 × ban again; 1 left as they are");
    let wish = plan.reversals[0].wish(Origin::Command, at(30));
    assert_eq!(
        (wish.action, wish.ends, wish.at),
        (Action::Ban, until(7 * DAY), at(30))
    );
    // Undoing the unban alone brings back what it ended.
    let short = ReversalAct::Restore {
        case: CaseNumber(2),
        action: Action::Ban,
        ends: until(60),
    };
    assert_eq!(
        acts(&preview(&book, Scope::Case(CaseNumber(3)), at(30))),
        [(3, short)]
    );
    // A week later none of it would stand any more.
    let late = preview(&book, doings(moderator("rogue"), 0), at(8 * DAY));
    assert_eq!(acts(&late), []);
    assert_eq!(
        left(&late),
        [(2, Left::Included { by: CaseNumber(3) }), (3, Left::Over)]
    );
}

#[test]
fn warnings_are_taken_back_or_given_again() {
    let mut book = Book::default();
    book.wish(moderator("ana"), wish(Action::Warn, 0)).unwrap();
    book.wish(moderator("rogue"), wish(Action::Unwarn, 10)).unwrap();
    let again = ReversalAct::Restore {
        case: CaseNumber(1),
        action: Action::Warn,
        ends: Term::Forever,
    };
    assert_eq!(
        acts(&preview(&book, Scope::Case(CaseNumber(2)), at(20))),
        [(2, again)]
    );
    let plan = preview(&book, Scope::Case(CaseNumber(1)), at(20));
    assert_eq!(left(&plan), [(1, Left::Superseded { by: CaseNumber(2) })]);
    book.amend(moderator("ana"), 2, Change::Void(reason("rogue")), 30)
        .unwrap();
    assert_eq!(
        left(&preview(&book, Scope::Case(CaseNumber(2)), at(40))),
        [(2, Left::Over)]
    );
    book.amend(moderator("ana"), 1, Change::Void(reason("rogue")), 30)
        .unwrap();
    assert_eq!(
        left(&preview(&book, Scope::Case(CaseNumber(1)), at(40))),
        [(1, Left::Over)]
    );
    // Warned, and undone by the wish that the plan makes.
    book.wish(moderator("rogue"), wish(Action::Warn, 50)).unwrap();
    let plan = preview(&book, Scope::Case(CaseNumber(3)), at(60));
    let wish = plan.reversals[0].wish(Origin::Command, at(60));
    assert!(matches!(
        book.wish(moderator("lead"), wish),
        Ok(Follows::Case { .. })
    ));
    assert_eq!(book.state(3), "lifted");
}

#[test]
fn of_two_seen_within_a_millisecond_the_first_recorded_counts() {
    let mut book = Book::default();
    let native = |wish| Wish {
        origin: Origin::Native,
        ..wish
    };
    book.wish(moderator("ana"), native(wish(Action::Mute, 0)))
        .unwrap();
    book.wish(moderator("rogue"), native(wish(Action::Unmute, 0)))
        .unwrap();
    let plan = preview(&book, doings(moderator("rogue"), 0), at(10));
    assert_eq!(acts(&plan), []);
    assert_eq!(left(&plan), [(2, Left::Superseded { by: CaseNumber(1) })]);
}

#[test]
fn a_reversal_lifts_nothing_that_was_decided_after_the_preview() {
    let mut book = Book::default();
    book.wish(moderator("rogue"), wish(Action::Ban, 0)).unwrap();
    let plan = preview(&book, doings(moderator("rogue"), 0), at(10));
    book.wish(
        moderator("ana"),
        Wish {
            ends: until(DAY),
            ..wish(Action::Ban, 20)
        },
    )
    .unwrap();
    let refusal = book
        .wish(moderator("lead"), plan.reversals[0].wish(Origin::Command, at(30)))
        .unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "case 1 is not in force, but case 2 is: lift that one"
    );
}

#[test]
fn who_stays_banned_is_not_muted_again() {
    let mut book = Book::default();
    book.wish(moderator("ana"), wish(Action::Mute, 0)).unwrap();
    book.wish(moderator("rogue"), wish(Action::Ban, 10)).unwrap();
    book.wish(moderator("rogue"), wish(Action::Unmute, 20)).unwrap();
    let mut unbanned = book.clone();
    book.wish(
        moderator("ana"),
        Wish {
            ends: until(DAY),
            ..wish(Action::Ban, 30)
        },
    )
    .unwrap();
    let plan = preview(&book, doings(moderator("rogue"), 0), at(40));
    assert_eq!(acts(&plan), []);
    let by = CaseNumber(4);
    assert_eq!(
        left(&plan),
        [(2, Left::Superseded { by }), (3, Left::Banned { by })]
    );
    // Unbanned by the same undo, they are: and the ban ends before the mute begins.
    let plan = preview(&unbanned, doings(moderator("rogue"), 0), at(40));
    let muted = ReversalAct::Restore {
        case: CaseNumber(1),
        action: Action::Mute,
        ends: Term::Forever,
    };
    assert_eq!(
        acts(&plan),
        [
            (
                2,
                ReversalAct::Lift {
                    action: Action::Unban
                }
            ),
            (3, muted)
        ]
    );
    for reversal in &plan.reversals {
        unbanned
            .wish(moderator("lead"), reversal.wish(Origin::Command, at(41)))
            .unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// After the undo a person stands as the last decision of somebody else says, and a second undo finds nothing to do.
    #[test]
    fn an_undo_leaves_what_others_decided(
        acts in prop::collection::vec((0..5_usize, prop::bool::ANY, prop::option::of((6..40_i64).prop_map(|lasts| lasts * 11))), 1..25),
        since in 0..25_i64,
    ) {
        let mut book = Book::default();
        let mallory = user("mallory");
        for (second, (action, rogue, lasts)) in (0_i64..).zip(acts) {
            let second = second * 11;
            let action = [Action::Ban, Action::Mute, Action::Unban, Action::Unmute, Action::Ban][action];
            let lasts = lasts.filter(|_| matches!(action, Action::Ban | Action::Mute));
            let ends = lasts.map_or(Term::Forever, |lasts| until(second + lasts));
            let by = moderator(if rogue { "rogue" } else { "ana" });
            // Refusals are of no interest here.
            let _ = book.wish(by, Wish { ends, ..wish(action, second) });
        }
        let now = 25 * 11;
        let scope = doings(moderator("rogue"), since * 11);
        let decided = book.cases.clone();
        let plan = preview(&book, scope.clone(), at(now));
        for reversal in &plan.reversals {
            book.wish(moderator("lead"), reversal.wish(Origin::Command, at(now))).unwrap();
        }
        let standing = book.standing(&mallory);
        let mut banned = false;
        for lasting in Lasting::ALL {
            let others = decided.iter().rev().find(|case| {
                Lasting::decided_by(case.action) == Some(lasting) && !scope.covers(case)
            });
            let expected = others.filter(|case| case.action == lasting.begins() && !case.ends.is_over(at(now)));
            let live = standing.lane(lasting).live.filter(|live| !live.ends.is_over(at(now)));
            // Who stays banned is not muted again.
            if !banned || live.is_some() {
                prop_assert_eq!(live.map(|live| live.ends), expected.map(|case| case.ends), "{}", lasting);
            }
            banned = live.is_some();
        }
        let again = preview(&book, scope, at(now + 2));
        prop_assert!(again.reversals.is_empty(), "{}", again);
        prop_assert_eq!(again.left.len(), plan.reversals.len() + plan.left.len());
    }
}
