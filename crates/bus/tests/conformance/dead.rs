//! Dead letters and replays.

use super::*;
use lockdown_bus::{DeadFilter, DeadId, DeadLetter, DeadReason};

async fn letters(engine: &Arc<dyn Engine>) -> Vec<DeadLetter> {
    engine
        .dead_letters(&DeadFilter::default(), None, 1000)
        .await
        .unwrap()
}

fn dead(fixture: &impl Fixture, error: &str, reason: DeadReason) -> Settlement {
    Settlement::Dead {
        failure: failure(fixture, error),
        reason,
    }
}

/// Appends an event and lets the group give it up.
async fn bury(fixture: &impl Fixture, engine: &Arc<dyn Engine>, group: &Group) -> (Append, DeadLetter) {
    let one = event(TYPE, 1, "doomed");
    append(engine, std::slice::from_ref(&one)).await;
    let me = consumer("undertaker");
    let held = take(engine, group, &me, 1).await;
    let settlement = dead(fixture, "no use", DeadReason::Permanent);
    assert_eq!(settle(engine, group, &me, &held, &settlement).await, [true]);
    let letter = letters(engine).await.pop().expect("one letter");
    assert_eq!(letter.envelope, one.envelope);
    (one, letter)
}

pub(crate) async fn a_dead_event_leaves_one_letter(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let (group, other) = (
        open(&engine, "test.reader").await,
        open(&engine, "test.other").await,
    );
    let all = events(3);
    let appended = append(&engine, &all).await;
    let me = consumer("me");
    let held = take(&engine, &group, &me, 3).await;
    let mut failed_at = Vec::new();
    for n in 1..=2 {
        let failure = failure(fixture, &format!("failure {n}"));
        failed_at.push(failure.at);
        let failed = Settlement::Retry {
            failure,
            due: fixture.now(),
        };
        settle(&engine, &group, &me, &held[1..2], &failed).await;
        fixture.advance(Duration::from_millis(5)).await;
    }
    let settlement = dead(fixture, "the last straw", DeadReason::Exhausted);
    assert_eq!(
        settle(&engine, &group, &me, &held[1..2], &settlement).await,
        [true]
    );
    // It is out of the group: a second word about it counts for nothing.
    assert_eq!(
        settle(&engine, &group, &me, &held[1..2], &settlement).await,
        [false]
    );
    settle(&engine, &group, &me, &held[..1], &Settlement::Ack).await;
    settle(&engine, &group, &me, &held[2..], &Settlement::Ack).await;
    fixture.advance(fixture.silence() * 2).await;
    nothing(&engine, &group, &consumer("third"), fixture.silence()).await;

    let letters = letters(&engine).await;
    assert_eq!(letters.len(), 1);
    let letter = &letters[0];
    assert_eq!((&letter.group, &letter.consumer), (&group.name, &me));
    assert_eq!(letter.entry, appended[1].position);
    assert_eq!(
        (&letter.channel, &letter.envelope),
        (&all[1].channel, &all[1].envelope)
    );
    assert_eq!((letter.reason, letter.attempts), (DeadReason::Exhausted, 3));
    assert_eq!(letter.error, "the last straw");
    assert_eq!(
        letter.first_failure.timestamp_millis(),
        failed_at[0].timestamp_millis()
    );
    assert!(letter.last_failure > letter.first_failure);

    let untouched = take(&engine, &other, &me, 3).await;
    assert_eq!(contents(&untouched), envelopes(&all));
    assert!(untouched.iter().all(|delivery| delivery.retry.is_none()));
    assert!(engine.drop_dead(&letter.id).await.unwrap());
    assert!(!engine.drop_dead(&letter.id).await.unwrap());
    assert!(!engine.replay_dead(&letter.id).await.unwrap());
}

pub(crate) async fn letters_are_found_by_filter_and_page(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let me = consumer("me");
    let groups = [open(&engine, "test.one").await, open(&engine, "test.two").await];
    let kinds = ["message:created", "message:edited"];
    let batch: Vec<_> = (0..8).map(|n| event(kinds[n % 2], 1, &n.to_string())).collect();
    append(&engine, &batch).await;
    let mut mark = None;
    for group in &groups {
        let held = take(&engine, group, &me, 8).await;
        for (n, delivery) in held.into_iter().enumerate() {
            let reason = if n < 4 {
                DeadReason::Permanent
            } else {
                DeadReason::Undecodable
            };
            settle(&engine, group, &me, &[delivery], &dead(fixture, "so", reason)).await;
        }
        fixture.advance(Duration::from_millis(5)).await;
        mark.get_or_insert_with(|| fixture.now());
        fixture.advance(Duration::from_millis(5)).await;
    }
    let filters = [
        (DeadFilter::default(), 16),
        (
            DeadFilter {
                group: Some(groups[1].name.clone()),
                ..DeadFilter::default()
            },
            8,
        ),
        (
            DeadFilter {
                channel: Some(kinds[1].into()),
                ..DeadFilter::default()
            },
            8,
        ),
        (
            DeadFilter {
                reason: Some(DeadReason::Undecodable),
                ..DeadFilter::default()
            },
            8,
        ),
        (
            DeadFilter {
                before: mark,
                ..DeadFilter::default()
            },
            8,
        ),
        (
            DeadFilter {
                group: Some(groups[0].name.clone()),
                channel: Some(kinds[0].into()),
                reason: Some(DeadReason::Permanent),
                before: Some(fixture.now()),
            },
            2,
        ),
    ];
    for (filter, count) in filters {
        let mut found: Vec<DeadLetter> = Vec::new();
        loop {
            let after = found.last().map(|letter| letter.id.clone());
            let page = engine.dead_letters(&filter, after.as_ref(), 3).await.unwrap();
            assert!(page.len() <= 3);
            if page.is_empty() {
                break;
            }
            found.extend(page);
        }
        assert_eq!(found.len(), count, "{filter:?}");
        assert!(found.is_sorted_by(|a, b| a.last_failure <= b.last_failure));
        for letter in &found {
            assert!(filter.group.as_ref().is_none_or(|group| *group == letter.group));
            assert!(
                filter
                    .channel
                    .as_ref()
                    .is_none_or(|channel| *channel == letter.channel)
            );
            assert!(filter.reason.is_none_or(|reason| reason == letter.reason));
            assert!(filter.before.is_none_or(|before| letter.last_failure < before));
        }
        let ids: std::collections::BTreeSet<_> = found.iter().map(|letter| &letter.id).collect();
        assert_eq!(ids.len(), count);
    }
}

pub(crate) async fn a_letter_goes_back_to_its_group_once(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let (group, other) = (
        open(&engine, "test.reader").await,
        open(&engine, "test.other").await,
    );
    let (one, letter) = bury(fixture, &engine, &group).await;
    take(&engine, &other, &consumer("me"), 1).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (engine, id) = (fixture.engine().await, letter.id.clone());
        tasks.spawn(async move { engine.replay_dead(&id).await.unwrap() });
    }
    let replayed = tasks.join_all().await;
    assert_eq!(replayed.into_iter().filter(|replayed| *replayed).count(), 1);
    assert!(!engine.replay_dead(&letter.id).await.unwrap());
    assert!(letters(&engine).await.is_empty());
    let me = consumer("me");
    let held = reclaim(&engine, &group, &me, fixture.silence(), 1).await;
    assert_eq!(
        (&held[0].envelope, &held[0].channel),
        (&one.envelope, &one.channel)
    );
    assert_eq!(held[0].retry, None, "its failures are forgotten");
    nothing(&engine, &other, &consumer("third"), Duration::from_secs(3600)).await;
    nothing(&engine, &group, &consumer("third"), Duration::from_secs(3600)).await;
    settle(&engine, &group, &me, &held, &Settlement::Ack).await;
    fixture.advance(fixture.silence() * 2).await;
    nothing(&engine, &group, &consumer("third"), fixture.silence()).await;
    // An id that never was is no letter either.
    for odd in ["", "x", "999999", "msg.0/999999-0", "-1", "\u{1f980}"] {
        assert!(!engine.replay_dead(&DeadId(odd.into())).await.unwrap(), "{odd}");
        assert!(!engine.drop_dead(&DeadId(odd.into())).await.unwrap(), "{odd}");
    }
}

pub(crate) async fn a_letter_outlives_its_entry(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let group = open(&engine, "test.reader").await;
    let (one, letter) = bury(fixture, &engine, &group).await;
    append(&engine, &events(3)).await;
    engine.trim(stream(), fixture.now(), 1).await.unwrap();
    assert_eq!(history(&engine, stream(), 10).await.len(), 1);
    assert!(engine.replay_dead(&letter.id).await.unwrap());
    let me = consumer("me");
    let held = reclaim(&engine, &group, &me, fixture.silence(), 2).await;
    assert!(
        held.iter().any(|delivery| delivery.envelope == one.envelope),
        "{held:?}"
    );
    settle(&engine, &group, &me, &held, &Settlement::Ack).await;
    fixture.advance(fixture.silence() * 2).await;
    nothing(&engine, &group, &consumer("third"), fixture.silence()).await;
}

pub(crate) async fn letters_go_back_by_filter_and_all_at_once(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let (many, few) = (open(&engine, "test.many").await, open(&engine, "test.few").await);
    // More than one page of letters.
    let all = events(300);
    for batch in all.chunks(100) {
        append(&engine, batch).await;
    }
    let me = consumer("undertaker");
    let held = take(&engine, &many, &me, 300).await;
    let [first, last] = [DeadReason::Permanent, DeadReason::Exhausted].map(|why| dead(fixture, "so", why));
    settle(&engine, &many, &me, &held[..140], &first).await;
    settle(&engine, &many, &me, &held[140..], &last).await;
    let held = take(&engine, &few, &me, 300).await;
    settle(&engine, &few, &me, &held[..5], &first).await;
    settle(&engine, &few, &me, &held[5..], &Settlement::Ack).await;
    // The entries themselves are gone.
    engine.trim(stream(), fixture.now(), 0).await.unwrap();
    assert!(history(&engine, stream(), 10).await.is_empty());

    let (me, third) = (consumer("me"), consumer("third"));
    let of_many = DeadFilter {
        group: Some(many.name.clone()),
        reason: Some(DeadReason::Permanent),
        ..DeadFilter::default()
    };
    assert_eq!(engine.replay_dead_of(&of_many).await.unwrap(), 140);
    assert_eq!(engine.replay_dead_of(&of_many).await.unwrap(), 0);
    let held = take(&engine, &many, &me, 140).await;
    assert_eq!(contents(&held), envelopes(&all[..140]), "in their order");
    assert!(held.iter().all(|delivery| delivery.retry.is_none()));
    // One of them dies again, and stays until somebody asks again.
    settle(&engine, &many, &me, &held[..1], &last).await;
    settle(&engine, &many, &me, &held[1..], &Settlement::Ack).await;
    nothing(&engine, &many, &third, Duration::ZERO).await;
    nothing(&engine, &few, &third, Duration::ZERO).await;

    // All that are left, by three at once: each goes back once, and to its group only.
    let mut replaying = tokio::task::JoinSet::new();
    for _ in 0..3 {
        let engine = fixture.engine().await;
        replaying.spawn(async move { engine.replay_dead_of(&DeadFilter::default()).await.unwrap() });
    }
    let replayed: u64 = replaying.join_all().await.into_iter().sum();
    assert_eq!(replayed, 160 + 1 + 5);
    assert!(letters(&engine).await.is_empty());
    for (group, expected) in [
        (&many, [&all[..1], &all[140..]].concat()),
        (&few, all[..5].to_vec()),
    ] {
        let held = take(&engine, group, &me, expected.len()).await;
        assert_eq!(sorted(contents(&held)), sorted(envelopes(&expected)));
        settle(&engine, group, &me, &held, &Settlement::Ack).await;
        nothing(&engine, group, &third, Duration::ZERO).await;
    }
    assert_eq!(engine.replay_dead_of(&DeadFilter::default()).await.unwrap(), 0);
}

pub(crate) async fn a_replayed_event_can_die_again(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let group = open(&engine, "test.reader").await;
    let (one, letter) = bury(fixture, &engine, &group).await;
    // Trimmed, so that no engine can use the entry itself.
    append(&engine, &events(1)).await;
    engine.trim(stream(), fixture.now(), 1).await.unwrap();
    assert!(engine.replay_dead(&letter.id).await.unwrap());
    let (former, me) = (consumer("former"), consumer("me"));
    let held = reclaim(&engine, &group, &former, fixture.silence(), 2).await;
    let replayed = held
        .iter()
        .find(|delivery| delivery.envelope == one.envelope)
        .expect("it came")
        .clone();
    assert_eq!(replayed.deliveries, 1);
    let failed = Settlement::Retry {
        failure: failure(fixture, "again"),
        due: fixture.now(),
    };
    assert_eq!(
        settle(&engine, &group, &former, std::slice::from_ref(&replayed), &failed).await,
        [true]
    );
    fixture.restart().await;
    let engine = fixture.engine().await;
    fixture.advance(fixture.silence() * 2).await;
    let taken = reclaim(&engine, &group, &me, fixture.silence(), 2).await;
    let again = taken
        .iter()
        .find(|delivery| delivery.envelope == one.envelope)
        .expect("it is known after a restart");
    assert_eq!(again.deliveries, 2);
    assert_eq!(again.retry.as_ref().map(|retry| retry.attempts), Some(1));
    // The former owner has no say.
    let settlement = dead(fixture, "once more", DeadReason::Poison);
    assert_eq!(
        settle(&engine, &group, &former, std::slice::from_ref(again), &settlement).await,
        [false]
    );
    assert_eq!(
        settle(&engine, &group, &me, std::slice::from_ref(again), &settlement).await,
        [true]
    );
    let letters = letters(&engine).await;
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].envelope, one.envelope);
    assert_eq!((letters[0].attempts, letters[0].reason), (2, DeadReason::Poison));
}

pub(crate) async fn history_goes_to_one_group_only(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let (group, other) = (
        open(&engine, "test.reader").await,
        open(&engine, "test.other").await,
    );
    let all = events(5);
    append(&engine, &all).await;
    let me = consumer("me");
    for group in [&group, &other] {
        let held = take(&engine, group, &me, 5).await;
        settle(&engine, group, &me, &held, &Settlement::Ack).await;
    }
    let stored = history(&engine, stream(), 10).await;
    engine.replay(&group, &stored[1..4]).await.unwrap();
    let held = take(&engine, &group, &me, 3).await;
    assert_eq!(contents(&held), envelopes(&all[1..4]));
    assert!(held.iter().all(|delivery| delivery.inbox));
    assert!(held.iter().all(|delivery| delivery.entry.stream == stream()));
    settle(&engine, &group, &me, &held, &Settlement::Ack).await;
    fixture.advance(fixture.silence() * 2).await;
    nothing(&engine, &group, &consumer("third"), fixture.silence()).await;
    nothing(&engine, &other, &consumer("third"), fixture.silence()).await;
    assert_eq!(history(&engine, stream(), 10).await.len(), 5);
}

pub(crate) async fn dead_letters_survive_a_restart(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let group = open(&engine, "test.reader").await;
    let (one, letter) = bury(fixture, &engine, &group).await;
    fixture.restart().await;
    let engine = fixture.engine().await;
    let kept = letters(&engine).await;
    assert_eq!(kept.len(), 1);
    assert_eq!((&kept[0].id, &kept[0].envelope), (&letter.id, &one.envelope));
    assert!(engine.replay_dead(&letter.id).await.unwrap());
    fixture.restart().await;
    fixture.advance(fixture.silence() * 2).await;
    let engine = fixture.engine().await;
    let held = reclaim(&engine, &group, &consumer("me"), fixture.silence(), 1).await;
    assert_eq!(held[0].envelope, one.envelope);
}
