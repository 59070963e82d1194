//! Leases and jobs, with as many stores as there would be processes.

use crate::fixture::Fixture;
use chrono::{DateTime, TimeDelta, Utc};
use lockdown_store::jobs::{Job, JobId, NewJob};
use lockdown_store::{Store, StoreError, in_read, in_tx};
use serde_json::json;
use std::collections::BTreeSet;

const LEASE: TimeDelta = TimeDelta::seconds(30);
const ALL: &[&str] = &["expire", "report"];

async fn processes(fixture: &Fixture, count: usize) -> Vec<Store> {
    futures_util::future::join_all((0..count).map(|_| fixture.another_process())).await
}

async fn take(store: &Store, holder: &str, now: DateTime<Utc>) -> Option<u64> {
    in_tx!(store, |tx| {
        tx.take_lease("expiry", holder, now, now + LEASE).await
    })
    .unwrap()
}

async fn stands(store: &Store, fence: u64) -> bool {
    in_tx!(store, |tx| { tx.lease_stands("expiry", fence).await }).unwrap()
}

pub(crate) async fn of_many_processes_one_leads(fixture: Fixture) {
    let stores = processes(&fixture, 4).await;
    let (mut fences, mut leaders) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        let now = fixture.now();
        let candidates = (0..12).map(|number| {
            let store = &stores[number % 4];
            async move {
                let fence = take(store, &format!("process {number}"), now).await;
                fence.map(|fence| (number, fence))
            }
        });
        let taken = futures_util::future::join_all(candidates).await;
        let taken: Vec<_> = taken.into_iter().flatten().collect();
        assert_eq!(taken.len(), 1, "{taken:?}");
        let (leader, fence) = taken[0];
        assert_eq!(
            take(&stores[0], &format!("process {leader}"), now).await,
            Some(fence),
            "it keeps what it has"
        );
        leaders.push(leader);
        fences.push(fence);
        fixture.time.advance(LEASE);
    }
    assert_eq!(fences, [1, 2, 3, 4, 5]);
    let lease = in_read!(fixture.store, |conn| { conn.lease("expiry").await })
        .unwrap()
        .unwrap();
    assert_eq!(
        (lease.holder, lease.fence, lease.held_until),
        (format!("process {}", leaders[4]), 5, fixture.now())
    );
    let none = in_read!(fixture.store, |conn| { conn.lease("another").await });
    assert_eq!(none.unwrap(), None);
}

pub(crate) async fn a_lost_lease_fences_off_its_holder(fixture: Fixture) {
    let stores = processes(&fixture, 2).await;
    let first = take(&stores[0], "first", fixture.now()).await.unwrap();
    assert!(stands(&stores[0], first).await);
    // The clock of the first stands still; the other one's does not.
    fixture.time.advance(LEASE);
    assert!(stands(&stores[0], first).await, "nobody has taken it yet");
    let second = take(&stores[1], "second", fixture.now()).await.unwrap();
    assert!(second > first);
    assert!(!stands(&stores[0], first).await);
    assert!(stands(&stores[1], second).await);
    assert!(!stands(&stores[1], second + 1).await, "nobody has that one");

    // Who asked in a transaction keeps the lease until its end, even when its time is up meanwhile.
    fixture.time.advance(LEASE);
    let mut tx = stores[1].begin().await.unwrap();
    assert!(tx.lease_stands("expiry", second).await.unwrap());
    let (heir, now) = (stores[0].clone(), fixture.now());
    let waiting = tokio::spawn(async move { take(&heir, "third", now).await });
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    let case = fixture.case(0);
    fixture.write_case(&mut tx, case).await.unwrap();
    assert!(!waiting.is_finished(), "it was taken in the middle of an effect");
    tx.commit().await.unwrap();
    assert_eq!(waiting.await.unwrap(), Some(second + 1));
}

pub(crate) async fn a_lease_that_lapsed_has_another_fence(fixture: Fixture) {
    let first = take(&fixture.store, "one", fixture.now()).await;
    fixture.time.advance(LEASE - TimeDelta::microseconds(1));
    assert_eq!(take(&fixture.store, "one", fixture.now()).await, first);
    fixture.time.advance(LEASE);
    let again = take(&fixture.store, "one", fixture.now()).await;
    assert_eq!(
        (first, again),
        (Some(1), Some(2)),
        "somebody may have had it in between"
    );
}

pub(crate) async fn a_lease_is_left_to_others(fixture: Fixture) {
    let fence = take(&fixture.store, "first", fixture.now()).await.unwrap();
    let release = async |fence| {
        in_tx!(fixture.store, |tx| {
            tx.release_lease("expiry", fence, fixture.now()).await
        })
        .unwrap()
    };
    assert!(!release(fence + 1).await);
    assert_eq!(take(&fixture.store, "second", fixture.now()).await, None);
    assert!(release(fence).await);
    assert!(!release(fence).await);
    assert_eq!(
        take(&fixture.store, "second", fixture.now()).await,
        Some(fence + 1)
    );
    assert!(!release(fence).await, "that is another's now");
    assert_eq!(take(&fixture.store, "first", fixture.now()).await, None);
}

async fn add(fixture: &Fixture, kind: &str, key: Option<&str>, run_at: DateTime<Utc>) -> Option<JobId> {
    let job = NewJob {
        id: JobId(fixture.ids.next()),
        kind,
        key,
        payload: json!({ "about": key }),
        run_at,
        created_at: fixture.now(),
    };
    let added = in_tx!(fixture.store, |tx| { tx.insert_job(&job).await }).unwrap();
    added.then_some(job.id)
}

async fn claim(store: &Store, kinds: &[&str], by: &str, now: DateTime<Utc>, limit: u64) -> Vec<Job> {
    in_tx!(store, |tx| {
        tx.claim_jobs(kinds, now, by, now + LEASE, limit).await
    })
    .unwrap()
}

async fn finish(store: &Store, job: &Job) -> bool {
    in_tx!(store, |tx| { tx.finish_job(job).await }).unwrap()
}

pub(crate) async fn jobs_are_done_once_by_many_processes(fixture: Fixture) {
    let stores = processes(&fixture, 3).await;
    let mut due = BTreeSet::new();
    for number in 0..30 {
        let run_at = fixture.now() + TimeDelta::seconds(number % 20);
        let id = add(&fixture, ALL[number as usize % 2], None, run_at)
            .await
            .unwrap();
        if number % 20 < 10 {
            due.insert(id);
        }
    }
    let next = in_read!(fixture.store, |conn| { conn.next_due_job(ALL).await }).unwrap();
    assert_eq!(next, Some(fixture.now()));
    fixture.time.advance(TimeDelta::seconds(9));
    let now = fixture.now();
    let workers = (0..6).map(|worker| {
        let store = &stores[worker % 3];
        async move {
            let mut done = Vec::new();
            loop {
                let some = claim(store, ALL, &format!("worker {worker}"), now, 2).await;
                if some.is_empty() {
                    return done;
                }
                for job in some {
                    assert!(finish(store, &job).await);
                    done.push(job.id);
                }
            }
        }
    });
    let done: Vec<_> = futures_util::future::join_all(workers).await.concat();
    assert_eq!(done.len(), due.len(), "none is done twice");
    assert_eq!(done.into_iter().collect::<BTreeSet<_>>(), due);
    assert_eq!(fixture.count("jobs").await, 10);
    let next = in_read!(fixture.store, |conn| { conn.next_due_job(ALL).await }).unwrap();
    assert_eq!(next, Some(now + TimeDelta::seconds(1)));
}

pub(crate) async fn a_job_about_the_same_is_not_added_twice(fixture: Fixture) {
    let now = fixture.now();
    let many = (0..8).map(|_| add(&fixture, "expire", Some("guild 1"), now));
    let added = futures_util::future::join_all(many).await;
    assert_eq!(added.into_iter().flatten().count(), 1);
    assert!(add(&fixture, "report", Some("guild 1"), now).await.is_some());
    assert!(add(&fixture, "expire", Some("guild 2"), now).await.is_some());
    for _ in 0..2 {
        assert!(add(&fixture, "expire", None, now).await.is_some());
    }
    let taken = claim(&fixture.store, &["expire"], "worker", now, 10).await;
    assert_eq!(taken.len(), 4);
    assert!(
        add(&fixture, "expire", Some("guild 1"), now).await.is_none(),
        "it is worked at"
    );
    let first = taken
        .iter()
        .find(|job| job.key.as_deref() == Some("guild 1"))
        .unwrap();
    assert_eq!(first.payload.0, json!({ "about": "guild 1" }));
    assert!(finish(&fixture.store, first).await);
    assert!(add(&fixture, "expire", Some("guild 1"), now).await.is_some());
}

pub(crate) async fn a_dead_workers_job_is_done_by_another(fixture: Fixture) {
    let id = add(&fixture, "expire", None, fixture.now()).await.unwrap();
    let slow = claim(&fixture.store, ALL, "worker", fixture.now(), 1).await;
    let extend = async |job: &Job| {
        let until = fixture.now() + LEASE;
        in_tx!(fixture.store, |tx| { tx.extend_job(job, until).await }).unwrap()
    };
    fixture.time.advance(LEASE / 2);
    assert!(extend(&slow[0]).await);
    fixture.time.advance(LEASE / 2);
    assert!(
        claim(&fixture.store, ALL, "other", fixture.now(), 1)
            .await
            .is_empty()
    );
    fixture.time.advance(LEASE / 2);
    // By the same process, even: its first try is over, whatever it does.
    let again = claim(&fixture.store, ALL, "worker", fixture.now(), 1).await;
    assert_eq!((again[0].id, again[0].attempts), (id, 2));
    assert!(!extend(&slow[0]).await);
    let mut tx = fixture.store.begin().await.unwrap();
    fixture.write_case(&mut tx, fixture.case(0)).await.unwrap();
    assert!(!tx.finish_job(&slow[0]).await.unwrap());
    tx.rollback().await;
    let late = in_tx!(fixture.store, |tx| {
        let retried = tx.retry_job(&slow[0], fixture.now(), "late").await?;
        Ok::<_, StoreError>((retried, tx.fail_job(&slow[0], fixture.now(), "late").await?))
    });
    assert_eq!(late.unwrap(), (false, false));
    assert!(finish(&fixture.store, &again[0]).await);
    assert!(!finish(&fixture.store, &again[0]).await);
    assert_eq!(
        (fixture.count("jobs").await, fixture.count("cases").await),
        (0, 0)
    );
}

pub(crate) async fn a_failed_job_is_tried_again_given_up_and_revived(fixture: Fixture) {
    let id = add(&fixture, "expire", Some("guild 1"), fixture.now())
        .await
        .unwrap();
    let taken = claim(&fixture.store, ALL, "worker", fixture.now(), 1).await;
    let later = fixture.now() + LEASE * 10;
    let retried = in_tx!(fixture.store, |tx| {
        tx.retry_job(&taken[0], later, "no answer\0").await
    });
    assert!(retried.unwrap());
    assert!(
        claim(&fixture.store, ALL, "worker", fixture.now(), 1)
            .await
            .is_empty()
    );
    fixture.time.set(later);
    let taken = claim(&fixture.store, ALL, "worker", later, 1).await;
    assert_eq!(
        (taken[0].attempts, taken[0].last_error.as_deref()),
        (2, Some("no answer"))
    );
    let failed = in_tx!(fixture.store, |tx| {
        tx.fail_job(&taken[0], later, "refused for good").await
    });
    assert!(failed.unwrap());
    fixture.time.advance(TimeDelta::days(1));
    let now = fixture.now();
    assert!(claim(&fixture.store, ALL, "worker", now, 1).await.is_empty());
    let failed = in_read!(fixture.store, |conn| { conn.failed_jobs(None, 10).await }).unwrap();
    assert_eq!(
        (failed[0].id, failed[0].last_error.as_deref()),
        (id, Some("refused for good"))
    );
    let rest = in_read!(fixture.store, |conn| { conn.failed_jobs(Some(id), 10).await });
    assert!(rest.unwrap().is_empty());

    // One that failed makes room for another about the same, and waits for its turn.
    let revive = async || in_tx!(fixture.store, |tx| { tx.revive_job(id, now).await }).unwrap();
    let other = add(&fixture, "expire", Some("guild 1"), now).await.unwrap();
    assert!(!revive().await);
    let drop_it = async |id| in_tx!(fixture.store, |tx| { tx.drop_job(id).await }).unwrap();
    assert!(!drop_it(other).await, "it waits");
    let taken = claim(&fixture.store, ALL, "worker", now, 1).await;
    assert!(finish(&fixture.store, &taken[0]).await);
    assert!(revive().await);
    assert!(!revive().await);
    let taken = claim(&fixture.store, ALL, "worker", now, 1).await;
    assert_eq!((taken[0].id, taken[0].attempts), (id, 1));
    in_tx!(fixture.store, |tx| { tx.fail_job(&taken[0], now, "again").await }).unwrap();
    assert!(drop_it(id).await);
    let gone = in_read!(fixture.store, |conn| { conn.job(id).await });
    assert_eq!(gone.unwrap(), None);
}

pub(crate) async fn a_process_takes_what_it_knows(fixture: Fixture) {
    let now = fixture.now();
    add(&fixture, "of a newer release", None, now).await.unwrap();
    let known = add(&fixture, "report", None, now + LEASE).await.unwrap();
    let next = async |kinds: &'static [&'static str]| {
        in_read!(fixture.store, |conn| { conn.next_due_job(kinds).await }).unwrap()
    };
    assert_eq!(next(ALL).await, Some(now + LEASE));
    assert_eq!(next(&[]).await, None);
    fixture.time.advance(LEASE);
    let taken = claim(&fixture.store, ALL, "worker", fixture.now(), 10).await;
    assert_eq!(taken.iter().map(|job| job.id).collect::<Vec<_>>(), [known]);
    assert!(
        claim(&fixture.store, &[], "worker", fixture.now(), 10)
            .await
            .is_empty()
    );
}
