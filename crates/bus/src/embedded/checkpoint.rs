//! Bringing the WAL home into the file, from a thread and a connection of its own, so that no commit waits for it.

use super::error::OpenError;
use super::file::Place;
use rusqlite::Connection;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;

/// After so many bytes in the WAL it is brought home.
const EVERY: u64 = 4 << 20;
/// A WAL of so many pages is not to grow further: to write over what is there is several times faster than to lengthen
/// the file.
const LONG: i64 = 2048;

/// The thread, which ends when this is dropped.
pub(super) struct Checkpoints {
    wake: Option<mpsc::SyncSender<()>>,
    /// Under load the WAL has always grown again by the time it is home, so it never begins anew. Then the writer brings
    /// home the rest itself, which is little, and its next commit begins at the start.
    finish: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

// === impl Checkpoints ===

impl Checkpoints {
    pub(super) fn start(place: &Place) -> Result<Self, OpenError> {
        let connection = place.connect(true).map_err(|source| place.failed(source))?;
        let (wake, woken) = mpsc::sync_channel(1);
        let finish = Arc::new(AtomicBool::new(false));
        let finished = Arc::clone(&finish);
        let thread = std::thread::Builder::new()
            .name("event-log-wal".to_owned())
            .spawn(move || {
                while woken.recv().is_ok() {
                    let pages = run(&connection);
                    finished.store(pages > LONG, Ordering::Release);
                }
            })
            .map_err(OpenError::Thread)?;
        Ok(Self {
            wake: Some(wake),
            finish,
            thread: Some(thread),
        })
    }

    pub(super) fn before_commit(&self, connection: &Connection) {
        if self.finish.swap(false, Ordering::AcqRel) {
            run(connection);
        }
    }

    pub(super) fn after_commit(&self, written: &mut u64) {
        if *written < EVERY {
            return;
        }
        // Where it is still busy, it is asked again after the next commit.
        if self.wake.as_ref().is_some_and(|wake| wake.try_send(()).is_ok()) {
            *written = 0;
        }
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        self.wake = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("The thread that brings the event log's WAL home panicked");
        }
    }
}

/// How many pages the WAL had.
fn run(connection: &Connection) -> i64 {
    let pages = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get(1));
    pages.unwrap_or_else(|error| {
        // The WAL only grows meanwhile; a full disk says so to the writer too.
        tracing::warn!(%error, "Could not bring the event log's WAL home");
        0
    })
}
