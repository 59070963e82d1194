//! Holding, failing, losing and giving back.

use super::*;
use chrono::TimeDelta;
use lockdown_bus::DeadReason;

pub(crate) async fn what_a_silent_consumer_held_goes_to_another(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let group = open(&engine, "test.reader").await;
    let all = events(6);
    append(&engine, &all).await;
    let (gone, me) = (consumer("gone"), consumer("me"));
    let held = take(&engine, &group, &gone, 6).await;
    settle(&engine, &group, &gone, &held[..1], &Settlement::Ack).await;
    let due = fixture.now() + TimeDelta::hours(1);
    let failed = Settlement::Retry {
        failure: failure(fixture, "it broke"),
        due,
    };
    assert_eq!(settle(&engine, &group, &gone, &held[1..2], &failed).await, [true]);
    // Nobody is dead yet.
    nothing(&engine, &group, &me, fixture.silence() * 100).await;
    fixture.advance(fixture.silence() * 2).await;
    let other = fixture.engine().await;
    let first = other.take_over(&group, &me, fixture.silence(), 2).await.unwrap();
    assert_eq!(first.len(), 2, "no more than asked for");
    let mut taken = first;
    taken.extend(reclaim(&other, &group, &me, fixture.silence(), 3).await);
    taken.sort_by_key(|delivery| delivery.entry);
    assert_eq!(contents(&taken), envelopes(&all[1..]));
    assert!(taken.iter().all(|delivery| delivery.deliveries == 2), "{taken:?}");
    let retry = taken[0].retry.as_ref().expect("its failure is known");
    assert_eq!((retry.attempts, retry.error.as_str()), (1, "it broke"));
    assert_eq!(retry.due.timestamp_millis(), due.timestamp_millis());
    assert!(taken[1..].iter().all(|delivery| delivery.retry.is_none()));
    // They are held again, now by another.
    nothing(&engine, &group, &gone, fixture.silence() * 100).await;
}

pub(crate) async fn a_renewed_entry_stays(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let group = open(&engine, "test.reader").await;
    append(&engine, &events(2)).await;
    let (alive, me) = (consumer("alive"), consumer("me"));
    let held = take(&engine, &group, &alive, 2).await;
    for _ in 0..10 {
        fixture.advance(fixture.silence() / 4).await;
        // Of the second nothing is said.
        assert_eq!(
            settle(&engine, &group, &alive, &held[..1], &Settlement::Renew).await,
            [true]
        );
    }
    let taken = reclaim(&engine, &group, &me, fixture.silence(), 1).await;
    assert_eq!(taken[0].entry, held[1].entry);
    assert_eq!(
        settle(&engine, &group, &alive, &held, &Settlement::Renew).await,
        [true, false]
    );
}

pub(crate) async fn a_former_owner_changes_nothing(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let group = open(&engine, "test.reader").await;
    let all = events(4);
    append(&engine, &all).await;
    let (former, me) = (consumer("former"), consumer("me"));
    let held = take(&engine, &group, &former, 4).await;
    fixture.advance(fixture.silence() * 2).await;
    let taken = reclaim(&engine, &group, &me, fixture.silence(), 4).await;
    let late = [
        Settlement::Retry {
            failure: failure(fixture, "late"),
            due: fixture.now(),
        },
        Settlement::Dead {
            failure: failure(fixture, "late"),
            reason: DeadReason::Permanent,
        },
        Settlement::Renew,
        Settlement::Release,
    ];
    let late: Vec<_> = held.into_iter().zip(late).collect();
    assert_eq!(engine.settle(&group, &former, &late).await.unwrap(), [false; 4]);
    let letters = engine
        .dead_letters(&lockdown_bus::DeadFilter::default(), None, 10)
        .await
        .unwrap();
    assert!(letters.is_empty(), "{letters:?}");
    nothing(&engine, &group, &consumer("third"), fixture.silence() * 100).await;
    // The owner's count of failures begins with its own.
    let mine = Settlement::Retry {
        failure: failure(fixture, "mine"),
        due: fixture.now(),
    };
    assert_eq!(settle(&engine, &group, &me, &taken, &mine).await, [true; 4]);
    fixture.advance(fixture.silence() * 2).await;
    let again = reclaim(&engine, &group, &consumer("third"), fixture.silence(), 4).await;
    for delivery in again {
        let retry = delivery.retry.expect("it failed once");
        assert_eq!((retry.attempts, retry.error.as_str()), (1, "mine"));
    }
}

pub(crate) async fn a_late_ack_is_accepted(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let group = open(&engine, "test.reader").await;
    append(&engine, &events(2)).await;
    let (former, me) = (consumer("former"), consumer("me"));
    let held = take(&engine, &group, &former, 2).await;
    fixture.advance(fixture.silence() * 2).await;
    let taken = reclaim(&engine, &group, &me, fixture.silence(), 2).await;
    settle(&engine, &group, &former, &held, &Settlement::Ack).await;
    // It is over for the new owner, whatever it says.
    let late = vec![
        (
            taken[0].clone(),
            Settlement::Retry {
                failure: failure(fixture, "late"),
                due: fixture.now(),
            },
        ),
        (
            taken[1].clone(),
            Settlement::Dead {
                failure: failure(fixture, "late"),
                reason: DeadReason::Exhausted,
            },
        ),
    ];
    assert_eq!(engine.settle(&group, &me, &late).await.unwrap(), [false, false]);
    fixture.advance(fixture.silence() * 2).await;
    nothing(&engine, &group, &consumer("third"), fixture.silence()).await;
    fixture.restart().await;
    let engine = fixture.engine().await;
    fixture.advance(fixture.silence() * 2).await;
    nothing(&engine, &group, &consumer("third"), fixture.silence()).await;
    let letters = engine
        .dead_letters(&lockdown_bus::DeadFilter::default(), None, 10)
        .await
        .unwrap();
    assert!(letters.is_empty(), "{letters:?}");
}

pub(crate) async fn a_failure_is_remembered_across_a_restart(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let group = open(&engine, "test.reader").await;
    let all = events(2);
    append(&engine, &all).await;
    let before = consumer("before");
    let held = take(&engine, &group, &before, 2).await;
    let mut failed_at = Vec::new();
    let mut due = fixture.now();
    for n in 1..=3 {
        due = fixture.now() + TimeDelta::hours(n);
        let failure = failure(fixture, &format!("failure {n}"));
        failed_at.push(failure.at);
        let failed = Settlement::Retry { failure, due };
        assert_eq!(
            settle(&engine, &group, &before, &held[..1], &failed).await,
            [true]
        );
        fixture.advance(Duration::from_millis(5)).await;
    }
    fixture.restart().await;
    let engine = fixture.engine().await;
    fixture.advance(fixture.silence() * 2).await;
    let me = consumer("after");
    let mut taken = reclaim(&engine, &group, &me, fixture.silence(), 2).await;
    taken.sort_by_key(|delivery| delivery.entry);
    assert_eq!(contents(&taken), envelopes(&all));
    assert_eq!((taken[0].deliveries, taken[1].deliveries), (2, 2));
    let retry = taken[0].retry.as_ref().expect("its failures are known");
    assert_eq!((retry.attempts, retry.error.as_str()), (3, "failure 3"));
    assert_eq!(
        retry.first_failure.timestamp_millis(),
        failed_at[0].timestamp_millis()
    );
    assert!(retry.last_failure > retry.first_failure);
    assert_eq!(retry.due.timestamp_millis(), due.timestamp_millis());
    assert_eq!(taken[1].retry, None);
    // And once more, for what is counted on.
    fixture.restart().await;
    let engine = fixture.engine().await;
    fixture.advance(fixture.silence() * 2).await;
    let me = consumer("once-more");
    let taken = reclaim(&engine, &group, &me, fixture.silence(), 2).await;
    assert!(taken.iter().all(|delivery| delivery.deliveries == 3), "{taken:?}");
    // Handled at last: nothing of it is left.
    settle(&engine, &group, &me, &taken, &Settlement::Ack).await;
    fixture.restart().await;
    fixture.advance(fixture.silence() * 2).await;
    nothing(
        &fixture.engine().await,
        &group,
        &consumer("third"),
        fixture.silence(),
    )
    .await;
}

pub(crate) async fn a_failed_entry_stays_with_its_consumer(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let group = open(&engine, "test.reader").await;
    append(&engine, &events(1)).await;
    let me = consumer("me");
    let held = take(&engine, &group, &me, 1).await;
    let long = "ы".repeat(5_000);
    let failed = Settlement::Retry {
        failure: failure(fixture, &long),
        due: fixture.now(),
    };
    // A failure is a word too: from here on the silence counts anew.
    fixture.advance(fixture.silence() * 2).await;
    assert_eq!(settle(&engine, &group, &me, &held, &failed).await, [true]);
    nothing(&engine, &group, &consumer("other"), fixture.silence()).await;
    fixture.advance(fixture.silence() * 2).await;
    let taken = reclaim(&engine, &group, &consumer("other"), fixture.silence(), 1).await;
    let error = &taken[0].retry.as_ref().expect("it failed").error;
    assert!(!error.is_empty() && error.len() <= 2048 && long.starts_with(error.as_str()));
}

pub(crate) async fn a_released_entry_is_free_at_once(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let group = open(&engine, "test.reader").await;
    let all = events(3);
    append(&engine, &all).await;
    let (leaving, me) = (consumer("leaving"), consumer("me"));
    let held = take(&engine, &group, &leaving, 3).await;
    let released = settle(&engine, &group, &leaving, &held[1..], &Settlement::Release).await;
    assert_eq!(released, [true, true]);
    // No time passes, and the wait for the silent is long.
    let mut taken = reclaim(&engine, &group, &me, Duration::from_secs(5), 2).await;
    taken.sort_by_key(|delivery| delivery.entry);
    assert_eq!(contents(&taken), envelopes(&all[1..]));
    // It was not begun: an orderly stop, however often repeated, makes no poison of it.
    let deliveries: Vec<u64> = taken.iter().map(|delivery| delivery.deliveries).collect();
    assert_eq!(deliveries, [1, 1]);
    assert_eq!(
        settle(&engine, &group, &leaving, &held, &Settlement::Renew).await,
        [true, false, false]
    );
}

pub(crate) async fn a_release_counts_for_nothing_after_a_restart_too(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let group = open(&engine, "test.reader").await;
    append(&engine, &events(2)).await;
    let leaving = consumer("leaving");
    let held = take(&engine, &group, &leaving, 2).await;
    settle(&engine, &group, &leaving, &held[1..], &Settlement::Release).await;
    fixture.restart().await;
    let engine = fixture.engine().await;
    fixture.advance(fixture.silence() * 2).await;
    let mut taken = reclaim(&engine, &group, &consumer("me"), fixture.silence(), 2).await;
    taken.sort_by_key(|delivery| delivery.entry);
    let deliveries: Vec<u64> = taken.iter().map(|delivery| delivery.deliveries).collect();
    assert_eq!(deliveries, [2, 1]);
}

pub(crate) async fn only_what_was_not_acknowledged_comes_again_after_a_restart(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let (one, two) = (open(&engine, "test.one").await, open(&engine, "test.two").await);
    let all: Vec<_> = (0..60).map(|n| event(TYPE, n % 7, &n.to_string())).collect();
    append(&engine, &all).await;
    let before = consumer("before");
    let held = take(&engine, &one, &before, 50).await;
    // Out of order, with holes.
    let (acked, open): (Vec<_>, Vec<_>) = held
        .into_iter()
        .enumerate()
        .partition(|(n, _)| n % 3 == 0 || (20..30).contains(n));
    let acked: Vec<_> = acked.into_iter().rev().map(|(_, delivery)| delivery).collect();
    settle(&engine, &one, &before, &acked, &Settlement::Ack).await;
    fixture.restart().await;
    fixture.advance(fixture.silence() * 2).await;
    let engine = fixture.engine().await;
    let me = consumer("after");
    let taken = reclaim(&engine, &one, &me, fixture.silence(), 60 - acked.len()).await;
    nothing(&engine, &one, &consumer("third"), fixture.silence() * 100).await;
    let twice = |deliveries: u64| {
        sorted(
            taken
                .iter()
                .filter(|delivery| delivery.deliveries == deliveries)
                .map(|delivery| delivery.entry)
                .collect(),
        )
    };
    assert_eq!(
        twice(2),
        sorted(open.iter().map(|(_, delivery)| delivery.entry).collect())
    );
    assert_eq!(twice(1).len(), 10, "what was never handed out");
    // The other group has not begun.
    assert_eq!(
        sorted(contents(&take(&engine, &two, &me, 60).await)),
        sorted(envelopes(&all))
    );
}

pub(crate) async fn a_consumer_that_holds_something_is_not_removed(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let group = open(&engine, "test.reader").await;
    append(&engine, &events(2)).await;
    let (leaving, me) = (consumer("leaving"), consumer("me"));
    let held = take(&engine, &group, &leaving, 2).await;
    assert!(!engine.remove_consumer(&group, &leaving).await.unwrap());
    settle(&engine, &group, &leaving, &held[..1], &Settlement::Ack).await;
    assert!(!engine.remove_consumer(&group, &leaving).await.unwrap());
    fixture.advance(fixture.silence() * 2).await;
    let taken = reclaim(&engine, &group, &me, fixture.silence(), 1).await;
    assert_eq!(taken[0].entry, held[1].entry);
    assert!(engine.remove_consumer(&group, &leaving).await.unwrap());

    // Coming back at that very moment: either it was gone before it read, or it stays.
    for round in 0..1000 {
        append(&engine, &[event(TYPE, round, "raced for")]).await;
        let name = consumer(&format!("racer{round}"));
        let reader = {
            let (engine, group, name) = (Arc::clone(&engine), group.clone(), name.clone());
            tokio::spawn(async move { engine.read(&group, &name, 1, LIMIT).await.unwrap() })
        };
        engine.remove_consumer(&group, &name).await.unwrap();
        let held = reader.await.unwrap();
        assert_eq!(held.len(), 1);
        assert!(!engine.remove_consumer(&group, &name).await.unwrap());
        assert_eq!(
            settle(&engine, &group, &name, &held, &Settlement::Renew).await,
            [true]
        );
        settle(&engine, &group, &name, &held, &Settlement::Ack).await;
    }
}

pub(crate) async fn what_is_said_twice_counts_once(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let group = open(&engine, "test.reader").await;
    append(&engine, &events(5)).await;
    let (me, other) = (consumer("me"), consumer("other"));
    take(&engine, &group, &consumer("gone"), 5).await;
    fixture.advance(fixture.silence() * 2).await;
    let mut held = reclaim(&engine, &group, &me, fixture.silence(), 5).await;
    held.sort_by_key(|delivery| delivery.entry);
    let at = failure(fixture, "it broke");
    let all = [
        Settlement::Ack,
        Settlement::Retry {
            failure: at.clone(),
            due: fixture.now(),
        },
        Settlement::Dead {
            failure: at,
            reason: DeadReason::Permanent,
        },
        Settlement::Renew,
        Settlement::Release,
    ];
    let all: Vec<_> = held.iter().cloned().zip(all).collect();
    assert_eq!(engine.settle(&group, &me, &all).await.unwrap(), [true; 5]);
    // As after an answer that was lost. What it holds no longer it is told, and nothing changes.
    let again = engine.settle(&group, &me, &all).await.unwrap();
    assert_eq!(again[1..], [true, false, true, false]);

    let letters = engine
        .dead_letters(&lockdown_bus::DeadFilter::default(), None, 10)
        .await
        .unwrap();
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].attempts, 1);
    let free = reclaim(&engine, &group, &other, Duration::from_secs(3600), 1).await;
    assert_eq!((free[0].entry, free[0].deliveries), (held[4].entry, 2));
    fixture.advance(fixture.silence() * 2).await;
    let mut silent = reclaim(&engine, &group, &consumer("third"), fixture.silence(), 3).await;
    silent.sort_by_key(|delivery| delivery.entry);
    let entries: Vec<_> = silent.iter().map(|delivery| delivery.entry).collect();
    assert_eq!(entries, [held[1].entry, held[3].entry, held[4].entry]);
    assert_eq!(silent[0].retry.as_ref().map(|retry| retry.attempts), Some(1));
}
