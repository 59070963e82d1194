//! The embedded engine passes the suites.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod conformance;
mod layer;

use chrono::TimeDelta;
use conformance::{Fixture, conformance};
use layer::layer;
use lockdown_bus::{Durability, EmbeddedEngine, Engine, Options};
use lockdown_runtime::{Clock, MockClock};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;

/// A log in a directory of its own.
struct Embedded {
    directory: TempDir,
    clock: Clock,
    /// Absent where time is the real one.
    mock: Option<MockClock>,
    handles: Mutex<Vec<Arc<EmbeddedEngine>>>,
}

impl Embedded {
    /// Under a clock that stands still.
    fn still() -> Self {
        let (clock, mock) = Clock::mock("2026-11-20T09:06:00Z".parse().unwrap());
        Self::under(clock, Some(mock))
    }

    fn real() -> Self {
        Self::under(Clock::system(), None)
    }

    fn under(clock: Clock, mock: Option<MockClock>) -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            clock,
            mock,
            handles: Mutex::default(),
        }
    }

    fn open(&self) -> EmbeddedEngine {
        // What a full disk sync adds is no matter of the suite.
        let options = Options {
            durability: Durability::Normal,
            ..Options::default()
        };
        EmbeddedEngine::open(
            &self.directory.path().join("events.db"),
            &options,
            self.clock.clone(),
        )
        .unwrap()
    }
}

impl Fixture for Embedded {
    async fn engine(&self) -> Arc<dyn Engine> {
        let mut handles = self.handles.lock().unwrap();
        // The first handle is kept, so that a case that closes all of its own does not end the log.
        if handles.is_empty() {
            handles.push(Arc::new(self.open()));
        }
        let handle = Arc::new(handles[0].handle());
        handles.push(Arc::clone(&handle));
        handle
    }

    async fn advance(&self, by: Duration) {
        match &self.mock {
            Some(mock) => mock.advance(TimeDelta::from_std(by).unwrap()),
            None => tokio::time::sleep(by).await,
        }
    }

    fn clock(&self) -> Clock {
        self.clock.clone()
    }

    fn silence(&self) -> Duration {
        Duration::from_secs(10)
    }

    async fn restart(&self) {
        let handles = std::mem::take(&mut *self.handles.lock().unwrap());
        for handle in handles {
            handle.close().await;
        }
    }
}

conformance!(Embedded::still());
layer!(Embedded::real());

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_engine_follows_the_model() {
    let course = conformance::model::Course {
        seeds: 300,
        side_by_side: 4,
        least_read: 1,
    };
    conformance::model::follow(Embedded::still, course).await;
}
