//! The embedded engine passes the suite.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod conformance;

use chrono::TimeDelta;
use conformance::{Fixture, conformance};
use lockdown_bus::{Durability, EmbeddedEngine, Engine, Options};
use lockdown_runtime::{Clock, MockClock};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;

/// A log in a directory of its own, under a clock that stands still.
struct Embedded {
    directory: TempDir,
    clock: Clock,
    mock: MockClock,
    handles: Mutex<Vec<Arc<EmbeddedEngine>>>,
}

impl Embedded {
    fn new() -> Self {
        let (clock, mock) = Clock::mock("2026-11-20T09:06:00Z".parse().unwrap());
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
        self.mock.advance(TimeDelta::from_std(by).unwrap());
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

conformance!(Embedded::new());
