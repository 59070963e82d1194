//! Everybody in a process who listens.

use super::*;
use futures_util::{FutureExt, StreamExt};
use lockdown_bus::{
    CatchUp, Glob, Heard, Hub, HubOptions, ListenOptions, Position, Said, SubscribeError, Subscription,
};
use std::collections::BTreeMap;
use tokio::sync::mpsc;

fn start(engine: &Arc<dyn Engine>) -> Hub {
    Hub::start(Arc::clone(engine), HubOptions::default())
}

pub(crate) fn catching_up() -> ListenOptions {
    ListenOptions {
        catch_up: CatchUp::FromNow,
        ..ListenOptions::default()
    }
}

async fn subscribe(hub: &Hub, patterns: &[&str]) -> Subscription {
    hub.subscribe(patterns, &ListenOptions::default()).await.unwrap()
}

pub(crate) async fn next(subscription: &mut Subscription) -> Heard {
    tokio::time::timeout(LIMIT, subscription.next())
        .await
        .expect("something to hear")
        .expect("no end")
}

pub(crate) async fn said(subscription: &mut Subscription) -> Said {
    match next(subscription).await {
        Heard::Said(said) => said,
        Heard::Missed { count } => panic!("missed {count:?} without a cause"),
    }
}

/// Nothing waits for it.
fn silent(subscription: &mut Subscription) {
    let heard = subscription.next().now_or_never();
    assert!(heard.is_none(), "heard {heard:?}");
}

async fn until<F: Future<Output = bool>>(what: &str, holds: impl Fn() -> F) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(
        tokio::time::timeout(LIMIT, waiting).await.is_ok(),
        "waited in vain until {what}"
    );
}

/// Ascending in every stream.
pub(crate) fn in_order(positions: &[Position]) {
    let mut places: BTreeMap<Stream, EntryId> = BTreeMap::new();
    for position in positions {
        if let Some(before) = places.insert(position.stream, position.id) {
            assert!(before < position.id, "{position} after {before}");
        }
    }
}

/// Patterns, each with a channel that was made to match it, or nearly.
fn pairs() -> Vec<(String, String)> {
    const PARTS: [(&str, &[&str]); 15] = [
        ("a", &["a"]),
        ("b:", &["b:"]),
        (":", &[":"]),
        ("*", &["", "a", "b:c", "]"]),
        ("?", &["a", "*", ":", ""]),
        ("[ab]", &["a", "b", "c", "ab"]),
        ("[^a]", &["b", "a", "^", ""]),
        ("[a-c]", &["a", "b", "-", "d"]),
        ("[c-a]", &["b", "-"]),
        ("[a-]", &["-", "a", "^"]),
        ("[\\]]", &["]", "\\"]),
        ("[ab", &["a", "["]),
        ("[]a]", &["a", "]"]),
        ("\\*", &["*", "a"]),
        ("\\", &["\\", "a"]),
    ];
    let mut random = fastrand::Rng::with_seed(18);
    let pair = |_| {
        let (mut pattern, mut channel) = (String::new(), String::from("t"));
        for _ in 0..random.usize(1..5) {
            let (part, texts) = PARTS[random.usize(..PARTS.len())];
            pattern.push_str(part);
            channel.push_str(texts[random.usize(..texts.len())]);
        }
        (format!("t{pattern}"), channel)
    };
    (0..200).map(pair).collect()
}

pub(crate) async fn generated_patterns_match_as_in_the_engine(fixture: &impl Fixture) {
    let pairs = pairs();
    let engine = fixture.engine().await;
    let live = fixture.engine().await.live().await.unwrap();
    let mut matched = Vec::new();
    for (pattern, channel) in &pairs {
        live.subscribe(&globs(&[pattern])).await.unwrap();
        matched.push(engine.say(channel, "x").await.unwrap() > 0);
        live.unsubscribe(&globs(&[pattern])).await.unwrap();
    }
    let hits = matched.iter().filter(|matched| **matched).count();
    assert!(
        (30..170).contains(&hits),
        "{hits} of 200 match: that shows little"
    );

    let hub = start(&engine);
    let mut all = subscribe(&hub, &["*"]).await;
    for ((pattern, channel), matched) in pairs.iter().zip(matched) {
        assert_eq!(
            Glob::new(pattern).matches(channel),
            matched,
            "`{pattern}` `{channel}`"
        );
        let mut one = subscribe(&hub, &[pattern]).await;
        engine.say(channel, "x").await.unwrap();
        // When the second is told to anybody, the first was told to all.
        engine.say("end", "x").await.unwrap();
        assert_eq!(said(&mut all).await.channel, *channel);
        assert_eq!(said(&mut all).await.channel, "end");
        let heard = one.next().now_or_never();
        assert_eq!(heard.is_some(), matched, "`{pattern}` `{channel}` {heard:?}");
        silent(&mut one);
        one.unsubscribe().await;
    }
}

pub(crate) async fn overlapping_patterns_are_one_delivery(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let hub = start(&fixture.engine().await);
    let mut wide = subscribe(&hub, &["ban:created", "ban:*", "*:created", "*", "ban:*"]).await;
    let mut narrow = subscribe(&hub, &["ban:*", "kick:*"]).await;
    // The same words twice are two frames, and other patterns between change nothing.
    let one = event("ban:created", 1, "same");
    append(&engine, &[one.clone(), one]).await;
    engine.say("ban:created", "said").await.unwrap();
    engine.say("ban:created", "said").await.unwrap();
    let third = subscribe(&hub, &["?an:*", "ban:c*"]).await;
    engine.say("ban:created", "said").await.unwrap();
    engine.say("kick:executed", "end").await.unwrap();
    for subscription in [&mut wide, &mut narrow] {
        let mut texts = Vec::new();
        while texts.last().map(String::as_str) != Some("end") {
            texts.push(said(subscription).await.text.to_string());
        }
        assert_eq!(texts.len(), 6, "{texts:?}");
        assert_ne!(texts[0], texts[1], "each has its place");
        assert_eq!(texts[2..], ["said", "said", "said", "end"]);
        silent(subscription);
    }
    // One goes, and the other hears on.
    wide.unsubscribe().await;
    drop(third);
    engine.say("ban:created", "after").await.unwrap();
    assert_eq!(&*said(&mut narrow).await.text, "after");
    assert_eq!(engine.say("mute:applied", "to nobody").await.unwrap(), 0);
    narrow.unsubscribe().await;
    assert_eq!(engine.say("ban:created", "to nobody").await.unwrap(), 0);
}

pub(crate) async fn a_subscriber_hears_what_is_published_right_after(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let hub = start(&fixture.engine().await);
    for n in 0..1000 {
        // Others come and go on the same pattern all the time.
        let pattern = if n % 3 == 0 { "ban:*" } else { "ban:created" };
        let options = if n % 10 == 0 {
            catching_up()
        } else {
            ListenOptions::default()
        };
        let mut subscription = hub.subscribe(&[pattern], &options).await.unwrap();
        let text = n.to_string();
        if n % 2 == 0 {
            append(&engine, &[event("ban:created", 1, &text)]).await;
        } else {
            engine.say("ban:created", &text).await.unwrap();
        }
        let heard = said(&mut subscription).await;
        assert_eq!(heard.position.is_some(), n % 2 == 0);
        match heard.envelope() {
            Ok(envelope) => assert!(envelope.data().get().ends_with(&format!("\"{text}\"}}"))),
            Err(_) => assert_eq!(*heard.text, *text),
        }
    }
    until("all are gone", async || {
        engine.say("ban:created", "").await.unwrap() == 0
    })
    .await;
    assert_eq!(hub.subscriptions(), 0);
}

pub(crate) async fn a_handler_that_panics_or_hangs_harms_no_other(fixture: &impl Fixture) {
    const EVENTS: usize = 300;
    let engine = fixture.engine().await;
    let hub = start(&fixture.engine().await);
    let options = ListenOptions::default();
    let (calls, mut called) = mpsc::unbounded_channel();
    let (panics, mut panicked) = mpsc::unbounded_channel();
    let mut listening = Vec::new();
    for good in 0..3 {
        let calls = calls.clone();
        let handler = move |heard| {
            let calls = calls.clone();
            async move { calls.send((good, heard)).unwrap() }
        };
        listening.push(hub.on("good", &["message:*"], &options, handler).await.unwrap());
    }
    let bad = move |heard| {
        panics.send(heard).unwrap();
        async { panic!("the test asked for it") }
    };
    listening.push(hub.on("bad", &["message:*", TYPE], &options, bad).await.unwrap());
    let (begun, mut hangs) = mpsc::unbounded_channel();
    let hanging = move |_| {
        begun.send(()).unwrap();
        std::future::pending()
    };
    listening.push(hub.on("hanging", &[TYPE], &options, hanging).await.unwrap());
    let impatient = ListenOptions {
        patience: Duration::from_millis(1),
        ..options.clone()
    };
    let (tried, mut tries) = mpsc::unbounded_channel();
    let late = move |_| {
        tried.send(()).unwrap();
        std::future::pending()
    };
    listening.push(hub.on("late", &[TYPE], &impatient, late).await.unwrap());

    for batch in events(EVENTS).chunks(50) {
        append(&engine, batch).await;
    }
    let receive = async {
        let mut counts = [0; 3];
        for _ in 0..3 * EVENTS {
            let (good, Heard::Said(said)) = called.recv().await.unwrap() else {
                panic!("missed something");
            };
            assert_eq!(said.channel, TYPE);
            counts[good] += 1;
        }
        assert_eq!(counts, [EVENTS; 3]);
        // It goes on after each panic, and after each call that was given up.
        for _ in 0..EVENTS {
            panicked.recv().await.unwrap();
            tries.recv().await.unwrap();
        }
        hangs.recv().await.unwrap();
    };
    tokio::time::timeout(LIMIT, receive).await.expect("all calls");
    assert!(hangs.try_recv().is_err(), "one that hangs is called once");
    assert_eq!(hub.subscriptions(), 6);

    // Ended or dropped, none is called again, also the one that hangs.
    listening.pop().unwrap().unsubscribe().await;
    drop(listening);
    until("all are gone", async || {
        append(&engine, &events(1)).await[0].receivers == 0
    })
    .await;
    assert_eq!(hub.subscriptions(), 0);
    let hears_nothing = async {
        while called.recv().await.is_some() {}
        while panicked.recv().await.is_some() {}
    };
    drop(calls);
    // The handlers are dropped with their tasks.
    tokio::time::timeout(LIMIT, hears_nothing).await.expect("the end");
}

pub(crate) async fn a_slow_subscriber_is_told_how_much_it_missed(fixture: &impl Fixture) {
    const EVENTS: usize = 5000;
    let engine = fixture.engine().await;
    let hub = start(&fixture.engine().await);
    let small = ListenOptions {
        frames: 100,
        ..ListenOptions::default()
    };
    let light = ListenOptions {
        bytes: 20_000,
        ..ListenOptions::default()
    };
    let mut slow = hub.subscribe(&["message:*", "*"], &small).await.unwrap();
    let mut slow_too = hub.subscribe(&["message:*"], &light).await.unwrap();
    let mut keen = subscribe(&hub, &["message:*"]).await;
    let keen = tokio::spawn(async move {
        let mut positions = Vec::new();
        while positions.len() < EVENTS {
            positions.push(said(&mut keen).await.position.expect("a place"));
        }
        positions
    });
    let mut appended = Vec::new();
    for batch in events(EVENTS).chunks(250) {
        appended.extend(append(&engine, batch).await.into_iter().map(|one| one.position));
    }
    assert_eq!(keen.await.unwrap(), appended, "the others hear all");
    for (subscription, most) in [(&mut slow, 100), (&mut slow_too, 100)] {
        let Heard::Missed { count: Some(missed) } = next(subscription).await else {
            panic!("it was not told");
        };
        let missed = usize::try_from(missed).unwrap();
        assert!(EVENTS - missed <= most, "{missed} of {EVENTS} were dropped");
        for position in &appended[missed..] {
            assert_eq!(said(subscription).await.position, Some(*position));
        }
        silent(subscription);
    }
    // It is at the end now, and hears what comes as everybody does.
    append(&engine, &events(1)).await;
    said(&mut slow).await;
}

pub(crate) async fn who_catches_up_is_given_what_fell_out(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let hub = start(&fixture.engine().await);
    append(&engine, &events(3)).await;
    let tiny = ListenOptions {
        frames: 5,
        ..catching_up()
    };
    let mut slow = hub
        .subscribe(&["message:created", "message:*", "presence"], &tiny)
        .await
        .unwrap();
    let mut all = subscribe(&hub, &["*"]).await;
    let mut appended = BTreeMap::new();
    for round in 0..20 {
        let batch: Vec<_> = (0..20)
            .map(|n| {
                event(
                    if n % 4 == 0 { "reaction:added" } else { TYPE },
                    n % 6,
                    &format!("{round}/{n}"),
                )
            })
            .collect();
        for (event, one) in batch.iter().zip(append(&engine, &batch).await) {
            if event.channel == TYPE {
                appended.insert(one.position, event.envelope.clone());
            }
            said(&mut all).await;
        }
        engine.say("presence", &round.to_string()).await.unwrap();
        said(&mut all).await;
        engine.say("ban:created", "no matter").await.unwrap();
        said(&mut all).await;
    }
    let (mut positions, mut live_only, mut missed) = (Vec::new(), 0, 0);
    while positions.len() < appended.len() || live_only + missed < 20 {
        match next(&mut slow).await {
            Heard::Said(Said {
                position: None,
                channel,
                ..
            }) => {
                assert_eq!(channel, "presence");
                live_only += 1;
            }
            Heard::Said(said) => {
                let position = said.position.unwrap();
                // As if it had been heard.
                let framed = format!(r#"{{"streamId":"{position}",{}"#, &appended[&position][1..]);
                assert_eq!(*said.text, *framed);
                positions.push(position);
            }
            Heard::Missed { count } => missed += count.expect("none of it is unknown"),
        }
    }
    assert_eq!(live_only + missed, 20, "what was only said is gone and counted");
    in_order(&positions);
    assert_eq!(sorted(positions), appended.into_keys().collect::<Vec<_>>());
    append(&engine, &events(1)).await;
    assert!(said(&mut slow).await.position.is_some());
    silent(&mut slow);
}

pub(crate) async fn who_catches_up_hears_all_in_order_at_its_own_pace(fixture: &impl Fixture) {
    const EVENTS: usize = 1500;
    let engine = fixture.engine().await;
    let hub = start(&fixture.engine().await);
    let tiny = ListenOptions {
        frames: 3,
        ..catching_up()
    };
    let mut slow = hub.subscribe(&["message:*"], &tiny).await.unwrap();
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..3_u64 {
        let engine = Arc::clone(&engine);
        writers.spawn(async move {
            let mut positions = Vec::new();
            for n in 0..EVENTS / 15 {
                let batch: Vec<_> = (0..5)
                    .map(|guild| event(TYPE, guild, &format!("{writer}/{n}")))
                    .collect();
                positions.extend(append(&engine, &batch).await.into_iter().map(|one| one.position));
            }
            positions
        });
    }
    let mut heard = Vec::new();
    while heard.len() < EVENTS {
        heard.push(said(&mut slow).await.position.unwrap());
        if heard.len() % 40 == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    let appended: Vec<_> = writers.join_all().await.into_iter().flatten().collect();
    in_order(&heard);
    assert_eq!(sorted(heard), sorted(appended));
    let after = tokio::time::timeout(QUIET, slow.next()).await;
    assert!(after.is_err(), "heard {after:?}");
}

pub(crate) async fn what_was_trimmed_away_is_missed(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let hub = start(&fixture.engine().await);
    let tiny = ListenOptions {
        frames: 2,
        ..catching_up()
    };
    append(&engine, &events(1)).await;
    let mut slow = hub.subscribe(&["message:*"], &tiny).await.unwrap();
    let mut all = subscribe(&hub, &["*"]).await;
    let appended = append(&engine, &events(50)).await;
    for _ in 0..50 {
        said(&mut all).await;
    }
    let long_ago = fixture.now() - chrono::TimeDelta::days(1);
    engine.trim(stream(), long_ago, 10).await.unwrap();
    for one in &appended[40..] {
        assert_eq!(said(&mut slow).await.position, Some(one.position));
    }
    assert!(matches!(next(&mut slow).await, Heard::Missed { count: None }));
    append(&engine, &events(1)).await;
    said(&mut slow).await;
    silent(&mut slow);
}

pub(crate) async fn a_subscription_goes_on_where_another_ended(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let hub = start(&fixture.engine().await);
    let appended = append(&engine, &events(400)).await;
    let after = |place: EntryId| ListenOptions {
        catch_up: CatchUp::After(BTreeMap::from([(stream(), place)])),
        ..ListenOptions::default()
    };
    let from = after(appended[99].position.id);
    let subscription = hub.subscribe(&["message:*", "ban:*"], &from).await.unwrap();
    let later = append(&engine, &events(100)).await;
    let heard: Vec<_> = tokio::time::timeout(LIMIT, subscription.into_stream().take(400).collect::<Vec<_>>())
        .await
        .expect("all of it")
        .into_iter()
        .map(|heard| match heard {
            Heard::Said(said) => said.position.unwrap(),
            Heard::Missed { count } => panic!("missed {count:?}"),
        })
        .collect();
    let expected: Vec<_> = appended[100..]
        .iter()
        .chain(&later)
        .map(|one| one.position)
        .collect();
    assert_eq!(heard, expected);
    until("it is gone", async || hub.subscriptions() == 0).await;
}

pub(crate) async fn the_end_of_the_engine_ends_the_subscriptions(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let hub = start(&engine);
    let mut subscription = subscribe(&hub, &["ban:*"]).await;
    let mut caught_up = hub.subscribe(&["ban:*"], &catching_up()).await.unwrap();
    let (_keep, mut ended) = mpsc::channel::<()>(1);
    let handler = move |_| {
        let _ = &_keep;
        async {}
    };
    let listening = hub
        .on("test", &["ban:*"], &ListenOptions::default(), handler)
        .await
        .unwrap();
    engine.close().await;
    for subscription in [&mut subscription, &mut caught_up] {
        let ended = async { while subscription.next().await.is_some() {} };
        tokio::time::timeout(LIMIT, ended).await.expect("the end");
    }
    assert!(
        tokio::time::timeout(LIMIT, ended.recv())
            .await
            .expect("the end")
            .is_none()
    );
    for options in [ListenOptions::default(), catching_up()] {
        let refused = hub.subscribe(&["kick:*"], &options).await;
        assert!(matches!(refused.err(), Some(SubscribeError::Closed)));
    }
    // Neither waits for what never comes.
    tokio::time::timeout(LIMIT, subscription.unsubscribe())
        .await
        .expect("the end");
    tokio::time::timeout(LIMIT, listening.unsubscribe())
        .await
        .expect("the end");

    let hub = start(&fixture.engine().await);
    let mut subscription = subscribe(&hub, &["ban:*"]).await;
    hub.close();
    hub.close();
    let end = tokio::time::timeout(LIMIT, subscription.next())
        .await
        .expect("the end");
    assert!(end.is_none());
}
