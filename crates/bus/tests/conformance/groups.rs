//! Who gets what, from where, and in which order.

use super::*;
use std::collections::BTreeMap;

pub(crate) async fn one_key_keeps_its_order(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let group = open(&engine, "test.reader").await;
    let all = events(10_000);
    let publisher = {
        let (engine, all) = (Arc::clone(&engine), all.clone());
        tokio::spawn(async move {
            for batch in all.chunks(97) {
                append(&engine, batch).await;
            }
        })
    };
    let me = consumer("me");
    let begun = Instant::now();
    let mut seen = Vec::new();
    while seen.len() < all.len() && begun.elapsed() < LIMIT {
        let held = engine
            .read(&group, &me, 128, Duration::from_millis(200))
            .await
            .unwrap();
        assert!(held.len() <= 128, "more than asked for");
        settle(&engine, &group, &me, &held, &Settlement::Ack).await;
        seen.extend(held);
    }
    publisher.await.unwrap();
    assert_eq!(contents(&seen), envelopes(&all));
}

pub(crate) async fn many_keys_keep_theirs(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let group = open(&engine, "test.reader").await;
    let all: Vec<_> = (0..2_000).map(|n| event(TYPE, n % 50, &n.to_string())).collect();
    for batch in all.chunks(64) {
        append(&engine, batch).await;
    }
    let held = take(&engine, &group, &consumer("me"), all.len()).await;
    let place: BTreeMap<_, _> = held
        .iter()
        .enumerate()
        .map(|(n, delivery)| (&delivery.envelope, n))
        .collect();
    for guild in 0..50 {
        let of_guild: Vec<_> = all
            .iter()
            .filter(|event| event.key == community(guild))
            .map(|event| place[&event.envelope])
            .collect();
        assert_eq!(of_guild.len(), 40);
        assert!(of_guild.is_sorted(), "community {guild}");
    }
}

pub(crate) async fn every_group_gets_everything(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let (one, two) = (open(&engine, "test.one").await, open(&engine, "test.two").await);
    let all = events(100);
    append(&engine, &all).await;
    let me = consumer("me");
    let first = take(&engine, &one, &me, 100).await;
    settle(&engine, &one, &me, &first, &Settlement::Ack).await;
    let second = take(&fixture.engine().await, &two, &me, 100).await;
    assert_eq!(contents(&first), envelopes(&all));
    assert_eq!(contents(&second), envelopes(&all));
}

pub(crate) async fn consumers_of_a_group_share(fixture: &impl Fixture) {
    const ALL: usize = 600;
    let engine = fixture.engine().await;
    let group = open(&engine, "test.reader").await;
    let mut tasks = tokio::task::JoinSet::new();
    let (count, counted) = tokio::sync::watch::channel(0);
    let count = Arc::new(count);
    for name in ["one", "two"] {
        let engine = fixture.engine().await;
        let (group, count, counted) = (group.clone(), Arc::clone(&count), counted.clone());
        tasks.spawn(async move {
            let me = consumer(name);
            let begun = Instant::now();
            let mut seen = Vec::new();
            while *counted.borrow() < ALL && begun.elapsed() < LIMIT {
                let held = engine
                    .read(&group, &me, 8, Duration::from_millis(100))
                    .await
                    .unwrap();
                settle(&engine, &group, &me, &held, &Settlement::Ack).await;
                count.send_modify(|count| *count += held.len());
                seen.extend(held.into_iter().map(|delivery| delivery.envelope));
            }
            seen
        });
    }
    let all: Vec<_> = (0..ALL as u64).map(|n| event(TYPE, n, "shared")).collect();
    for batch in all.chunks(20) {
        append(&engine, batch).await;
    }
    let seen: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
    assert_eq!(sorted(texts(&seen)), sorted(envelopes(&all)));
}

pub(crate) async fn a_group_reads_its_classes_only(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let group = Group {
        name: GroupName::new("test.decisions").unwrap(),
        classes: vec![Class::Moderation, Class::System],
    };
    engine.open_group(&group, &Start::Oldest).await.unwrap();
    let batch = [
        event("message:created", 1, "not for it"),
        event("ban:created", 1, "a ban"),
        event("reaction:added", 1, "not for it"),
        event("user:joined", 1, "a person"),
        event("rain:started", 1, "of no family"),
    ];
    append(&engine, &batch).await;
    let held = take(&engine, &group, &consumer("me"), 3).await;
    let wanted = [&batch[1], &batch[3], &batch[4]].map(|event| &*event.envelope);
    assert_eq!(sorted(contents(&held)), sorted(wanted.to_vec()));
    nothing(&engine, &group, &consumer("other"), Duration::from_secs(3600)).await;
}

pub(crate) async fn a_new_group_begins_where_it_was_told(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let moment = Duration::from_millis(5);
    let all = events(6);
    append(&engine, &all[..2]).await;
    fixture.advance(moment).await;
    let mark = fixture.now();
    fixture.advance(moment).await;
    let third = append(&engine, &all[2..4]).await[0].position;
    fixture.advance(moment).await;
    let after = BTreeMap::from([(third.stream, third.id)]);
    let starts = [
        ("oldest", Start::Oldest, 0),
        ("at", Start::At(mark), 2),
        ("after", Start::After(after), 3),
        ("nowhere", Start::After(BTreeMap::new()), 0),
        ("now", Start::Now, 4),
        ("later", Start::At(fixture.now()), 4),
    ];
    for (name, start, _) in &starts {
        engine.open_group(&group(name), start).await.unwrap();
    }
    append(&engine, &all[4..]).await;
    for (name, start, skipped) in &starts {
        let held = take(&engine, &group(name), &consumer("me"), 6 - skipped).await;
        assert_eq!(contents(&held), envelopes(&all[*skipped..]), "{start:?}");
        nothing(
            &engine,
            &group(name),
            &consumer("other"),
            Duration::from_secs(3600),
        )
        .await;
    }
}

pub(crate) async fn a_group_that_exists_goes_on(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let group = open(&engine, "test.reader").await;
    let all = events(4);
    append(&engine, &all[..2]).await;
    let me = consumer("me");
    let held = take(&engine, &group, &me, 1).await;
    settle(&engine, &group, &me, &held, &Settlement::Ack).await;
    for start in [Start::Oldest, Start::Now, Start::At(fixture.now())] {
        engine.open_group(&group, &start).await.unwrap();
    }
    append(&engine, &all[2..]).await;
    let held = take(&engine, &group, &me, 3).await;
    assert_eq!(contents(&held), envelopes(&all[1..]));
}

pub(crate) async fn a_group_opened_by_many_at_once_is_one(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    append(&engine, &events(5)).await;
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..8 {
        let engine = fixture.engine().await;
        tasks.spawn(async move {
            let group = group("test.reader");
            engine.open_group(&group, &Start::Oldest).await.unwrap();
            let me = consumer(&format!("c{n}"));
            engine.read(&group, &me, 1, QUIET).await.unwrap().len()
        });
    }
    let read: usize = tasks.join_all().await.into_iter().sum();
    assert_eq!(read, 5, "each entry to one of them");
}

pub(crate) async fn a_waiting_reader_is_woken(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let group = open(&engine, "test.reader").await;
    for n in 0..20 {
        let reader = {
            let (engine, group) = (fixture.engine().await, group.clone());
            tokio::spawn(async move { engine.read(&group, &consumer("me"), 10, LIMIT).await.unwrap() })
        };
        tokio::task::yield_now().await;
        let one = event(TYPE, n, "wake up");
        append(&engine, std::slice::from_ref(&one)).await;
        let held = tokio::time::timeout(LIMIT, reader)
            .await
            .expect("woken before its wait was over")
            .unwrap();
        assert_eq!(contents(&held), [&*one.envelope]);
    }
}
