//! A cache whose process cannot hear for a while.

use super::{engine, eventually};
use lockdown_bus::{Bus, BusOptions, Cache, CacheOptions};
use lockdown_events::Source;
use lockdown_runtime::{Clock, Ids};
use lockdown_testkit::servers::{RedisServer, redis_private};
use std::sync::Arc;

async fn process(server: &RedisServer) -> Bus {
    let clock = Clock::system();
    let engine = Arc::new(engine(&server.url()).await);
    let ids = Ids::system(clock.clone());
    Bus::start(engine, BusOptions::new(Source::Worker), clock, ids)
        .await
        .unwrap()
}

async fn get(cache: &Cache<&'static str>, key: &str, value: &'static str) -> &'static str {
    cache
        .get(key, &[], || async { Ok::<_, String>(value) })
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cache_that_may_have_missed_something_forgets_everything() {
    let server = redis_private();
    let bus = process(&server).await;
    let cache = bus.cache::<&'static str>(CacheOptions::default()).await.unwrap();
    for round in 0..5 {
        for key in ["a", "b", "c"] {
            assert_eq!(get(&cache, key, "before").await, "before", "{round}");
            assert_eq!(get(&cache, key, "not asked").await, "before", "{round}");
        }
        // What is being loaded meanwhile may be old as well.
        let load = || async {
            let cut = server.command(&["CLIENT", "KILL", "TYPE", "pubsub"]).unwrap();
            assert!(cut.contains('1'), "{cut}");
            let empty = || async { cache.is_empty().then_some(()) };
            eventually("everything is forgotten", empty).await;
            Ok::<_, String>("old")
        };
        assert_eq!(cache.get("d", &[], load).await.unwrap(), "old");
        assert_eq!(get(&cache, "d", "new").await, "new", "{round}");
        // And it hears again: a word that says nothing means everything.
        bus.engine().say("cache:invalidate", "?").await.unwrap();
        eventually("it hears again", || async { cache.is_empty().then_some(()) }).await;
    }
}
