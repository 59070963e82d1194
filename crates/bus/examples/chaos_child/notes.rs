//! What a process wrote down before it was killed.

use chrono::{DateTime, Utc};
use lockdown_runtime::Clock;
use std::fmt::Arguments;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

/// A file of lines. Each is one write to the end of the file, so lines of several tasks do not mix and the kernel has
/// all of it or nothing.
#[derive(Clone)]
pub(crate) struct Notes(Arc<File>);

// === impl Notes ===

impl Notes {
    pub(crate) fn open(path: &Path) -> Self {
        let file = File::options().create(true).append(true).open(path).unwrap();
        Self(Arc::new(file))
    }

    pub(crate) fn write(&self, words: Arguments<'_>) {
        (&*self.0).write_all(format!("{words}\n").as_bytes()).unwrap();
    }
}

/// The time in microseconds, as the notes have it.
pub(crate) fn now() -> i64 {
    micros(Clock::system().now())
}

pub(crate) fn micros(at: DateTime<Utc>) -> i64 {
    at.timestamp_micros()
}
