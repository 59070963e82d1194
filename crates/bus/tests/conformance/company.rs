//! A process's part of the bus over either engine: caches, notifications, what is done once and what is published
//! later.

use super::{Fixture, LIMIT};
use lockdown_bus::{
    Bus, BusOptions, CacheOptions, Did, Heard, ListenOptions, OnceError, PresenceOptions, Subscription,
};
use lockdown_events::{
    CacheInvalidation, Event, EventId, GuildId, Live, Names, Notification, NotificationId, NotificationLevel,
    Platform, Source, UserEvent, UserId, UserLeft,
};
use lockdown_runtime::{Clock, Ids};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// A process of its own on the fixture's bus.
pub(super) async fn bus(fixture: &impl Fixture) -> Bus {
    bus_under(fixture, fixture.clock()).await
}

/// The same on a machine that has another time.
pub(super) async fn bus_under(fixture: &impl Fixture, clock: Clock) -> Bus {
    let mut options = BusOptions::new(Source::Worker);
    options.presence = PresenceOptions {
        heartbeat: fixture.silence() / 5,
        lasts: fixture.silence(),
    };
    let ids = Ids::system(clock.clone());
    Bus::start(fixture.engine().await, options, clock, ids)
        .await
        .unwrap()
}

pub(super) async fn within<F: Future>(what: &str, future: F) -> F::Output {
    tokio::time::timeout(LIMIT, future)
        .await
        .unwrap_or_else(|_| panic!("{what} took too long"))
}

pub(super) async fn until<F: Future<Output = bool>>(what: &str, holds: impl Fn() -> F) {
    within(what, async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}

pub(super) async fn said(subscription: &mut Subscription) -> Live {
    match within("a word", subscription.next()).await {
        Some(Heard::Said(said)) => said.envelope().unwrap().live().unwrap(),
        other => panic!("heard {other:?}"),
    }
}

fn left(user: u32) -> Event {
    Event::from(UserEvent::Left(UserLeft {
        platform: Platform::Discord,
        guild_id: GuildId::new("1").unwrap(),
        user_id: UserId::new(&user.to_string()).unwrap(),
        names: Names::default(),
    }))
}

// --- caches ---

pub(crate) async fn every_cache_forgets_what_any_process_invalidates(fixture: &impl Fixture) {
    let (here, there) = (bus(fixture).await, bus(fixture).await);
    let cache = here.cache::<usize>(CacheOptions::default()).await.unwrap();
    let loads = Arc::new(AtomicUsize::new(0));
    let get = |key: &'static str, tags: &'static [&'static str]| {
        let (cache, loads) = (cache.clone(), Arc::clone(&loads));
        async move {
            let load = || async { Ok::<_, String>(loads.fetch_add(1, Ordering::SeqCst) + 1) };
            cache.get(key, tags, load).await.unwrap()
        }
    };
    assert_eq!(get("guild:1:rules", &["rules"]).await, 1);
    assert_eq!(get("guild:1:config", &[]).await, 2);
    assert_eq!(get("guild:2:rules", &["rules"]).await, 3);
    assert_eq!(get("guild:1:rules", &["rules"]).await, 1, "it is remembered");

    let keys = |keys: &[&str]| CacheInvalidation {
        keys: keys.iter().map(|key| (*key).to_owned()).collect(),
        ..CacheInvalidation::default()
    };
    there
        .invalidate(keys(&["guild:1:rules", "unknown"]))
        .await
        .unwrap();
    until("the key is gone", || async { cache.len() == 2 }).await;
    assert_eq!(get("guild:1:rules", &["rules"]).await, 4);
    assert_eq!(get("guild:2:rules", &["rules"]).await, 3);

    let pattern = |pattern: &str| CacheInvalidation {
        pattern: Some(pattern.to_owned()),
        ..CacheInvalidation::default()
    };
    // Every `*` counts, not only the first.
    there.invalidate(pattern("*:1:*")).await.unwrap();
    until("what the pattern matches is gone", || async { cache.len() == 1 }).await;
    assert_eq!(get("guild:2:rules", &["rules"]).await, 3);

    let tags = CacheInvalidation {
        tags: vec!["rules".to_owned()],
        ..CacheInvalidation::default()
    };
    assert_eq!(get("guild:1:config", &[]).await, 5);
    there.invalidate(tags).await.unwrap();
    until("what has the tag is gone", || async { cache.len() == 1 }).await;
    assert_eq!(get("guild:1:config", &[]).await, 5);

    // Here it is forgotten at once, and what cannot be read may have meant anything.
    here.invalidate(keys(&["guild:1:config"])).await.unwrap();
    assert!(cache.is_empty());
    assert_eq!(get("guild:1:config", &[]).await, 6);
    fixture
        .engine()
        .await
        .say("cache:invalidate", "what?")
        .await
        .unwrap();
    until("everything is gone", || async { cache.is_empty() }).await;
}

pub(crate) async fn what_is_loaded_meanwhile_is_not_remembered(fixture: &impl Fixture) {
    let here = bus(fixture).await;
    let cache = here.cache::<&'static str>(CacheOptions::default()).await.unwrap();
    let invalidated = CacheInvalidation {
        keys: vec!["a".to_owned()],
        ..CacheInvalidation::default()
    };
    let load = || async {
        here.invalidate(invalidated.clone()).await.unwrap();
        Ok::<_, String>("old")
    };
    assert_eq!(cache.get("a", &[], load).await.unwrap(), "old");
    let load = || async { Ok::<_, String>("new") };
    assert_eq!(cache.get("a", &[], load).await.unwrap(), "new");
    // Nothing is remembered of a load that failed or was given up.
    let load = || async { Err::<&'static str, _>("away".to_owned()) };
    assert!(cache.get("b", &[], load).await.is_err());
    assert!(cache.get("b", &[], load).await.is_err());
    let pending = cache.get("c", &[], std::future::pending::<Result<&'static str, String>>);
    assert!(
        tokio::time::timeout(Duration::from_millis(5), pending)
            .await
            .is_err()
    );
    let load = || async { Ok::<_, String>("at last") };
    assert_eq!(cache.get("c", &[], load).await.unwrap(), "at last");
}

// --- notifications ---

pub(crate) async fn a_notification_reaches_its_moderator_and_a_broadcast_all(fixture: &impl Fixture) {
    let here = bus(fixture).await;
    let there = bus(fixture).await;
    let user = |text: &str| UserId::new(text).unwrap();
    let mut seven = there.notifications(Some(&user("7"))).await.unwrap();
    // An id is no pattern.
    let mut odd = there.notifications(Some(&user("?"))).await.unwrap();
    let mut anybody = there.notifications(None).await.unwrap();
    let ids = Ids::system(fixture.clock());
    let notification = |user_id: Option<UserId>, title: &str| Notification {
        id: NotificationId(ids.next()),
        level: NotificationLevel::Urgent,
        kind: None,
        title: title.to_owned(),
        body: String::new(),
        at: fixture.now(),
        user_id,
        platform: None,
        guild_id: None,
        link: None,
    };
    here.notify(notification(Some(user("7")), "to seven"))
        .await
        .unwrap();
    here.notify(notification(Some(user("8")), "to eight"))
        .await
        .unwrap();
    here.notify(notification(None, "to all")).await.unwrap();
    let title = |live: Live| match live {
        Live::Notification(notification) => notification.title,
        other => panic!("heard {other:?}"),
    };
    assert_eq!(title(said(&mut seven).await), "to seven");
    assert_eq!(title(said(&mut seven).await), "to all");
    assert_eq!(title(said(&mut odd).await), "to all");
    assert_eq!(title(said(&mut anybody).await), "to all");
}

// --- once, and later ---

pub(crate) async fn an_effect_happens_once(fixture: &impl Fixture) {
    let processes = [bus(fixture).await, bus(fixture).await];
    let event = EventId(Ids::system(fixture.clock()).next());
    let effects = Arc::new(AtomicUsize::new(0));
    let attempt = |process: Bus, handler: &'static str| {
        let effects = Arc::clone(&effects);
        async move {
            let effect = |turn: lockdown_bus::Turn| async move {
                assert_eq!(turn.key, format!("{handler}/{event}"));
                tokio::time::sleep(Duration::from_millis(20)).await;
                Ok::<_, String>(effects.fetch_add(1, Ordering::SeqCst))
            };
            process.once().run(handler, event, effect).await
        }
    };
    let mut attempts = tokio::task::JoinSet::new();
    for number in 0..20 {
        attempts.spawn(attempt(processes[number % 2].clone(), "dm"));
    }
    let mut did = 0;
    while let Some(outcome) = attempts.join_next().await {
        match outcome.unwrap() {
            Ok(Did::Now(_)) => did += 1,
            Ok(Did::Before) | Err(OnceError::Busy) => {}
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!((did, effects.load(Ordering::SeqCst)), (1, 1));
    let again = attempt(processes[1].clone(), "dm").await.unwrap();
    assert_eq!(again, Did::Before);
    // Another handler's effect is another effect.
    assert!(matches!(
        attempt(processes[1].clone(), "log").await,
        Ok(Did::Now(_))
    ));

    // One that failed may be tried again, one whose process died after a while.
    let failing = |_: lockdown_bus::Turn| async { Err::<(), _>("no".to_owned()) };
    let failed = processes[0].once().run("kick", event, failing).await;
    assert!(matches!(failed, Err(OnceError::Effect(_))));
    let hanging = |_: lockdown_bus::Turn| std::future::pending::<Result<(), String>>();
    let given_up = processes[0].once().run("kick", event, hanging);
    assert!(
        tokio::time::timeout(Duration::from_millis(50), given_up)
            .await
            .is_err()
    );
    let busy = attempt(processes[1].clone(), "kick").await;
    assert!(matches!(busy, Err(OnceError::Busy)));
}

pub(crate) async fn what_follows_from_an_event_is_published_once(fixture: &impl Fixture) {
    let here = bus(fixture).await;
    let envelope = lockdown_events::Envelope::new(
        EventId(Ids::system(fixture.clock()).next()),
        fixture.now(),
        Source::DiscordBot,
        None,
        &left(1),
    )
    .unwrap();
    let mut heard = here
        .live()
        .subscribe(&["user:left"], &ListenOptions::default())
        .await
        .unwrap();
    for _ in 0..3 {
        here.publish_after(&envelope, "test/follow", &left(2))
            .await
            .unwrap();
    }
    here.publish_after(&envelope, "test/other", &left(3))
        .await
        .unwrap();
    let mut came = Vec::new();
    for _ in 0..2 {
        let Some(Heard::Said(said)) = within("an event", heard.next()).await else {
            panic!("a gap")
        };
        let envelope = said.envelope().unwrap();
        came.push((envelope.event_id, envelope.correlation_id.to_string()));
    }
    let chain = envelope.event_id.to_string();
    assert_eq!(
        came,
        [
            (envelope.event_id.follow_up("test/follow"), chain.clone()),
            (envelope.event_id.follow_up("test/other"), chain)
        ]
    );
}

pub(crate) async fn a_delayed_event_is_not_early_and_survives_a_restart(fixture: &impl Fixture) {
    let delay = fixture.silence() * 2;
    let at = fixture.now() + delay;
    {
        let here = bus(fixture).await;
        here.publish_later(&left(1), at).await.unwrap();
        let cancelled = here.publish_later(&left(2), at).await.unwrap();
        assert!(here.cancel_later(cancelled).await.unwrap());
        assert!(!here.cancel_later(cancelled).await.unwrap());
        here.close(LIMIT).await;
    }
    fixture.restart().await;
    let here = bus(fixture).await;
    let mut heard = here
        .live()
        .subscribe(&["user:left"], &ListenOptions::default())
        .await
        .unwrap();
    let word = async {
        let Some(Heard::Said(said)) = heard.next().await else {
            panic!("a gap")
        };
        (said.envelope().unwrap().event().unwrap(), fixture.now())
    };
    let passing = async {
        for _ in 0..20 {
            fixture.advance(delay / 8).await;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        std::future::pending::<()>().await;
    };
    let (event, came) = within("the event", async {
        tokio::select! {
            came = word => came,
            () = passing => unreachable!("it waits for ever"),
        }
    })
    .await;
    assert_eq!(event, left(1));
    assert!(came >= at, "{came} is before {at}");
    until("nothing waits any more", || async {
        here.engine().posted("later", 10).await.unwrap().is_empty()
    })
    .await;
}

pub(crate) async fn the_stats_show_who_listens_and_what_lies_there(fixture: &impl Fixture) {
    let (here, there) = (bus(fixture).await, bus(fixture).await);
    let options = ListenOptions::default();
    let _one = here
        .live()
        .subscribe(&["user:left", "ban:*"], &options)
        .await
        .unwrap();
    let _two = there.live().subscribe(&["user:left"], &options).await.unwrap();
    here.publish(&left(1)).await.unwrap();
    let stats = here.stats().await.unwrap();
    let count = |name: &str| {
        stats
            .channels
            .iter()
            .find(|(channel, _)| channel == name)
            .unwrap()
            .1
    };
    assert_eq!(
        (count("user:left"), count("user:joined"), stats.patterns),
        (2, 0, 1)
    );
    assert_eq!((stats.subscriptions, stats.queued, stats.spooled), (1, 0, None));
    let lengths: u64 = stats.log.streams.iter().map(|stream| stream.length).sum();
    assert_eq!(lengths, 1);
    let page = here
        .history()
        .page(&lockdown_bus::Query::default(), None, 10)
        .await
        .unwrap();
    assert_eq!(page.entries.len(), 1);
}
