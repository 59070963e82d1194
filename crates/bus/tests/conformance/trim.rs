//! What goes, what stays, and what is counted.

use super::*;
use lockdown_bus::Trimmed;

const FAR: u64 = 1_000_000;

pub(crate) async fn what_a_group_has_not_settled_stays(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let (quick, slow) = (
        open(&engine, "test.quick").await,
        open(&engine, "test.slow").await,
    );
    let all = events(20);
    append(&engine, &all).await;
    let me = consumer("me");
    let held = take(&engine, &quick, &me, 20).await;
    settle(&engine, &quick, &me, &held, &Settlement::Ack).await;
    fixture.advance(Duration::from_millis(5)).await;
    let trim = |before| engine.trim(stream(), before, FAR);
    assert_eq!(trim(fixture.now()).await.unwrap(), Trimmed::default());

    // The slow one has the first five behind it, and beyond them only some.
    let held = take(&engine, &slow, &me, 10).await;
    settle(&engine, &slow, &me, &held[..5], &Settlement::Ack).await;
    settle(&engine, &slow, &me, &held[6..8], &Settlement::Ack).await;
    let gone = trim(fixture.now()).await.unwrap();
    assert_eq!(gone.unsettled, 0);
    assert!(gone.entries <= 5, "{gone:?}");
    let kept = history(&engine, stream(), 100).await;
    assert_eq!(
        texts(kept.iter().rev().take(15).rev().map(|stored| &stored.envelope)),
        envelopes(&all[5..])
    );
    // What is younger stays although everybody is through with it.
    settle(&engine, &slow, &me, &held[5..], &Settlement::Ack).await;
    let rest = take(&engine, &slow, &me, 10).await;
    assert_eq!(contents(&rest), envelopes(&all[10..]));
    settle(&engine, &slow, &me, &rest, &Settlement::Ack).await;
    fixture.advance(Duration::from_millis(5)).await;
    let mark = fixture.now();
    fixture.advance(Duration::from_millis(5)).await;
    let young = events(3);
    append(&engine, &young).await;
    for group in [&quick, &slow] {
        let held = take(&engine, group, &me, 3).await;
        settle(&engine, group, &me, &held, &Settlement::Ack).await;
    }
    assert_eq!(trim(mark).await.unwrap().unsettled, 0);
    let kept = history(&engine, stream(), 100).await;
    assert!(kept.len() >= 3);
    assert_eq!(
        texts(kept.iter().rev().take(3).rev().map(|stored| &stored.envelope)),
        envelopes(&young)
    );
}

pub(crate) async fn the_cap_takes_all_and_counts_it(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let group = open(&engine, "test.reader").await;
    let all = events(30);
    append(&engine, &all).await;
    let me = consumer("me");
    let held = take(&engine, &group, &me, 8).await;
    settle(&engine, &group, &me, &held[..4], &Settlement::Ack).await;
    settle(&engine, &group, &me, &held[6..], &Settlement::Ack).await;
    let gone = engine.trim(stream(), fixture.now(), 10).await.unwrap();
    // Of the first twenty, six were settled.
    assert_eq!(
        gone,
        Trimmed {
            entries: 20,
            unsettled: 14
        }
    );
    let kept = history(&engine, stream(), 7).await;
    assert_eq!(
        texts(kept.iter().map(|stored| &stored.envelope)),
        envelopes(&all[20..])
    );
    let rest = take(&engine, &group, &me, 10).await;
    assert_eq!(contents(&rest), envelopes(&all[20..]));
    let late = open(&engine, "test.late").await;
    let held = take(&engine, &late, &me, 10).await;
    assert_eq!(contents(&held), envelopes(&all[20..]));
}

pub(crate) async fn trimmed_entries_vanish_from_those_who_held_them(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let group = open(&engine, "test.reader").await;
    let all = events(6);
    append(&engine, &all).await;
    let (gone, me) = (consumer("gone"), consumer("me"));
    let held = take(&engine, &group, &gone, 6).await;
    let failed = Settlement::Retry {
        failure: failure(fixture, "so"),
        due: fixture.now(),
    };
    settle(&engine, &group, &gone, &held[..1], &failed).await;
    let trimmed = engine.trim(stream(), fixture.now(), 2).await.unwrap();
    assert_eq!(
        trimmed,
        Trimmed {
            entries: 4,
            unsettled: 4
        }
    );
    fixture.advance(fixture.silence() * 2).await;
    let mut taken = reclaim(&engine, &group, &me, fixture.silence(), 2).await;
    taken.sort_by_key(|delivery| delivery.entry);
    assert_eq!(contents(&taken), envelopes(&all[4..]));
    settle(&engine, &group, &me, &taken, &Settlement::Ack).await;
    fixture.advance(fixture.silence() * 2).await;
    nothing(&engine, &group, &me, fixture.silence()).await;
    assert!(engine.remove_consumer(&group, &gone).await.unwrap());
}

pub(crate) async fn a_trimmed_stream_goes_on_counting(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let group = open(&engine, "test.reader").await;
    let before = append(&engine, &events(5)).await;
    engine.trim(stream(), fixture.now(), 0).await.unwrap();
    assert!(history(&engine, stream(), 10).await.is_empty());
    fixture.restart().await;
    let engine = fixture.engine().await;
    let all = events(2);
    let after = append(&engine, &all).await;
    assert!(after[0].position.id > before[4].position.id);
    let held = take(&engine, &group, &consumer("me"), 2).await;
    assert_eq!(contents(&held), envelopes(&all));
}
