//! Changes to a case, and what is kept of them.

use crate::book::{Book, at, moderator, reason, until, user, wish};
use lockdown_events::{Action, MessageId, MessageRef};
use lockdown_moderation::{
    Case, CaseNumber, Change, EditError, Edited, Follows, Lasting, Moot, Standing, Term, TermError,
    TwoInForce, Wish,
};

const DAY: i64 = 86_400;

fn ban(seconds: i64, ends: Term) -> Wish {
    Wish {
        ends,
        ..wish(Action::Ban, seconds)
    }
}

#[test]
fn edits_keep_what_stood_before() {
    let mut book = Book::default();
    book.wish(
        moderator("ana"),
        Wish {
            reason: Some(reason("spam")),
            ..ban(0, until(DAY))
        },
    )
    .unwrap();
    let edit = book
        .amend(moderator("bob"), 1, Change::Reason(Some(reason("scam"))), 5)
        .unwrap();
    assert_eq!(
        (edit.case, &edit.by, edit.at),
        (CaseNumber(1), &moderator("bob"), at(5))
    );
    assert_eq!(
        edit.what,
        Edited::Reason {
            old: Some(reason("spam")),
            new: Some(reason("scam"))
        }
    );
    assert!(!edit.reaches_platform());
    assert_eq!(book.case(1).reason, Some(reason("scam")));
    assert_eq!(
        book.amend(moderator("bob"), 1, Change::Reason(Some(reason("scam"))), 6),
        Err(EditError::Same)
    );

    let evidence = vec![MessageRef {
        channel_id: None,
        message_id: MessageId::new("5").unwrap(),
    }];
    let edit = book
        .amend(moderator("ana"), 1, Change::Evidence(evidence.clone()), 7)
        .unwrap();
    assert_eq!(
        edit.what,
        Edited::Evidence {
            old: vec![],
            new: evidence.clone()
        }
    );
    assert_eq!(
        book.amend(moderator("ana"), 1, Change::Evidence(evidence), 8),
        Err(EditError::Same)
    );

    let edit = book
        .amend(moderator("ana"), 1, Change::Ends(until(2 * DAY)), 9)
        .unwrap();
    assert_eq!(
        edit.what,
        Edited::Ends {
            old: until(DAY),
            new: until(2 * DAY)
        }
    );
    assert!(edit.reaches_platform());
    // The timer of the old end rings, and finds that the end was moved.
    assert_eq!(
        book.expire(1, DAY),
        Ok(Follows::Moot(Moot::NotDue {
            until: until(2 * DAY)
        }))
    );
    assert_eq!(
        book.amend(moderator("ana"), 1, Change::Ends(until(2 * DAY)), 10),
        Err(EditError::Same)
    );
    let past = book
        .amend(moderator("ana"), 1, Change::Ends(until(11)), 11)
        .unwrap_err();
    assert_eq!(
        past,
        EditError::Term(TermError::Past {
            at: at(11),
            now: at(11)
        })
    );
    book.wish(moderator("ana"), wish(Action::Unban, 20)).unwrap();
    let over = book
        .amend(moderator("ana"), 1, Change::Ends(until(3 * DAY)), 21)
        .unwrap_err();
    assert_eq!(
        over.to_string(),
        "the case is lifted, so its end cannot change: make a new one instead"
    );
    let unban = book
        .amend(moderator("ana"), 2, Change::Ends(until(3 * DAY)), 22)
        .unwrap_err();
    assert_eq!(
        unban.to_string(),
        "`unban` has no duration: it can be given to a ban or a mute"
    );
}

#[test]
fn a_mistake_is_voided_and_kept() {
    let mut book = Book::default();
    let void = || Change::Void(reason("wrong person"));
    book.wish(moderator("ana"), ban(0, Term::Forever)).unwrap();
    assert_eq!(
        book.amend(moderator("bob"), 1, void(), 1),
        Err(EditError::Unanswered)
    );
    book.applied(1, 2).unwrap();
    let stands = book.amend(moderator("bob"), 1, void(), 3).unwrap_err();
    assert_eq!(
        stands.to_string(),
        "its ban still stands: lift it first, then void the case"
    );
    book.wish(moderator("ana"), wish(Action::Unban, 4)).unwrap();
    let edit = book.amend(moderator("bob"), 1, void(), 5).unwrap();
    let Edited::Voided { was, why } = edit.what else {
        panic!("{edit:?}")
    };
    assert_eq!((was.name(), why), ("lifted", reason("wrong person")));
    assert_eq!(book.amend(moderator("bob"), 1, void(), 6), Err(EditError::Voided));
    assert_eq!(
        book.amend(moderator("bob"), 1, Change::Reason(None), 6),
        Err(EditError::Voided)
    );
    // A warning that was voided counts no more.
    book.wish(moderator("ana"), wish(Action::Warn, 7)).unwrap();
    book.amend(moderator("bob"), 3, void(), 8).unwrap();
    assert!(!book.standing(&user("mallory")).warnings[0].counts);
}

#[test]
fn records_that_contradict_each_other_are_not_believed() {
    let mut book = Book::default();
    book.wish(moderator("ana"), wish(Action::Mute, 0)).unwrap();
    let twin = Case {
        number: CaseNumber(2),
        ..book.case(1).clone()
    };
    let error = Standing::of([book.case(1), &twin]).unwrap_err();
    assert_eq!(error, TwoInForce(CaseNumber(1), CaseNumber(2), Lasting::Mute));
    assert_eq!(
        error.to_string(),
        "case 1 and case 2 both claim to be the mute in force"
    );
}
