//! The suite that both engines pass, each case on a Redis of its own.

use crate::conformance::{Fixture, conformance};
use chrono::{DateTime, Utc};
use lockdown_bus::Engine;
use lockdown_runtime::Clock;
use lockdown_testkit::servers::{Fsync, RedisOptions, RedisServer, redis_private_with};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

struct OwnRedis(Mutex<RedisServer>);

impl OwnRedis {
    fn start() -> Self {
        Self(Mutex::new(redis_private_with(RedisOptions::append_only(
            Fsync::EverySecond,
        ))))
    }
}

impl Fixture for OwnRedis {
    async fn engine(&self) -> Arc<dyn Engine> {
        let url = self.0.lock().unwrap_or_else(PoisonError::into_inner).url();
        Arc::new(super::engine(&url).await)
    }

    async fn advance(&self, by: Duration) {
        tokio::time::sleep(by).await;
    }

    fn now(&self) -> DateTime<Utc> {
        Clock::system().now()
    }

    fn silence(&self) -> Duration {
        Duration::from_millis(500)
    }

    async fn restart(&self) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .restart()
            .unwrap();
    }
}

conformance!(OwnRedis::start());
