//! One writer at a time: the lock file of an archive.

use super::super::archive::ArchiveError;
use super::day::away;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// A turn takes as long as a page does to write and sync; whoever has it longer stands still.
const PATIENCE: Duration = Duration::from_secs(5);
const AGAIN: Duration = Duration::from_millis(20);

/// The right to write, until it is dropped. The operating system ends it with its process.
#[derive(Debug)]
pub(super) struct Turn {
    /// Holds the lock. Its text is whoever had the last turn: process, and a number of its own for each archive.
    _file: File,
    /// Others had a turn since our last one.
    pub(super) others: bool,
}

/// A name for [`Turn::take`] that nobody else has.
pub(super) fn name() -> String {
    format!("{} {:032x}", std::process::id(), fastrand::u128(..))
}

// === impl Turn ===

impl Turn {
    pub(super) fn take(root: &Path, name: &str) -> Result<Self, ArchiveError> {
        let path = root.join("lock");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(away)?;
        let begun = Instant::now();
        let mut last = String::new();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if begun.elapsed() < PATIENCE => std::thread::sleep(AGAIN),
                Err(TryLockError::WouldBlock) => {
                    // Where a locked file cannot be read, the other stays unnamed.
                    let _ = file.read_to_string(&mut last);
                    return Err(ArchiveError::Busy {
                        lock: path,
                        holder: last.split(' ').next().unwrap_or_default().to_owned(),
                    });
                }
                Err(TryLockError::Error(error)) => return Err(away(error)),
            }
        }
        file.read_to_string(&mut last).map_err(away)?;
        let others = last != name;
        if others {
            file.set_len(0)
                .and_then(|()| file.rewind())
                .and_then(|()| file.write_all(name.as_bytes()))
                .map_err(away)?;
        }
        Ok(Self { _file: file, others })
    }
}
