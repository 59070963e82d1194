//! One process a log: the lock beside the file, which also remembers which log it belongs to.

use super::error::OpenError;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

/// Holds the lock file `<log>.lock` until it is dropped. The operating system lets go of it when the process dies.
///
/// Its first line is the log's identity, its second the process that has it open. The identity is how a log that was
/// replaced or removed is told from one that never was.
#[derive(Debug)]
pub(super) struct Claim {
    file: File,
    path: PathBuf,
    identity: Option<String>,
}

// === impl Claim ===

impl Claim {
    pub(super) fn take(log: &Path) -> Result<Self, OpenError> {
        let mut path = log.as_os_str().to_owned();
        path.push(".lock");
        let path = PathBuf::from(path);
        let failed = |source| OpenError::Lock {
            path: path.clone(),
            source,
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed)?;
        let locked = file.try_lock();
        let mut text = String::new();
        // Where a locked file cannot be read, the other stays unnamed.
        let read = file.read_to_string(&mut text);
        let mut lines = text.lines();
        let identity = lines.next().filter(|line| !line.is_empty()).map(str::to_owned);
        match locked {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(OpenError::InUse {
                    log: log.to_owned(),
                    holder: lines.next().unwrap_or("unknown").to_owned(),
                });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        read.map_err(failed)?;
        Ok(Self { file, path, identity })
    }

    /// The log that was here last; `None` before the first.
    pub(super) fn identity(&self) -> Option<&str> {
        self.identity.as_deref()
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes down which log this is and who has it open.
    pub(super) fn sign(&mut self, identity: &str) -> Result<(), OpenError> {
        let mut write = || {
            self.file.set_len(0)?;
            self.file.rewind()?;
            self.file
                .write_all(format!("{identity}\n{}\n", std::process::id()).as_bytes())?;
            self.file.sync_all()
        };
        write().map_err(|source| OpenError::Lock {
            path: self.path.clone(),
            source,
        })?;
        self.identity = Some(identity.to_owned());
        Ok(())
    }
}
