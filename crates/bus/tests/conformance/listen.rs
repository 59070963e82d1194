//! The live side.

use super::*;
use lockdown_bus::{Frame, Live};
use lockdown_events::Envelope;

async fn next(live: &mut Box<dyn Live>) -> Frame {
    tokio::time::timeout(LIMIT, live.next())
        .await
        .expect("something to hear")
        .unwrap()
}

async fn said(live: &mut Box<dyn Live>) -> (CompactString, Arc<str>) {
    match next(live).await {
        Frame::Said { channel, text } => (channel, text),
        Frame::Gap => panic!("a gap without a cause"),
    }
}

async fn silent(live: &mut Box<dyn Live>) {
    let heard = tokio::time::timeout(QUIET, live.next()).await;
    assert!(heard.is_err(), "heard {heard:?}");
}

pub(crate) async fn a_frame_is_the_envelope_with_its_place_first(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let mut live = fixture.engine().await.live().await.unwrap();
    live.subscribe(&globs(&["message:created"])).await.unwrap();
    let one = event(TYPE, 1, "heard");
    let appended = append(&engine, std::slice::from_ref(&one)).await[0];
    assert_eq!(appended.receivers, 1);
    let (channel, text) = said(&mut live).await;
    assert_eq!(channel, one.channel);
    let place = appended.position;
    assert_eq!(
        &*text,
        format!(r#"{{"streamId":"{place}",{}"#, &one.envelope[1..])
    );
    let envelope = Envelope::decode(&text).unwrap();
    assert_eq!(envelope.stream_id, Some(place.stream_id()));
    assert_eq!(envelope.event_id, one.event_id);

    append(&engine, &[raw(one.event_id, TYPE, 1, "{}")]).await;
    let (_, text) = said(&mut live).await;
    let value: serde_json::Value = serde_json::from_str(&text).expect("still JSON");
    assert_eq!(value.as_object().map(serde_json::Map::len), Some(1));

    // What lies there already is not said again.
    let mut once = event(TYPE, 1, "once");
    once.once = true;
    append(&engine, &[once.clone()]).await;
    append(&engine, &[once]).await;
    said(&mut live).await;
    silent(&mut live).await;
    // And one that nobody hears reaches nobody.
    assert_eq!(
        append(&engine, &[event("ban:created", 1, "x")]).await[0].receivers,
        0
    );
}

pub(crate) async fn a_subscription_is_in_force_when_it_returns(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let mut live = fixture.engine().await.live().await.unwrap();
    for n in 0..1000 {
        let channel = format!("test:{n}");
        live.subscribe(&globs(&[&channel])).await.unwrap();
        if n % 2 == 0 {
            append(&engine, &[event(&channel, 1, "right after")]).await;
        } else {
            engine.say(&channel, "right after").await.unwrap();
        }
        assert_eq!(said(&mut live).await.0, channel);
        live.unsubscribe(&globs(&[&channel])).await.unwrap();
    }
}

pub(crate) async fn patterns_match_as_globs(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let cases: [(&str, &[&str], &[&str]); 8] = [
        (
            "moderation:*",
            &["moderation:action", "moderation:", "moderation:a:b"],
            &["moderation", "xmoderation:a"],
        ),
        (
            "*:created",
            &["ban:created", ":created", "a:b:created"],
            &["ban:removed", "created"],
        ),
        ("*", &["a", "a:b:c"], &[]),
        (
            "ban:?reated",
            &["ban:created", "ban:Created"],
            &["ban:reated", "ban:ccreated"],
        ),
        ("t[ab]", &["ta", "tb"], &["tc", "t", "tab"]),
        ("t[^a]", &["tb", "t^"], &["ta", "t"]),
        ("t[0-9]x", &["t0x", "t9x"], &["tax", "t-x"]),
        (r"t\*", &["t*"], &["ta", r"t\*", "t"]),
    ];
    for (pattern, hits, misses) in cases {
        let mut live = engine.live().await.unwrap();
        live.subscribe(&globs(&[pattern])).await.unwrap();
        for miss in misses {
            engine.say(miss, "miss").await.unwrap();
        }
        for hit in hits {
            assert_eq!(engine.say(hit, "hit").await.unwrap(), 1, "{pattern} {hit}");
            let (channel, text) = said(&mut live).await;
            assert_eq!((channel.as_str(), &*text), (*hit, "hit"), "{pattern}");
        }
        drop(live);
        // A listener that is gone is not counted for long.
        let begun = Instant::now();
        while engine.say(hits[0], "hit").await.unwrap() > 0 && begun.elapsed() < LIMIT {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

pub(crate) async fn what_is_unsubscribed_is_silent(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let mut live = engine.live().await.unwrap();
    live.subscribe(&globs(&["ban:*", "kick:*"])).await.unwrap();
    live.unsubscribe(&globs(&["ban:*", "never:*"])).await.unwrap();
    engine.say("ban:created", "1").await.unwrap();
    engine.say("kick:executed", "2").await.unwrap();
    assert_eq!(said(&mut live).await.0, "kick:executed");
    silent(&mut live).await;
    live.subscribe(&globs(&["ban:*"])).await.unwrap();
    engine.say("ban:created", "3").await.unwrap();
    assert_eq!(&*said(&mut live).await.1, "3");
}

pub(crate) async fn frames_keep_the_order_of_the_log(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let mut live = engine.live().await.unwrap();
    live.subscribe(&globs(&["message:*"])).await.unwrap();
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..4 {
        let engine = Arc::clone(&engine);
        writers.spawn(async move {
            for n in 0..100 {
                append(&engine, &[event(TYPE, 1, &format!("{writer}/{n}"))]).await;
            }
        });
    }
    let mut places = Vec::new();
    for _ in 0..400 {
        let (_, text) = said(&mut live).await;
        places.push(Envelope::decode(&text).unwrap().stream_id.expect("its place"));
    }
    writers.join_all().await;
    let logged: Vec<_> = history(&engine, stream(), 1000)
        .await
        .iter()
        .map(|stored| stored.position.stream_id())
        .collect();
    assert_eq!(places, logged);
}

pub(crate) async fn a_listener_that_does_not_read_harms_nobody(fixture: &impl Fixture) {
    const BATCHES: usize = 400;
    let engine = fixture.engine().await;
    let mut deaf = fixture.engine().await.live().await.unwrap();
    deaf.subscribe(&globs(&["*"])).await.unwrap();
    let mut keen = fixture.engine().await.live().await.unwrap();
    keen.subscribe(&globs(&["message:*"])).await.unwrap();
    let listener = tokio::spawn(async move {
        let mut heard = 0;
        while heard < BATCHES * 100 {
            said(&mut keen).await;
            heard += 1;
        }
        keen
    });
    // 40,000 frames of 2 KiB: more than anyone may keep for one who does not read.
    let text = "x".repeat(2048);
    for _ in 0..BATCHES {
        let batch: Vec<_> = (0..100).map(|n| event(TYPE, n, &text)).collect();
        append(&engine, &batch).await;
    }
    let mut keen = listener.await.expect("the others hear all, without a gap");
    engine.say("test:end", "the end").await.unwrap();
    let (mut heard, mut gaps) = (0, 0);
    loop {
        match next(&mut deaf).await {
            Frame::Gap => gaps += 1,
            Frame::Said { channel, .. } if channel == "test:end" => break,
            Frame::Said { .. } => heard += 1,
        }
    }
    assert!(gaps > 0, "what was missed is said");
    assert!(
        heard < BATCHES * 100 / 2,
        "kept {heard} frames for one who does not read"
    );
    silent(&mut keen).await;
}

pub(crate) async fn what_is_said_reaches_other_handles(fixture: &impl Fixture) {
    let (engine, other) = (fixture.engine().await, fixture.engine().await);
    let mut live = [engine.live().await.unwrap(), other.live().await.unwrap()];
    for live in &mut live {
        live.subscribe(&globs(&["presence", "notifications:*"]))
            .await
            .unwrap();
    }
    assert_eq!(engine.say("presence", "\u{1f980}").await.unwrap(), 2);
    assert_eq!(engine.say("elsewhere", "x").await.unwrap(), 0);
    assert_eq!(other.say("notifications:7", "").await.unwrap(), 2);
    for live in &mut live {
        let (channel, text) = said(live).await;
        assert_eq!((channel.as_str(), &*text), ("presence", "\u{1f980}"));
        let (channel, text) = said(live).await;
        assert_eq!((channel.as_str(), &*text), ("notifications:7", ""));
    }
    // It was said, not written.
    for stream in Stream::all() {
        assert_eq!(engine.last(stream).await.unwrap(), EntryId::ZERO);
    }
}
