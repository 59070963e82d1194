//! Requests that come twice.

use crate::fixture::Fixture;
use chrono::TimeDelta;
use lockdown_store::idempotency::{Answer, Begun, Mark, Request};
use lockdown_store::in_tx;

const LEASE: TimeDelta = TimeDelta::seconds(30);
const DAY: TimeDelta = TimeDelta::days(1);
const BAN: Request<'_> = Request {
    caller: "token:1",
    key: "abc",
    route: "POST /api/v1/guilds/discord/100/bans",
    body_hash: &[1, 2, 3],
};

async fn begin(fixture: &Fixture, request: Request<'_>, by: &str) -> Begun {
    let now = fixture.now();
    let mark = Mark {
        by,
        now,
        lease_until: now + LEASE,
        expires_at: now + DAY,
    };
    in_tx!(fixture.store, |tx| { tx.begin_request(request, mark).await }).unwrap()
}

/// Makes a case and answers with its number, in one transaction; `None` when somebody else took over.
async fn work(fixture: &Fixture, request: Request<'_>, by: &str) -> Option<Answer> {
    let mut tx = fixture.store.begin().await.unwrap();
    let case = fixture.write_case(&mut tx, fixture.case(0)).await.unwrap();
    let answer = Answer {
        status: 201,
        content_type: Some("application/json".into()),
        answer: format!("{{ \"z\": {}, \"a\": 1 }}", case.number),
    };
    if tx.finish_request(request, by, &answer).await.unwrap() {
        tx.commit().await.unwrap();
        return Some(answer);
    }
    tx.rollback().await;
    None
}

pub(crate) async fn of_many_at_once_one_works_and_all_get_its_answer(fixture: Fixture) {
    let stores = futures_util::future::join_all((0..3).map(|_| fixture.another_process())).await;
    let fixture = &fixture;
    let many = (0..12).map(|number| {
        let store = stores[number % 3].clone();
        async move {
            let now = fixture.now();
            let mark = Mark {
                by: &number.to_string(),
                now,
                lease_until: now + LEASE,
                expires_at: now + DAY,
            };
            let begun = in_tx!(store, |tx| { tx.begin_request(BAN, mark).await }).unwrap();
            (number, begun)
        }
    });
    let begun = futures_util::future::join_all(many).await;
    let (first, others): (Vec<_>, Vec<_>) = begun.into_iter().partition(|(_, begun)| *begun == Begun::First);
    assert_eq!(first.len(), 1);
    let until = fixture.now() + LEASE;
    assert!(
        others
            .iter()
            .all(|(_, begun)| *begun == Begun::InFlight { until }),
        "{others:?}"
    );
    let answer = work(fixture, BAN, &first[0].0.to_string()).await.unwrap();
    let again = futures_util::future::join_all((0..8).map(|_| begin(fixture, BAN, "later"))).await;
    assert!(
        again
            .iter()
            .all(|begun| *begun == Begun::Answered(answer.clone())),
        "{again:?}"
    );
    assert_eq!(fixture.count("cases").await, 1);
}

pub(crate) async fn a_key_is_for_one_request(fixture: Fixture) {
    assert_eq!(begin(&fixture, BAN, "a").await, Begun::First);
    let kick = Request {
        route: "POST /api/v1/guilds/discord/100/kicks",
        ..BAN
    };
    let other_body = Request {
        body_hash: &[1, 2, 4],
        ..BAN
    };
    assert_eq!(begin(&fixture, kick, "b").await, Begun::Differs);
    assert_eq!(begin(&fixture, other_body, "b").await, Begun::Differs);
    let other_caller = Request {
        caller: "token:2",
        ..other_body
    };
    assert_eq!(begin(&fixture, other_caller, "b").await, Begun::First);
    work(&fixture, BAN, "a").await.unwrap();
    assert_eq!(begin(&fixture, kick, "b").await, Begun::Differs);
    // Neither does the death of its worker make it another's.
    fixture.time.advance(LEASE);
    let yet_another = Request {
        body_hash: &[9],
        ..other_caller
    };
    assert_eq!(begin(&fixture, yet_another, "c").await, Begun::Differs);
}

pub(crate) async fn an_answer_is_kept_with_its_effect_or_not_at_all(fixture: Fixture) {
    assert_eq!(begin(&fixture, BAN, "a").await, Begun::First);
    let mut tx = fixture.store.begin().await.unwrap();
    fixture.write_case(&mut tx, fixture.case(0)).await.unwrap();
    let answer = Answer {
        status: 201,
        content_type: None,
        answer: String::new(),
    };
    assert!(tx.finish_request(BAN, "a", &answer).await.unwrap());
    drop(tx);
    assert!(matches!(begin(&fixture, BAN, "b").await, Begun::InFlight { .. }));
    assert_eq!(fixture.count("cases").await, 0);
    assert!(in_tx!(fixture.store, |tx| { tx.finish_request(BAN, "a", &answer).await }).unwrap());
    assert_eq!(
        begin(&fixture, BAN, "b").await,
        Begun::Answered(answer),
        "an answer may be empty"
    );
}

pub(crate) async fn what_a_dead_worker_held_is_taken_over(fixture: Fixture) {
    assert_eq!(begin(&fixture, BAN, "dead").await, Begun::First);
    fixture.time.advance(LEASE - TimeDelta::microseconds(1));
    assert!(matches!(
        begin(&fixture, BAN, "second").await,
        Begun::InFlight { .. }
    ));
    fixture.time.advance(TimeDelta::microseconds(1));
    let fixture = &fixture;
    let many = (0..6).map(|number| async move { begin(fixture, BAN, &format!("worker {number}")).await });
    let begun = futures_util::future::join_all(many).await;
    let heirs: Vec<_> = begun
        .iter()
        .enumerate()
        .filter(|(_, begun)| **begun == Begun::First)
        .collect();
    assert_eq!(heirs.len(), 1, "{begun:?}");
    // The dead one was only slow: its effect is undone.
    assert_eq!(work(fixture, BAN, "dead").await, None);
    assert!(
        work(fixture, BAN, &format!("worker {}", heirs[0].0))
            .await
            .is_some()
    );
    assert_eq!(fixture.count("cases").await, 1);
}

pub(crate) async fn an_abandoned_request_begins_anew(fixture: Fixture) {
    let abandon = async |by| in_tx!(fixture.store, |tx| { tx.abandon_request(BAN, by).await }).unwrap();
    assert_eq!(begin(&fixture, BAN, "a").await, Begun::First);
    assert!(!abandon("b").await);
    assert!(abandon("a").await);
    assert_eq!(begin(&fixture, BAN, "b").await, Begun::First);
    work(&fixture, BAN, "b").await.unwrap();
    assert!(!abandon("b").await, "what has its answer stays");
    assert!(matches!(begin(&fixture, BAN, "c").await, Begun::Answered(_)));
}

pub(crate) async fn keys_are_forgotten_when_they_are_over(fixture: Fixture) {
    assert_eq!(begin(&fixture, BAN, "a").await, Begun::First);
    work(&fixture, BAN, "a").await.unwrap();
    fixture.time.advance(DAY);
    // Before anybody has tidied up, the key is free: for anything.
    let other = Request {
        body_hash: &[7],
        ..BAN
    };
    assert_eq!(begin(&fixture, other, "b").await, Begun::First);
    assert!(matches!(
        begin(&fixture, other, "c").await,
        Begun::InFlight { .. }
    ));
    let second = Request { key: "def", ..BAN };
    begin(&fixture, second, "a").await;
    let forget = async || in_tx!(fixture.store, |tx| { tx.forget_requests(fixture.now(), 1).await }).unwrap();
    assert_eq!(forget().await, 0);
    fixture.time.advance(DAY);
    assert_eq!((forget().await, forget().await, forget().await), (1, 1, 0));
}
