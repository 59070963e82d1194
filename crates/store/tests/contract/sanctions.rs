//! What holds against a person, and who sees to its end.

use crate::fixture::Fixture;
use chrono::TimeDelta;
use lockdown_store::sanctions::{Sanction, SanctionKind, SanctionState};
use lockdown_store::{StoreError, in_read, in_tx};
use std::collections::BTreeSet;

const HOUR: TimeDelta = TimeDelta::hours(1);
const LEASE: TimeDelta = TimeDelta::seconds(30);

/// Adds a sanction with its case, unless the person has one.
async fn sanction(fixture: &Fixture, lasts: Option<TimeDelta>) -> Option<Sanction> {
    let end = lasts.map(|lasts| fixture.now() + lasts);
    let added = in_tx!(fixture.store, |tx| {
        let case = fixture.write_case(tx, fixture.case(0)).await?;
        let sanction = fixture.sanction(&case, end);
        tx.insert_sanction(&sanction).await?;
        Ok::<_, StoreError>(sanction)
    });
    match added {
        Ok(sanction) => Some(sanction),
        Err(StoreError::Duplicate { .. }) => None,
        Err(error) => panic!("{error:?}"),
    }
}

async fn live(fixture: &Fixture) -> Option<Sanction> {
    in_read!(fixture.store, |conn| {
        conn.live_sanction(fixture.guild, fixture.mallory, SanctionKind::Ban)
            .await
    })
    .unwrap()
}

async fn claim(fixture: &Fixture, by: &str, limit: u64) -> Vec<Sanction> {
    let now = fixture.now();
    in_tx!(fixture.store, |tx| {
        tx.claim_due_sanctions(now, by, now + LEASE, limit).await
    })
    .unwrap()
}

pub(crate) async fn two_at_once_make_one(fixture: Fixture) {
    let both = futures_util::future::join_all((0..10).map(|_| sanction(&fixture, None))).await;
    let made: Vec<_> = both.into_iter().flatten().collect();
    assert_eq!(made.len(), 1);
    assert_eq!(live(&fixture).await, Some(made[0].clone()));
    assert_eq!(fixture.count("sanctions").await, 1);
}

pub(crate) async fn an_ended_one_makes_room(fixture: Fixture) {
    let first = sanction(&fixture, None).await.unwrap();
    assert!(sanction(&fixture, None).await.is_none());
    let lift = fixture.record(fixture.case(0)).await;
    let ended = in_tx!(fixture.store, |tx| {
        tx.end_sanction(first.id, SanctionState::Lifted, fixture.now(), Some(lift.id))
            .await
    });
    assert!(ended.unwrap());
    assert_eq!(live(&fixture).await, None);
    let second = sanction(&fixture, None).await.unwrap();
    assert_eq!(live(&fixture).await.unwrap().id, second.id);
    let old = in_read!(fixture.store, |conn| {
        conn.sanctions_of_case(first.case_id).await
    })
    .unwrap();
    assert_eq!(old.len(), 1);
    assert_eq!(
        (old[0].state, old[0].ended_by),
        (SanctionState::Lifted, Some(lift.id))
    );
}

pub(crate) async fn ending_twice_ends_once(fixture: Fixture) {
    let only = sanction(&fixture, Some(HOUR)).await.unwrap();
    let now = fixture.now();
    let ends = futures_util::future::join_all([SanctionState::Expired, SanctionState::Lifted].map(|state| {
        let fixture = &fixture;
        async move {
            in_tx!(fixture.store, |tx| {
                tx.end_sanction(only.id, state, now, None).await
            })
            .unwrap()
        }
    }));
    assert_eq!(ends.await.into_iter().filter(|ended| *ended).count(), 1);
    fixture.time.advance(HOUR);
    assert!(claim(&fixture, "worker-1", 10).await.is_empty());
}

pub(crate) async fn what_is_due_is_taken_once(mut fixture: Fixture) {
    let mut due = BTreeSet::new();
    for person in 0..40 {
        fixture.mallory = fixture.see(&format!("9{person}"), None).await.id;
        let lasts = if person < 30 { Some(HOUR) } else { Some(HOUR * 3) };
        let made = sanction(&fixture, lasts).await.unwrap();
        if person < 30 {
            due.insert(made.id);
        }
    }
    fixture.mallory = fixture.see("999", None).await.id;
    sanction(&fixture, None).await.unwrap();
    assert!(claim(&fixture, "early", 100).await.is_empty());
    let next = in_read!(fixture.store, |conn| { conn.next_due_sanction().await }).unwrap();
    assert_eq!(next, Some(fixture.now() + HOUR));

    fixture.time.advance(HOUR);
    let fixture = &fixture;
    let workers = (0..6).map(|worker| async move {
        let mut taken = Vec::new();
        loop {
            let some = claim(fixture, &format!("worker-{worker}"), 4).await;
            if some.is_empty() {
                return taken;
            }
            taken.extend(some.into_iter().map(|sanction| sanction.id));
        }
    });
    let taken: Vec<_> = futures_util::future::join_all(workers).await.concat();
    assert_eq!(taken.len(), due.len(), "none is taken twice");
    assert_eq!(taken.into_iter().collect::<BTreeSet<_>>(), due);
}

pub(crate) async fn what_was_taken_comes_back_when_its_taker_dies(fixture: Fixture) {
    let only = sanction(&fixture, Some(HOUR)).await.unwrap();
    fixture.time.advance(HOUR);
    assert_eq!(claim(&fixture, "first", 10).await.len(), 1);
    assert!(claim(&fixture, "second", 10).await.is_empty());
    fixture.time.advance(LEASE);
    let again = claim(&fixture, "second", 10).await;
    assert_eq!((again[0].id, again[0].attempts), (only.id, 2));
    assert_eq!(again[0].lease_by.as_deref(), Some("second"));
}

pub(crate) async fn a_lost_lease_postpones_nothing(fixture: Fixture) {
    let only = sanction(&fixture, Some(HOUR)).await.unwrap();
    fixture.time.advance(HOUR);
    claim(&fixture, "first", 10).await;
    fixture.time.advance(LEASE);
    claim(&fixture, "second", 10).await;
    let until = fixture.now() + HOUR;
    let postpone = async |by| {
        in_tx!(fixture.store, |tx| {
            tx.postpone_sanction(only.id, by, until, "no answer").await
        })
        .unwrap()
    };
    assert!(!postpone("first").await);
    assert!(postpone("second").await);
    assert!(!postpone("second").await, "it was given back");
    let kept = live(&fixture).await.unwrap();
    assert_eq!(
        (kept.next_attempt_at, kept.last_error.as_deref()),
        (Some(until), Some("no answer"))
    );
    assert!(claim(&fixture, "third", 10).await.is_empty());
    fixture.time.set(until);
    assert_eq!(claim(&fixture, "third", 10).await.len(), 1);
}

pub(crate) async fn a_new_end_moves_the_timer(fixture: Fixture) {
    let only = sanction(&fixture, Some(HOUR)).await.unwrap();
    let later = fixture.now() + HOUR * 2;
    let set = async |end| {
        in_tx!(fixture.store, |tx| {
            tx.set_sanction_end(only.id, end, end).await
        })
        .unwrap()
    };
    assert!(set(Some(later)).await);
    fixture.time.advance(HOUR);
    assert!(claim(&fixture, "worker", 10).await.is_empty());
    assert!(set(None).await);
    fixture.time.advance(HOUR * 100);
    assert!(claim(&fixture, "worker", 10).await.is_empty());
    assert_eq!(live(&fixture).await.unwrap().expires_at, None);
}
