//! Appending and looking back.

use super::*;
use std::collections::BTreeSet;

pub(crate) async fn appended_events_come_back_once_and_byte_for_byte(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let group = open(&engine, "test.reader").await;
    let mut batch = Vec::new();
    for guild in 0..40 {
        for n in 0..5 {
            batch.push(event(TYPE, guild, &format!("{n} \u{1f980} \"quoted\" \\ и\u{0}")));
        }
    }
    let appended: Vec<_> = append(&engine, &batch[..120])
        .await
        .into_iter()
        .chain(append(&engine, &batch[120..]).await)
        .collect();
    let me = consumer("me");
    let held = take(&engine, &group, &me, batch.len()).await;
    nothing(&engine, &group, &consumer("other"), Duration::from_secs(3600)).await;

    for (event, appended) in batch.iter().zip(&appended) {
        assert!(!appended.already);
        assert_eq!(appended.position.stream, Stream::of(&event.channel, &event.key));
        let found: Vec<_> = held
            .iter()
            .filter(|delivery| delivery.entry == appended.position)
            .collect();
        assert_eq!(found.len(), 1, "{} once", appended.position);
        assert_eq!(found[0].envelope, event.envelope);
        assert_eq!(found[0].channel, event.channel);
        assert_eq!(found[0].deliveries, 1);
        assert!(!found[0].inbox);
        assert_eq!(found[0].retry, None);
    }
}

pub(crate) async fn an_append_that_returned_can_be_read_back(fixture: &impl Fixture) {
    let writer = fixture.engine().await;
    let reader = fixture.engine().await;
    for event in events(50) {
        let at = append(&writer, std::slice::from_ref(&event)).await[0].position;
        let before = EntryId {
            major: at.id.major,
            minor: at.id.minor,
        };
        let until = before;
        let found = reader.range(at.stream, EntryId::ZERO, until, 1000).await.unwrap();
        let last = found.last().expect("it was appended");
        assert_eq!((last.position, &last.envelope), (at, &event.envelope));
        assert_eq!(reader.last(at.stream).await.unwrap(), at.id);
    }
}

pub(crate) async fn odd_texts_come_back_as_they_were(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let group = open(&engine, "test.reader").await;
    let huge = format!(r#"{{"text":"{}"}}"#, "x".repeat(1 << 20));
    let odd = [
        "",
        "{}",
        " { } ",
        "{",
        "null",
        "not JSON at all",
        "[1,2]",
        "\0\u{1}\u{7f}",
        "line\r\nbreaks\n",
        "\u{feff}{\"a\":1}",
        "\u{10ffff}",
        huge.as_str(),
    ];
    let live = engine.live().await.unwrap();
    live.subscribe(&globs(&["*"])).await.unwrap();
    let batch: Vec<_> = odd
        .iter()
        .map(|text| raw(EventId(IDS.next()), TYPE, 1, text))
        .collect();
    append(&engine, &batch).await;
    let held = take(&engine, &group, &consumer("me"), odd.len()).await;
    assert_eq!(contents(&held), odd);
    let stored = history(&engine, stream(), 5).await;
    assert_eq!(texts(stored.iter().map(|stored| &stored.envelope)), odd);
    // An odd type is one more name, not a fault.
    let names = ["message:", "message:\u{1f980} x", "message:*"];
    let batch: Vec<_> = names.iter().map(|name| event(name, 1, "odd name")).collect();
    append(&engine, &batch).await;
    let held = take(&engine, &group, &consumer("me"), names.len()).await;
    assert_eq!(
        held.iter()
            .map(|delivery| delivery.channel.as_str())
            .collect::<Vec<_>>(),
        names
    );
    // Nothing at all is appended without complaint.
    assert!(append(&engine, &[]).await.is_empty());
}

pub(crate) async fn the_same_event_within_the_window_is_one_entry(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let mut first = event(TYPE, 1, "first");
    first.once = true;
    let mut second = event(TYPE, 1, "second");
    second.once = true;
    let begun = append(&engine, &[first.clone(), second.clone()]).await;
    assert!(begun.iter().all(|appended| !appended.already));
    // Again beside something new, and from another handle.
    let third = event(TYPE, 1, "third");
    let again = append(
        &fixture.engine().await,
        &[second.clone(), third.clone(), first.clone()],
    )
    .await;
    assert!(again[0].already && again[2].already && !again[1].already);
    assert_eq!(again[0].position, begun[1].position);
    assert_eq!(again[2].position, begun[0].position);
    assert_eq!((again[0].receivers, again[2].receivers), (0, 0));
    let stored = history(&engine, stream(), 100).await;
    assert_eq!(
        texts(stored.iter().map(|stored| &stored.envelope)),
        envelopes(&[first, second, third])
    );
}

pub(crate) async fn the_same_event_from_many_at_once_is_one_entry(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    for round in 0..20 {
        let mut same = event(TYPE, 1, &format!("round {round}"));
        same.once = true;
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let (engine, same) = (Arc::clone(&engine), same.clone());
            // Twice in one batch too.
            tasks.spawn(async move { append(&engine, &[same.clone(), same]).await });
        }
        let all: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
        assert_eq!(all.iter().filter(|appended| !appended.already).count(), 1);
        assert!(all.iter().all(|appended| appended.position == all[0].position));
    }
    assert_eq!(history(&engine, stream(), 7).await.len(), 20);
}

pub(crate) async fn paging_has_no_gaps_and_no_doubles_while_others_append(fixture: &impl Fixture) {
    const WRITERS: usize = 4;
    const EACH: usize = 300;
    let engine = fixture.engine().await;
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let engine = Arc::clone(&engine);
        writers.spawn(async move {
            for chunk in (0..EACH).collect::<Vec<_>>().chunks(3) {
                let batch: Vec<_> = chunk
                    .iter()
                    .map(|n| event(TYPE, 1, &format!("{writer}/{n}")))
                    .collect();
                append(&engine, &batch).await;
            }
        });
    }
    let begun = Instant::now();
    let mut seen: Vec<Stored> = Vec::new();
    while seen.len() < WRITERS * EACH && begun.elapsed() < LIMIT {
        let after = seen.last().map_or(EntryId::ZERO, |stored| stored.position.id);
        seen.extend(engine.range(stream(), after, EntryId::MAX, 7).await.unwrap());
        tokio::task::yield_now().await;
    }
    writers.join_all().await;
    assert!(seen.is_sorted_by(|a, b| a.position.id < b.position.id));
    let all = history(&engine, stream(), 1000).await;
    assert_eq!(
        seen.iter().map(|stored| stored.position).collect::<Vec<_>>(),
        all.iter().map(|stored| stored.position).collect::<Vec<_>>()
    );
    let distinct: BTreeSet<_> = all.iter().map(|stored| &stored.envelope).collect();
    assert_eq!(distinct.len(), WRITERS * EACH);
    // The bounds: after is outside, until is inside.
    let (first, third) = (all[0].position.id, all[2].position.id);
    let between = engine.range(stream(), first, third, 100).await.unwrap();
    assert_eq!(
        between.iter().map(|stored| stored.position).collect::<Vec<_>>(),
        [all[1].position, all[2].position]
    );
    assert!(engine.range(stream(), third, first, 9).await.unwrap().is_empty());
    assert!(
        engine
            .range(stream(), EntryId::ZERO, EntryId::MAX, 0)
            .await
            .unwrap()
            .is_empty()
    );
}

pub(crate) async fn a_place_in_time_is_the_last_entry_before_it(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let moment = Duration::from_millis(5);
    let empty = engine.place_at(stream(), fixture.now()).await.unwrap();
    assert_eq!(empty, EntryId::ZERO);
    assert_eq!(engine.last(stream()).await.unwrap(), EntryId::ZERO);
    let mut marks = Vec::new();
    let mut last = Vec::new();
    for _ in 0..5 {
        fixture.advance(moment).await;
        marks.push(fixture.now());
        fixture.advance(moment).await;
        last.push(append(&engine, &events(3)).await[2].position.id);
    }
    fixture.advance(moment).await;
    assert_eq!(engine.place_at(stream(), marks[0]).await.unwrap(), EntryId::ZERO);
    for (mark, last) in marks[1..].iter().zip(&last) {
        let place = engine.place_at(stream(), *mark).await.unwrap();
        let next = engine
            .range(stream(), place, EntryId::MAX, 1)
            .await
            .unwrap()
            .remove(0);
        // What the place names need not exist, but what follows it is the first entry after the mark.
        let follows = engine
            .range(stream(), *last, EntryId::MAX, 1)
            .await
            .unwrap()
            .remove(0);
        assert_eq!(next.position, follows.position);
    }
    let end = engine.place_at(stream(), fixture.now()).await.unwrap();
    assert!(
        engine
            .range(stream(), end, EntryId::MAX, 1)
            .await
            .unwrap()
            .is_empty()
    );
}
