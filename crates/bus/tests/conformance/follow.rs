//! Following.

use super::history::{complete, contents_of, everything, types, writers};
use super::*;
use lockdown_bus::{Cursor, Follow, History, Query};

async fn next(follow: &mut Follow) -> Stored {
    tokio::time::timeout(LIMIT, follow.next())
        .await
        .expect("something to follow")
        .unwrap()
}

async fn nothing_to_follow(follow: &mut Follow) {
    let found = tokio::time::timeout(QUIET, follow.next()).await;
    assert!(found.is_err(), "{found:?}");
}

pub(crate) async fn a_follower_gets_what_was_and_what_comes(fixture: &impl Fixture) {
    const EACH: usize = 100;
    let engine = fixture.engine().await;
    let history = History::new(fixture.engine().await);
    writers(&engine, EACH).join_all().await;
    let mut follow = history.follow(&Query::default(), Start::Oldest).await.unwrap();
    let here = Query {
        types: types(&["ban:*"]),
        key: Some(community(2)),
        ..Query::default()
    };
    let mut news = history.follow(&here, Start::Now).await.unwrap();
    let writers = writers(&engine, EACH);
    let mut found = Vec::new();
    while found.len() < 8 * EACH {
        found.push(next(&mut follow).await);
    }
    writers.join_all().await;
    complete(&found, &everything(&engine).await);
    let mut bans = Vec::new();
    while bans.len() < EACH / 2 {
        bans.push(next(&mut news).await);
    }
    let expected: Vec<_> = super::history(&engine, bans[0].position.stream, 1000)
        .await
        .into_iter()
        .filter(|stored| stored.envelope.contains("\"guildId\":\"2\""))
        .collect();
    assert_eq!(contents_of(&bans), contents_of(&expected[EACH / 2..]));
    nothing_to_follow(&mut follow).await;
    nothing_to_follow(&mut news).await;
}

/// By looking now and then alone it would take minutes.
pub(crate) async fn a_follower_is_woken_by_each_event(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let history = History::new(fixture.engine().await);
    let begun = Instant::now();
    for channel in ["ban:created", "message:created", "rain:started"] {
        let query = Query {
            types: types(&[channel]),
            key: Some(community(1)),
            ..Query::default()
        };
        let mut follow = history.follow(&query, Start::Oldest).await.unwrap();
        let mut all = history.follow(&Query::default(), Start::Now).await.unwrap();
        for n in 0..20 {
            let one = event(channel, 1, &n.to_string());
            append(&engine, &[event(channel, 2, "elsewhere"), one.clone()]).await;
            assert_eq!(next(&mut follow).await.envelope, one.envelope);
            next(&mut all).await;
            assert_eq!(next(&mut all).await.envelope, one.envelope);
            assert!(begun.elapsed() < LIMIT * 2, "nobody woke it");
        }
    }
}

/// What other programs publish is heard first, and in the stream a moment later, without another word.
pub(crate) async fn a_follower_gets_what_others_announced(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let history = History::new(fixture.engine().await);
    let query = Query {
        key: Some(community(1)),
        ..Query::default()
    };
    let mut follow = history.follow(&query, Start::Oldest).await.unwrap();
    nothing_to_follow(&mut follow).await;
    let begun = Instant::now();
    for n in 0..20 {
        let mut one = event("ban:created", 1, &n.to_string());
        one.quiet = true;
        one.once = true;
        engine.say(&one.channel, &one.envelope).await.unwrap();
        nothing_to_follow(&mut follow).await;
        assert!(!append(&engine, std::slice::from_ref(&one)).await[0].already);
        assert!(append(&engine, std::slice::from_ref(&one)).await[0].already);
        assert_eq!(next(&mut follow).await.envelope, one.envelope);
        assert!(begun.elapsed() < LIMIT * 2, "nobody looked");
    }
}

pub(crate) async fn a_follow_goes_on_after_a_restart(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    writers(&engine, 20).join_all().await;
    let mut found = Vec::new();
    let text = {
        let history = History::new(engine);
        let mut follow = history.follow(&Query::default(), Start::Oldest).await.unwrap();
        while found.len() < 50 {
            found.push(next(&mut follow).await);
        }
        follow.cursor().to_string()
    };
    fixture.restart().await;
    let engine = fixture.engine().await;
    let history = History::new(Arc::clone(&engine));
    let cursor: Cursor = text.parse().unwrap();
    let mut follow = history.follow(&Query::default(), cursor).await.unwrap();
    let writers = writers(&engine, 20);
    while found.len() < 160 {
        found.push(next(&mut follow).await);
    }
    writers.join_all().await;
    complete(&found, &everything(&engine).await);
    nothing_to_follow(&mut follow).await;
}

pub(crate) async fn a_closed_log_ends_a_follow(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let history = History::new(Arc::clone(&engine));
    let mut follow = history.follow(&Query::default(), Start::Oldest).await.unwrap();
    nothing_to_follow(&mut follow).await;
    engine.close().await;
    let ended = tokio::time::timeout(LIMIT, follow.next()).await;
    let ended = ended.expect("an end");
    assert!(
        matches!(ended, Err(lockdown_bus::EngineError::Closed)),
        "{ended:?}"
    );
}
