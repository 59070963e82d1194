//! What follows from a wish, told as stories.

use crate::book::{Book, at, moderator, rule, stands, until, wish};
use lockdown_events::{Action, Origin};
use lockdown_moderation::{
    Actor, CaseNumber, CaseState, Ending, Follows, Lift, Moot, MoveError, Refusal, Span, SpanError, Term,
    TermError, Wish,
};

const DAY: i64 = 86_400;

fn ban(seconds: i64, ends: Term) -> Wish {
    Wish {
        ends,
        ..wish(Action::Ban, seconds)
    }
}

fn mute(seconds: i64, ends: Term) -> Wish {
    Wish {
        ends,
        ..wish(Action::Mute, seconds)
    }
}

fn new(ends: &[Ending]) -> Result<Follows, Refusal> {
    Ok(Follows::Case { ends: ends.to_vec() })
}

fn already(case: u64) -> Result<Follows, Refusal> {
    Ok(Follows::Already {
        case: Some(CaseNumber(case)),
    })
}

fn superseded(case: u64) -> Ending {
    Ending::Superseded {
        case: CaseNumber(case),
    }
}

fn lifted(case: u64) -> Ending {
    Ending::Lifted {
        case: CaseNumber(case),
        how: Lift::Revoked,
    }
}

#[test]
fn two_moderators_at_once_make_one_ban() {
    let mut book = Book::default();
    assert_eq!(book.wish(moderator("ana"), ban(0, until(7 * DAY))), new(&[]));
    assert_eq!(
        book.wish(moderator("bob"), ban(3, until(7 * DAY + 3))),
        already(1)
    );
    // Even if the second was quicker by its clock.
    assert_eq!(
        book.wish(moderator("bob"), ban(-1, until(7 * DAY - 1))),
        already(1)
    );
    assert_eq!(
        book.wish(moderator("bob"), ban(11, until(7 * DAY + 11))),
        new(&[superseded(1)])
    );
    assert_eq!(
        book.wish(moderator("ana"), ban(20, Term::Forever)),
        new(&[superseded(2)])
    );
    assert_eq!(book.wish(moderator("bob"), ban(21, Term::Forever)), already(3));
    assert_eq!(book.cases.len(), 3);
}

#[test]
fn of_two_that_contradict_within_a_millisecond_the_second_is_refused() {
    let mut book = Book::default();
    book.wish(moderator("ana"), ban(0, Term::Forever)).unwrap();
    let refusal = book.wish(moderator("bob"), wish(Action::Unban, 0)).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "case 1 decided otherwise (ban) at 2027-01-15 08:00:00 UTC, not before this: look at it, and say it again if it shall be so"
    );
    assert!(matches!(
        book.wish(moderator("bob"), ban(0, until(DAY))),
        Err(Refusal::Overtaken(_))
    ));
    assert!(matches!(
        book.wish(moderator("bob"), wish(Action::Unban, -5)),
        Err(Refusal::Overtaken(_))
    ));
    let next = Wish {
        at: at(0) + chrono::TimeDelta::milliseconds(1),
        ..wish(Action::Unban, 0)
    };
    assert_eq!(book.wish(moderator("bob"), next), new(&[lifted(1)]));
    // The older ban does not come back by arriving late.
    assert!(matches!(
        book.wish(moderator("ana"), ban(0, until(DAY))),
        Err(Refusal::Overtaken(_))
    ));
    assert_eq!(book.cases.len(), 2);
}

#[test]
fn a_timer_ends_its_own_case_and_no_other() {
    let mut book = Book::default();
    book.wish(moderator("ana"), ban(0, until(60))).unwrap();
    assert_eq!(
        book.expire(1, 59),
        Ok(Follows::Moot(Moot::NotDue { until: until(60) }))
    );
    book.wish(moderator("bob"), ban(30, until(2 * DAY))).unwrap();
    // Forty days late, and a newer decision stands no more either.
    assert_eq!(book.expire(1, 61), Ok(Follows::Moot(Moot::Over)));
    let due = [Ending::Lifted {
        case: CaseNumber(2),
        how: Lift::Expired,
    }];
    assert_eq!(book.expire(2, 40 * DAY), new(&due));
    assert_eq!(book.expire(2, 40 * DAY + 1), Ok(Follows::Moot(Moot::Over)));
    assert_eq!(book.case(3).lifts, Some(CaseNumber(2)));
    assert_eq!((book.state(1), book.state(2)), ("superseded", "lifted"));
    let nobody = Wish {
        origin: Origin::Expiry,
        ..wish(Action::Unban, 50 * DAY)
    };
    let refusal = book.wish(Actor::System, nobody).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "an expiry belongs to a case, and this one names none"
    );
}

#[test]
fn a_lift_that_names_a_case_ends_no_other() {
    let mut book = Book::default();
    book.wish(moderator("ana"), mute(0, until(60))).unwrap();
    book.wish(moderator("ana"), mute(30, until(DAY))).unwrap();
    let named = |case, seconds| Wish {
        case: Some(CaseNumber(case)),
        ..wish(Action::Unmute, seconds)
    };
    let refusal = book.wish(moderator("bob"), named(1, 40)).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "case 1 is not in force, but case 2 is: lift that one"
    );
    assert_eq!(book.wish(moderator("bob"), named(2, 41)), new(&[lifted(2)]));
    // What made it so is the lift, whatever is named.
    assert_eq!(book.wish(moderator("bob"), named(2, 42)), already(3));
    assert_eq!(book.wish(moderator("bob"), wish(Action::Unmute, 43)), already(3));
}

#[test]
fn what_the_platform_shows_corrects_what_we_believe() {
    let mut book = Book::default();
    let seen = |wish, shown| Wish {
        shown: Some(shown),
        ..wish
    };
    // Banned before we came: there is something to lift.
    assert_eq!(
        book.wish(moderator("ana"), seen(wish(Action::Unban, 0), true)),
        new(&[])
    );
    assert_eq!(
        book.wish(moderator("ana"), seen(wish(Action::Unban, 1), false)),
        already(1)
    );
    // Nobody looked, nobody knows: tried once.
    assert_eq!(
        Book::default().wish(moderator("ana"), wish(Action::Unban, 0)),
        new(&[])
    );
    book.wish(moderator("ana"), ban(2, Term::Forever)).unwrap();
    // Not yet done, so it cannot be seen yet.
    assert_eq!(
        book.wish(moderator("bob"), seen(ban(3, Term::Forever), false)),
        already(2)
    );
    book.applied(2, 4).unwrap();
    // Lifted by hand where we did not see it: the ban is made anew.
    assert_eq!(
        book.wish(moderator("bob"), seen(ban(5, Term::Forever), false)),
        new(&[superseded(2)])
    );
}

#[test]
fn what_was_seen_is_recorded_and_only_counts_when_it_is_the_newest() {
    let mut book = Book::default();
    let native = |wish| Wish {
        origin: Origin::Native,
        ..wish
    };
    book.wish(moderator("ana"), native(ban(0, Term::Forever)))
        .unwrap();
    assert_eq!(book.case(1).state, CaseState::Applied { at: at(0) });
    book.wish(moderator("bob"), wish(Action::Unban, 10)).unwrap();
    let late = Follows::History { by: CaseNumber(2) };
    assert_eq!(
        book.wish(moderator("ana"), native(ban(5, Term::Forever))),
        Ok(late)
    );
    assert_eq!(book.state(3), "superseded");
    assert!(book.standing(&crate::book::user("mallory")).ban.live.is_none());
    // A late unban does not end a newer ban.
    book.wish(moderator("ana"), ban(20, Term::Forever)).unwrap();
    let late = Follows::History { by: CaseNumber(4) };
    assert_eq!(
        book.wish(moderator("ana"), native(wish(Action::Unban, 15))),
        Ok(late)
    );
    assert!(stands(book.case(4)));
    // One that was kicked by hand while we thought them banned was kicked.
    assert_eq!(
        book.wish(moderator("ana"), native(wish(Action::Kick, 30))),
        new(&[])
    );
    // A silence that was over before we heard of it is recorded all the same.
    assert_eq!(book.wish(moderator("ana"), native(mute(31, until(1)))), new(&[]));
}

#[test]
fn a_rule_lengthens_and_never_shortens() {
    let mut book = Book::default();
    let by_rule = |wish| Wish {
        origin: Origin::Automod,
        ..wish
    };
    book.wish(moderator("ana"), mute(0, until(DAY))).unwrap();
    assert_eq!(
        book.wish(rule("flood"), by_rule(mute(60, until(660)))),
        already(1)
    );
    assert_eq!(
        book.wish(rule("flood"), by_rule(mute(61, until(2 * DAY)))),
        new(&[superseded(1)])
    );
    assert_eq!(
        book.wish(moderator("ana"), mute(62, until(660))),
        new(&[superseded(2)])
    );
    assert_eq!(
        book.wish(rule("flood"), by_rule(mute(63, Term::Forever))),
        new(&[superseded(3)])
    );
}

#[test]
fn who_is_banned_is_not_kicked_or_muted() {
    let mut book = Book::default();
    book.wish(moderator("ana"), ban(0, until(DAY))).unwrap();
    for action in [Action::Kick, Action::Mute, Action::Softban] {
        let refusal = book.wish(moderator("bob"), wish(action, 5)).unwrap_err();
        assert_eq!(
            refusal.to_string(),
            "they are banned by case 1: unban them first, or change that case"
        );
    }
    for action in [Action::Note, Action::Warn] {
        assert_eq!(book.wish(moderator("bob"), wish(action, 6)), new(&[]));
    }
    book.wish(moderator("bob"), wish(Action::Unban, 7)).unwrap();
    assert_eq!(
        book.wish(moderator("bob"), wish(Action::Softban, 8)),
        new(&[superseded(4)])
    );
    // A softban decides about the ban as well.
    assert!(matches!(
        book.wish(moderator("ana"), ban(8, Term::Forever)),
        Err(Refusal::Overtaken(_))
    ));
    assert!(matches!(
        book.wish(moderator("ana"), wish(Action::Softban, 7)),
        Err(Refusal::Overtaken(_))
    ));
}

#[test]
fn warnings_count_beside_each_other_and_are_taken_back_one_by_one() {
    let mut book = Book::default();
    let unwarn = |case: Option<u64>, seconds| Wish {
        case: case.map(CaseNumber),
        ..wish(Action::Unwarn, seconds)
    };
    let refusal = book.wish(moderator("ana"), unwarn(None, 0)).unwrap_err();
    assert_eq!(refusal.to_string(), "there is no warning to take back");
    for seconds in [1, 2, 2] {
        assert_eq!(book.wish(moderator("ana"), wish(Action::Warn, seconds)), new(&[]));
        assert_eq!(book.state(book.cases.len() as u64), "applied");
    }
    assert_eq!(book.wish(moderator("ana"), unwarn(Some(1), 3)), new(&[lifted(1)]));
    assert_eq!(book.wish(moderator("bob"), unwarn(Some(1), 3)), already(1));
    assert_eq!(book.wish(moderator("bob"), unwarn(None, 4)), new(&[lifted(3)]));
    let refusal = book.wish(moderator("bob"), unwarn(Some(99), 5)).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "case 99 is no warning of theirs: there are case 2"
    );
    assert_eq!(
        book.expire(2, 6),
        new(&[Ending::Lifted {
            case: CaseNumber(2),
            how: Lift::Expired
        }])
    );
}

#[test]
fn durations_fit_the_action_and_lie_ahead() {
    let mut book = Book::default();
    let kick = Wish {
        ends: until(60),
        ..wish(Action::Kick, 0)
    };
    let refusal = book.wish(moderator("ana"), kick).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "`kick` has no duration: leave it out, or ban or mute instead"
    );
    let past = book.wish(moderator("ana"), ban(10, until(10)));
    assert_eq!(
        past,
        Err(Refusal::Term(TermError::Past {
            at: at(10),
            now: at(10)
        }))
    );
    let long = book.wish(moderator("ana"), ban(0, until(36_501 * DAY)));
    assert_eq!(
        long,
        Err(Refusal::Term(
            SpanError::TooLong {
                longest: Span::LONGEST
            }
            .into()
        ))
    );
    assert!(book.cases.is_empty());
}

#[test]
fn what_failed_leaves_standing_what_stood_before() {
    let mut book = Book::default();
    book.wish(moderator("ana"), ban(0, until(DAY))).unwrap();
    book.applied(1, 1).unwrap();
    book.wish(moderator("bob"), wish(Action::Unban, 10)).unwrap();
    assert_eq!(book.state(1), "lifted");
    book.failed(2, 11).unwrap();
    // Nobody was unbanned, and the timer runs on.
    assert_eq!((book.state(1), book.state(2)), ("applied", "failed"));
    assert_eq!(book.failed(2, 12), Err(MoveError::Already("failed")));
    assert_eq!(
        book.expire(1, DAY),
        new(&[Ending::Lifted {
            case: CaseNumber(1),
            how: Lift::Expired
        }])
    );

    // Of three in a row the middle one fails late: the first then ended by the third.
    let mut book = Book::default();
    for (seconds, days) in [(0, 1), (20, 2), (40, 3)] {
        book.wish(moderator("ana"), ban(seconds, until(days * DAY)))
            .unwrap();
    }
    book.failed(2, 50).unwrap();
    assert_eq!(book.case(1).state.ended_by(), Some(CaseNumber(3)));
    book.failed(3, 51).unwrap();
    assert_eq!(
        (book.state(1), book.state(2), book.state(3)),
        ("requested", "failed", "failed")
    );
    // A failed ban decides nothing: one that is older by its time may still come.
    assert_eq!(
        book.wish(moderator("bob"), ban(30, Term::Forever)),
        new(&[superseded(1)])
    );
}

#[test]
fn a_lift_that_fails_late_brings_nothing_back_beside_a_newer_decision() {
    let mut book = Book::default();
    book.wish(moderator("ana"), ban(0, until(DAY))).unwrap();
    book.wish(moderator("ana"), wish(Action::Unban, 10)).unwrap();
    assert_eq!(
        book.wish(moderator("bob"), ban(20, Term::Forever)),
        new(&[superseded(2)])
    );
    book.failed(2, 30).unwrap();
    assert_eq!(
        (book.state(1), book.state(2), book.state(3)),
        ("superseded", "failed", "requested")
    );
    // And when the newer one fails as well, the first is what is left.
    book.failed(3, 40).unwrap();
    assert_eq!(book.state(1), "requested");
    assert_eq!(
        book.standing(&crate::book::user("mallory"))
            .ban
            .live
            .unwrap()
            .case,
        CaseNumber(1)
    );
}

#[test]
fn what_was_seen_late_stands_when_the_newer_decision_came_to_nothing() {
    let mut book = Book::default();
    let native = |wish| Wish {
        origin: Origin::Native,
        ..wish
    };
    book.wish(moderator("ana"), ban(0, until(DAY))).unwrap();
    book.wish(moderator("ana"), wish(Action::Unban, 20)).unwrap();
    let late = Follows::History { by: CaseNumber(2) };
    assert_eq!(
        book.wish(moderator("bob"), native(ban(10, Term::Forever))),
        Ok(late)
    );
    book.failed(2, 30).unwrap();
    assert_eq!((book.state(1), book.state(3)), ("superseded", "applied"));
    assert_eq!(book.case(1).state.ended_by(), Some(CaseNumber(3)));
}
