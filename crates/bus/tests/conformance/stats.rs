//! What is counted, and what is removed by hand.

use super::*;
use lockdown_bus::{DeadReason, GroupStats, Removal, Stats, StreamStats};

fn of<'a>(stats: &'a Stats, group: &Group) -> &'a GroupStats {
    stats.group(&group.name).unwrap()
}

fn of_stream(stats: &Stats) -> &StreamStats {
    let found = stats.streams.iter().find(|stats| stats.stream == stream());
    found.unwrap()
}

fn dead(fixture: &impl Fixture) -> Settlement {
    Settlement::Dead {
        failure: failure(fixture, "broken"),
        reason: DeadReason::Permanent,
    }
}

pub(crate) async fn what_was_appended_is_somewhere(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let (group, me) = (open(&engine, "test.counted").await, consumer("me"));
    append(&engine, &events(100)).await;
    let stats = engine.stats().await.unwrap();
    assert_eq!(stats.streams.len(), Stream::all().count());
    assert_eq!((of_stream(&stats).length, of_stream(&stats).appended), (100, 100));
    assert_eq!(
        (of(&stats, &group).lag(), of(&stats, &group).pending()),
        (Some(100), 0)
    );
    assert_eq!(of(&stats, &group).oldest(), None);

    let held = take(&engine, &group, &me, 90).await;
    fixture.advance(Duration::from_millis(20)).await;
    settle(&engine, &group, &me, &held[..60], &Settlement::Ack).await;
    settle(&engine, &group, &me, &held[60..65], &dead(fixture)).await;
    let retry = Settlement::Retry {
        failure: failure(fixture, "not now"),
        due: fixture.now(),
    };
    settle(&engine, &group, &me, &held[65..72], &retry).await;
    let stats = engine.stats().await.unwrap();
    let (counted, lies) = (of(&stats, &group), of_stream(&stats));
    assert_eq!(
        (counted.lag(), counted.pending(), counted.dead),
        (Some(10), 25, 5)
    );
    assert_eq!((counted.retrying, counted.inbox, lies.dead), (7, 0, 5));
    assert!(counted.oldest().unwrap() >= Duration::from_millis(20));
    assert_eq!(counted.consumers.len(), 1);
    assert_eq!(
        (&counted.consumers[0].name, counted.consumers[0].pending),
        (&me, 25)
    );
    let (acked, lag) = (60, 10);
    assert_eq!(lies.appended, acked + counted.pending() + counted.dead + lag);

    // Some of what is open is trimmed away, and counted where it went.
    let trimmed = engine.trim(stream(), DateTime::UNIX_EPOCH, 12).await.unwrap();
    assert_eq!((trimmed.entries, trimmed.unsettled), (88, 23));
    let free = reclaim(&engine, &group, &consumer("other"), Duration::ZERO, 2).await;
    settle(&engine, &group, &consumer("other"), &free, &Settlement::Ack).await;
    let rest = take(&engine, &group, &me, 10).await;
    settle(&engine, &group, &me, &rest, &Settlement::Ack).await;
    let stats = engine.stats().await.unwrap();
    let (counted, lies) = (of(&stats, &group), of_stream(&stats));
    assert_eq!(
        (counted.lag(), counted.pending(), counted.retrying),
        (Some(0), 0, 0)
    );
    assert_eq!(
        (lies.length, lies.appended, lies.first.is_some()),
        (12, 100, true)
    );
    assert_eq!(lies.appended, 72 + counted.dead + trimmed.unsettled);
    assert_eq!(lies.last, engine.last(stream()).await.unwrap());
}

pub(crate) async fn a_lag_is_known_wherever_the_group_begins(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let appended = append(&engine, &events(50)).await;
    let middle = [(stream(), appended[19].position.id)].into();
    let (late, all) = (group("test.late"), open(&engine, "test.all").await);
    engine.open_group(&late, &Start::After(middle)).await.unwrap();
    let lags = |stats: &Stats| [&late, &all].map(|group| of(stats, group).lag());
    assert_eq!(lags(&engine.stats().await.unwrap()), [Some(30), Some(50)]);
    // A trim takes what was not read from the lag of both.
    engine.trim(stream(), DateTime::UNIX_EPOCH, 10).await.unwrap();
    assert_eq!(lags(&engine.stats().await.unwrap()), [Some(10), Some(10)]);
    let me = consumer("me");
    for group in [&late, &all] {
        let held = take(&engine, group, &me, 10).await;
        settle(&engine, group, &me, &held, &Settlement::Ack).await;
    }
    assert_eq!(lags(&engine.stats().await.unwrap()), [Some(0), Some(0)]);
}

pub(crate) async fn a_group_with_something_open_is_removed_by_force_only(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let (gone, stays, me) = (
        open(&engine, "test.gone").await,
        open(&engine, "test.stays").await,
        consumer("me"),
    );
    append(&engine, &events(10)).await;
    let held = take(&engine, &gone, &me, 6).await;
    settle(&engine, &gone, &me, &held[..2], &Settlement::Ack).await;
    settle(&engine, &gone, &me, &held[2..3], &dead(fixture)).await;
    let stored = history(&engine, stream(), 100).await;
    engine.replay(&gone, &stored[..2]).await.unwrap();
    let refused = engine.remove_group(&gone.name, false).await.unwrap();
    let open = 3 + 4 + 2;
    assert_eq!(refused, Removal { removed: false, open });
    assert!(engine.stats().await.unwrap().group(&gone.name).is_some());

    let removed = engine.remove_group(&gone.name, true).await.unwrap();
    assert_eq!(removed, Removal { removed: true, open });
    let stats = engine.stats().await.unwrap();
    // Its dead letter is still evidence.
    let left = of(&stats, &gone);
    assert_eq!((left.lanes.len(), left.inbox, left.dead), (0, 0, 1));
    assert_eq!(of(&stats, &stays).lag(), Some(10));
    // Made again, it has forgotten everything.
    engine.open_group(&gone, &Start::Oldest).await.unwrap();
    let again = take(&engine, &gone, &me, 10).await;
    assert!(
        again
            .iter()
            .all(|delivery| delivery.deliveries == 1 && !delivery.inbox)
    );
    settle(&engine, &gone, &me, &again, &Settlement::Ack).await;
    assert!(engine.remove_group(&gone.name, false).await.unwrap().removed);
    fixture.restart().await;
    let engine = fixture.engine().await;
    let stats = engine.stats().await.unwrap();
    assert_eq!(of(&stats, &gone).lanes.len(), 0);
    assert_eq!(of(&stats, &stays).lag(), Some(10));
}

pub(crate) async fn dead_letters_end_by_age_and_number(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let (group, me) = (open(&engine, "test.dying").await, consumer("me"));
    append(&engine, &events(10)).await;
    let held = take(&engine, &group, &me, 10).await;
    settle(&engine, &group, &me, &held[..4], &dead(fixture)).await;
    fixture.advance(Duration::from_millis(20)).await;
    let mark = fixture.now();
    fixture.advance(Duration::from_millis(20)).await;
    settle(&engine, &group, &me, &held[4..], &dead(fixture)).await;
    let letters = async || {
        let all = engine.dead_letters(&Default::default(), None, 100).await.unwrap();
        all.into_iter().map(|letter| letter.entry.id).collect::<Vec<_>>()
    };
    let all = letters().await;
    assert_eq!(engine.expire_dead(mark, 100).await.unwrap(), 4);
    assert_eq!(letters().await, all[4..]);
    assert_eq!(engine.expire_dead(mark, 2).await.unwrap(), 4);
    assert_eq!(letters().await, all[8..]);
    assert_eq!(engine.expire_dead(mark, 2).await.unwrap(), 0);
    assert_eq!(of(&engine.stats().await.unwrap(), &group).dead, 2);
}

pub(crate) async fn who_listens_is_counted(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let channels = globs(&["ban:created", "user:left"]);
    assert_eq!(engine.listeners(&channels).await.unwrap().channels, [0, 0]);
    let (one, other) = (
        engine.live().await.unwrap(),
        fixture.engine().await.live().await.unwrap(),
    );
    one.subscribe(&globs(&["ban:created", "ban:*"])).await.unwrap();
    other
        .subscribe(&globs(&["ban:created", "user:left", "ban:*", "*:left"]))
        .await
        .unwrap();
    let counted = engine.listeners(&channels).await.unwrap();
    assert_eq!((counted.channels, counted.patterns), (vec![2, 1], 2));
}
