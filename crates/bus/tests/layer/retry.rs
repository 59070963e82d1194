//! Between a failure and the next try.

use super::bench::{Faulty, Put, told, until};
use super::consume::{GRACE, LEFT, Seen, consumer, publish, quick};
use crate::conformance::Fixture;
use chrono::{DateTime, Utc};
use lockdown_bus::{Backoff, ConsumerOptions, DeadReason, Engine, GroupName, Handler, HandlerError};
use lockdown_events::Envelope;
use lockdown_runtime::Clock;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Attempts and the times at which they began, by event.
type Tries = Arc<Mutex<BTreeMap<(u32, u32), Vec<(u32, DateTime<Utc>)>>>>;

/// Notes each try, and fails those before the attempt that this says.
fn failing(tries: &Tries, until_attempt: impl Fn((u32, u32)) -> u32 + Send + Sync + 'static) -> Handler {
    let tries = Arc::clone(tries);
    Handler::new("fails", LEFT, move |received| {
        let event = told(&received.event);
        let mut tries = tries.lock().unwrap();
        tries
            .entry(event)
            .or_default()
            .push((received.attempt, Clock::system().now()));
        let outcome = if received.attempt < until_attempt(event) {
            Err(HandlerError::Again("not yet".to_owned()))
        } else {
            Ok(())
        };
        async { outcome }
    })
}

fn of_put(put: &Put) -> (u32, u32) {
    told(&Envelope::decode(&put.envelope).unwrap().event().unwrap())
}

pub(crate) async fn an_event_that_failed_waits_no_shorter_and_no_longer_than_was_said(
    fixture: &impl Fixture,
) {
    let log = Faulty::over(fixture).await;
    publish(&log, 1, 0..1).await;
    let tries = Tries::default();
    let options = ConsumerOptions {
        backoff: Backoff {
            first: Duration::from_millis(20),
            cap: Duration::from_millis(60),
        },
        attempts: 6,
        ..quick()
    };
    let failing_five_times = failing(&tries, |_| 6);
    let first = consumer(&log, vec![failing_five_times], options).await;
    until("it is handled", || async {
        tries
            .lock()
            .unwrap()
            .get(&(1, 0))
            .is_some_and(|tries| tries.len() == 6)
    })
    .await;
    first.stop(GRACE).await;
    let retries = log.retries.lock().await.clone();
    let tried = tries.lock().unwrap()[&(1, 0)].clone();
    assert_eq!(
        tried.iter().map(|(attempt, _)| *attempt).collect::<Vec<_>>(),
        [1, 2, 3, 4, 5, 6]
    );
    assert_eq!(retries.len(), 5);
    for (failures, (put, (_, next))) in (1..).zip(retries.iter().zip(&tried[1..])) {
        let pause = (put.due - put.failed).to_std().unwrap();
        assert!(
            pause <= options.backoff.bound(failures),
            "{pause:?} after {failures}"
        );
        assert!(*next >= put.due, "try {} began early", failures + 1);
    }
    // One that waits for an hour holds up nobody, not even in its own community.
    let hours = ConsumerOptions {
        backoff: Backoff {
            first: Duration::from_secs(7200),
            cap: Duration::from_secs(7200),
        },
        ..options
    };
    let tries = Tries::default();
    let second = consumer(
        &log,
        vec![failing(&tries, |event| u32::from(event == (2, 0)) * 9)],
        hours,
    )
    .await;
    publish(&log, 2, 0..20).await;
    publish(&log, 3, 0..20).await;
    until("all others are handled", || async {
        tries.lock().unwrap().len() == 40
    })
    .await;
    second.stop(GRACE).await;
    assert!(tries.lock().unwrap().values().all(|tries| tries.len() == 1));
}

pub(crate) async fn a_wait_goes_on_after_a_restart(fixture: &impl Fixture) {
    const EVENTS: u32 = 20;
    let log = Faulty::over(fixture).await;
    publish(&log, 1, 0..EVENTS).await;
    let options = ConsumerOptions {
        backoff: Backoff {
            first: Duration::from_secs(2),
            cap: Duration::from_secs(2),
        },
        ..quick()
    };
    let tries = Tries::default();
    let before = consumer(&log, vec![failing(&tries, |_| 2)], options).await;
    until("all have failed once", || async {
        log.retries.lock().await.len() >= 20
    })
    .await;
    before.stop(GRACE).await;
    let due: BTreeMap<_, _> = log
        .retries
        .lock()
        .await
        .iter()
        .map(|put| (of_put(put), put.due))
        .collect();
    tries.lock().unwrap().retain(|_, tried| tried.len() == 1);
    let waiting = tries.lock().unwrap().len();
    assert!(waiting > 0, "all were tried again before the stop");
    fixture.restart().await;

    let log = Faulty::over(fixture).await;
    let after = consumer(&log, vec![failing(&tries, |_| 2)], options).await;
    until("all are tried again", || async {
        tries.lock().unwrap().values().all(|tried| tried.len() == 2)
    })
    .await;
    after.stop(GRACE).await;
    for (event, tried) in &*tries.lock().unwrap() {
        let (attempt, at) = tried[1];
        assert_eq!(attempt, 2, "{event:?}: its failure was forgotten");
        // The record has microseconds.
        assert!(
            at.timestamp_micros() >= due[event].timestamp_micros(),
            "{event:?} came early"
        );
    }
    assert!(log.dead().await.is_empty());
}

pub(crate) async fn a_settlement_whose_answer_was_lost_counts_once(fixture: &impl Fixture) {
    let log = Faulty::over(fixture).await;
    // Every third event is handled at once, at its third try, never, or given up.
    publish(&log, 1, 0..8).await;
    let (tries, seen) = (Tries::default(), Seen::default());
    let failing = failing(&tries, |(_, number)| [1, 3, 9, 1][number as usize % 4]);
    let noting = seen.clone();
    let giving_up = Handler::new("gives-up", LEFT, move |received| {
        let told = told(&received.event);
        noting.note(told);
        async move {
            match told.1 % 4 {
                3 => Err(HandlerError::Never("no".to_owned())),
                _ => Ok(()),
            }
        }
    });
    log.lose_settle.store(6, Ordering::SeqCst);
    let consumer = consumer(&log, vec![failing, giving_up], quick()).await;
    let group = GroupName::new("test.layer").unwrap();
    until("nothing is left to do", || async {
        let stats = log.stats().await.unwrap();
        let group = stats.group(&group).unwrap();
        let open = group.lag().unwrap() + group.pending() + group.retrying;
        log.dead().await.len() == 4 && open == 0
    })
    .await;
    consumer.stop(GRACE).await;
    assert!(
        log.lose_settle.load(Ordering::SeqCst) < 3,
        "hardly an answer was lost"
    );
    for ((_, number), tried) in &*tries.lock().unwrap() {
        let attempts: Vec<u32> = tried.iter().map(|(attempt, _)| *attempt).collect();
        let expected = [1, 3, quick().attempts, 1][*number as usize % 4];
        assert_eq!(attempts, (1..=expected).collect::<Vec<_>>(), "event {number}");
    }
    assert_eq!(seen.count(), 8, "who is through with an event is not asked again");
    let mut dead: Vec<_> = log
        .dead()
        .await
        .into_iter()
        .map(|letter| (letter.attempts, letter.reason))
        .collect();
    dead.sort_by_key(|(attempts, _)| *attempts);
    let (given_up, exhausted) = ((1, DeadReason::Permanent), (4, DeadReason::Exhausted));
    assert_eq!(dead, [given_up, given_up, exhausted, exhausted]);
}
